"""The interface of the layers of a network.

A layer is plain data, so that a network can be checked before TensorFlow is imported:
its methods import what they compute with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

__all__ = ["INFERENCE", "KerasSettings", "Layer", "Mode", "is_kernel", "is_trained"]

Shape = tuple[int, ...]


class Mode(NamedTuple):
    """How a network is run.

    Parameters
    ----------
    drop : callable or None
        ``drop(values, site)`` applies dropout: site 0 is the input, site k follows
        the k-th hidden layer.
    move : callable or None
        ``move(weight, change)`` adds to a weight that is not trained. If it is given,
        a batch is normalized by its own statistics; else by the moving ones.
    """

    drop: Callable | None = None
    move: Callable | None = None


INFERENCE = Mode()

# Normalization changes nothing at first; all other weights but kernels begin with 0.
_FIRST_VALUES = {"gamma": 1, "moving_variance": 1}


class KerasSettings(NamedTuple):
    """Settings of the Keras model of a network besides its layers.

    Parameters
    ----------
    rates : sequence of float
        Dropout rates of the input and of each hidden layer.
    regularizer : keras.regularizers.Regularizer or None
        Regularizer of the kernels.
    seed : int
        Seed of the random numbers of dropout and augmentation.
    """

    rates: Sequence[float]
    regularizer: Any
    seed: int


@dataclass(frozen=True)
class Layer:
    """One layer.

    Parameters
    ----------
    name : str
        Name of the Keras layer.

    Attributes
    ----------
    weights : tuple of str
        Names of its weights, in Keras' order. A kernel is penalized and has a width;
        weights whose name starts with moving are not trained.
    """

    name: str

    weights: ClassVar[Any] = ()

    @property
    def has_width(self) -> bool:
        """Whether the user chooses the number of its outputs."""
        return any(is_kernel(name) for name in self.weights)

    def output_shape(self, shape: Shape, width: int) -> Shape:
        """Return the shape of its output for a sample of the given shape."""
        return shape

    def weight_shapes(self, shape: Shape, width: int) -> list[Shape]:
        """Return the shapes of its weights."""
        return []

    def multiply_adds(self, shape: Shape, width: int) -> int:
        """Return the multiply-adds of the forward pass of one sample."""
        return 0

    def first_weights(self, shapes: list[Shape], initializer: Any) -> list[np.ndarray]:
        """Return new weights; ``initializer`` makes the kernel from its shape."""
        return [
            initializer(shape)
            if is_kernel(name)
            else np.full(shape, _FIRST_VALUES.get(name, 0), np.float32)
            for name, shape in zip(self.weights, shapes, strict=True)
        ]

    def apply(self, x: Any, values: list, mode: Mode) -> Any:
        """Return its output for a batch, in a graph or eagerly."""
        return x

    def infer(self, x: np.ndarray, values: list[np.ndarray]) -> np.ndarray:
        """Return its output for some rows, by NumPy.

        A layer without a kernel may overwrite ``x``, unless it is the first one.
        """
        return x

    def add_to_keras(self, x: Any, width: int, settings: KerasSettings) -> Any:
        """Return the output of its Keras layer."""
        return x

    def write_onnx(self, graph: Any, x: str, values: list[np.ndarray]) -> str:
        """Write its operators, images with the channels first; return their output."""
        return x


def is_kernel(name: str) -> bool:
    """Return whether a weight of a name is a kernel."""
    return name.endswith("kernel")


def is_trained(name: str) -> bool:
    """Return whether a weight of a name is trained."""
    return not name.startswith("moving")
