"""The activations of hidden layers, all that is known of each in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import erf

from skdl.nn._layer import Layer

__all__ = ["ACTIVATIONS", "Activation", "write_activation"]


def _elu(graph, x, alpha=1.0, scale=1.0):
    # One branch is always 0; the minimum keeps the other from overflowing.
    below = graph.add("Min", x, np.float32(0))
    below = graph.add("Sub", graph.add("Exp", below), np.float32(1))
    below = graph.add("Mul", below, np.float32(scale * alpha))
    above = graph.add("Mul", graph.add("Relu", x), np.float32(scale))
    return graph.add("Add", above, below)


def _selu(graph, x):
    # Klambauer et al., "Self-normalizing neural networks" (2017)
    return _elu(graph, x, alpha=1.6732632423543772, scale=1.0507009873554805)


def _gelu(graph, x):
    # By erf, as in Keras, and in parts: ONNX has a Gelu from opset 20 on only.
    share = graph.add("Erf", graph.add("Div", x, np.float32(np.sqrt(2))))
    share = graph.add("Add", share, np.float32(1))
    return graph.add("Mul", graph.add("Mul", x, share), np.float32(0.5))


def _swish(graph, x):
    return graph.add("Mul", x, graph.add("Sigmoid", x))


def _mish(graph, x):
    return graph.add("Mul", x, graph.add("Tanh", graph.add("Softplus", x)))


def _leaky_relu(graph, x):
    # Keras' slope; that of ONNX is 0.01.
    return graph.add("LeakyRelu", x, alpha=0.2)


def _operator(kind):
    return lambda graph, x: graph.add(kind, x)


def _same(*arguments):
    return arguments[-1]


# The same by NumPy. They may overwrite their input.


def _infer_relu(x):
    return np.maximum(x, 0, out=x)


def _infer_elu(x, alpha=1.0, scale=1.0):
    below = np.expm1(np.minimum(x, 0)) * (scale * alpha)
    return np.where(x > 0, scale * x, below)


def _infer_selu(x):
    return _infer_elu(x, alpha=1.6732632423543772, scale=1.0507009873554805)


def _infer_gelu(x):
    return x * (0.5 * (1 + erf(x / np.sqrt(2))))


def _infer_sigmoid(x):
    # SciPy's expit takes four times as long.
    x = np.negative(x, out=x)
    x = np.exp(x, out=x)
    x += 1
    return np.reciprocal(x, out=x)


def _infer_swish(x):
    # x / (1 + exp(-x)), with one new array.
    divisor = np.negative(x)
    np.exp(divisor, out=divisor)
    divisor += 1
    return np.divide(x, divisor, out=divisor)


def _infer_softplus(x):
    # log(e^0 + e^x) = log(1 + e^x), which does not overflow for a large x.
    return np.logaddexp(0, x)


def _infer_mish(x):
    return x * np.tanh(_infer_softplus(x))


def _infer_leaky_relu(x):
    return np.where(x > 0, x, 0.2 * x)


def _infer_hard_swish(x):
    return x * (np.clip(x + 3, 0, 6) / 6)


class _Known(NamedTuple):
    """What is known of an activation.

    ``keras`` is its name in Keras, ``initializer`` what ``kernel_initializer="auto"``
    means for the layer before it, ``write`` writes it as operators of ONNX, and
    ``infer`` computes it by NumPy.
    """

    keras: str
    initializer: str
    write: Callable
    infer: Callable


# He et al. (2015) for the relu family, Klambauer et al. (2017) for selu, Glorot and
# Bengio (2010) for those that saturate.
_HE, _LECUN, _GLOROT = "he_uniform", "lecun_normal", "glorot_uniform"
ACTIVATIONS = {
    "relu": _Known("relu", _HE, _operator("Relu"), _infer_relu),
    "tanh": _Known("tanh", _GLOROT, _operator("Tanh"), np.tanh),
    "sigmoid": _Known("sigmoid", _GLOROT, _operator("Sigmoid"), _infer_sigmoid),
    "elu": _Known("elu", _HE, _elu, _infer_elu),
    "gelu": _Known("gelu", _HE, _gelu, _infer_gelu),
    "selu": _Known("selu", _LECUN, _selu, _infer_selu),
    "swish": _Known("swish", _HE, _swish, _infer_swish),
    "silu": _Known("silu", _HE, _swish, _infer_swish),
    "mish": _Known("mish", _HE, _mish, _infer_mish),
    "leaky_relu": _Known("leaky_relu", _HE, _leaky_relu, _infer_leaky_relu),
    "softplus": _Known("softplus", _GLOROT, _operator("Softplus"), _infer_softplus),
    "hard_swish": _Known("hard_swish", _HE, _operator("HardSwish"), _infer_hard_swish),
    "identity": _Known("linear", _GLOROT, _same, _same),
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

    def infer(self, x, values):
        return ACTIVATIONS[self.activation].infer(x)

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
    # Keras gives the name of the function, which is not always that of the table.
    name = {"linear": "identity", "hard_silu": "hard_swish"}.get(name, name)
    if name not in ACTIVATIONS:
        raise ValueError(f"the activation {name!r} can't be written")
    return ACTIVATIONS[name].write(graph, x)
