"""Scorers of scikit-learn: what they are made of, and what they need."""

from sklearn.base import is_classifier
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.metrics._scorer import _BaseScorer, _MultimetricScorer, _PassthroughScorer
from sklearn.pipeline import Pipeline

from skdl._utils._sklearn import is_routing_enabled

__all__ = [
    "asks_for_probabilities",
    "is_multimetric",
    "is_plain_scorer",
    "plain_score_name",
    "scorer_parts",
    "take_scorer",
]


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


def is_plain_scorer(scorer):
    """Return whether a scorer uses what its estimator predicts, and y, and no more."""
    if isinstance(scorer, _MultimetricScorer):
        return all(map(is_plain_scorer, scorer._scorers.values()))
    if isinstance(scorer, _PassthroughScorer):
        return _has_usual_score(scorer._estimator)
    return isinstance(scorer, _BaseScorer)


# Where the methods ``score`` are that return the accuracy or R².
_USUAL = ("sklearn.base", "skdl.estimators", "skdl.keras_wrapper")


def _has_usual_score(estimator):
    """Return whether the estimator's own score is the accuracy, or R²."""
    owners = {
        name: next((k for k in type(estimator).__mro__ if name in vars(k)), None)
        for name in ("score", "scorer")  # the second is a wrapper's, for its users
    }
    if owners["score"] is Pipeline:
        return _has_usual_score(estimator.steps[-1][1])
    return all(kind.__module__.startswith(_USUAL) for kind in owners.values() if kind)


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
        if not _has_usual_score(estimator):
            return None
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
