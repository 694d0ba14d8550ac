"""The sizes of a network, as they follow from its input."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from skdl.nn._dropout import Dropout
from skdl.nn._layer import Layer

__all__ = ["Plan", "make_plan"]

# 64 MiB of single floats.
_VALUES_AT_ONCE = 2**24


@dataclass(frozen=True)
class Plan:
    """The sizes of a network.

    Parameters
    ----------
    layer_widths : list of int
        For each layer, the number of units or filters; 0 without a kernel.
    weight_shapes : list of list of tuple of int
        Shapes of the weights of each layer.
    widths : list of int
        Number of values of a row at each dropout site: the input, and the output of
        each hidden layer.
    widest : int
        Largest number of values of a row that a layer returns.
    multiply_adds : int
        Multiply-adds of the forward pass of one row.
    """

    layer_widths: list
    weight_shapes: list
    widths: list
    widest: int
    multiply_adds: int

    @property
    def kernels(self) -> list[tuple[int, ...]]:
        """Shapes of the kernels."""
        pairs = zip(self.layer_widths, self.weight_shapes, strict=True)
        return [shapes[0] for width, shapes in pairs if width]

    @property
    def rows_at_once(self) -> int:
        """Number of rows for which the outputs of a layer take some megabytes."""
        return int(np.clip(_VALUES_AT_ONCE // max(self.widths), 16, 8_192))


def make_plan(layers: Sequence[Layer], n_features: int, widths: Iterable[int]) -> Plan:
    """Return the sizes of a network.

    Parameters
    ----------
    layers : sequence of Layer
        The layers.
    n_features : int
        Values of a row.
    widths : iterable of int
        Of the layers that have a width, one after the other.

    Returns
    -------
    Plan
    """
    remaining = iter(widths)
    shape: tuple[int, ...] = (n_features,)
    layer_widths, weight_shapes, sites = [], [], []
    widest, multiply_adds = n_features, 0
    # Shapes are followed from the input on: a layer knows its weights once it knows
    # what it gets, and no weight has an index of its own.
    for layer in layers:
        width = next(remaining) if layer.has_width else 0
        layer_widths.append(width)
        weight_shapes.append(layer.weight_shapes(shape, width))
        multiply_adds += layer.multiply_adds(shape, width)
        shape = layer.output_shape(shape, width)
        widest = max(widest, math.prod(shape))
        if isinstance(layer, Dropout):
            sites.append(math.prod(shape))
    return Plan(layer_widths, weight_shapes, sites, widest, multiply_adds)
