"""How data get into TensorFlow: with one copy at most."""

import keras
import numpy as np
import tensorflow as tf
from scipy import sparse

__all__ = [
    "as_batch",
    "assign_all",
    "count_samples",
    "read_all",
    "take_batch",
    "to_tensor",
]

_ALIGNMENT = 64  # bytes: that of arrays which TensorFlow uses without a copy
_ROWS_PER_CHUNK = 65_536


def to_tensor(array, dtype, rows=None):
    """Return (some rows of) an array as a tensor, copied at most once.

    Parameters
    ----------
    array : ndarray of shape (n_samples, ...)
        The data; it is not changed.
    dtype : numpy dtype
        Data type of the tensor.
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
    for start in range(0, n_rows, _ROWS_PER_CHUNK):
        chunk = slice(start, start + _ROWS_PER_CHUNK)
        source = array[chunk] if rows is None else array[rows[chunk]]
        # What overflows becomes infinite, and is refused below with its value.
        with np.errstate(over="ignore"):
            copy[chunk] = source
        if array.dtype.kind == "f" and not np.isfinite(copy[chunk]).all():
            raise ValueError(
                f"X or y contains a value too large for {np.dtype(dtype)}: "
                f"{np.abs(source).max():g}. Scale it first (StandardScaler)."
            )
    return _share(copy)


def assign_all(variables, values):
    """Set variables of TensorFlow to arrays.

    Parameters
    ----------
    variables : list of tf.Variable
        The variables, of single floats.
    values : sequence of ndarray or None
        A value for each; None leaves it as it is.
    """
    # Without the methods of the variables, whose checks and conversions take four times
    # as long: a small fit sets a dozen of them.
    for variable, value in zip(variables, values, strict=True):
        if value is not None:
            value = np.asarray(value, np.float32)
            tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


def read_all(variables):
    """Return the values of variables of single floats, as arrays."""
    return [
        tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=tf.float32).numpy()
        for variable in variables
    ]


def as_batch(array):
    """Return rows as ``keras.Model.fit`` would convert them: dense, in floatx."""
    array = array.toarray() if sparse.issparse(array) else array
    if isinstance(array, np.ndarray) and array.dtype.kind in "OUT":
        return keras.ops.convert_to_tensor(array.astype(object), dtype="string")
    is_float = isinstance(array, np.ndarray) and array.dtype.kind == "f"
    return array.astype(keras.config.floatx(), copy=False) if is_float else array


def take_batch(column, rows):
    """Return some rows of an array, or of a structure of them, as ``as_batch``."""
    if isinstance(column, (list, tuple)):  # tf.data knows tuples only
        return tuple(take_batch(part, rows) for part in column)
    if isinstance(column, dict):
        return {name: take_batch(part, rows) for name, part in column.items()}
    return as_batch(column[rows])


def count_samples(X):
    """Return the number of rows of arrays, or None if X is not one."""
    if isinstance(X, (dict, list, tuple)):
        counts = {count_samples(part) for part in keras.tree.flatten(X)}
        return counts.pop() if len(counts) == 1 else None
    is_array = isinstance(X, np.ndarray) or sparse.issparse(X)
    return X.shape[0] if is_array else None


def _can_be_shared(array):
    # NumPy hands out no read-only array through DLPack.
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
