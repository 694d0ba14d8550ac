"""Keras' side of a training: its callbacks, and its own ``fit`` where they ask."""

import keras
import numpy as np
import tensorflow as tf

from skdl.training._loop import plain_score

__all__ = [
    "KerasCallbacks",
    "Recording",
    "build_metrics",
    "compile_for_training",
    "compile_model",
    "has_batch_hooks",
    "release",
    "train_model",
]

_BATCH_HOOKS = [
    name
    for name in dir(keras.callbacks.Callback)
    if name.startswith("on_") and "batch" in name
]


def has_batch_hooks(callbacks):
    """Return whether a callback overrides a hook that is called at each batch."""
    return any(
        name in vars(callback)
        or getattr(type(callback), name, None)
        is not getattr(keras.callbacks.Callback, name)
        for callback in callbacks
        if isinstance(callback, keras.callbacks.Callback)
        for name in _BATCH_HOOKS
    )


# The loss without penalties, as the programs report it: Keras adds them to its own.
_PLAIN_LOSS = "plain_loss"
_LOSSES = {
    "softmax": "sparse_categorical_crossentropy",
    "sigmoid": "binary_crossentropy",
    "identity": "mean_squared_error",
}


def compile_model(model, head, optimizer):
    """Compile a model with the loss and the metric that Keras has for its head.

    Parameters
    ----------
    model : keras.Model
        It returns probabilities, or numbers in the units of the target.
    head : {"softmax", "sigmoid", "identity"}
        What makes its output.
    optimizer : keras.optimizers.Optimizer
        Not built yet.
    """
    model.compile(
        optimizer=optimizer,
        loss=_LOSSES[head],
        metrics=[
            keras.metrics.R2Score(name="r2") if head == "identity" else "accuracy"
        ],
        jit_compile=False,
    )


def build_metrics(model, x, y):
    """Let a compiled model make its metrics, as its first step of training would.

    Callbacks ask them whether a score is better where it is higher.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    x, y : array
        One row, whatever it holds.
    """
    outputs = model(x, training=False)
    model.compute_metrics(x, y, outputs)
    model.reset_metrics()


def compile_for_training(model, head, target):
    """Compile a model anew, with the loss and the metric of the compiled programs.

    Parameters
    ----------
    model : keras.Model
        Compiled; it keeps its optimizer.
    head : {"softmax", "sigmoid", "identity"}
        What makes its output.
    target : object
        Its ``scaling`` and ``metric``: the loss of a regression is that of the
        outputs before they were scaled.
    """
    factor, offset = target.scaling or (1.0, 0.0)

    def squared_error(y_true, y_pred):
        outputs = (y_pred - offset) / factor
        return keras.ops.mean(keras.ops.square(outputs - y_true), axis=-1)

    def r2(y_true, y_pred):
        return 1 - squared_error(y_true, y_pred)

    def accuracy(y_true, y_pred):
        if head == "softmax":
            labels = keras.ops.cast(keras.ops.argmax(y_pred, axis=-1), y_true.dtype)
            right = labels == keras.ops.reshape(y_true, (-1,))
        else:
            right = keras.ops.all((y_pred > 0.5) == (y_true > 0.5), axis=-1)
        return keras.ops.cast(right, "float32")

    metric = r2 if head == "identity" else accuracy
    counted = keras.metrics.MeanMetricWrapper(metric, name=metric.__name__)
    counted._direction = "up"  # as in Keras' own, for callbacks that monitor it
    loss = squared_error if head == "identity" else keras.losses.get(_LOSSES[head])
    known = model.get_compile_config()
    model.compile(
        optimizer=model.optimizer,
        loss=loss,
        weighted_metrics=[counted, keras.metrics.MeanMetricWrapper(loss, _PLAIN_LOSS)],
        jit_compile=False,
    )
    # A callback may save the model: its file names what Keras knows, not these.
    model.get_compile_config = lambda: known


def release(callbacks):
    """Take the model away from callbacks that have done their work."""
    for callback in callbacks:
        callback.set_model(None)


class KerasCallbacks:
    """Calls the epoch hooks of Keras callbacks beside a compiled program.

    The callbacks see an ordinary model with the weights of the epoch. What they change
    of it, its weights or its learning rate, goes back into the training.

    Parameters
    ----------
    callbacks : list
        Objects with the hooks of ``keras.callbacks.Callback``.
    make_model : callable
        Returns the model that they get, compiled.
    program : Program
        What trains.
    training : Training
        What it does.
    """

    def __init__(self, callbacks, make_model, program, training):
        self._callbacks = callbacks
        self._model = make_model()
        X, y = training.data[:2]
        row = tf.zeros([1, int(X[-1])]) if isinstance(X, tuple) else X[:1]
        build_metrics(self._model, row, keras.ops.zeros_like(y[:1]))
        self._program = program
        self._training = training

    def begin(self):
        """Call ``set_params``, ``set_model`` and ``on_train_begin``."""
        params = {
            "epochs": self._training.first_epoch + self._training.epochs,
            "steps": self._training.steps_per_epoch,
            "verbose": 0,
        }
        self._model.stop_training = False
        for callback in self._callbacks:
            callback.set_params(params)
            callback.set_model(self._model)
        self._call("on_train_begin")

    def epoch_begin(self, epoch):
        """Call ``on_epoch_begin``; a learning rate that it sets is taken."""
        training = self._training
        steps = training.steps_of(epoch - training.first_epoch)
        rate = training.schedule.rates(steps[:1])[0]
        self._model.optimizer.learning_rate = rate
        self._call("on_epoch_begin", epoch)
        self._take_rate(np.float32(rate))

    def epoch_end(self, epoch, logs):
        """Call ``on_epoch_end``; return whether a callback stops the training."""
        rate = np.float32(self._model.optimizer.learning_rate)
        self._model.set_weights(self._program.read())
        self._call("on_epoch_end", epoch, logs)
        self._take_rate(rate)
        return self._model.stop_training

    def end(self):
        """Call ``on_train_end``."""
        self._call("on_train_end")

    def _call(self, hook, *args):
        before = self._model.get_weights()
        for callback in self._callbacks:
            getattr(callback, hook)(*args)
        after = self._model.get_weights()
        if any(not np.array_equal(*pair) for pair in zip(before, after, strict=True)):
            self._program.write(after)

    def _take_rate(self, before):
        after = np.float32(self._model.optimizer.learning_rate)
        if after != before:
            schedule = self._training.schedule
            # A rate of 0 has no ratio to others; a constant schedule needs none.
            known = before != 0 and schedule.learning_rate != 0
            schedule.learning_rate = (
                schedule.learning_rate * (after / before) if known else float(after)
            )


def train_model(model, training, recorder, callbacks):
    """Train a compiled model by ``keras.Model.fit``; return its weights.

    The batches are those of the compiled program, in the same order.

    Parameters
    ----------
    model : keras.Model
        Compiled, with the first weights.
    training : Training
        What to do; dropout and penalties are the model's own.
    recorder : Recorder
        Who keeps the history and decides when to stop.
    callbacks : list of keras.callbacks.Callback
        What Keras calls.
    """
    arrays = [column.numpy() for column in training.data]

    def batches():
        for _ in range(training.epochs):
            (order,) = training.draw_orders(1)
            for start in range(0, training.n_rows, training.batch_size):
                rows = order[start : start + training.batch_size]
                yield tuple(array[rows] for array in arrays)

    with recorder:
        model.fit(
            batches(),
            steps_per_epoch=training.steps_per_epoch,
            epochs=training.first_epoch + training.epochs,
            initial_epoch=training.first_epoch,
            validation_data=training.validation,
            callbacks=[_Bridge(training, recorder), *callbacks],
            shuffle=False,
            verbose=0,
        )
    return recorder.choose_weights(model.get_weights)


class Recording(keras.callbacks.Callback):
    """Tells a recorder of each epoch.

    Parameters
    ----------
    recorder : Recorder
        Who is told, and decides when to stop.
    """

    def __init__(self, recorder):
        super().__init__()
        self._recorder = recorder

    def on_epoch_begin(self, epoch, logs=None):
        self._recorder.epoch_begin(epoch)

    def on_epoch_end(self, epoch, logs=None):
        names = sorted(
            logs, key=lambda name: (name.startswith("val_"), "loss" not in name)
        )
        ordered = {name: plain_score(logs[name]) for name in names}
        if self._recorder.epoch_end(epoch, ordered, self.model.get_weights):
            self.model.stop_training = True


class _Bridge(Recording):
    """Sets the learning rate of each batch too."""

    def __init__(self, training, recorder):
        super().__init__(recorder)
        self._training = training

    def on_epoch_begin(self, epoch, logs=None):
        training = self._training
        steps = training.steps_of(epoch - training.first_epoch)
        self._rates = training.schedule.rates(steps)
        super().on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        for prefix in ("", "val_"):  # the callbacks after this one get the same dict
            if prefix + _PLAIN_LOSS in logs:
                logs[f"{prefix}loss"] = logs.pop(prefix + _PLAIN_LOSS)
        super().on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = self._rates[batch]
