"""What the outputs of a user's model are: probabilities, logits or margins."""

import keras

from skdl._utils._keras_objects import is_own
from skdl.keras_wrapper._routing import camel_case

__all__ = ["find_kind", "is_hinge", "loss_name", "loss_of", "show_loss"]

# Losses by the names of their Keras classes.
_HINGES = {"Hinge", "SquaredHinge", "CategoricalHinge"}
_GIVE_PROBABILITIES = {"softmax", "sigmoid", "hard_sigmoid", "sparsemax"}


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
        activation returns logits. Layers that pass values on, as a cast or a reshape,
        do not count.
    """
    if is_hinge(loss_of(model)):
        return "margins"
    activation = _last_activation(model)
    if activation in _GIVE_PROBABILITIES:
        return "probabilities"
    loss = loss_of(model)
    # The softmax of log_softmax is that of its input.
    if activation == "log_softmax" or getattr(loss, "from_logits", False):
        return "logits"
    own = loss is not None and loss_name(loss) is None
    return "logits" if own and activation == "linear" else "probabilities"


def is_hinge(loss):
    """Return whether a loss is one of the Keras losses that learn margins."""
    return loss_name(loss) in _HINGES


def loss_of(model):
    loss = model.loss
    if isinstance(loss, dict):
        loss = list(loss.values())
    if isinstance(loss, (list, tuple)):
        loss = loss[0] if len(loss) == 1 else None
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    return loss() if isinstance(loss, type) else loss


def loss_name(loss):
    """Return the name of the Keras class of a loss; None for the user's own loss."""
    if isinstance(loss, str):
        return camel_case(loss)
    kind = loss if isinstance(loss, type) else type(loss)
    if isinstance(loss, keras.losses.Loss) or kind is loss:
        return kind.__name__ if kind.__module__.startswith("keras.") else None
    if getattr(loss, "__module__", "").startswith("keras."):
        return camel_case(loss.__name__)
    return None


def show_loss(loss):
    return repr(getattr(loss, "name", None) or getattr(loss, "__name__", str(loss)))


def _last_activation(model):
    """Return the name of the last activation, or None if it is not known."""
    (tensor, *others) = getattr(model, "outputs", None) or (None,)
    if others:
        return None
    while (history := getattr(tensor, "_keras_history", None)) is not None:
        layer = history.operation
        if getattr(layer, "outputs", None) and hasattr(layer, "layers"):
            tensor = layer.outputs[0]  # of a model inside the model
        elif isinstance(layer, _PASS_ON) or _is_linear(layer):
            (tensor, *_) = layer._inbound_nodes[history.node_index].input_tensors
        else:
            return _activation_of(layer)
    return None


# What returns the values that it gets, at least where it predicts.
_PASS_ON = (
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.Reshape,
)


def _is_linear(layer):
    is_alone = isinstance(layer, keras.layers.Activation)
    return is_alone and layer.activation is keras.activations.linear


def _activation_of(layer):
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    activation = getattr(layer, "activation", None)
    if activation is not None:
        return getattr(activation, "__name__", None)
    # A normalization, say, returns any numbers; of one of the user's own who knows?
    is_layer = isinstance(layer, keras.layers.Layer)
    return "linear" if is_layer and is_own(type(layer)) else None
