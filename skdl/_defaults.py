"""Defaults that follow the number of rows: docs/design.md has their measurement."""

__all__ = ["AUTO", "resolve"]

AUTO = "auto"
# The penalty is this strong up to so many rows.
_L2 = 1e-3
_PENALIZED_ROWS = 2_000
# How many rows a training sees in all epochs together, and its fewest and most epochs.
_ROWS_IN_ALL = 2_000_000
_EPOCHS = (5, 100)
_BATCHES = ((10_000, 64), (40_000, 128))
_LARGEST_BATCH = 256


def _l2(n_rows):
    """Return a penalty that falls with the rows.

    As one that all rows bear together it would fall as 1 / n, as scikit-learn's
    ``alpha / n``; measured on sets of 2,000 to 60,000 rows, a little faster is better.
    """
    return _L2 * min(1.0, _PENALIZED_ROWS / n_rows) ** 1.5


def _batch_size(n_rows):
    """Return larger batches for more rows: their noise is what limits a late epoch."""
    sizes = (size for most_rows, size in _BATCHES if n_rows <= most_rows)
    return next(sizes, _LARGEST_BATCH)


def _epochs(n_rows):
    """Return so many epochs that the steps are about the same from some rows on."""
    least, most = _EPOCHS
    return max(least, min(most, round(_ROWS_IN_ALL / n_rows)))


_RULES = {"l2": _l2, "batch_size": _batch_size, "epochs": _epochs}


def resolve(settings, n_rows):
    """Return what ``"auto"`` stands for, by the names of the parameters that have it.

    Parameters
    ----------
    settings : dict
        Parameters by name.
    n_rows : int
        Rows that are trained on, with those of a validation part that is split off.

    Returns
    -------
    dict of str to number
    """
    return {
        name: rule(n_rows)
        for name, rule in _RULES.items()
        if isinstance(settings.get(name), str) and settings[name] == AUTO
    }
