"""Defaults that follow the number of rows: docs/defaults.md has their measurement."""

from sklearn.base import is_regressor

__all__ = ["AUTO", "resolve"]

AUTO = "auto"
# The penalty is this strong up to so many rows.
_L2 = 1e-3
_PENALIZED_ROWS = 2_000
# How many rows a training sees in all epochs together, and its fewest and most epochs.
_ROWS_IN_ALL = {"classification": 2_000_000, "regression": 600_000}
_EPOCHS = (5, 100)
_BATCHES = ((10_000, 64), (40_000, 128))
_LARGEST_BATCH = 256


def _l2(n_rows, task):
    """Return a penalty that falls with the rows, as scikit-learn's ``alpha / n`` does.

    Measured on sets of 2,000 to 60,000 rows, classes want it to fall a little faster.
    """
    # The loss is a mean over rows, and the penalty is not: what is right for few rows
    # is too much for many.
    power = {"classification": 1.5, "regression": 1.0}[task]
    return _L2 * min(1.0, _PENALIZED_ROWS / n_rows) ** power


def _batch_size(n_rows, task):
    """Return larger batches for more rows: their noise is what limits a late epoch."""
    sizes = (size for most_rows, size in _BATCHES if n_rows <= most_rows)
    return next(sizes, _LARGEST_BATCH)


def _epochs(n_rows, task):
    """Return so many epochs that the steps are about the same from some rows on.

    Fewer for numbers: the outliers of a noisy target are learned by heart sooner.
    """
    least, most = _EPOCHS
    return max(least, min(most, round(_ROWS_IN_ALL[task] / n_rows)))


_RULES = {"l2": _l2, "batch_size": _batch_size, "epochs": _epochs}


def resolve(estimator, settings, n_rows):
    """Return what ``"auto"`` stands for, by the names of the parameters that have it.

    Parameters
    ----------
    estimator : estimator
        A regressor has other numbers than a classifier.
    settings : dict
        Parameters by name.
    n_rows : int
        Rows that are trained on, with those of a validation part that is split off.

    Returns
    -------
    dict of str to number
    """
    task = "regression" if is_regressor(estimator) else "classification"
    return {
        name: rule(n_rows, task)
        for name, rule in _RULES.items()
        if isinstance(settings.get(name), str) and settings[name] == AUTO
    }
