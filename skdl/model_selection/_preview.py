"""What a search will cost, estimated from one candidate."""

import time
from typing import NamedTuple

import joblib
import psutil

from skdl._sklearn import check_params, cut_rows
from skdl.model_selection._folds import make_candidate

__all__ = ["Preview", "take_preview"]

_MB = 2**20


class Preview(NamedTuple):
    """What a search will cost: an estimate from one candidate.

    Parameters
    ----------
    fits : int
        All fits of the folds of all trials.
    minutes : float
        Of the whole search, in the threads that it has.
    memory : float
        Of this process in MB.
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


def take_preview(setting, space, n_trials, n_threads):
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
    params = space.draw_example()
    process = psutil.Process()
    seconds, memory = [], []
    for _ in range(2):  # the first fit may compile
        memory.append(process.memory_info().rss)
        seconds.append(_time_fold(setting, params))
    memory.append(process.memory_info().rss)
    fits = n_trials * len(setting.splits)
    # Threads beyond the cores gain nothing; each holds a program of its own.
    at_a_time = min(n_threads, joblib.cpu_count())
    compiling = max(0.0, seconds[0] - seconds[1])
    total = compiling + fits * seconds[1] / at_a_time
    each = max(0, memory[2] - memory[1])
    return Preview(fits, total / 60, (memory[2] + (n_threads - 1) * each) / _MB)


def _time_fold(setting, params):
    train, test = setting.splits[0]
    candidate = make_candidate(setting.estimator, params)
    X, y = cut_rows(candidate, setting.X, setting.y, train)
    X_test, y_test = cut_rows(candidate, setting.X, setting.y, test, train)
    targets = [() if rows is None else (rows,) for rows in (y, y_test)]
    start = time.perf_counter()
    candidate.fit(X, *targets[0], **check_params(setting.X, setting.fit_params, train))
    score_params = check_params(setting.X, setting.score_params, test)
    setting.scorer(candidate, X_test, *targets[1], **score_params)
    return time.perf_counter() - start
