"""What the outputs of a user's model are: probabilities, logits or margins."""

from typing import Any

import keras

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
        activation returns logits.
    """
    if is_hinge(loss_of(model)):
        return "margins"
    activation = _last_activation(model)
    if activation in _GIVE_PROBABILITIES:
        return "probabilities"
    loss = loss_of(model)
    if getattr(loss, "from_logits", False):
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
