#!/usr/bin/env bash
# SimpleImputer(add_indicator=True) adds a column for each feature that had gaps, and one
# would guess that skl2onnx writes these columns or says that it can't. It converts the
# imputer without a word, and the graph gives the imputed features alone: fewer columns
# than the transformer, so that whatever comes after it gets others than it was fitted on.
# It matters because an indicator beside the imputed values is what a real table wants.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "scikit-learn==1.9.1" "skl2onnx==1.20.0" \
    "onnx==1.22.0" "numpy==2.4.6"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import skl2onnx
from onnx.reference import ReferenceEvaluator
from sklearn.impute import SimpleImputer

X = np.array([[1.0, 2.0], [np.nan, 3.0], [5.0, np.nan], [7.0, 8.0]], dtype=np.float32)
imputer = SimpleImputer(add_indicator=True).fit(X)
model = skl2onnx.to_onnx(imputer, X[:1])
(found,) = ReferenceEvaluator(model).run(None, {"X": X})
expected = imputer.transform(X)
print("skl2onnx", skl2onnx.__version__)
print("scikit-learn gives", expected.shape)
print(expected)
print("the graph gives", found.shape)
print(found)
assert expected.shape == (4, 4)
assert found.shape == (4, 2), "the indicators are there, or refused, by now"
PYTHON
