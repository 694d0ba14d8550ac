"""Rows to compare the graph of a table on, and what the graph is fed."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from skdl.saving._onnx_table import MISSING_TEXT, text_columns_of, used_encodings
from skdl.tables._encodings import CategoryEncoding, DateEncoding

__all__ = ["feed_table", "make_table"]

# Of the years 1 and 9999, in days since 1970.
_FIRST_DATE = -719_162
_LAST_DATE = 2_932_896


def make_table(encoder, n_rows, rng):
    """Return rows like those of the training, with gaps where it had some."""
    names = getattr(encoder, "feature_names_in_", range(encoder.n_features_in_))
    columns = {name: np.zeros(n_rows) for name in names}  # those that are left out
    for name, encoding in used_encodings(encoder):
        is_missing = rng.random_sample(n_rows) < (0.2 if encoding.missing else 0)
        if isinstance(encoding, CategoryEncoding):
            near = _neighbours(encoding)
            known = np.array([*encoding.categories, *near, None], dtype=object)[:-1]
            values = known[rng.randint(len(known), size=n_rows)]
            values = np.where(is_missing, None, values)
        else:
            number = getattr(encoding, "time", encoding)
            values = number.center + number.scale * rng.standard_normal(n_rows)
            if number.n_bins:
                # Every other row between the edges, wherever these are.
                places = rng.uniform(0, number.n_bins, n_rows)
                between = np.interp(places, range(number.n_bins + 1), number.edges)
                values = np.where(np.arange(n_rows) % 2, between, values)
            if isinstance(encoding, DateEncoding):
                values = np.clip(values, _FIRST_DATE, _LAST_DATE)
                values = values if encoding.has_hours else np.floor(values)
            values = np.where(is_missing, np.nan, values)
        if isinstance(encoding, DateEncoding):
            values = _as_dates(values, has_zone=encoding.kind != "date")
        elif encoding.kind == "duration":
            values = _as_durations(values)
        columns[name] = values
    return columns


def _neighbours(encoding):
    """Return categories that no training row had, close to those that some had."""
    if encoding.is_text:
        return ["another category"]
    known, close = set(encoding.categories), [0]
    for category in encoding.categories:
        # A float is known by its single precision: the next doubles are the same.
        is_whole = float(category).is_integer()
        close.append(int(category) + 1 if is_whole else np.nextafter(category, 0))
    return [category for category in close if category not in known]


def _as_dates(days, *, has_zone):
    dates = np.array(
        [
            None if day != day else datetime(1970, 1, 1) + timedelta(days=day)
            for day in days
        ],
        dtype="datetime64[us]",
    )
    return pd.Series(dates).dt.tz_localize("UTC") if has_zone else dates


def _as_durations(days):
    return np.array(
        [None if day != day else timedelta(days=day) for day in days],
        dtype="timedelta64[us]",
    )


def feed_table(encoder, rows, double):
    """Return the inputs of the graph for a frame of such rows."""
    texts, kind = text_columns_of(encoder), np.float64 if double else np.float32
    zeros = {"M": np.datetime64(0, "us"), "m": np.timedelta64(0, "us")}
    feed = {}
    for name, _ in used_encodings(encoder):
        column = rows[name]
        if getattr(column.dtype, "tz", None) is not None:
            column = column.dt.tz_convert(None)
        values = column.to_numpy()
        if name in texts:
            texts_of = [v if isinstance(v, str) else MISSING_TEXT for v in values]
            values = np.array(texts_of, object)
        elif values.dtype.kind in zeros:
            values = (values - zeros[values.dtype.kind]) / np.timedelta64(1, "D")
        feed[str(name)] = (values if name in texts else values.astype(kind)).reshape(
            -1, 1
        )
    return feed
