#!/usr/bin/env bash
# An argument that a function has to take and does not use is named `_` in Python, and a
# private one begins with an underscore. One would guess that tf.function takes such a
# function as any other: names of arguments are Python's, and are no part of the result.
# It works, but a trace names the placeholders of the graph after the arguments, and
# writes a warning of a "node name" for each that begins with an underscore, to stderr,
# also with TF_CPP_MIN_LOG_LEVEL=3. It matters to libraries that trace functions: their
# users see a line about nodes that they never made, at each network that is compiled.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "tensorflow==2.21.0" "keras==3.15.1" "numpy==2.4.6"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
import logging

import tensorflow as tf

seen = []


class Listener(logging.Handler):
    def emit(self, record):
        if "node name" in str(record.msg):
            seen.append(str(record.msg))


tf.get_logger().addHandler(Listener())


def lines(function, *, ahead):
    seen.clear()
    traced = tf.function(function)
    if ahead:
        traced = traced.get_concrete_function(tf.TensorSpec([], tf.float32))
    assert float(traced(tf.constant(2.0))) == 1.0
    return [*seen]


def unused(value):
    return tf.constant(1.0)


def underscore(_):
    return tf.constant(1.0)


def private(_value):
    return tf.constant(1.0)


print("tensorflow", tf.__version__)
for function in (unused, underscore, private):
    found = {way: lines(function, ahead=way == "ahead") for way in ("called", "ahead")}
    print(f"{function.__name__}:", {way: len(told) for way, told in found.items()})
    wanted = function is not unused
    assert {len(told) for told in found.values()} == {wanted}, "it is silent by now"
print(lines(underscore, ahead=True)[0][:40])
PYTHON
