#!/usr/bin/env bash
# A model that is saved by model.save holds its weights and the states of its optimizer, so
# that training can go on; one would guess that it goes on as the model itself would, since
# all of model.variables are in it, and the states of the random numbers of dropout are
# among them. They are not in the file, nor in a pickle: the loaded model draws its masks
# from the first one again. It matters for whoever resumes a long training from files (a checkpoint each hour):
# each part sees the masks of the first one again, and no run can be repeated bit for bit.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "keras==3.15.1" "numpy==2.4.6" \
    "tensorflow-cpu==2.21.0"
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PYTHON'
import pickle

import keras
import numpy as np

model = keras.Sequential([keras.Input((8,)), keras.layers.Dropout(0.5, seed=1)])
X = np.ones((1, 8), "float32")


def mask(model):
    return (model(X, training=True).numpy()[0] > 0).astype(int).tolist()


def states(model):
    return [v.numpy().tolist() for v in model.variables if "seed" in v.path]


print("keras", keras.__version__)
first = [mask(model), mask(model)]
print("masks of two steps:", *first)
model.save("model.keras")
loaded = keras.saving.load_model("model.keras")
pickled = pickle.loads(pickle.dumps(model))
print("state of the random numbers:", states(model), "after loading:", states(loaded))
third = mask(model)
found, of_pickle = mask(loaded), mask(pickled)
print("mask of the third step:", third, "after loading:", found, "of a pickle:", of_pickle)
assert found == first[0] != third, "a file keeps the state of the random numbers now"
PYTHON
