#!/usr/bin/env bash
# pd.DataFrame(search.cv_results_) and study.trials_dataframe() are how the trials of a
# search are read, and None is a usual choice beside strings: class_weight in (None,
# "balanced"). Up to pandas 2 such a column held objects, and None came back as None.
# pandas 3 makes it a column of strings, in which the missing value is NaN. NaN is true
# in an `if`, is refused by scikit-learn's checks and is not equal to itself, so that
# a choice of the best row by ==, a group of rows, and the parameters read from it are
# others than with pandas 2; fillna can't tell None from a trial that had no such
# parameter. search.best_params_ and trial.params are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "scikit-learn==1.9.1" "optuna==5.0.0" \
    "numpy==2.4.6" "pandas==3.1.1"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import math

import optuna
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils._param_validation import InvalidParameterError

X, y = load_wine(return_X_y=True)
tree = DecisionTreeClassifier(random_state=0)
grid = {"class_weight": [None, "balanced"]}
table = pd.DataFrame(GridSearchCV(tree, grid, cv=3).fit(X, y).cv_results_)
found = table["param_class_weight"]
print("pandas", pd.__version__, "optuna", optuna.__version__)
print("cv_results_:", found.tolist(), found.dtype)
assert isinstance(found[0], float) and math.isnan(found[0]), "None is kept by now"

optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(sampler=optuna.samplers.BruteForceSampler())
study.optimize(
    lambda trial: float(
        trial.suggest_categorical("scale", [True, False])
        and trial.suggest_categorical("class_weight", [None, "balanced"]) is None
    )
)
frame = study.trials_dataframe().sort_values("number")
column = frame["params_class_weight"]
known = ["class_weight" in trial.params for trial in study.trials]
print("trials_dataframe:", column.tolist(), column.dtype)
print("had the parameter:", known)
assert column.isna().sum() == 2, "one of None, and one that had no such parameter"
assert sum(known) == 2
try:
    tree.set_params(class_weight=found[0]).fit(X, y)
except InvalidParameterError as error:
    print("the first row, fitted again:", str(error)[:60])
else:
    raise AssertionError("NaN is accepted")
PYTHON
