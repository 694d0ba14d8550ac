"""A program for a model that a user has built: train an epoch, score rows."""

from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from skdl.training._architecture import (
    compile_settings,
    copy_keras,
    keras_seeds_from,
    rows_at_once,
    work_per_row,
)
from skdl.training._loop import plain_score
from skdl.training._optimizers import OptimizerSpec, kernel_for, make_update
from skdl.training._program import (
    ONE_THREAD_WORK,
    STEPS_PER_CALL,
    WORK_PER_CALL,
    calls,
)
from skdl.training._rows import (
    fits_on_one_thread,
    run_on_all_threads,
    run_on_one_thread,
)

__all__ = ["ModelProgram", "ModelSpec", "unfitting"]


@dataclass(frozen=True)
class ModelSpec:
    """What a program is compiled for.

    Parameters
    ----------
    architecture : str
        The layers, the loss and the metrics, from ``describe``.
    optimizer : OptimizerSpec
        The optimizer.
    columns : tuple of (tuple of int, str)
        Shape of a row and dtype: of X, y and, where rows are weighted, their weights.
    """

    architecture: str
    optimizer: OptimizerSpec
    columns: tuple


class ModelProgram:
    """A user's architecture compiled, with a copy of the model that it trains.

    A step does what ``keras.Model.train_step`` does. It must have one user at a time.

    Parameters
    ----------
    spec : ModelSpec
        What to compile.
    model : keras.Model
        One of that architecture, built and compiled. It is not changed.
    """

    def __init__(self, spec, model):
        self.spec = spec
        self._model = _copy(model)
        self._example_row()
        trained = self._model.trainable_variables
        # A layer that looks up rows has a gradient of slices.
        self._sparse = '"Embedding"' in spec.architecture
        if not self._sparse and kernel_for(spec.optimizer) is not None:
            trained = [variable.value for variable in trained]
        self._update = make_update(
            spec.optimizer,
            partial(copy_keras, model.optimizer),
            trained,
            sparse=self._sparse,
        )
        self._work_per_row = work_per_row(self._model)
        self._rows_at_once = rows_at_once(self._model)
        self._on_gpu = bool(tf.config.list_physical_devices("GPU"))
        self._compiled = {}

    def load(self, model, states=None):
        """Take the variables of a model, and the states of its optimizer."""
        _assign(self._model, model)
        shapes = [variable.shape for variable in self._model.trainable_variables]
        self._update.reset(shapes, states)

    def store(self, model):
        """Give a model the variables as they are."""
        _assign(model, self._model)

    def write(self, weights):
        """Set the weights and leave the states of the optimizer as they are."""
        self._model.set_weights(weights)

    def read(self):
        """Return the weights as a list of arrays, as ``get_weights`` orders them."""
        return self._model.get_weights()

    def finish(self):
        """Do what the optimizer does to the weights at the end of a training."""
        self._update.finish()

    def read_states(self):
        """Return the states of the optimizer as a list of arrays."""
        return self._update.read()

    def train(self, data, order, *, batch_size, rates, first_step, momentum):
        """Train an epoch; return its scores.

        Parameters
        ----------
        data : tuple of tf.Tensor
            X, y and, where rows are weighted, their weights.
        order : ndarray of int32, shape (n_samples,)
            The order of the rows.
        batch_size : int
            Rows of a step; the last step takes what is left.
        rates : ndarray of shape (n_steps,)
            The learning rate of each step.
        first_step : int
            Steps that this training has done before.
        momentum : float
            Of the optimizers that have one.

        Returns
        -------
        dict of str to float
            The loss and the metrics, by Keras' names.
        """
        steps = np.arange(first_step, first_step + len(rates)) + 1
        scalars = (rates, *self._update.columns(steps, momentum))
        return self._run(self._trace_step, data, order, batch_size, scalars)

    def evaluate(self, data):
        """Return the loss and the metrics of some rows, as ``train`` does."""
        order = np.arange(len(data[0]), dtype=np.int32)
        return self._run(self._trace_scores, data, order, self._rows_at_once, ())

    def _run(self, body, data, order, batch_size, scalars):
        offsets = np.arange(0, len(order), batch_size, dtype=np.int32)
        sizes = np.minimum(batch_size, len(order) - offsets).astype(np.int32)
        columns = [offsets[:, np.newaxis], sizes[:, np.newaxis]]
        columns += [scalar.astype(np.float32) for scalar in scalars]
        work = batch_size * self._work_per_row
        run = self._compile(body, not self._on_gpu and work <= ONE_THREAD_WORK)
        order = tf.constant(order)
        stride = max(1, min(STEPS_PER_CALL, WORK_PER_CALL // max(work, 1)))
        self._model.reset_metrics()
        loss = 0.0
        for _, some in calls(1, len(offsets), stride):
            # (n_steps, ...) -> (1, n_steps, ...)
            table = tuple(tf.constant(column[np.newaxis, some]) for column in columns)
            results = run(data, order, table).numpy()
            loss += float(results[:, 0].astype(np.float64) @ sizes[some])
        scores = self._model.get_metrics_result()
        scores = {name: plain_score(value) for name, value in scores.items()}
        return {**scores, "loss": loss / len(order)}

    def _compile(self, body, on_one_thread):
        """Return the loop over steps, traced when it is first asked for."""
        key = body.__name__, on_one_thread
        if key not in self._compiled:
            run = run_on_one_thread if on_one_thread else run_on_all_threads
            loop = tf.function(partial(self._trace_loop, run, body), autograph=False)
            signature = self._signature(training=body == self._trace_step)
            traced = loop.get_concrete_function(*signature)
            if on_one_thread and not fits_on_one_thread(traced):
                traced = self._compile(body, False)
            self._compiled[key] = traced
        return self._compiled[key]

    def _signature(self, training):
        data = tuple(
            tf.TensorSpec([None, *shape], dtype) for shape, dtype in self.spec.columns
        )
        n_scalars = len(self._update.columns(np.ones(1), 0.0)) + 1 if training else 0
        integers = tf.TensorSpec([None, None, 1], tf.int32)
        scalars = [tf.TensorSpec([None, None])] * n_scalars
        return data, tf.TensorSpec([None], tf.int32), (integers, integers, *scalars)

    def _trace_loop(self, run, body, data, order, table):
        def step(begin, size, *scalars):
            rows = tf.raw_ops.Slice(input=order, begin=begin, size=size)
            batch = [
                tf.raw_ops.GatherV2(params=column, indices=rows, axis=0)
                for column in data
            ]
            return tf.pad([body(batch, *scalars)], [[0, 3]])

        def nothing(begin, size):
            return tf.zeros([4])

        no_pieces = (tf.zeros([0, 1], tf.int32),) * 2
        return run(step, nothing, table, no_pieces)

    def _trace_step(self, batch, rate, *scalars):
        """Train on one batch; return its loss."""
        variables = self._model.trainable_variables
        with tf.GradientTape() as tape:
            loss = self._trace_scores(batch, training=True)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        if not self._sparse:
            gradients = _dense(gradients, variables)
        self._update.apply(gradients, rate, *scalars)
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        return loss

    def _trace_scores(self, batch, training=False):
        """Return the loss of some rows and add them to the metrics."""
        x, y, weight = (*batch, None)[:3]
        outputs = self._model(x, training=training)
        loss = self._model.compute_loss(
            x=x, y=y, y_pred=outputs, sample_weight=weight, training=training
        )
        self._model.compute_metrics(x, y, outputs, sample_weight=weight)
        return loss

    def _example_row(self):
        """Score one row of zeros: Keras makes its metrics when they are first used."""
        row = [tf.zeros([1, *s], dtype) for s, dtype in self.spec.columns]
        try:
            self._trace_scores(row)
        except Exception as error:  # whatever a loss or a metric of Keras raises
            raise unfitting(self._model, row[1], error) from error


def unfitting(model, y, error):
    """Return the error of a model whose loss or metrics do not fit its targets.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    y : array or None
        Targets, as the model gets them.
    error : Exception
        What Keras or TensorFlow says, perhaps with their whole graph.
    """
    shapes = [tuple(part.shape[1:]) for part in getattr(model, "outputs", None) or ()]
    loss = getattr(model.loss, "name", None) or getattr(model.loss, "__name__", None)
    settings = model._compile_config.config
    metrics = keras.tree.flatten([settings["metrics"], settings["weighted_metrics"]])
    names = [getattr(metric, "name", metric) for metric in metrics if metric]
    lines = [line for line in str(error).splitlines() if line.strip()]
    first = next((line for line in lines if "rror: " not in line), "")
    return ValueError(
        f"The loss {loss or model.loss!r} and the metrics {names} do not go with "
        f"targets of shape {(None, *np.shape(y)[1:])} and outputs of shape "
        f"{[(None, *shape) for shape in shapes]}: {first[:200]}"
    )


def _dense(gradients, variables):
    """Return gradients without gaps, for the kernels: zeros, and no slices."""
    return [
        tf.zeros_like(variable.value)
        if gradient is None
        else tf.convert_to_tensor(gradient)
        for gradient, variable in zip(gradients, variables, strict=True)
    ]


def _assign(model, other):
    for variable, value in zip(model.variables, other.variables, strict=True):
        variable.assign(value)


def _copy(model):
    with keras_seeds_from(0):  # they are loaded before each use
        copy = keras.models.clone_model(model)
    copy.compile(**compile_settings(model, optimizer="sgd"))  # the program has its own
    return copy
