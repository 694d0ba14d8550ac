"""Learning rate schedules: the rate of every step, computed before the steps run."""

import numpy as np

__all__ = [
    "CosineSchedule",
    "ExponentialSchedule",
    "InverseTimeSchedule",
    "KerasSchedule",
    "OneCycleSchedule",
    "PlateauSchedule",
    "Schedule",
    "StepSchedule",
]


class Schedule:
    """The learning rate of each step.

    Parameters
    ----------
    learning_rate : float
        The rate to start from.
    steps_per_epoch, epochs : int
        The length of the training.
    n_rising : int, default=0
        Steps in which the rate rises from 0 to that of the schedule.
    moved : int, default=0
        How many more steps would have been done by now, if all epochs before had been
        as long as these: what counts epochs adds it.
    **settings
        The schedule's own settings; ``defaults`` names them.
    """

    defaults: dict[str, float] = {}
    needs_feedback = False
    counts_epochs = True

    def __init__(
        self,
        learning_rate,
        steps_per_epoch,
        epochs,
        *,
        n_rising=0,
        moved=0,
        **settings,
    ):
        self.learning_rate = learning_rate
        self.steps_per_epoch = steps_per_epoch
        self.n_steps = steps_per_epoch * epochs
        self._n_rising = n_rising
        self._moved = moved if self.counts_epochs else 0
        self.settings = {**self.defaults, **settings}

    def rates(self, steps):
        """Return the learning rates of ``steps``, an array counted from 0."""
        rates = self.planned(steps + self._moved)
        if not self._n_rising:
            return rates
        # Step 0 trains at 1 / n_rising of the rate, not at 0.
        return rates * np.minimum((steps + 1) / self._n_rising, 1)

    def planned(self, steps):
        """Return the rates without a warmup."""
        return np.full(len(steps), self.learning_rate)

    def observe(self, loss):
        """Handle the loss of an epoch that has ended."""

    def take_rate(self, before, after):
        """Follow a callback that has changed the rate of the model."""
        if after == before:
            return
        # A rate of 0 has no ratio to others; a constant schedule needs none.
        known = before != 0 and self.learning_rate != 0
        # By the ratio: the callback has changed the rate of a step, not that of the
        # start.
        self.learning_rate = (
            self.learning_rate * (after / before) if known else float(after)
        )


class StepSchedule(Schedule):
    """Multiplies the rate by ``drop`` after every ``every`` epochs."""

    defaults = {"drop": 0.5, "every": 10}

    def planned(self, steps):
        drops = steps // self.steps_per_epoch // self.settings["every"]
        return self.learning_rate * self.settings["drop"] ** drops


class ExponentialSchedule(Schedule):
    """Multiplies the rate by ``rate`` in each epoch, smoothly."""

    defaults = {"rate": 0.95}

    def planned(self, steps):
        return self.learning_rate * self.settings["rate"] ** (
            steps / self.steps_per_epoch
        )


class InverseTimeSchedule(Schedule):
    """Divides the rate by ``1 + decay * step``: the classic ``decay``."""

    defaults = {"decay": 1e-4}
    counts_epochs = False

    def planned(self, steps):
        return self.learning_rate / (1 + self.settings["decay"] * steps)


class CosineSchedule(Schedule):
    """Falls from the rate to ``final`` times it (Loshchilov & Hutter, 2017)."""

    defaults = {"final": 0.0}

    def planned(self, steps):
        # A fit may go on past the end, where the cosine would rise again.
        done = np.minimum(steps / self.n_steps, 1)
        return self.learning_rate * _cosine(1, self.settings["final"], done)


class OneCycleSchedule(Schedule):
    """Rises from ``start`` times the rate, falls to ``final`` times (Smith, 2018)."""

    defaults = {"warmup": 0.3, "start": 0.04, "final": 1e-4}

    def planned(self, steps):
        start, final, warmup = (
            self.settings[name] for name in ("start", "final", "warmup")
        )
        done = steps / self.n_steps
        up = _cosine(start, 1, np.minimum(done / warmup, 1))
        down = _cosine(1, final, np.clip((done - warmup) / (1 - warmup), 0, 1))
        return self.learning_rate * np.where(done < warmup, up, down)


class PlateauSchedule(Schedule):
    """Multiplies by ``factor`` after ``patience`` epochs without improvement."""

    defaults = {"factor": 0.5, "patience": 5, "min_delta": 1e-4, "lowest": 0.0}
    needs_feedback = True

    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self._best = np.inf
        self._waited = 0

    def observe(self, loss):
        if loss < self._best - self.settings["min_delta"]:
            self._best, self._waited = loss, 0
            return
        self._waited += 1
        if self._waited >= self.settings["patience"]:
            lower = self.learning_rate * self.settings["factor"]
            lower = max(lower, self.settings["lowest"])
            # A rate that begins below the lowest one stays.
            self.learning_rate = min(self.learning_rate, lower)
            self._waited = 0


class KerasSchedule(Schedule):
    """A ``keras.optimizers.schedules.LearningRateSchedule``, called at each step."""

    counts_epochs = False

    def __init__(self, schedule, steps_per_epoch, epochs, n_rising):
        super().__init__(None, steps_per_epoch, epochs, n_rising=n_rising)
        self._schedule = schedule
        self.learning_rate = float(self.planned(np.arange(1))[0])

    def take_rate(self, before, after):
        if after != before:
            raise ValueError(
                f"A callback set the learning rate from {before:g} to {after:g}, and "
                "learning_rate_schedule is a schedule of Keras, which sets that of "
                "each step: leave one of them out."
            )

    def planned(self, steps):
        import tensorflow as tf

        steps = tf.constant(steps, tf.float32)
        # A schedule of Keras takes the number of one step, not an array.
        rates = tf.map_fn(
            lambda s: tf.cast(self._schedule(s), tf.float32), steps
        ).numpy()
        if len(rates) and not 0 <= rates.min() <= rates.max() < np.inf:
            raise ValueError(
                f"learning_rate_schedule={self._schedule!r} gives a rate of "
                f"{rates.min():g}: rates must be finite and 0 or more at each step."
            )
        return rates


def _cosine(first, last, done):
    return last + (first - last) * (1 + np.cos(np.pi * done)) / 2
