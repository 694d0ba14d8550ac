"""A program: one step, compiled as a loop over the steps of some epochs."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from skdl.training._graph_loop import (
    fits_on_one_thread,
    run_on_all_threads,
    run_on_one_thread,
    with_plain_arguments,
)
from skdl.training._optimizers import Flowing
from skdl.training._sparse import dense_rows, take_rows

__all__ = ["EpochResults", "Program", "Step"]

# A step of at most this many multiply-adds (forward) runs on one thread: on two cores
# it takes 0.65 to 1.2 of its time on both (1.4 with very wide batches), and an ensemble
# fits two networks at once.
ONE_THREAD_MULTIPLY_ADDS = 24_000_000
# A call does at most this many of them, so that Ctrl-C takes effect within seconds.
MULTIPLY_ADDS_PER_CALL = 10_000_000_000
STEPS_PER_CALL = 5_000


class Step(Protocol):
    """How a program trains on one batch: a network of ours, or a user's model.

    Attributes
    ----------
    update : object
        From ``make_update``: applies the gradients, and owns the optimizer's states.
    multiply_adds_per_row : int
        Multiply-adds of the forward pass of one row.
    results : tf.TensorSpec
        Spec of the numbers returned for a batch or a scored chunk.
    ends_epochs : bool
        Whether an epoch, and its scoring, ends with a row of numbers of its own.
    """

    update: Any
    multiply_adds_per_row: int
    results: tf.TensorSpec
    ends_epochs: bool

    def signature(self) -> tuple[tuple, tuple, tuple]:
        """Return the specs of the data, of the constants and of a step's columns."""

    def train_batch(
        self, batch: list, size: tf.Tensor, constants: tuple, row: tuple
    ) -> tf.Tensor:
        """Train on one batch, in a graph.

        ``row`` has the step's own columns, one over the number of rows, the learning
        rate, and the scalars of the optimizer.
        """

    def score_chunk(self, part: list, constants: tuple) -> tf.Tensor:
        """Score some rows, in a graph."""

    def read_states(self) -> list[np.ndarray]:
        """Return what resumed training needs beside the weights."""

    def end_epoch(self) -> tf.Tensor:
        """Return the numbers accumulated since the last end, in a graph."""


class EpochResults(NamedTuple):
    """The results of the steps of one epoch, and of what followed them.

    Parameters
    ----------
    steps : ndarray of shape (n_steps, n_numbers)
        Results of each step.
    after : ndarray of shape (n_rows, n_numbers)
        Results of the end of the epoch, of each scored chunk, and of the end of the
        scoring, as far as the step has them.
    """

    steps: np.ndarray
    after: np.ndarray


class Program:
    """One step compiled, with the variables that it trains.

    Its weights, and the states of its optimizer, are those that were loaded last.
    It must have one user at a time.

    Parameters
    ----------
    spec : NetworkSpec or ModelSpec
        What the step was made for.
    step : Step
        What is done with a batch.
    """

    def __init__(self, spec, step):
        self.spec = spec
        self.step = step
        self._on_gpu = bool(tf.config.list_physical_devices("GPU"))
        self._compiled = {}

    def train(self, training, orders, *, n_scored, rates, inputs):
        """Train some epochs in one go; return the results of each.

        Parameters
        ----------
        training : Training
            The data, the rows to score, the size of a batch.
        orders : ndarray of int32, shape (n_epochs, n_samples)
            The order of the rows in each epoch.
        n_scored : int
            After how many of the epochs the rows of ``training.scored`` are scored: 0,
            or a divisor of ``n_epochs``, and then the last of so many is scored.
        rates : ndarray of shape (n_epochs * n_steps,)
            The learning rate of each step.
        inputs : tuple
            The step's own columns, one row for each step, and its constants.

        Returns
        -------
        list of EpochResults
        """
        scored = training.scored
        if not scored.n_parts:
            n_scored = 0
        # A call costs 1.5 ms, as much as a small epoch: so many epochs as nobody
        # watches are one call, and what they give does not depend on how they are
        # grouped. If nothing is done between epochs, they run as if they were one.
        n_epochs = len(orders)
        n_runs = n_epochs if self.step.ends_epochs else max(1, n_scored)
        columns, constants = inputs
        table = self._tabulate(training, orders, rates, columns)
        # (n_epochs * n_steps, ...) -> (n_runs, n_steps_of_run, ...)
        table = [column.reshape(n_runs, -1, *column.shape[1:]) for column in table]
        constants = orders.reshape(-1), constants
        trained, after = self._run(training, constants, table, is_scored=n_scored > 0)
        # (n_epochs * n_steps, n_numbers) -> (n_epochs, n_steps, n_numbers)
        trained = trained.reshape(n_epochs, -1, trained.shape[1])
        nothing, per_run = after[0][:0], n_epochs // n_runs
        return [
            EpochResults(steps, nothing if (k + 1) % per_run else after[k // per_run])
            for k, steps in enumerate(trained)
        ]

    def _tabulate(self, training, orders, rates, columns):
        """Return the columns of the table of steps, a row for each step."""
        n_epochs, n_rows = orders.shape
        offsets = np.arange(0, n_rows, training.batch_size, dtype=np.int32)
        size = np.tile(np.minimum(training.batch_size, n_rows - offsets), n_epochs)
        begin = np.add.outer(np.arange(n_epochs, dtype=np.int32) * n_rows, offsets)
        flowing = self.step.update.columns(len(rates), training.flowing)
        return [
            begin.astype(np.int32).reshape(-1, 1),
            size.astype(np.int32).reshape(-1, 1),
            *columns,
            *(one.astype(np.float32) for one in (1 / size, rates, *flowing)),
        ]

    def _run(self, training, constants, table, *, is_scored):
        """Return the results of all steps, and what followed those of each run."""
        scored, (n_runs, n_steps) = training.scored, table[0].shape[:2]
        multiply_adds = training.batch_size * self.step.multiply_adds_per_row
        is_small = multiply_adds <= ONE_THREAD_MULTIPLY_ADDS
        on_one_thread = is_small and not self._on_gpu
        run = self._compile(on_one_thread, bool(scored.n_parts), n_runs == 1)
        chunks = scored.chunks if is_scored else scored.no_chunks
        most = MULTIPLY_ADDS_PER_CALL // max(1, multiply_adds)
        trained_parts, after_parts = [], []
        for runs, some in _calls(n_runs, n_steps, max(1, min(STEPS_PER_CALL, most))):
            is_end = some.stop == n_steps
            results = run(
                training.data,
                scored.data,
                *constants,
                [column[runs, some] for column in table],
                chunks if is_end else scored.no_chunks,
                scored.ends if is_end else scored.no_ends,
            ).numpy()
            # (n_runs * n_rows, n_numbers) -> (n_runs, n_rows, n_numbers)
            results = results.reshape(runs.stop - runs.start, -1, results.shape[1])
            n_trained = some.stop - some.start
            trained_parts.append(results[:, :n_trained].reshape(-1, results.shape[2]))
            if is_end:
                after_parts.append(results[:, n_trained:])
        return np.concatenate(trained_parts), np.concatenate(after_parts)

    def finish(self):
        """Do what the optimizer does to the weights at the end of a training."""
        self.step.update.finish()

    def _compile(self, on_one_thread, is_scored, is_single):
        """Return the loop over steps, traced on first use."""
        is_single = is_single and on_one_thread  # there alone it is another graph
        # A user's model is scored only where somebody asks: its layers take longer to
        # trace than ours, which are scored or not by the same loop.
        key = on_one_thread, is_scored or not self.step.ends_epochs, is_single
        if key not in self._compiled:
            run = run_on_one_thread if on_one_thread else run_on_all_threads
            loop = tf.function(partial(self._trace_loop, run, key[1]), autograph=False)
            traced = loop.get_concrete_function(*self._signature(is_single))
            if on_one_thread and not fits_on_one_thread(traced):
                self._compiled[key] = self._compile(False, is_scored, is_single)
            else:
                self._compiled[key] = with_plain_arguments(traced)
        return self._compiled[key]

    def _signature(self, is_single):
        data, constants, columns = self.step.signature()
        floats, integers = tf.TensorSpec([None]), tf.TensorSpec([None], tf.int32)
        n_scalars = 2 + len(self.step.update.columns(0, Flowing()))
        steps = (
            tf.TensorSpec([None, None, 1], tf.int32),
            tf.TensorSpec([None, None, 1], tf.int32),
            *columns,
            *[tf.TensorSpec([None, None])] * n_scalars,
        )
        if is_single:
            steps = tuple(tf.TensorSpec([1, *s.shape[1:]], s.dtype) for s in steps)
        rows = tf.TensorSpec([None, 1], tf.int32)
        ends = (rows, rows)
        return data, (*data[:2], floats), integers, constants, steps, (rows, rows), ends

    def _trace_loop(
        self, run, is_scored, data, scored, order, constants, steps, chunks, ends
    ):
        def train(begin, size, *row):
            rows = tf.raw_ops.Slice(input=order, begin=begin, size=size)
            batch = [take_rows(column, rows) for column in data]
            return self.step.train_batch(batch, size, constants, row)

        def score(begin, size):
            end = begin[0] + size[0]
            x, *others = scored
            if isinstance(x, tuple):
                x = dense_rows(x, tf.range(begin[0], end))
            else:
                x = x[begin[0] : end]
            others = [column[begin[0] : end] for column in others]
            return self.step.score_chunk([x, *others], constants)

        def finish(end):  # which TensorFlow would not name _
            return self.step.end_epoch()

        after: list[tuple[Callable, tuple]] = [(score, chunks)] if is_scored else []
        if self.step.ends_epochs:
            # The metrics of the training are read and reset before the scoring adds to
            # them; the second end reads those of the validation.
            scored_end = [(finish, ends[1:])] if is_scored else []
            after = [(finish, ends[:1]), *after, *scored_end]
        return run(train, steps, after, self.step.results)


def _calls(n_runs, n_steps, stride):
    """Yield the runs and the steps of each call, which has at most ``stride``."""
    if n_steps <= stride:
        whole = stride // n_steps
        for first in range(0, n_runs, whole):
            yield slice(first, min(first + whole, n_runs)), slice(0, n_steps)
        return
    for run in range(n_runs):
        for first in range(0, n_steps, stride):
            yield slice(run, run + 1), slice(first, min(first + stride, n_steps))
