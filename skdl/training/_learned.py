"""What is trained: a network of ours, or a user's model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from skdl.nn._plan import Plan
from skdl.nn._structure import MLPStructure
from skdl.training._averaging import Averaging

if TYPE_CHECKING:
    import keras

__all__ = ["Network", "WrappedModel"]


@dataclass
class Network:
    """A network of ours, and how it is trained.

    Parameters
    ----------
    structure : MLPStructure
        The settings that change the graph.
    plan : Plan
        Its sizes.
    dropout : list of float
        Dropout rates of the input and of each hidden layer.
    target : Target
        What is learned: encoded targets, their loss and their metric.
    optimizer : str or keras.optimizers.Optimizer
        Its name, or an instance, which is copied.
    learning_rate, momentum : float
        Of a named optimizer.
    nesterov : bool
        Whether the momentum is Nesterov's.
    clip : (str, float) or None
        Kind and limit of the gradient clipping of a named optimizer.
    schedule : None, str, dict or callable
        Learning rate schedule.
    epochs : int
        Length of the schedule.
    l1, l2 : float
        Penalties on the kernels.
    initializer : str or dict
        Initializer of the kernels.
    weights : list of ndarray or None
        Weights to resume from; None for new ones.
    weight_decay : float
        Share of each kernel that a step takes away, times the learning rate.
    warmup : int or float
        Steps in which the learning rate rises from 0, or their share of all steps.
    averaging : Averaging or None
        How the weights are averaged over the steps.
    """

    structure: MLPStructure
    plan: Plan
    dropout: list[float]
    target: Any
    optimizer: Any
    learning_rate: float
    momentum: float
    nesterov: bool
    clip: tuple[str, float] | None
    schedule: Any
    epochs: int
    l1: float
    l2: float
    initializer: str | dict
    weights: list[np.ndarray] | None = None
    weight_decay: float = 0.0
    warmup: float = 0
    averaging: Averaging | None = None


@dataclass
class WrappedModel:
    """A Keras model that a user has built.

    Parameters
    ----------
    model : keras.Model
        Compiled. It holds the initial weights, and the final ones at the end.
    keras_arguments : dict
        Arguments of ``keras.Model.fit`` that a compiled program does not support.
    """

    model: keras.Model
    keras_arguments: dict = field(default_factory=dict)
