"""The loop over epochs of a compiled program."""

import math
from functools import cached_property

import numpy as np

from skdl.training._schedules import make_schedule
from skdl.training._scored import ScoredRows

__all__ = ["Training", "train_program"]

# A call trains at most this many rows, so that the table of its steps stays small.
ROWS_PER_CALL = 4_000_000
# A call does at least this many steps where an observer may stop the training: fewer
# would cost more in calls than they save in epochs.
OBSERVED_STEPS_PER_CALL = 256


class Training:
    """The rows of one training, its steps, and their learning rates.

    Parameters
    ----------
    job : Job
        What to do.
    learner : Learner
        What is trained.

    Attributes
    ----------
    n_rows, batch_size, steps_per_epoch, epochs : int
        Rows of the training part and of a step, and the length of the training.
    first_step, first_epoch : int
        Steps and epochs that were done in earlier calls of ``partial_fit``.
    schedule : object
        From ``make_schedule``.
    flowing : Flowing
        Scalars that are fed into each step besides the learning rate.
    data : tuple of tf.Tensor or None
        X, y and, where rows are weighted, their weights; None for a data set.
    validation, observed : tuple of tf.Tensor or None
        The same for the rows to validate on, and for those of an observer.
    """

    def __init__(self, job, learner):
        self.n_rows, self.epochs = learner.n_rows, job.n_epochs
        self.batch_size = int(job.rows_of_step(self.n_rows))
        self.steps_per_epoch = job.count_steps(self.n_rows)
        self.first_step, self.first_epoch = job.first_step, job.first_epoch
        self.schedule = make_schedule(
            learner.schedule,
            learner.rate,
            self.steps_per_epoch,
            learner.schedule_epochs,
            learner.warmup,
            done=(self.first_step, self.first_epoch),
        )
        self.flowing = learner.flowing
        self.data, self.validation, self.observed = (
            part and learner.to_tensors(part)
            for part in (job.train, job.validation, job.observed)
        )
        self._rows_per_chunk, self._shuffle = learner.rows_per_chunk, job.shuffle
        self._orders = np.random.default_rng(learner.order_seed)

    @cached_property
    def scored(self):
        """The rows that are scored after each epoch."""
        parts = [part for part in (self.validation, self.observed) if part]
        return ScoredRows(parts, self.data, self._rows_per_chunk)

    def draw_orders(self, n_epochs):
        """Return the orders of the rows in the next epochs."""
        orders = np.tile(np.arange(self.n_rows, dtype=np.int32), (n_epochs, 1))
        if not self._shuffle:
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
        # Before the watchers end: a callback may restore its best weights then.
        program.finish()


def _epochs_of_calls(training, recorder):
    """Yield the first epoch and the number of epochs of each call of the program."""
    stride, every = _epochs_per_call(training, recorder), recorder.observe_every
    first = 0
    while first < training.epochs:
        n_epochs = min(stride, training.epochs - first)
        # Epochs are scored at equal intervals: the remainder is a call of its own.
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
        # An observer may stop after any scored epoch, which wastes the rest of a call.
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
        inputs=learner.inputs(steps),
    )
    for k, sums in enumerate(results):
        logs, observed = learner.name_scores(sums, training)
        if recorder.epoch_end(training.first_epoch + first + k, logs, observed):
            return True
    return False
