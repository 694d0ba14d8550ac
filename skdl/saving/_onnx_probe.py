"""Rows like the training data, made from what the fitted transformers know."""

from functools import reduce

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from skdl.saving._onnx_table import (
    LARGE_OFFSET,
    make_table,
    table_needs_double,
    text_columns_of,
)
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
        for center, spread in map(_find_scale, _parts_of(whole))
        if center is not None
    )


def text_columns(whole):
    """Return the names of the columns that hold text."""
    if isinstance(whole.steps[0][1], TableEncoder):
        return text_columns_of(whole.steps[0][1])
    return {
        name
        for name, values in _find_categories(whole).items()
        if np.asarray(values).dtype.kind in "OUST"
    }


def make_probe(whole, names, shape):
    """Return rows like those of the training, as far as the transformers know them.

    Parameters
    ----------
    whole : Pipeline
        Fitted.
    names : ndarray of str or None
        Of the columns; None for an array.
    shape : list
        That of the rows, None first.

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
    if names is None:
        return rows.reshape(_N_ROWS, *shape[1:])
    frame = pd.DataFrame(rows, columns=names)
    for name, values in _find_categories(whole).items():
        frame[name] = rng.choice(np.asarray(values), _N_ROWS)
    return frame


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
            scale = getattr(part, spread, None)
            mean = np.asarray(getattr(part, center), float)
            return mean, np.ones_like(mean) if scale is None else np.asarray(scale)
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


def _find_categories(whole):
    """Return the categories of the columns that an encoder gets, by their names."""
    first = whole.steps[0][1]
    names = getattr(first, "feature_names_in_", None)
    if names is None:
        return {}
    found = {}
    for places, part in _columns_of(whole, names, len(names)):
        parts = [getattr(p, "imputer", p) for p in _parts_of(part)]
        encoders = [p for p in parts if hasattr(p, "categories_")]
        imputers = [p for p in parts if hasattr(p, "statistics_")]
        known = [e.categories_ for e in encoders]
        known += [[[value] for value in i.statistics_] for i in imputers]
        known = [lists for lists in known if len(lists) == len(places)]
        if not known:
            continue
        for place, values in zip(places, known[0]):
            if _is_text_column(values):
                found[names[place]] = [v for v in values if isinstance(v, str)]
    return found


def _is_text_column(values):
    return reduce(lambda found, v: found or isinstance(v, str), values, False)
