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

# How the names of the metrics end that are scores as classifiers and regressors have
# them: ours, and Keras'.
_METRICS = ("accuracy", "_acc", "_r2", "_r2_score")
DEFAULT_BATCH = 32  # Keras'


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
        """Return accuracy or R² of the validation part after each epoch, or nothing."""
        for name, values in self.history.items():
            if name.startswith("val_") and name.endswith(_METRICS):
                return values
        return []

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
        if network is not None:
            _take_epochs(run, network)
        if observer is None or not observer.stopped:
            _score(run, candidate, split, scorer)
    except Exception as error:
        run.diverged = isinstance(error, Diverged)
        run.error = "".join(format_exception_only(error)).strip()
        return None
    finally:
        if network is not None:
            network._observer = None
    return candidate


def _take_epochs(run, network):
    run.n_epochs = int(network.n_iter_)
    run.n_parameters = int(count_weights(network))
    run.history = {
        name: [float(value) for value in values]
        for name, values in network.history_.items()
    }


def _seeded(candidate, changes, seed):
    """Give all random states of a candidate a seed, but those that it changes."""
    for name, value in candidate.get_params(deep=True).items():
        if name.split("__")[-1] != "random_state" or name in changes:
            continue
        brought = any(name.startswith(f"{step}__") for step in changes)
        if not (brought and value is not None):
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
    with suppress(Exception):  # the fit itself will tell of what fails
        copy = clone(network)
        params = copy.get_params(deep=False)
        off = {"callbacks": None, "fit__callbacks": None, "verbose": 0, "epochs": 1}
        off["fit__epochs"] = 1
        copy.set_params(**{name: off[name] for name in off if name in params})
        rows = _two_batches(
            params.get("fit__batch_size", params["batch_size"]), split.y
        )
        X, y = cut_rows(network, split.X, split.y, rows)
        X_val, y_val = cut_rows(network, split.X_val, split.y_val, np.arange(1))
        copy.fit(X, y, **_validation(copy, X_val, y_val))


def _two_batches(batch_size, y):
    """Return the rows of two batches, and one of each label: so many outputs."""
    n_rows = np.shape(y)[0]
    if batch_size != -1:
        n_rows = min(n_rows, 2 * (batch_size or DEFAULT_BATCH))
    rows = np.arange(n_rows)
    if np.ndim(y) > 1:
        return rows
    return np.union1d(rows, np.unique(np.asarray(y), return_index=True)[1])


def _score(run, fitted, split, scorer):
    run.train_scores = take_scores(scorer, fitted, split.X, split.y)
    run.val_scores = take_scores(scorer, fitted, split.X_val, split.y_val)
    run.train_loss = _mean_loss(fitted, split.X, split.y)
    run.val_loss = _mean_loss(fitted, split.X_val, split.y_val)
    run.n_train, run.n_val = np.shape(split.y)[0], np.shape(split.y_val)[0]


def _mean_loss(estimator, X, y):
    """Return the mean loss without penalties, or None where there is no such thing."""
    if is_regressor(estimator):
        return float(mean_squared_error(y, estimator.predict(X)))
    if not is_classifier(estimator) or not hasattr(estimator, "predict_proba"):
        return None
    proba, y = estimator.predict_proba(X), np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if isinstance(proba, list):
        return None  # several outputs with classes of their own
    if y.ndim == 1:
        known = np.isin(y, estimator.classes_).all()
        return float(log_loss(y, proba, labels=estimator.classes_)) if known else None
    if proba.shape != y.shape:
        return None
    if (y.sum(axis=1) == 1).all() and np.allclose(proba.sum(axis=1), 1):
        return float(log_loss(y, proba))  # one-hot: labels that exclude each other
    # (n_samples, n_labels) -> the mean over all
    right = np.where(y > 0, proba, 1 - proba)
    return float(-np.log(np.maximum(right, np.finfo(float).tiny)).mean())
