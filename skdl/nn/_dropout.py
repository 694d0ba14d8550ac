"""Dropout whose rates are inputs of the graph, from few random bits."""

from dataclasses import dataclass

import numpy as np

from skdl.nn._layer import Layer

__all__ = ["MOST_DROPPED", "PHILOX", "Dropout", "DropoutPlan", "dropout_in_graph"]

# By number: left to choose, TensorFlow takes another algorithm on other devices.
PHILOX = 1
_LEVELS = 256
MOST_DROPPED = 1 - 1 / _LEVELS  # the largest rate whose threshold is a byte
_STRIDE = (5**0.5 - 1) / 2  # the golden ratio: its multiples spread evenly


@dataclass(frozen=True)
class Dropout(Layer):
    """A dropout site: after the input, or after a hidden layer.

    Parameters
    ----------
    name : str
        Name of the Keras layer.
    site : int
        0 is the input, k the k-th hidden layer.
    seed_offset : int
        What the Keras layer adds to the seed of the model.
    """

    site: int
    seed_offset: int

    def apply(self, x, values, mode):
        return mode.drop(x, self.site) if mode.drop else x

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        rate = settings.rates[self.site]
        if not rate:
            return x
        seed = settings.seed + self.seed_offset
        return keras.layers.Dropout(rate, seed=seed, name=self.name)(x)


class DropoutPlan:
    """The random part of one fit's dropout.

    Each value of a layer gets one random byte and is kept where the byte reaches a
    threshold. The threshold is rounded up in some of the steps, spread evenly, so that
    the rate is exact on average, at a quarter of the cost of whole words.

    Parameters
    ----------
    rates : sequence of float
        The rate at each site that has dropout, from 0 to ``MOST_DROPPED``.
    widths : sequence of int
        Number of values in a row at each site.
    seed : np.random.SeedSequence
        Where the random numbers come from.

    References
    ----------
    Srivastava et al., "Dropout: A simple way to prevent neural networks from
    overfitting", JMLR 15 (2014).
    """

    def __init__(self, rates, widths, seed):
        self._rates = np.asarray(rates, dtype=np.float64)
        start, self._key = seed.generate_state(2, np.uint64)
        self._start = float(start) / 2**64
        # Random words have four bytes: the rest of the last one is a part of its own.
        padding = -sum(widths) % 4
        self._splits = np.array([*widths, padding], dtype=np.int32)

    def constants(self):
        """Return the constants of all steps: scales, splits, words, key."""
        scales = (1 / (1 - self._rates)).astype(np.float32)
        words = np.array([self._splits.sum() // 4], dtype=np.int32)
        return scales, self._splits, words, np.array([self._key])

    def columns(self, steps):
        """Return the counters and the thresholds of the given steps."""
        if not len(self._rates):
            return ()
        counters = np.zeros((len(steps), 2), dtype=np.uint64)
        # Philox counts its blocks from the lower word on: with the step as the upper
        # one, the numbers of two steps never overlap.
        counters[:, 1] = steps
        jitter = (self._start + _STRIDE * steps) % 1
        thresholds = np.floor(_LEVELS * self._rates + jitter[:, None])
        return counters, thresholds.astype(np.uint8)


def dropout_in_graph(sites, size, constants, counter, thresholds):
    """Return the function ``drop(values, site)`` of one step.

    Parameters
    ----------
    sites : sequence of int
        The sites that have dropout.
    size : tf.Tensor of shape (1,)
        Rows of the batch.
    constants, counter, thresholds
        As from ``DropoutPlan``, for one step.
    """
    from skdl.nn._backend import tf

    scales, splits, words, key = constants
    bits = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=tf.concat([size, words], 0),
        key=key,
        counter=counter,
        alg=PHILOX,
        dtype=tf.uint32,
    )
    # (m, words) of four bytes -> (m, widths side by side)
    random_bytes = tf.reshape(
        tf.bitcast(bits, tf.uint8), tf.concat([size, 4 * words], 0)
    )
    # One draw for all sites of a step: a draw costs as much as a small product.
    parts = tf.split(random_bytes, splits, axis=1, num=len(sites) + 1)
    scales, thresholds = (
        tf.unstack(values, len(sites)) for values in (scales, thresholds)
    )
    masks = {
        site: tf.cast(part >= threshold, tf.float32) * scale
        for site, part, threshold, scale in zip(
            sites, parts[:-1], thresholds, scales, strict=True
        )
    }

    def drop(values, site):
        if site not in masks:
            return values
        mask = masks[site]
        if values.shape.rank > 2:  # (m, h * w * c) -> (m, h, w, c)
            mask = tf.reshape(mask, tf.shape(values))
        return _masked(values, mask)

    return drop


def _masked(values, mask):
    """Multiply, with a gradient that needs no shapes and is None for the mask."""
    from skdl.nn._backend import tf

    @tf.custom_gradient
    def multiply(values, mask):
        return values * mask, lambda gradient: (gradient * mask, None)

    return multiply(values, mask)
