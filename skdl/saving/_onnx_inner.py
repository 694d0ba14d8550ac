"""Wrappers that change the predictions of a network: thresholds and targets."""

from typing import NamedTuple

import numpy as np

__all__ = ["Inverse", "Threshold", "inverse_of", "threshold_of"]


class Threshold(NamedTuple):
    """The positive class and from which probability it is predicted."""

    positive: int
    threshold: float


class Inverse(NamedTuple):
    """``exponential(factor * x + offset)`` with or without the exponential."""

    factor: float
    offset: float
    exponential: str | None


def _find_positive_label(estimator):
    """Return the label that a classifier with a threshold predicts above it, or None.

    Parameters
    ----------
    estimator : FixedThresholdClassifier or TunedThresholdClassifierCV
        Fitted.
    """
    if hasattr(estimator, "pos_label"):
        return estimator.pos_label
    return estimator._curve_scorer._get_pos_label()


def threshold_of(estimator, name):
    if estimator.response_method == "decision_function":
        raise ValueError(
            f"export_onnx: step {name!r} has a threshold on the decision function; "
            "set response_method='predict_proba'."
        )
    threshold = getattr(estimator, "best_threshold_", None)
    if threshold is None:
        threshold = 0.5 if estimator.threshold == "auto" else estimator.threshold
    label = _find_positive_label(estimator)
    classes = estimator.classes_.tolist()
    return Threshold(1 if label is None else classes.index(label), float(threshold))


def inverse_of(estimator, name):
    """Return what a TransformedTargetRegressor does with the predictions."""
    # Also what a clip or a rounding changes.
    far = [-1000.5, -10.3, -1.0, -0.4, 0.25, 33.7, 1000.25]
    probe = np.array([0.0, 1.0, 2.0, 5.0, *far])[:, None]
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(estimator.transformer_.inverse_transform(probe)).ravel()
    except ValueError as error:
        raise ValueError(
            f"export_onnx: step {name!r} transforms several targets together, or not "
            "all numbers; only a scaler, exp and expm1 of a single target can be "
            f"exported ({error})."
        ) from error
    for exponential, function, inverse in (
        (None, np.array, np.array),
        ("exp", np.exp, np.log),
        ("expm1", np.expm1, np.log1p),
    ):
        # Solve the first two for the factor and the offset, and look at the others.
        with np.errstate(all="ignore"):
            straight = inverse(found)
            factor, offset = straight[1] - straight[0], straight[0]
            expected = function(factor * probe.ravel() + offset)
        if np.allclose(expected, found, rtol=1e-9, atol=1e-12):
            return Inverse(float(factor), float(offset), exponential)
    raise ValueError(
        f"export_onnx: step {name!r} transforms its targets back by "
        f"{estimator.transformer_!r}; only a scaler, exp and expm1 can be exported."
    )
