"""Learning rate schedules: their names, and their settings checked."""

from numbers import Integral

import numpy as np

from skdl.training._schedule_kinds import (
    CosineSchedule,
    ExponentialSchedule,
    InverseTimeSchedule,
    KerasSchedule,
    OneCycleSchedule,
    PlateauSchedule,
    Schedule,
    StepSchedule,
)

__all__ = ["SCHEDULES", "check_settings", "make_schedule"]

SCHEDULES = {
    "step": StepSchedule,
    "exponential": ExponentialSchedule,
    "inverse_time": InverseTimeSchedule,
    "cosine": CosineSchedule,
    "one_cycle": OneCycleSchedule,
    "plateau": PlateauSchedule,
}

_SHARES = ("drop", "rate", "factor", "warmup", "start")
_COUNTS = ("every", "patience")


def check_settings(schedule):
    """Return the kind and the settings of ``learning_rate_schedule``, checked.

    Raises
    ------
    ValueError
        For a name or a setting that is not known, or a value out of its range.
    """
    if schedule is None:
        return Schedule, {}
    if callable(schedule):
        _check_function(schedule)
        return Schedule, {}
    settings = {"name": schedule} if isinstance(schedule, str) else dict(schedule)
    name = settings.pop("name", None)
    if not isinstance(name, str) or name not in SCHEDULES:
        raise ValueError(
            f"learning_rate_schedule={schedule!r} names no schedule that is known. "
            f"Use one of {sorted(SCHEDULES)}, a dict such as "
            "{'name': 'step', 'drop': 0.5, 'every': 10}, None, or a Keras schedule."
        )
    kind = SCHEDULES[name]
    for setting, value in settings.items():
        _check_setting(name, kind, setting, value)
    return kind, settings


def make_schedule(
    schedule, learning_rate, steps_per_epoch, epochs, warmup=0, *, done=(0, 0)
):
    """Return the schedule for the parameter ``learning_rate_schedule``.

    Parameters
    ----------
    schedule : None, str, dict or keras.optimizers.schedules.LearningRateSchedule
        A name, or a dict with the name under ``"name"`` and settings.
    learning_rate : float
        The rate to start from; a Keras schedule has its own.
    steps_per_epoch, epochs : int
        The length of the training.
    warmup : int or float, default=0
        Steps in which the rate rises from 0, or their share of all steps.
    done : tuple of int, default=(0, 0)
        Steps and epochs of earlier calls of ``partial_fit``.
    """
    is_count = isinstance(warmup, Integral)
    n_rising = warmup if is_count else round(warmup * steps_per_epoch * epochs)
    if callable(schedule):
        return KerasSchedule(schedule, steps_per_epoch, epochs, n_rising)
    kind, settings = check_settings(schedule)
    n_steps, n_epochs = done
    moved = n_epochs * steps_per_epoch - n_steps
    length = learning_rate, steps_per_epoch, epochs
    return kind(*length, n_rising=n_rising, moved=moved, **settings)


def _check_function(schedule):
    try:
        rate = float(schedule(0))
    except Exception as error:  # whatever a function of the user's raises
        rate, reason = np.nan, f" ({type(error).__name__}: {error})"
    else:
        reason = f", and is {rate:g}"
    if isinstance(schedule, type) or not 0 <= rate < np.inf:
        raise ValueError(
            f"learning_rate_schedule={schedule!r} must give the learning rate of a "
            f"step by its number, schedule(0){reason}. Give an object of "
            "keras.optimizers.schedules, such as ExponentialDecay(0.01, 100, 0.9)."
        )


def _check_setting(name, kind, setting, value):
    where = f"learning_rate_schedule={name!r}"
    if setting not in kind.defaults:
        raise ValueError(
            f"{where} has no setting {setting!r}; it has {sorted(kind.defaults)}."
        )
    is_number = isinstance(value, (int, float, np.number)) and np.isfinite(value)
    if setting in _COUNTS:
        accepted, right = "an integer >= 1", is_number and value >= 1 and value % 1 == 0
    elif setting == "final":
        accepted, right = "a float in [0, 1]", is_number and 0 <= value <= 1
    elif setting in _SHARES:
        accepted, right = "a float in (0, 1)", is_number and 0 < value < 1
    else:
        accepted, right = "a float >= 0", is_number and value >= 0
    if isinstance(value, bool) or not right:
        raise ValueError(f"{where} needs {accepted} as {setting!r}, got {value!r}.")
