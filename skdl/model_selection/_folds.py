"""One trial: its folds are fitted and scored, one after the other."""

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from traceback import format_exception_only
from typing import NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline

from skdl._candidates import find_network, make_candidate, take_scores
from skdl._sklearn import (
    SearchTasks,
    check_params,
    cut_rows,
    is_plain_scorer,
    plain_score_name,
    take_scorer,
)
from skdl.model_selection._outcome import Outcome, main_name

__all__ = ["Folds", "Interrupted", "Setting"]


@dataclass
class Setting:
    """What all trials of a search have in common.

    Parameters
    ----------
    estimator : estimator
        What is tuned.
    X, y : array-like
        The data.
    splits : list of tuple of ndarray
        Rows to train and to test on, of each fold.
    scorer : callable
        Returns a number, or a dict of numbers.
    objective : str or None
        Which of several scores the study maximizes; None takes the first.
    fit_params, score_params : dict
        What goes to ``fit`` and to the scorer.
    train_scores : bool
        Whether the training rows are scored, too.
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
        tasks: SearchTasks,
        report: Callable,
        stopped: threading.Event,
    ):
        self._setting = setting
        self._tasks = tasks
        self._report = report
        self._stopped = stopped
        self._outcome = Outcome()
        self._fold = 0

    def run(self, params):
        """Fit and score the folds until one fails or the trial is pruned.

        Parameters
        ----------
        params : dict
            The parameters of the trial.

        Returns
        -------
        Outcome

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
        scores = _EpochScores(candidate, test, self._setting, self._take)
        shown = {"X": train.X, "y": train.y, "metadata": train.fit_params}
        start = time.perf_counter()
        with self._tasks.fit(candidate, shown), self._watched(scores):
            candidate.fit(train.X, *_targets(train.y), **train.fit_params)
        self._outcome.fit_time.append(time.perf_counter() - start)
        if scores.network is not None:
            self._outcome.epochs.append(scores.network.n_iter_)

    def _score(self, candidate, train, test):
        outcome = self._outcome
        start = time.perf_counter()
        _add(outcome.scores, _score(self._setting.scorer, candidate, test))
        outcome.score_time.append(time.perf_counter() - start)
        if self._setting.train_scores:
            _add(outcome.train_scores, _score(self._setting.scorer, candidate, train))
        if outcome.curves and len(outcome.curves[-1]) < outcome.max_epochs:
            self._report_step(outcome.max_epochs - 1)

    @contextmanager
    def _watched(self, scores):
        """Let the network, if there is one, show its epochs while the block runs."""
        network = scores.network
        if network is None:
            yield
            return
        self._outcome.max_epochs = getattr(network, "fit__epochs", network.epochs)
        self._outcome.curves.append([])
        network._observer = scores
        try:
            yield
        finally:
            network._observer = None

    def _take(self, epoch, value):
        """Take the score of an epoch; return whether to stop the fit."""
        if self._stopped.is_set():
            return True
        self._outcome.curves[-1].append(value)
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
        return cls(
            *cut_rows(candidate, setting.X, setting.y, rows, train_rows),
            check_params(setting.X, setting.fit_params, rows),
            check_params(setting.X, setting.score_params, rows),
        )


class _EpochScores:
    """Scores the test rows of a fold after each epoch of the network that is fitted.

    The transformers before the network are fitted on the training rows by then.

    Parameters
    ----------
    candidate : estimator
        What is fitted; it may end in a network of skdl.
    test : _Rows
        The test rows of the fold.
    setting : Setting
        Scorer and objective.
    take : callable
        Takes the epoch and its score; returns whether to stop.
    """

    def __init__(self, candidate, test, setting, take):
        self.network = find_network(candidate)
        self._candidate = candidate
        self._test = test
        self._take = take
        self._objective = setting.objective
        self._scorer = take_scorer(setting.scorer, setting.objective)
        self._name = plain_score_name(setting.scorer, setting.objective, candidate)
        self._variance = None

    def find_rows(self, encode):
        """Return the rows to score in the compiled loop, or None to get predictions."""
        if not is_plain_scorer(self._scorer):
            return None  # it may look at the pipeline, and at the rows as they are
        X = _transform_before_network(self._candidate, self._test.X)
        self._candidate = self.network
        self._test = self._test._replace(X=X)
        score_params = self._test.score_params
        if self._name is None or set(score_params) - {"sample_weight"}:
            return None
        try:
            part = encode(X, self._test.y, score_params.get("sample_weight"))
        except ValueError:
            return None  # a label that the training rows do not have
        if part.y.ndim == 2 and part.y.shape[1] > 1:
            return None  # the scores of several outputs are other means
        if self._name == "r2":
            self._variance = _variance(part)
            return part if self._variance > 0 else None
        return part

    def take_means(self, epoch, loss, metric):
        """Take mean loss and metric of the rows; return whether to stop."""
        if self._name == "accuracy":
            return self._take(epoch, float(metric))
        if self._name == "neg_log_loss":
            return self._take(epoch, -float(loss))
        return self._take(epoch, float(1 - loss / self._variance))

    def take_estimator(self, epoch, show):
        """Score what ``show`` returns, the network as if its fit had ended.

        Return whether to stop.
        """
        fitted = _with_network(self._candidate, show())
        scores = _score(self._scorer, fitted, self._test)
        return self._take(epoch, scores[main_name(scores, self._objective)])


def _with_network(candidate, network):
    """Return a pipeline as it is with another network as its last step."""
    if not isinstance(candidate, Pipeline):
        return network
    name, last = candidate.steps[-1]
    fitted = copy(candidate)
    fitted.steps = [*candidate.steps[:-1], (name, _with_network(last, network))]
    return fitted


def _transform_before_network(candidate, X):
    while isinstance(candidate, Pipeline):
        for _, step in candidate.steps[:-1]:
            if step not in (None, "passthrough"):
                X = step.transform(X)
        candidate = candidate.steps[-1][1]
    return X


def _variance(part):
    weight = np.ones(len(part.y)) if part.weight is None else part.weight
    mean = np.average(part.y, axis=0, weights=weight)
    return float(np.average((part.y - mean) ** 2, axis=0, weights=weight).mean())


def _targets(y):
    return () if y is None else (y,)


def _add(lists, scores):
    for name, value in scores.items():
        lists.setdefault(name, []).append(value)


def _score(scorer, estimator, rows):
    return take_scores(scorer, estimator, rows.X, rows.y, rows.score_params)
