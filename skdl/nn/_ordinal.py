"""The head of ordered classes: a cumulative link."""

from __future__ import annotations

import numpy as np

from skdl.nn._head import CodesHead

__all__ = ["Ordinal"]

# Beyond this a sigmoid in single precision is 0 or 1: it stands for infinity.
_FAR = 1e4
# Two links nearer than this leave no probability for the class between them.
_LEAST_GAP = 1e-6


class Ordinal(CodesHead):
    """Ordered classes: logit k is that of the classes up to the k-th.

    The layer before it makes the logits increase, so that the probability of each
    class, the difference of two sigmoids, is positive.

    References
    ----------
    McCullagh, "Regression models for ordinal data", JRSS B 42 (1980).
    """

    link = "sigmoid"  # type: ignore[assignment]

    def score(self, logits, y, settings):
        from skdl.nn._backend import tf

        far = tf.fill([tf.shape(logits)[0], 1], _FAR)
        upper = tf.gather(tf.concat([logits, far], 1), y, batch_dims=1)
        lower = tf.gather(tf.concat([-far, logits], 1), y, batch_dims=1)
        gap = tf.maximum(upper - lower, _LEAST_GAP)
        # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b))
        losses = tf.nn.softplus(-upper) + tf.nn.softplus(lower)
        losses -= tf.math.log(-tf.math.expm1(-gap))
        ratio = 1 / tf.math.expm1(gap)
        of_upper = -tf.sigmoid(-upper) - ratio
        of_lower = tf.sigmoid(lower) + ratio
        # The first class has no lower link and the last one no upper: rows of zeros.
        n_links = tf.shape(logits)[1]
        gradient = tf.one_hot(y, n_links) * of_upper[:, tf.newaxis]
        gradient += tf.one_hot(y - 1, n_links) * of_lower[:, tf.newaxis]
        shares = tf.sigmoid(tf.concat([logits, far], 1))
        shares -= tf.sigmoid(tf.concat([-far, logits], 1))
        right = tf.argmax(shares, axis=1, output_type=tf.int32) == y
        return losses, tf.cast(right, tf.float32), gradient

    def finish_keras(self, x):
        """Return the probabilities of the classes, in their order."""
        from skdl.nn._backend import keras

        up_to = keras.ops.sigmoid(x)
        nothing = keras.ops.zeros_like(up_to[:, :1])
        return keras.ops.concatenate([up_to, nothing + 1], axis=1) - (
            keras.ops.concatenate([nothing, up_to], axis=1)
        )

    def write_onnx(self, graph, x):
        """Write the probabilities of the classes, in their order; return their name."""
        up_to = graph.add("Sigmoid", x)
        first = graph.add("Slice", up_to, *(np.array([k]) for k in (0, 1, 1)))
        nothing = graph.add("Mul", first, np.float32(0))
        everything = graph.add("Add", nothing, np.float32(1))
        upper = graph.add("Concat", up_to, everything, axis=1)
        return graph.add("Sub", upper, graph.add("Concat", nothing, up_to, axis=1))
