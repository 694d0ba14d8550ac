"""The way of the data into TensorFlow: one copy at most."""

import numpy as np
import tensorflow as tf
from scipy import sparse

__all__ = ["as_dense", "to_tensor"]

_ALIGNMENT = 64  # bytes; where the arrays must start that TensorFlow takes as they are
_ROWS_PER_PIECE = 65_536


def to_tensor(array, dtype, rows=None):
    """Return (some rows of) an array as a tensor, copied at most once.

    Parameters
    ----------
    array : ndarray of shape (n_samples, ...)
        The data; it is not changed.
    dtype : numpy dtype
        Of the tensor.
    rows : ndarray of int or None
        The rows to take; None takes all.

    Raises
    ------
    ValueError
        If a value does not fit into ``dtype``.
    """
    if rows is None and array.dtype == dtype and _can_be_shared(array):
        return _share(array)
    n_rows = len(array) if rows is None else len(rows)
    copy = _empty_aligned((n_rows, *array.shape[1:]), dtype)
    for start in range(0, n_rows, _ROWS_PER_PIECE):
        piece = slice(start, start + _ROWS_PER_PIECE)
        source = array[piece] if rows is None else array[rows[piece]]
        with np.errstate(over="ignore"):
            copy[piece] = source
        if array.dtype.kind == "f" and not np.isfinite(copy[piece]).all():
            raise ValueError(
                f"X or y contains a value too large for {np.dtype(dtype)}: "
                f"{np.abs(source).max():g}. Scale it first (StandardScaler)."
            )
    return _share(copy)


def as_dense(array):
    """Return rows as an array."""
    return array.toarray() if sparse.issparse(array) else array


def _can_be_shared(array):
    flags = array.flags
    starts_right = array.ctypes.data % _ALIGNMENT == 0
    return flags.c_contiguous and flags.writeable and starts_right and array.size


def _share(array):
    # tf.constant would copy twice: once for itself and once for TensorFlow
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def _empty_aligned(shape, dtype):
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.empty(n_bytes + _ALIGNMENT, dtype=np.uint8)
    start = -buffer.ctypes.data % _ALIGNMENT
    return buffer[start : start + n_bytes].view(dtype).reshape(shape)
