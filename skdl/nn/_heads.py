"""The heads of a network: what turns logits into outputs, and their loss.

Each loss is one class: its value, its metric and its gradient in a graph, and what
corresponds to it in Keras and ONNX.
"""

from __future__ import annotations

__all__ = ["HEADS", "PLAIN_LOSS"]

# The loss without penalties, as the programs report it: Keras adds them to its own.
PLAIN_LOSS = "loss_without_penalties"


class _Head:
    """A head; ``logits`` are of shape (n_samples, n_outputs).

    Attributes
    ----------
    keras_loss : str
        The name of the loss in Keras.
    activation : str or None
        Activation of the output, in Keras and ONNX.
    takes_codes : bool
        Whether targets are classes as int32, of shape (n_samples,); else they are
        floats of the shape of the logits.
    """

    keras_loss: str
    activation: str | None = None
    takes_codes = False

    def score(self, logits, y):
        """Return the losses and the metrics of a batch, and the gradient.

        Returns
        -------
        losses, metrics : tf.Tensor of shape (n_samples,)
            The metric is 1 for a correct row, 0 for a wrong one, or the squared error.
        gradient : tf.Tensor of shape (n_samples, n_outputs)
            Derivatives of the losses with respect to the logits.
        """
        raise NotImplementedError

    def public_metric(self):
        """Return the corresponding Keras metric."""
        return "accuracy"

    def training_loss(self, scaling):
        """Return the loss of a program as a function of Keras.

        Parameters
        ----------
        scaling : tuple of ndarray or None
            Factor and offset from logits to the units of the target.
        """
        from skdl.nn._backend import keras

        return keras.losses.get(self.keras_loss)

    def _is_right(self, y_true, y_pred):
        """Return which rows are correct, from Keras' targets and outputs."""
        raise NotImplementedError

    def training_metric(self, scaling):
        """Return the metric of a program as a function of Keras, by its name."""
        from skdl.nn._backend import keras

        def accuracy(y_true, y_pred):
            return keras.ops.cast(self._is_right(y_true, y_pred), "float32")

        return accuracy


class _Softmax(_Head):
    """Classes, by their cross-entropy."""

    keras_loss = "sparse_categorical_crossentropy"
    activation = "softmax"
    takes_codes = True

    def score(self, logits, y):
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


class _Sigmoid(_Head):
    """Independent labels, by the mean of their cross-entropies."""

    keras_loss = "binary_crossentropy"
    activation = "sigmoid"

    def score(self, logits, y):
        from skdl.nn._backend import tf

        # -log(sigmoid(z)) for y = 1 and -log(1 - sigmoid(z)) for y = 0, without
        # overflow.
        losses = tf.reduce_mean(tf.nn.softplus(logits) - logits * y, axis=1)
        right = tf.reduce_all((logits > 0) == (y > 0.5), axis=1)
        gradient = (tf.math.sigmoid(logits) - y) / _count_columns(y)
        return losses, tf.cast(right, tf.float32), gradient

    def _is_right(self, y_true, y_pred):
        from skdl.nn._backend import keras

        return keras.ops.all((y_pred > 0.5) == (y_true > 0.5), axis=-1)


class _Identity(_Head):
    """Numbers, by the mean of their squared errors."""

    keras_loss = "mean_squared_error"

    def score(self, logits, y):
        from skdl.nn._backend import tf

        errors = logits - y
        losses = tf.reduce_mean(tf.square(errors), axis=1)
        return losses, losses, 2 * errors / _count_columns(y)

    def public_metric(self):
        from skdl.nn._backend import keras

        return keras.metrics.R2Score(name="r2")

    def training_loss(self, scaling):
        from skdl.nn._backend import keras

        factor, offset = scaling or (1.0, 0.0)

        def squared_error(y_true, y_pred):
            logits = (y_pred - offset) / factor
            return keras.ops.mean(keras.ops.square(logits - y_true), axis=-1)

        return squared_error

    def training_metric(self, scaling):
        squared_error = self.training_loss(scaling)

        def r2(y_true, y_pred):
            return 1 - squared_error(y_true, y_pred)

        return r2


def _count_columns(y):
    from skdl.nn._backend import tf

    return tf.cast(tf.shape(y)[1], tf.float32)


HEADS = {"softmax": _Softmax(), "sigmoid": _Sigmoid(), "identity": _Identity()}
