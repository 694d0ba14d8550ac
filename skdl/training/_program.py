"""A program: one structure, compiled; load, train and score epochs, read."""

from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from skdl.nn._convolution import augment, make_augmenters, reset_augmenters
from skdl.nn._networks import BATCH_NORM, forward, score_head
from skdl.nn._structure import MLPStructure
from skdl.training._cache import check_process
from skdl.training._data import as_dense
from skdl.training._dropout import dropout_in_graph
from skdl.training._optimizers import OptimizerSpec, make_update
from skdl.training._rows import (
    fits_on_one_thread,
    run_on_all_threads,
    run_on_one_thread,
)
from skdl.training._sparse import SPARSE_SPEC, dense_rows, take_rows

__all__ = ["Program", "ProgramSpec", "calls", "infer", "rows_at_once"]

# A step of at most this many multiply-adds (forward) runs on one thread.
ONE_THREAD_WORK = 4_000_000
# A call does at most this many of them, so that Ctrl-C is heard within seconds.
WORK_PER_CALL = 10_000_000_000
STEPS_PER_CALL = 5_000
ROWS_PER_INFERENCE = 8_192
VALUES_AT_ONCE = 2**24
# A convolutional network of more multiply-adds a row predicts in single precision.
DOUBLE_WORK = 1_000_000


@dataclass(frozen=True)
class ProgramSpec:
    """What a program is compiled for.

    Parameters
    ----------
    network : MLPStructure
        The network.
    optimizer : OptimizerSpec
        The optimizer.
    dropout : tuple of int
        The places that have dropout: 0 is the input, k the k-th hidden layer.
    penalties : tuple of bool
        Whether there is an L1 and an L2 penalty.
    weighted : bool
        Whether rows have weights.
    shapes : tuple or None
        Shapes of the weights, for an optimizer that has no kernel: Keras makes its
        states for fixed shapes. None leaves all shapes open.
    sparse : bool
        Whether the rows are sparse.
    """

    network: MLPStructure
    optimizer: OptimizerSpec
    dropout: tuple[int, ...]
    penalties: tuple[bool, bool]
    weighted: bool
    shapes: tuple | None = None
    sparse: bool = False


class Program:
    """One structure compiled, with the variables that it trains.

    Its weights, and the states of its optimizer, are those that were loaded last.
    It must have one user at a time.

    Parameters
    ----------
    spec : ProgramSpec
        What to compile.
    make_optimizer : callable
        Returns a new Keras optimizer, for the case that no kernel does its work.
    """

    def __init__(self, spec, make_optimizer):
        self.spec = spec
        names = spec.network.weights
        if spec.shapes is None:
            self._weights = trained = [_open_variable(name) for name in names]
        else:
            trained = [_keras_variable(*pair) for pair in zip(names, spec.shapes)]
            self._weights = [variable.value for variable in trained]
        self._update = make_update(
            spec.optimizer, make_optimizer, self._trained_of(trained)
        )
        self._work_per_row = 0
        self._augmenters = make_augmenters(getattr(spec.network, "augmentation", "[]"))
        self._on_gpu = bool(tf.config.list_physical_devices("GPU"))
        self._compiled = {}

    def load(self, weights, states=None, *, work_per_row, seed):
        """Set the weights, the states of the optimizer, and where augmentation begins.

        Parameters
        ----------
        weights : list of ndarray
            Of the network.
        states : list of ndarray or None
            Of the optimizer; None for its first ones.
        work_per_row : int
            Multiply-adds of the forward pass of one row.
        seed : np.random.SeedSequence
            Of the augmentation.
        """
        self.write(weights)
        shapes = [weight.shape for weight in self._trained_of(weights)]
        self._update.reset(shapes, states)
        self._work_per_row = work_per_row
        seeds = seed.generate_state(len(self._augmenters))
        reset_augmenters(self._augmenters, seeds)

    def write(self, weights):
        """Set the weights and leave the states of the optimizer as they are."""
        for variable, value in zip(self._weights, weights, strict=True):
            variable.assign(value)

    def read(self):
        """Return the weights as a list of arrays."""
        return [variable.numpy() for variable in self._weights]

    def finish(self):
        """Do what the optimizer does to the weights at the end of a training."""
        self._update.finish()

    def read_states(self):
        """Return the states of the optimizer as a list of arrays."""
        return self._update.read()

    def train(
        self,
        data,
        scored,
        orders,
        *,
        batch_size,
        rates,
        first_step,
        dropout,
        momentum,
        penalties,
    ):
        """Train some epochs in one go; return the scores of each.

        Parameters
        ----------
        data : tuple of tf.Tensor
            X, y and, where rows are weighted, their weights (of mean 1).
        scored : ScoredRows
            The rows that are scored after each epoch.
        orders : ndarray of int32, shape (n_epochs, n_samples)
            The order of the rows in each epoch.
        batch_size : int
            Rows of a step; the last step of an epoch takes what is left.
        rates : ndarray of shape (n_epochs * n_steps,)
            The learning rate of each step.
        first_step : int
            Steps that this training has done before.
        dropout : DropoutPlan
            Its rates and random numbers.
        momentum : float
            Of the optimizers that have one.
        penalties : ndarray of float32, shape (2,)
            The factors l1 and l2.

        Returns
        -------
        train : ndarray of shape (n_epochs, 2)
            Mean loss, without the penalties, and mean metric of the steps.
        scores : ndarray of shape (n_epochs, n_parts, 2)
            The same of each scored part.
        """
        n_epochs, n_rows = orders.shape
        offsets = np.arange(0, n_rows, batch_size, dtype=np.int32)
        size = np.tile(np.minimum(batch_size, n_rows - offsets), n_epochs)
        begin = np.add.outer(np.arange(n_epochs, dtype=np.int32) * n_rows, offsets)
        steps = np.arange(first_step, first_step + len(rates)) + 1
        scalars = (1 / size, rates, *self._update.columns(steps, momentum))
        table = (
            begin.astype(np.int32).reshape(-1, 1),
            size.astype(np.int32).reshape(-1, 1),
            *dropout.columns(steps),
            *(scalar.astype(np.float32) for scalar in scalars),
        )
        # Where nothing is scored between epochs they run on as if they were one.
        n_runs = n_epochs if scored.n_parts else 1
        # (n_epochs * n_steps, ...) -> (n_runs, n_steps_of_run, ...)
        table = [column.reshape(n_runs, -1, *column.shape[1:]) for column in table]
        work = batch_size * self._work_per_row
        run = self._compile(not self._on_gpu and work <= ONE_THREAD_WORK)
        constants = (orders.reshape(-1), dropout.constants(), penalties)
        constants = tf.nest.map_structure(tf.constant, constants)
        stride = max(1, min(STEPS_PER_CALL, WORK_PER_CALL // work))
        trained, scores = [], []
        n_steps = table[0].shape[1]
        for runs, some in calls(n_runs, n_steps, stride):
            part = tuple(tf.constant(column[runs, some]) for column in table)
            pieces = scored.pieces if some.stop == n_steps else scored.no_pieces
            results = run(data, scored.data, *constants, part, pieces).numpy()
            # (n_runs * (n_steps + n_pieces), 4) -> (n_runs, n_steps + n_pieces, 4)
            results = results.reshape(len(part[0]), -1, 4)
            n_trained = some.stop - some.start
            trained.append(results[:, :n_trained, :2].reshape(-1, 2))
            if some.stop == n_steps:
                scores.append(results[:, n_trained:])
        # (n_epochs * n_steps, 2) -> (n_epochs, n_steps, 2)
        trained = np.concatenate(trained).reshape(n_epochs, -1, 2)
        trained = trained.sum(axis=1, dtype=np.float64) / n_rows
        return trained, scored.mean_scores(np.concatenate(scores), n_epochs)

    def _compile(self, on_one_thread):
        """Return the loop over steps, traced when it is first asked for."""
        if on_one_thread not in self._compiled:
            loop = tf.function(
                partial(
                    self._trace_loop,
                    run_on_one_thread if on_one_thread else run_on_all_threads,
                ),
                autograph=False,
            )
            signature = self._signature()
            traced = loop.get_concrete_function(*signature)
            if on_one_thread and not fits_on_one_thread(traced):
                traced = self._compile(False)
            self._compiled[on_one_thread] = traced
        return self._compiled[on_one_thread]

    def _signature(self):
        floats, integers = tf.TensorSpec([None]), tf.TensorSpec([None], tf.int32)
        y = integers
        if self.spec.network.head != "softmax":
            y = tf.TensorSpec([None, None])
        weight = [floats] if self.spec.weighted else []
        x = SPARSE_SPEC if self.spec.sparse else tf.TensorSpec([None, None])
        data = (x, y, *weight)
        word, key = tf.TensorSpec([1], tf.int32), tf.TensorSpec([1], tf.uint64)
        masks = (
            tf.TensorSpec([None, None, 2], tf.uint64),
            tf.TensorSpec([None, None, None], tf.uint8),
        )
        n_scalars = 2 + len(self._update.columns(np.ones(1), 0.0))
        piece = tf.TensorSpec([None, 1], tf.int32)
        steps = (
            tf.TensorSpec([None, None, 1], tf.int32),
            tf.TensorSpec([None, None, 1], tf.int32),
            *(masks if self.spec.dropout else ()),
            *[tf.TensorSpec([None, None])] * n_scalars,
        )
        dropout = (floats, integers, word, key)
        scored, penalties = (*data[:2], floats), tf.TensorSpec([2])
        return data, scored, integers, dropout, penalties, steps, (piece, piece)

    def _trace_loop(
        self, run, data, scored, order, constants, penalties, steps, pieces
    ):
        def train(begin, size, *row):
            rows = tf.raw_ops.Slice(input=order, begin=begin, size=size)
            batch = [take_rows(column, rows) for column in data]
            drop = None
            if self.spec.dropout:
                counter, thresholds, *row = row
                drop = dropout_in_graph(
                    self.spec.dropout, size, constants, counter, thresholds
                )
            return self._trace_step(batch, drop, penalties, *row)

        def score(begin, size):
            end = begin[0] + size[0]
            x, *others = scored
            if self.spec.sparse:
                x = dense_rows(x, tf.range(begin[0], end))
            else:
                x = x[begin[0] : end]
            return self._trace_scores([x, *(part[begin[0] : end] for part in others)])

        return run(train, score, steps, pieces)

    def _trace_scores(self, part):
        """Return the sums of losses, metrics and weights of some rows."""
        x, y, weight = part
        weights = [variable.read_value() for variable in self._weights]
        logits = forward(self.spec.network, weights, x)
        losses, metrics, _ = score_head(self.spec.network.head, logits, y)
        sums = [tf.reduce_sum(term * weight) for term in (losses, metrics, 1.0)]
        return tf.stack([*sums, 0.0])

    def _trace_step(self, batch, drop, penalties, inverse, rate, *scalars):
        """Train on one batch; ``inverse`` is one over its number of rows."""
        x, y, *weight = batch
        if self._augmenters:
            x = augment(self._augmenters, x, self.spec.network.image_shape)
        weights = [variable.read_value() for variable in self._weights]
        trained = self._trained_of(weights)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(trained)
            logits = forward(self.spec.network, weights, x, drop, self._track)
        losses, metrics, slope = score_head(self.spec.network.head, logits, y)
        if weight:
            losses, metrics = losses * weight[0], metrics * weight[0]
            slope = slope * tf.expand_dims(weight[0] * inverse, 1)
        else:
            slope = slope * inverse
        gradients = tape.gradient(logits, trained, output_gradients=slope)
        if any(self.spec.penalties):
            gradients = self._add_penalties(gradients, trained, penalties)
        self._update.apply(gradients, rate, *scalars)
        return tf.stack([tf.reduce_sum(losses), tf.reduce_sum(metrics), 0.0, 0.0])

    def _track(self, layer, *statistics):
        """Move the statistics of a normalized layer towards those of a batch."""
        layers = self.spec.network.layers
        start = sum(len(names) for names in layers[:layer]) + 3
        moving = self._weights[start : start + 2]
        for variable, value in zip(moving, statistics, strict=True):
            change = (value - variable.read_value()) * (1 - BATCH_NORM["momentum"])
            variable.assign_add(change)

    def _add_penalties(self, gradients, trained, penalties):
        l1, l2 = tf.unstack(penalties, 2)
        names = self._trained_of(self.spec.network.weights)
        added = []
        for gradient, weight, name in zip(gradients, trained, names, strict=True):
            if name.endswith("kernel") and self.spec.penalties[0]:
                gradient += l1 * tf.sign(weight)
            if name.endswith("kernel") and self.spec.penalties[1]:
                gradient += 2 * l2 * weight
            added.append(gradient)
        return added

    def _trained_of(self, values):
        """Return those of one value for each weight that belong to trained weights."""
        names = self.spec.network.weights
        return [v for v, name in zip(values, names) if not name.startswith("moving")]


def infer(network, weights, X, plan):
    """Return the logits of a network.

    They are computed in double precision, where that does not cost much: it makes a
    row's result the same, to 1e-9, whatever the other rows of the call are.

    Parameters
    ----------
    network : MLPStructure
        The network.
    weights : list of ndarray of float32
        Its weights.
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        The rows.
    plan : Plan
        Its sizes.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_outputs)
        The logits.
    """
    check_process()
    slow = network.n_blocks and plan.work > DOUBLE_WORK
    dtype = tf.float32 if slow else tf.float64
    weights = [tf.constant(weight, dtype) for weight in weights]
    stride = rows_at_once(plan)
    parts = [
        forward(
            network, weights, tf.constant(as_dense(X[start : start + stride]), dtype)
        )
        for start in range(0, max(X.shape[0], 1), stride)
    ]
    return np.concatenate([part.numpy() for part in parts]).astype(np.float64)


def rows_at_once(plan):
    """Return for how many rows the outputs of a layer are some megabytes."""
    return int(np.clip(VALUES_AT_ONCE // max(plan.widths), 16, ROWS_PER_INFERENCE))


def calls(n_runs, n_steps, stride):
    """Yield the runs and the steps of each call, which has at most ``stride``."""
    if n_steps <= stride:
        whole = stride // n_steps
        for first in range(0, n_runs, whole):
            yield slice(first, first + whole), slice(0, n_steps)
        return
    for run in range(n_runs):
        for first in range(0, n_steps, stride):
            yield slice(run, run + 1), slice(first, min(first + stride, n_steps))


def _open_shape(name):
    return [None] * {"conv_kernel": 4, "kernel": 2}.get(name, 1)


def _open_variable(name):
    shape = _open_shape(name)
    return tf.Variable(tf.zeros([0] * len(shape)), shape=tf.TensorShape(shape))


def _keras_variable(name, shape):
    return keras.Variable(np.zeros(shape, np.float32), name=name)
