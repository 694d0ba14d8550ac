"""Predictions of a network by NumPy: no TensorFlow, nothing to wait for."""

from functools import lru_cache

import numpy as np
from scipy import sparse

from skdl.nn._layer import Layer

__all__ = ["infer_network"]

# The output of a layer for a chunk of rows stays in the processor's cache.
_VALUES_PER_CHUNK = 2**17


def infer_network(structure, weights, X):
    """Return the logits of a network of dense layers.

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

    Returns
    -------
    ndarray of float64, shape (n_samples, n_outputs)
        The logits.
    """
    values = iter([value.astype(np.float64) for value in weights])
    layers = [
        (infer, [next(values) for _ in range(n_weights)])
        for infer, n_weights in _infer_steps(structure)
    ]
    n_rows, n_features = X.shape
    widest = max(n_features, *(value.shape[-1] for value in weights))
    stride = min(max(_VALUES_PER_CHUNK // widest, 64), 1024)
    logits = np.empty((n_rows, weights[-1].shape[-1]))
    # The exponential of a large number is infinite, and the activation then 0; what is
    # larger still gives NaN, as in Keras.
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n_rows, stride):
            x = X[start : start + stride]
            x = x.toarray() if sparse.issparse(x) else x
            x = x.astype(np.float64, copy=False)
            for infer, own in layers:
                x = infer(x, own)
            logits[start : start + stride] = x
    return logits


# One row takes less time than a walk over the layers.
@lru_cache(maxsize=512)
def _infer_steps(structure):
    """Return what the layers do, as far as they do anything, and how many weights."""
    return [
        (layer.infer, len(layer.weights))
        for layer in structure.layers
        if type(layer).infer is not Layer.infer
    ]
