"""The interface of the heads: what turns logits into outputs, and their loss."""

from __future__ import annotations

__all__ = ["CodesHead", "Head", "count_columns"]


class Head:
    """A head; ``logits`` are of shape (n_samples, n_outputs).

    Attributes
    ----------
    activation : str or None
        Activation of the output, in Keras and ONNX.
    takes_codes : bool
        Whether targets are classes as int32, of shape (n_samples,); else they are
        floats of the shape of the logits.
    """

    activation: str | None = None
    takes_codes = False

    @property
    def link(self) -> str | None:
        """What turns logits into what an ensemble averages."""
        return self.activation

    def score(self, logits, y, settings):
        """Return the losses and the metrics of a batch, and the gradient.

        Parameters
        ----------
        logits, y : tf.Tensor
            Outputs of the last layer, and the encoded targets.
        settings : tf.Tensor of shape (n_settings,)
            ``loss_settings`` of the target: what the loss depends on beside them.

        Returns
        -------
        losses, metrics : tf.Tensor of shape (n_samples,)
            The metric is 1 for a correct row, 0 for a wrong one, or the squared error.
        gradient : tf.Tensor of shape (n_samples, n_outputs)
            Derivatives of the losses with respect to the logits.
        """
        raise NotImplementedError

    def public_loss(self, target):
        """Return the corresponding loss of Keras, or its name."""
        raise NotImplementedError

    def finish_keras(self, x):
        """Return the public outputs, from logits in Keras."""
        from skdl.nn._backend import keras

        if self.activation is None:
            return x
        return keras.layers.Activation(self.activation, name=self.activation)(x)

    def public_metrics(self, target):
        """Return the corresponding Keras metrics."""
        return ["accuracy"]

    def training_loss(self, target):
        """Return the loss of a program as a function of Keras."""
        from skdl.nn._backend import keras

        loss = keras.losses.get(self.public_loss(target))
        # An object would return the mean over the batch, of which no mean over rows of
        # batches of several sizes can be made.
        return loss.call if isinstance(loss, keras.losses.Loss) else loss

    def _is_right(self, y_true, y_pred):
        """Return which rows are correct, from Keras' targets and outputs."""
        raise NotImplementedError

    def training_metric(self, target):
        """Return the metric of a program as a function of Keras, by its name."""
        from skdl.nn._backend import keras

        # The name of the function is that of the metric, in Keras and in the history.
        def accuracy(y_true, y_pred):
            return keras.ops.cast(self._is_right(y_true, y_pred), "float32")

        return accuracy


class CodesHead(Head):
    """A head whose targets are classes, and whose public outputs are probabilities."""

    takes_codes = True

    def public_loss(self, target):
        return "sparse_categorical_crossentropy"

    def _is_right(self, y_true, y_pred):
        from skdl.nn._backend import keras

        labels = keras.ops.cast(keras.ops.argmax(y_pred, axis=-1), y_true.dtype)
        return labels == keras.ops.reshape(y_true, (-1,))


def count_columns(y):
    """Return the number of columns of the targets, as a float in a graph."""
    from skdl.nn._backend import tf

    return tf.cast(tf.shape(y)[1], tf.float32)
