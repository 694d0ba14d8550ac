"""One training of a model that a user has built."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import keras
import numpy as np
import scipy.sparse
import tensorflow as tf

from skdl._utils._callbacks import EpochCallback, EpochWatcher
from skdl.training._architecture import (
    NotCompilable,
    describe_architecture,
    rows_at_once,
    work_per_row,
)
from skdl.training._cache import check_process, programs
from skdl.training._data import as_dense, to_tensor
from skdl.training._keras import KerasCallbacks, Recording, has_batch_hooks, release
from skdl.training._loop import EpochKeeper, Recorder, Training, explain_interrupt
from skdl.training._model_program import ModelProgram, ModelSpec, unfitting
from skdl.training._optimizers import spec_for
from skdl.training._schedules import make_schedule
from skdl.training._twin import predict_in_double

__all__ = [
    "ModelJob",
    "ModelOutcome",
    "forget_kernels",
    "infer",
    "mean_loss",
    "train_model",
]

# A model leaves about 0.3 MB in TensorFlow's cache of kernels, which never shrinks.
_MODELS_PER_CLEARING = 48
_models = count(1)
_WHY = "one input, one output, Keras' own parts"


@dataclass
class ModelJob:
    """What one training of a user's model has to do.

    Parameters
    ----------
    model : keras.Model
        Compiled. It holds the first weights, and at the end the last.
    X, y : ndarray, or whatever else ``keras.Model.fit`` takes
        The data, encoded.
    weight : ndarray of shape (n_samples,) or None
        The weights of the rows.
    validation : tuple or None
        X, y and perhaps weights to validate on.
    batch_size : int
        Rows of a step; -1 takes all.
    n_epochs : int
        How many epochs to train.
    first_epoch, first_step : int
        Epochs and steps that were done before.
    shuffle : bool
        Whether each epoch has an order of its own.
    callbacks : list
        Keras callbacks, and ours.
    seed : np.random.SeedSequence
        Where the orders come from.
    states : list of ndarray or None
        Where the program's optimizer goes on.
    keras_arguments : dict
        Arguments of ``keras.Model.fit`` that a compiled program does not know.
    keep_on_interrupt : bool
        Whether Ctrl-C ends the training, and what was done is kept.
    begin : callable
        ``begin(steps_per_epoch, work)`` takes the steps of an epoch, and its
        multiply-adds forward, before the first.
    watchers : callable
        ``watchers(read)`` returns who else wants to see each epoch, given a function
        that reads the weights of the moment.
    """

    model: keras.Model
    X: object
    y: object
    weight: np.ndarray | None
    validation: tuple | None
    batch_size: int
    n_epochs: int
    first_epoch: int
    first_step: int
    shuffle: bool
    callbacks: list
    seed: np.random.SeedSequence
    states: list | None = None
    keras_arguments: dict = field(default_factory=dict)
    keep_on_interrupt: bool = False
    begin: Callable = lambda steps_per_epoch, work: None
    watchers: Callable = lambda read: []


@dataclass
class ModelOutcome:
    """What one training of a user's model has given.

    Parameters
    ----------
    path : str
        Which way was taken, and why.
    history : dict of list
        The scores of each epoch.
    states : list of ndarray or None
        Of the program's optimizer.
    n_steps : int
        Steps that were done, with those before.
    """

    path: str
    history: dict
    states: list | None
    n_steps: int


def train_model(job):
    """Train a user's model: by a compiled program where that is possible.

    Parameters
    ----------
    job : ModelJob
        What to do.

    Returns
    -------
    ModelOutcome

    Raises
    ------
    ValueError
        If the training diverges.
    """
    try:
        spec, path = _spec(job), f"compiled: {_WHY}"
    except NotCompilable as reason:
        spec, path = None, f"keras.Model.fit: {reason}"
    run = _Recorded(job)
    try:
        if spec is None:
            history, steps = _train_by_keras(job, run)
            return ModelOutcome(path, history, None, steps)
        history, states, steps = _train_compiled(job, spec, run)
        return ModelOutcome(path, history, states, steps)
    except tf.errors.OpError as error:
        raise unfitting(job.model, job.y, error) from error
    except KeyboardInterrupt as interrupt:
        weights = run.keep()
        if weights is None:
            explain_interrupt(interrupt)
            raise
        job.model.set_weights(weights)
        done = run.recorder.n_epochs * run.training.steps_per_epoch
        return ModelOutcome(path, run.recorder.history, None, job.first_step + done)


class _Recorded:
    """The recorder of a training, and what keeps its epochs if it is interrupted.

    Parameters
    ----------
    job : ModelJob
        What is done.
    """

    def __init__(self, job):
        self._job = job
        self._keeper = None
        self.recorder = None

    def begin(self, training, read):
        """Return the recorder, and the callbacks that Keras is to call."""
        job, self.training = self._job, training
        work = training.n_rows * work_per_row(job.model) if job.model.built else 0
        job.begin(training.steps_per_epoch, work)
        self.recorder = Recorder(training, None, None)
        light = [c for c in job.callbacks if isinstance(c, EpochCallback)]
        self.recorder.watchers = [*map(EpochWatcher, light), *job.watchers(read)]
        if job.keep_on_interrupt:
            self._keeper = EpochKeeper(read)
            self.recorder.watchers.append(self._keeper)
        return self.recorder, [c for c in job.callbacks if c not in light]

    def keep(self):
        """Return the weights of an interrupted training, or None."""
        return self._keeper and self._keeper.keep(self.recorder)


def forget_kernels():
    """Empty TensorFlow's cache of kernels after some models were built.

    Each new variable leaves a kernel there that nobody uses again: without this a
    search would grow by 0.3 MB a fit. Keras does the same in ``clear_session``.
    """
    if next(_models) % _MODELS_PER_CLEARING == 0:
        from tensorflow.python.eager.context import context

        context().clear_kernel_cache()


def _spec(job):
    if job.y is None:
        raise NotCompilable("X is a data set")
    for name in job.keras_arguments:
        raise NotCompilable(f"{name} is given")
    if has_batch_hooks(job.callbacks):
        raise NotCompilable("a callback wants to see each batch")
    for name, array in (("X", job.X), ("y", job.y)):
        if not isinstance(array, np.ndarray):
            raise NotCompilable(f"{name} is a {type(array).__name__}")
    if not job.model.built and type(job.model) is keras.Sequential:
        job.model.build((None, *job.X.shape[1:]))
    architecture = describe_architecture(job.model)
    optimizer = job.model.optimizer
    rate = optimizer.get_config()["learning_rate"]
    own = isinstance(rate, dict) and rate.get("module") != "keras.optimizers.schedules"
    if own:
        raise NotCompilable("the optimizer has a schedule of your own")
    if isinstance(rate, dict) and job.callbacks:
        raise NotCompilable("there are callbacks and a schedule in the optimizer")
    columns = [_row(job.X, _input_dtype(job.model)), _row(job.y, str(job.y.dtype))]
    if job.weight is not None or len(job.validation or ()) == 3:
        columns.append(((), "float32"))
    return ModelSpec(architecture, spec_for(optimizer, 0.0, False), tuple(columns))


def infer(model, X):
    """Return the outputs of a Keras model, without compiling anything.

    Parameters
    ----------
    model : keras.Model
        Built.
    X : ndarray or sparse matrix of shape (n_samples, ...)
        The rows.

    Returns
    -------
    ndarray of shape (n_samples, ...), or a list of them
    """
    check_process()
    if isinstance(X, np.ndarray):
        found = predict_in_double(model, X)
        if found is not None:
            return found
    stride = rows_at_once(model)
    parts = [
        model(_as_batch(X[start : start + stride]), training=False)
        for start in range(0, max(X.shape[0], 1), stride)
    ]
    return keras.tree.map_structure(
        lambda *some: np.concatenate([keras.ops.convert_to_numpy(s) for s in some]),
        *parts,
    )


def mean_loss(model, X, y):
    """Return the mean loss of some rows, with the penalties of the model.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    X, y : ndarray, sparse matrix, or a structure of them
        The rows and their targets, encoded.

    Returns
    -------
    float
    """
    check_process()
    n_rows, stride = _count_rows(X), rows_at_once(model)
    losses = []
    for start in range(0, n_rows, stride):
        rows = slice(start, start + stride)
        x_some, y_some = _take(X, rows), _take(y, rows)
        outputs = model(x_some, training=False)
        loss = model.compute_loss(x_some, y_some, outputs, training=False)
        losses.append(float(loss) * (min(start + stride, n_rows) - start))
    return sum(losses) / n_rows


def _input_dtype(model):
    return str(model.inputs[0].dtype)


def _row(array, dtype):
    return array.shape[1:], dtype


def _resolve_optimizer(optimizer):
    """Return the learning rate, its schedule and the momentum."""
    settings = optimizer.get_config()
    rate, schedule = settings["learning_rate"], None
    if isinstance(rate, dict):
        schedule = keras.optimizers.schedules.deserialize(rate)
        rate = schedule(0)
    return float(rate), schedule, settings.get("momentum") or 0.0


def _make_training(job, data, validation, n_rows, rate, schedule=None, momentum=0.0):
    batch_size = n_rows if job.batch_size == -1 else min(job.batch_size, n_rows)
    return Training(
        data=data,
        n_rows=n_rows,
        validation=validation,
        observed=None,
        epochs=job.n_epochs,
        batch_size=batch_size,
        schedule=make_schedule(schedule, rate, -(-n_rows // batch_size), job.n_epochs),
        momentum=momentum,
        order_seed=job.seed,
        shuffle=job.shuffle,
        first_step=job.first_step,
        first_epoch=job.first_epoch,
    )


def _train_compiled(job, spec, run):
    def tensors(X, y, weight=None):
        weight = np.ones(len(X), np.float32) if weight is None else weight
        return tuple(  # without the weights, where the program takes none
            to_tensor(column, np.dtype(dtype))
            for column, (_, dtype) in zip((X, y, weight), spec.columns)
        )

    data = tensors(job.X, job.y, job.weight)
    validation = job.validation and tensors(*job.validation)
    settings = _resolve_optimizer(job.model.optimizer)
    training = _make_training(job, data, validation, len(job.X), *settings)
    with programs.lend(spec, lambda: ModelProgram(spec, job.model)) as program:
        program.load(job.model, job.states)
        recorder, callbacks = run.begin(training, program.read)
        if callbacks:
            bridge = KerasCallbacks(callbacks, lambda: job.model, program, training)
            recorder.watchers.insert(0, bridge)
        with recorder:
            for epoch in range(job.n_epochs):
                if _train_epoch(program, training, recorder, epoch):
                    break
        program.finish()
        program.store(job.model)
        states = program.read_states()
    release(callbacks)
    done = recorder.n_epochs * training.steps_per_epoch
    return recorder.history, states, job.first_step + done


def _train_epoch(program, training, recorder, epoch):
    """Train an epoch and record it; return whether training stops."""
    recorder.epoch_begin(training.first_epoch + epoch)
    steps = training.steps_of(epoch)
    logs = program.train(
        training.data,
        training.draw_orders(1)[0],
        batch_size=training.batch_size,
        rates=training.schedule.rates(steps),
        first_step=steps[0],
        momentum=training.momentum,
    )
    if training.validation is not None:
        scores = program.evaluate(training.validation)
        logs |= {f"val_{name}": value for name, value in scores.items()}
    return recorder.epoch_end(training.first_epoch + epoch, logs, program.read)


def _train_by_keras(job, run):
    """Train by ``keras.Model.fit``: what has rows, on a compiled program's batches."""
    check_process()
    n_rows = _count_rows(job.X)
    rate = float(job.model.optimizer.learning_rate)
    training = _make_training(job, None, job.validation, n_rows or 1, rate)
    recorder, callbacks = run.begin(training, job.model.get_weights)
    if n_rows is None:
        arguments = dict(x=job.X, y=job.y)
    else:
        steps = training.steps_per_epoch
        arguments = dict(x=_batches(job, training), steps_per_epoch=steps)
    last = job.first_epoch + job.n_epochs
    validation = job.validation and keras.tree.map_structure(
        _as_batch, tuple(job.validation)
    )
    with recorder:
        job.model.fit(
            **{**arguments, **job.keras_arguments},
            epochs=last,
            initial_epoch=job.first_epoch,
            validation_data=validation,
            callbacks=[Recording(recorder), *callbacks],
            shuffle=False,
            verbose=0,
        )
    release(callbacks)
    return recorder.history, int(job.model.optimizer.iterations)


def _count_rows(X):
    """Return the number of rows of arrays, or None for what is no array."""
    if isinstance(X, (dict, list, tuple)):
        counts = {_count_rows(part) for part in keras.tree.flatten(X)}
        return counts.pop() if len(counts) == 1 else None
    is_array = isinstance(X, np.ndarray) or scipy.sparse.issparse(X)
    return X.shape[0] if is_array else None


def _batches(job, training):
    columns = [job.X, job.y] if job.weight is None else [job.X, job.y, job.weight]
    while True:
        (order,) = training.draw_orders(1)
        for start in range(0, training.n_rows, training.batch_size):
            rows = order[start : start + training.batch_size]
            yield tuple(_take(column, rows) for column in columns)


def _take(column, rows):
    if isinstance(column, (list, tuple)):  # tf.data knows tuples only
        return tuple(_take(part, rows) for part in column)
    if isinstance(column, dict):
        return {name: _take(part, rows) for name, part in column.items()}
    return _as_batch(column[rows])


def _as_batch(array):
    """Return rows as ``keras.Model.fit`` would make them of an array: dense, floatx."""
    array = as_dense(array)
    if isinstance(array, np.ndarray) and array.dtype.kind in "OUT":
        return keras.ops.convert_to_tensor(array.astype(object), dtype="string")
    is_float = isinstance(array, np.ndarray) and array.dtype.kind == "f"
    return array.astype(keras.config.floatx(), copy=False) if is_float else array
