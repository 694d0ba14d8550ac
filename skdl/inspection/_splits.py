"""The parts of the data that runs train on, and are judged by."""

import threading
from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.utils import indexable
from sklearn.utils.multiclass import type_of_target

from skdl._fingerprint import describe_data
from skdl._sklearn import cut_rows

__all__ = ["Split", "draw_seeds", "make_splits"]


class Split(NamedTuple):
    """What a run trains on, and what it is judged by."""

    X: object
    y: object
    X_val: object
    y_val: object


def draw_seeds(seed, repeat):
    """Return the seeds of a repeat: of its split, and of its fits."""
    return map(int, np.random.SeedSequence([seed, repeat]).generate_state(2))


def make_splits(estimator, X, y, validation):
    """Return the splits of a comparison.

    Parameters
    ----------
    estimator : estimator
        A classifier keeps the shares of its classes.
    X, y : array-like
        The data.
    validation : float, splitter or tuple of two array-likes
        A share, a splitter, or the part itself.

    Returns
    -------
    object
        With ``n_folds``, ``subjects`` (what makes them the same, by name) and
        ``cut(fold, seed)``.

    Raises
    ------
    TypeError, ValueError
        If ``validation`` is something else.
    """
    if isinstance(validation, tuple):
        return _GivenPart(X, y, validation)
    if hasattr(validation, "get_n_splits"):
        return _Folds(estimator, X, y, validation)
    if isinstance(validation, Real) and not isinstance(validation, bool):
        return _Share(estimator, X, y, validation)
    raise TypeError(
        f"validation={validation!r} must be a share of the rows above 0 and below 1, a "
        "splitter as KFold(5), or a tuple (X_val, y_val)."
    )


class _GivenPart:
    """The same two parts for all runs."""

    n_folds = 1

    def __init__(self, X, y, validation):
        if len(validation) != 2:
            raise ValueError(
                f"validation has {len(validation)} parts; a tuple must be "
                "(X_val, y_val)."
            )
        if any(part is None for part in validation):
            raise ValueError("validation=(X_val, y_val): one of them is None.")
        self._split = Split(X, y, *indexable(*validation))
        self.subjects = describe_data(dict(zip(("X_val", "y_val"), validation)))
        self.text = f"given, {np.shape(self._split.y_val)[0]} rows"

    def cut(self, fold, seed):
        return self._split


class _Cut:
    """Cuts the rows of a split; the last cut is kept, for the next variants.

    A leaf gives ``_find_rows(fold, seed)``.
    """

    def __init__(self, estimator, X, y):
        self._estimator = estimator
        self._X, self._y = X, y
        self._lock = threading.Lock()
        self._last = (None, None)

    def cut(self, fold, seed):
        with self._lock:
            if self._last[0] != (fold, seed):
                train, val = self._find_rows(fold, seed)
                whole = (self._estimator, self._X, self._y)
                parts = *cut_rows(*whole, train), *cut_rows(*whole, val, train)
                self._last = (fold, seed), Split(*parts)
            return self._last[1]


class _Share(_Cut):
    """A share of the rows, drawn by the seed."""

    n_folds = 1

    def __init__(self, estimator, X, y, share):
        super().__init__(estimator, X, y)
        if not 0 < share < 1:
            raise ValueError(
                f"validation={share!r} must be above 0 and below 1: a share of the "
                "rows."
            )
        self._share = share
        self.subjects = {"validation": repr(float(share))}
        self.text = f"{share:g} of the rows"

    def _find_rows(self, fold, seed):
        labels = type_of_target(self._y) in ("binary", "multiclass")
        kind = (
            StratifiedShuffleSplit
            if is_classifier(self._estimator) and labels
            else ShuffleSplit
        )
        splitter = kind(1, test_size=self._share, random_state=seed)
        rows = np.arange(np.shape(self._y)[0])
        return next(splitter.split(rows, self._y))


class _Folds(_Cut):
    """The splits of a splitter, the same for all repeats."""

    def __init__(self, estimator, X, y, splitter):
        super().__init__(estimator, X, y)
        self._rows = list(splitter.split(X, y))
        if not self._rows:
            raise ValueError(f"validation={splitter!r} has no splits.")
        self.n_folds = len(self._rows)
        rows = {f"split {k}": np.concatenate(r) for k, r in enumerate(self._rows)}
        self.subjects = describe_data(rows)
        self.text = f"{self.n_folds} splits of {type(splitter).__name__}"

    def _find_rows(self, fold, seed):
        return self._rows[fold]
