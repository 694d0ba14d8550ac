"""Three parts of the data, in one call."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, indexable

from skdl._utils._sklearn import count_rows, take_rows

__all__ = ["train_val_test_split"]


def train_val_test_split(
    X: Any,
    y: Any = None,
    sizes: Sequence[float] = (0.7, 0.2, 0.1),
    *,
    stratify: Any = None,
    random_state: Any = None,
) -> list:
    """Split data at random into a training, a validation and a test set.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n_samples, ...)
        The rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Their targets.
    sizes : tuple of three floats or ints, default=(0.7, 0.2, 0.1)
        Shares of the rows, each above 0, with the sum 1; or numbers of rows, with a sum
        of at most ``n_samples``.
    stratify : array-like of shape (n_samples,), default=None
        Labels, usually ``y``, whose proportions are kept in each part.
    random_state : int, RandomState or None, default=None
        An int gives the same parts each time.

    Returns
    -------
    list
        ``X_train, X_val, X_test``, and with ``y`` also ``y_train, y_val, y_test``: of
        the same kinds as ``X`` and ``y``.

    Raises
    ------
    ValueError
        If the sizes are neither shares nor numbers of rows, or ``X``, ``y`` and
        ``stratify`` do not have the same number of rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdl.model_selection import train_val_test_split
    >>> X, y = load_iris(return_X_y=True)
    >>> X_train, X_val, X_test, y_train, y_val, y_test = train_val_test_split(
    ...     X, y, stratify=y, random_state=0
    ... )
    >>> len(X_train), len(X_val), len(X_test)
    (105, 30, 15)
    """
    if stratify is not None and np.ndim(stratify) == 0:
        raise ValueError(f"stratify={stratify!r} must be labels of the rows, mostly y.")
    columns = indexable(X, y, stratify)[: 1 if y is None else 2]
    n_samples = count_rows(X)
    _, n_val, n_test = n_rows = _count(sizes, n_samples)
    generator = check_random_state(random_state)
    rows = np.arange(n_samples)
    # A Series would look up rows in its index, not by their positions.
    labels = None if stratify is None else np.asarray(stratify)

    def split(rows: Any, n_train: Any, n_rest: Any) -> Any:
        return train_test_split(
            rows,
            train_size=n_train,
            test_size=n_rest,
            stratify=None if labels is None else labels[rows],
            random_state=generator,
        )

    train, rest = split(rows, n_rows[0], n_val + n_test)
    parts = (train, *split(rest, n_val, n_test))
    return [take_rows(column, part) for column in columns for part in parts]


def _count(sizes, n_samples):
    """Return the number of rows of each part."""
    if not np.iterable(sizes):
        raise ValueError(f"sizes={sizes!r} must have three parts, as (0.7, 0.2, 0.1).")
    sizes = tuple(sizes)
    if len(sizes) != 3:
        raise ValueError(f"sizes={sizes!r} must have three parts, got {len(sizes)}.")
    if all(isinstance(size, (int, np.integer)) for size in sizes):
        if min(sizes) < 1 or sum(sizes) > n_samples:
            raise ValueError(
                f"sizes={sizes!r} must be numbers of rows, each >= 1, whose sum is at "
                f"most the {n_samples} rows of X."
            )
        return sizes
    if not all(0 < size < 1 for size in sizes) or not np.isclose(sum(sizes), 1):
        raise ValueError(f"sizes={sizes!r} must be shares above 0 with the sum 1.")
    n_val, n_test = (round(size * n_samples) for size in sizes[1:])
    counts = (n_samples - n_val - n_test, n_val, n_test)
    if min(counts) < 1:
        raise ValueError(f"sizes={sizes!r} leave a part of {n_samples} rows empty.")
    return counts
