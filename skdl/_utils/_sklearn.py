"""What is outside scikit-learn's stable interface; its scorers: `_scorers.py`."""

from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._search import (
    _yield_masked_array_for_each_param as mask_params,
)
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils._metadata_requests import SIMPLE_METHODS
from sklearn.utils._metadata_requests import _routing_enabled as is_routing_enabled
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.metaestimators import _safe_split as cut_rows
from sklearn.utils.validation import _check_feature_names, _get_feature_names
from sklearn.utils.validation import _check_feature_names_in as check_names_in
from sklearn.utils.validation import _check_method_params as check_params
from sklearn.utils.validation import _check_n_features as check_n_features
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as count_rows

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
    "FrozenEstimator",
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "check_feature_names",
    "check_n_features",
    "check_names_in",
    "check_params",
    "check_sample_weight",
    "count_rows",
    "cut_rows",
    "is_routing_enabled",
    "make_requests",
    "mask_params",
    "plain_requests",
    "take_rows",
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
