"""Sparse rows inside the graph: only those of a batch are made dense.

A matrix of compressed rows is three flat arrays: the values of all rows one after the
other, the column of each value, and where each row begins. A batch costs as much memory
as a dense one, and as much time, plus that of writing its values into zeros.
"""

import numpy as np
import tensorflow as tf
from scipy import sparse

from skdl.training._tensors import to_tensor

__all__ = ["SPARSE_SPEC", "as_sparse_tensors", "dense_rows", "join_sparse", "take_rows"]

# Values, columns, where rows begin, number of columns.
SPARSE_SPEC = (
    tf.TensorSpec([None], tf.float32),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([None], tf.int64),
    tf.TensorSpec([], tf.int64),
)


def as_sparse_tensors(X, rows=None):
    """Return (some rows of) a sparse matrix as tensors.

    Parameters
    ----------
    X : CSR matrix of shape (n_samples, n_features)
        The rows.
    rows : ndarray of int or None
        Those to take; None takes all.

    Returns
    -------
    tuple of tf.Tensor
        As ``SPARSE_SPEC`` has it.
    """
    X = X if rows is None else X[rows]
    return (
        to_tensor(X.data, np.float32),
        tf.constant(X.indices.astype(np.int32, copy=False)),
        tf.constant(X.indptr.astype(np.int64, copy=False)),
        tf.constant(X.shape[1], tf.int64),
    )


def join_sparse(parts, n_columns):
    """Return sparse matrices one below the other; without any, one without rows."""
    if not parts:
        empty = sparse.csr_array((0, int(n_columns)), dtype=np.float32)
        return as_sparse_tensors(empty)
    values, columns, begins, width = zip(*parts)
    offset, joined = 0, [begins[0][:1]]
    for begin in begins:
        # A matrix begins where the one above it ends: that number stands once.
        joined.append(begin[1:] + offset)
        offset += int(begin[-1])
    return tf.concat(values, 0), tf.concat(columns, 0), tf.concat(joined, 0), width[0]


def take_rows(part, rows):
    """Return some rows of dense or sparse data as a dense batch, in a graph.

    Parameters
    ----------
    part : tf.Tensor or tuple of tf.Tensor
        The data.
    rows : tf.Tensor of int32, shape (n_rows,)
        Which.
    """
    if isinstance(part, tuple):
        return dense_rows(part, rows)
    return tf.raw_ops.GatherV2(params=part, indices=rows, axis=0)


def dense_rows(part, rows):
    """Return some rows of sparse data, dense: a tensor of shape (n_rows, n_columns)."""
    values, columns, begins, width = part
    first, end = tf.gather(begins, rows), tf.gather(begins, rows + 1)
    # The positions of all values of these rows, and after how many each row ends.
    ends, places = tf.raw_ops.RaggedRange(
        starts=first, limits=end, deltas=tf.constant(1, tf.int64), Tsplits=tf.int64
    )
    counted = tf.range(tf.size(places, out_type=tf.int64))
    # From the right, which steps over rows without values.
    row = tf.searchsorted(ends[1:], counted, side="right", out_type=tf.int64)
    column = tf.cast(tf.gather(columns, places), tf.int64)
    shape = tf.stack([tf.size(rows, out_type=tf.int64), width])
    dense = tf.scatter_nd(
        tf.stack([row, column], axis=1), tf.gather(values, places), shape
    )
    return tf.reshape(dense, shape)
