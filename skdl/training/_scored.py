"""Rows that are scored at the end of each epoch, inside the compiled loop."""

from functools import lru_cache

import numpy as np
import tensorflow as tf

from skdl.training._sparse import join_sparse

__all__ = ["ROWS_PER_CHUNK", "ScoredRows"]

ROWS_PER_CHUNK = 8_192


class ScoredRows:
    """Parts of the data whose scores are wanted after each epoch.

    Parameters
    ----------
    parts : list of tuple of tf.Tensor
        X, y and perhaps weights of each part; the list may be empty.
    like : tuple of tf.Tensor
        The data of the training, for the kind of X and the type and rank of y.
    rows_per_chunk : int, default=8192
        How many rows are scored at once.

    Attributes
    ----------
    data : tuple of tf.Tensor
        X, y and weights of all parts, one after the other.
    chunks : tuple of tf.Tensor, each of shape (n_chunks, 1)
        Where each chunk begins, and its number of rows.
    sizes : ndarray of shape (n_chunks,)
        Number of rows of each chunk.
    ends : tuple of tf.Tensor, each of shape (0, 1) or (1, 1)
        One row for the end of an epoch, and one for that of its scoring.
    no_chunks, no_ends : tuple of tf.Tensor, each of shape (0, 1)
        The same for a part of an epoch that is not its end.
    """

    def __init__(self, parts, like, rows_per_chunk=ROWS_PER_CHUNK):
        self.n_parts = len(parts)
        X_like, y_like = like[:2]
        self.data = (
            _join_rows([part[0] for part in parts], X_like),
            _join([part[1] for part in parts], y_like),
            _join([_weights(part) for part in parts], _WEIGHTS),
        )
        ends = np.cumsum([len(part[1]) for part in parts], dtype=int)
        chunks = [
            (k, begin, min(rows_per_chunk, end - begin))
            for k, (first, end) in enumerate(zip([0, *ends], ends))
            for begin in range(first, end, rows_per_chunk)
        ]
        table = np.array(chunks, np.int32).reshape(-1, 3)
        self._part, self.sizes = table[:, 0], table[:, 2]
        row, no_row = _row(), _no_rows(tf.int32, (1,))
        self.no_chunks = self.no_ends = self.chunks = (no_row, no_row)
        if parts:
            self.chunks = tuple(tf.constant(table[:, k : k + 1]) for k in (1, 2))
        self.ends = (row, row if parts else no_row)

    def mean_scores(self, sums):
        """Return the mean scores of the parts from the sums of their chunks.

        Parameters
        ----------
        sums : ndarray of shape (n_chunks, 3)
            Of each chunk: the sums of losses, metrics and weights.

        Returns
        -------
        list of ndarray of shape (2,)
            Mean loss and mean metric of each part.
        """
        totals = [sums[self._part == k].sum(axis=0) for k in range(self.n_parts)]
        return [total[:2] / total[2:] for total in totals]


def _join_rows(parts, like):
    if isinstance(like, tuple):
        return join_sparse(parts, like[-1])
    return _join(parts, like)


def _join(columns, like):
    if len(columns) > 1:
        return tf.concat(columns, axis=0)
    return columns[0] if columns else _no_rows(like.dtype, tuple(like.shape[1:]))


# Most fits score nothing: to make these anew would take a tenth of a small one.
@lru_cache(maxsize=512)
def _no_rows(dtype, shape):
    return tf.zeros((0, *shape), dtype)


@lru_cache(maxsize=1)
def _row():
    return tf.zeros([1, 1], tf.int32)


_WEIGHTS = tf.TensorSpec([None])


def _weights(part):
    return part[2] if len(part) == 3 else tf.ones(len(part[1]))
