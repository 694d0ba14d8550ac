#!/usr/bin/env bash
# BinaryCrossentropy beside a softmax: as a metric it scores each class on its own, as a loss
# with one-hot targets it trains two or three outputs. One would guess that Keras computes it
# from the probabilities that the model gives, as its function does for the same arrays. With
# Keras 3.15.1 on TensorFlow a model remembers the logits behind its softmax, and the binary
# cross-entropy takes them for the logits of sigmoids: evaluate() reports another number than
# the same metric on predict(), and fit() minimizes a loss of probabilities that the model
# never gives. With a Reshape layer behind the softmax, which changes no value, the number is
# the expected one. It matters for whoever compares a history with a score of predictions, and
# for two-class models with a softmax: their probabilities are fitted by another loss than the
# one that is named.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "keras==3.15.1" "tensorflow==2.21.0"
cat > "$folder/run.py" <<'PYTHON'
import keras
import numpy as np
import tensorflow as tf

print("keras", keras.__version__, "tensorflow", tf.__version__)
keras.utils.set_random_seed(0)
X = np.random.default_rng(0).standard_normal((60, 4)).astype("float32")
y = np.eye(3, dtype="float32")[np.arange(60) % 3]


def evaluate(*last):
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((4,)), dense, *last])
    metric = keras.metrics.BinaryCrossentropy(name="binary")
    model.compile(loss="categorical_crossentropy", metrics=[metric])
    found = model.evaluate(X, y, verbose=0, return_dict=True)["binary"]
    return found, model.predict(X, verbose=0), dense


found, p, dense = evaluate()
expected = float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
logits = X @ dense.kernel.numpy() + dense.bias.numpy()
of_sigmoids = float(np.mean(np.logaddexp(0, logits) - y * logits))
behind, _, _ = evaluate(keras.layers.Reshape((3,)))
function = float(np.mean(keras.losses.binary_crossentropy(y, p)))
print(f"of the predictions: {expected:.4f}; by Keras' function: {function:.4f}")
print(f"evaluate(): {found:.4f}; of the logits as those of sigmoids: {of_sigmoids:.4f}")
print(f"evaluate() with a layer behind the softmax: {behind:.4f}")
assert abs(function - expected) < 1e-5
assert abs(found - of_sigmoids) < 1e-5
assert abs(found - expected) > 0.03
assert abs(behind - expected) < 1e-5
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore "$folder/run.py" 2>&1 |
    grep -v "^[IW]0000\|^WARNING"
