"""Bias, variance, and what to try next."""

from numbers import Real

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import indexable

from skdl._candidates import find_network
from skdl._checks import draw_seed
from skdl.inspection._learning_curves import LearningCurvesDisplay
from skdl.inspection._next_steps import find_next_steps
from skdl.inspection._runs import Run, train_run
from skdl.inspection._splits import draw_seeds, make_splits

__all__ = ["Diagnosis", "diagnose"]

# The smallest part of the distance to the target that counts, as a difference of
# scores; and the smallest share of that distance.
TOLERANCE = 0.02
SHARE = 0.2
# How far the validation score still rises from the third quarter of the epochs to the
# last where a network is still learning: as a difference of scores, and as a share of
# what is left to the target.
RISING = 0.005
PROGRESS = 0.1
# How far above that of the first epoch the training loss ends where it diverges.
RISE = 1.1


def diagnose(
    estimator,
    X,
    y,
    *,
    target_score=None,
    validation=0.2,
    random_state=None,
):
    """Train a network once, and say whether it has high bias or high variance.

    The distance from the validation score to the target is split in two: avoidable
    bias, from the training score to the target, and variance, from the validation score
    to the training score. Each counts if it is above 0.02 and two standard errors of
    the validation score, and at least a fifth of the whole distance.

    Parameters
    ----------
    estimator : estimator
        A network of skdl, or a pipeline that ends in one.
    X : array-like of shape (n_samples, ...)
        The data.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The labels, or the numbers to predict.
    target_score : float, default=None
        The best score that can be expected, at most 1: accuracy of a classifier, R² of
        a regressor. That of people, or of the best method known. None is 1.
    validation : float or tuple of (X_val, y_val), default=0.2
        A share of the rows that the network is judged by, or data of its own.
    random_state : int, RandomState or None, default=None
        Seeds the split and the network.

    Returns
    -------
    Diagnosis
        The verdict, what led to it, and what to try next.

    Raises
    ------
    TypeError, ValueError
        If the estimator is no network, a parameter can't be used, or the fit fails but
        by divergence.

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
            f"{type(estimator).__name__} is no network of skdl and does not end in "
            "one: diagnose looks at the epochs of a network."
        )
    target_score = _check_target(target_score)
    X, y = indexable(X, y)
    splits = make_splits(estimator, X, y, validation)
    if splits.n_folds > 1:
        raise ValueError(
            f"validation={validation!r} has {splits.n_folds} splits, and diagnose "
            "trains once: give a share of the rows, or (X_val, y_val)."
        )
    split_seed, seed = draw_seeds(draw_seed(random_state), 0)
    split = splits.cut(0, split_seed)
    run = Run("diagnosis", "", 0, 0)
    train_run(run, estimator, {}, split, seed, _score)
    if run.error and not run.diverged:
        raise ValueError(run.error)
    chance = _guess_score(estimator, split.y_val)
    return Diagnosis(run, target_score, chance, estimator)


class Diagnosis:
    """What ``diagnose`` has found.

    Parameters
    ----------
    run : Run
        The training.
    target_score : float
        The best score that can be expected.
    chance : float
        The score of a guess that looks at no feature.
    estimator : estimator
        What was trained.

    Attributes
    ----------
    verdict : str
        ``"high bias"``, ``"high variance"``, ``"high bias and high variance"``,
        ``"fine"``, ``"still learning"`` or ``"diverging"``.
    numbers : dict of str to float
        What led to it: ``target_score``, ``train_score``, ``val_score``, ``bias``,
        ``variance``, ``threshold`` (above which the two count), ``progress`` (how far
        the validation score rose from the third quarter of the epochs to the last) and
        ``final_loss`` (the training loss of the last quarter, in units of that of the
        first epoch).
    next_steps : dict of dict
        What to try, the most promising first: named changes, as ``compare`` takes them.
    advice : list of str
        What to try beside parameters.
    history : dict of list of float
        Loss and metrics of each epoch; empty if the loss was no number.
    """

    def __init__(self, run, target_score, chance, estimator):
        self.history = run.history
        self.numbers = _measure(run, target_score, is_classifier(estimator))
        self.verdict = _judge(self.numbers)
        learned = self.numbers["train_score"] > chance + TOLERANCE
        self.next_steps, self.advice = find_next_steps(estimator, self.verdict, learned)

    def plot(self, ax=None):
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
            If there are no curves, since the loss was no number.
        """
        if not self.history:
            raise ValueError("The loss became NaN or infinite: there are no curves.")
        return LearningCurvesDisplay.from_history(self.history, ax=ax)

    def __str__(self):
        numbers = ", ".join(f"{k} {v:.4g}" for k, v in self.numbers.items())
        steps = [f"- {name}: {change}" for name, change in self.next_steps.items()]
        steps += [f"- {text}" for text in self.advice]
        lines = [f"{self.verdict}: {numbers}"]
        return "\n".join([*lines, "Try next:", *steps] if steps else lines)

    def __repr__(self):
        return f"Diagnosis(verdict={self.verdict!r})"


def _check_target(target_score):
    if target_score is None:
        return 1.0
    if not isinstance(target_score, Real) or not target_score <= 1:
        raise ValueError(
            f"target_score={target_score!r} must be a number up to 1: the best "
            "accuracy, or R², that can be expected."
        )
    return float(target_score)


def _score(estimator, X, y):
    return estimator.score(X, y)


def _guess_score(estimator, y):
    """Return the score of always guessing the same."""
    if not is_classifier(estimator):
        return 0.0  # R² of the mean
    counts = np.unique(np.asarray(y), axis=0, return_counts=True)[1]
    return counts.max() / counts.sum()


def _measure(run, target_score, classifies):
    """Return the numbers that the verdict depends on."""
    if run.diverged:
        names = ("train_score", "val_score", "bias", "variance", "threshold")
        unknown = dict.fromkeys((*names, "progress"), np.nan)
        return {"target_score": target_score, **unknown, "final_loss": np.inf}
    train, val = run.train_scores["score"], run.val_scores["score"]
    error = np.sqrt(max(val * (1 - val), 0) / run.n_val) if classifies else 0.0
    loss = run.history["loss"]
    return {
        "target_score": target_score,
        "train_score": train,
        "val_score": val,
        "bias": target_score - train,
        "variance": train - val,
        "threshold": max(TOLERANCE, 2 * error, SHARE * (target_score - val)),
        "progress": _measure_progress(run, target_score - val),
        "final_loss": _last_quarter(loss) / loss[0] if loss[0] > 0 else np.nan,
    }


def _measure_progress(run, distance):
    """Return how far the score rose from the third quarter of the epochs to the last.

    Where no metric tells, it is the share by which the loss fell, of the distance.
    """
    scores = run.validation_metric()
    if scores:
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


def _judge(numbers):
    """Return the verdict."""
    if numbers["final_loss"] > RISE:
        return "diverging"
    high_bias = numbers["bias"] > numbers["threshold"]
    high_variance = numbers["variance"] > numbers["threshold"]
    if not (high_bias or high_variance):
        return "fine"
    distance = numbers["target_score"] - numbers["val_score"]
    if numbers["progress"] > max(RISING, PROGRESS * distance):
        return "still learning"
    if high_bias and high_variance:
        return "high bias and high variance"
    return "high bias" if high_bias else "high variance"
