"""All names from outside scikit-learn's stable interface are imported here."""

from collections.abc import Callable
from contextlib import contextmanager
from itertools import count
from typing import Any

from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.metrics._scorer import (
    _BaseScorer,
    _MultimetricScorer,
    _PassthroughScorer,
)
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._search import (
    _yield_masked_array_for_each_param as mask_params,
)
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils._metadata_requests import SIMPLE_METHODS
from sklearn.utils._metadata_requests import _routing_enabled as is_routing_enabled
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    StrOptions,
)
from sklearn.utils.metaestimators import _safe_split as cut_rows
from sklearn.utils.validation import _check_feature_names, _get_feature_names
from sklearn.utils.validation import _check_feature_names_in as check_names_in
from sklearn.utils.validation import _check_method_params as check_params
from sklearn.utils.validation import _check_n_features as check_n_features
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as count_rows

from skdl._utils._callbacks import Watcher

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9 has no callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand-in for the mixin of scikit-learn 1.9."""

    def with_callbacks(method):
        """Return the method as it is."""
        return method


__all__ = [
    "BaseSearchCV",
    "CallbackSupportMixin",
    "EpochTasks",
    "FrozenEstimator",
    "HasMethods",
    "Interval",
    "NoTasks",
    "Options",
    "SearchTasks",
    "StrOptions",
    "asks_for_probabilities",
    "check_feature_names",
    "check_n_features",
    "check_names_in",
    "check_params",
    "check_sample_weight",
    "count_rows",
    "cut_rows",
    "find_positive_label",
    "is_multimetric",
    "is_plain_scorer",
    "is_routing_enabled",
    "make_requests",
    "mask_params",
    "plain_requests",
    "plain_score_name",
    "scorer_parts",
    "take_rows",
    "take_scorer",
    "with_callbacks",
]


def plain_requests(requests):
    """Return the metadata that an estimator requests, by method, as plain data."""
    return requests._serialize()


def make_requests(estimator, requests):
    """Return plain data as what an estimator requests.

    Raises
    ------
    ValueError
        If they are of no such kind.
    """
    if not {*requests} <= {*SIMPLE_METHODS}:
        raise ValueError(f"Nothing is requested for all methods of {[*requests]}.")
    found = estimator._get_metadata_request()
    for method in SIMPLE_METHODS:
        request = getattr(found, method)
        request.requests.clear()  # the defaults
        for name, alias in requests.get(method, {}).items():
            if not isinstance(name, str):
                raise ValueError(f"{name!r} is no name of metadata.")
            request.add_request(param=name, alias=alias)
    return found


class EpochTasks(Watcher):
    """Shows each epoch to scikit-learn's callbacks, as a task of the fit.

    Parameters
    ----------
    estimator : estimator
        The one that is fitted.
    epochs : int
        Number of epochs.
    data : dict
        X, y and metadata, as the hooks take them.
    fitted_attributes : callable
        Returns the attributes that a fit would set if it ended with some weights.
    """

    def __init__(self, estimator, epochs, data, fitted_attributes):
        self._estimator = estimator
        self._data = data
        self._fitted_attributes = fitted_attributes
        self._read: Callable[[], list] = list
        self._root = estimator._init_callback_context(max_subtasks=epochs)

    @staticmethod
    def wanted_by(estimator):
        """Return whether someone listens to the fit of ``estimator``."""
        return hasattr(estimator, "_skl_callbacks")

    def begin(self, read):
        self._read = read
        self._root.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def epoch_begin(self, epoch):
        self._task = self._root.subcontext(task_name="epoch")
        self._task.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def epoch_end(self, epoch, logs):
        return self._end(self._task)

    def end(self):
        self._end(self._root)

    def _end(self, task):
        return task.call_on_fit_task_end(
            estimator=self._estimator,
            # A function: the weights are read only if a hook takes the fitted
            # estimator.
            reconstruction_attributes=lambda: self._fitted_attributes(self._read()),
            **self._data,
        )


class SearchTasks:
    """Shows the fits of a search to scikit-learn's callbacks, as tasks of the search.

    Parameters
    ----------
    search : estimator
        The search.
    data : dict
        X, y and metadata, as the hooks take them.
    n_fits : int
        How many fits there are at most, without that of the best candidate.
    refit : bool
        Whether the best candidate is fitted on all rows at the end.
    """

    def __init__(self, search, data, n_fits, refit):
        self._search = search
        self._data = data
        self._n_fits = n_fits
        self._numbers = count()
        self._root: Any = None
        self._fits: Any = None
        if hasattr(search, "_init_callback_context"):  # scikit-learn 1.9 and later
            self._root = search._init_callback_context(max_subtasks=1 + refit)

    def begin(self):
        """Begin the search."""
        if self._root is None:
            return
        self._root.call_on_fit_task_begin(estimator=self._search, **self._data)
        # Fits run side by side, so each has a number; sequential tasks take none.
        self._fits = self._root.subcontext(
            task_name="search", max_subtasks=self._n_fits, sequential_subtasks=False
        )
        self._fits.call_on_fit_task_begin(estimator=self._search, **self._data)

    @contextmanager
    def fit(self, candidate, data):
        """Show the fit of one fold of a candidate, which the block does."""
        number = next(self._numbers)
        # A trial that was lost and is run again may exceed the planned number.
        if self._root is None or number >= self._n_fits:
            yield
            return
        task = self._fits.subcontext("candidate-split-evaluation", task_id=number)
        with self._around(task, candidate, data):
            yield

    @contextmanager
    def refit(self, candidate):
        """Show the fit of the best candidate, which the block does."""
        if self._root is None:
            yield
            return
        task = self._root.subcontext("refit-with-best-params")
        with self._around(task, candidate, self._data):
            yield

    @contextmanager
    def _around(self, task, candidate, data):
        try:
            with task.propagate_callback_context(candidate):
                task.call_on_fit_task_begin(estimator=self._search, **data)
                yield
        finally:
            task.call_on_fit_task_end(estimator=self._search, **data)

    def end_fits(self):
        """End the search proper."""
        if self._root is not None:
            self._fits.call_on_fit_task_end(estimator=self._search, **self._data)

    def end(self):
        """End the search with its refit."""
        if self._root is not None:
            self._root.call_on_fit_task_end(estimator=self._search, **self._data)


class NoTasks:
    """Stand-in for ``SearchTasks`` if nothing is to see the fits."""

    @contextmanager
    def fit(self, candidate, data):
        """Do nothing around the block."""
        yield


def find_positive_label(estimator):
    """Return the label that a classifier with a threshold predicts above it, or None.

    Parameters
    ----------
    estimator : FixedThresholdClassifier or TunedThresholdClassifierCV
        Fitted.
    """
    if hasattr(estimator, "pos_label"):
        return estimator.pos_label
    return estimator._curve_scorer._get_pos_label()


def take_scorer(scorer, objective):
    """Return the scorer of one of several scores, raising its errors.

    Parameters
    ----------
    scorer : callable
        As ``check_scoring`` returns it, or one of several.
    objective : str or None
        Which of several it is; None takes the first.
    """
    if not isinstance(scorer, _MultimetricScorer) or is_routing_enabled():
        return scorer  # routing sends metadata to all of them, or to none
    name = objective or next(iter(scorer._scorers))
    return _MultimetricScorer(scorers={name: scorer._scorers[name]})


class _Columns:
    """Stands for a frame, of which it has the names of the columns only."""

    def __init__(self, names):
        self._names = names

    def __dataframe__(self):
        return self

    def column_names(self):
        return self._names


def check_feature_names(estimator, X, *, reset):
    """Set or check ``feature_names_in_``, as scikit-learn does.

    Parameters
    ----------
    estimator : estimator
        It has or gets the names.
    X : DataFrame or ndarray
        The data.
    reset : bool
        Whether the names are set.
    """
    names = [*getattr(X, "columns", ())]
    if (
        names
        and all(isinstance(n, str) for n in names)
        and _get_feature_names(X) is None
    ):
        # scikit-learn before 1.9 does not know the frames of polars 2.
        X = _Columns(names)
    _check_feature_names(estimator, X, reset=reset)


def is_plain_scorer(scorer):
    """Return whether a scorer uses what its estimator predicts, and y, and no more."""
    if isinstance(scorer, _MultimetricScorer):
        return all(map(is_plain_scorer, scorer._scorers.values()))
    return isinstance(scorer, (_BaseScorer, _PassthroughScorer))


def scorer_parts(scorer):
    """Return what a scorer was made of, by ``make_scorer``; None for something else.

    A metric of scikit-learn's is its name, which says what it does.
    """
    if not isinstance(scorer, _BaseScorer):
        return None
    metric = scorer._score_func
    is_known = getattr(metric, "__module__", "").startswith("sklearn.")
    return {
        "metric": metric.__qualname__ if is_known else metric,
        "sign": scorer._sign,
        "settings": scorer._kwargs,
        "response": scorer._response_method,
    }


def asks_for_probabilities(scorer):
    """Return whether a scorer, or one of several, can use nothing but probabilities."""
    if isinstance(scorer, _MultimetricScorer):
        return any(map(asks_for_probabilities, scorer._scorers.values()))
    response = getattr(scorer, "_response_method", None)
    return response in ("predict_proba", ["predict_proba"], ("predict_proba",))


def is_multimetric(scorer):
    """Return whether a scorer is made of several."""
    return isinstance(scorer, _MultimetricScorer)


def plain_score_name(scorer, objective, estimator):
    """Return which mean over the rows a scorer computes, if it is a plain one.

    Parameters
    ----------
    scorer : callable
        As ``check_scoring`` returns it, or one of several.
    objective : str or None
        Which of several it is; None takes the first.
    estimator : estimator
        What is scored.

    Returns
    -------
    "accuracy", "r2", "neg_log_loss" or None
    """
    if isinstance(scorer, _MultimetricScorer):
        several = scorer._scorers
        scorer = several[objective or next(iter(several))]
    if isinstance(scorer, _PassthroughScorer):
        return "accuracy" if is_classifier(estimator) else "r2"
    # Settings such as normalize=False make it another number.
    if getattr(scorer, "_kwargs", None):
        return None
    known = {
        (accuracy_score, 1): "accuracy",
        (r2_score, 1): "r2",
        (log_loss, -1): "neg_log_loss",
    }
    return known.get(
        (getattr(scorer, "_score_func", None), getattr(scorer, "_sign", 0))
    )
