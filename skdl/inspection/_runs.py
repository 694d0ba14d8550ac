"""One run: a variant is trained and scored on one split with one seed."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from traceback import format_exception_only

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.metrics import log_loss, mean_squared_error

from skdl._base import BaseNetwork
from skdl._candidates import count_weights, find_network, make_candidate, take_scores
from skdl._diverged import Diverged
from skdl._sklearn import cut_rows

__all__ = ["Run", "train_run"]


@dataclass
class Run:
    """What one training of one variant has given.

    Parameters
    ----------
    variant : str
        Its name.
    params : str
        The parameters that it changes, as text.
    repeat, fold : int
        Of which repeat and which split, from 0.
    train_scores, val_scores : dict of float
        Of the fitted estimator on both parts, by the names of the scores.
    train_loss, val_loss : float or None
        Mean cross-entropy, or mean squared error.
    n_train, n_val : int
        Numbers of rows.
    seconds : float
        Of the fit.
    n_epochs : int or None
        Epochs that were run, of a network.
    n_parameters : int or None
        Number of weights, of a network.
    history : dict of list of float
        Loss and metrics of each epoch, of a network.
    error : str
        Why the fit failed, if it did.
    diverged : bool
        Whether that was because its numbers became NaN or infinite.
    """

    variant: str
    params: str
    repeat: int
    fold: int
    train_scores: dict = field(default_factory=dict)
    val_scores: dict = field(default_factory=dict)
    train_loss: float | None = None
    val_loss: float | None = None
    n_train: int = 0
    n_val: int = 0
    seconds: float = 0.0
    n_epochs: int | None = None
    n_parameters: int | None = None
    history: dict = field(default_factory=dict)
    error: str = ""
    diverged: bool = False

    @property
    def key(self):
        """What tells this run from the others of a comparison."""
        return self.variant, self.params, self.repeat, self.fold

    def epochs_to(self, score):
        """Return after how many epochs the validation metric was ``score``, or None."""
        reached = np.flatnonzero(np.asarray(self.validation_metric()) >= score)
        return int(reached[0]) + 1 if len(reached) else None

    def validation_metric(self):
        """Return the first metric of the validation part after each epoch."""
        names = [name for name in self.history if name.startswith("val_")]
        names = [name for name in names if name != "val_loss"]
        return self.history[names[0]] if names else []

    def to_dict(self):
        """Return plain data."""
        return asdict(self)


def train_run(run, estimator, changes, split, seed, scorer: Callable, observer=None):
    """Train and score a variant.

    Parameters
    ----------
    run : Run
        Which one it is; what the training gives is put into it.
    estimator : estimator
        What is varied.
    changes : dict
        The parameters of the variant.
    split : Split
        The data.
    seed : int
        Of all random numbers of the estimator.
    scorer : callable
        Returns a number, or a dict of numbers.
    observer : object, default=None
        May stop the fit of a network after each epoch.

    Returns
    -------
    estimator
        The fitted variant; None if its fit failed.
    """
    candidate = _seeded(make_candidate(estimator, changes), changes, seed)
    network = find_network(candidate)
    if network is not None:
        network._observer = observer
    try:
        run.seconds = _fit(candidate, split)
    except Exception as error:
        run.diverged = isinstance(error, Diverged)
        run.error = "".join(format_exception_only(error)).strip()
        return None
    finally:
        if network is not None:
            network._observer = None
    if network is not None:
        run.n_epochs = int(network.n_iter_)
        run.n_parameters = count_weights(network)
        run.history = {k: [float(v) for v in vs] for k, vs in network.history_.items()}
    if observer is None or not observer.stopped:
        _score(run, candidate, split, scorer)
    return candidate


def _seeded(candidate, changes, seed):
    """Give all random states of a candidate a seed, but those that it changes."""
    for name in candidate.get_params(deep=True):
        if name.split("__")[-1] == "random_state" and name not in changes:
            candidate.set_params(**{name: seed})
    return candidate


def _fit(estimator, split):
    """Fit, and return the seconds that it took.

    A network at the end sees the validation part, through the steps before it.
    """
    network = find_network(estimator)
    if network is None:
        return _time(estimator.fit, split.X, split.y)
    if estimator is network:
        _compile(network, split)
        seen = _validation(network, split.X_val, split.y_val)
        return _time(network.fit, split.X, split.y, **seen)
    seconds = 0.0
    if len(estimator.steps) > 1:
        before = estimator[:-1]
        start = time.perf_counter()
        X = before.fit_transform(split.X, split.y)
        split = split._replace(X=X, X_val=before.transform(split.X_val))
        seconds = time.perf_counter() - start
        estimator.steps[:-1] = before.steps  # with a memory, they are others
    return seconds + _fit(estimator.steps[-1][1], split)


def _validation(network, X_val, y_val):
    """Return the arguments of ``fit`` that have a network see data in each epoch."""
    if isinstance(network, BaseNetwork):
        return {"X_val": X_val, "y_val": y_val}
    return {"validation_data": (X_val, y_val)}  # a wrapper takes Keras' argument


def _time(function, *data, **more):
    start = time.perf_counter()
    function(*data, **more)
    return time.perf_counter() - start


def _compile(network, split):
    """Train a copy of the network for two steps.

    Whoever is the first to train a structure compiles it, and imports TensorFlow: that
    is no part of the time of a variant.
    """
    copy = clone(network).set_params(epochs=1, callbacks=None, verbose=0)
    n_rows = len(split.y)
    if copy.batch_size not in (None, -1):
        n_rows = min(n_rows, 2 * copy.batch_size)
    labels = np.asarray(split.y)
    rows = np.arange(n_rows)
    if labels.ndim == 1:  # of each label one, so that the network is the same
        rows = np.union1d(rows, np.unique(labels, return_index=True)[1])
    with suppress(Exception):  # the fit itself will tell of what fails
        X, y = cut_rows(network, split.X, split.y, rows)
        X_val, y_val = cut_rows(network, split.X_val, split.y_val, np.arange(1))
        copy.fit(X, y, **_validation(copy, X_val, y_val))


def _score(run, fitted, split, scorer):
    run.train_scores = take_scores(scorer, fitted, split.X, split.y)
    run.val_scores = take_scores(scorer, fitted, split.X_val, split.y_val)
    run.train_loss = _mean_loss(fitted, split.X, split.y)
    run.val_loss = _mean_loss(fitted, split.X_val, split.y_val)
    run.n_train, run.n_val = len(split.y), len(split.y_val)


def _mean_loss(estimator, X, y):
    """Return the mean loss without penalties, or None where there is no such thing."""
    if is_regressor(estimator):
        return float(mean_squared_error(y, estimator.predict(X)))
    if not is_classifier(estimator) or not hasattr(estimator, "predict_proba"):
        return None
    proba = estimator.predict_proba(X)
    if np.ndim(y) == 1:
        return float(log_loss(y, proba, labels=estimator.classes_))
    if np.shape(proba) != np.shape(y):
        return None  # several outputs with classes of their own
    # Labels that do not exclude each other: (n_samples, n_labels) -> a mean of all
    right = np.where(np.asarray(y) > 0, proba, 1 - np.asarray(proba))
    return float(-np.log(np.maximum(right, np.finfo(float).tiny)).mean())
