"""Candidates: clones of an estimator with other parameters, and the network in them."""

import warnings

import numpy as np
from sklearn.base import clone

__all__ = [
    "count_weights",
    "make_candidate",
    "take_scores",
]


def make_candidate(estimator, params):
    """Return a clone of the estimator with other parameters."""
    # Among the values may be estimators, which candidates would share and fit.
    return clone(estimator).set_params(**clone(params, safe=False))


def take_scores(scorer, estimator, X, y, params=None, choose=None):
    """Return the scores of a fitted estimator by name.

    Parameters
    ----------
    scorer : callable
        Returns a number, or a dict of numbers.
    estimator : estimator
        The fitted estimator.
    X, y : array-like
        The data; y may be None.
    params : dict, default=None
        Other arguments of the scorer.
    choose : callable, default=None
        Takes the scores and returns the names of those that must be finite; None is
        all of them. Another one that fails is NaN.

    Raises
    ------
    ValueError
        If the scorer failed, or returned anything else.
    """
    targets = () if y is None else (y,)
    found = scorer(estimator, X, *targets, **(params or {}))
    scores = found if isinstance(found, dict) else {"score": found}
    needed = scores if choose is None else choose(scores)
    return {name: _number(name, scores[name], name in needed) for name in scores}


def _number(name, value, is_needed):
    if isinstance(value, str):  # scikit-learn puts the traceback in its place
        text = f"The scorer {name!r} failed: {value.splitlines()[-1]}"
        if is_needed:
            raise ValueError(text)
        warnings.warn(f"{text} Its score is NaN.", stacklevel=2)
        return np.nan
    if np.ndim(value) != 0 or (is_needed and not np.isfinite(value)):
        raise ValueError(f"The scorer {name!r} returned {value!r}: no finite number.")
    return float(value)


def count_weights(network):
    """Return the number of weights of a fitted network."""
    if hasattr(network, "_members"):
        parts = [member._weights for member in network._members]
        return sum(weight.size for weights in parts for weight in weights)
    return network.model_.count_params()
