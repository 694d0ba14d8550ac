"""Defaults that depend on the number of rows, as measured in docs/defaults.md."""

from sklearn.base import is_regressor

__all__ = ["AUTO", "SOME_ROWS", "resolve"]

AUTO = "auto"
SOME_ROWS = 1_000  # for which "auto" is resolved where there was no fit with it
# The penalty, and the number of rows up to which it is constant.
_L2 = {"classification": 1e-3, "regression": 1e-3, "counts": 1e-2}
_PENALIZED_ROWS = 2_000
# Rows that a training sees in all epochs together, and the limits on its epochs.
_ROWS_IN_ALL = {
    "classification": 2_000_000,
    "regression": 600_000,
    "counts": 600_000,
    # Networks of tables stop early.
    "table": 4_000_000,
}
_EPOCHS = {"table": (20, 300)}
_EPOCHS_OF_OTHERS = (5, 100)
_BATCHES = ((10_000, 64), (40_000, 128))
_LARGEST_BATCH = 256


def _l2(n_rows, task):
    """Return a penalty that falls with the rows, like scikit-learn's ``alpha / n``.

    It falls a little faster for classification, as measured on 2,000 to 60,000 rows,
    and is larger for counts, most of whose variance no features explain.
    """
    # The loss is a mean over rows, and the penalty is not: what is right for few rows
    # is too much for many.
    power = 1.5 if task == "classification" else 1.0
    return _L2[task] * min(1.0, _PENALIZED_ROWS / n_rows) ** power


def _batch_size(n_rows, task):
    """Return larger batches for more rows: their noise is what limits a late epoch."""
    sizes = (size for most_rows, size in _BATCHES if n_rows <= most_rows)
    return next(sizes, _LARGEST_BATCH)


def _epochs(n_rows, task):
    """Return fewer epochs for more rows, so that the rows seen in all are the same.

    Regression gets fewer: the outliers of a noisy target are memorized sooner.
    """
    least, most = _EPOCHS.get(task, _EPOCHS_OF_OTHERS)
    return max(least, min(most, round(_ROWS_IN_ALL[task] / n_rows)))


_RULES = {"l2": _l2, "batch_size": _batch_size, "epochs": _epochs}


def resolve(estimator, settings, n_rows):
    """Return the values that ``"auto"`` stands for, by parameter name.

    Parameters
    ----------
    estimator : estimator
        Regressors and classifiers have different defaults.
    settings : dict
        Parameters by name.
    n_rows : int
        Training rows, including those of a validation set that is split off.

    Returns
    -------
    dict of str to number
    """
    task = "regression" if is_regressor(estimator) else "classification"
    if settings.get("loss") == "poisson":
        task = "counts"
    epochs_task = "table" if "n_bins" in settings else task
    return {
        name: rule(n_rows, epochs_task if name == "epochs" else task)
        for name, rule in _RULES.items()
        if isinstance(settings.get(name), str) and settings[name] == AUTO
    }
