"""Data sets of batches: ``tf.data.Dataset`` and ``keras.utils.PyDataset``."""

from typing import Any

import keras
import numpy as np

__all__ = ["Stream", "is_stream", "read_whole"]


def is_stream(data):
    """Return whether the data are a data set of batches, not an array."""
    return isinstance(data, keras.utils.PyDataset) or hasattr(data, "element_spec")


class Stream:
    """A data set of batches (x, y) or (x, y, weight), read again in each epoch.

    Parameters
    ----------
    data : tf.data.Dataset or keras.utils.PyDataset
        The batches: finite, and at least one.

    Attributes
    ----------
    x : ndarray
        The rows of the first batch.
    y : ndarray of shape (n_samples, ...)
        All targets.
    weight : ndarray of shape (n_samples,) or None
        All weights, where the batches have some.
    n_batches : int
        Number of batches in an epoch.

    Raises
    ------
    ValueError
        If it does not end, is empty, or its batches hold something else.
    """

    def __init__(self, data):
        # tf.data.INFINITE_CARDINALITY; an unknown one, -2, may well end.
        if hasattr(data, "cardinality") and int(data.cardinality()) == -1:
            raise ValueError(
                "The data set does not end: an epoch is one pass over it. Leave out "
                "repeat(), or limit it by take(n_batches)."
            )
        self._data = data
        targets: list = []
        weights: list = []
        self.x: Any = None
        self.n_batches = 0
        for x, y, weight in self.batches():
            self.x = x if self.x is None else self.x
            targets.append(y)
            weights += [] if weight is None else [weight]
            self.n_batches += 1
        if not targets:
            raise ValueError("The data set is empty: it has no batch.")
        self.y = np.concatenate(targets)
        self.weight = np.concatenate(weights) if weights else None

    def batches(self):
        """Yield x, y and the weights (or None) of each batch of one epoch."""
        if isinstance(self._data, keras.utils.PyDataset):
            batches = (self._data[k] for k in range(len(self._data)))
        else:
            batches = self._data.as_numpy_iterator()
        for batch in batches:
            if not isinstance(batch, tuple) or len(batch) not in (2, 3):
                raise ValueError(
                    "A data set must give batches (x, y) or (x, y, sample_weight), got "
                    f"{type(batch).__name__}. Group its rows with batch(32)."
                )
            x, y, *weight = batch
            if isinstance(x, (tuple, list, dict)):
                raise ValueError(
                    "A data set must give x as one array, got a "
                    f"{type(x).__name__}: join several inputs, and let the model take "
                    "them apart, or fit on arrays with a feature_encoder."
                )
            if np.ndim(y) == 0:
                raise ValueError(
                    "The data set gives single rows, and a fit takes batches: group "
                    "them with batch(32)."
                )
            yield _decoded(x), _decoded(y), weight[0] if weight else None
        if isinstance(self._data, keras.utils.PyDataset):
            self._data.on_epoch_end()

    def encoded(self, encode):
        """Yield ``encode(x, y, weight)`` of each batch, epoch after epoch."""
        while True:
            for batch in self.batches():
                yield encode(*batch)


def _decoded(array):
    """Return an array with TensorFlow's bytes decoded to text."""
    array = np.asarray(array)
    is_bytes = array.dtype.kind == "O" and isinstance(array.ravel()[0], bytes)
    return np.char.decode(array.astype(bytes), "utf-8") if is_bytes else array


def read_whole(data):
    """Return X, y and, where it has them, the weights of a data set."""
    parts = list(zip(*Stream(data).batches()))
    X, y = (np.concatenate(part) for part in parts[:2])
    return (X, y) if parts[2][0] is None else (X, y, np.concatenate(parts[2]))
