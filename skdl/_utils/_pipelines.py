"""What a network can know of the pipeline that fits it."""

import warnings

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from skdl._utils._nested import callers

__all__ = ["warn_if_raw", "warn_of_raw_targets"]


def warn_if_raw(estimator, name):
    """Warn if validation data reach the last step of a pipeline untransformed.

    A step is not told who calls it, so the call stack is examined. It is the only
    sign: data that were not transformed may look like those that were.

    Parameters
    ----------
    estimator : estimator
        Whose ``fit`` was called with validation data.
    name : str
        Name of the argument that holds them.
    """
    pipeline = _find_pipeline(estimator)
    if pipeline is None or _transforms(pipeline, name):
        return
    steps = ", ".join(step for step, _ in pipeline.steps[:-1])
    warnings.warn(
        f"{name} of {type(estimator).__name__} is used as it was given, not as the "
        f"earlier steps ({steps}) would transform it. Give X_val and y_val to the "
        "fit of a pipeline with transform_input=['X_val'] (under "
        "sklearn.set_config(enable_metadata_routing=True), with "
        "set_fit_request(X_val=True, y_val=True) on the network), or transform the "
        "data by hand.",
        UserWarning,
        stacklevel=3,
    )


def warn_of_raw_targets(estimator, y, y_val):
    """Warn if validation targets reach a network raw that gets y transformed.

    Parameters
    ----------
    estimator : estimator
        Whose ``fit`` was called with them.
    y, y_val : array-like
        The targets, and those of the validation; None for none.
    """
    if y_val is None:
        return
    holder = next(
        (
            caller
            for caller, method in callers()
            if isinstance(caller, TransformedTargetRegressor) and method == "fit"
        ),
        None,
    )
    if holder is None or not _look_raw(holder.transformer_, y, y_val):
        return
    warnings.warn(
        f"y_val of {type(estimator).__name__} is used as it was given, and y as "
        "TransformedTargetRegressor transforms it: transform y_val in the same way, or "
        "leave it out, and let the network hold rows back (early_stopping, "
        "validation_fraction).",
        UserWarning,
        stacklevel=3,
    )


def _look_raw(transformer, y, y_val):
    """Return whether y_val is nearer to y before its transformation than after it."""
    try:
        after, given = (np.asarray(part).reshape(len(part), -1) for part in (y, y_val))
        before = transformer.inverse_transform(after)
        given, before, after = (
            np.quantile(part, [0.1, 0.5, 0.9], axis=0)
            for part in (given, before, after)
        )
        return np.abs(given - before).sum() < np.abs(given - after).sum()
    except (TypeError, ValueError):
        return False  # the checks of the fit say what is wrong with them


def _find_pipeline(estimator):
    """Return the pipeline with several steps that is fitting the estimator, or None."""
    for caller, method in callers():
        if isinstance(caller, Pipeline) and method.startswith("fit"):
            is_last = len(caller.steps) > 1 and caller.steps[-1][1] is estimator
            return caller if is_last else None
    return None


def _transforms(pipeline, name):
    return name in (pipeline.transform_input or ())
