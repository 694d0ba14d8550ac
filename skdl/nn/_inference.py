"""Predictions of a network by NumPy: no TensorFlow, nothing to wait for."""

from functools import lru_cache

import numpy as np

from skdl.nn._layer import Layer

__all__ = ["DOUBLE_PRECISION_MULTIPLY_ADDS", "infer_network", "tail_of"]

# A network of images, or of a user's, with more multiply-adds for a row predicts in
# single precision: in double it would take about twice as long.
DOUBLE_PRECISION_MULTIPLY_ADDS = 1_000_000

# The output of a layer for a chunk of rows stays in the processor's cache.
_VALUES_PER_CHUNK = 2**17
# Beside that of an image there are the pixels of each position, several times as many.
_VALUES_PER_IMAGES = 2**16
# A product with fewer rows takes longer for each of them.
_LEAST_ROWS, _MOST_ROWS = 64, 1024


def infer_network(structure, weights, X, widest=None):
    """Return the logits of a network.

    They are computed in double precision: it makes a row's result the same, to 1e-9,
    whatever the other rows of the call are.

    Parameters
    ----------
    structure : MLPStructure
        The network.
    weights : list of ndarray of float32
        Its weights.
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        The rows.
    widest : int or None, default=None
        Largest number of values of a row that a layer returns; None if that is told by
        the shapes of the weights, as in a network of dense layers.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_outputs)
        The logits.
    """
    if widest is not None:  # an image has many positions, each a row of a product
        stride = min(max(_VALUES_PER_IMAGES // widest, 1), _MOST_ROWS)
    elif X.shape[0] <= _LEAST_ROWS:
        stride = _LEAST_ROWS
    else:
        widest = max(X.shape[1], *(value.shape[-1] for value in weights))
        stride = min(max(_VALUES_PER_CHUNK // widest, _LEAST_ROWS), _MOST_ROWS)
    return _infer_chunks(_infer_steps(structure), weights, X, stride)


def tail_of(structure, n_layers):
    """Return a function that computes the logits from the output of a layer.

    Parameters
    ----------
    structure : MLPStructure
        The network.
    n_layers : int
        How many layers come before; those after them are dense.

    Returns
    -------
    callable
        It takes the weights of the other layers, and the rows that the layer returns.
    """
    steps = _infer_steps_of(structure.layers[n_layers:])
    return lambda weights, X: _infer_chunks(steps, weights, X, _MOST_ROWS)


def _infer_chunks(steps, weights, X, stride):
    values = [value.astype(np.float64) for value in weights]
    n_rows, is_dense = X.shape[0], isinstance(X, np.ndarray)
    # The last weight is the bias of the output; what follows it keeps the width.
    logits = np.empty((n_rows, weights[-1].shape[-1]))
    # The exponential of a large number is infinite, and the activation then 0; what is
    # larger still gives NaN, as in Keras.
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n_rows, stride):
            x = X[start : start + stride]
            x = x if is_dense else x.toarray()
            # Perhaps the caller's rows. The first layer that computes is a product,
            # which writes to an array of its own.
            x = x.astype(np.float64, copy=False)
            for infer, own in steps:
                x = infer(x, values[own])
            logits[start : start + stride] = x
    return logits


# One row takes less time than a walk over the layers.
@lru_cache(maxsize=512)
def _infer_steps(structure):
    return _infer_steps_of(structure.layers)


def _infer_steps_of(layers):
    """Return what the layers do, as far as they do anything, and which weights.

    They are a slice of all weights of these layers.
    """
    steps, end = [], 0
    for layer in layers:
        begin, end = end, end + len(layer.weights)
        if type(layer).infer is not Layer.infer:
            steps.append((layer.infer, slice(begin, end)))
    return steps
