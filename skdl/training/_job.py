"""What one training has to do, as plain data: no TensorFlow here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from skdl.nn._structure import MLPStructure, Plan

__all__ = ["Job", "Part"]


class Part(NamedTuple):
    """Some rows of the data: to train on, or to validate on.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        All rows that there are.
    rows : ndarray of int, shape (n_rows,), or None
        Those of this part; None for all.
    y : ndarray of shape (n_rows,) or (n_rows, n_logits)
        Their encoded targets.
    weight : ndarray of shape (n_rows,) or None
        Their weights.
    """

    X: np.ndarray
    rows: np.ndarray | None
    y: np.ndarray
    weight: np.ndarray | None

    def take(self, chosen):
        """Return the part with the chosen ones of its rows."""
        return Part(
            self.X,
            chosen if self.rows is None else self.rows[chosen],
            self.y[chosen],
            None if self.weight is None else self.weight[chosen],
        )

    def weighted(self, weight):
        """Return the part with other weights; a row of weight 0 is left out."""
        part = self._replace(weight=weight)
        return part if weight.all() else part.take(np.flatnonzero(weight))


@dataclass
class Job:
    """What one training has to do.

    Parameters
    ----------
    network : MLPStructure
        The network.
    plan : Plan
        Its sizes.
    dropout : list of float
        Rates of dropout: of the input, and of each hidden layer.
    target : object
        The target: its ``dtype``, ``metric``, ``to_metric`` and ``scaling``.
    settings : dict
        The parameters of the estimator; ``callbacks`` is a list.
    resolved : dict
        Those of them that were "auto".
    train : Part
        What to train on.
    n_epochs : int
        How many epochs to train.
    validation : Part or None
        What to validate on after each epoch.
    observed : Part or None
        What to score after each epoch for ``observe``.
    observe : callable or None
        Takes the epoch and the mean loss and metric of those rows, and returns whether
        to stop.
    seed : np.random.SeedSequence
        Where all random numbers come from.
    weights, states : list of ndarray or None
        Where to go on, of the network and of its optimizer; None for new ones.
    first_step : int
        Steps that were done before.
    keep_states : bool
        Whether the states of the optimizer are wanted afterwards.
    history : dict of list
        The scores of the epochs that were done before.
    keep_on_interrupt : bool
        Whether Ctrl-C ends the training, and what was done is kept.
    """

    network: MLPStructure
    plan: Plan
    dropout: list
    target: object
    settings: dict
    resolved: dict
    train: Part
    n_epochs: int
    validation: Part | None = None
    observed: Part | None = None
    observe: Callable | None = None
    seed: np.random.SeedSequence | None = None
    weights: list | None = None
    states: list | None = None
    first_step: int = 0
    keep_states: bool = False
    history: dict = field(default_factory=dict)
    keep_on_interrupt: bool = False

    @property
    def first_epoch(self):
        """Epochs that were done before."""
        return len(self.history.get("loss", ()))
