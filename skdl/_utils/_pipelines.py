"""What a network can know of the pipeline that fits it."""

import warnings

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


def warn_of_raw_targets(estimator, name):
    """Warn if validation targets reach a network that gets y transformed.

    Parameters
    ----------
    estimator : estimator
        Whose ``fit`` was called with validation targets.
    name : str
        Name of the argument that holds them.
    """
    for caller, method in callers():
        if not isinstance(caller, TransformedTargetRegressor) or method != "fit":
            continue
        if caller.func is None and caller.transformer is None:
            return
        warnings.warn(
            f"{name} of {type(estimator).__name__} is used as it was given, and y as "
            "TransformedTargetRegressor transforms it: transform the targets of the "
            f"validation in the same way before, or leave {name} out, and let the "
            "network hold rows back (early_stopping, validation_fraction).",
            UserWarning,
            stacklevel=3,
        )
        return


def _find_pipeline(estimator):
    """Return the pipeline with several steps that is fitting the estimator, or None."""
    for caller, method in callers():
        if isinstance(caller, Pipeline) and method.startswith("fit"):
            is_last = len(caller.steps) > 1 and caller.steps[-1][1] is estimator
            return caller if is_last else None
    return None


def _transforms(pipeline, name):
    return name in (pipeline.transform_input or ())
