"""The convolutional layers: images, convolutions, pooling."""

import math
from dataclasses import dataclass

import numpy as np

from skdl.nn._augmentation import LAYOUT
from skdl.nn._dense import add_bias
from skdl.nn._layer import Layer

__all__ = ["Convolution", "Flatten", "GlobalPooling", "Image", "Pooling"]


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

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        if len(x.shape) > 2:
            return x
        return keras.layers.Reshape(self.shape, name=self.name)(x)

    def write_onnx(self, graph, x, values):
        image = graph.add("Reshape", x, np.array([-1, *self.shape]))
        return graph.add("Transpose", image, perm=[0, 3, 1, 2])


@dataclass(frozen=True)
class Convolution(Layer):
    """A convolution that keeps the size of images, padding them with zeros.

    Parameters
    ----------
    name : str
        Name of the Keras layer.
    size : tuple of int
        Height and width of the kernel.
    initializer : str
        What ``kernel_initializer="auto"`` stands for here.
    has_bias : bool
        Whether a bias is added; a normalization that follows has one of its own.
    """

    size: tuple[int, int]
    initializer: str
    has_bias: bool

    @property
    def weights(self):
        """Names of the weights."""
        return ("conv_kernel", "bias") if self.has_bias else ("conv_kernel",)

    def output_shape(self, shape, width):
        return (*shape[:2], width)

    def weight_shapes(self, shape, width):
        return [(*self.size, shape[2], width), (width,)][: len(self.weights)]

    def multiply_adds(self, shape, width):
        return math.prod(shape) * math.prod(self.size) * width

    def apply(self, x, values, mode):
        from skdl.nn._backend import tf

        kernel, *bias = values
        x = tf.nn.conv2d(x, kernel, 1, "SAME")
        return add_bias(tf, x, *bias) if bias else x

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        layer = keras.layers.Conv2D(
            width,
            self.size,
            padding="same",
            data_format=LAYOUT,
            use_bias=self.has_bias,
            kernel_initializer="zeros",
            kernel_regularizer=settings.regularizer,
            name=self.name,
        )
        return layer(x)

    def write_onnx(self, graph, x, values):
        return graph.add_convolution(x, *values, auto_pad="SAME_UPPER")


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

        reduce = {"max": tf.reduce_max, "average": tf.reduce_mean}[self.kind]
        return reduce(x, axis=[1, 2])

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        kinds = {
            "max": keras.layers.GlobalMaxPooling2D,
            "average": keras.layers.GlobalAveragePooling2D,
        }
        return kinds[self.kind](data_format=LAYOUT, name=self.name)(x)

    def write_onnx(self, graph, x, values):
        return graph.add_global_pooling(x, self.kind)


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

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        return keras.layers.Flatten(data_format=LAYOUT, name=self.name)(x)

    def write_onnx(self, graph, x, values):
        return graph.add_flatten(x)
