"""Rows that are scored at the end of each epoch, inside the compiled loop."""

import numpy as np
import tensorflow as tf

from skdl.training._sparse import join_sparse

__all__ = ["ROWS_PER_PIECE", "ScoredRows"]

ROWS_PER_PIECE = 8_192


class ScoredRows:
    """Parts of the data whose scores are wanted after each epoch.

    Parameters
    ----------
    parts : list of tuple of tf.Tensor
        X, y and perhaps weights of each part; none at all is well.
    X_like : tf.Tensor or tuple of tf.Tensor
        The rows of the training, for their kind.
    y_like : tf.Tensor
        The targets of the training, for their type and rank.
    rows_per_piece : int, default=8192
        How many rows are scored at once.

    Attributes
    ----------
    data : tuple of tf.Tensor
        X, y and weights of all parts, one after the other.
    pieces : tuple of tf.Tensor, each of shape (n_pieces, 1)
        Where each piece begins, and its number of rows: what is scored at once.
    no_pieces : tuple of tf.Tensor, each of shape (0, 1)
        The same for a part of an epoch that is not its end.
    """

    def __init__(self, parts, X_like, y_like, rows_per_piece=ROWS_PER_PIECE):
        self.n_parts = len(parts)
        self.data = (
            _join_rows([part[0] for part in parts], X_like),
            _join([part[1] for part in parts], y_like[:0]),
            _join([_weights(part) for part in parts], tf.zeros([0])),
        )
        ends = np.cumsum([len(part[1]) for part in parts], dtype=int)
        pieces = [
            (k, begin, min(rows_per_piece, end - begin))
            for k, (first, end) in enumerate(zip([0, *ends], ends))
            for begin in range(first, end, rows_per_piece)
        ]
        table = np.array(pieces, np.int32).reshape(-1, 3)
        self._part = table[:, 0]
        self.pieces = tuple(tf.constant(table[:, k : k + 1]) for k in (1, 2))
        self.no_pieces = tuple(column[:0] for column in self.pieces)

    def mean_scores(self, results, n_epochs):
        """Return the mean scores of the parts from the sums of their pieces.

        Parameters
        ----------
        results : ndarray of shape (n_runs, n_pieces, 4)
            Of each piece: the sums of losses, metrics and weights, and a 0.
        n_epochs : int
            How many epochs were trained: as many as there are runs, if any part is
            scored.

        Returns
        -------
        ndarray of shape (n_epochs, n_parts, 2)
            Mean loss and mean metric.
        """
        scores = np.empty((n_epochs, self.n_parts, 2))
        for k in range(self.n_parts):
            sums = results[:, self._part == k, :3].sum(axis=1)
            scores[:, k] = sums[:, :2] / sums[:, 2:]
        return scores


def _join_rows(parts, like):
    if isinstance(like, tuple):
        return join_sparse(parts, like[-1])
    return _join(parts, tf.zeros([0, 0]))


def _join(columns, empty):
    if len(columns) > 1:
        return tf.concat(columns, axis=0)
    return columns[0] if columns else empty


def _weights(part):
    return part[2] if len(part) == 3 else tf.ones(len(part[1]))
