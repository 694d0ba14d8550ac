"""What the outputs of a user's Keras model mean for a classifier."""

from copy import copy
from typing import Any

import keras
import numpy as np
from scipy.special import expit, log_expit, log_softmax, logit, softmax
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from skdl.keras_wrapper._routing import camel_case

__all__ = [
    "adapt_encoder",
    "check_width",
    "decide",
    "find_kind",
    "is_hinge",
    "log_probabilities",
    "probabilities",
]

# Losses by the names of their Keras classes.
_HINGES = {"Hinge", "SquaredHinge", "CategoricalHinge"}
_ONE_HOT_ONLY = {
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
}
# These take the numbers of classes, whatever their names say.
_SPARSE = {
    "CategoricalGeneralizedCrossEntropy",
    "Circle",
    "SparseCategoricalCrossentropy",
}
# With a column of numbers it compares each row with all others (Keras 3.15).
_FLAT = {"CategoricalGeneralizedCrossEntropy"}
_OF_EACH_OUTPUT = {"BinaryCrossentropy", "BinaryFocalCrossentropy"}
_GIVE_PROBABILITIES = {"softmax", "sigmoid", "hard_sigmoid", "sparsemax"}
_SINGLE_LABEL = ("binary", "multiclass")
_TINY = np.finfo(np.float64).tiny


def find_kind(model):
    """Return what the outputs of a compiled model are.

    Parameters
    ----------
    model : keras.Model
        Compiled, with one output.

    Returns
    -------
    {"probabilities", "logits", "margins"}
        Hinge-like losses learn margins, of which only the sign, or the largest, has a
        meaning. If the last layer returns probabilities, that alone decides, since
        Keras uses its input instead of its output if the loss expects logits. Otherwise
        the loss decides: with one that Keras does not know, a last layer without
        activation returns logits.
    """
    if is_hinge(_loss_of(model)):
        return "margins"
    activation = _last_activation(model)
    if activation in _GIVE_PROBABILITIES:
        return "probabilities"
    loss = _loss_of(model)
    if getattr(loss, "from_logits", False):
        return "logits"
    own = loss is not None and _loss_name(loss) is None
    return "logits" if own and activation == "linear" else "probabilities"


def is_hinge(loss):
    """Return whether a loss is one of the Keras losses that learn margins."""
    return _loss_name(loss) in _HINGES


def check_width(model, encoder):
    """Check that a model has as many outputs as the labels need.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    encoder : ClassifierLabelEncoder
        Fitted.

    Raises
    ------
    ValueError
        If it has more or fewer.
    """
    units = _count_units(model)
    kind, n_classes = encoder._target_type, encoder.n_classes_
    if units is None or n_classes is None or n_classes < 2:
        return
    name = _loss_name(_loss_of(model))
    accepted = [n_classes]
    # Losses of class numbers, or of one-hot rows, need two outputs.
    if kind == "binary" and name not in _SPARSE and name not in _ONE_HOT_ONLY:
        accepted = [1, 2]
    if units in accepted:
        return
    labels = ", ".join(map(repr, encoder.classes_.tolist()[:10]))
    if n_classes > 10:
        labels += ", ..."
    what = "labels" if kind == "multilabel-indicator" else "classes"
    raise ValueError(
        f"The model has {units} output{'s' * (units > 1)} for the {n_classes} {what} "
        f"of y ({labels}) with loss={_shown(_loss_of(model))}: its last layer needs "
        f"{' or '.join(map(str, accepted))} units. A function that builds it gets the "
        "number as meta['n_classes_']; if this part of the data lacks some classes, "
        "use stratified folds."
    )


def adapt_encoder(model, encoder):
    """Return the encoder that the loss of a model with several outputs needs.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    encoder : ClassifierLabelEncoder
        Fitted: it encodes labels as integers, unless its own loss says otherwise.

    Returns
    -------
    ClassifierLabelEncoder
        The same; or one that returns a column for each class, for Keras losses that
        compare outputs one by one with as many targets; or one that returns a flat
        array, for a loss that treats columns as several targets.
    """
    units, name = _count_units(model), _loss_name(_loss_of(model))
    if name in _FLAT and encoder._target_type in _SINGLE_LABEL:
        found = copy(encoder)
        flat = FunctionTransformer(np.ravel)  # and nothing on the way back
        found._final_encoder = make_pipeline(*encoder._final_encoder, flat)
        return found
    labels = encoder._target_type in _SINGLE_LABEL and encoder.n_classes_ > 1
    if not labels or units != encoder.n_classes_ or (name is None or name in _SPARSE):
        return encoder
    # SciKeras' encoder goes by its loss when it makes labels of columns.
    found = copy(encoder).set_params(loss="categorical_crossentropy")
    columns = OneHotEncoder(
        sparse_output=False,
        dtype=np.dtype(keras.config.floatx()),
        categories=[encoder.classes_],
    )
    reshaper = encoder._final_encoder[0]
    columns.fit(encoder.classes_.reshape(-1, 1))
    found._final_encoder = make_pipeline(reshaper, columns)
    found._target_type = "multiclass"  # also of two classes: they have two columns
    return found


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
    of_each = _loss_name(_loss_of(model)) in _OF_EACH_OUTPUT
    return one_label, not one_label or of_each or outputs.shape[1] == 1


def _count_units(model):
    """Return the width of a model's only output, or None if there is no such."""
    found = getattr(model, "outputs", None)
    if found is None or len(found) != 1 or len(found[0].shape) != 2:
        return None
    return found[0].shape[1]


def _loss_of(model):
    loss = model.loss
    if isinstance(loss, dict):
        loss = list(loss.values())
    if isinstance(loss, (list, tuple)):
        loss = loss[0] if len(loss) == 1 else None
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    return loss() if isinstance(loss, type) else loss


def _loss_name(loss):
    """Return the name of the Keras class of a loss; None for the user's own loss."""
    if isinstance(loss, str):
        return camel_case(loss)
    kind = loss if isinstance(loss, type) else type(loss)
    if isinstance(loss, keras.losses.Loss) or kind is loss:
        return kind.__name__ if kind.__module__.startswith("keras.") else None
    if getattr(loss, "__module__", "").startswith("keras."):
        return camel_case(loss.__name__)
    return None


def _shown(loss):
    return repr(getattr(loss, "name", None) or getattr(loss, "__name__", str(loss)))


def _last_activation(model):
    """Return the name of the last layer's activation, or None if it has none."""
    (output, *others) = getattr(model, "outputs", None) or (None,)
    layer: Any = getattr(getattr(output, "_keras_history", None), "operation", None)
    while getattr(layer, "outputs", None) and hasattr(layer, "layers"):
        layer = layer.outputs[0]._keras_history.operation
    if others or layer is None:
        return None
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    activation = getattr(layer, "activation", None)
    return getattr(activation, "__name__", None)
