#!/usr/bin/env bash
# Keras makes a loss again from its configuration: from_config, a pickle, a deep copy, and
# so scikit-learn's clone. One would guess that the configuration holds what the loss was
# made with. It does for most; Huber leaves delta out, CosineSimilarity (the loss and the
# metric) and SparseCategoricalCrossentropy leave axis out. The copy has the default, and
# nothing is said. It matters in each search and cross-validation over a wrapped model:
# every candidate and fold is a clone, so a search over delta compares equal fits, and
# workers get pickles; and whoever caches compiled programs by configurations takes two
# different losses for one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "keras==3.15.1" "tensorflow==2.21.0" \
    "scikit-learn==1.9.1" "numpy==2.4.6"
TF_CPP_MIN_LOG_LEVEL=3 KERAS_BACKEND=tensorflow "$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
import copy
import pickle

import keras
import numpy as np
from sklearn.base import clone

y, predicted = np.array([[0.0]]), np.array([[4.0]])
huber = keras.losses.Huber(delta=10.0)
copies = {
    "from_config": keras.losses.Huber.from_config(huber.get_config()),
    "pickle": pickle.loads(pickle.dumps(huber)),
    "deepcopy": copy.deepcopy(huber),
    "clone": clone(huber, safe=False),
}
print("keras", keras.__version__)
expected = float(huber(y, predicted))
print(f"Huber(delta=10) of an error of 4: {expected:.1f}")
found = {name: float(each(y, predicted)) for name, each in copies.items()}
print("its copies:", found)
print("its configuration:", huber.get_config())
assert expected == 8.0
assert set(found.values()) == {3.5}, "delta is kept by now"

rows, others = np.array([[1.0, 2], [3, 5]]), np.array([[1.0, 0], [2, -1]])
for kind in (keras.losses.CosineSimilarity, keras.metrics.CosineSimilarity):
    given = kind(axis=0)
    copied = kind.from_config(given.get_config())
    one, other = float(given(rows, others)), float(copied(rows, others))
    print(f"{kind.__module__.split('.')[2]} CosineSimilarity(axis=0): {one:.3f},", end=" ")
    print(f"its copy: {other:.3f}")
    assert abs(one - other) > 0.01
PYTHON
