"""The convolutional layer."""

import math
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from skdl.nn._augmentation import LAYOUT
from skdl.nn._dense import add_bias
from skdl.nn._layer import Layer

__all__ = ["Convolution", "pad_same"]


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
