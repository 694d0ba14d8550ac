"""Normalization over the batch, and the table of all normalizations."""

from dataclasses import dataclass

import numpy as np

from skdl.nn._layer import Layer
from skdl.nn._layer_normalization import LayerNormalization

__all__ = ["BatchNormalization", "NORMALIZATIONS"]


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """Normalizes each value over the batch; for images, over all positions too.

    Parameters
    ----------
    name : str
        Name of the Keras layer.
    is_image : bool, default=False
        Whether it follows a convolution.

    References
    ----------
    Ioffe & Szegedy, "Batch normalization: Accelerating deep network training by
    reducing internal covariate shift", ICML (2015).
    """

    is_image: bool = False

    weights = ("gamma", "beta", "moving_mean", "moving_variance")
    # Not Keras' 0.99: a fit of some hundred steps would end with statistics of its
    # start.
    momentum = 0.9
    epsilon = 1e-3

    def weight_shapes(self, shape, width):
        return [shape[-1:]] * 4

    def apply(self, x, values, mode):
        from skdl.nn._backend import tf

        gamma, beta, *moving = values
        if mode.move is None:
            mean, variance = moving
            scale = gamma * tf.math.rsqrt(variance + self.epsilon)
            return (x - mean) * scale + beta
        normal, *statistics = self._normalize(x, gamma, beta)
        for old, new in zip(moving, statistics, strict=True):
            # new average = momentum * average + (1 - momentum) * statistic
            mode.move(old, (new - old) * (1 - self.momentum))
        return normal

    def _normalize(self, x, gamma, beta):
        """Normalize by the batch's own statistics, with few operations in each pass."""
        from skdl.nn._backend import tf

        axes = list(range(x.shape.rank - 1))

        @tf.custom_gradient
        def normalize(x, gamma, beta):
            mean = tf.reduce_mean(x, axis=axes)
            centered = x - mean
            variance = tf.reduce_mean(tf.square(centered), axis=axes)
            inverse = tf.math.rsqrt(variance + self.epsilon)
            normal = centered * inverse

            # By hand: the gradient of these few lines would be thirty operations, and a
            # small step is priced by their number.
            def differentiate(gradient, *_):
                # Mean and variance only feed the moving averages: they get no gradient.
                of_beta = tf.reduce_sum(gradient, axis=axes)
                of_gamma = tf.reduce_sum(gradient * normal, axis=axes)
                # How many values a statistic is made of: m, or m * h * w for images.
                rows = tf.cast(tf.size(x) / tf.shape(x)[-1], x.dtype)
                shared = (of_beta + normal * of_gamma) / rows
                return gamma * inverse * (gradient - shared), of_gamma, of_beta

            return (normal * gamma + beta, mean, variance), differentiate

        return normalize(x, gamma, beta)

    def infer(self, x, values):
        gamma, beta, mean, variance = values
        x -= mean
        x *= gamma / np.sqrt(variance + self.epsilon)
        x += beta
        return x

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        layer = keras.layers.BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, name=self.name
        )
        return layer(x)

    def write_onnx(self, graph, x, values):
        gamma, beta, mean, variance = values
        scale = gamma / np.sqrt(variance + self.epsilon)
        offset = beta - mean * scale
        return graph.add_scaling(x, scale, offset, is_image=self.is_image)


# What the parameter ``normalization`` may be.
NORMALIZATIONS = {"batch": BatchNormalization, "layer": LayerNormalization}
