"""Searches without TensorFlow, for processes that are killed."""

import time

import numpy as np
from scipy.stats import uniform
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import validate_data

from skdl.model_selection import OptunaSearchCV, _queue


class Sleeper(ClassifierMixin, BaseEstimator):
    """Sleeps, and is right as often as its parameter says; another one is spare."""

    # A semaphore, where somebody decides how many fits there are.
    leave = None

    def __init__(self, share=0.5, spare=0.5, seconds=0.03):
        self.share = share
        self.spare = spare
        self.seconds = seconds

    def fit(self, X, y):
        """Sleep."""
        X, y = validate_data(self, X, y)
        self.classes_ = np.unique(y)
        if self.leave is not None:
            self.leave.acquire()
        time.sleep(self.seconds)
        return self

    def predict(self, X):
        """Return the first class."""
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        """Return the parameter."""
        return self.share


def make_search(url, n_trials, **params):
    return OptunaSearchCV(
        Sleeper(),
        {"share": uniform(0, 1), "spare": uniform(0, 1)},
        n_trials=n_trials,
        cv=2,
        storage=url,
        random_state=0,
        **params,
    )


def make_data():
    return np.arange(20.0).reshape(10, 2), np.arange(10) % 2


def run_search(url, n_trials, leave=None, **params):
    """Search; each fit takes one leave, if there are any to be had."""
    _queue.GRACE = 1.0  # seconds, instead of a minute and a half
    Sleeper.leave = leave
    return make_search(url, n_trials, **params).fit(*make_data())
