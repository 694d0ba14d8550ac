#!/usr/bin/env bash
# initial_types names the inputs of the graph that skl2onnx writes, and ONNX allows any
# name, so that one would guess that a graph is fed by the names of a frame's columns.
# skl2onnx makes identifiers of them without a word: "hours-per-week" is the input
# hours_per_week, and of "a-b" and "a_b" the second is a_b1. It matters because a service
# that feeds columns by name fails at the first request, not when the graph is written.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "scikit-learn==1.9.1" "skl2onnx==1.20.0" \
    "onnx==1.22.0" "numpy==2.4.6" "pandas==3.1.1"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import pandas as pd
import skl2onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

names = ["hours-per-week", "a-b", "a_b", "1st"]
X = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 4)), columns=names)
columns = make_column_transformer((StandardScaler(), names))
pipeline = make_pipeline(columns, LinearRegression()).fit(X, X.sum(axis=1))
types = [(name, FloatTensorType([None, 1])) for name in names]
model = skl2onnx.convert_sklearn(pipeline, initial_types=types)
found = [each.name for each in model.graph.input]
print("skl2onnx", skl2onnx.__version__)
print("columns:", names)
print("inputs: ", found)
assert found != names, "the inputs are named as the columns by now"
assert found[0] == "hours_per_week"
PYTHON
