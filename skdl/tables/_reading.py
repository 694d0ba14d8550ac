"""Read a table column by column: from pandas, polars or an array, as one kind each."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, NamedTuple

import narwhals.stable.v1 as nw
import numpy as np

from skdl._utils._numbers import refuse_lazy
from skdl.tables._keys import is_missing, key_of, number_key, text_of

__all__ = [
    "Column",
    "DATES",
    "MOST_EXACT",
    "as_category",
    "as_number",
    "as_table",
    "column_names",
    "has_columns",
    "read_columns",
]

# Of dates without a zone, and of those with one: beside each other they mean nothing.
DATES = ("date", "date with a zone")
_SECONDS_OF_A_DAY = 86_400.0
# From here on floats leave out integers.
MOST_EXACT = 2**53
_EPOCH = datetime(1970, 1, 1)


class Column(NamedTuple):
    """One column of a table.

    Attributes
    ----------
    name : object
        Its name, or its index in an array.
    kind : str
        What it holds: ``"number"``, ``"boolean"``, ``"date"``, ``"date with a zone"``,
        ``"duration"``, ``"category"``, or ``"empty"`` if every value is missing and the
        type says nothing.
    values : ndarray of shape (n_samples,)
        Floats, NaN where they are missing: dates as days since 1970, durations in days.
        The codes of categories are integers, -1 where they are missing.
    categories : list or None
        What the codes stand for.
    is_text : bool
        Whether the categories come from a column of strings, and not from a type of
        categories.
    is_merged : bool
        Whether numbers that single floats can't tell apart became one category.
    """

    name: Any
    kind: str
    values: np.ndarray
    categories: list | None = None
    is_text: bool = False
    is_merged: bool = False


def has_columns(X):
    """Return whether X is a data frame."""
    return nw.dependencies.is_into_dataframe(X)


def read_columns(X, wanted=None):
    """Return the columns of a table.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        The table.
    wanted : list of int or None, default=None
        The indices of the columns to read; None reads all.

    Raises
    ------
    ValueError
        If a column holds what can't be made numbers; the message names it.
    """
    if not has_columns(X):
        wanted = range(X.shape[1]) if wanted is None else wanted
        return [_read_array(k, X[:, k]) for k in wanted]
    try:
        frame = nw.from_native(X, eager_only=True)
        names = frame.columns
    except Exception as error:  # narwhals raises errors of its own
        raise ValueError(
            f"X can't be read ({error}): give a pandas or polars data frame."
        ) from error
    wanted = range(len(names)) if wanted is None else wanted
    # By their places: to narwhals, frame[3] is a row.
    columns = [*frame.iter_columns()]
    return [_read_series(names[k], columns[k]) for k in wanted]


def column_names(X):
    """Return the names of the columns of a data frame."""
    # Arrow's tables have the columns themselves under that name.
    return [*(X.column_names if hasattr(X, "column_names") else X.columns)]


def as_table(X):
    """Return a data frame as it is, and anything else as an array of two dimensions.

    Raises
    ------
    ValueError
        If it has other dimensions.
    TypeError
        If it is sparse.
    """
    if has_columns(X):
        counts = Counter(column_names(X))
        twice = sorted(str(name) for name, count in counts.items() if count > 1)
        if twice:
            raise ValueError(
                f"X has several columns of one name, {twice[:5]}: give each of its "
                "columns another one."
            )
        return X
    if hasattr(X, "toarray"):
        raise TypeError(
            "Sparse data was passed for X, but dense data is required. Use "
            "'.toarray()' to convert to a dense numpy array."
        )
    refuse_lazy(X)
    if isinstance(X, dict) or (isinstance(X, list) and X and isinstance(X[0], dict)):
        raise ValueError("X is made of dicts: give a data frame, pandas.DataFrame(X).")
    if isinstance(X, np.ma.MaskedArray):
        mask, X = np.ma.getmaskarray(X), X.data.astype(object)
        X[mask] = None
    try:
        array = np.asarray(X)  # of a matrix, too
    except ValueError as error:
        raise ValueError(f"X can't be made a table: {error}") from error
    if array.dtype.kind in "US" and not isinstance(X, np.ndarray):
        array = np.asarray(X, dtype=object)  # numbers beside text have become text
    if array.dtype.names:
        raise ValueError(
            "X is a structured array: give a data frame, pandas.DataFrame(X)."
        )
    if array.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {array.ndim}D array instead: X has the shape "
            f"{array.shape}. Reshape your data either using array.reshape(-1, 1) if "
            "your data has a single feature or array.reshape(1, -1) if it contains a "
            "single sample."
        )
    return array


def _read_array(index, values):
    kind = values.dtype.kind
    if kind in "iuf":
        return Column(index, "number", _as_floats(index, values))
    if kind == "b":
        return Column(index, "boolean", values.astype(np.float64))
    if kind in "mM":
        return _from_ticks(index, values)
    if kind == "c":
        raise ValueError(f"Complex data not supported: {_name(index)} holds {values!r}")
    return _from_objects(index, values.tolist())


def _read_series(name, series):
    native = series.to_native()
    # Most columns take this short way: what follows costs 0.1 ms for each.
    dtype = getattr(native, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
        return Column(name, "number", _as_floats(name, native.to_numpy()))
    dtype = series.dtype
    if dtype.is_integer() or dtype.is_decimal():
        known = series.drop_nulls()
        # As Python's integers: the smallest of NumPy has no absolute value.
        ends = [abs(int(end)) for end in (known.min(), known.max()) if len(known)]
        if max(ends, default=0) >= MOST_EXACT:
            _check_told_apart(name, known.to_list())
    if dtype.is_numeric():
        values = series.cast(nw.Float64).to_numpy()
        return Column(name, "number", _finite(name, np.asarray(values, np.float64)))
    if dtype == nw.Boolean:
        values = series.cast(nw.Float64).to_numpy()
        return Column(name, "boolean", np.asarray(values, np.float64))
    if dtype in (nw.Date, nw.Datetime):
        kind = DATES[getattr(dtype, "time_zone", None) is not None]
        if dtype == nw.Date:
            series = series.cast(nw.Datetime("us"))
        ticks = series.dt.timestamp("us").cast(nw.Float64).to_numpy()
        return Column(name, kind, ticks / (1e6 * _SECONDS_OF_A_DAY))
    if dtype == nw.Duration:
        ticks = series.dt.total_microseconds().cast(nw.Float64).to_numpy()
        return Column(name, "duration", ticks / (1e6 * _SECONDS_OF_A_DAY))
    if dtype == nw.Categorical or isinstance(dtype, nw.Enum) or dtype == nw.Enum:
        values = series.to_list()
        keys = [key_of(value) for value in values]
        _check_one_kind(name, [key for key in keys if key is not None])
        return _code(name, keys, values)
    if isinstance(dtype, (nw.List, nw.Struct, nw.Array)):
        raise _of_lists(name, dtype)
    return _from_objects(name, series.to_list())


def _as_floats(name, values):
    numbers = _finite(name, values.astype(np.float64))
    is_large = np.abs(numbers).max(initial=0) >= MOST_EXACT
    if values.dtype.kind in "iu" and is_large:
        _check_told_apart(name, values.tolist())
    return numbers


def _check_told_apart(name, integers):
    """Check that integers are as many different ones when they are floats."""
    if len({float(value) for value in integers}) < len(set(integers)):
        raise ValueError(
            f"{_name(name)} holds integers beyond 2**53 that floats can't tell apart. "
            "If they are names of something, make strings of them, .astype(str); else "
            "divide them, or leave the column out with drop_features."
        )


def _from_ticks(name, values):
    try:
        return _count_days(name, values)
    except (TypeError, OverflowError) as error:
        raise ValueError(
            f"{_name(name)} holds {values.dtype}, which can't be made days ({error}): "
            "give it another unit, .astype('datetime64[us]') or 'timedelta64[us]'."
        ) from error


def _count_days(name, values):
    missing = np.isnat(values)
    unit = np.datetime64 if values.dtype.kind == "M" else np.timedelta64
    zero = unit(0, "us") if unit is np.datetime64 else np.timedelta64(0, "us")
    days = (values - zero) / np.timedelta64(1, "D")
    days = np.where(missing, np.nan, days.astype(np.float64))
    return Column(name, "date" if unit is np.datetime64 else "duration", days)


def _from_objects(name, values):
    """Return a column of Python objects as the one kind that all of them are."""
    values = [None if is_missing(value) else value for value in values]
    present = [value for value in values if value is not None]
    if not present:
        return Column(name, "empty", np.full(len(values), np.nan))
    kinds = {_kind_of(name, value) for value in present}
    if kinds == {"boolean", "number"}:
        kinds = {"number"}
    if len(kinds) > 1:
        raise _of_several_kinds(name, {_kind_of(name, v): v for v in present})
    kind = kinds.pop()
    if kind == "category":
        texts = [None if value is None else text_of(value) for value in values]
        return _code(name, texts, is_text=True)
    makers = {**dict.fromkeys(DATES, _days_since_1970), "duration": _days}
    make = makers.get(kind, float)
    numbers = []
    for value in values:
        try:
            numbers.append(np.nan if value is None else make(value))
        except (ArithmeticError, TypeError, ValueError) as error:
            raise ValueError(
                f"{_name(name)} holds {value!r}, which is no number that a float can "
                f"hold ({error})."
            ) from error
    # To Python, NumPy's durations are integers.
    integers = [int(v) for v in present if kind == "number" and _is_whole(v)]
    if any(abs(value) >= MOST_EXACT for value in integers):
        _check_told_apart(name, integers)
    return Column(name, kind, _finite(name, np.array(numbers, np.float64)))


def _is_whole(value):
    if isinstance(value, Decimal):
        return value.is_finite() and value == value.to_integral_value()
    return isinstance(value, Integral)


def _kind_of(name, value):
    if isinstance(value, str) or hasattr(value, "closed"):  # an interval of pandas
        return "category"
    if isinstance(value, (bool, np.bool_)):
        return "boolean"
    # Before the numbers: NumPy's durations are integers to Python.
    if isinstance(value, (timedelta, np.timedelta64)):
        return "duration"
    if isinstance(value, (Real, Decimal)):
        return "number"
    if isinstance(value, (date, np.datetime64)):
        return DATES[getattr(value, "tzinfo", None) is not None]
    if hasattr(value, "to_timestamp"):  # a period of pandas
        return "date"
    if hasattr(value, "hour") and hasattr(value, "microsecond"):  # a time of the day
        return "duration"
    if isinstance(value, (list, tuple, set, dict, np.ndarray)):
        raise _of_lists(name, type(value).__name__)
    # The words are those that scikit-learn's own checks look for.
    raise TypeError(
        f"{_name(name)} holds {value!r}: argument must be a string or a real number, a "
        "date, a duration or a category. Leave it out with drop_features, or make "
        "numbers of it."
    )


def _check_one_kind(name, categories):
    """Refuse strings beside numbers: their text may be the same."""
    examples = {
        "category" if isinstance(key, str) else "number": key for key in categories
    }
    if len(examples) > 1:
        raise _of_several_kinds(name, examples)


def _of_several_kinds(name, examples):
    shown = ", ".join(f"{v!r} ({k})" for k, v in sorted(examples.items()))
    return ValueError(
        f"{_name(name)} holds values of several kinds: {shown}. Make them one kind, "
        "for example by .astype(str) for categories."
    )


def _of_lists(name, what):
    # A TypeError, as NumPy raises for it.
    return TypeError(
        f"{_name(name)} holds lists or records ({what}), but argument must be a string "
        "or a real number in each row. Make columns of their parts, or leave it out "
        "with drop_features."
    )


def _code(name, keys, values=(), *, is_text=False):
    """Return a column of categories from their keys, and from what these were."""
    known: dict = {}
    codes = [-1 if k is None else known.setdefault(k, len(known)) for k in keys]
    if not known:
        return Column(name, "empty", np.full(len(keys), np.nan))
    n_values = len({v for v, k in zip(values, keys) if k is not None})
    return Column(
        name,
        "category",
        np.array(codes, np.int64),
        [*known],
        is_text,
        is_merged=n_values > len(known),
    )


def _days_since_1970(value):
    if hasattr(value, "to_timestamp"):
        value = value.to_timestamp()
    if isinstance(value, np.datetime64):
        return float((value - np.datetime64(0, "us")) / np.timedelta64(1, "D"))
    if not isinstance(value, datetime):
        return float(value.toordinal() - _EPOCH.toordinal())
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return (value - _EPOCH).total_seconds() / _SECONDS_OF_A_DAY


def _days(value):
    if isinstance(value, np.timedelta64):
        return float(value / np.timedelta64(1, "D"))
    if isinstance(value, timedelta):
        return value.total_seconds() / _SECONDS_OF_A_DAY
    seconds = value.hour * 3600 + value.minute * 60 + value.second
    return (seconds + value.microsecond / 1e6) / _SECONDS_OF_A_DAY


def _finite(name, values):
    if np.isinf(values).any():
        raise ValueError(
            f"{_name(name)} contains infinity: Input X contains infinity or a value "
            "too large for float64. Replace it by a number or by NaN, which counts as "
            "missing."
        )
    return values


def _name(name):
    return f"Column {name!r} of X"


# Another kind than the one that was found


def as_category(column):
    """Return a column as one of categories, whatever it holds.

    Raises
    ------
    ValueError
        If it holds dates or durations.
    """
    if column.kind in ("category", "empty"):
        return column
    if column.kind in (*DATES, "duration"):
        raise ValueError(
            f"{_name(column.name)} holds values of the kind {column.kind!r}, and is "
            "to be one of categories: make strings of them first, .astype(str)."
        )
    values = column.values.tolist()
    keys = [None if v != v else number_key(v) for v in values]
    if column.kind == "boolean":
        keys = [None if key is None else bool(key) for key in keys]
    return _code(column.name, keys, values)


def as_number(column, *, of_categories=False):
    """Return a column as numbers.

    Parameters
    ----------
    column : Column
        The column.
    of_categories : bool
        Whether the numbers stand for categories.

    Raises
    ------
    ValueError
        If a category is no number; the message shows it.
    """
    if column.kind != "category":
        return column
    numbers = []
    for category in column.categories:
        try:
            numbers.append(float(category))
        except ValueError:
            what = "categories that are numbers" if of_categories else "numbers"
            hint = "fit on strings" if of_categories else "leave it to the categories"
            raise ValueError(
                f"{_name(column.name)} is to hold {what}, but could not convert string "
                f"to float: {category!r}. Replace it (NaN counts as missing), or "
                f"{hint}."
            ) from None
    table = np.array([*numbers, np.nan])
    values = _finite(column.name, table[column.values])
    # After the check for infinity, which no integer can be made.
    integers = [int(c) for c in column.categories if _is_integer(c)]
    _check_told_apart(column.name, integers)
    return Column(column.name, "number", values)


def _is_integer(category):
    if isinstance(category, Integral):
        return True
    return isinstance(category, str) and category.strip().lstrip("+-").isdecimal()
