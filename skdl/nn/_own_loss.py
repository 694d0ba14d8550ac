"""A loss of the user's own: a function of targets and outputs, of ``keras.ops``."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

from skdl.nn._head import Head

__all__ = ["OwnLoss", "find_loss"]


def find_loss(loss: Any) -> Callable:
    """Return the function of a loss that is not one of ours.

    Parameters
    ----------
    loss : callable, keras.losses.Loss or str
        A string is the name under which a function is registered with Keras.

    Raises
    ------
    ValueError
        If no function is registered under the name.
    """
    from skdl.nn._backend import keras

    found = keras.saving.get_registered_object(loss) if isinstance(loss, str) else loss
    if found is None:
        raise ValueError(
            f"loss={loss!r} names a function that is not registered: import the module "
            "that registers it by @keras.saving.register_keras_serializable first, or "
            "give the function itself."
        )
    # An object would return the mean over the batch.
    return found.call if isinstance(found, keras.losses.Loss) else found


class OwnLoss(Head):
    """A head whose loss is a function; its gradient is found by TensorFlow.

    The function takes what Keras would give it: the targets, and what the network
    predicts, probabilities or numbers in the units of the targets.
    """

    loss: Callable | None = None
    n_logits: int

    def bound(self, loss: Any, n_logits: int) -> OwnLoss:
        """Return the head with its function, and the width of the outputs."""
        own = copy(self)
        own.loss, own.n_logits = find_loss(loss), n_logits
        return own

    def in_units(self, logits, y, settings):
        """Return targets and predictions as the function takes them, in a graph."""
        raise NotImplementedError

    def own_metrics(self, logits, y):
        """Return the metric of each row, in a graph."""
        raise NotImplementedError

    def score(self, logits, y, settings):
        from skdl.nn._backend import tf

        # Programs leave widths open, and a function may ask for y_pred.shape.
        logits = tf.ensure_shape(logits, [None, self.n_logits])
        if not self.takes_codes:
            y = tf.ensure_shape(y, [None, self.n_logits])
        with tf.GradientTape() as tape:
            tape.watch(logits)
            losses = self._rows(*self.in_units(logits, y, settings))
        # Of the sum: the loss of a row depends on the logits of that row.
        gradient = tape.gradient(losses, logits)
        if gradient is None:
            raise ValueError(f"loss={self.loss!r} does not depend on y_pred.")
        return losses, self.own_metrics(logits, y), gradient

    def public_loss(self, target):
        return self.loss

    def training_loss(self, target):
        return self._rows

    def _rows(self, y_true, y_pred):
        """Return one loss for each row."""
        from skdl.nn._backend import keras

        assert self.loss is not None  # a head that scores is bound
        losses = keras.ops.cast(self.loss(y_true, y_pred), "float32")
        rank = len(losses.shape)
        if rank == 0:
            raise ValueError(
                f"loss={self.loss!r} returned a single number: it must return one for "
                "each row, as keras.ops.mean(..., axis=-1) does."
            )
        return (
            keras.ops.mean(losses, axis=tuple(range(1, rank))) if rank > 1 else losses
        )
