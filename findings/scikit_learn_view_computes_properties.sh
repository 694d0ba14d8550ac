#!/usr/bin/env bash
# Estimators often keep something costly behind a property that computes on first access (a
# model that is rebuilt, an attribute that is loaded): reading is cheap until somebody asks.
# One would guess that the HTML view, which a notebook shows for the last line of a cell, only
# reads what a fit has stored, as it did up to scikit-learn 1.8. Since 1.9 the view has a table
# of fitted attributes, which evaluates every property of the class whose name ends with an
# underscore, and only AttributeError is forgiven: a property that takes a minute delays the
# view by a minute, and one that raises anything else, such as ImportError for an optional
# package, leaves no view at all. It matters for whoever upgrades: nothing of this was called
# before. The way out is a name without the underscore, or to override the private method that
# collects the attributes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/run.py" <<'PYTHON'
import sys

import sklearn
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted


class Model(BaseEstimator):
    computed = 0

    def fit(self, X, y=None):
        self.mean_ = sum(X) / len(X)
        return self

    @property
    def table_(self):
        check_is_fitted(self)
        type(self).computed += 1
        return list(range(10))


class NeedsMore(Model):
    @property
    def table_(self):
        check_is_fitted(self)
        raise ImportError("an optional package is missing")


print("scikit-learn", sklearn.__version__)
view = Model().fit([1.0, 2.0])._repr_html_()
print("computed for the view:", Model.computed, "- named in it:", "table_" in view)
try:
    NeedsMore().fit([1.0, 2.0])._repr_html_()
    failed = False
except ImportError as error:
    print("no view:", error)
    failed = True
expected = sys.argv[1] == "computes"
sys.exit((Model.computed > 0, failed) != (expected, expected))
PYTHON
for pair in "1.8.0 reads" "1.9.1 computes"; do
    read -r version expected <<<"$pair"
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet "scikit-learn==$version"
    "$folder/$version/bin/python" "$folder/run.py" "$expected"
done
