"""Checks of the data, before any training."""

import math
import re
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils import get_tags
from sklearn.utils.validation import check_array, validate_data

from skdl._utils._numbers import (
    as_numeric,
    refuse_lazy,
    refuse_negative,
    refuse_times,
)
from skdl._utils._sklearn import check_sample_weight

__all__ = [
    "are_plain",
    "are_plain_targets",
    "check_data",
    "kept_rows",
    "validate_rows",
]

_PLAIN = (np.dtype(np.float64), np.dtype(np.float32))


def check_data(estimator, X, y, weight, *, reset=False, names=("X", "y", "weight")):
    """Return X, y and the weights as arrays, checked.

    Parameters
    ----------
    estimator : estimator
        X must have its features; with ``reset`` it records those of X.
    X, y, weight : array-like
        The data; ``weight`` may be None.
    reset : bool, default=False
        Whether this is new training data.
    names : tuple of str
        Their names in errors.

    Raises
    ------
    ValueError
        If the data can't be used.
    """
    X_name, y_name, weight_name = names
    refuse_times(X, X_name)
    if scipy.sparse.issparse(y):
        raise ValueError(f"{y_name} is sparse: make an array of it by '.toarray()'.")
    n_axes = _count_axes(y)
    if n_axes > 2:
        raise ValueError(f"{y_name} has {n_axes} dimensions; 1 or 2 are accepted.")
    _refuse_gaps(y, y_name)
    try:
        X, y = estimator._validate(X, y, reset=reset)
    except (TypeError, ValueError) as error:
        raise _explain(estimator, error, X, X_name, y_name) from error
    X = as_numeric(X, X_name)
    _refuse_gaps(y, y_name)
    if weight is None:
        return X, y, None
    refuse_times(weight, weight_name)
    try:
        weight = check_sample_weight(weight, X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        if "could not convert" not in str(error):
            named = re.sub("[Ss]ample(_| )weights?", weight_name, str(error), count=1)
            raise type(error)(named) from error
        raise ValueError(
            f"{weight_name} holds values that are not numbers ({error})."
        ) from error
    refuse_negative(weight, weight_name)
    with np.errstate(over="ignore"):
        is_finite = math.isfinite(weight.sum())
    if not is_finite:
        raise ValueError(
            f"{weight_name} adds up to more than a float holds: divide it by a factor."
        )
    if not weight.any():
        raise ValueError(
            f"All of {weight_name} are zero: no row is left. Give some rows a "
            "positive weight."
        )
    return X, y, weight


def _count_axes(array):
    """Return the number of dimensions of an array, or of lists in lists."""
    if isinstance(array, (list, tuple)):
        return 1 + (_count_axes(array[0]) if array else 0)
    return getattr(array, "ndim", 0)


def _refuse_gaps(y, name):
    """Refuse what scikit-learn does not see, or does not name: None, and pandas.NA."""
    labels: Any = y if isinstance(y, list) else ()
    if isinstance(y, np.ndarray) and y.dtype == object:
        labels = y.flat
    has_gaps = any(v is None or type(v).__name__ == "NAType" for v in labels)
    if type(y).__module__.split(".")[0] == "pandas" and hasattr(y, "isna"):
        has_gaps = bool(np.any(y.isna()))
    if has_gaps:
        raise ValueError(
            f"Input {name} contains NaN: leave out the rows without a label."
        )


def validate_rows(estimator, X):
    """Return the rows to predict as an array or a CSR matrix, checked.

    Plain numbers take a short way: scikit-learn's check of one row takes longer than
    its prediction. The names of a frame's columns are compared once for each columns
    object, not once for each call: with 20,000 columns that takes longer, too.

    Parameters
    ----------
    estimator : estimator
        Fitted; it remembers the columns that it has seen.
    X : array-like of shape (n_samples, n_features)
        The rows.
    """
    if are_plain(estimator, X, estimator.n_features_in_):
        return X
    refuse_lazy(X)
    columns = getattr(X, "columns", None)
    columns = columns if hasattr(columns, "is_") else None  # those of pandas
    seen = vars(estimator).get("_seen_columns")
    if columns is not None and seen is not None and columns.is_(seen):
        values = X.to_numpy()
        if values.dtype in _PLAIN and values.size and _is_finite(values):
            return values
        if values.dtype.kind in "biu":
            return check_array(values, estimator=estimator)
        # The long way makes numbers of text, or refuses it, and names what has gaps.
    refuse_times(X)
    accepted = "csr" if get_tags(estimator).input_tags.sparse else False
    try:
        found = validate_data(estimator, X, reset=False, accept_sparse=accepted)
    except (TypeError, ValueError) as error:
        raise _explain(estimator, error, X) from error
    if columns is not None:
        estimator._seen_columns = columns
    return as_numeric(found)


def are_plain(estimator, X, n_features=None):
    """Return whether rows are an array of finite floats that needs no other check.

    scikit-learn's takes a tenth of Python's work in a small fit.

    Parameters
    ----------
    estimator : estimator
        It may know names of columns, which an array lacks.
    X : object
        The rows.
    n_features : int or None
        How many columns they must have; None for new training data.
    """
    if (
        type(X) is not np.ndarray
        or X.dtype not in _PLAIN
        or X.ndim != 2
        or not X.size
        or (n_features is not None and X.shape[1] != n_features)
        or hasattr(estimator, "feature_names_in_")
    ):
        return False
    return _is_finite(X)


def are_plain_targets(y, n_samples):
    """Return whether targets are a finite number for each row."""
    is_row = type(y) is np.ndarray and y.shape == (n_samples,)
    return is_row and y.dtype.kind in "biuf" and _is_finite(y)


def _is_finite(array):
    # The sum may overflow where all are finite: then scikit-learn looks.
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(np.add.reduce(array, axis=None))


def _explain(estimator, error, X, name="X", y_name="y"):
    """Return an error of scikit-learn's check, with what to do about it."""
    text = str(error)
    if text.startswith("Input X contains NaN"):
        if hasattr(estimator, "image_shape_"):
            n_images = np.count_nonzero(np.isnan(np.asarray(X)).any(axis=1))
            return ValueError(
                f"Input {name} contains NaN, in {n_images} of {len(X)} images. Leave "
                "these out, or fill them, for example by np.nan_to_num."
            )
        return ValueError(
            f"Input {name} contains NaN{_columns_with_gaps(X)}. TabularClassifier and "
            "TabularRegressor take gaps; for this network put a SimpleImputer in "
            "front, in a pipeline."
        )
    if text.startswith("Input contains NaN"):  # of objects, whose name it forgets
        return ValueError(text.replace("Input", f"Input {y_name}", 1))
    if "argument must be a string or a real number" in text:
        return TypeError(
            f"{name} holds values that are not numbers ({text}). Make numbers of them, "
            "or leave their column out."
        )
    if "could not convert string" in text:
        return ValueError(
            f"{name} holds text, and a network needs numbers ({text}). Encode such "
            "columns first, for example with OneHotEncoder in a ColumnTransformer, or "
            "use TabularClassifier or TabularRegressor, which encode them."
        )
    if "Found array with dim" in text and hasattr(estimator, "image_shape_"):
        return ValueError(
            f"{name} has the shape {np.shape(X)}: images have the shape (n, height, "
            "width) or (n, height, width, channels), flat ones (n, features)."
        )
    if "Found array with dim" in text:
        return ValueError(
            f"{name}: {text} For images use CNNClassifier or CNNRegressor; flatten "
            "other rows with X.reshape(len(X), -1)."
        )
    if name != "X":
        return ValueError(f"{name} or its y: {text}")
    return error


def _columns_with_gaps(X):
    """Return in words which columns of a table have missing values."""
    try:
        is_missing = X.isna() if hasattr(X, "isna") else np.isnan(X)
        is_missing = np.asarray(is_missing)
    except (TypeError, ValueError):  # sparse, or of another library
        return ""
    if is_missing.ndim != 2:
        return ""
    names = [*getattr(X, "columns", range(is_missing.shape[1]))]
    found = [names[k] for k in np.flatnonzero(is_missing.any(axis=0))]
    return f" in the columns {found[:5]}{'...' if len(found) > 5 else ''}"


def kept_rows(weight):
    """Return the rows of positive weight, or None if they are all of the rows."""
    if weight is None or weight.all():
        return None
    return np.flatnonzero(weight)
