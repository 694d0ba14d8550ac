"""Bias, variance, and what to try next."""

from __future__ import annotations

from contextlib import suppress
from html import escape
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import check_scoring
from sklearn.utils import indexable

from skdl._utils._candidates import take_scores
from skdl._utils._nested import (
    find_fitted_network,
    find_network,
    pass_on,
    say_what_holds,
)
from skdl._utils._numbers import draw_seed
from skdl._utils._scorers import plain_score_name
from skdl.estimators._base import BaseNetwork
from skdl.estimators._tabular import Tabular
from skdl.inspection._learning_curves import LearningCurvesDisplay
from skdl.inspection._next_steps import find_next_steps
from skdl.inspection._runs import train_run
from skdl.inspection._splits import draw_seeds, make_splits
from skdl.inspection._trained_run import TrainedRun

__all__ = ["Diagnosis", "diagnose"]

# The smallest bias or variance that counts: as a difference of scores, and as a share
# of the distance to the target.
TOLERANCE = 0.02
GAP_SHARE = 0.2
# A network is still learning if its validation score rises by more than this from the
# third quarter of the epochs to the last: as a difference of scores, and as a share of
# the remaining distance to the target.
RISING = 0.005
PROGRESS = 0.1
# How far above that of the first epoch the training loss ends where it diverges.
RISE = 1.1
# Mean plus deviation of a feature or a target above which networks learn badly from it,
# and one over the length of a row below which they do.
ODD_SCALE = 10.0


def diagnose(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    target_score: float | None = None,
    validation: Any = 0.2,
    scoring: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    random_state: Any = None,
) -> Diagnosis:
    """Train a network once, and say whether it has high bias or high variance.

    The distance from the validation score to the target is split in two: avoidable
    bias, from the training score to the target, and variance, from the validation score
    to the training score. Each counts if it is at least a fifth of the whole distance
    and, of accuracies, above 0.02 and two standard errors of the validation score; of
    other scores, above 2 % of the distance to a constant prediction.

    Parameters
    ----------
    estimator : estimator
        A network of skdl, or a pipeline that ends in one.
    X : array-like of shape (n_samples, ...)
        The data.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The labels, or the numbers to predict.
    target_score : float, default=None
        The best score that can be expected, at most 1, such as that of humans or of the
        best known method: the accuracy for a classifier, R² for a regressor, or the
        score of ``scoring``. None is 1, or 0 for a score that is a negated error.
    validation : float, list or tuple of (X_val, y_val), default=0.2
        The validation set: a share of the rows, a list of one pair of training and
        validation rows, or separate data.
    scoring : str, callable or None, default=None
        One score, as in ``cross_validate``. With rare classes ``"balanced_accuracy"``
        or ``"average_precision"`` is more informative than the accuracy. None uses the
        estimator's own score.
    groups : array-like of shape (n_samples,), default=None
        Groups of the rows; no group is split between training and validation.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows, for the fit and the scores.
    random_state : int, RandomState or None, default=None
        Seeds the split and the network.

    Returns
    -------
    Diagnosis
        The verdict, what led to it, and what to try next.

    Raises
    ------
    TypeError, ValueError
        If the estimator is not a network, a parameter is invalid, or the fit fails for
        a reason other than divergence.

    References
    ----------
    Ng, "Machine Learning Yearning" (2018), chapters 20 to 27, for bias and variance
    against a target and for what to try; Goodfellow, Bengio & Courville, "Deep
    Learning" (2016), chapter 11.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdl import MLPClassifier
    >>> from skdl.inspection import diagnose
    >>> X, y = load_digits(return_X_y=True)
    >>> network = MLPClassifier(1, epochs=60, learning_rate=0.01)
    >>> diagnosis = diagnose(network, X / 16, y, random_state=0)
    >>> diagnosis.verdict
    'high bias'
    >>> next(iter(diagnosis.next_steps.values()))
    {'hidden_layer_sizes': (2,)}
    """
    network = find_network(estimator)
    if network is None:
        raise TypeError(
            f"diagnose looks at the epochs of a network, but "
            f"{say_what_holds(estimator)}."
        )
    _check_target(target_score)
    X, y = indexable(X, y)
    splits = make_splits(estimator, X, y, validation, groups, sample_weight)
    if splits.n_folds > 1:
        raise ValueError(
            f"validation={validation!r} has {splits.n_folds} splits, and diagnose "
            "trains once: give a share of the rows (with groups= to keep groups "
            "together), a list of one split, or (X_val, y_val)."
        )
    if isinstance(scoring, (list, tuple, set, dict)):
        raise ValueError(
            f"scoring={scoring!r} must be one score: a name, a function or None. For "
            "several use compare."
        )
    scorer = check_scoring(estimator, scoring=scoring)
    # As the first repeat of compare: the same random_state gives the same split and
    # fit.
    split_seed, seed = draw_seeds(draw_seed(random_state), 0)
    split = splits.cut(0, split_seed)
    run = TrainedRun("diagnosis", "", 0, 0)
    fitted = train_run(run, estimator, {}, split, seed, scorer)
    if run.error and not run.diverged:
        raise ValueError(run.error)
    constant = _score_of_a_constant(estimator, split, scorer)
    target_score = _best_possible(scorer) if target_score is None else target_score
    plain = plain_score_name(scorer, None, estimator)
    is_accuracy = plain == "accuracy"
    scores = None
    if plain not in ("accuracy", "r2"):  # of each epoch, if the history has it
        scores = run.history.get(f"val_{scoring}", [])
    scales = () if run.error else _odd_scales(fitted, split)
    n_val = _count_independent(split)
    return Diagnosis(
        run, target_score, constant, estimator, is_accuracy, scales, n_val, scores
    )


class Diagnosis:
    """The result of ``diagnose``.

    Parameters
    ----------
    run : TrainedRun
        The run.
    target_score : float
        The best score that can be expected.
    constant : float
        The best score of a constant prediction.
    estimator : estimator
        The estimator that was trained.
    is_accuracy : bool
        Whether the score is the accuracy.
    scales : collection of {"features", "targets"}
        Which of them are far from mean 0 and deviation 1 when they reach the network.
    n_val : float or None, default=None
        How many rows of equal weight tell as much as those of the validation; None is
        their number.
    epoch_scores : list of float or None, default=None
        The score of the validation part after each epoch, if it is known; None takes
        the accuracy or R² of the run.

    Attributes
    ----------
    verdict : str
        ``"high bias"``, ``"high variance"``, ``"high bias and high variance"``,
        ``"fine"``, ``"still learning"`` or ``"diverging"``.
    numbers : dict of str to float
        The numbers behind the verdict: ``target_score``, ``constant_score`` (the best
        score of a constant prediction), ``train_score``, ``val_score``, ``bias``,
        ``variance``, ``threshold`` (above which bias and variance count), ``progress``
        (how far the validation score rose from the third quarter of the epochs to the
        last) and ``final_loss`` (the training loss of the last quarter of the epochs,
        divided by that of the first epoch).
    next_steps : dict of dict
        What to try, the most promising first: named changes of parameters, which
        ``compare`` accepts as ``variants``.
    advice : list of str
        What to try other than changes of parameters.
    history : dict of list of float
        Loss and metrics of each epoch; empty if the loss became NaN or infinite.
    """

    def __init__(
        self,
        run: Any,
        target_score: float | None,
        constant: Any,
        estimator: Any,
        is_accuracy: Any = True,
        scales: Any = (),
        n_val: float | None = None,
        epoch_scores: Any = None,
    ) -> None:
        self.history = run.history
        self._penalized = run.penalized
        n_val = run.n_val if n_val is None else n_val
        # Other scores may have any unit: measured by the distance to a constant
        # prediction.
        unit = 1.0 if is_accuracy else abs(target_score - constant)
        # The standard error of an accuracy p over n rows is sqrt(p (1 - p) / n).
        n_of_error = n_val if is_accuracy else np.inf
        if epoch_scores is None:
            epoch_scores = run.validation_metric()
        self.numbers = _measure(
            run, target_score, constant, unit, n_of_error, epoch_scores
        )
        self.verdict = _judge(self.numbers, unit)
        least = constant + TOLERANCE * abs(target_score - constant)
        learned = self.numbers["train_score"] > least
        self.next_steps, self.advice = find_next_steps(
            estimator, self.verdict, learned, scales, run.resolved, run.n_epochs
        )

    def plot(self, ax: Any = None) -> LearningCurvesDisplay:
        """Draw the learning curves.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, default=None
            One for the loss and one for each metric; None makes a figure.

        Returns
        -------
        LearningCurvesDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there are no curves because the loss became NaN or infinite.
        """
        if not self.history:
            raise ValueError("The loss became NaN or infinite: there are no curves.")
        return LearningCurvesDisplay(self.history, self._penalized).plot(ax=ax)

    def __str__(self):
        numbers = ", ".join(f"{k} {v:.4g}" for k, v in self.numbers.items())
        steps = [f"- {name}: {change}" for name, change in self.next_steps.items()]
        steps += [f"- {text}" for text in self.advice]
        lines = [f"{self.verdict}: {numbers}"]
        return "\n".join([*lines, "Try next:", *steps] if steps else lines)

    def _repr_html_(self):
        """Return the verdict, its numbers and what to try, as HTML."""
        numbers = pd.Series(self.numbers).to_frame().T
        table = numbers.to_html(index=False, float_format="{:.4g}".format)
        steps = [
            f"{name}: <code>{escape(str(change))}</code>"
            for name, change in self.next_steps.items()
        ]
        items = "".join(f"<li>{step}</li>" for step in [*steps, *self.advice])
        tries = f"<p>Try next:</p><ul>{items}</ul>" if items else ""
        return f"<p><b>{self.verdict}</b></p>{table}{tries}"

    def __repr__(self):
        return f"Diagnosis(verdict={self.verdict!r})"


def _check_target(target_score):
    wrong = not isinstance(target_score, Real) or not target_score <= 1
    if target_score is not None and wrong:
        raise ValueError(
            f"target_score={target_score!r} must be a number up to 1: the best "
            "accuracy, R² or other score that can be expected."
        )


def _best_possible(scorer):
    """Return the best value that a score can have: 0 for a negated error, else 1."""
    return 0.0 if getattr(scorer, "_sign", 1) < 0 else 1.0


def _score_of_a_constant(estimator, split, scorer):
    """Return the best score of a constant prediction.

    A classifier may predict the majority class with the shares of all classes, or one
    of the commonest classes; a regressor the mean or the median.
    """
    found = []
    for guess in _constants(estimator, split.y, split.y_val):
        with suppress(Exception):  # not each constant suits each target and scorer
            guess.fit(split.X, split.y, **(split.score_params or {}))
            scores = take_scores(
                scorer, guess, split.X_val, split.y_val, split.score_params_val
            )
            found.append(scores["score"])
    return max(found, default=-np.inf)


def _constants(estimator, y, y_val):
    if not is_classifier(estimator):
        return [DummyRegressor(strategy=name) for name in ("mean", "median")]
    # The commonest labels, or rows of labels, of both parts.
    labels = []
    for part in (np.asarray(y), np.asarray(y_val)):
        for row in pd.DataFrame(part).value_counts().index[:20]:
            label = [*row] if part.ndim > 1 else row[0]
            labels += [label] if label not in labels else []
    each = [DummyClassifier(strategy="constant", constant=label) for label in labels]
    return [DummyClassifier(strategy="prior"), *each]


def _odd_scales(fitted, split):
    """Return which of features and targets reach the network unscaled."""
    X, y = pass_on(fitted, split.X, split.y)
    network = find_fitted_network(fitted)
    own = isinstance(network, BaseNetwork)  # it scales its targets
    looked_at = {}
    if not isinstance(network, Tabular):  # it scales its columns, too
        looked_at["features"] = X
    if is_regressor(fitted) and not own:
        looked_at["targets"] = y
    return [name for name, values in looked_at.items() if _is_odd(values)]


def _is_odd(values):
    if sparse.issparse(values):
        if not values.nnz:
            return False
        length = np.sqrt(values.multiply(values).sum(axis=1).mean())
        values = values.data.reshape(-1, 1)  # zeros are on any scale
    else:
        try:
            values = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            return False  # text, say
        values = values.reshape(len(values), -1)
        length = np.sqrt(np.square(values).sum(axis=1).mean())
    largest = np.max(np.abs(values.mean(axis=0)) + values.std(axis=0))
    return bool(largest > ODD_SCALE or length < 1 / ODD_SCALE)


def _count_independent(split):
    """Return how many rows of equal weight have means that vary as much."""
    weight = split.weight_val
    if weight is None:
        return np.shape(split.y_val)[0]
    # Kish, "Survey sampling" (1965)
    return np.sum(weight) ** 2 / np.sum(np.square(weight))


def _measure(run, target_score, constant, unit, n_of_error, epoch_scores):
    """Return the numbers that the verdict depends on."""
    known = {"target_score": target_score, "constant_score": float(constant)}
    if run.diverged:
        names = ("train_score", "val_score", "bias", "variance", "threshold")
        unknown = dict.fromkeys((*names, "progress"), np.nan)
        return {**known, **unknown, "final_loss": np.inf}
    train, val = run.train_scores["score"], run.val_scores["score"]
    error = np.sqrt(max(val * (1 - val), 0) / n_of_error)
    loss = run.history["loss"]
    return {
        **known,
        "train_score": train,
        "val_score": val,
        "bias": target_score - train,
        "variance": train - val,
        "threshold": max(TOLERANCE * unit, 2 * error, GAP_SHARE * (target_score - val)),
        "progress": _measure_progress(run, epoch_scores, target_score - val),
        # A user's own loss may be below 0, where a ratio tells of no rise.
        "final_loss": _last_quarter(loss) / loss[0] if loss[0] > 0 else np.nan,
    }


def _measure_progress(run, scores, distance):
    """Return how far the score rose from the third quarter of the epochs to the last.

    If it is not known, it is the share by which the loss fell, times the distance.
    """
    if len(scores):
        return _last_quarter(scores) - _quarter_before(scores)
    before = _quarter_before(run.history["val_loss"])
    fallen = before - _last_quarter(run.history["val_loss"])
    return fallen / before * distance if before > 0 else 0.0


def _last_quarter(epochs):
    return float(np.mean(epochs[-_quarter(epochs) :]))


def _quarter_before(epochs):
    """Return the mean of the third quarter; of one epoch, that epoch."""
    quarter = _quarter(epochs)
    return float(np.mean(epochs[-2 * quarter : -quarter] or epochs))


def _quarter(epochs):
    return max(1, len(epochs) // 4)


def _judge(numbers, unit):
    """Return the verdict; ``unit`` is a difference of scores that is large."""
    # First: of a run that became NaN or infinite, all other numbers are NaN.
    if numbers["final_loss"] > RISE:
        return "diverging"
    high_bias = numbers["bias"] > numbers["threshold"]
    high_variance = numbers["variance"] > numbers["threshold"]
    if not (high_bias or high_variance):
        return "fine"
    distance = numbers["target_score"] - numbers["val_score"]
    if numbers["progress"] > max(RISING * unit, PROGRESS * distance):
        return "still learning"
    if high_bias and high_variance:
        return "high bias and high variance"
    return "high bias" if high_bias else "high variance"
