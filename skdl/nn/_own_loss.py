"""A loss of the user's own: a function of targets and outputs, of ``keras.ops``."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from skdl.nn._head import Head

__all__ = ["OwnLoss", "explain_loss", "find_loss", "is_registered_name"]


def is_registered_name(name: str) -> bool:
    """Return whether a text is of the form of the names that Keras registers."""
    return re.fullmatch(r"[^<>]+>[^<>]+", name) is not None


def find_loss(loss: Any) -> Any:
    """Return a loss that is not one of ours: a function, or an object of Keras.

    Parameters
    ----------
    loss : callable, keras.losses.Loss or str
        A string is the name under which a function is registered with Keras.

    Raises
    ------
    ValueError
        If no function is registered under the name, or the loss takes logits.
    """
    from skdl.nn._backend import keras

    found = keras.saving.get_registered_object(loss) if isinstance(loss, str) else loss
    if found is None or isinstance(found, type):
        kind = "a class" if found else "a function that is not registered"
        raise ValueError(
            f"loss={loss!r} names {kind}: import the module that registers a function "
            "by @keras.saving.register_keras_serializable first, or give the function "
            "itself."
        )
    if getattr(found, "from_logits", False):
        raise ValueError(
            f"loss={loss!r} has from_logits=True, and a loss gets probabilities here: "
            "leave that out."
        )
    return found


def explain_loss(loss: Any, error: Any) -> ValueError:
    """Return the error of a loss with its name, and what it was called with."""
    lines = str(error).strip().splitlines() or [""]
    reason = lines[0]
    if "Graph execution error" in reason:
        # TensorFlow says where, on many lines, then what, and then which node it was.
        *_, last = [line for line in lines if "[[{{node" not in line]
        reason = last.rsplit("Map: ", 1)[-1]
    return ValueError(
        f"loss={loss!r} failed ({type(error).__name__}): {reason[:200]} It gets y_true "
        "and y_pred of shape (n_samples, n_outputs), 0 or 1 and a probability "
        "for two classes; of more classes it gets their codes, of shape (n_samples,), "
        "and probabilities of shape (n_samples, n_classes)."
    )


class OwnLoss(Head):
    """A head whose loss is a function; its gradient is found by TensorFlow.

    The function takes what Keras would give it: the targets, and what the network
    predicts, probabilities or numbers in the units of the targets.
    """

    loss: Any = None
    n_logits: int
    gives_probabilities = False
    _metrics: Callable  # of logits and targets: that of the head beside it

    def bound(self, loss: Any, n_logits: int) -> OwnLoss:
        """Return the head with its loss, checked, and the width of the outputs."""
        own = copy(self)
        own.loss, own.n_logits = find_loss(loss), n_logits
        own._check()
        return own

    def in_units(self, logits, y, settings):
        """Return targets and predictions as the function takes them, in a graph."""
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
        return losses, self._metrics(logits, y), gradient

    def public_loss(self, target):
        return self.loss

    def training_loss(self, target):
        return self._rows

    def _function(self) -> Callable:
        from skdl.nn._backend import keras

        # An object would return the mean over the batch.
        is_object = isinstance(self.loss, keras.losses.Loss)
        return self.loss.call if is_object else self.loss

    def _rows(self, y_true, y_pred):
        """Return one loss for each row."""
        from skdl.nn._backend import keras

        losses = keras.ops.cast(self._function()(y_true, y_pred), "float32")
        axes = tuple(range(1, len(losses.shape)))
        return keras.ops.mean(losses, axis=axes) if axes else losses

    def _check(self):
        """Check what the function returns, on rows of which only the shapes exist."""
        from skdl.nn._backend import tf

        n_rows = self.n_logits + 2  # no other length that it may return
        y_pred = tf.TensorSpec([n_rows, self.n_logits])
        y_true = tf.TensorSpec([n_rows], tf.int32) if self.takes_codes else y_pred
        function = self._function()
        traced = tf.function(lambda *pair: function(*pair), autograph=False)
        try:
            found = traced.get_concrete_function(y_true, y_pred).structured_outputs
        except Exception as error:
            raise explain_loss(self.loss, error) from error
        shape = getattr(found, "shape", None)
        if shape is None or not shape.rank or shape[0] not in (n_rows, None):
            returned = "None" if found is None else f"an output of shape {shape}"
            raise ValueError(
                f"loss={self.loss!r} returned {returned} for {n_rows} rows: it must "
                "return one number for each row, as keras.ops.mean(..., axis=-1) does."
            )
        if self.gives_probabilities:
            self._check_gradient()

    def _check_gradient(self):
        """Check that a change of some probabilities changes their loss."""
        from skdl.nn._backend import tf

        n_rows = 4 * self.n_logits
        numbers = np.arange(n_rows * self.n_logits, dtype=np.float32)
        logits = np.sin(numbers).reshape(n_rows, self.n_logits)
        labels: Any = (logits > 0).astype(np.float32)[::-1]
        if self.takes_codes:
            labels = np.arange(n_rows, dtype=np.int32) % self.n_logits
        gradient = self.score(tf.constant(logits), tf.constant(labels), None)[2]
        if not gradient.numpy().any():
            raise ValueError(
                f"loss={self.loss!r} would train nothing: its gradient is 0 at all of "
                f"{n_rows} rows of other probabilities. A loss has to change with each "
                "probability (a count of mistakes does not); with two classes y_pred "
                "has one column, for which keras.losses.BinaryCrossentropy() is made."
            )
