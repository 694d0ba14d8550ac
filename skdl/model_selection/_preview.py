"""What a search will cost, estimated from one candidate."""

import threading
import time
from dataclasses import replace
from typing import Any, NamedTuple

import joblib
import psutil

from skdl._utils._tasks import NoTasks
from skdl.model_selection._folds import Folds

__all__ = ["Preview", "take_preview"]

_MB = 2**20


class Preview(NamedTuple):
    """The cost of a search, estimated from one candidate.

    Parameters
    ----------
    fits : int
        Total number of fits, over all folds of all trials.
    minutes : float
        Duration of the whole search, with its number of threads.
    memory : float
        Memory of this process in MB.
    """

    fits: int
    minutes: float
    memory: float

    def __str__(self):
        time_needed = f"{self.minutes:.1f} minutes"
        if self.minutes < 1:
            time_needed = f"{60 * self.minutes:.0f} seconds"
        return (
            f"{self.fits} fits, about {time_needed} and {self.memory:.0f} MB of "
            "memory. This is an estimate from one candidate drawn at random: others "
            "may take several times more or less, and pruning may save much of it."
        )


def take_preview(setting: Any, space: Any, n_trials: int, n_threads: Any) -> Any:
    """Return the preview of a search.

    Parameters
    ----------
    setting : Setting
        What all trials have in common.
    space : DictSpace or FunctionSpace
        What is searched.
    n_trials : int
        How many trials the study shall have.
    n_threads : int
        How many run at a time.
    """
    import skdl.training._run  # noqa: F401 imports TensorFlow, which is not counted

    params = space.draw_example()
    process = psutil.Process()
    before = process.memory_info().rss
    first = _time_fold(setting, params)  # it may compile
    after = process.memory_info().rss
    again = _time_fold(setting, params)
    fits = n_trials * len(setting.splits)
    # Threads beyond the cores gain nothing; each compiles a program of its own.
    at_a_time = min(n_threads, joblib.cpu_count())
    seconds = max(0.0, first - again) * at_a_time + fits * again / at_a_time
    memory = after + (n_threads - 1) * max(0, after - before)
    return Preview(fits, seconds / 60, memory / _MB)


def _time_fold(setting, params):
    """Return the seconds of the first fold of a candidate, its scores included."""
    one_fold = replace(setting, splits=setting.splits[:1])
    folds = Folds(one_fold, NoTasks(), lambda *_: False, threading.Event())
    start = time.perf_counter()
    outcome = folds.run(params)
    if outcome.exception is not None:
        raise outcome.exception
    return time.perf_counter() - start
