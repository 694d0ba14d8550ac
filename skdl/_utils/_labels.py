"""Labels: checks that they are known, and warnings about odd ones."""

import warnings

import numpy as np

__all__ = [
    "balanced_weights",
    "check_same_classes",
    "check_same_labels",
    "labels_of",
    "refuse_balanced_parts",
    "warn_of_absent_classes",
    "warn_of_one_hot",
]


def labels_of(classes):
    """Return an array of labels as a list of what users write."""
    # tolist makes integers of dates of some units, and dates of Python of the others.
    return list(classes) if classes.dtype.kind in "mM" else classes.tolist()


def warn_of_one_hot(y, taken_for):
    """Warn of an indicator matrix with exactly one label in each row."""
    y = np.asarray(y)
    if y.shape[1] > 1 and (y.sum(axis=1) == 1).all():
        warnings.warn(
            f"Each row of y has exactly one 1 in its {y.shape[1]} columns. It is "
            f"treated as {taken_for}. If each row has one label of {y.shape[1]}, pass "
            "y.argmax(axis=1), or the labels themselves.",
            UserWarning,
            stacklevel=2,
        )


def warn_of_absent_classes(class_weight, classes):
    """Warn of class weights that name classes which are not there, in place of some."""
    if not class_weight:
        return
    missing = [label for label in classes if label not in class_weight]
    unknown = [label for label in class_weight if label not in classes]
    if not missing or not unknown:
        return
    if len(missing) == len(classes):
        text = f"names no class of y, which has {classes[:10]}: it changes nothing."
    else:
        text = (
            f"names {unknown[:10]}, which y does not have, and not {missing[:10]}, "
            "which count 1."
        )
    warnings.warn(f"class_weight={class_weight!r} {text}", UserWarning, stacklevel=2)


def refuse_balanced_parts(class_weight):
    """Refuse to balance the classes in the rows of one call of ``partial_fit``."""
    if isinstance(class_weight, str) and class_weight == "balanced":
        raise ValueError(
            "class_weight='balanced' can't be combined with partial_fit, which sees "
            "only some of the rows: give a dict {class: weight}."
        )


def balanced_weights(codes, weight=None):
    """Return for each class the weight that gives all classes the same total.

    Not by scikit-learn, which counts rows: one of weight 2 counts as two.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
        The class of each row, counted from 0.
    weight : ndarray of shape (n_samples,), default=None
        How much each row counts.

    Returns
    -------
    ndarray of shape (n_classes,)
        1 for a class without rows.
    """
    totals = np.bincount(codes, weights=weight)
    shares = np.count_nonzero(totals) * totals / totals.sum()
    return 1 / np.where(shares > 0, shares, 1.0)


def _are_the_same(known, found):
    if {known.dtype.kind, found.dtype.kind} in ({"m"}, {"M"}):  # whatever their unit
        return known.shape == found.shape and bool((known == found).all())
    return known.tolist() == found.tolist()


def check_same_classes(known, classes):
    """Check that ``partial_fit`` gets the classes of its last call."""
    if not _are_the_same(known, np.unique(classes)):
        raise ValueError(
            f"classes={classes!r} is not the same as on the last call to "
            f"partial_fit, which had {known.tolist()}."
        )


def check_same_labels(known, y):
    """Check that a resumed ``fit`` gets the classes of the last fit."""
    found = np.unique(y)
    if not _are_the_same(known, found):
        raise ValueError(
            "A resumed fit (warm_start=True) needs the classes of the last fit: it had "
            f"{known.tolist()}, y has {found.tolist()}. Set warm_start=False to start "
            "afresh."
        )
