"""Gradient clipping."""

import tensorflow as tf

__all__ = ["CLIP_FUNCTIONS"]


def _clip_norms(gradients, limit):
    """Scale down each gradient whose norm exceeds the limit."""
    return [gradient * _shortening([gradient], limit) for gradient in gradients]


def _clip_global_norm(gradients, limit):
    """Scale down all gradients alike if their global norm exceeds the limit."""
    factor = _shortening(gradients, limit)
    return [gradient * factor for gradient in gradients]


def _shortening(gradients, limit):
    squares = tf.add_n([tf.reduce_sum(tf.square(one)) for one in gradients])
    # min(1, limit / norm), without a division by 0.
    return limit / tf.maximum(tf.sqrt(squares), limit)


def _clip_values(gradients, limit):
    """Clip each value to the limits."""
    return [tf.clip_by_value(gradient, -limit, limit) for gradient in gradients]


# By Keras' names.
CLIP_FUNCTIONS = {
    "clipnorm": _clip_norms,
    "clipvalue": _clip_values,
    "global_clipnorm": _clip_global_norm,
}
