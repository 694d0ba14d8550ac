"""The job of one training, and its outcome, as plain data: no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from skdl._utils._callbacks import Watcher
from skdl.training._learned import Network, WrappedModel

__all__ = ["Job", "Outcome", "Part", "Stopping"]


class Part(NamedTuple):
    """Some rows of the data: to train on, or to validate on.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        All rows; for a user's model whatever ``keras.Model.fit`` takes.
    rows : ndarray of int, shape (n_rows,), or None
        Indices of the rows of this part; None for all.
    y : ndarray of shape (n_rows,) or (n_rows, n_logits)
        Their encoded targets; None where X is a data set that holds them.
    weight : ndarray of shape (n_rows,) or None
        Their weights.
    given : ndarray of shape (n_rows,) or (n_rows, n_outputs), default=None
        Their targets as the user gave them.
    shown : array-like or frame of n_samples rows, default=None
        All rows as the user is to see them.
    """

    X: Any
    rows: np.ndarray | None
    y: Any
    weight: np.ndarray | None
    given: np.ndarray | None = None
    shown: Any = None

    def take(self, chosen: np.ndarray) -> Part:
        """Return the part with only the chosen rows."""
        return Part(
            self.X,
            chosen if self.rows is None else self.rows[chosen],
            self.y[chosen],
            None if self.weight is None else self.weight[chosen],
            None if self.given is None else self.given[chosen],
            self.shown,
        )

    def weighted(self, weight: np.ndarray) -> Part:
        """Return the part with other weights; a row of weight 0 is left out."""
        part = self._replace(weight=weight)
        return part if weight.all() else part.take(np.flatnonzero(weight))


class Stopping(NamedTuple):
    """When a training stops before its last epoch.

    Parameters
    ----------
    patience : int
        Epochs without an improvement after which it stops.
    min_delta : float
        What counts as an improvement.
    restore : bool
        Whether to restore the weights of the best epoch.
    monitor : str, default="val_loss"
        The score that is to improve.
    rises : bool, default=False
        Whether a larger one is better.
    """

    patience: int
    min_delta: float
    restore: bool
    monitor: str = "val_loss"
    rises: bool = False


@dataclass
class Job:
    """What one training has to do.

    Parameters
    ----------
    learner : Network or WrappedModel
        What is trained.
    train : Part
        What to train on.
    n_epochs : int
        How many epochs to train.
    batch_size : int
        Rows of a step; -1 takes all.
    callbacks : list
        Keras callbacks, and ours. The training works on these very objects.
    seed : np.random.SeedSequence or None
        Where all random numbers come from.
    shuffle : bool
        Whether to shuffle the rows in each epoch.
    mean_weight : float or None
        What the weights of the training rows are divided by; None is their mean.
    validation : Part or None
        What to validate on after each epoch.
    observed : Part or None
        What to score for ``observe``.
    observe : callable or None
        Takes the epoch and the mean loss and metric of those rows, and returns whether
        to stop.
    observe_every : int
        Of how many epochs the last one is scored; with a validation set, which is
        scored after each epoch, they all are.
    stopping : Stopping or None
        When to stop before the last epoch.
    score : (str, callable) or None
        Name of a score of each epoch, and what computes it from the weights.
    watchers : list of Watcher
        Other objects that are told of each epoch.
    states : list of ndarray or None
        Optimizer states to resume from; None for new ones.
    states_of : str or None
        What they belong to, as an ``Outcome`` names it: another optimizer begins with
        new states.
    first_step : int
        Steps that were done before.
    history : dict of list
        The scores of the epochs that were done before.
    first_epoch : int
        Number of these epochs.
    keep_states : bool
        Whether to keep the optimizer states for the outcome.
    keep_on_interrupt : bool
        Whether Ctrl-C ends the training, and what was done is kept.
    folds : list of (Part, Part)
        What each network of an ensemble is trained and validated on; none if all have
        the same rows.
    """

    learner: Network | WrappedModel
    train: Part
    n_epochs: int
    batch_size: int
    callbacks: list = field(default_factory=list)
    seed: np.random.SeedSequence | None = None
    shuffle: bool = True
    mean_weight: float | None = None
    validation: Part | None = None
    observed: Part | None = None
    observe: Callable[[int, float, float], bool] | None = None
    observe_every: int = 1
    stopping: Stopping | None = None
    score: tuple[str, Callable[[list[np.ndarray]], float]] | None = None
    watchers: list[Watcher] = field(default_factory=list)
    states: list[np.ndarray] | None = None
    states_of: str | None = None
    first_step: int = 0
    history: dict[str, list] = field(default_factory=dict)
    first_epoch: int = 0
    keep_states: bool = False
    keep_on_interrupt: bool = False
    folds: list[tuple[Part, Part]] = field(default_factory=list)

    def of_member(self, index: int) -> Job:
        """Return the job of one network of an ensemble."""
        if not self.folds:
            return self
        train, validation = self.folds[index % len(self.folds)]
        return replace(self, train=train, validation=validation, folds=[])

    def rows_of_step(self, n_rows: int) -> int:
        """Return the rows of a step of a training on so many rows."""
        return n_rows if self.batch_size == -1 else min(self.batch_size, n_rows)

    def count_steps(self, n_rows: int) -> int:
        """Return the steps of an epoch of so many rows."""
        return -(-n_rows // self.rows_of_step(n_rows))


@dataclass
class Outcome:
    """The outcome of one training.

    Parameters
    ----------
    weights : list of ndarray
        Weights of the network, or of the model as ``get_weights`` orders them.
    states : list of ndarray or None
        States of the optimizer, where the job keeps them.
    history : dict of list
        The scores of each epoch, with those of ``Job.history``.
    n_steps : int
        Steps that were done, with those before.
    path : str
        How the training was run, and why.
    best_epoch : int or None
        Of all epochs, which was the best, counted from 1; None if nothing stops early.
    states_of : str or None
        What the states belong to: the optimizer, and what it trains.
    """

    weights: list[np.ndarray]
    states: list[np.ndarray] | None
    history: dict[str, list]
    n_steps: int
    path: str
    best_epoch: int | None = None
    states_of: str | None = None
