"""Candidates: clones of an estimator with other parameters, and the network in them."""

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


def take_scores(scorer, estimator, X, y, params=None):
    """Return the scores of a fitted estimator by name, all finite.

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

    Raises
    ------
    ValueError
        If the scorer failed, or returned anything else.
    """
    targets = () if y is None else (y,)
    found = scorer(estimator, X, *targets, **(params or {}))
    scores = found if isinstance(found, dict) else {"score": found}
    for name, value in scores.items():
        if isinstance(value, str):  # scikit-learn puts the traceback in its place
            raise ValueError(f"The scorer {name!r} failed: {value.splitlines()[-1]}")
        if np.ndim(value) != 0 or not np.isfinite(value):
            raise ValueError(
                f"The scorer {name!r} returned {value!r}: no finite number."
            )
    return {name: float(value) for name, value in scores.items()}


def count_weights(network):
    """Return the number of weights of a fitted network."""
    if hasattr(network, "_members"):
        parts = [member._weights for member in network._members]
        return sum(weight.size for weights in parts for weight in weights)
    return network.model_.count_params()
