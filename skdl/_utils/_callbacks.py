"""Callbacks that see the scores of each epoch, and no model."""

from typing import Any

__all__ = ["EpochCallback", "EpochWatcher"]


class EpochCallback:
    """A callback that sees the scores of each epoch, and no model.

    It has the hooks of ``keras.callbacks.Callback``, so that it may be mixed with
    Keras callbacks; unless one of those needs a Keras model, none is built.
    """

    def set_params(self, params: Any) -> None:
        """Do nothing."""

    def set_model(self, model: Any) -> None:
        """Do nothing."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Do nothing."""

    def on_epoch_begin(self, epoch: Any, logs: Any = None) -> None:
        """Do nothing."""

    def on_epoch_end(self, epoch: Any, logs: Any = None) -> None:
        """Do nothing."""

    def on_train_end(self, logs: Any = None) -> None:
        """Do nothing."""


class EpochWatcher:
    """Calls the hooks of a callback that needs no model.

    Parameters
    ----------
    callback : EpochCallback
        The callback whose hooks are called.
    """

    def __init__(self, callback: Any) -> None:
        self._callback = callback

    def begin(self, read: Any) -> None:
        """Call ``on_train_begin``."""
        self._callback.on_train_begin()

    def epoch_begin(self, epoch: Any) -> None:
        """Call ``on_epoch_begin``."""
        self._callback.on_epoch_begin(epoch)

    def epoch_end(self, epoch: Any, logs: Any) -> None:
        """Call ``on_epoch_end``."""
        self._callback.on_epoch_end(epoch, logs)

    def end(self) -> None:
        """Call ``on_train_end``."""
        self._callback.on_train_end()
