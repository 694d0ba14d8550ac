"""The history of a wrapped model: its names, and what its first loss tells."""

import warnings

import numpy as np

from skdl._utils._keras_objects import plain_metric_names
from skdl.keras_wrapper._scikeras import metric_name

__all__ = ["named_as_history", "warn_of_first_loss"]

LARGE_LOSS = 1e5


def warn_of_first_loss(history, y):
    """Warn of a loss that shows targets or features on a scale of their own."""
    first = history.get("loss", [0.0])[0]
    if first <= LARGE_LOSS:
        return
    scale = ""
    if isinstance(y, np.ndarray) and y.dtype.kind in "iuf":
        scale = f" of targets of mean {y.mean():.3g} and deviation {y.std():.3g}"
    warnings.warn(
        f"The loss of the first epoch is {first:.3g}{scale}: a network learns such a "
        "thing slowly, or not at all. Bring features and targets to mean 0 and "
        "deviation 1: make_pipeline(StandardScaler(), network), and "
        "TransformedTargetRegressor(network, transformer=StandardScaler()).",
        UserWarning,
        stacklevel=2,
    )


def named_as_history(scores):
    """Return scores under the full names of their metrics, as SciKeras has them."""
    plain = plain_metric_names(name for name in scores if not name.startswith("val_"))
    return {
        f"val_{plain.get(name[4:], name[4:])}"
        if name.startswith("val_")
        else _full_name(plain[name]): values
        for name, values in scores.items()
    }


def _full_name(name):
    if name == "loss":
        return name
    try:
        full = metric_name(name)
    except (TypeError, ValueError):
        return name  # a metric of the user's own, or one with settings
    # It makes a_u_c of auc.
    return name if full.replace("_", "") == name.replace("_", "") else full
