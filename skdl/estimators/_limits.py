"""What is too large: features, a learning rate, or the network itself."""

import math
import warnings

import numpy as np
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from skdl._utils._needed import keras_needed

__all__ = ["check_memory", "warn_of_rate", "warn_of_scales"]

# Features scaled by scikit-learn, and bytes of images, are far below this.
LARGE_FEATURES = 1e3

_LOOKED_AT = 10_000

LARGE_RATE = 1.0
_LARGE_RATES = {"adadelta": math.inf, "sgd": 1e3}  # their steps have other units

# Training holds the weights, their gradients and two states of an optimizer; before
# and after it there is one more copy, as arrays.
_COPIES = 5
_ALWAYS_FREE = 1 / 16  # GiB


def warn_of_scales(X, names=None):
    """Warn of features that are too large for a network to learn well from.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The training data, of which at most 10,000 rows are examined.
    names : ndarray of shape (n_features,), default=None
        Names of the features.
    """
    # As double floats: NumPy gives the variance of half floats as one of them, infinite
    # above 65504.
    some = X[:: 1 + X.shape[0] // _LOOKED_AT].astype(np.float64)
    # Neither of the two is above the largest size.
    if abs(some).max() <= LARGE_FEATURES / 2:
        return
    # A variance that overflows is infinite: the feature counts as large.
    with np.errstate(over="ignore"):
        if sparse.issparse(some):
            some.sum_duplicates()
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


def warn_of_rate(learning_rate, optimizer):
    """Warn of a learning rate that is too large for the optimizer."""
    kind = optimizer if isinstance(optimizer, str) else ""
    if learning_rate > _LARGE_RATES.get(kind, LARGE_RATE):
        warnings.warn(
            f"learning_rate={learning_rate:g} is large: most optimizers need 1e-4 to "
            "1e-1, and diverge above that.",
            UserWarning,
            stacklevel=2,
        )


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
    n_weights = sum(math.prod(shape) + shape[-1] for shape in shapes)
    # In GiB: a single float has 4 bytes.
    needed = 4 * _COPIES * n_weights / 2**30
    if needed < _ALWAYS_FREE:  # to ask takes a twentieth of a small fit
        return
    # Asked before anything is allocated: Linux kills a process that asks for too much,
    # and a search with it.
    with keras_needed("fit a network"):
        import psutil  # a prediction needs none of it

    free = psutil.virtual_memory().available / 2**30
    if needed > free:
        raise MemoryError(
            f"The network has {n_weights:,} weights: kernels {list(shapes)}. Its "
            f"training needs about {needed:.3g} GiB, and {free:.3g} GiB are free. Use "
            "smaller hidden_layer_sizes or fewer features; for images, use pooling or "
            "global_pooling."
        )
