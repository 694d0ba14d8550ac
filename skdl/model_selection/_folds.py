"""One trial: its folds are fitted and scored, one after the other."""

import math
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from traceback import format_exception_only
from typing import NamedTuple

import numpy as np

from skdl._utils._candidates import make_candidate, take_scores
from skdl._utils._nested import (
    find_fitted_network,
    find_network,
    only_transforms,
    strip_pipelines,
    with_network,
)
from skdl._utils._observer import Observer
from skdl._utils._sklearn import (
    NoTasks,
    SearchTasks,
    check_params,
    count_rows,
    cut_rows,
    is_plain_scorer,
    plain_score_name,
    take_scorer,
)
from skdl.model_selection._outcome import TrialOutcome, main_name

__all__ = ["Folds", "Interrupted", "Setting"]

# Estimates for one CPU core of 2023, used to choose which epochs are scored.
SECONDS_PER_STEP = 6e-5
SECONDS_PER_MULTIPLY_ADD = 3 / 1e10  # per forward multiply-add, backward ones included
SECONDS_PER_SCORE = 1.5e-2
SECONDS_PER_SCORE_IN_LOOP = 4e-4
SECONDS_PER_ROW = 1e-5
# The time that the scoring of epochs may take, as a share of the time of the training.
SHARE_OF_A_PRUNER = 0.15
SHARE_OF_NOBODY = 0.03
# In the compiled loop, where it costs little, at least so many epochs are scored.
SCORES_IN_LOOP = 5
# About so long is the training between two checks whether the search was stopped.
SECONDS_TOGETHER = 0.25


@dataclass
class Setting:
    """What all trials of a search have in common.

    Parameters
    ----------
    estimator : estimator
        The estimator that is tuned.
    X, y : array-like
        The data.
    splits : list of tuple of ndarray
        Training rows and test rows of each fold.
    scorer : callable
        Returns a number, or a dict of numbers.
    objective : str or None
        Which of several scores the study maximizes; None is the first.
    fit_params, score_params : dict
        Parameters for ``fit`` and for the scorer.
    train_scores : bool
        Whether the training rows are scored, too.
    is_pruned : bool
        Whether a pruner is asked after each score.
    directions : list of str or None
        Of all scores, where the study has several objectives.
    """

    estimator: object
    X: object
    y: object
    splits: list
    scorer: Callable
    objective: str | None
    fit_params: dict
    score_params: dict
    train_scores: bool
    is_pruned: bool
    directions: list | None = None


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
        train = _Rows.cut(self._setting, candidate, train_rows, train_rows)
        test = _Rows.cut(self._setting, candidate, test_rows, train_rows)
        self._fit(candidate, train, test)
        if self._stopped.is_set():
            raise Interrupted
        if not self._outcome.pruned:
            self._score(candidate, train, test)

    def _fit(self, candidate, train, test):
        scores = _EpochScores(candidate, test, self._setting, self._begin, self._take)
        shown = {"X": train.X, "y": train.y, "metadata": train.fit_params}
        start = time.perf_counter()
        with self._tasks.fit(candidate, shown), self._watched(scores):
            candidate.fit(train.X, *_targets(train.y), **train.fit_params)
        seconds = time.perf_counter() - start
        self._outcome.fit_time.append(seconds - scores.seconds)
        if scores.network is not None:
            self._outcome.epochs.append(find_fitted_network(candidate).n_iter_)

    def _score(self, candidate, train, test):
        outcome = self._outcome
        start = time.perf_counter()
        _add(outcome.scores, _score_rows(self._setting.scorer, candidate, test))
        outcome.score_time.append(time.perf_counter() - start)
        if self._setting.train_scores:
            _add(
                outcome.train_scores,
                _score_rows(self._setting.scorer, candidate, train),
            )
        if outcome.curves:
            name = main_name(outcome.scores, self._setting.objective)
            is_reported = outcome.max_epochs - 1 in outcome.curves[-1]
            last = outcome.epochs[-1] - 1
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


class _Rows(NamedTuple):
    """Some rows, with what goes to ``fit`` and to the scorer beside them."""

    X: object
    y: object
    fit_params: dict
    score_params: dict

    @classmethod
    def cut(cls, setting, candidate, rows, train_rows):
        """Cut rows out of all; a precomputed kernel is cut to the training columns."""
        X, y = cut_rows(candidate, setting.X, setting.y, rows, train_rows)
        return cls(
            X,
            y,
            check_params(setting.X, setting.fit_params, rows),
            check_params(setting.X, setting.score_params, rows),
        )


class _EpochScores(Observer):
    """Scores the test rows of a fold after each epoch of the network that is fitted.

    By then, the transformers before the network are fitted on the training rows.

    Parameters
    ----------
    candidate : estimator
        The estimator that is fitted; it may end in a network of skdl.
    test : _Rows
        The test rows of the fold.
    setting : Setting
        Scorer and objective.
    begin : callable
        Called with the largest number of epochs.
    take : callable
        Called with an epoch and its score, or None; returns whether to stop.

    Attributes
    ----------
    seconds : float
        Time of the scoring outside of the compiled loop.
    """

    def __init__(self, candidate, test, setting, begin, take):
        super().__init__(find_network(candidate))
        self.seconds = 0.0
        self._candidate = candidate
        self._test = test
        self._begin = begin
        self._take = take
        self._is_asked = setting.is_pruned
        self._share = SHARE_OF_A_PRUNER if setting.is_pruned else SHARE_OF_NOBODY
        self._objective = setting.objective
        self._scorer = take_scorer(setting.scorer, setting.objective)
        self._name = plain_score_name(setting.scorer, setting.objective, candidate)
        self._variance = None

    def find_rows(self, encode):
        """Return the rows to score in the compiled loop, or None to get predictions."""
        if not is_plain_scorer(self._scorer):
            return None  # it may need the pipeline, and the untransformed rows
        score_params = self._test.score_params
        if set(score_params) - {"sample_weight"}:
            return None  # a routed argument of a step before the network, perhaps
        transforms_only = only_transforms(self._candidate)
        self._candidate, X = strip_pipelines(self._candidate, self._test.X)
        self._test = self._test._replace(X=X)
        if self._name is None or not transforms_only or not self._is_asked:
            return None  # in the loop each epoch is scored: for a pruner only
        try:
            part = encode(X, self._test.y, score_params.get("sample_weight"))
        except ValueError:
            return None  # a label that the training rows do not have
        if part.y.ndim == 2 and part.y.shape[1] > 1:
            return None  # scores of several outputs are averaged in another way
        if self._name == "r2":
            self._variance = _variance(part)
            return part if self._variance > 0 else None
        return part

    def begin(self, n_epochs, steps_per_epoch, multiply_adds, observed_multiply_adds=0):
        """Record the length of the training, and choose which epochs are scored.

        Scoring may cost more than training. The choice is made from estimated, not
        measured, times, so that a study is the same each time. It is one of 2, 4, 8 ...
        epochs: a pruner compares the same epochs of trials, and so they have some.
        """
        self._begin(n_epochs)
        epoch = (
            steps_per_epoch * SECONDS_PER_STEP
            + multiply_adds * SECONDS_PER_MULTIPLY_ADD
        )
        if observed_multiply_adds:
            score = SECONDS_PER_SCORE_IN_LOOP
            score += observed_multiply_adds * SECONDS_PER_MULTIPLY_ADD / 3
            every = _power_above(score / (self._share * epoch))
            self.every = min(every, _power_below(n_epochs / SCORES_IN_LOOP))
            return
        score = SECONDS_PER_SCORE + SECONDS_PER_ROW * count_rows(self._test.X)
        self._every = _power_above(score / (self._share * epoch))
        self.stride = min(self._every, _power_below(SECONDS_TOGETHER / epoch))

    def take_means(self, epoch, loss, metric):
        """Record the score from the mean loss or metric; return whether to stop."""
        if self._name == "accuracy":
            return self._take(epoch, float(metric))
        if self._name == "neg_log_loss":
            return self._take(epoch, -float(loss))
        return self._take(epoch, float(1 - loss / self._variance))

    def take_estimator(self, epoch, show):
        """Score the network that ``show`` returns, as if its fit had ended.

        Return whether to stop.
        """
        if (epoch + 1) % self._every:
            return self._take(epoch, None)
        start = time.perf_counter()
        fitted = with_network(self._candidate, show())
        scores = _score_rows(self._scorer, fitted, self._test)
        self.seconds += time.perf_counter() - start
        return self._take(epoch, scores[main_name(scores, self._objective)])


def _power_above(number):
    """Return the least power of two, 1 at least, that is not below a number."""
    return 2 ** math.ceil(math.log2(max(1, number)))


def _power_below(number):
    """Return the largest power of two that is not above a number; 1 at least."""
    return 2 ** math.floor(math.log2(max(1, number)))


def _variance(part):
    weight = np.ones(len(part.y)) if part.weight is None else part.weight
    mean = np.average(part.y, axis=0, weights=weight)
    return float(np.average((part.y - mean) ** 2, axis=0, weights=weight).mean())


def _targets(y):
    return () if y is None else (y,)


def _add(lists, scores):
    for name, value in scores.items():
        lists.setdefault(name, []).append(value)


def _score_rows(scorer, estimator, rows):
    return take_scores(scorer, estimator, rows.X, rows.y, rows.score_params)
