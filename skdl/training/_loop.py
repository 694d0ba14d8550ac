"""The loop over epochs of a compiled program."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from skdl.training._optimizers import Flowing
from skdl.training._schedules import make_schedule
from skdl.training._scored import ROWS_PER_CHUNK, ScoredRows

__all__ = ["Training", "train_program"]

# A call trains at most this many rows, so that the table of its steps stays small.
ROWS_PER_CALL = 4_000_000
# A call does at least this many steps where an observer may stop the training: fewer
# would cost more in calls than they save in epochs.
OBSERVED_STEPS_PER_CALL = 256


@dataclass
class Training:
    """The data and the settings of one training.

    Parameters
    ----------
    n_rows : int
        Rows of the training part.
    epochs, batch_size : int
        The length of the training and of a step.
    schedule : object
        From ``make_schedule``.
    order_seed : np.random.SeedSequence
        Where the order of the rows comes from.
    flowing : Flowing
        Scalars that are fed into each step besides the learning rate.
    data : tuple of tf.Tensor, default=()
        X, y and, where rows are weighted, their weights.
    validation : tuple of tf.Tensor or None, default=None
        The same for the validation set.
    observed : tuple of tf.Tensor or None, default=None
        The same for the rows that are scored for an observer.
    shuffle : bool, default=True
        Whether to shuffle the rows in each epoch.
    first_step, first_epoch : int, default=0
        Steps and epochs that were done in earlier calls of ``partial_fit``.
    rows_per_chunk : int, default=8192
        How many rows are scored at once.
    """

    n_rows: int
    epochs: int
    batch_size: int
    schedule: Any
    order_seed: np.random.SeedSequence
    flowing: Flowing = Flowing()
    data: tuple = ()
    validation: tuple | None = None
    observed: tuple | None = None
    shuffle: bool = True
    first_step: int = 0
    first_epoch: int = 0
    rows_per_chunk: int = ROWS_PER_CHUNK
    _orders: np.random.Generator = field(init=False, repr=False)

    @classmethod
    def of(cls, job, learner):
        """Return the training for a job and its learner."""
        n_rows = learner.n_rows
        data, validation, observed = (
            part and learner.to_tensors(part)
            for part in (job.train, job.validation, job.observed)
        )
        return cls(
            n_rows=n_rows,
            epochs=job.n_epochs,
            batch_size=int(job.rows_of_step(n_rows)),
            schedule=make_schedule(
                learner.schedule,
                learner.rate,
                job.count_steps(n_rows),
                learner.schedule_epochs,
                learner.warmup,
            ),
            order_seed=learner.order_seed,
            flowing=learner.flowing,
            data=data or (),
            validation=validation,
            observed=observed,
            shuffle=job.shuffle,
            first_step=job.first_step,
            first_epoch=job.first_epoch,
            rows_per_chunk=learner.rows_per_chunk,
        )

    def __post_init__(self):
        self._orders = np.random.default_rng(self.order_seed)

    @cached_property
    def scored(self):
        """The rows that are scored after each epoch."""
        parts = [part for part in (self.validation, self.observed) if part]
        return ScoredRows(parts, self.data, self.rows_per_chunk)

    @property
    def steps_per_epoch(self):
        """Steps of one epoch."""
        return -(-self.n_rows // self.batch_size)

    def draw_orders(self, n_epochs):
        """Return the orders of the rows in the next epochs."""
        orders = np.tile(np.arange(self.n_rows, dtype=np.int32), (n_epochs, 1))
        if not self.shuffle:
            return orders
        # One generator for all epochs, row after row: the orders of the k-th epoch are
        # the same whether it was drawn alone or with others.
        return self._orders.permuted(orders, axis=1, out=orders)

    def steps_of(self, epoch, n_epochs=1):
        """Return the numbers of the steps of some epochs."""
        first = self.first_step + epoch * self.steps_per_epoch
        return np.arange(first, first + n_epochs * self.steps_per_epoch)


def train_program(program, learner, training, recorder):
    """Train the weights that a program holds.

    Parameters
    ----------
    program : Program
        With the first weights loaded.
    learner : NetworkLearner or ModelLearner
        What is trained.
    training : Training
        What to do.
    recorder : Recorder
        It keeps the history and decides when to stop.
    """
    with recorder:
        for first, n_epochs in _epochs_of_calls(training, recorder):
            recorder.epoch_begin(training.first_epoch + first)
            if _train_epochs(program, learner, training, recorder, first, n_epochs):
                break
    program.finish()


def _epochs_of_calls(training, recorder):
    """Yield the first epoch and the number of epochs of each call of the program."""
    stride, every = _epochs_per_call(training, recorder), recorder.observe_every
    first = 0
    while first < training.epochs:
        n_epochs = min(stride, training.epochs - first)
        # Scored ends come after equal numbers of epochs: a rest is a call of its own.
        if n_epochs > every:
            n_epochs -= n_epochs % every
        yield first, n_epochs
        first += n_epochs


def _epochs_per_call(training, recorder):
    stride, every = recorder.stride, recorder.observe_every
    most = max(1, ROWS_PER_CALL // training.n_rows)
    if stride is None and recorder.observer is None:
        return most
    if stride is None:
        # An observer may stop after any scored epoch, and then the rest of a call was
        # for nothing.
        stride = max(1, OBSERVED_STEPS_PER_CALL // training.steps_per_epoch)
        stride = every * math.ceil(stride / every)
    # Watchers read the weights at the end of a stride: a call may not go beyond it. And
    # its epochs are whole groups with a scored end, or a part of one group.
    return next(
        n_epochs
        for n_epochs in range(min(stride, most), 0, -1)
        if stride % n_epochs == 0 and (n_epochs % every == 0 or every % n_epochs == 0)
    )


def _train_epochs(program, learner, training, recorder, first, n_epochs):
    """Train some epochs and record them; return whether training stops."""
    steps = training.steps_of(first, n_epochs)
    every = recorder.observe_every
    results = program.train(
        training,
        training.draw_orders(n_epochs),
        n_scored=(first + n_epochs) // every - first // every,
        rates=training.schedule.rates(steps),
        first_step=steps[0],
        inputs=learner.inputs(steps),
    )
    for k, sums in enumerate(results):
        logs, observed = learner.name_scores(sums, training)
        if recorder.epoch_end(training.first_epoch + first + k, logs, observed):
            return True
    return False
