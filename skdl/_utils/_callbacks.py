"""Who is told of each epoch: watchers of a training, and callbacks without a model."""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["EpochCallback", "EpochWatcher", "Watcher"]


class Watcher:
    """An object that is told of each epoch of a training; here it does nothing.

    One with a larger ``stride`` is told of that many epochs at once, after the last of
    them.
    """

    stride = 1

    def begin(self, read: Callable[[], list[np.ndarray]]) -> None:
        """Handle the start of training; ``read`` returns the current weights."""

    def epoch_begin(self, epoch: int) -> None:
        """Handle the start of an epoch, counted from 0."""

    def epoch_end(self, epoch: int, logs: dict[str, float]) -> bool | None:
        """Handle the scores of an epoch; return whether training stops."""
        return None

    def end(self) -> None:
        """Handle the end of training."""


class EpochCallback:
    """A callback that sees the scores of each epoch, and no model.

    It has the hooks of ``keras.callbacks.Callback``, so that it may be mixed with
    Keras callbacks; unless one of those needs a Keras model, none is built.

    Attributes
    ----------
    for_one_network : bool
        Whether it can't be told of the networks of an ensemble.
    """

    for_one_network = False

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


class EpochWatcher(Watcher):
    """Calls the hooks of a callback that needs no model.

    Parameters
    ----------
    callback : EpochCallback
        The callback whose hooks are called.
    """

    def __init__(self, callback: Any) -> None:
        self._callback = callback

    def begin(self, read: Any) -> None:
        self._callback.on_train_begin()

    def epoch_begin(self, epoch: int) -> None:
        self._callback.on_epoch_begin(epoch)

    def epoch_end(self, epoch: int, logs: Any) -> None:
        self._callback.on_epoch_end(epoch, logs)

    def end(self) -> None:
        self._callback.on_train_end()
