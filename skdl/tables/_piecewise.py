"""Piecewise-linear encoding: a number as how far it fills each of some bins."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from skdl._utils._numbers import refuse_times
from skdl._utils._site import LinkedToSite
from skdl._utils._sklearn import Interval, check_names_in

__all__ = ["PiecewiseLinearEncoder", "fill_bins", "find_edges", "within_range"]

_LARGEST_NUMBER = np.finfo(np.float64).max / 4


def within_range(values):
    """Return numbers whose differences are finite."""
    return np.clip(values, -_LARGEST_NUMBER, _LARGEST_NUMBER)


def find_edges(values, n_bins):
    """Return the edges of bins that hold about as many values each.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Finite numbers.
    n_bins : int
        How many bins there are at most. If there are no more different values than
        edges, each of them is an edge.

    Returns
    -------
    ndarray of shape (n_found + 1,)
        Increasing; one edge alone where nothing varies.
    """
    known = np.unique(values)
    if len(known) <= n_bins + 1:
        return known
    return np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1)))


def fill_bins(values, edges):
    """Return how far values fill the bins between edges, from 0 to 1.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        The numbers.
    edges : ndarray of shape (n_bins + 1,)
        Where the bins begin and end.

    Returns
    -------
    ndarray of shape (n_samples, n_bins)
    """
    with np.errstate(over="ignore"):  # far beyond a narrow bin
        filled = (values[:, None] - edges[:-1]) / np.diff(edges)
    return np.clip(filled, 0.0, 1.0, out=filled)


class PiecewiseLinearEncoder(LinkedToSite, TransformerMixin, BaseEstimator):
    """Encode each number as how far it fills each of some bins.

    A linear function of the encoding is a piecewise-linear function of the number, so
    that a network learns jumps and plateaus as trees do. The bins hold about as many
    training rows each.

    Parameters
    ----------
    n_bins : int, default=16
        The most bins of a feature, at least 1. Equal edges are joined, and a feature
        of few different values has an edge at each of them.

    Attributes
    ----------
    edges_ : list of ndarray
        The edges of the bins of each feature: fewer than two, and so no bin, for a
        feature that does not vary.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where all of them are strings.

    See Also
    --------
    TableEncoder : Encodes the columns of a data frame, with this for its numbers.
    sklearn.preprocessing.KBinsDiscretizer : Tells only which bin a number is in.

    Notes
    -----
    Beyond the outermost edges all bins are empty or full. In the paper the first and
    the last one go on, below 0 and above 1.

    References
    ----------
    Gorishniy, Rubachev & Babenko, "On embeddings for numerical features in tabular
    deep learning", NeurIPS (2022).

    Examples
    --------
    >>> import numpy as np
    >>> from skdl.preprocessing import PiecewiseLinearEncoder
    >>> X = np.array([[0.0], [1.0], [2.0], [4.0]])
    >>> PiecewiseLinearEncoder(n_bins=3).fit(X).transform([[1.0], [3.0]])
    array([[1. , 0. , 0. ],
           [1. , 1. , 0.5]])
    """

    _documented_in = "skdl.preprocessing"

    _parameter_constraints = {"n_bins": [Interval(Integral, 1, None, closed="left")]}

    def __init__(self, n_bins: int = 16) -> None:
        self.n_bins = n_bins

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the edges of the bins.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite numbers.
        y : None
            Not used.

        Returns
        -------
        self
            The fitted transformer.
        """
        self._validate_params()
        X = self._as_numbers(X, reset=True)
        self.edges_ = [find_edges(values, self.n_bins) for values in X.T]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Encode numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite numbers.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_bins of all features)
            Between 0 and 1; the bins of a feature stand beside each other.
        """
        check_is_fitted(self)
        X = self._as_numbers(X)
        parts = [fill_bins(values, edges) for values, edges in zip(X.T, self.edges_)]
        return np.concatenate(parts, axis=1)

    def _as_numbers(self, X, *, reset=False):
        refuse_times(X)
        return within_range(validate_data(self, X, dtype=np.float64, reset=reset))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the encoded features.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features, if the fit saw none.

        Returns
        -------
        ndarray of str
            Such as ``"age_bin0"``.
        """
        check_is_fitted(self)
        names = check_names_in(self, input_features)
        found = [
            f"{name}_bin{k}"
            for name, edges in zip(names, self.edges_)
            for k in range(len(edges) - 1)
        ]
        return np.array(found, dtype=object)
