#!/usr/bin/env bash
# optimizer.exclude_from_weight_decay(var_names=["bias"]) is part of what an optimizer does,
# and one would guess that a pickle, a deep copy or from_config(get_config()) keeps it. All
# three drop it, and nothing is said: the copy decays the biases. It matters for whoever
# copies an optimizer before a fit, as scikit-learn's clone does with each parameter, and
# joblib with each worker: the search then tunes another optimizer than the one given.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "keras==3.15.1" "numpy==2.4.6" "scikit-learn==1.9.1" \
    "tensorflow-cpu==2.21.0"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PYTHON'
import copy
import pickle

import keras
import numpy as np
from sklearn.base import clone

given = keras.optimizers.AdamW(0.1, weight_decay=0.5)
given.exclude_from_weight_decay(var_names=["bias"])


def bias_after_a_step(optimizer):
    bias = keras.Variable(np.ones(1, "float32"), name="bias")
    optimizer.build([bias])
    optimizer.apply([np.zeros(1, "float32")], [bias])
    return round(float(bias.numpy()[0]), 4)


copies = {
    "pickle": pickle.loads(pickle.dumps(given)),
    "deepcopy": copy.deepcopy(given),
    "from_config": keras.optimizers.AdamW.from_config(given.get_config()),
    "sklearn.base.clone": clone(given, safe=False),
}
print("keras", keras.__version__)
found = {name: bias_after_a_step(other) for name, other in copies.items()}
print("itself:", bias_after_a_step(given))
print(found)
assert all(value < 1 for value in found.values()), "a copy keeps its exclusions now"
PYTHON
