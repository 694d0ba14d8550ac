"""Train and score one variant on one split with one seed: a run."""

import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from traceback import format_exception_only

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.metrics import log_loss, mean_squared_error

from skdl._utils._candidates import count_weights, make_candidate, take_scores
from skdl._utils._diverged import Diverged
from skdl._utils._nested import (
    find_fitted_network,
    find_network,
    last_prefix,
    let_interrupts_through,
    pass_on,
)
from skdl._utils._observer import Observer
from skdl._utils._sklearn import check_params, cut_rows
from skdl.estimators._base import BaseNetwork
from skdl.estimators._defaults import resolve
from skdl.inspection._splits import Split

__all__ = ["train_run"]
DEFAULT_BATCH = 32  # Keras'


def train_run(run, estimator, changes, split, seed, scorer: Callable, stopper=None):
    """Train and score a variant.

    Parameters
    ----------
    run : TrainedRun
        The run; the results are stored in it.
    estimator : estimator
        The estimator that is varied.
    changes : dict
        The parameters of the variant.
    split : Split
        The data.
    seed : int
        Seed of all random numbers of the estimator.
    scorer : callable
        Returns a number, or a dict of numbers.
    stopper : threading.Event, default=None
        Set when the fit of a network must stop at the end of its epoch.

    Returns
    -------
    estimator
        The variant: fitted, unless ``run.error`` says why that failed.
    """
    candidate = _seeded(make_candidate(estimator, changes), changes, seed)
    let_interrupts_through(candidate, estimator)
    fit_params = split.params or {}
    observer = _RunObserver(candidate, split, stopper)
    _compile(candidate, split)
    try:
        observer.watch()
        start = time.perf_counter()
        candidate.fit(split.X, split.y, **fit_params)
        run.seconds = time.perf_counter() - start
        if observer.network is not None:
            _take_epochs(run, find_fitted_network(candidate))
        # A fit that was stopped is trained again later, so nobody needs its scores.
        if not observer.stopped:
            _score_run(run, candidate, split, scorer)
    except Exception as error:
        run.diverged = isinstance(error, Diverged)
        run.error = "".join(format_exception_only(error)).strip()
    finally:
        observer.release()
    return candidate


class _RunObserver(Observer):
    """Passes the validation set to the network, transformed by the steps before it.

    Parameters
    ----------
    candidate : estimator
        The estimator that is fitted.
    split : Split
        The data.
    stopper : threading.Event or None
        Set when the fit must stop; None if nothing may stop it.
    """

    def __init__(self, candidate, split, stopper):
        super().__init__(find_network(candidate))
        self._candidate = candidate
        self._split = split
        self._stopper = stopper
        # Who is told of each epoch ends the calls of several epochs, which are faster.
        self.wants_epochs = stopper is not None

    @property
    def stopped(self):
        """Whether the fit was stopped."""
        return self._stopper is not None and self._stopper.is_set()

    def find_validation(self):
        X, y = pass_on(self._candidate, self._split.X_val, self._split.y_val)
        weight = self._split.weight_val
        return (X, y) if weight is None else (X, y, weight)

    def asks_to_stop(self):
        return self.stopped

    def take_estimator(self, epoch, show):
        return self.stopped


def _take_epochs(run, network):
    # Plain numbers, since json refuses most of NumPy's.
    run.n_epochs = int(network.n_iter_)
    run.penalized = not isinstance(network, BaseNetwork)
    run.resolved = dict(getattr(network, "resolved_", {}))
    run.n_parameters = int(count_weights(network))
    run.history = {
        name: [float(value) for value in values]
        for name, values in network.history_.items()
        if np.ndim(values) == 1  # a metric may be one number for each class
    }


def _seeded(candidate, changes, seed):
    """Give all random states of a candidate a seed, but those that it changes."""
    for name, value in candidate.get_params(deep=True).items():
        if name.split("__")[-1] != "random_state" or name in changes:
            continue
        # A variant may exchange a step for one that brings a seed.
        brought = any(name.startswith(f"{step}__") for step in changes)
        if not (brought and value is not None):
            candidate.set_params(**{name: seed})
    return candidate


def _compile(candidate, split):
    """Train a copy of the candidate for two epochs of two steps.

    The first fit of a structure compiles it and imports TensorFlow: that must not count
    in the time of a variant.
    """
    network = find_network(candidate)
    if network is None:
        return
    with suppress(Exception):  # the fit itself will tell of what fails
        copy = clone(candidate)
        params, prefix = network.get_params(deep=False), last_prefix(candidate)
        params |= resolve(network, params, np.shape(split.y)[0])
        # A callback must not see a fit that the user has not asked for.
        off = {"callbacks": None, "fit__callbacks": None, "verbose": 0}
        # One epoch is a program of its own.
        for name in {"epochs", "fit__epochs"} & params.keys():
            off[name] = min(2, params[name] or 1)
        copy.set_params(**{prefix + name: off[name] for name in off if name in params})
        rows = _two_batches(
            params.get("fit__batch_size", params["batch_size"]), split.y
        )
        X, y = cut_rows(copy, split.X, split.y, rows)
        # One row is enough: the validation is compiled for any number of them.
        X_val, y_val = cut_rows(copy, split.X_val, split.y_val, np.arange(1))
        fit_params = check_params(split.X, split.params or {}, rows)
        small = Split(X, y, X_val, y_val)
        observer = _RunObserver(copy, small, None)
        observer.watch()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the fit itself will warn
            copy.fit(X, y, **fit_params)


def _two_batches(batch_size, y):
    """Return the rows of two batches, and one of each label, which sets the outputs."""
    n_rows = np.shape(y)[0]
    if batch_size != -1:
        n_rows = min(n_rows, 2 * (batch_size or DEFAULT_BATCH))
    rows = np.arange(n_rows)
    if np.ndim(y) > 1:
        return rows
    return np.union1d(rows, np.unique(np.asarray(y), return_index=True)[1])


def _score_run(run, fitted, split, scorer):
    train, val = split.score_params, split.score_params_val
    run.train_scores = take_scores(scorer, fitted, split.X, split.y, train)
    run.val_scores = take_scores(scorer, fitted, split.X_val, split.y_val, val)
    run.train_loss = _mean_loss(fitted, split.X, split.y, split.weight)
    run.val_loss = _mean_loss(fitted, split.X_val, split.y_val, split.weight_val)
    run.n_train, run.n_val = np.shape(split.y)[0], np.shape(split.y_val)[0]


def _mean_loss(estimator, X, y, weight=None):
    """Return the mean loss of a network, as its history defines it.

    For another estimator, return the mean cross-entropy or squared error, or None if
    neither is defined.
    """
    network = find_fitted_network(estimator)
    if network is not None:
        X, y = pass_on(estimator, X, y)
        if not isinstance(network, BaseNetwork):
            return network._mean_loss(X, y, weight)
        estimator = network
    if is_classifier(estimator):
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim == 1 and not np.isin(y, estimator.classes_).all():
            return None
    if isinstance(estimator, BaseNetwork):
        return estimator._mean_loss(X, y, weight)
    if is_regressor(estimator):
        return float(mean_squared_error(y, estimator.predict(X), sample_weight=weight))
    if not is_classifier(estimator) or not hasattr(estimator, "predict_proba"):
        return None
    proba = estimator.predict_proba(X)
    if isinstance(proba, list):
        proba = _of_labels(proba, estimator.classes_)
        if proba is None:
            return None
    if not np.issubdtype(proba.dtype, np.floating):
        proba = proba.astype(np.float64)
    if y.ndim == 1:
        labels = estimator.classes_
        return float(log_loss(y, proba, labels=labels, sample_weight=weight))
    if proba.shape != y.shape:
        return None
    if (y.sum(axis=1) == 1).all() and np.allclose(proba.sum(axis=1), 1):
        # one-hot: labels that exclude each other
        return float(log_loss(y, proba, sample_weight=weight))
    # (n_samples, n_labels) -> the mean over all, cut off where log_loss cuts off
    right = np.where(y > 0, proba, 1 - proba)
    losses = -np.log(np.maximum(right, np.finfo(proba.dtype).eps)).mean(axis=1)
    return float(np.average(losses, weights=weight))


def _of_labels(parts, classes):
    """Return the probability of each label, None if the outputs are no labels.

    scikit-learn's forests and neighbours return one array for each, with a column for
    each of its values.
    """
    if not all(np.isin(values, (0, 1)).all() for values in classes):
        return None
    pairs = zip(parts, classes, strict=True)
    # All 0 in the training rows: there is no column of 1.
    return np.column_stack([part @ (values == 1) for part, values in pairs])
