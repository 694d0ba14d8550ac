"""One trial: its folds are fitted and scored, one after the other."""

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from traceback import format_exception_only

from skdl._utils._candidates import make_candidate
from skdl._utils._nested import find_fitted_network, let_interrupts_through
from skdl._utils._tasks import NoTasks, SearchTasks
from skdl.model_selection._epoch_scores import EpochScores
from skdl.model_selection._outcome import TrialOutcome, main_name
from skdl.model_selection._setting import FoldRows, Setting, score_rows

__all__ = ["Folds", "Interrupted"]


class Interrupted(Exception):
    """The search was stopped while a fold was fitted."""


class Folds:
    """Evaluates one trial.

    Parameters
    ----------
    setting : Setting
        What all trials have in common.
    tasks : SearchTasks
        Shows the fits to scikit-learn's callbacks.
    report : callable
        ``report(step, value)`` takes the score after an epoch, and returns whether the
        trial is pruned.
    stopped : threading.Event
        Set when the search is interrupted.
    """

    def __init__(
        self,
        setting: Setting,
        tasks: SearchTasks | NoTasks,
        report: Callable,
        stopped: threading.Event,
    ):
        self._setting = setting
        self._tasks = tasks
        self._report = report
        self._stopped = stopped
        self._outcome = TrialOutcome()
        self._fold = 0

    def run(self, params):
        """Fit and score the folds until one fails or the trial is pruned.

        Parameters
        ----------
        params : dict
            The parameters of the trial.

        Returns
        -------
        TrialOutcome

        Raises
        ------
        Interrupted
            If the search was stopped.
        """
        outcome = self._outcome
        for fold, (train, test) in enumerate(self._setting.splits):
            self._fold = fold
            try:
                self._run_fold(train, test, params)
            # No failure of the candidate: the trial is given back, and run again.
            except Interrupted:
                raise
            except Exception as error:
                outcome.exception = error
                outcome.error = "".join(format_exception_only(error)).strip()
            if outcome.error or outcome.pruned:
                break
        return outcome

    def _run_fold(self, train_rows, test_rows, params):
        candidate = make_candidate(self._setting.estimator, params)
        let_interrupts_through(candidate, self._setting.estimator)
        train = FoldRows.cut(self._setting, candidate, train_rows, train_rows)
        test = FoldRows.cut(self._setting, candidate, test_rows, train_rows)
        self._fit(candidate, train, test)
        # The fit has returned as if it had stopped early: it must not be scored.
        if self._stopped.is_set():
            raise Interrupted
        if not self._outcome.pruned:
            self._score(candidate, train, test)

    def _fit(self, candidate, train, test):
        scores = EpochScores(candidate, test, self._setting, self._begin, self._take)
        shown = {"X": train.X, "y": train.y, "metadata": train.fit_params}
        start = time.perf_counter()
        with self._tasks.fit(candidate, shown), self._watched(scores):
            candidate.fit(train.X, *_targets(train.y), **train.fit_params)
        seconds = time.perf_counter() - start
        self._outcome.fit_time.append(seconds - scores.seconds)
        if scores.network is not None:
            self._outcome.epochs.append(find_fitted_network(candidate).n_iter_)

    def _score(self, candidate, train, test):
        outcome, setting = self._outcome, self._setting

        def score(rows):
            return score_rows(setting.scorer, candidate, rows, setting.optimized)

        start = time.perf_counter()
        _add(outcome.scores, score(test))
        outcome.score_time.append(time.perf_counter() - start)
        if setting.train_scores:
            _add(outcome.train_scores, score(train))
        if outcome.curves:
            name = main_name(outcome.scores, self._setting.objective)
            # Asked before the score of the fold is added, which was not reported yet.
            is_reported = outcome.max_epochs - 1 in outcome.curves[-1]
            last = outcome.epochs[-1] - 1
            # What was reported stays: a study that goes on tells its pruner the same.
            outcome.curves[-1].setdefault(last, outcome.scores[name][-1])
            if not is_reported:
                self._report_step(outcome.max_epochs - 1)

    @contextmanager
    def _watched(self, scores):
        """Let the network, if there is one, show its epochs while the block runs."""
        if scores.network is None:
            yield
            return
        self._outcome.curves.append({})
        scores.watch()
        try:
            yield
        finally:
            scores.release()

    def _begin(self, n_epochs):
        """Record the largest number of epochs of a fold, which the network knows."""
        self._outcome.max_epochs = max(self._outcome.max_epochs, n_epochs)

    def _take(self, epoch, value):
        """Take the score of an epoch, None for no score; return whether to stop."""
        if self._stopped.is_set():
            return True
        if value is None:
            return False
        self._outcome.curves[-1][epoch] = value
        self._report_step(epoch)
        return self._outcome.pruned

    def _report_step(self, epoch):
        report = self._outcome.report(self._fold, epoch, self._setting.objective)
        self._outcome.pruned = self._report(*report)


def _targets(y):
    return () if y is None else (y,)


def _add(lists, scores):
    for name, value in scores.items():
        lists.setdefault(name, []).append(value)
