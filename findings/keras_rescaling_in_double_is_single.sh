#!/usr/bin/env bash
# A Keras layer has a dtype of its own, and dtype="float64" is how to compute a part of a
# model in double precision: Dense does, and its weights are doubles. One would guess that
# Rescaling(scale, offset, dtype="float64"), which turns scaled outputs into units, computes
# in double precision, too, since Python's floats are doubles. On the TensorFlow backend the
# numbers that it was given become single floats first, and are widened then: the output is
# of type float64, and an offset of 1,700,000,001 is off by 1. The same numbers as arrays of
# NumPy keep their digits, and so the result depends on the type of an argument that means
# the same. It matters where targets are far from zero, such as seconds since 1970: the
# model looks as if it were precise, and all its predictions are shifted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "keras==3.15.1" "tensorflow==2.21.0" "numpy==2.4.6"
TF_CPP_MIN_LOG_LEVEL=3 KERAS_BACKEND=tensorflow "$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
import keras
import numpy as np

print("keras", keras.__version__)
OFFSET = 1_700_000_001.0
x = np.zeros((1, 1))
found = {}
for kind, offset in {
    "a float": OFFSET,
    "a list": [OFFSET],
    "an array": np.array([OFFSET]),
}.items():
    layer = keras.layers.Rescaling(1.0, offset, dtype="float64")
    y = layer(x)
    found[kind] = float(keras.ops.convert_to_numpy(y)[0, 0])
    dtype = keras.backend.standardize_dtype(y.dtype)
    print(f"offset given as {kind}: {found[kind]:.1f} of type {dtype}")
    assert dtype == "float64"
assert found["an array"] == OFFSET
assert found["a float"] == found["a list"] == float(np.float32(OFFSET)) != OFFSET

# A layer with weights does compute in double precision.
dense = keras.layers.Dense(1, dtype="float64")
dense.build((None, 1))
dense.set_weights([np.ones((1, 1)), np.array([OFFSET])])
assert float(keras.ops.convert_to_numpy(dense(x))[0, 0]) == OFFSET
print("a bias of Dense:", OFFSET)
PYTHON
