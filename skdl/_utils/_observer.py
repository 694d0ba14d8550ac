"""Observers of the epochs of a network while something else fits it."""

from collections.abc import Callable
from copy import copy
from typing import Any

from skdl._utils._callbacks import Watcher

__all__ = ["Observer", "ShownPredictions"]


class Observer:
    """Sees the epochs of a network while a search or a comparison fits what holds it.

    The network, and each clone of it that is made meanwhile, has it as ``_observer``. A
    subclass overrides what it needs.

    Parameters
    ----------
    network : estimator or None
        The network as it was given; None if there is none.
    """

    # Whether it is told of epochs, of how many at a time, and of how many the last one
    # is scored in the compiled loop: known once they begin.
    wants_epochs = True
    stride = every = 1

    def __init__(self, network: Any) -> None:
        self.network = network
        self._watched: list = []

    def watch(self) -> None:
        """Begin to see the epochs of the network."""
        if self.network is not None:
            self.follow(self.network)

    def follow(self, network: Any) -> None:
        """See the epochs of a network, or of a clone."""
        network._observer = self
        self._watched.append(network)

    def release(self) -> None:
        """See no more epochs."""
        for network in self._watched:
            network._observer = None
        self._watched.clear()

    def begin(
        self,
        n_epochs: int,
        steps_per_epoch: int,
        multiply_adds: int,
        observed_multiply_adds: int = 0,
    ) -> None:
        """Handle the start of a training, given its length.

        Parameters
        ----------
        n_epochs : int
            Maximum number of epochs.
        steps_per_epoch : int
            Steps in each epoch.
        multiply_adds : int
            Multiply-adds of the forward pass of all rows.
        observed_multiply_adds : int, default=0
            Those of scoring the rows of ``find_rows`` once in the compiled loop; 0
            where they are not scored there.
        """

    def find_validation(self) -> tuple | None:
        """Return X, y and perhaps weights to validate on, as it takes them, or None."""
        return None

    def find_rows(self, encode: Any) -> Any:
        """Return the rows to score in the compiled loop, or None."""
        return

    def take_means(self, epoch: Any, loss: Any, metric: Any) -> bool:
        """Handle mean loss and metric of these rows; return whether to stop."""
        return False

    def asks_to_stop(self) -> bool:
        """Return whether to stop, where no epochs are shown: in an ensemble."""
        return False

    def take_estimator(self, epoch: Any, show: Any) -> bool:
        """Handle the network as if its fit had ended, which ``show`` returns.

        Return whether to stop.
        """
        return False


class ShownPredictions(Watcher):
    """Offers an observer, after each epoch, the estimator as if its fit had ended.

    Parameters
    ----------
    estimator : estimator
        It has an ``_observer``.
    attributes : callable
        Returns the attributes that its fit would set if it ended with some weights.
    """

    def __init__(self, estimator: Any, attributes: Any) -> None:
        self._estimator = estimator
        self._attributes = attributes
        self._read: Callable[[], list] = list

    def begin(self, read: Any) -> None:
        self._read, self.stride = read, self._estimator._observer.stride

    def epoch_end(self, epoch: int, logs: Any) -> bool:
        return self._estimator._observer.take_estimator(epoch, self._show)

    def _show(self) -> Any:
        fitted = copy(self._estimator)
        vars(fitted).update(self._attributes(self._read()))  # they are copies
        return fitted
