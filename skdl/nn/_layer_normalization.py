"""Layer normalization."""

from dataclasses import dataclass

import numpy as np

from skdl.nn._layer import Layer

__all__ = ["LayerNormalization"]


@dataclass(frozen=True)
class LayerNormalization(Layer):
    """Normalizes the values of each sample: a row does not depend on others.

    References
    ----------
    Ba, Kiros & Hinton, "Layer normalization", arXiv:1607.06450 (2016).
    """

    weights = ("gamma", "beta")
    epsilon = 1e-3

    def weight_shapes(self, shape, width):
        return [shape[-1:]] * 2

    def apply(self, x, values, mode):
        from skdl.nn._backend import tf

        gamma, beta = values
        centered = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centered), axis=-1, keepdims=True)
        return centered * tf.math.rsqrt(variance + self.epsilon) * gamma + beta

    def infer(self, x, values):
        gamma, beta = values
        x -= x.mean(axis=-1, keepdims=True)
        # Centered by now: the mean of the squares is the variance.
        x /= np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + self.epsilon)
        x *= gamma
        x += beta
        return x

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        return keras.layers.LayerNormalization(epsilon=self.epsilon, name=self.name)(x)

    def write_onnx(self, graph, x, values):
        scale, bias = (np.float32(value) for value in values)
        return graph.add(
            "LayerNormalization", x, scale, bias, axis=-1, epsilon=self.epsilon
        )
