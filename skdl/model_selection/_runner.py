"""Run the trials of a study in threads, until the study has all of them."""

import time
from contextlib import suppress

import numpy as np
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from skdl._utils._threads import work_in_threads
from skdl.model_selection._folds import Folds, Interrupted
from skdl.model_selection._outcome import TrialOutcome

__all__ = ["Runner"]

# The least time between two reports of a trial, in multiples of the time of a report.
REPORT_EVERY = 20
# The least number of points of its curve that a trial has in the storage.
POINTS = 10


class Runner:
    """Runs the trials that a queue hands out.

    Parameters
    ----------
    queue : TrialQueue
        Hands out trials.
    setting : Setting
        What all trials have in common.
    board : Board or None
        Asks the pruner; None runs all trials to their end.
    tasks : SearchTasks
        Shows the fits to scikit-learn's callbacks.
    line : SearchLine
        Shows the progress.
    check : callable
        Called with the outcome of each trial; raises an error to end the search.
    log : callable
        Called with number, parameters, outcome and state of each trial that has ended.
    callbacks : list of callable
        Each is called with the study and a trial that has ended.
    """

    def __init__(self, queue, setting, board, tasks, line, check, log, callbacks=()):
        self._queue = queue
        self._setting = setting
        self._board = board
        self._tasks = tasks
        self._line = line
        self._check = check
        self._log = log
        self._callbacks = callbacks

    def run(self, n_threads):
        """Run trials until there are no more.

        Parameters
        ----------
        n_threads : int
            How many run at a time.
        """
        with self._queue.open():
            work_in_threads(self._work, n_threads, self._queue.stopped)

    def _work(self):
        with suppress(Interrupted):
            while (taken := self._queue.take()) is not None:
                self._run_trial(*taken)

    def _run_trial(self, trial, params):
        twin = None
        if self._board is not None:
            self._board.update(self._queue.counted(), self._setting.objective)
            twin = self._board.open(trial.number)
        # Optuna takes no reports in a study of several objectives.
        shown = trial if self._setting.directions is None else None
        reports = _Reports(shown, twin)
        folds = Folds(self._setting, self._tasks, reports.take, self._queue.stopped)
        state, value = TrialState.FAIL, None
        try:
            outcome = folds.run(params)
            reports.end()
            state, value = _judge_trial(outcome, self._setting)
            # A `refit` that names no score is an error of the search, not of a trial.
            if state != TrialState.FAIL:
                self._check(outcome)
            for name, attribute in outcome.to_attributes().items():
                trial.set_user_attr(name, attribute)
        except UpdateFinishedTrialError:
            pass  # another process considered it lost, and ran it again
        except BaseException:
            self._queue.give_back(trial)
            raise
        finally:
            if twin is not None:
                self._board.close(twin, state, value)
        if not self._queue.finish(trial, state, value):
            return
        self._log(trial.number, params, outcome, state)
        self._line.show(self._queue.counted())
        self._queue.call(self._callbacks, trial)
        # After `finish`: the study keeps the failed trial whose error ends the search.
        if state == TrialState.FAIL:
            self._check(outcome)
            # Its traceback holds the rows of the fold, and the outcome.
            outcome.exception = None


def _judge_trial(outcome: TrialOutcome, setting):
    """Return the state of a trial, and its value or values."""
    if outcome.exception is not None:
        return TrialState.FAIL, None
    if outcome.pruned:
        return TrialState.PRUNED, None
    if setting.directions is not None:
        return TrialState.COMPLETE, outcome.values()
    return TrialState.COMPLETE, outcome.value(setting.objective)


class _Reports:
    """Reports the score after each epoch of a trial to the pruner and the storage.

    A write to a storage on disk may cost as much as training a small epoch; so only
    some scores are written, and at the end those that a curve needs.

    Parameters
    ----------
    trial : optuna.Trial or None
        The trial in the storage; None writes nothing.
    twin : optuna.Trial or None
        Its twin in memory, which the pruner judges.
    """

    def __init__(self, trial, twin):
        self._trial = trial
        self._twin = twin
        self._next = 0.0
        self._values = {}
        self._written = set()
        self._error = None

    def take(self, step, value):
        """Report a score; return whether the fit must stop.

        An error of the pruner or the storage is not the candidate's: ``end`` raises it.
        """
        self._values[step] = value
        try:
            if time.perf_counter() >= self._next:
                self._write(step)
            if self._twin is None:
                return False
            self._twin.report(value, step)
            return self._twin.should_prune()
        except Exception as error:
            self._error = error
            return True

    def end(self):
        """Write the last score, and as many earlier ones as a curve needs."""
        if self._error is not None:
            raise self._error
        steps = list(self._values)
        chosen = np.linspace(0, len(steps) - 1, min(len(steps), POINTS))
        for step in {steps[round(k)] for k in chosen} - self._written:
            self._write(step)

    def _write(self, step):
        if self._trial is None:
            return
        start = time.perf_counter()
        self._trial.report(self._values[step], step)
        self._written.add(step)
        end = time.perf_counter()
        self._next = end + REPORT_EVERY * (end - start)
