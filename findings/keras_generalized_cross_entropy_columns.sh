#!/usr/bin/env bash
# Keras' CategoricalGeneralizedCrossEntropy says that it takes class indices of shape
# (batch,) or (batch, 1), as SparseCategoricalCrossentropy does, and one would guess that
# both give the same loss. With a column it does not: the column is made one-hot with a
# dimension too many, broadcast against the predictions, and the probability of each row's
# class is summed for every pair of rows. The loss has the shape (batch, batch), its mean
# mixes each row's prediction with the labels of all the others, and nothing is said: a
# network learns the frequencies of the classes. It matters wherever targets come as a
# column, as scikit-learn's encoders make them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "keras==3.15.1" "numpy==2.4.6" \
    "tensorflow-cpu==2.21.0"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PYTHON'
import keras
import numpy as np

rng = np.random.default_rng(0)
proba = rng.dirichlet(np.ones(3), 6).astype("float32")
labels = np.array([0, 1, 2, 0, 1, 2])
print("keras", keras.__version__)
by_hand = ((1 - np.sqrt(proba[np.arange(6), labels])) / 0.5).mean()
print("by hand:", round(float(by_hand), 4))
found = {}
for name, y in (("flat", labels), ("column", labels[:, np.newaxis])):
    loss = keras.losses.CategoricalGeneralizedCrossEntropy(q=0.5)
    rows = keras.losses.CategoricalGeneralizedCrossEntropy(q=0.5, reduction=None)
    found[name] = float(loss(y, proba))
    shape = np.shape(rows(y, proba))
    print(f"{name} labels {y.shape}: loss {found[name]:.4f}, of the rows {shape}")
    sparse = keras.losses.SparseCategoricalCrossentropy()
    print(f"  sparse cross-entropy of the same: {float(sparse(y, proba)):.4f}")
assert abs(found["flat"] - by_hand) < 1e-5
assert abs(found["column"] - by_hand) > 0.01, "a column of labels is taken rightly now"
PYTHON
