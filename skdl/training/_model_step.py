"""How a program trains a user's model on one batch."""

import re
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from skdl._utils._keras_objects import (
    compile_settings,
    copy_keras,
    copy_variable_settings,
    keras_seeds_from,
)
from skdl.training._kernels import kernel_for
from skdl.training._model_key import has_sparse_gradients, multiply_adds_per_row
from skdl.training._optimizers import OptimizerSpec
from skdl.training._recorder import plain_score
from skdl.training._sparse import SPARSE_SPEC
from skdl.training._update import make_update

__all__ = ["ModelSpec", "ModelStep", "explain_model"]


# Where it happened, and not what.
_NOISE = re.compile(
    r"\s*(Exception encountered|Graph execution error|Detected at|File |\[\[|node:"
    r"|\w+Error: )"
)


@dataclass(frozen=True)
class ModelSpec:
    """What a program for a user's model is compiled for.

    Parameters
    ----------
    architecture : str
        The layers, the loss and the metrics, from ``describe_architecture``.
    optimizer : OptimizerSpec
        The optimizer.
    columns : tuple of (tuple of int, str)
        Row shape and dtype of X, y and, if rows are weighted, the weights.
    sparse : bool
        Whether the rows are sparse.
    """

    architecture: str
    optimizer: OptimizerSpec
    columns: tuple
    sparse: bool = False


class ModelStep:
    """Trains a copy of a user's model on one batch, as ``keras.Model.train_step`` does.

    Parameters
    ----------
    spec : ModelSpec
        What to trace.
    model : keras.Model
        One of that architecture, built and compiled. It is not changed.
    """

    ends_epochs = True

    def __init__(self, spec, model):
        self.spec = spec
        self._model = _copy(model)
        # Keras makes the variables of metrics when they are first used: after the trace
        # had begun they would belong to the graph.
        self._metrics = self._score_example()
        # The loss and the values of the metrics, as doubles, which hold all types.
        n_numbers = 1 + sum(np.size(value) for value in self._metrics.values())
        self.results = tf.TensorSpec([n_numbers], tf.float64)
        trained = self._model.trainable_variables
        self._has_slices = has_sparse_gradients(spec.architecture)
        if not self._has_slices and kernel_for(spec.optimizer) is not None:
            trained = [variable.value for variable in trained]
        self.update = make_update(
            spec.optimizer,
            # The rate flows in; a schedule of Keras' could not be assigned.
            partial(copy_keras, model.optimizer, learning_rate=1.0),
            trained,
            sparse=self._has_slices,
        )
        self.multiply_adds_per_row = multiply_adds_per_row(self._model)

    def load(self, model, states=None):
        """Load the variables of a model, and the states of its optimizer."""
        _assign(self._model, model)
        shapes = [variable.shape for variable in self._model.trainable_variables]
        self.update.reset(shapes, states)
        self._model.reset_metrics()

    def store(self, model):
        """Copy the current variables to a model."""
        _assign(model, self._model)

    def write(self, weights):
        """Set the weights that are not None; the states of the optimizer stay."""
        for variable, value in zip(self._model.weights, weights, strict=True):
            if value is not None:
                variable.assign(value)

    def read(self):
        """Return the weights as a list of arrays, as ``get_weights`` orders them."""
        return self._model.get_weights()

    def read_states(self):
        """Return the states of the optimizer, as arrays."""
        return self.update.read()

    def signature(self):
        """Return the specs of the data, of the constants and of a step's columns."""
        data = [
            tf.TensorSpec([None, *shape], dtype) for shape, dtype in self.spec.columns
        ]
        if self.spec.sparse:
            data[0] = SPARSE_SPEC
        return tuple(data), (), ()

    def train_batch(self, batch, size, constants, row):
        """Train on one batch; return its loss."""
        _, rate, *scalars = row
        variables = self._model.trainable_variables
        with tf.GradientTape() as tape:
            loss = self._trace_loss(batch, training=True)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        if not self._has_slices:
            gradients = _dense(gradients, variables)
        self.update.apply(gradients, rate, *scalars)
        # Keras' optimizers apply constraints themselves; a kernel knows of none.
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        return self._as_row(loss, [])

    def score_chunk(self, part, constants):
        """Return the loss of some rows."""
        # Scored rows always have weights, also where the program takes none.
        return self._as_row(self._trace_loss(part[: len(self.spec.columns)]), [])

    def end_epoch(self):
        """Return the values of the metrics, and reset them."""
        # In the graph, so that several epochs may be one call: each ends with its
        # metrics and leaves none of its sums to the next.
        found = self._model.get_metrics_result()
        row = self._as_row(0.0, list(found.values()))
        self._model.reset_metrics()
        return row

    def name_metrics(self, numbers):
        """Return the metrics by name, from a row of ``end_epoch``."""
        named, start = {}, 1
        for name, like in self._metrics.items():
            value = numbers[start : start + np.size(like)]
            named[name] = plain_score(value.reshape(np.shape(like)).astype(like.dtype))
            start += np.size(like)
        return named

    def _trace_loss(self, batch, training=False):
        """Return the loss of some rows and add them to the metrics."""
        x, y, weight = (*batch, None)[:3]
        if self.spec.sparse:  # some layers must know the number of columns
            x = tf.ensure_shape(x, [None, *self.spec.columns[0][0]])
        outputs = self._model(x, training=training)
        loss = self._model.compute_loss(
            x=x, y=y, y_pred=outputs, sample_weight=weight, training=training
        )
        self._model.compute_metrics(x, y, outputs, sample_weight=weight)
        return loss

    def _as_row(self, loss, metrics):
        numbers = [tf.cast(part, tf.float64) for part in (loss, *metrics)]
        row = tf.concat([tf.reshape(part, [-1]) for part in numbers], axis=0)
        # All rows of results have one length: that of the loss and all metrics.
        if not metrics:
            row = tf.pad(row, [[0, self.results.shape[0] - 1]])
        return tf.ensure_shape(row, self.results.shape)

    def _score_example(self):
        """Score one row of zeros, which builds Keras' metrics; return their values."""
        row = [tf.zeros([1, *s], dtype) for s, dtype in self.spec.columns]
        try:
            self._trace_loss(row)
            found = self._model.get_metrics_result()
        except Exception as error:  # whatever a loss or a metric of Keras raises
            raise explain_model(self._model, row[1], error) from error
        return {name: np.asarray(value) for name, value in found.items()}


def explain_model(model, y, error):
    """Return the error of a model that can't be trained, with what it consists of.

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
    return ValueError(
        f"The model, its loss {loss or model.loss!r} and its metrics {names} fail for "
        f"targets of shape {(None, *np.shape(y)[1:])} and outputs of shape "
        f"{[(None, *shape) for shape in shapes]}: {_find_reason(error)[:200]}"
    )


def _find_reason(error):
    """Return the line of an error of Keras or TensorFlow that says what is wrong."""
    text = re.sub(r"\x1b\[\d+m|\{\{.*?\}\}", "", str(error))
    lines = text.splitlines()
    found = [line.strip() for line in lines if line.strip() and not _NOISE.match(line)]
    return found[0] if found else type(error).__name__


def _dense(gradients, variables):
    """Return dense gradients for the kernels: zeros for None, and no slices."""
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
    copy_variable_settings(model, copy)
    copy.compile(**compile_settings(model, optimizer="sgd"))  # the program has its own
    return copy
