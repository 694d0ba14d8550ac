"""Predictions of large images, or a user's model, without compiling anything."""

from itertools import count

import keras
import numpy as np
import tensorflow as tf
from scipy import sparse

from skdl.nn._forward import forward
from skdl.training._cache import check_process
from skdl.training._model_key import rows_at_once
from skdl.training._tensors import as_batch, count_samples, take_batch
from skdl.training._twin import predict_in_double

__all__ = [
    "DenseBatches",
    "depends_on_batches",
    "forget_kernels",
    "infer_by_tensorflow",
    "infer_model",
    "mean_loss",
    "rows_scored_at_once",
]

_MEAN = "sum_over_batch_size"
_OF_BATCHES = {"dice", "tversky"}  # which compare whole batches

# A model leaves about 0.3 MB in TensorFlow's cache of kernels, which never shrinks.
_MODELS_PER_CLEARING = 48
_models = count(1)


def infer_by_tensorflow(structure, weights, X, stride):
    """Return the logits of a network that begins with convolutions.

    Parameters
    ----------
    structure : CNNStructure
        The network.
    weights : list of ndarray of float32
        Its weights.
    X : ndarray of shape (n_samples, n_features)
        The rows.
    stride : int
        How many are computed at once.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_outputs)
        The logits.
    """
    check_process()
    # Eager: a row takes less than three milliseconds, where a traced function would be
    # compiled for each new shape and kept.
    weights = [tf.constant(weight) for weight in weights]
    parts = []
    for start in range(0, len(X), stride):
        with np.errstate(over="ignore"):  # infinite, and then NaN, as in Keras
            x = X[start : start + stride].astype(np.float32)
        parts.append(forward(structure, weights, tf.constant(x)).numpy())
    return np.concatenate(parts).astype(np.float64)


def infer_model(model, X):
    """Return the outputs of a Keras model, without compiling anything.

    Parameters
    ----------
    model : keras.Model
        Built.
    X : ndarray or sparse matrix of shape (n_samples, ...)
        The rows.

    Returns
    -------
    ndarray of shape (n_samples, ...), or a list of them
    """
    check_process()
    stride = rows_at_once(model)
    # Once even without rows: the outputs get their shapes.
    starts = range(0, max(X.shape[0], 1), stride)
    if sparse.issparse(X):
        parts = [infer_model(model, X[k : k + stride].toarray()) for k in starts]
    else:
        found = predict_in_double(model, X)
        if found is not None:
            return found
        parts = [model(as_batch(X[k : k + stride]), training=False) for k in starts]
    return keras.tree.map_structure(
        lambda *some: np.concatenate([keras.ops.convert_to_numpy(s) for s in some]),
        *parts,
    )


class DenseBatches(keras.utils.PyDataset):
    """Batches of sparse rows as Keras trains on them: dense.

    Of sparse ones Keras makes tensors that few layers take.

    Parameters
    ----------
    X : CSR matrix of shape (n_samples, n_features)
        The rows.
    batch_size : int
        Rows of a batch.
    """

    def __init__(self, X, batch_size):
        super().__init__()
        self._X, self._batch_size = X, batch_size

    def __len__(self):
        return -(-self._X.shape[0] // self._batch_size)

    def __getitem__(self, index):
        start = index * self._batch_size
        return (as_batch(self._X[start : start + self._batch_size]),)


def depends_on_batches(model):
    """Return whether the loss of some rows is another one than the mean of theirs."""
    losses = keras.tree.flatten(model.loss)
    reductions = {getattr(loss, "reduction", _MEAN) for loss in losses}
    names = [getattr(loss, "__name__", type(loss).__name__) for loss in losses]
    names += [loss for loss in losses if isinstance(loss, str)]
    return reductions != {_MEAN} or bool(_OF_BATCHES & {n.lower() for n in names})


def rows_scored_at_once(model, batch_size):
    """Return the rows whose loss is computed at once: a batch, where that matters."""
    return batch_size if depends_on_batches(model) else rows_at_once(model)


def mean_loss(model, X, y, weight=None, *, batch_size):
    """Return the mean loss of some rows, with the penalties of the model.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    X, y : ndarray, sparse matrix, or a structure of them
        The rows and their targets, encoded.
    weight : ndarray of shape (n_samples,), default=None
        Weights of the rows: Keras multiplies by them, and divides by the rows.
    batch_size : int
        The rows of a batch, on which some losses depend.

    Returns
    -------
    float
    """
    check_process()
    n_rows, stride = count_samples(X), rows_scored_at_once(model, batch_size)
    if weight is not None:
        weight = np.asarray(weight, dtype=np.float32)
    losses = []
    for start in range(0, n_rows, stride):
        rows = slice(start, start + stride)
        x_some, y_some = take_batch(X, rows), take_batch(y, rows)
        outputs = model(x_some, training=False)
        some_weights = None if weight is None else weight[rows]
        loss = model.compute_loss(x_some, y_some, outputs, some_weights, training=False)
        # A mean of these rows plus the penalties, which the division below counts once.
        losses.append(float(loss) * (min(start + stride, n_rows) - start))
    return sum(losses) / n_rows


def forget_kernels():
    """Empty TensorFlow's cache of kernels after some models were built.

    Each new variable leaves a kernel there that nobody uses again: without this a
    search would grow by 0.3 MB a fit. Keras does the same in ``clear_session``.
    """
    if next(_models) % _MODELS_PER_CLEARING == 0:
        from tensorflow.python.eager.context import context

        context().clear_kernel_cache()
