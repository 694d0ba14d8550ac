"""Pooling: the maximum or the mean of windows, or of whole images."""

from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np

from skdl.nn._augmentation import LAYOUT
from skdl.nn._convolution import pad_same
from skdl.nn._layer import Layer

__all__ = ["GlobalPooling", "Pooling"]


@dataclass(frozen=True)
class Pooling(Layer):
    """Reduces each square of pixels to one value.

    Parameters
    ----------
    name : str
        Name of the Keras layer.
    kind : {"max", "average"}
        Which value.
    size : int
        Side of the square.
    """

    kind: str
    size: int

    def output_shape(self, shape, width):
        height, width, channels = shape
        return -(-height // self.size), -(-width // self.size), channels

    def apply(self, x, values, mode):
        from skdl.nn._backend import tf

        pool = {"max": tf.nn.max_pool2d, "average": tf.nn.avg_pool2d}[self.kind]
        return pool(x, self.size, self.size, "SAME")

    def infer(self, x, values):
        if self.kind == "max":
            # -inf is never the maximum: each square has a pixel of the image.
            return self._reduce(x, np.maximum, -np.inf)
        # What is added at the borders does not count: each sum is divided by the number
        # of pixels that its square has.
        n_pixels = self._reduce(np.ones((1, *x.shape[1:3], 1)), np.add, 0.0)
        return self._reduce(x, np.add, 0.0) / n_pixels

    def _reduce(self, x, operation, border):
        """Reduce each square of pixels by an operation of two arrays."""
        x = pad_same(x, (self.size, self.size), self.size, border)
        corners = product(range(self.size), repeat=2)
        parts = (x[:, i :: self.size, j :: self.size] for i, j in corners)
        return reduce(operation, parts)

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        kinds = {
            "max": keras.layers.MaxPooling2D,
            "average": keras.layers.AveragePooling2D,
        }
        layer = kinds[self.kind](
            self.size, padding="same", data_format=LAYOUT, name=self.name
        )
        return layer(x)

    def write_onnx(self, graph, x, values):
        size = [self.size] * 2
        return graph.add_pooling(x, self.kind, size, size, "SAME_UPPER")


@dataclass(frozen=True)
class GlobalPooling(Layer):
    """Reduces each channel to one value.

    Parameters
    ----------
    name : str
        Name of the Keras layer.
    kind : {"max", "average"}
        Which value.
    """

    kind: str

    def output_shape(self, shape, width):
        return shape[2:]

    def apply(self, x, values, mode):
        from skdl.nn._backend import tf

        mean_or_max = {"max": tf.reduce_max, "average": tf.reduce_mean}[self.kind]
        return mean_or_max(x, axis=[1, 2])

    def infer(self, x, values):
        return x.max(axis=(1, 2)) if self.kind == "max" else x.mean(axis=(1, 2))

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        kinds = {
            "max": keras.layers.GlobalMaxPooling2D,
            "average": keras.layers.GlobalAveragePooling2D,
        }
        return kinds[self.kind](data_format=LAYOUT, name=self.name)(x)

    def write_onnx(self, graph, x, values):
        return graph.add_global_pooling(x, self.kind)
