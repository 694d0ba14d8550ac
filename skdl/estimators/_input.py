"""Checks of the data, before any training."""

import math
import warnings

import numpy as np
from scipy import sparse
from sklearn.utils import get_tags
from sklearn.utils.sparsefuncs import mean_variance_axis
from sklearn.utils.validation import check_array, validate_data

from skdl._utils._numbers import as_numeric
from skdl._utils._sklearn import check_sample_weight

__all__ = [
    "check_data",
    "check_memory",
    "kept_rows",
    "validate_rows",
    "warn_of_scales",
]

# Features scaled by scikit-learn, and bytes of images, are far below this.
LARGE_FEATURES = 1e3

_LOOKED_AT = 10_000

_PLAIN = (np.dtype(np.float64), np.dtype(np.float32))

# Training holds the weights, their gradients and two states of an optimizer; before
# and after it there is one more copy, as arrays.
_COPIES = 5


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
    try:
        X, y = validate_data(
            estimator,
            X,
            y,
            reset=reset,
            multi_output=True,
            accept_sparse="csr" if get_tags(estimator).input_tags.sparse else False,
        )
    except ValueError as error:
        raise _explain(error, X_name) from error
    X = as_numeric(X, X_name)
    if y.ndim > 2:
        raise ValueError(f"{y_name} has {y.ndim} dimensions; 1 or 2 are accepted.")
    if weight is None:
        return X, y, None
    weight = check_sample_weight(weight, X, dtype=np.float64)
    if (weight < 0).any():
        raise ValueError(
            f"Negative values in {weight_name}: {weight.min():g}. Weights must be "
            "0 or more."
        )
    if not weight.any():
        raise ValueError(
            f"All of {weight_name} are zero: no row is left. Give some rows a "
            "positive weight."
        )
    return X, y, weight


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
    if type(X) is np.ndarray and _needs_no_check(X, estimator):
        return X
    columns = getattr(X, "columns", None)
    columns = columns if hasattr(columns, "is_") else None  # those of pandas
    seen = vars(estimator).get("_seen_columns")
    if columns is not None and seen is not None and columns.is_(seen):
        values = X.to_numpy()
        if values.dtype.kind in "biuf":
            return check_array(values, estimator=estimator)
    accepted = "csr" if get_tags(estimator).input_tags.sparse else False
    found = validate_data(estimator, X, reset=False, accept_sparse=accepted)
    if columns is not None:
        estimator._seen_columns = columns
    return found


def _needs_no_check(X, estimator):
    """Return whether an array holds finite numbers, as the estimator was fitted on."""
    if (
        X.dtype not in _PLAIN
        or X.ndim != 2
        or len(X) == 0
        or X.shape[1] != estimator.n_features_in_
        or hasattr(estimator, "feature_names_in_")
    ):
        return False
    # The sum may overflow where all are finite: then scikit-learn looks.
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(np.add.reduce(X, axis=None))


def _explain(error, name):
    text = str(error)
    if "could not convert string" in text:
        return ValueError(
            f"{name} holds text, and a network needs numbers ({text}). Encode such "
            "columns first, for example with OneHotEncoder in a ColumnTransformer."
        )
    if "Found array with dim" in text:
        return ValueError(
            f"{name}: {text} For images use CNNClassifier or CNNRegressor; flatten "
            "other rows with X.reshape(len(X), -1)."
        )
    if name != "X":
        return ValueError(f"{name} or its y: {text}")
    return error


def warn_of_scales(X, names=None):
    """Warn of features that are too large for a network to learn well from.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The training data, of which at most 10,000 rows are examined.
    names : ndarray of shape (n_features,), default=None
        Names of the features.
    """
    some = X[:: 1 + X.shape[0] // _LOOKED_AT].astype(np.float64)
    with np.errstate(over="ignore"):
        if sparse.issparse(some):
            mean, variance = mean_variance_axis(some, axis=0)
        else:
            mean, variance = some.mean(axis=0), some.var(axis=0)
    sizes = np.abs(mean) + np.sqrt(variance)
    worst = int(np.argmax(sizes))
    if sizes[worst] <= LARGE_FEATURES:
        return
    name = worst if names is None else repr(names[worst])
    n_large = int((sizes > LARGE_FEATURES).sum())
    warnings.warn(
        f"{n_large} of {len(sizes)} features are large: feature {name} has mean "
        f"{mean[worst]:.3g} and standard deviation {np.sqrt(variance[worst]):.3g}. "
        "Networks learn best from features of mean 0 and standard deviation 1: put a "
        "StandardScaler in front, as in make_pipeline(StandardScaler(), network).",
        UserWarning,
        stacklevel=2,
    )


def kept_rows(weight):
    """Return the rows of positive weight, or None if they are all of the rows."""
    if weight is None or weight.all():
        return None
    return np.flatnonzero(weight)


def check_memory(shapes):
    """Check that a network fits into the free memory, before it is built.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Shapes of the kernel of each layer.

    Raises
    ------
    MemoryError
        If its training needs more.
    """
    # Asked before anything is allocated: Linux kills a process that asks for too much,
    # and a search with it.
    import psutil  # a fit needs it, a prediction does not

    n_weights = sum(math.prod(shape) + shape[-1] for shape in shapes)
    needed = 4 * _COPIES * n_weights / 2**30
    free = psutil.virtual_memory().available / 2**30
    if needed > free:
        raise MemoryError(
            f"The network has {n_weights:,} weights: kernels {list(shapes)}. Its "
            f"training needs about {needed:.3g} GiB, and {free:.3g} GiB are free. Use "
            "smaller hidden_layer_sizes or fewer features; for images, use pooling or "
            "global_pooling."
        )
