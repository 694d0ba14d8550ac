"""The history of a wrapped model: names of metrics, and its first loss."""

import warnings

import numpy as np

from skdl._utils._histories import joined_histories
from skdl._utils._metric_names import plain_metric_names
from skdl.keras_wrapper._scikeras import metric_name

__all__ = ["grown_history", "named_as_history", "warn_of_first_loss"]

LARGE_LOSS = 1e5


def warn_of_first_loss(history, y):
    """Warn of a loss so large that features or targets are probably unscaled."""
    first = history.get("loss", [0.0])[0]
    if first <= LARGE_LOSS:
        return
    scale = ""
    if isinstance(y, np.ndarray) and y.dtype.kind in "iuf":
        scale = (
            f" with targets of mean {y.mean():.3g} and standard deviation {y.std():.3g}"
        )
    warnings.warn(
        f"The loss of the first epoch is {first:.3g}{scale}: a network learns from "
        "such data slowly, or not at all. Scale features and targets to mean 0 and "
        "standard deviation 1: make_pipeline(StandardScaler(), network), and "
        "TransformedTargetRegressor(network, transformer=StandardScaler()).",
        UserWarning,
        stacklevel=2,
    )


def grown_history(history, scores):
    """Return the fitted attributes of a history after some epochs more."""
    grown = joined_histories(history, named_as_history(scores))
    return {"history_": grown, "n_iter_": len(grown.get("loss", ()))}


def named_as_history(scores):
    """Return scores under the full names of their metrics, as SciKeras has them."""
    plain = plain_metric_names(name for name in scores if not name.startswith("val_"))
    # SciKeras writes mse out as mean_squared_error, but not after val_.
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
    # SciKeras turns auc into a_u_c.
    return name if full.replace("_", "") == name.replace("_", "") else full
