"""What is trained, as a run asks for it: a network of ours, or a user's model."""

from typing import Any

import numpy as np

from skdl.training._job import Job, Part
from skdl.training._keras_fit import KerasFit
from skdl.training._optimizers import Flowing
from skdl.training._program import EpochResults, Program

__all__ = ["Learner"]


class Learner:
    """A network in one training: its data, its program, its Keras model.

    Attributes
    ----------
    job : Job
        What to do.
    path : str
        Which way is taken, and why.
    compiled : bool
        Whether it is a compiled program.
    scores_observed : bool
        Whether a program can score the rows of an observer.
    n_rows, multiply_adds_per_row, rows_per_chunk : int
        Rows of the training part, the multiply-adds of one of them forward, and how
        many are scored at once.
    rate, schedule, schedule_epochs, warmup
        What the learning rate of each step is made of.
    flowing : Flowing
        What flows into each step beside it.
    order_seed : np.random.SeedSequence
        Where the orders of the rows come from.
    """

    job: Job
    path: str
    compiled: bool
    scores_observed = False
    n_rows: int
    multiply_adds_per_row: int
    rows_per_chunk: int
    rate: float
    schedule: Any
    schedule_epochs: int
    warmup: float
    flowing: Flowing
    order_seed: np.random.SeedSequence

    @property
    def spec(self) -> Any:
        """What its program is compiled for: a NetworkSpec or a ModelSpec, or None."""
        raise NotImplementedError

    @property
    def states_of(self) -> str:
        """What states belong to: the optimizer, and what it trains."""
        raise NotImplementedError

    @property
    def states(self) -> list[np.ndarray] | None:
        """The states to resume from, if they are those of this optimizer."""
        return self.job.states if self.job.states_of == self.states_of else None

    def to_tensors(self, part: Part) -> tuple | None:
        """Return X, y and perhaps weights of a part, as a program takes them."""
        raise NotImplementedError

    def make_program(self, spec: Any) -> Program:
        """Return a new program."""
        raise NotImplementedError

    def load(self, program: Program) -> None:
        """Give a program the first weights and states."""
        raise NotImplementedError

    def inputs(self, steps: np.ndarray) -> tuple:
        """Return the columns of some steps, counted from 0, and the constants."""
        return (), ()

    def name_scores(self, results: EpochResults, training: Any) -> tuple:
        """Return the scores of an epoch by name, and those of the observed rows."""
        raise NotImplementedError

    def store(self, program: Program) -> None:
        """Keep what a program holds at the end, where the outcome does not."""

    def take_back(self, weights: list[np.ndarray]) -> None:
        """Keep the weights of an interrupted training, where the outcome does not."""

    def make_keras_model(self) -> Any:
        """Return the Keras model that callbacks see."""
        raise NotImplementedError

    def keras_fit(self, training: Any) -> KerasFit:
        """Return what ``keras.Model.fit`` is called with."""
        raise NotImplementedError

    def count_keras_steps(self, n_steps: int) -> int:
        """Return how many steps Keras has done, where ``n_steps`` were asked for."""
        return n_steps

    def read_keras_states(self, fit: KerasFit) -> list[np.ndarray] | None:
        """Return the states after Keras' own fit; None if the model keeps them."""
        return None

    def explain(self, error: Exception) -> Exception | None:
        """Return an error of TensorFlow in the terms of what is trained, or None."""
        return None
