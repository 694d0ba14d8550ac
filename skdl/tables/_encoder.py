"""TableEncoder: the columns of a data frame as one matrix of numbers."""

import warnings
from collections.abc import Sequence
from datetime import datetime
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdl._utils._hints import hint_at_value
from skdl._utils._site import LinkedToSite
from skdl._utils._sklearn import (
    Interval,
    StrOptions,
    check_feature_names,
    check_n_features,
    check_names_in,
)
from skdl.tables._encodings import LeftOut, find_encoding
from skdl.tables._reading import (
    DATES,
    as_category,
    as_number,
    as_table,
    column_names,
    has_columns,
    read_columns,
)

__all__ = ["TABLE_CONSTRAINTS", "TableEncoder"]

N_BINS = "auto"
# Cube root of the rows, within these: docs/benchmarks/tables.md.
_BINS = (6, 16)
MOST_CATEGORIES = 100
# All bins together: a table of 251 numbers with 16 bins gets fewer for each.
_BINS_IN_ALL = 4_000
# A table is encoded for a prediction so many values at a time.
_VALUES_PER_PART = 2**22
# So many numbers written as text may be the names of categories.
_FEW = 16
# Strings of more words than this, most of which differ, are text.
_WORDS = 4

TABLE_CONSTRAINTS = {
    "n_bins": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
    "max_categories": [Interval(Integral, 1, None, closed="left")],
    "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
    "numerical_features": ["array-like", None],
    "drop_features": ["array-like", None],
}


class TableEncoder(LinkedToSite, TransformerMixin, BaseEstimator):
    """Make numbers of the columns of a data frame, whatever they hold.

    Numbers are scaled by median and quartiles, squashed smoothly, and also encoded as
    piecewise-linear bins; categories get an indicator each; dates are split into the
    time, and the times of the year, the week and the day; what is missing in the
    training rows has an indicator. It is what ``TabularClassifier`` and
    ``TabularRegressor`` do.

    Parameters
    ----------
    n_bins : int or "auto", default="auto"
        The most bins of a number, at least 0 (``PiecewiseLinearEncoder``). ``"auto"``
        is the cube root of the number of rows, 6 at least and 16 at most. All columns
        together get at most 4,000.
    max_categories : int, default=100
        The most categories of a column that have an indicator of their own, at least
        1: the most frequent ones. The others, those that only one row has, share one
        if there are any, and so do those that no training row had.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Names or indices (or a mask) of columns to treat as categories beside those
        whose type says so: strings and the categorical types of pandas and polars.
        None for no others, as ``"from_dtype"``.
    numerical_features : array-like or None, default=None
        Names or indices of columns of strings or categories to treat as numbers.
    drop_features : array-like or None, default=None
        Names or indices of columns to leave out.

    Attributes
    ----------
    columns_ : DataFrame
        What was made of each column: its kind, the number of categories, the share of
        missing values, the encoding, and how many outputs that has.
    n_outputs_ : int
        Number of columns of the matrix.
    n_features_in_ : int
        Number of columns of the table.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all of them are strings.

    See Also
    --------
    skdl.TabularClassifier : A network on such tables.

    Examples
    --------
    >>> import pandas as pd
    >>> from skdl.preprocessing import TableEncoder
    >>> X = pd.DataFrame({"size": [1.5, None, 2.0], "color": ["red", "red", "blue"]})
    >>> encoder = TableEncoder().fit(X)
    >>> encoder.columns_["encoding"].tolist()
    ['scaled, missing', '1 number']
    >>> encoder.transform(X).shape
    (3, 3)
    """

    _documented_in = "skdl.preprocessing"

    _parameter_constraints = TABLE_CONSTRAINTS

    # Set by a fit.
    _encodings: list
    _wanted: list
    _names: list | None = None  # older files have none

    def __init__(
        self,
        n_bins: int | str = N_BINS,
        *,
        max_categories: int = MOST_CATEGORIES,
        categorical_features: Any = "from_dtype",
        numerical_features: Sequence | None = None,
        drop_features: Sequence | None = None,
    ) -> None:
        self.n_bins = n_bins
        self.max_categories = max_categories
        self.categorical_features = categorical_features
        self.numerical_features = numerical_features
        self.drop_features = drop_features

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn how to encode each column.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            The table: of pandas, polars or NumPy.
        y : None
            Not used.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        TypeError, ValueError
            If a column can't be encoded; the message names it.
        """
        self._validate_params()
        X = as_table(X)
        check_feature_names(self, X, reset=True)
        check_n_features(self, X, reset=True)
        _check_not_empty(X)
        names = column_names(X) if has_columns(X) else [*range(X.shape[1])]
        dropped = _indices(names, self.drop_features, "drop_features")
        as_categories = _indices(
            names, self.categorical_features, "categorical_features"
        )
        as_numbers = _indices(names, self.numerical_features, "numerical_features")
        _check_apart(names, as_categories, as_numbers, dropped)
        kept = [k for k in range(len(names)) if k not in dropped]
        columns = read_columns(X, kept)
        for place, k in enumerate(kept):
            if k in as_categories:
                columns[place] = as_category(columns[place])
            elif k in as_numbers:
                _check_no_time(columns[place])
                columns[place] = as_number(columns[place])
            else:
                _check_text(columns[place], self.max_categories)
            _check_not_merged(columns[place])
        n_numbers = sum(c.kind not in ("category", "empty") for c in columns)
        n_bins = self.n_bins
        if n_bins == "auto":
            n_bins = int(np.clip(round(np.cbrt(X.shape[0])), *_BINS))
        n_bins = min(n_bins, _BINS_IN_ALL // max(1, n_numbers))
        found = {
            k: find_encoding(column, n_bins, self.max_categories)
            for k, column in zip(kept, columns)
        }
        self._encodings = [
            found.get(k) or LeftOut("", "drop_features") for k in range(len(names))
        ]
        self._wanted = [k for k in kept if found[k].n_outputs]
        self._names = names
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Encode a table.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            The table, with the columns of the fit in the same order.

        Returns
        -------
        ndarray of float32, shape (n_samples, n_outputs_)
            The outputs of the columns, beside each other.

        Raises
        ------
        TypeError, ValueError
            If a column is missing, or holds another kind of values than in the fit.
        """
        return self._encode(X)

    def _encode(self, X, owner=None):
        """Return an encoded table as an array, whatever ``set_output`` asks for.

        Messages about names are those of ``owner``, if it is somebody's encoder.
        """
        n_rows, columns = self._read(X, owner)
        return self._encode_rows(columns, 0, n_rows)

    def _encode_parts(self, X, owner):
        """Yield an encoded table some rows at a time."""
        n_rows, columns = self._read(X, owner)
        stride = max(1, _VALUES_PER_PART // max(1, self.n_outputs_))
        for start in range(0, n_rows, stride):
            yield self._encode_rows(columns, start, min(start + stride, n_rows))

    def _read(self, X, owner):
        """Return the number of rows, and the encodings with their columns."""
        check_is_fitted(self)
        X = as_table(X)
        check_feature_names(owner or self, X, reset=False)
        check_n_features(self, X, reset=False)
        _check_not_empty(X)
        self._check_order(X)
        encodings = [self._encodings[k] for k in self._wanted]
        read = read_columns(X, self._wanted)
        columns = [*zip(encodings, map(_as_in_the_fit, read, encodings), strict=True)]
        return X.shape[0], columns

    def _check_order(self, X):
        """Check the order of names that are not strings, which scikit-learn ignores."""
        if not self._names or not has_columns(X):
            return
        now = column_names(X)
        if now != self._names and sorted(map(repr, now)) == sorted(
            map(repr, self._names)
        ):
            raise ValueError(
                f"The columns of X are {now[:20]}, in another order than in the fit, "
                f"which had {self._names[:20]}: give them in that order."
            )

    def _encode_rows(self, columns, start, stop):
        encoded = np.empty((stop - start, self.n_outputs_), np.float32)
        end = 0
        for encoding, column in columns:
            some = column._replace(values=column.values[start:stop])
            begin, end = end, end + encoding.n_outputs
            encoded[:, begin:end] = encoding.encode(some)
        return encoded

    @property
    def n_outputs_(self) -> int:
        """Number of columns of the matrix."""
        check_is_fitted(self)
        return sum(encoding.n_outputs for encoding in self._encodings)

    @property
    def columns_(self) -> Any:
        """What was made of each column, as a data frame."""
        check_is_fitted(self)
        try:
            import pandas as pd
        except ModuleNotFoundError as error:
            # As for what is not there: views of the estimator leave it out.
            raise AttributeError(
                "columns_ is a data frame: pip install pandas to see it."
            ) from error
        rows = [
            {
                "kind": encoding.kind,
                "categories": getattr(encoding, "n_categories", 0),
                "missing": encoding.missing,
                "encoding": encoding.describe(),
                "outputs": int(encoding.n_outputs),
            }
            for encoding in self._encodings
        ]
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        index = pd.Index(self._names or names, name="column", tupleize_cols=False)
        return pd.DataFrame(rows, index=index)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns of the matrix.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns, if the fit saw none.

        Returns
        -------
        ndarray of str
            Such as ``"age_0"``, ``"age_1"``.
        """
        check_is_fitted(self)
        names = check_names_in(self, input_features)
        found = [
            f"{name}_{k}"
            for name, encoding in zip(names, self._encodings)
            for k in range(encoding.n_outputs)
        ]
        return np.array(found, dtype=object)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_encodings")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _check_not_empty(X):
    for n_found, what in zip(X.shape, ("sample", "feature")):
        if n_found == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={tuple(X.shape)}) while a "
                "minimum of 1 is required."
            )


def _indices(names, given, parameter):
    """Return the indices of columns that a parameter names."""
    if given is None or isinstance(given, str):
        return set()
    # A name may be a tuple, of which NumPy would make a row.
    given = [*given.ravel()] if isinstance(given, np.ndarray) else [*given]
    is_mask = given and all(isinstance(v, (bool, np.bool_)) for v in given)
    if is_mask and len(given) != len(names):
        raise ValueError(
            f"{parameter} is a mask of {len(given)} values, but X has {len(names)} "
            "columns."
        )
    if is_mask:
        return {k for k, chosen in enumerate(given) if chosen}
    found = set()
    # Where numbers are names, numbers are no indices.
    takes_indices = not any(isinstance(name, (int, np.integer)) for name in names)
    for value in given:
        if value in names:
            found.add(names.index(value))
        elif (
            takes_indices
            and isinstance(value, (int, np.integer))
            and 0 <= value < len(names)
        ):
            found.add(int(value))
        else:
            shown = f"{names[:20]}{'...' if len(names) > 20 else ''}"
            hint = hint_at_value(parameter, str(value), [*map(str, names)])
            raise ValueError(
                f"{parameter} names {value!r}, but X has no such column. Its columns "
                f"are {shown}. {hint}".rstrip()
            )
    return found


def _check_apart(names, as_categories, as_numbers, dropped):
    for one, other, what in (
        (as_categories, as_numbers, "categorical_features and numerical_features"),
        (as_categories, dropped, "categorical_features and drop_features"),
        (as_numbers, dropped, "numerical_features and drop_features"),
    ):
        if one & other:
            both = [names[k] for k in sorted(one & other)]
            raise ValueError(f"{what} both name {both}: leave it in one of them.")


def _check_no_time(column):
    """Refuse dates and durations that are to be numbers."""
    if column.kind in (*DATES, "duration"):
        raise ValueError(
            f"numerical_features names {column.name!r}, which holds values of the kind "
            f"{column.kind!r}: leave it out of numerical_features, where it is encoded "
            "as that, or make numbers of it first."
        )


def _check_not_merged(column):
    """Refuse categories that are numbers with more digits than single floats have."""
    if column.is_merged:
        raise ValueError(
            f"Column {column.name!r} of X holds categories that are numbers which "
            "single floats can't tell apart. Make strings of them, .astype(str), or "
            "leave the column out with drop_features."
        )


def _check_text(column, most_categories):
    """Refuse text, and warn of numbers that are written as text."""
    if not column.is_text:
        return
    name, categories = f"Column {column.name!r} of X", column.categories
    n_known = max(1, int((column.values >= 0).sum()))
    if len(categories) > min(most_categories, _FEW) and len(categories) > n_known / 2:
        words = sum(len(category.split()) for category in categories) / len(categories)
        if words > _WORDS:
            raise ValueError(
                f"{name} holds text: {len(categories)} different strings of "
                f"{words:.0f} words, such as {categories[0][:60]!r}. Leave it out with "
                "drop_features, or make numbers of it (TfidfVectorizer and "
                "TruncatedSVD). If these are categories, name it in "
                "categorical_features."
            )
    if len(categories) > _FEW and all(map(_reads_as_date, categories)):
        warnings.warn(
            f"{name} holds dates written as text, such as {categories[0]!r}, and is "
            "treated as categories. Make dates of them, pandas.to_datetime(), or name "
            "it in categorical_features.",
            UserWarning,
            stacklevel=4,
        )
    elif len(categories) > _FEW and all(map(_reads_as_number, categories)):
        warnings.warn(
            f"{name} holds numbers written as text, such as {categories[0]!r}, and is "
            "treated as categories. Name it in numerical_features if they are amounts, "
            "or in categorical_features if they are codes.",
            UserWarning,
            stacklevel=4,
        )


def _reads_as_date(text):
    # Digits alone are a number, or a code.
    if text.isdigit():
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _reads_as_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _as_in_the_fit(column, encoding):
    """Return a column as the kind of values that it held in the fit.

    Raises
    ------
    ValueError
        If it holds another kind.
    """
    numbers, kind, now = ("number", "boolean"), encoding.kind, column.kind
    # A type says nothing where no value is there: pandas' NaT has no zone.
    if now != "category" and np.isnan(column.values).all():
        return column._replace(kind="empty")
    is_text = now == "category" and any(isinstance(c, str) for c in column.categories)
    if kind in numbers and now in (*numbers, "category"):
        return as_number(column)
    if kind == "category" and not encoding.is_text and now in (*numbers, "category"):
        return as_category(as_number(column, of_categories=True) if is_text else column)
    if kind == now and (kind != "category" or is_text):
        return column
    then = "categories" if kind == "category" else f"values of the kind {kind!r}"
    of_what = " of strings" if kind == "category" and encoding.is_text else ""
    raise ValueError(
        f"Column {column.name!r} of X held {then}{of_what} in the fit, and holds "
        f"values of the kind {now!r} now: give it the type that it had."
    )
