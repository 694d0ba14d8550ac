"""The heads of a network: the losses of labels, and the table of all heads.

Each loss is one class: its value, its metric and its gradient in a graph, and what
corresponds to it in Keras.
"""

from __future__ import annotations

from skdl.nn._head import Head, count_columns
from skdl.nn._losses import LOSSES

__all__ = ["HEADS", "PLAIN_LOSS"]

# The loss without penalties, as the programs report it: Keras adds them to its own.
PLAIN_LOSS = "loss_without_penalties"


class _Softmax(Head):
    """Classes, by their cross-entropy."""

    activation = "softmax"
    takes_codes = True

    def public_loss(self, target):
        return "sparse_categorical_crossentropy"

    def score(self, logits, y, settings):
        from skdl.nn._backend import tf

        # The fused kernel gives the loss and its gradient at once, and is stable for
        # logits of any size.
        losses, gradient = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(
            features=logits, labels=y
        )
        right = tf.raw_ops.InTopKV2(predictions=logits, targets=y, k=1)
        return losses, tf.cast(right, tf.float32), gradient

    def _is_right(self, y_true, y_pred):
        from skdl.nn._backend import keras

        labels = keras.ops.cast(keras.ops.argmax(y_pred, axis=-1), y_true.dtype)
        return labels == keras.ops.reshape(y_true, (-1,))


class _Sigmoid(Head):
    """Independent labels, by the mean of their cross-entropies."""

    activation = "sigmoid"

    def public_loss(self, target):
        return "binary_crossentropy"

    def score(self, logits, y, settings):
        from skdl.nn._backend import tf

        # -log(sigmoid(z)) for y = 1 and -log(1 - sigmoid(z)) for y = 0, without
        # overflow.
        losses = tf.reduce_mean(tf.nn.softplus(logits) - logits * y, axis=1)
        right = tf.reduce_all((logits > 0) == (y > 0.5), axis=1)
        gradient = (tf.math.sigmoid(logits) - y) / count_columns(y)
        return losses, tf.cast(right, tf.float32), gradient

    def _is_right(self, y_true, y_pred):
        from skdl.nn._backend import keras

        return keras.ops.all((y_pred > 0.5) == (y_true > 0.5), axis=-1)


HEADS = {"softmax": _Softmax(), "sigmoid": _Sigmoid(), **LOSSES}
