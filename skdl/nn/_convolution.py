"""The convolutional layers: images, convolutions, pooling."""

import math
from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

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

    def infer(self, x, values):
        kernel, *bias = values
        n_samples, height, width, channels = x.shape
        x = pad_same(x, self.size, 1, 0.0)
        # A view of the pixels that each position needs, along the width only: those of
        # all directions at once would take as many times more memory as the kernel is
        # high, and no less time.
        windows = sliding_window_view(x, self.size[1], axis=2).swapaxes(3, 4)
        # (m, h + kh - 1, w, kw, c) -> (m, (h + kh - 1) * w, kw * c)
        rows = windows.reshape(n_samples, -1, self.size[1] * channels)
        # Line k of the kernel meets the image k lines further down.
        products = [
            rows[:, k * width : (k + height) * width] @ each
            for k, each in enumerate(kernel.reshape(self.size[0], -1, kernel.shape[3]))
        ]
        x = reduce(np.add, products)
        if bias:
            x += bias[0]
        return x.reshape(n_samples, height, width, -1)

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
        # TensorFlow adds an odd pixel at the lower and the right border.
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


def pad_same(x, size, stride, value):
    """Return images with borders, as TensorFlow pads them for "SAME".

    Parameters
    ----------
    x : ndarray of shape (n_samples, height, width, n_channels)
        The images.
    size : tuple of int
        Height and width of a window.
    stride : int
        From one window to the next.
    value : float
        What the borders are made of.
    """
    borders = [(0, 0)]
    for length, extent in zip(x.shape[1:3], size, strict=True):
        total = max((-(-length // stride) - 1) * stride + extent - length, 0)
        borders.append((total // 2, total - total // 2))
    if not any(map(any, borders)):
        return x
    return np.pad(x, [*borders, (0, 0)], constant_values=value)
