"""Keras callbacks beside a compiled program."""

import keras
import numpy as np
import tensorflow as tf

from skdl._utils._callbacks import Watcher

__all__ = ["KerasCallbacks", "find_changes", "has_batch_hooks", "release"]

_BATCH_HOOKS = [
    name
    for name in dir(keras.callbacks.Callback)
    if name.startswith(("on_train_batch", "on_test", "on_batch"))
]


def has_batch_hooks(callbacks):
    """Return whether a callback overrides a hook of batches, or of validations."""
    if any(isinstance(each, keras.callbacks.SwapEMAWeights) for each in callbacks):
        return True  # it looks for averages in the optimizer of the model
    return any(
        # A LambdaCallback has its hooks as attributes of the object.
        name in vars(callback)
        or getattr(type(callback), name) not in _hooks_without_effect(callback, name)
        for callback in callbacks
        if isinstance(callback, keras.callbacks.Callback)
        for name in _BATCH_HOOKS
    )


def _hooks_without_effect(callback, name):
    """Return the functions that do nothing as a hook of a callback."""
    kinds = [keras.callbacks.Callback]
    # It looks at each batch whether to save there. A whole model has an optimizer: only
    # Keras' own fit keeps its states.
    saves_at_epochs = getattr(callback, "save_freq", None) == "epoch"
    if saves_at_epochs and getattr(callback, "save_weights_only", False):
        kinds.append(keras.callbacks.ModelCheckpoint)
    return [getattr(kind, name) for kind in kinds]


def find_changes(before, after):
    """Return the arrays that are no longer the same, and None for the others."""
    return [
        None if np.array_equal(old, new) else new
        for old, new in zip(before, after, strict=True)
    ]


def release(callbacks):
    """Take the model away from callbacks that have done their work."""
    for callback in callbacks:
        callback.set_model(None)


class KerasCallbacks(Watcher):
    """Calls the epoch hooks of Keras callbacks beside a compiled program.

    The callbacks see an ordinary model with the weights of the epoch. If they
    change its weights or its learning rate, the training uses the new values.

    Parameters
    ----------
    callbacks : list
        Objects with the hooks of ``keras.callbacks.Callback``.
    make_model : callable
        Returns the model that they get, compiled.
    step : Step
        Holds the weights that are trained.
    training : Training
        What it does.
    """

    def __init__(self, callbacks, make_model, step, training):
        self._callbacks = callbacks
        self._model = make_model()
        X, y = training.data[:2]
        row = tf.zeros([1, int(X[-1])]) if isinstance(X, tuple) else X[:1]
        _build_metrics(self._model, row, keras.ops.zeros_like(y[:1]))
        self._step = step
        self._training = training

    def begin(self, read):
        params = {
            "epochs": self._training.first_epoch + self._training.epochs,
            "steps": self._training.steps_per_epoch,
            "verbose": 0,
        }
        # As keras.Model.fit sets it: a model that was stopped once would stop at once.
        self._model.stop_training = False
        for callback in self._callbacks:
            callback.set_params(params)
            callback.set_model(self._model)
        self._call("on_train_begin")

    def epoch_begin(self, epoch):
        training = self._training
        steps = training.steps_of(epoch - training.first_epoch)
        rate = training.schedule.rates(steps[:1])[0]
        self._model.optimizer.learning_rate = rate
        self._call("on_epoch_begin", epoch)
        # In single precision, as the optimizer has it: rounding is no change.
        self._take_rate(np.float32(rate))

    def epoch_end(self, epoch, logs):
        rate = np.float32(self._model.optimizer.learning_rate)
        self._model.set_weights(self._step.read())
        self._call("on_epoch_end", epoch, logs)
        self._take_rate(rate)
        return self._model.stop_training

    def end(self):
        # The optimizer may have put averages in their place since the last epoch.
        self._model.set_weights(self._step.read())
        self._call("on_train_end")

    def _call(self, hook, *args):
        # A callback may change weights in any hook (a reset, an average): what it
        # leaves in the model goes back into the training.
        before = self._model.get_weights()
        for callback in self._callbacks:
            getattr(callback, hook)(*args)
        changes = find_changes(before, self._model.get_weights())
        if any(change is not None for change in changes):
            self._step.write(changes)

    def _take_rate(self, before):
        after = np.float32(self._model.optimizer.learning_rate)
        self._training.schedule.take_rate(before, after)


def _build_metrics(model, x, y):
    """Build the metrics of a compiled model, as its first training step would.

    Callbacks ask them whether a higher score is better.

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
