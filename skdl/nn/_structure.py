"""The structure of a network: its layers, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from skdl.nn._activations import ACTIVATIONS, Activation
from skdl.nn._augmenters import Augmentation
from skdl.nn._convolution import Convolution
from skdl.nn._dense import Dense
from skdl.nn._dropout import Dropout
from skdl.nn._image import Flatten, Image
from skdl.nn._increasing import Increasing
from skdl.nn._layer import Layer, is_kernel
from skdl.nn._normalization import NORMALIZATIONS, BatchNormalization
from skdl.nn._plan import Plan, make_plan
from skdl.nn._pooling import GlobalPooling, Pooling

__all__ = ["CNNStructure", "MLPStructure"]


@dataclass(frozen=True)
class MLPStructure:
    """The settings of a multilayer perceptron that change its graph.

    The widths of its layers do not: the graph is traced with open shapes, so that
    networks of any width share one program.

    Parameters
    ----------
    depth : int
        Number of hidden layers.
    activation : str
        Activation of the hidden layers: a name in ``ACTIVATIONS``.
    normalization : {"batch", "layer", None}
        What normalizes the hidden layers before their activation.
    head : str
        What turns the logits into the output: a name in ``HEADS``.
    n_quantiles : int, default=1
        How many quantiles of each target are learned together.
    """

    depth: int
    activation: str
    normalization: str | None
    head: str
    # By keyword only, so that the fields of CNNStructure may follow without a default.
    n_quantiles: int = field(default=1, kw_only=True)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, one after the other; those of the head have no weights."""
        return _layers_of(self)

    @property
    def n_blocks(self) -> int:
        """Number of convolutional blocks in front."""
        return 0

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of all weights, in the order of ``keras.Model.get_weights``."""
        return tuple(name for layer in self.layers for name in layer.weights)

    def _make_layers(self) -> tuple[Layer, ...]:
        return (Dropout("input_dropout", 0, 0), *self._dense_layers())

    def _dense_layers(self) -> Iterator[Layer]:
        """Yield the hidden layers that are dense, and the output."""
        for k in range(1, self.depth + 1):
            initializer = ACTIVATIONS[self.activation].initializer
            has_bias = self.normalization is None
            yield Dense(f"dense_{k}", initializer, has_bias)
            if self.normalization is not None:
                yield NORMALIZATIONS[self.normalization](f"norm_{k}")
            yield Activation(f"{self._keras_activation}_{k}", self.activation)
            yield Dropout(f"dropout_{k}", self.n_blocks + k, k)
        yield Dense("output")
        if self.n_quantiles > 1:
            yield Increasing("quantiles", self.n_quantiles)

    @property
    def _keras_activation(self) -> str:
        return ACTIVATIONS[self.activation].keras

    def fixed(self) -> dict[str, Any]:
        """Return by name what must be unchanged when training resumes."""
        return asdict(self)

    def plan(self, n_features: int, widths: Iterable[int]) -> Plan:
        """Return the sizes of the network for rows and layers of some widths."""
        return _plan_of(self, n_features, tuple(widths))

    def widths_of(self, weights: Sequence[np.ndarray]) -> list[int]:
        """Return the widths of the layers that have some weights."""
        pairs = zip(self.weights, weights, strict=True)
        return [weight.shape[-1] for name, weight in pairs if is_kernel(name)]


@dataclass(frozen=True)
class CNNStructure(MLPStructure):
    """The settings of a convolutional network that change its graph.

    The numbers of filters do not.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels of an image.
    kernel_sizes : tuple of tuple of int
        Height and width of the kernels of each block.
    pooling : {"max", "average", None}
        What follows each convolution.
    pool_size : int
        Side of the square that is pooled.
    conv_batch_norm : bool
        Whether the convolutions are normalized before their activation.
    global_pooling : {"max", "average", None}
        How each channel is reduced to one number at the end; None keeps all positions.
    augmentation : str
        Names and settings of the Keras layers that change images, as JSON.
    """

    image_shape: tuple[int, int, int]
    kernel_sizes: tuple[tuple[int, int], ...]
    pooling: str | None
    pool_size: int
    conv_batch_norm: bool
    global_pooling: str | None
    augmentation: str = "[]"

    @property
    def n_blocks(self) -> int:
        """Number of convolutional blocks in front."""
        return len(self.kernel_sizes)

    def _make_layers(self) -> tuple[Layer, ...]:
        return (
            Dropout("input_dropout", 0, 0),
            Image("image", self.image_shape),
            Augmentation("augmentation", self.augmentation),
            *self._conv_layers(),
            *self._dense_layers(),
        )

    def _conv_layers(self) -> Iterator[Layer]:
        """Yield the convolutional blocks, and the layer that flattens them."""
        for k, size in enumerate(self.kernel_sizes, 1):
            initializer = ACTIVATIONS[self.activation].initializer
            has_bias = not self.conv_batch_norm
            yield Convolution(f"block_{k}_convolution", size, initializer, has_bias)
            if self.conv_batch_norm:
                yield BatchNormalization(f"block_{k}_norm", is_image=True)
            yield Activation(f"block_{k}_{self._keras_activation}", self.activation)
            if self.pooling:
                yield Pooling(f"block_{k}_pooling", self.pooling, self.pool_size)
            # Seeds from 100 on, beside those of dense layers, which begin at 1.
            yield Dropout(f"block_{k}_dropout", k, 99 + k)
        if self.global_pooling:
            yield GlobalPooling("features_found", self.global_pooling)
        else:
            yield Flatten("features_found")

    def fixed(self) -> dict[str, Any]:
        """Return by name what must be unchanged when training resumes."""
        # It has no weights: a network may go on with another one.
        return {**super().fixed(), "augmentation": None}


# Each prediction asks for both, and a row takes less than half a millisecond.
@lru_cache(maxsize=512)
def _layers_of(structure: MLPStructure) -> tuple[Layer, ...]:
    return tuple(structure._make_layers())


@lru_cache(maxsize=512)
def _plan_of(structure: MLPStructure, n_features: int, widths: tuple[int, ...]) -> Plan:
    return make_plan(structure.layers, n_features, widths)
