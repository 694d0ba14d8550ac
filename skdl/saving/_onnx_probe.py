"""Rows like the training data, made from what the fitted transformers know."""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import Binarizer, KBinsDiscretizer, MaxAbsScaler

from skdl._utils._numbers import LARGE_OFFSET
from skdl.saving._onnx_columns import Imputed, has_text
from skdl.saving._onnx_rows import make_table
from skdl.saving._onnx_table import table_needs_double, text_columns_of
from skdl.tables._encoder import TableEncoder

__all__ = ["make_probe", "needs_double", "text_columns"]

_N_ROWS = 50


def needs_double(whole):
    """Return whether a scaler shows features that single floats can't tell apart."""
    first = whole.steps[0][1]
    if isinstance(first, TableEncoder) and table_needs_double(first):
        return True
    return any(
        np.any(np.abs(center) > LARGE_OFFSET * spread)
        for part in _parts_of(whole)
        if not isinstance(part, Binarizer)  # whose threshold says nothing of a spread
        for center, spread in [_find_scale(part)]
        if center is not None
    )


def text_columns(whole, names):
    """Return those of the names of columns whose columns hold text."""
    if isinstance(whole.steps[0][1], TableEncoder):
        return text_columns_of(whole.steps[0][1])
    return {
        name
        for name, values in _find_categories(whole, names, len(names)).items()
        if has_text(values)
    }


def make_probe(whole, names, shape, *, gaps=True):
    """Return rows like those of the training, as far as the transformers know them.

    Parameters
    ----------
    whole : Pipeline
        Fitted.
    names : ndarray of str or None
        Of the columns; None for an array.
    shape : list
        That of the rows, None first.
    gaps : bool, default=True
        Whether values are missing where an imputer gets them.

    Returns
    -------
    DataFrame or ndarray of shape (50, ...)
    """
    rng, first = np.random.RandomState(0), whole.steps[0][1]
    if isinstance(first, TableEncoder):
        columns = make_table(first, _N_ROWS, rng)
        if names is None:
            return np.stack([*columns.values()], axis=1).astype(float)
        return pd.DataFrame(columns)
    n_features = int(np.prod(shape[1:])) if names is None else len(names)
    center, spread = _find_ranges(whole, names, n_features)
    rows = center + spread * rng.standard_normal((_N_ROWS, n_features))
    categories = _find_categories(whole, names, n_features)
    if names is None:
        for place, values in categories.items():
            if not has_text(values):
                rows[:, place] = rng.choice(np.asarray(values, float), _N_ROWS)
    if gaps:
        imputed = _find_imputed(whole, names, n_features)
        is_gap = rng.uniform(size=(_N_ROWS, len(imputed))) < 0.2
        rows[:, imputed] = np.where(is_gap, np.nan, rows[:, imputed])
    if names is None:
        return rows.reshape(_N_ROWS, *shape[1:])
    frame = pd.DataFrame(rows, columns=names)
    for name, values in categories.items():
        drawn = [values[k] for k in rng.randint(len(values), size=_N_ROWS)]
        # As objects: pandas would make nan of None.
        frame[name] = pd.Series(drawn, dtype=object if has_text(values) else None)
    return frame


def _find_imputed(whole, names, n_features):
    """Return the places of the features that an imputer gets."""
    imputers = (Imputed, KNNImputer, SimpleImputer)
    found = [
        places
        for places, part in _columns_of(whole, names, n_features)
        if any(isinstance(inner, imputers) for inner in _parts_of(part))
    ]
    return np.unique(np.concatenate(found)) if found else np.array([], int)


def _parts_of(estimator):
    """Yield a transformer and all that it holds, fitted."""
    yield estimator
    inner = []
    if isinstance(estimator, Pipeline):
        inner = [step for _, step in estimator.steps]
    elif isinstance(estimator, FeatureUnion):
        inner = [part for _, part in estimator.transformer_list]
    elif isinstance(estimator, ColumnTransformer):
        inner = [part for _, part, _ in estimator.transformers_]
    for part in inner:
        yield from _parts_of(part)


def _find_scale(part):
    """Return center and spread of a scaler's features; (None, None) for others."""
    for center, spread in (("mean_", "scale_"), ("center_", "scale_")):
        if getattr(part, center, None) is not None:
            mean = np.asarray(getattr(part, center), float)
            scale = np.asarray(getattr(part, spread, None), float)
            return mean, scale if scale.shape == mean.shape else np.ones_like(mean)
    if isinstance(part, MaxAbsScaler):
        return np.zeros_like(part.max_abs_), part.max_abs_ / 3
    if isinstance(part, KBinsDiscretizer):
        ends = np.array([[edges[0], edges[-1]] for edges in part.bin_edges_])
        ends[~np.isfinite(ends)] = 0.0  # those of a constant feature
        return ends.mean(axis=1), np.ptp(ends, axis=1) / 4
    if isinstance(part, Binarizer):
        return np.full(part.n_features_in_, float(part.threshold)), np.ones(
            part.n_features_in_
        )
    if getattr(part, "data_min_", None) is not None:
        return part.data_min_ + part.data_range_ / 2, part.data_range_ / 4
    if getattr(part, "quantiles_", None) is not None:
        return np.median(part.quantiles_, axis=0), np.std(part.quantiles_, axis=0)
    return None, None


def _find_ranges(whole, names, n_features):
    """Return center and spread of each feature: 0 and 1 where nobody knows them."""
    center, spread = np.zeros(n_features), np.ones(n_features)
    for places, part in _columns_of(whole, names, n_features):
        for inner in _parts_of(part):
            found, scale = _find_scale(inner)
            if found is not None and found.shape == (len(places),):
                center[places], spread[places] = found, scale
                break
    return center, spread


def _columns_of(whole, names, n_features):
    """Yield the places of features, and the first transformer that gets them."""
    first = whole.steps[0][1]
    if not isinstance(first, ColumnTransformer):
        yield np.arange(n_features), whole
        return
    for _, part, columns in first.transformers_:
        if not hasattr(part, "transform"):
            continue
        yield _places_of(columns, names, n_features), part


def _places_of(columns, names, n_features):
    if isinstance(columns, slice) or (len(columns) and not isinstance(columns[0], str)):
        return np.arange(n_features)[columns]
    columns = [columns] if isinstance(columns, str) else columns
    return np.array([list(names).index(name) for name in columns], dtype=int)


def _find_categories(whole, names, n_features):
    """Return the categories of the columns that an encoder gets.

    By the names of the columns, or for an array by their places.
    """
    keys = range(n_features) if names is None else names
    found: dict = {}
    for places, part in _columns_of(whole, names, len(keys)):
        parts = [getattr(p, "imputer", p) for p in _parts_of(part)]
        known = [p.given_categories_ for p in parts if hasattr(p, "given_categories_")]
        imputers = [p for p in parts if hasattr(p, "statistics_")]
        known += [
            [[value] for value in imputer.statistics_]
            for imputer in imputers
            if has_text(imputer.statistics_)
        ]
        known = [lists for lists in known if len(lists) == len(places)]
        if known:
            found |= {keys[p]: list(v) for p, v in zip(places, known[0]) if len(v)}
    return found
