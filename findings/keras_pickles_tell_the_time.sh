#!/usr/bin/env bash
# joblib.hash says whether two arguments are equal, and joblib.Memory (so scikit-learn's
# Pipeline(memory=...)) computes nothing twice for equal ones. One would guess that a Keras
# optimizer, layer, loss or model that nobody touched keeps its hash, as Keras' callbacks
# and initializers do. It does not: their pickle is an archive that holds the second at
# which it was written. Within a second the cache answers, a second later it computes
# again. It matters for whoever caches a step that holds such an object, and for a test
# that hashes parameters before and after a fit: it fails now and then.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "keras==3.15.1" "numpy==2.4.6" "joblib==1.6.0" \
    "tensorflow-cpu==2.21.0"
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PYTHON'
import time

import joblib
import keras

objects = {
    "optimizer": keras.optimizers.Adam(0.02),
    "layer": keras.layers.Dense(1),
    "loss": keras.losses.MeanSquaredError(),
    "model": keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]),
    "callback": keras.callbacks.EarlyStopping(),
    "initializer": keras.initializers.GlorotUniform(seed=1),
}
computed = []


@joblib.Memory("cache", verbose=0).cache
def name_of(thing):
    computed.append(type(thing).__name__)
    return type(thing).__name__


def look():
    name_of(objects["optimizer"])
    return {name: joblib.hash(thing) for name, thing in objects.items()}


earlier = look()
time.sleep(1.5)
later = look()
print("keras", keras.__version__, "joblib", joblib.__version__)
changed = [name for name in objects if earlier[name] != later[name]]
print("another hash after a second and a half:", changed)
print("computed for one optimizer:", len(computed), "times")
assert changed == ["optimizer", "layer", "loss", "model"], "the hashes stay now"
assert len(computed) == 2, "the cache knows the optimizer again now"
PYTHON
