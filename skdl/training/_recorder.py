"""What is recorded of each epoch of a training, and which objects are told."""

import math
import warnings
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

from skdl._utils._callbacks import Watcher
from skdl._utils._diverged import Diverged
from skdl._utils._histories import gap_like, joined_histories

__all__ = [
    "EarlyStopper",
    "EpochKeeper",
    "Recorder",
    "explain_interrupt",
    "plain_score",
]


class EarlyStopper:
    """Says when the monitored score has stopped improving; keeps the best weights.

    Parameters
    ----------
    stopping : Stopping
        When to stop.

    References
    ----------
    Prechelt, "Early stopping - but when?" (1998).
    """

    def __init__(self, stopping):
        self.stopping = stopping
        self._best = np.inf
        self._waited = 0
        self.best_weights = None
        self.best_epoch = None

    def observe(self, epoch, logs, read_weights):
        """Take the scores of an epoch, counted from 0; return whether to stop."""
        wanted = self.stopping
        score = logs[wanted.monitor] * (-1 if wanted.rises else 1)
        if score < self._best - wanted.min_delta:
            self._best, self._waited, self.best_epoch = score, 0, epoch + 1
            if wanted.restore:
                self.best_weights = read_weights()
            return False
        self._waited += 1
        return self._waited >= wanted.patience


class Recorder:
    """Keeps the history, stops the training, and tells the watchers of each epoch.

    A context manager: the watchers begin when it is entered and end when it is left.

    Parameters
    ----------
    schedule : object
        From ``make_schedule``: it is told the losses.
    history : dict of list
        The scores of the epochs that were done before.
    stopper : EarlyStopper or None, default=None
        What stops the training early.
    watchers : sequence of Watcher, default=()
        Objects that are told of each epoch.
    observer : callable or None, default=None
        Takes the epoch and the mean loss and metric of the observed rows in it, and
        returns whether to stop. It may be told some epochs later.
    observe_every : int, default=1
        Of how many epochs the last one is observed.
    score : (str, callable) or None, default=None
        Name of a score of each epoch, and what computes it from the weights.

    Attributes
    ----------
    history : dict of list
        The scores of each epoch.
    n_epochs : int
        How many epochs this training has done.
    """

    def __init__(
        self,
        schedule,
        history,
        stopper=None,
        watchers=(),
        observer=None,
        observe_every=1,
        score=None,
    ):
        # Copies: an estimator whose next fit fails keeps the history that it had.
        self.history = joined_histories(history, {})
        self.n_epochs = 0
        self.watchers = list(watchers)
        self.observer, self.observe_every = observer, observe_every
        self._stopper, self._score = stopper, score
        self._schedule = schedule
        self._read: Callable[[], list[np.ndarray]] = list
        # A schedule that waits for a plateau has to know the epochs of earlier calls.
        losses = self.history.get("loss", ())
        for loss, val_loss in zip(losses, self.history.get("val_loss", losses)):
            schedule.observe(loss if np.isnan(val_loss) else val_loss)

    def reading(self, read):
        """Set the function that reads the current weights; return this recorder.

        Parameters
        ----------
        read : callable
            Returns a list of arrays.
        """
        self._read = read
        return self

    @property
    def stride(self):
        """Number of epochs after which to report them; None for any number."""
        if self._stopper or self._score or self._schedule.needs_feedback:
            return 1
        strides = [watcher.stride for watcher in self.watchers]
        return math.gcd(*strides) if strides else None

    def __enter__(self):
        # Whoever has begun is ended, also where another one fails.
        with ExitStack() as stack:
            for watcher in self.watchers:
                watcher.begin(self._read)
                stack.callback(watcher.end)
            self._ends = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._ends.close()

    def epoch_begin(self, epoch):
        """Tell the watchers that an epoch begins."""
        for watcher in self.watchers:
            watcher.epoch_begin(epoch)

    def epoch_end(self, epoch, logs, observed=None):
        """Record an epoch and return whether training stops.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        logs : dict
            Its scores.
        observed : ndarray of shape (2,), default=None
            Mean loss and metric of the observed rows, if they were scored.

        Raises
        ------
        ValueError
            If the loss is not finite.
        """
        self._check_finite(epoch, logs["loss"])
        if self._score is not None:
            name, score = self._score
            logs = {**logs, name: score(self._read())}
        self.n_epochs += 1
        before = len(self.history.get("loss", ()))
        for name in {**self.history, **logs}:
            scores = self.history.get(name)
            if scores is None:
                scores = self.history[name] = [gap_like(logs[name])] * before
            scores.append(logs[name] if name in logs else gap_like(scores[0]))
        monitored = logs.get("val_loss", logs["loss"])
        # Before the watchers: a callback that looks at the rate sees that of the next
        # epoch.
        self._schedule.observe(monitored)
        # A list: all are told even if one stops. Copies: a watcher may change its dict.
        stops = [watcher.epoch_end(epoch, dict(logs)) for watcher in self.watchers]
        # After the watchers: a callback may change the weights that are kept here.
        if self._stopper is not None:
            stops.append(self._stopper.observe(epoch, logs, self._read))
        if observed is not None:
            stops.append(self.observer(epoch, *observed))
        return any(stops)

    @property
    def best_epoch(self):
        """The best of all epochs, counted from 1, if something stops early."""
        return self._stopper.best_epoch if self._stopper else None

    def warn_of_no_best(self):
        """Warn if something stops early, and no epoch had a score to compare."""
        if self._stopper is None or self.best_epoch or not self.n_epochs:
            return
        name = self._stopper.stopping.monitor
        warnings.warn(
            f"{name} was {self.history[name][-1]} in all epochs, so none is the best, "
            "and the last weights are kept: look for rows of X_val and y_val that lie "
            "far from those of the training.",
            UserWarning,
            stacklevel=2,
        )

    def choose_weights(self):
        """Return the weights of the best epoch where they were kept, else the last."""
        if self._stopper is not None and self._stopper.best_weights is not None:
            return self._stopper.best_weights
        return self._read()

    def _check_finite(self, epoch, loss):
        if np.isfinite(loss):
            return
        rate = self._schedule.learning_rate
        raise Diverged(
            f"The loss became {loss} in epoch {epoch + 1}: the training diverged. "
            f"Lower learning_rate (now {rate:g}), scale X (StandardScaler in a "
            "pipeline), or clip the gradients (clipnorm=1.0; for a model of your "
            "own optimizer__clipnorm=1.0)."
        )


class EpochKeeper(Watcher):
    """Keeps what an interrupted training has done: the weights after its last epoch."""

    def __init__(self):
        self._weights = None
        self._n_epochs = 0

    def begin(self, read):
        self._read = read

    def epoch_end(self, epoch, logs):
        self._weights, self._n_epochs = self._read(), epoch + 1

    def keep(self, recorder):
        """Return the weights, and cut the history to their epochs.

        Returns
        -------
        list of ndarray or None
            None if no epoch was done.
        """
        if self._weights is None:
            return None
        # A watcher may be interrupted after its epoch was counted.
        n_lost = len(recorder.history["loss"]) - self._n_epochs
        recorder.n_epochs -= n_lost
        for name, values in recorder.history.items():
            recorder.history[name] = values[: self._n_epochs]
        warnings.warn(
            f"The fit was interrupted: {self._n_epochs} epochs are kept "
            "(on_interrupt='keep').",
            UserWarning,
            stacklevel=2,
        )
        return recorder.reading(lambda: self._weights).choose_weights()


def explain_interrupt(interrupt):
    """Add a note to an interrupt about the fit and ``on_interrupt``."""
    interrupt.add_note(
        "The fit was discarded, and its estimator is unchanged. With "
        "on_interrupt='keep' the completed epochs are kept."
    )


def plain_score(value):
    """Return the value of a Keras metric as a float, or as an array of several."""
    value = np.asarray(value)
    return value if value.ndim else float(value)
