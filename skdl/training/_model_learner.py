"""A user's model in one training: its data, its program, or why it has none."""

import keras
import numpy as np
import tensorflow as tf
from scipy import sparse

from skdl.training._inference import depends_on_batches, rows_scored_at_once
from skdl.training._keras_fit import KerasFit
from skdl.training._learner import Learner
from skdl.training._model_key import (
    NotCompilable,
    describe_architecture,
    has_sparse_gradients,
    multiply_adds_per_row,
)
from skdl.training._model_step import ModelSpec, ModelStep, explain_model
from skdl.training._optimizers import Flowing, rate_of, spec_for
from skdl.training._program import Program
from skdl.training._sparse import as_sparse_tensors
from skdl.training._tensors import as_batch, count_samples, to_tensor

__all__ = ["ModelLearner"]


class ModelLearner(Learner):
    """A user's model in one training.

    Parameters
    ----------
    job : Job
        Its ``learner`` is a ``WrappedModel``.
    batch_hooks : bool
        Whether a callback wants to see each batch: then Keras trains.
    """

    def __init__(self, job, batch_hooks):
        self.job, self._model = job, job.learner.model
        self._keras_arguments = job.learner.keras_arguments
        try:
            self._spec = self._find_spec(batch_hooks)
            self.path = "compiled: one input, one output, Keras' own parts"
        except NotCompilable as reason:
            self._spec, self.path = None, f"keras.Model.fit: {reason}"
        self.compiled = self._spec is not None
        self.multiply_adds_per_row = (
            multiply_adds_per_row(self._model) if self._model.built else 0
        )
        # Keras' way needs no tensors, and knows the length of a data set only at its
        # end.
        self.n_rows = count_samples(job.train.X) or 1  # unknown for a data set
        is_scored = self.compiled and job.validation is not None
        self.rows_per_chunk = 1
        if is_scored:
            # As in Keras, which scores in batches of the training's size.
            batch_size = self.n_rows if job.batch_size == -1 else job.batch_size
            self.rows_per_chunk = rows_scored_at_once(self._model, batch_size)
        self.order_seed, self.schedule_epochs = job.seed, job.n_epochs
        self.warmup = 0.0
        optimizer = self._model.optimizer
        self.rate, self.schedule, momentum = float(optimizer.learning_rate), None, 0.0
        if self.compiled:  # else Keras' optimizer handles them
            self.rate, self.schedule, momentum = rate_of(optimizer)
        self.flowing = Flowing(momentum)

    @property
    def spec(self):
        return self._spec

    @property
    def states_of(self):
        # A layer that was frozen since then has none any more.
        trained = [variable.trainable for variable in self._model.variables]
        if self.compiled:
            return f"{self.spec.optimizer} {trained}"
        settings = self._model.optimizer.get_config() | {"learning_rate": None}
        return f"{settings} {trained}"

    def _find_spec(self, batch_hooks):
        """Return what a program is compiled for.

        Raises
        ------
        NotCompilable
            If no program can do what the job asks.
        """
        job, model = self.job, self._model
        if job.train.y is None:
            raise NotCompilable("X is a data set")
        for name in self._keras_arguments:
            raise NotCompilable(f"{name} is given")
        if batch_hooks:
            raise NotCompilable("a callback wants to see each batch or validation")
        is_sparse = sparse.issparse(job.train.X)
        for name, array in (("X", job.train.X), ("y", job.train.y)):
            if not isinstance(array, np.ndarray) and not (name == "X" and is_sparse):
                raise NotCompilable(f"{name} is a {type(array).__name__}")
        # Without an Input layer it has no inputs before it is built, and so no key.
        if not model.built and type(model) is keras.Sequential:
            model.build((None, *job.train.X.shape[1:]))
        architecture = describe_architecture(model)
        optimizer = model.optimizer
        rate = optimizer.get_config()["learning_rate"]
        scheduled = isinstance(rate, dict)
        if scheduled and rate.get("module") != "keras.optimizers.schedules":
            raise NotCompilable("the optimizer has a schedule of your own")
        if scheduled and job.callbacks:
            raise NotCompilable("there are callbacks and a schedule in the optimizer")
        X, y = job.train.X, job.train.y
        dtype = str(model.inputs[0].dtype)
        if is_sparse and dtype != "float32":
            raise NotCompilable(f"X is sparse, and the model takes {dtype}")
        columns = [
            (X.shape[1:], dtype),
            (y.shape[1:], str(y.dtype)),
        ]
        if _are_weighted(job.train, job.validation):
            columns.append(((), "float32"))
        spec = spec_for(optimizer, sparse=has_sparse_gradients(architecture))
        return ModelSpec(architecture, spec, tuple(columns), is_sparse)

    def make_program(self, spec):
        return Program(spec, ModelStep(spec, self._model))

    def load(self, program):
        self._step = program.step
        program.step.load(self._model, self.states)

    def name_scores(self, results, training):
        n_steps, n_rows = len(results.steps), training.n_rows
        sizes = np.full(n_steps, training.batch_size)
        # Keras' losses are means of batches, and the last batch may be smaller.
        sizes[-1] = n_rows - (n_steps - 1) * training.batch_size
        logs = self._step.name_metrics(results.after[0])
        logs["loss"] = _weighted_sum(results.steps[:, 0], sizes) / n_rows
        if training.validation is not None:
            chunks, end = results.after[1:-1], results.after[-1]
            scores = self._step.name_metrics(end)
            sizes = training.scored.sizes
            loss = _weighted_sum(chunks[:, 0], sizes)
            scores["loss"] = loss / int(sizes.sum())
            logs |= {f"val_{name}": value for name, value in scores.items()}
        return logs, None

    def make_keras_model(self):
        return self._model

    def keras_fit(self, training):
        job = self.job
        if job.states_of not in (None, self.states_of):
            # Keras has traced a step of what was trained, and of its optimizer, then.
            self._model.train_function = None
        X, _, y, weight, *_ = job.train
        is_known = count_samples(X) is not None
        arguments = {} if is_known else {"x": X, "y": y}
        columns = [X, y] if weight is None else [X, y, weight]
        is_fixed = any(tensor.shape[0] is not None for tensor in self._inputs())
        counts = self._keras_arguments.get("validation_steps") is not None
        if is_fixed or (is_known and (counts or depends_on_batches(self._model))):
            # It gets the rows in batches, whose size Keras does not know.
            arguments["validation_batch_size"] = training.batch_size
        return KerasFit(
            self._model,
            columns if is_known else None,
            arguments | self._keras_arguments,
            validation=keras.tree.map_structure(as_batch, _as_columns(job.validation)),
        )

    def _inputs(self):
        return getattr(self._model, "inputs", None) or ()

    def store(self, program):
        program.step.store(self._model)

    def take_back(self, weights):
        self._model.set_weights(weights)

    def count_keras_steps(self, n_steps):
        # Not those of the optimizer, which may be a new one, or accumulate gradients.
        given = self._keras_arguments.get("steps_per_epoch")
        if given is None:
            return n_steps
        before, per_epoch = self.job.first_step, self.job.count_steps(self.n_rows)
        return before + (n_steps - before) // per_epoch * int(given)

    def explain(self, error):
        if isinstance(error, tf.errors.ResourceExhaustedError):
            return None
        return explain_model(self._model, self.job.train.y, error)

    def to_tensors(self, part):
        if not self.compiled:
            return None
        weight = part.weight
        weight = np.ones(len(part.y), np.float32) if weight is None else weight
        (_, x_dtype), *others = self.spec.columns
        X = part.X
        if self.spec.sparse:
            X = as_sparse_tensors(sparse.csr_array(X))
        else:  # a validation part may be of the other kind than the training part
            X = X.toarray() if sparse.issparse(X) else X
            X = to_tensor(X, np.dtype(x_dtype))
        return X, *(  # without the weights, where the program takes none
            to_tensor(column, np.dtype(dtype))
            for column, (_, dtype) in zip((part.y, weight), others)
        )


def _as_columns(part):
    """Return X, y and perhaps weights of a part, as ``keras.Model.fit`` takes them."""
    if part is None:
        return None
    return (part.X, part.y) if part.weight is None else (part.X, part.y, part.weight)


def _weighted_sum(losses, sizes):
    # NumPy adds a strided column in another order: a metric more would change the last
    # digits of the loss.
    return float(np.ascontiguousarray(losses) @ sizes)


def _are_weighted(*parts):
    return any(part is not None and part.weight is not None for part in parts)
