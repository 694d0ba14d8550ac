"""Plain data that passes from the estimators to the training: no TensorFlow here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["Job", "MLPStructure", "Part"]


@dataclass(frozen=True)
class MLPStructure:
    """What of a multilayer perceptron changes its graph.

    The widths of its layers do not: the graph is traced with open shapes, so that
    networks of any width share one program.

    Parameters
    ----------
    depth : int
        Number of hidden layers.
    activation : str
        Activation of the hidden layers, by its Keras name.
    batch_norm : bool
        Whether the hidden layers are normalized before their activation.
    head : {"softmax", "sigmoid", "identity"}
        What turns the logits into the output.
    """

    depth: int
    activation: str
    batch_norm: bool
    head: str

    @property
    def layers(self):
        """Names of the weights of each dense layer, in Keras' order."""
        hidden = ("kernel", "bias")
        if self.batch_norm:
            hidden = ("kernel", "gamma", "beta", "moving_mean", "moving_variance")
        return (hidden,) * self.depth + (("kernel", "bias"),)

    @property
    def weights(self):
        """Names of all weights, in the order of ``keras.Model.get_weights``."""
        return tuple(name for layer in self.layers for name in layer)


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


@dataclass
class Job:
    """What one training has to do.

    Parameters
    ----------
    network : MLPStructure
        The network.
    sizes : list of int
        Widths: of the input, of the hidden layers, of the output.
    dropout : list of float
        Rates of dropout: of the input, and of each hidden layer.
    target : object
        The target: its ``dtype``, ``metric``, ``to_metric`` and ``scaling``.
    settings : dict
        The parameters of the estimator; ``callbacks`` is a list.
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
    """

    network: MLPStructure
    sizes: list
    dropout: list
    target: object
    settings: dict
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
