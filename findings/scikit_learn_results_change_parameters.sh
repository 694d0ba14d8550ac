#!/usr/bin/env bash
# cv_results_["param_..."] of a search holds the values that were tried, one would guess.
# Since they are kept in an array of one numeric type where that can be, an integer
# beside a fraction comes back as a fraction; and to scikit-learn these are different
# parameters: max_features=1 is one feature, 1.0 all of them; min_samples_leaf=1 is one
# row, 1.0 all rows. Whoever takes the best row of the table, rather than best_params_,
# fits another model, and nothing is said. The dicts in cv_results_["params"] are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "scikit-learn==1.9.1" "numpy==2.4.6" \
    "pandas==3.1.1"
"$folder/venv/bin/python" - <<'PYTHON'
import pandas as pd
import sklearn
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

X, y = load_wine(return_X_y=True)
tree = DecisionTreeClassifier(random_state=0)
search = GridSearchCV(tree, {"max_features": [1, 0.5]}, cv=3).fit(X, y)
results = search.cv_results_
tried = results["params"][0]["max_features"]
shown = pd.DataFrame(results)["param_max_features"][0]
print("sklearn", sklearn.__version__)
print("tried:", repr(tried), " in the table:", repr(shown))
n_features = [
    tree.set_params(max_features=value).fit(X, y).max_features_
    for value in (tried, shown)
]
print("features that a split looks at:", n_features)
assert isinstance(tried, int)
assert isinstance(shown, float), "the column keeps integers by now"
assert n_features == [1, 13]
PYTHON
