#!/usr/bin/env bash
# Caches and resumed computations ask whether a table is still the same, and pandas has
# a public function for it, hash_pandas_object: a number for each row. One would guess
# that equal hashes mean data from which the same is computed. They mean equal values: a
# category is hashed by its value, and the type, the order of the categories and whether
# they are ordered at all do not count. So integers that became categories (the correction
# that a table needs) keep the hash of the numbers, and scikit-learn 1.9, whose boosted
# trees read categories from the dtype, predicts something else. Whoever keeps results by
# this hash gives the old ones back. What helps: to hash the dtypes, with the categories
# in their order, beside the rows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pandas==3.1.1" "scikit-learn==1.9.1" "numpy==2.4.6"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pandas as pd
import sklearn
from pandas.util import hash_pandas_object
from sklearn.ensemble import HistGradientBoostingClassifier

rng = np.random.default_rng(0)
codes = rng.integers(0, 40, 600)
target = rng.permutation(40)[codes] % 2
numbers = pd.DataFrame({"code": codes})
tables = {
    "numbers": numbers,
    "categories": numbers.astype("category"),
    "ordered": numbers.astype(pd.CategoricalDtype(range(40), ordered=True)),
    "the other order": numbers.astype(pd.CategoricalDtype(range(39, -1, -1))),
}
print("pandas", pd.__version__, "scikit-learn", sklearn.__version__)
digests, first = set(), {}
for name, table in tables.items():
    digest = hash_pandas_object(table, index=False).sum()
    trees = HistGradientBoostingClassifier(max_leaf_nodes=3, max_iter=10, random_state=0)
    first[name] = trees.fit(table, target).predict_proba(table)[:, 1]
    print(f"{name:16} {table.dtypes['code']!s:9} hash {digest} probability {first[name][0]:.4f}")
    digests.add(digest)
assert len(digests) == 1, "the hash tells them apart by now"
gap = np.abs(first["numbers"] - first["categories"]).max()
print(f"numbers and categories: equal hashes, probabilities up to {gap:.2f} apart")
assert gap > 0.05
codes = tables["ordered"]["code"].cat.codes, tables["the other order"]["code"].cat.codes
assert not codes[0].equals(codes[1])  # what a network would learn from
PYTHON
