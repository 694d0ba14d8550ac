"""Numbers: what counts as one, arrays of them, and seeds."""

import threading
from contextlib import suppress
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

# To Python, NumPy's durations are integers.
_TIMES = (np.datetime64, np.timedelta64)
# An offset of so many deviations leaves three digits of single floats.
LARGE_OFFSET = 1e4
_LEAST_SCALE = 1e-30

__all__ = [
    "LARGE_OFFSET",
    "as_numeric",
    "draw_seed",
    "is_count",
    "need_double",
    "refuse_lazy",
    "refuse_negative",
    "refuse_times",
]


class _OwnGenerator(threading.local):
    """A generator for each thread, which is seeded before each use."""

    def __init__(self):
        self.generator = np.random.RandomState(0)


_own = _OwnGenerator()


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
    refuse_times(X, name)
    if X.dtype.kind == "O" and not sparse.issparse(X):
        with suppress(TypeError, ValueError):
            return X.astype(np.float64)
    if X.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} holds {X.dtype}, which are not numbers. Encode them first."
        )
    return X


def refuse_negative(weight, name):
    """Raise an error if a weight is negative."""
    if (weight < 0).any():
        raise ValueError(
            f"Negative values in {name}: {weight.min():g}. Weights must be 0 or more."
        )


def refuse_lazy(X, name="X"):
    """Raise an error for a frame whose rows are not computed yet."""
    if hasattr(X, "collect"):
        raise ValueError(f"{name} is a lazy frame: collect it first, {name}.collect().")


def refuse_times(X, name="X"):
    """Raise an error for dates or durations in an array or a frame, and lazy frames.

    scikit-learn makes counts of them, in the unit in which each frame keeps them: the
    same hour is 3,600 for one frame and 3,600,000,000 for another.

    Parameters
    ----------
    X : array-like
        As it was given.
    name : str
        Its name in errors.

    Raises
    ------
    ValueError
        It names the columns.
    """
    refuse_lazy(X, name)
    if hasattr(X, "columns"):
        dtypes = zip(X.columns, getattr(X, "dtypes", ()))
        names = [str(column) for column, dtype in dtypes if _is_time(dtype)]
        if names:
            raise _of_times(name, f" in the columns {names[:5]}")
    elif _is_time(getattr(X, "dtype", None)) or _has_times(X):
        raise _of_times(name)


def _has_times(X):
    """Return whether an array of objects holds dates or durations of NumPy."""
    is_mixed = isinstance(X, np.ndarray) and X.dtype.kind == "O"
    return is_mixed and any(isinstance(value, _TIMES) for value in X.ravel())


def _of_times(name, where=""):
    hint = ""
    if name.startswith("X"):
        hint = ", or use TabularClassifier or TabularRegressor, which read them"
    return ValueError(
        f"{name} holds dates or durations{where}: the numbers that they become depend "
        "on the unit in which they are kept. Make numbers of them first, for example "
        f"days{hint}."
    )


def _is_time(dtype):
    """Return whether a type of NumPy, pandas or polars is one of dates or durations."""
    if hasattr(dtype, "is_temporal"):  # of polars
        return dtype.is_temporal()
    return getattr(dtype, "kind", None) in ("m", "M")


def need_double(factor, offset):
    """Return whether ``factor * z + offset`` is more than single floats can tell.

    Parameters
    ----------
    factor, offset : float or ndarray
        ``z`` is about as large as 1.
    """
    factor = np.abs(factor)
    is_far = np.abs(offset) > LARGE_OFFSET * factor
    return bool(np.any(is_far | (factor < _LEAST_SCALE) | (factor > 1 / _LEAST_SCALE)))


def draw_seed(random_state):
    """Return a seed; the global random state of NumPy is left alone."""
    if random_state is None:
        entropy = np.random.SeedSequence().entropy
        assert isinstance(entropy, int)
        return entropy % 2**63
    if isinstance(random_state, Integral):
        # Seeded anew: to make a generator takes fifty times as long.
        _own.generator.seed(int(random_state))
        random_state = _own.generator
    # The range from which scikit-learn draws the seeds of parts.
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
