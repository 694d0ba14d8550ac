#!/usr/bin/env bash
# keras.models.clone_model gives the layers of a model with new weights. One would guess
# that the clone is not compiled, as it was for years, and compile it with what one wants;
# or that code such as "if not model.compiled: model.compile(...)" does so. With Keras 3.15
# the clone of a compiled model is compiled, with a copy of the old optimizer: that code
# then passes over the loss and the learning rate that it was told, and nothing is said.
# It matters for searches that clone one model for each candidate: all of them train with
# the same rate, and score the same.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "keras==3.15.1" "numpy==2.4.6" \
    "tensorflow-cpu==2.21.0"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PYTHON'
import keras
import numpy as np

given = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
given.compile(keras.optimizers.SGD(0.125), "mse")
X, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")


def weights_after_a_step(rate):
    clone = keras.models.clone_model(given)
    clone.set_weights([np.zeros((2, 1), "float32")])
    if not clone.compiled:
        clone.compile(keras.optimizers.SGD(rate), "mse")
    clone.train_on_batch(X, y)
    return clone.get_weights()[0].ravel().tolist()


print("keras", keras.__version__)
clone = keras.models.clone_model(given)
print("compiled:", clone.compiled, "- the same optimizer:", clone.optimizer is given.optimizer)
found = {rate: weights_after_a_step(rate) for rate in (0.001, 0.01, 1.0)}
print("weights after a step, by the rate that was asked for:", found)
assert clone.compiled, "a clone is not compiled now"
assert len({str(weights) for weights in found.values()}) == 1
PYTHON
