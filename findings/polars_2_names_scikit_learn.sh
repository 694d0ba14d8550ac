#!/usr/bin/env bash
# scikit-learn remembers the names of a frame's columns in fit and refuses, in predict and
# transform, a frame whose columns have other names or another order; pandas and polars are
# named as supported. One would guess that this holds for any release of polars, or that
# one that is too new is refused. It is neither: scikit-learn 1.7 reads the names of polars
# through the interchange protocol, which polars 2 has dropped. Its estimators then take the
# values, remember no names, say nothing, and a frame with two columns exchanged is scaled by
# the numbers of the wrong columns. scikit-learn 1.9.1 knows polars itself and refuses it.
# It matters for whoever upgrades polars alone: a check that has always been there is gone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/run.py" <<'PYTHON'
import sys

import polars as pl
import sklearn
from sklearn.preprocessing import StandardScaler

print("scikit-learn", sklearn.__version__, "polars", pl.__version__)
rows = pl.DataFrame({"height": [1.0, 2.0, 3.0], "income": [100.0, 200.0, 600.0]})
scaler = StandardScaler().fit(rows)
named = hasattr(scaler, "feature_names_in_")
try:
    print(scaler.transform(rows.select("income", "height"))[0].round(2).tolist())
    refused = False
except ValueError as error:
    print("refused:", str(error).splitlines()[0])
    refused = True
print("names remembered:", named, "- exchanged columns refused:", refused)
expected = sys.argv[1] == "checked"
sys.exit((named, refused) != (expected, expected))
PYTHON
for pair in "1.7.2 2.1.0 unchecked" "1.7.2 1.30.0 checked" "1.9.1 2.1.0 checked"; do
    read -r scikit_learn polars expected <<<"$pair"
    python3 -m venv "$folder/$scikit_learn-$polars"
    "$folder/$scikit_learn-$polars/bin/pip" install --quiet \
        "scikit-learn==$scikit_learn" "polars==$polars"
    "$folder/$scikit_learn-$polars/bin/python" "$folder/run.py" "$expected"
done
