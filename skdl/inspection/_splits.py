"""The training and validation sets of the runs."""

import threading
from collections.abc import Iterable
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import (
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedShuffleSplit,
    check_cv,
)
from sklearn.utils import check_consistent_length, indexable
from sklearn.utils.multiclass import type_of_target

from skdl._utils._fingerprint import describe_data
from skdl._utils._nested import fit_prefix
from skdl._utils._sklearn import cut_rows, take_rows

__all__ = ["Split", "draw_seeds", "make_splits"]


class Split(NamedTuple):
    """The training and the validation set of a run.

    ``params`` are passed to ``fit``, the score parameters to the scorer.
    """

    X: Any
    y: Any
    X_val: Any
    y_val: Any
    params: dict | None = None
    score_params: dict | None = None
    score_params_val: dict | None = None

    @property
    def weight(self):
        """The weights by which training rows are scored, or None."""
        return (self.score_params or {}).get("sample_weight")

    @property
    def weight_val(self):
        """The same of the rows to validate on."""
        return (self.score_params_val or {}).get("sample_weight")


def draw_seeds(seed, repeat):
    """Return the seeds of a repeat: of its split, and of its fits."""
    # Of the repeat's number alone: more repeats leave the first ones as they are.
    return map(int, np.random.SeedSequence([seed, repeat]).generate_state(2))


def make_splits(estimator, X, y, validation, groups=None, weight=None):
    """Return the splits of a comparison.

    Parameters
    ----------
    estimator : estimator
        The estimator; for a classifier, a share of the rows is stratified.
    X, y : array-like
        The data.
    validation : float, splitter, list or tuple of two array-likes
        A share, a splitter, splits as pairs of rows, or the validation set itself.
    groups : array-like of shape (n_samples,), default=None
        Groups of rows that must not be split.
    weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    object
        With ``n_folds``, ``subjects`` (the entries of the fingerprint that identify the
        splits) and ``cut(fold, seed)``.

    Raises
    ------
    TypeError, ValueError
        If ``validation`` is something else.
    """
    groups, weight = indexable(groups, weight)
    check_consistent_length(y, groups, weight)
    data = _Data(estimator, X, y, groups, weight)
    if isinstance(validation, tuple):
        return _GivenPart(data, validation)
    if hasattr(validation, "get_n_splits"):
        return _Folds(data, validation)
    if isinstance(validation, Real) and not isinstance(validation, bool):
        return _Share(data, validation)
    if isinstance(validation, Iterable) and not isinstance(validation, str):
        pairs = [*validation]
        if not all(isinstance(p, (list, tuple)) and len(p) == 2 for p in pairs):
            raise ValueError(
                "validation is a list, so each of its elements must be a pair of "
                "training and validation rows. Give (X_val, y_val) as a tuple."
            )
        return _Folds(data, check_cv(pairs))
    raise TypeError(
        f"validation={validation!r} must be a share of the rows above 0 and below 1, a "
        "splitter such as KFold(5), a list of splits as pairs of rows, or a tuple "
        "(X_val, y_val)."
    )


class _Data(NamedTuple):
    """All the rows, and what belongs to them."""

    estimator: object
    X: object
    y: object
    groups: object
    weight: object

    def cut(self, rows, train=None):
        """Return X, y and the weights of some rows."""
        X, y = cut_rows(self.estimator, self.X, self.y, rows, train)
        return X, y, None if self.weight is None else take_rows(self.weight, rows)

    def split(self, train, val):
        """Return the split into two parts."""
        X, y, weight = self.cut(train)
        # A precomputed kernel has columns for the training rows only.
        X_val, y_val, weight_val = self.cut(val, train)
        return make_split(self.estimator, X, y, weight, X_val, y_val, weight_val)


def make_split(estimator, X, y, weight, X_val, y_val, weight_val=None):
    """Return a split with what goes to ``fit`` and to the scorer."""
    if weight is None:
        return Split(X, y, X_val, y_val)
    return Split(
        X,
        y,
        X_val,
        y_val,
        {fit_prefix(estimator) + "sample_weight": weight},
        {"sample_weight": weight},
        {"sample_weight": weight_val},
    )


class _GivenPart:
    """The same two parts for all runs."""

    n_folds = 1

    def __init__(self, data, validation):
        if len(validation) != 2:
            raise ValueError(
                f"validation has {len(validation)} parts; a tuple must be "
                "(X_val, y_val)."
            )
        if any(part is None for part in validation):
            raise ValueError("validation=(X_val, y_val): one of them is None.")
        if data.weight is not None:
            raise ValueError(
                "sample_weight weights the rows of X, but the rows of (X_val, y_val) "
                "would have no weights: give validation as a share or as splits."
            )
        self._split = Split(data.X, data.y, *indexable(*validation))
        self.subjects = describe_data(dict(zip(("X_val", "y_val"), validation)))
        self.text = f"given, {np.shape(self._split.y_val)[0]} rows"

    def cut(self, fold, seed):
        return self._split


class _Cut:
    """Cuts the rows of a split; the last cut is cached for the next variants.

    A subclass implements ``_find_rows(fold, seed)``.
    """

    def __init__(self, data):
        self._data = data
        self._lock = threading.Lock()
        self._last: tuple = (None, None)

    def _find_rows(self, fold, seed):
        raise NotImplementedError

    def cut(self, fold, seed):
        with self._lock:
            if self._last[0] != (fold, seed):
                rows = self._find_rows(fold, seed)
                self._last = (fold, seed), self._data.split(*rows)
            return self._last[1]


class _Share(_Cut):
    """A share of the rows, drawn by the seed."""

    n_folds = 1

    def __init__(self, data, share):
        super().__init__(data)
        if not 0 < share < 1:
            raise ValueError(
                f"validation={share!r} must be above 0 and below 1: a share of the "
                "rows."
            )
        self._share = share
        self.subjects = {"validation": repr(float(share))}
        self.text = f"{share:g} of the rows"

    def _find_rows(self, fold, seed):
        _, _, y, groups, _ = self._data
        labels = type_of_target(y) in ("binary", "multiclass")
        kind = ShuffleSplit
        if groups is not None:
            kind = GroupShuffleSplit
        elif is_classifier(self._data.estimator) and labels:
            kind = StratifiedShuffleSplit
        splitter = kind(1, test_size=self._share, random_state=seed)
        # These splitters only count the rows of X, which may be of any kind.
        return next(splitter.split(np.arange(np.shape(y)[0]), y, groups))


class _Folds(_Cut):
    """The splits of a splitter, the same for all repeats."""

    def __init__(self, data, splitter):
        super().__init__(data)
        self._rows = list(splitter.split(data.X, data.y, data.groups))
        if not self._rows:
            raise ValueError(f"validation={splitter!r} has no splits.")
        self.n_folds = len(self._rows)
        parts = ("training", "validation")
        self.subjects = describe_data(
            {
                f"split {k}, {part}": rows
                for k, split in enumerate(self._rows)
                for part, rows in zip(parts, split, strict=True)
            }
        )
        kind = type(splitter).__name__.removeprefix("_").removesuffix("Wrapper")
        self.text = f"{self.n_folds} splits of {kind}"

    def _find_rows(self, fold, seed):
        return self._rows[fold]
