"""What makes two searches the same."""

import hashlib
import re

import numpy as np
import pandas as pd
from scipy import sparse

__all__ = [
    "Fingerprint",
    "describe",
    "describe_data",
    "describe_estimator",
    "take_fingerprint",
    "without_addresses",
]

# Parameters of estimators that do not change what a fit gives.
_CHANGES_NOTHING = {"memory", "n_jobs", "verbose"}


class Fingerprint(dict):
    """What makes two searches the same: short texts by the names of their subjects."""

    def differences(self, other):
        """Return what differs, in words."""
        subjects = dict.fromkeys([*self, *other])
        return [
            f"{name} ({other.get(name, 'none')} in the study, "
            f"{self.get(name, 'none')} here)"
            for name in subjects
            if self.get(name) != other.get(name)
        ]

    def short(self):
        """Return eight characters that stand for all of it."""
        return _digest(repr(sorted(self.items())).encode())[:8]


def take_fingerprint(estimator, space, scoring, folds, data):
    """Return the fingerprint of a search.

    Parameters
    ----------
    estimator : estimator
        What is tuned.
    space : DictSpace or FunctionSpace
        What is searched.
    scoring : object
        The parameter ``scoring``.
    folds : list of tuple of ndarray
        Rows to train and to test on.
    data : dict
        X, y and what else came with ``fit``, by name.
    """
    rows = [_hash_data(np.concatenate(fold)).encode() for fold in folds]
    return Fingerprint(
        **describe_data(data),
        folds=f"{len(folds)} folds {_digest(*rows)}",
        space=_digest(space.describe().encode()),
        scoring=describe(scoring),
        estimator=describe_estimator(estimator, without=space.draw_example()),
    )


def describe_estimator(estimator, without=()):
    """Return the class of an estimator, and a digest of its parameters but some."""
    settings = {
        name: describe(value)
        for name, value in estimator.get_params(deep=True).items()
        if name not in without and name.split("__")[-1] not in _CHANGES_NOTHING
    }
    digest = _digest(repr(sorted(settings.items())).encode())
    return f"{type(estimator).__name__} {digest}"


def describe_data(data):
    """Return shape and digest of each of some arrays or frames, by name."""
    return {
        name: f"{_shape(value)}{_hash_data(value)}"
        for name, value in data.items()
        if value is not None
    }


def describe(value):
    """Return a text that is the same for equal values, in any process."""
    if hasattr(value, "get_params"):
        return type(value).__qualname__  # its parameters stand beside it
    if hasattr(value, "get_config"):
        return f"{type(value).__qualname__} {value.get_config()}"
    if callable(value) and hasattr(value, "__qualname__"):
        return value.__qualname__
    if isinstance(value, np.ndarray):
        return _hash_data(value)
    return without_addresses(repr(value))


def without_addresses(text):
    """Return a text without the places in memory that it names."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def _shape(value):
    shape = getattr(value, "shape", None)
    return f"{' x '.join(map(str, shape))} " if shape else ""


def _hash_data(value):
    if isinstance(value, (pd.DataFrame, pd.Series)):
        rows = pd.util.hash_pandas_object(value, index=False).to_numpy()
        names = getattr(value, "columns", [getattr(value, "name", None)])
        return _digest(rows.tobytes(), repr(list(names)).encode())
    if sparse.issparse(value):
        value = value.tocoo()
        parts = (value.data, value.row, value.col)
        return _digest(*(np.ascontiguousarray(part).tobytes() for part in parts))
    array = np.asarray(value)
    if array.dtype.kind in "OUST":
        rows = pd.util.hash_array(array.astype(object).ravel(), categorize=False)
        return _digest(rows.tobytes())
    return _digest(str(array.dtype).encode(), np.ascontiguousarray(array).data)


def _digest(*parts):
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
