"""The part of the rows that is split off to validate on."""

from contextlib import suppress

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, train_test_split

__all__ = ["check_groups", "deal_folds", "split_validation"]


def split_validation(n_rows, labels, fraction, seed, groups=None):
    """Split off the validation rows: shuffled, and stratified where there are labels.

    Parameters
    ----------
    n_rows : int
        How many rows there are.
    labels : ndarray of shape (n_rows,) or None
        What to stratify by.
    fraction : float
        The share of the validation part.
    seed : np.random.SeedSequence
        Where the random numbers come from.
    groups : ndarray of shape (n_rows,), default=None
        If given, the part is that share of the groups, each whole; not stratified.

    Returns
    -------
    train, validation : ndarray of int

    Raises
    ------
    ValueError
        If there are too few rows.
    """
    # scikit-learn takes no SeedSequence, but 32 bits of one.
    random_state = int(seed.generate_state(1)[0])
    try:
        if groups is not None:
            splitter = GroupShuffleSplit(
                1, test_size=fraction, random_state=random_state
            )
            return next(splitter.split(np.empty(n_rows), groups=groups))
        return train_test_split(
            np.arange(n_rows),
            test_size=fraction,
            stratify=labels,
            random_state=random_state,
        )
    except ValueError as error:
        raise ValueError(
            f"validation_fraction={fraction!r} of {n_rows} rows can't be split off for "
            f"early stopping: {error}{_name_single(labels)} Use a larger fraction, "
            "more data, X_val and y_val, or early_stopping=False."
        ) from error


def deal_folds(n_rows, labels, n_folds, seed, groups=None):
    """Deal the rows to folds of about the same size, and of the same labels.

    Parameters
    ----------
    n_rows : int
        How many rows there are.
    labels : ndarray of shape (n_rows,) or None
        What to stratify by.
    n_folds : int
        How many folds there are at most: as many as rows or groups.
    seed : np.random.SeedSequence
        Where the random numbers come from.
    groups : ndarray of shape (n_rows,), default=None
        If given, each group is whole in one fold; the folds are not stratified.

    Returns
    -------
    list of ndarray of int
        The rows of each fold.

    Raises
    ------
    ValueError
        If there is one row or group alone.
    """
    rng = np.random.default_rng(seed)
    dealt = np.arange(n_rows) if groups is None else np.unique(groups)
    if len(dealt) < 2:
        what = (
            "n_samples = 1"
            if groups is None
            else f"the one group {dealt.tolist()[0]!r}"
        )
        raise ValueError(
            f"Each network of an ensemble is validated on another part of the rows, "
            f"and {what} can't be split: give more, X_val and y_val, or "
            "early_stopping=False."
        )
    order = rng.permutation(len(dealt))
    if labels is not None and groups is None:
        # Dealt label by label: each fold gets its share of each.
        order = order[np.argsort(labels[order], kind="stable")]
    n_folds = min(n_folds, len(dealt))
    hands = [np.sort(dealt[order[k::n_folds]]) for k in range(n_folds)]
    if groups is None:
        return hands
    return [np.flatnonzero(np.isin(groups, hand)) for hand in hands]


def _name_single(labels):
    """Return a sentence on the labels that one row has, or nothing."""
    if labels is None:
        return ""
    found, counts = np.unique(labels, return_counts=True)
    single = found[counts == 1].tolist()
    return f" Only one row has each of {single[:5]}." if single else ""


def check_groups(groups, n_rows):
    """Return ``validation_groups`` as an array, or None.

    Raises
    ------
    ValueError
        If it does not have one group for each row.
    """
    if groups is None:
        return None
    groups = np.asarray(groups)
    # The missing values of pandas and NumPy are not equal to themselves, or not bool.
    missing = [g for g in groups.ravel().tolist() if g is None or (g == g) is not True]
    if missing:
        raise ValueError(
            f"validation_groups holds {missing[0]}: name the group of each row."
        )
    if groups.shape != (n_rows,):
        raise ValueError(
            f"validation_groups has the shape {groups.shape}; it must have one group "
            f"for each of the {n_rows} rows."
        )
    with suppress(TypeError):
        np.unique(groups)
        return groups
    # Of several types, which have no order: numbered as they come.
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return np.array([numbers[group] for group in groups])
