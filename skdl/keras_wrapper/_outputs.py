"""What the outputs of a user's Keras model mean for a classifier."""

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logit, softmax

from skdl.keras_wrapper._output_kinds import find_kind, loss_name, loss_of

__all__ = ["decide", "log_probabilities", "probabilities"]

_OF_EACH_OUTPUT = {"BinaryCrossentropy", "BinaryFocalCrossentropy"}
_TINY = np.finfo(np.float64).tiny


def probabilities(outputs, model, encoder):
    """Return the probability of each class from the outputs of a model.

    Parameters
    ----------
    outputs : ndarray of shape (n_samples, n_units)
        Outputs of the model.
    model : keras.Model
        Compiled.
    encoder : ClassifierLabelEncoder
        Fitted.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_classes)
    """
    outputs = np.asarray(outputs, np.float64)
    if encoder.n_classes_ == 1:
        return np.ones((len(outputs), 1))
    one_label, each = _shape_of(outputs, model, encoder)
    is_logits = find_kind(model) == "logits"
    if is_logits and one_label and outputs.shape[1] == 1:
        # (n, 1) -> (n, 2); 1 - expit(x) would lose probabilities below 1e-16.
        return expit(np.hstack([-outputs, outputs]))
    if is_logits:
        found = expit(outputs) if each else softmax(outputs, axis=1)
    else:
        # A linear layer under a squared error, say, leaves this range.
        found = np.clip(outputs, 0.0, 1.0)
    if not one_label:
        return found
    if found.shape[1] == 1:
        return np.hstack([1 - found, found])
    # Separate sigmoids, and values in single precision, do not sum to 1.
    sums = found.sum(axis=1, keepdims=True)
    uniform = np.full_like(found, 1 / found.shape[1])
    return np.divide(found, sums, out=uniform, where=sums != 0)  # nan stays nan


def log_probabilities(outputs, model, encoder):
    """Return the logarithm of each probability, finite wherever logits are given."""
    outputs = np.asarray(outputs, np.float64)
    one_label, each = _shape_of(outputs, model, encoder)
    exact = find_kind(model) == "logits" and encoder.n_classes_ > 1
    if exact and not each:
        return log_softmax(outputs, axis=1)
    if exact and outputs.shape[1] == 1 and one_label:
        return log_expit(np.hstack([-outputs, outputs]))
    if exact and not one_label:
        return log_expit(outputs)
    return np.log(np.maximum(probabilities(outputs, model, encoder), _TINY))


def decide(outputs, model, encoder):
    """Return the logits or the margins: the sign or the largest decides.

    Parameters
    ----------
    outputs, model, encoder : object
        As ``probabilities`` takes them.

    Returns
    -------
    ndarray of float64, shape (n_samples,) or (n_samples, n_classes)
        For two classes a flat array, positive for the second class.
    """
    outputs = np.asarray(outputs, np.float64)
    one_label, each = _shape_of(outputs, model, encoder)
    if find_kind(model) == "probabilities":
        shares = np.clip(outputs, _TINY, 1 - np.finfo(np.float64).epsneg)
        outputs = logit(shares) if each else np.log(shares)
    if one_label and outputs.shape[1] == 2:
        return outputs[:, 1] - outputs[:, 0]
    return outputs[:, 0] if one_label and outputs.shape[1] == 1 else outputs


def _shape_of(outputs, model, encoder):
    """Return whether a row has one label, and whether each output stands alone."""
    one_label = encoder._target_type != "multilabel-indicator"
    of_each = loss_name(loss_of(model)) in _OF_EACH_OUTPUT
    return one_label, not one_label or of_each or outputs.shape[1] == 1
