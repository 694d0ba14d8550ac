"""Between flat rows and images."""

import math
from dataclasses import dataclass

import numpy as np

from skdl.nn._augmentation import LAYOUT
from skdl.nn._layer import Layer

__all__ = ["Flatten", "Image"]


@dataclass(frozen=True)
class Image(Layer):
    """Reshapes flat rows to images.

    Parameters
    ----------
    name : str
        Name of the Keras layer.
    shape : tuple of int
        Height, width and channels.
    """

    shape: tuple[int, int, int]

    def output_shape(self, shape, width):
        if math.prod(shape) != math.prod(self.shape):
            raise ValueError(f"Rows of {math.prod(shape)} values are no {self.shape}.")
        return self.shape

    def apply(self, x, values, mode):
        from skdl.nn._backend import tf

        return tf.reshape(x, [-1, *self.shape])  # (m, h * w * c) -> (m, h, w, c)

    def infer(self, x, values):
        return x.reshape(-1, *self.shape)

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        # A network that was fitted on images has a Keras model that takes images.
        if len(x.shape) > 2:
            return x
        return keras.layers.Reshape(self.shape, name=self.name)(x)

    def write_onnx(self, graph, x, values):
        image = graph.add("Reshape", x, np.array([-1, *self.shape]))
        # (m, h, w, c) -> (m, c, h, w)
        return graph.add("Transpose", image, perm=[0, 3, 1, 2])


@dataclass(frozen=True)
class Flatten(Layer):
    """Reshapes images to flat rows."""

    def output_shape(self, shape, width):
        return (math.prod(shape),)

    def apply(self, x, values, mode):
        from skdl.nn._backend import tf

        # (m, h, w, c) -> (m, h * w * c)
        shape = tf.shape(x)
        return tf.reshape(x, [shape[0], shape[1] * shape[2] * shape[3]])

    def infer(self, x, values):
        return x.reshape(len(x), -1)

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        return keras.layers.Flatten(data_format=LAYOUT, name=self.name)(x)

    def write_onnx(self, graph, x, values):
        return graph.add_flatten(x)
