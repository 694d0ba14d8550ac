"""The loop over epochs, shared by every way of training."""

import math
import warnings
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from skdl._utils._diverged import Diverged
from skdl.training._scored import ROWS_PER_PIECE, ScoredRows

__all__ = [
    "EarlyStopper",
    "EpochKeeper",
    "Recorder",
    "Training",
    "explain_interrupt",
    "plain_score",
    "train_program",
]

# A call trains at most this many rows, so that the table of its steps stays small.
ROWS_PER_CALL = 4_000_000
# A call does at least this many steps where an observer may stop the training: fewer
# would cost more in calls than they save in epochs.
OBSERVED_STEPS_PER_CALL = 256


@dataclass
class Training:
    """What one training does.

    Parameters
    ----------
    data : tuple of tf.Tensor
        X, y and, where rows are weighted, their weights.
    n_rows : int
        Rows of the training part.
    validation : tuple of tf.Tensor or None
        The same of the validation part.
    observed : tuple of tf.Tensor or None
        The same of the rows that are scored for an observer.
    epochs, batch_size : int
        The length of the training and of a step.
    schedule : object
        From ``make_schedule``.
    momentum : float
        Of the optimizers that have one.
    order_seed : np.random.SeedSequence
        Where the order of the rows comes from.
    dropout : DropoutPlan or None
        The random part of dropout; None for a model that has its own.
    penalties : ndarray of float32, shape (2,), or None
        The factors l1 and l2; None for a model that has its own.
    shuffle : bool, default=True
        Whether each epoch has an order of its own.
    first_step, first_epoch : int, default=0
        Steps and epochs that were done in earlier calls of ``partial_fit``.
    rows_per_piece : int, default=8192
        How many rows are scored at once.
    """

    data: tuple
    n_rows: int
    validation: tuple | None
    observed: tuple | None
    epochs: int
    batch_size: int
    schedule: object
    momentum: float
    order_seed: np.random.SeedSequence
    dropout: object = None
    penalties: np.ndarray | None = None
    shuffle: bool = True
    first_step: int = 0
    first_epoch: int = 0
    rows_per_piece: int = ROWS_PER_PIECE
    _orders: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self):
        self._orders = np.random.default_rng(self.order_seed)

    @cached_property
    def scored(self):
        """The rows that are scored after each epoch."""
        parts = [part for part in (self.validation, self.observed) if part]
        return ScoredRows(parts, *self.data[:2], self.rows_per_piece)

    @property
    def steps_per_epoch(self):
        """Steps of one epoch."""
        return -(-self.n_rows // self.batch_size)

    def draw_orders(self, n_epochs):
        """Return the orders of the rows in the next epochs."""
        orders = np.tile(np.arange(self.n_rows, dtype=np.int32), (n_epochs, 1))
        if not self.shuffle:
            return orders
        return self._orders.permuted(orders, axis=1, out=orders)

    def steps_of(self, epoch, n_epochs=1):
        """Return the numbers of the steps of some epochs."""
        first = self.first_step + epoch * self.steps_per_epoch
        return np.arange(first, first + n_epochs * self.steps_per_epoch)


class EarlyStopper:
    """Says when the monitored loss has stopped to improve; keeps the best weights.

    Parameters
    ----------
    patience : int
        Epochs without an improvement after which training stops.
    min_delta : float
        What counts as an improvement.
    restore : bool
        Whether to keep the weights of the best epoch.

    References
    ----------
    Prechelt, "Early stopping - but when?" (1998).
    """

    def __init__(self, patience, min_delta, restore):
        self._patience = patience
        self._min_delta = min_delta
        self._restore = restore
        self._best = np.inf
        self._waited = 0
        self.best_weights = None

    def observe(self, loss, read_weights):
        """Take the loss of an epoch; return whether to stop."""
        if loss < self._best - self._min_delta:
            self._best, self._waited = loss, 0
            if self._restore:
                self.best_weights = read_weights()
            return False
        self._waited += 1
        return self._waited >= self._patience


class Recorder:
    """Keeps the history, stops the training, and tells the watchers of each epoch.

    A context manager: the watchers begin when it is entered and end when it is left.

    Parameters
    ----------
    training : Training
        What is done.
    metric : tuple of str and callable
        Name of the metric, and what makes it from the program's.
    stopper : EarlyStopper or None
        What stops the training early.
    history : dict of list, default=None
        The scores of the epochs that were done before.

    Attributes
    ----------
    history : dict of list
        The scores of each epoch.
    n_epochs : int
        How many epochs this training has done.
    watchers : list
        Who is told: objects with ``begin()``, ``epoch_begin(epoch)``,
        ``epoch_end(epoch, logs)`` (true to stop) and ``end()``. One with a ``stride``
        hears of so many epochs when the last of them has ended.
    observer : callable or None
        Takes the epoch and the mean loss and metric of the observed rows in it, and
        returns whether to stop. It may hear of an epoch some epochs later.
    """

    def __init__(self, training, metric, stopper, history=None):
        self.history = {name: [*scores] for name, scores in (history or {}).items()}
        self.n_epochs = 0
        self.stopper = stopper
        self.watchers = []
        self.observer = None
        self._training = training
        self._metric = metric
        for loss in self.history.get("loss", ()):
            training.schedule.observe(loss)

    @property
    def stride(self):
        """After how many epochs somebody has to see them; None for any number."""
        if self.stopper or self._training.schedule.needs_feedback:
            return 1
        strides = [getattr(watcher, "stride", 1) for watcher in self.watchers]
        return math.gcd(*strides) if strides else None

    def __enter__(self):
        for watcher in self.watchers:
            watcher.begin()
        return self

    def __exit__(self, *_):
        for watcher in self.watchers:
            watcher.end()

    def epoch_begin(self, epoch):
        """Tell the watchers that an epoch begins."""
        for watcher in self.watchers:
            watcher.epoch_begin(epoch)

    def epoch_end(self, epoch, logs, read_weights, observed=None):
        """Record an epoch and return whether training stops.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        logs : dict
            Its scores.
        read_weights : callable
            Returns the weights of the moment.
        observed : ndarray of shape (2,), default=None
            Mean loss and metric of the observed rows.

        Raises
        ------
        ValueError
            If the loss is not finite.
        """
        schedule = self._training.schedule
        self._check_finite(epoch, logs["loss"])
        self.n_epochs += 1
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        monitored = logs.get("val_loss", logs["loss"])
        schedule.observe(monitored)
        stops = [watcher.epoch_end(epoch, dict(logs)) for watcher in self.watchers]
        if self.stopper is not None:
            stops.append(self.stopper.observe(monitored, read_weights))
        if observed is not None:
            stops.append(self.observer(epoch, *observed))
        return any(stops)

    def choose_weights(self, read_weights):
        """Return the weights of the best epoch where they were kept, else the last."""
        if self.stopper is not None and self.stopper.best_weights is not None:
            return self.stopper.best_weights
        return read_weights()

    def name_scores(self, train, validation=None):
        """Return the program's losses and metrics under the names of the history."""
        name, convert = self._metric
        logs = {"loss": float(train[0]), name: convert(float(train[1]))}
        if validation is not None:
            logs["val_loss"] = float(validation[0])
            logs[f"val_{name}"] = convert(float(validation[1]))
        return logs

    def _check_finite(self, epoch, loss):
        if np.isfinite(loss):
            return
        rate = self._training.schedule.learning_rate
        raise Diverged(
            f"The loss became {loss} in epoch {epoch + 1}: the training diverged. "
            f"Lower learning_rate (now {rate:g}), scale X (StandardScaler in a "
            "pipeline), or clip the gradients "
            "(optimizer=keras.optimizers.Adam(clipnorm=1.0))."
        )


class EpochKeeper:
    """Keeps what an interrupted training has done: the weights after its last epoch.

    Parameters
    ----------
    read : callable
        Returns the weights of the moment.
    """

    def __init__(self, read):
        self._read = read
        self._weights = None
        self._n_epochs = 0

    def begin(self):
        """Do nothing."""

    def epoch_begin(self, epoch):
        """Do nothing."""

    def epoch_end(self, epoch, logs):
        """Keep the weights; return that nothing stops."""
        self._weights, self._n_epochs = self._read(), epoch + 1
        return False

    def end(self):
        """Do nothing."""

    def keep(self, recorder):
        """Return the weights, and make the history that of their epochs.

        Returns
        -------
        list of ndarray or None
            None if no epoch was done.
        """
        if self._weights is None:
            return None
        for name, values in recorder.history.items():
            recorder.history[name] = values[: self._n_epochs]
        warnings.warn(
            f"The fit was interrupted: {self._n_epochs} epochs are kept "
            "(on_interrupt='keep').",
            UserWarning,
            stacklevel=2,
        )
        return recorder.choose_weights(lambda: self._weights)


def explain_interrupt(interrupt):
    """Say in an interrupt what became of the fit, and what else could."""
    interrupt.add_note(
        "The fit keeps nothing, and its estimator is as it was before. With "
        "on_interrupt='keep' the epochs that were done are kept."
    )


def plain_score(value):
    """Return the value of a Keras metric as a float, or as an array of several."""
    value = np.asarray(value)
    return value if value.ndim else float(value)


def train_program(program, training, recorder):
    """Train the weights that a program holds; return them as they are at the end.

    Parameters
    ----------
    program : Program
        With the first weights loaded.
    training : Training
        What to do.
    recorder : Recorder
        Who keeps the history and decides when to stop.

    Returns
    -------
    list of ndarray
    """
    stride = _epochs_per_call(training, recorder)
    with recorder:
        for first in range(0, training.epochs, stride):
            n_epochs = min(stride, training.epochs - first)
            if _train_epochs(program, training, recorder, first, n_epochs):
                break
    program.finish()
    return recorder.choose_weights(program.read)


def _epochs_per_call(training, recorder):
    if recorder.stride is not None:
        return recorder.stride
    if recorder.observer is not None:
        return max(1, OBSERVED_STEPS_PER_CALL // training.steps_per_epoch)
    return max(1, ROWS_PER_CALL // training.n_rows)


def _train_epochs(program, training, recorder, first, n_epochs):
    """Train some epochs and record them; return whether training stops."""
    recorder.epoch_begin(training.first_epoch + first)
    steps = training.steps_of(first, n_epochs)
    trained, scored = program.train(
        training.data,
        training.scored,
        training.draw_orders(n_epochs),
        batch_size=training.batch_size,
        rates=training.schedule.rates(steps),
        first_step=steps[0],
        dropout=training.dropout,
        momentum=training.momentum,
        penalties=training.penalties,
    )
    for k, (train, scores) in enumerate(zip(trained, scored)):
        scores = list(scores)
        validation = observed = None
        if training.validation is not None:
            validation = scores.pop(0)
        if training.observed is not None:
            observed = scores.pop(0)
        logs = recorder.name_scores(train, validation)
        epoch = training.first_epoch + first + k
        if recorder.epoch_end(epoch, logs, program.read, observed):
            return True
    return False
