"""The scores of a fold after its epochs, while its network is fitted."""

import math
import time

import numpy as np

from skdl._utils._nested import (
    find_network,
    only_transforms,
    strip_pipelines,
    with_network,
)
from skdl._utils._observer import Observer
from skdl._utils._scorers import (
    is_multimetric,
    is_plain_scorer,
    plain_score_name,
    take_scorer,
)
from skdl._utils._sklearn import count_rows, is_routing_enabled
from skdl.model_selection._outcome import main_name
from skdl.model_selection._setting import score_rows

__all__ = ["EpochScores"]

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


class EpochScores(Observer):
    """Scores the test rows of a fold after each epoch of the network that is fitted.

    By then, the transformers before the network are fitted on the training rows.

    Parameters
    ----------
    candidate : estimator
        The estimator that is fitted; it may end in a network of skdl.
    test : FoldRows
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
        has_plain_loss = getattr(self.network, "_has_plain_loss", True)
        if self._name == "neg_log_loss" and not has_plain_loss:
            self._name = None  # the loss in the loop is another one
        self._variance = None

    def find_rows(self, encode):
        """Return the rows to score in the compiled loop, or None to get predictions."""
        if not is_plain_scorer(self._scorer):
            return None  # it may need the pipeline, and the untransformed rows
        score_params = self._test.score_params
        if set(score_params) - {"sample_weight"}:
            return None  # a routed argument of a step before the network, perhaps
        if score_params and is_multimetric(self._scorer) and is_routing_enabled():
            return None  # they may be those of another score
        transforms_only = only_transforms(self._candidate)
        # The rows go through the fitted transformers once, not after each epoch.
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
            # r2_score has a rule of its own for targets that are all equal.
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
            # A forward pass alone: a third of what the constant counts.
            score += observed_multiply_adds * SECONDS_PER_MULTIPLY_ADD / 3
            every = _power_above(score / (self._share * epoch))
            self.every = min(every, _power_below(n_epochs / SCORES_IN_LOOP))
            return
        score = SECONDS_PER_SCORE + SECONDS_PER_ROW * count_rows(self._test.X)
        self._every = _power_above(score / (self._share * epoch))
        # Both are powers of two: each epoch that is scored is the last of a stride.
        self.stride = min(self._every, _power_below(SECONDS_TOGETHER / epoch))

    def take_means(self, epoch, loss, metric):
        """Record the score from the mean loss or metric; return whether to stop."""
        if self._name == "accuracy":
            return self._take(epoch, float(metric))
        if self._name == "neg_log_loss":
            return self._take(epoch, -float(loss))
        # R² = 1 - mean squared error / variance of the targets
        return self._take(epoch, float(1 - metric / self._variance))

    def asks_to_stop(self):
        """Return whether the search was stopped."""
        return self._take(0, None)

    def take_estimator(self, epoch, show):
        """Score the network that ``show`` returns, as if its fit had ended.

        Return whether to stop.
        """
        if (epoch + 1) % self._every:
            return self._take(epoch, None)
        start = time.perf_counter()
        fitted = with_network(self._candidate, show())
        try:
            scores = score_rows(self._scorer, fitted, self._test)
            score = scores[main_name(scores, self._objective)]
        # An early epoch need have no score; a fit that has ended must.
        except Exception:
            score = None
        self.seconds += time.perf_counter() - start
        return self._take(epoch, score)


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
