#!/usr/bin/env bash
# Two frames whose columns of durations (or dates) are equal, value by value, hold the
# same numbers, one would guess, or scikit-learn refuses what is not a number. A column
# of durations passes its check and becomes counts of the unit in which the frame keeps
# it, with nothing said: pandas 3 chooses that unit by how the column was made (seconds,
# microseconds, nanoseconds), polars by its own rules. A model that was fitted on one
# frame and predicts from an equal one that was read another way is wrong by a factor of
# 1,000. With a number beside it, pandas' columns raise an error, and polars' do not. It
# matters to whoever trains on one source and predicts from another: a Parquet file
# keeps nanoseconds, a database microseconds.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pandas==3.1.1" "polars==2.1.0" \
    "scikit-learn==1.9.1" "numpy==2.4.6"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pandas as pd
import polars as pl
import sklearn
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression

hours = np.arange(1.0, 101.0)
spent = pd.DataFrame({"spent": pd.to_timedelta(hours, unit="h")})
again = spent.assign(spent=spent["spent"].dt.as_unit("ns"))
print("pandas", pd.__version__, "polars", pl.__version__, "sklearn", sklearn.__version__)
print("units:", spent["spent"].dtype, "and", again["spent"].dtype)
print("equal:", bool((spent == again).all(axis=None)))
trees = HistGradientBoostingRegressor().fit(spent, hours)
one, other = trees.predict(spent)[9], trees.predict(again)[9]
print(f"ten hours, by the trees: {one:.0f} from one frame, {other:.0f} from the other")

table = pl.DataFrame({"spent": spent["spent"].to_list(), "half": hours / 2})
same = table.with_columns(pl.col("spent").dt.cast_time_unit("ns"))
linear = LinearRegression().fit(table.select("spent", pl.lit(1.0)), hours)
ours = linear.predict(table.select("spent", pl.lit(1.0)))[9]
theirs = linear.predict(same.select("spent", pl.lit(1.0)))[9]
print(f"polars, beside a number: {ours:.0f} and {theirs:.0f}")
try:
    LinearRegression().fit(spent.assign(half=hours / 2), hours)
except TypeError as error:
    print("pandas, beside a number:", type(error).__name__)
else:
    raise AssertionError("pandas' columns are taken beside numbers, too")

assert (spent == again).all(axis=None)
assert abs(one - 10) < 3
assert other > 90
assert (table["spent"] == same["spent"]).all()
assert abs(ours - 10) < 1e-6
assert abs(theirs - 10_000) < 1
PYTHON
