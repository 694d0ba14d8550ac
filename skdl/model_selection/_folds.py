"""One trial: its folds are fitted and scored, one after the other."""

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from traceback import format_exception_only

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skdl._base import BaseMLP
from skdl._sklearn import SearchTasks, check_params, cut_rows, plain_score_name
from skdl.model_selection._outcome import Outcome, main_name

__all__ = ["Folds", "Interrupted", "Setting", "find_network", "make_candidate"]


def find_network(estimator):
    """Return the network of skdl that an estimator is or ends in, or None."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator if isinstance(estimator, BaseMLP) else None


def make_candidate(estimator, params):
    """Return a clone of the estimator with the parameters of a trial."""
    return clone(estimator).set_params(**clone(params, safe=False))


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
            try:
                self._run_fold(fold, train, test, params)
            except Interrupted:
                raise
            except Exception as error:
                outcome.exception = error
                outcome.error = "".join(format_exception_only(error)).strip()
            if outcome.error or outcome.pruned:
                break
        return outcome

    def _run_fold(self, fold, train, test, params):
        setting, outcome = self._setting, self._outcome
        candidate = make_candidate(setting.estimator, params)
        X, y = cut_rows(candidate, setting.X, setting.y, train)
        test_data = cut_rows(candidate, setting.X, setting.y, test, train)
        fit_params = check_params(setting.X, setting.fit_params, train)
        score_params = check_params(setting.X, setting.score_params, test)
        scores = _EpochScores(candidate, test_data, setting, score_params, self._take)
        start = time.perf_counter()
        with (
            self._tasks.fit(candidate, {"X": X, "y": y, "metadata": fit_params}),
            self._watched(scores, fold),
        ):
            candidate.fit(X, *_targets(y), **fit_params)
        fitted = time.perf_counter()
        if self._stopped.is_set():
            raise Interrupted
        outcome.fit_time.append(fitted - start)
        if scores.network is not None:
            outcome.epochs.append(scores.network.n_iter_)
        if outcome.pruned:
            return
        _add(outcome.scores, _score(setting, candidate, test_data, score_params))
        outcome.score_time.append(time.perf_counter() - fitted)
        if setting.train_scores:
            score_params = check_params(setting.X, setting.score_params, train)
            train_scores = _score(setting, candidate, (X, y), score_params)
            _add(outcome.train_scores, train_scores)
        if (
            scores.network is not None
            and len(outcome.curves[fold]) < outcome.max_epochs
        ):
            self._report_step(fold, outcome.max_epochs - 1)

    @contextmanager
    def _watched(self, scores, fold):
        """Let the network, if there is one, show its epochs while the block runs."""
        network = scores.network
        if network is None:
            yield
            return
        self._outcome.max_epochs = network.epochs
        self._outcome.curves.append([])
        self._fold = fold
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
        self._report_step(self._fold, epoch)
        return self._outcome.pruned

    def _report_step(self, fold, epoch):
        report = self._outcome.report(fold, epoch, self._setting.objective)
        self._outcome.pruned = self._report(*report)


class _EpochScores:
    """Scores the test rows of a fold after each epoch of the network that is fitted.

    The transformers before the network are fitted on the training rows by then.

    Parameters
    ----------
    candidate : estimator
        What is fitted; it may end in a network of skdl.
    test_data : tuple of array-like
        X and y of the fold.
    setting : Setting
        Scorer and objective.
    score_params : dict
        What goes to the scorer.
    take : callable
        Takes the epoch and its score; returns whether to stop.
    """

    def __init__(self, candidate, test_data, setting, score_params, take):
        self.network = find_network(candidate)
        self._candidate = candidate
        self._X, self._y = test_data
        self._setting = setting
        self._score_params = score_params
        self._take = take
        self._name = plain_score_name(setting.scorer, setting.objective, candidate)

    def find_rows(self, encode):
        """Return the rows to score in the compiled loop, or None to get predictions."""
        self._X = _transform_before_network(self._candidate, self._X)
        if self._name is None or set(self._score_params) - {"sample_weight"}:
            return None
        try:
            part = encode(self._X, self._y, self._score_params.get("sample_weight"))
        except ValueError:
            return None  # a label that the training rows do not have
        if part.y.ndim == 2 and part.y.shape[1] > 1:
            return None  # the scores of several outputs are other means
        self._variance = _variance(part) if self._name == "r2" else None
        return part

    def take_means(self, epoch, loss, metric):
        """Take mean loss and metric of the rows; return whether to stop."""
        if self._name == "accuracy":
            return self._take(epoch, float(metric))
        if self._name == "neg_log_loss":
            return self._take(epoch, -float(loss))
        return self._take(epoch, float(1 - loss / self._variance))

    def take_estimator(self, epoch, network):
        """Take the network as if its fit had ended; return whether to stop."""
        data = (self._X, self._y)
        scores = _score(self._setting, network, data, self._score_params)
        return self._take(epoch, scores[main_name(scores, self._setting.objective)])


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


def _score(setting, estimator, data, params):
    """Return the scores by name, all finite.

    Raises
    ------
    ValueError
        If the scorer failed, or gave something else.
    """
    X, y = data
    found = setting.scorer(estimator, X, *_targets(y), **params)
    scores = found if isinstance(found, dict) else {"score": found}
    for name, value in scores.items():
        if isinstance(value, str):  # scikit-learn puts the traceback in its place
            raise ValueError(f"The scorer {name!r} failed: {value.splitlines()[-1]}")
        if np.ndim(value) != 0 or not np.isfinite(value):
            raise ValueError(
                f"The scorer {name!r} returned {value!r}: no finite number."
            )
    return {name: float(value) for name, value in scores.items()}
