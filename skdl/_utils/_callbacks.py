"""Callbacks that see the scores of each epoch, and no model."""

__all__ = ["EpochCallback", "EpochWatcher"]


class EpochCallback:
    """A callback that sees the scores of each epoch, and no model.

    It has the hooks of ``keras.callbacks.Callback``, so that it may stand beside Keras
    callbacks; where no other callback needs one, no Keras model is made for it.
    """

    def set_params(self, params):
        """Do nothing."""

    def set_model(self, model):
        """Do nothing."""

    def on_train_begin(self, logs=None):
        """Do nothing."""

    def on_epoch_begin(self, epoch, logs=None):
        """Do nothing."""

    def on_epoch_end(self, epoch, logs=None):
        """Do nothing."""

    def on_train_end(self, logs=None):
        """Do nothing."""


class EpochWatcher:
    """Calls the hooks of a callback that needs no model.

    Parameters
    ----------
    callback : EpochCallback
        Whose hooks are called.
    """

    def __init__(self, callback):
        self._callback = callback

    def begin(self, read):
        """Call ``on_train_begin``."""
        self._callback.on_train_begin()

    def epoch_begin(self, epoch):
        """Call ``on_epoch_begin``."""
        self._callback.on_epoch_begin(epoch)

    def epoch_end(self, epoch, logs):
        """Call ``on_epoch_end``."""
        self._callback.on_epoch_end(epoch, logs)

    def end(self):
        """Call ``on_train_end``."""
        self._callback.on_train_end()
