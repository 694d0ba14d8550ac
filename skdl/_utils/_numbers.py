"""Numbers: what counts as one, arrays of them, and seeds."""

from contextlib import suppress
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

__all__ = ["as_numeric", "draw_seed", "is_count"]


def is_count(value):
    """Return whether a value is an integer >= 1 and not a boolean."""
    is_int = isinstance(value, Integral) and not isinstance(value, bool)
    return is_int and value >= 1


def as_numeric(X, name="X"):
    """Return an array of real numbers.

    Parameters
    ----------
    X : ndarray
        Checked by scikit-learn, whose older releases leave pandas' text as objects.
    name : str
        Its name in errors.

    Raises
    ------
    ValueError
        If it holds anything else.
    """
    if X.dtype.kind == "O" and not sparse.issparse(X):
        with suppress(TypeError, ValueError):
            return X.astype(np.float64)
    if X.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} holds {X.dtype}, which are no numbers. Turn them into numbers "
            "first, for example dates into days."
        )
    return X


def draw_seed(random_state):
    """Return a seed; the global random state of NumPy is left alone."""
    if random_state is None:
        entropy = np.random.SeedSequence().entropy
        assert isinstance(entropy, int)
        return entropy % 2**63
    # The range from which scikit-learn draws the seeds of parts.
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
