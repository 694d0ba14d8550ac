#!/usr/bin/env bash
# pandas.cut with bins of integers gives intervals such as (0, 3], and one would guess that
# their text is a property of the bin. It depends on the other rows: if one value is
# missing, astype(str) and tolist write the same bin as (0.0, 3.0]. It matters because
# text is what joins, dummies and encoders take: a training table with a gap and new rows
# without one share no category, and an encoder that ignores unknown ones gives zeros.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pandas==3.1.1" "numpy==2.4.6" \
    "scikit-learn==1.9.1"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pandas as pd
from sklearn.preprocessing import OneHotEncoder

edges = [0, 3, 6]
with_gap = pd.Series(pd.cut([1, 5, np.nan], edges))
without = pd.Series(pd.cut([1, 5], edges))
print("pandas", pd.__version__)
print("the same bins:", list(with_gap.cat.categories) == list(without.cat.categories))
print("as text, with a gap:", with_gap.astype(str).tolist())
print("as text, without:   ", without.astype(str).tolist())
encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
encoder.fit(with_gap.astype(str).to_frame())
encoded = encoder.transform(without.astype(str).to_frame())
print("new rows, encoded by what the training rows had:")
print(encoded)
assert list(with_gap.cat.categories) == list(without.cat.categories)
assert with_gap.astype(str)[0] == "(0.0, 3.0]", "written alike by now"
assert without.astype(str)[0] == "(0, 3]"
assert (encoded == 0).all()
PYTHON
