"""Keras' own ``fit``, where a compiled program can't do the training."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from skdl.nn._heads import PLAIN_LOSS
from skdl.training._keras_callbacks import find_changes
from skdl.training._recorder import plain_score
from skdl.training._tensors import take_batch

__all__ = ["KerasFit", "fit_by_keras"]


@dataclass
class KerasFit:
    """The arguments of ``keras.Model.fit``.

    Parameters
    ----------
    model : keras.Model
        Compiled, with the first weights.
    columns : list or None
        X, y and perhaps weights: their batches are those of a compiled program, in the
        same order. None for a data set, which has its own.
    arguments : dict
        Other arguments.
    validation : tuple or None
        X, y and perhaps weights.
    sets_rates : bool
        Whether the learning rate of each batch comes from the training's schedule.
    averages : list of ndarray or None
        Averages of the weights to begin with; None where they are not averaged. The
        model has them at the end, and ``trained`` the weights that they are of.
    average_momenta : callable or None
        Takes the numbers of some steps and returns what each keeps of the average of
        the weights; None where they are not averaged.
    """

    model: keras.Model
    columns: list | None
    arguments: dict = field(default_factory=dict)
    validation: Any = None
    sets_rates: bool = False
    averages: list[np.ndarray] | None = None
    average_momenta: Callable | None = None
    trained: list[np.ndarray] = field(default_factory=list)


def fit_by_keras(fit, training, recorder, callbacks):
    """Train a compiled model by ``keras.Model.fit``.

    Parameters
    ----------
    fit : KerasFit
        What to train.
    training : Training
        The order of the rows, and how many epochs.
    recorder : Recorder
        It keeps the history and decides when to stop.
    callbacks : list of keras.callbacks.Callback
        What Keras calls.
    """
    arguments = dict(fit.arguments)
    if fit.columns is not None:
        arguments.setdefault("steps_per_epoch", training.steps_per_epoch)
        arguments.setdefault("x", _batches(fit.columns, training))
    averages = []
    if fit.averages is not None:
        averages = [_Averages(fit, training.first_step)]
    with recorder:
        fit.model.fit(
            **arguments,
            epochs=training.first_epoch + training.epochs,
            initial_epoch=training.first_epoch,
            validation_data=fit.validation,
            callbacks=[
                *averages,
                _Recording(recorder, training if fit.sets_rates else None),
                *callbacks,
            ],
            # The order is drawn here, as for a program: both ways see the same batches.
            shuffle=False,
            verbose=0,
        )
    for each in averages:  # a callback may have changed the model a last time
        each.hide()
        each.show()


def _batches(columns, training):
    # Keras draws the batches of all epochs from one generator, and counts them itself.
    while True:
        (order,) = training.draw_orders(1)
        for start in range(0, training.n_rows, training.batch_size):
            rows = order[start : start + training.batch_size]
            yield tuple(take_batch(column, rows) for column in columns)


class _Recording(keras.callbacks.Callback):
    """Tells a recorder of each epoch, and sets the learning rate of each batch.

    Parameters
    ----------
    recorder : Recorder
        It is told of each epoch, and decides when to stop.
    training : Training or None
        Its schedule has the rates; None if the model has its own.
    """

    def __init__(self, recorder, training):
        super().__init__()
        self._recorder = recorder
        self._training = training
        self._rate = None  # the last that was set here

    def on_epoch_begin(self, epoch, logs=None):
        if self._training is not None:
            self._take_rate()  # of callbacks at the end of the last epoch
            self._steps = self._training.steps_of(epoch - self._training.first_epoch)
            self._set_rate(self._training.schedule.rates(self._steps[:1])[0])
        self._recorder.epoch_begin(epoch)

    def on_train_batch_begin(self, batch, logs=None):
        if self._training is None:
            return
        if batch == 0:
            self._take_rate()  # of callbacks at the beginning of this epoch
            self._rates = self._training.schedule.rates(self._steps)
        elif self._rates[batch] == self._rates[batch - 1]:
            return  # a callback may have set another one in the last batch
        self._set_rate(self._rates[batch])

    def _set_rate(self, rate):
        self.model.optimizer.learning_rate = rate
        self._rate = np.float32(rate)

    def _take_rate(self):
        if self._rate is not None:
            after = np.float32(self.model.optimizer.learning_rate)
            self._training.schedule.take_rate(self._rate, after)
            self._rate = after

    def on_epoch_end(self, epoch, logs=None):
        # Keras adds the penalties to its loss; a history of ours has them on neither
        # way.
        for prefix in ("", "val_"):  # the callbacks after this one get the same dict
            if prefix + PLAIN_LOSS in logs:
                logs[f"{prefix}loss"] = logs.pop(prefix + PLAIN_LOSS)
        # Keras sorts by name; a program has the loss first and validation last.
        names = sorted(
            logs, key=lambda name: (name.startswith("val_"), "loss" not in name)
        )
        if self._training is not None:
            self._take_rate()  # of callbacks at batches
        if self._recorder.epoch_end(epoch, {n: plain_score(logs[n]) for n in names}):
            self.model.stop_training = True


class _Averages(keras.callbacks.Callback):
    """Averages the weights as a program does.

    The model has the averages but for the batches of an epoch: what callbacks change in
    it then changes both, and what they leave as it was neither.

    Parameters
    ----------
    fit : KerasFit
        Its model, and the averages of earlier steps.
    n_steps : int
        How many they were.
    """

    def __init__(self, fit, n_steps):
        super().__init__()
        self._fit, self._n_steps = fit, n_steps
        self._averages, self._shows = fit.averages, False

    def on_train_begin(self, logs=None):
        self.show()

    def on_train_batch_begin(self, batch, logs=None):
        self.hide()

    def on_train_batch_end(self, batch, logs=None):
        momenta = self._fit.average_momenta(np.array([self._n_steps]))
        (momentum,) = momenta.astype(np.float32)
        self._averages = [
            value + momentum * (kept - value)
            for kept, value in zip(
                self._averages, self.model.get_weights(), strict=True
            )
        ]
        self._n_steps += 1

    def on_test_begin(self, logs=None):
        self.show()

    def on_epoch_end(self, epoch, logs=None):
        self.show()

    def on_train_end(self, logs=None):
        if self.model.optimizer.use_ema:  # its own averages are there by now
            self.model.set_weights(self._averages)

    def show(self):
        """Put the averages into the model."""
        if not self._shows:
            self._fit.trained = self.model.get_weights()
            self.model.set_weights(self._averages)
        self._shows = True

    def hide(self):
        """Put the weights that are trained into the model."""
        if self._shows:
            changes = find_changes(self._averages, self.model.get_weights())
            self._averages, trained = (
                [old if new is None else new for old, new in zip(arrays, changes)]
                for arrays in (self._averages, self._fit.trained)
            )
            self.model.set_weights(trained)
        self._shows = False
