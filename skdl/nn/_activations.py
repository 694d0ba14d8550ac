"""The activations of hidden layers, all that is known of each in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from skdl.nn._layer import Layer

__all__ = ["ACTIVATIONS", "Activation", "write_activation"]


def _elu(graph, x, alpha=1.0, scale=1.0):
    below = graph.add("Min", x, np.float32(0))
    below = graph.add("Sub", graph.add("Exp", below), np.float32(1))
    below = graph.add("Mul", below, np.float32(scale * alpha))
    above = graph.add("Mul", graph.add("Relu", x), np.float32(scale))
    return graph.add("Add", above, below)


def _selu(graph, x):
    # Klambauer et al., "Self-normalizing neural networks" (2017)
    return _elu(graph, x, alpha=1.6732632423543772, scale=1.0507009873554805)


def _gelu(graph, x):
    share = graph.add("Erf", graph.add("Div", x, np.float32(np.sqrt(2))))
    share = graph.add("Add", share, np.float32(1))
    return graph.add("Mul", graph.add("Mul", x, share), np.float32(0.5))


def _swish(graph, x):
    return graph.add("Mul", x, graph.add("Sigmoid", x))


def _mish(graph, x):
    return graph.add("Mul", x, graph.add("Tanh", graph.add("Softplus", x)))


def _leaky_relu(graph, x):
    return graph.add("LeakyRelu", x, alpha=0.2)


def _operator(kind):
    return lambda graph, x: graph.add(kind, x)


class _Known(NamedTuple):
    """What is known of an activation.

    ``keras`` is its name in Keras, ``initializer`` what ``kernel_initializer="auto"``
    means for the layer before it, and ``write`` writes it as operators of ONNX.
    """

    keras: str
    initializer: str
    write: Callable


# He et al. (2015) for the relu family, Klambauer et al. (2017) for selu, Glorot and
# Bengio (2010) for those that saturate.
_HE, _LECUN, _GLOROT = "he_uniform", "lecun_normal", "glorot_uniform"
ACTIVATIONS = {
    "relu": _Known("relu", _HE, _operator("Relu")),
    "tanh": _Known("tanh", _GLOROT, _operator("Tanh")),
    "sigmoid": _Known("sigmoid", _GLOROT, _operator("Sigmoid")),
    "elu": _Known("elu", _HE, _elu),
    "gelu": _Known("gelu", _HE, _gelu),
    "selu": _Known("selu", _LECUN, _selu),
    "swish": _Known("swish", _HE, _swish),
    "silu": _Known("silu", _HE, _swish),
    "mish": _Known("mish", _HE, _mish),
    "leaky_relu": _Known("leaky_relu", _HE, _leaky_relu),
    "softplus": _Known("softplus", _GLOROT, _operator("Softplus")),
    "hard_swish": _Known("hard_swish", _HE, _operator("HardSwish")),
    "identity": _Known("linear", _GLOROT, lambda graph, x: x),
}


@dataclass(frozen=True)
class Activation(Layer):
    """The activation of a hidden layer.

    Parameters
    ----------
    name : str
        Name of the Keras layer.
    activation : str
        Its name in ``ACTIVATIONS``.
    """

    activation: str

    def apply(self, x, values, mode):
        return _function_of(self.activation)(x)

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        known = ACTIVATIONS[self.activation].keras
        return keras.layers.Activation(known, name=self.name)(x)

    def write_onnx(self, graph, x, values):
        return ACTIVATIONS[self.activation].write(graph, x)


@cache
def _function_of(name):
    from skdl.nn._backend import keras

    return keras.activations.get(ACTIVATIONS[name].keras)


def write_activation(graph, x, name):
    """Write an activation of Keras as operators of ONNX; return their output.

    Raises
    ------
    ValueError
        If it is neither one of ``ACTIVATIONS`` nor a softmax.
    """
    if name == "softmax":
        return graph.add("Softmax", x, axis=-1)
    name = {"linear": "identity", "hard_silu": "hard_swish"}.get(name, name)
    if name not in ACTIVATIONS:
        raise ValueError(f"the activation {name!r} can't be written")
    return ACTIVATIONS[name].write(graph, x)
