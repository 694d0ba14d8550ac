"""How the columns of a table become numbers: one class for each kind of column.

An encoding has ``n_outputs``, ``missing`` (the share of the training rows), ``encode``
and ``describe``. It is plain data: a file can hold it.
"""

import numpy as np

from skdl.tables._piecewise import fill_bins, find_edges, within_range
from skdl.tables._reading import DATES

__all__ = [
    "CLIP",
    "DAYS_OF_A_WEEK",
    "DAYS_OF_A_YEAR",
    "FARTHEST",
    "FIRST_DAY",
    "CategoryEncoding",
    "DateEncoding",
    "LeftOut",
    "NumberEncoding",
    "find_encoding",
]

# Numbers far from the middle are squashed smoothly, to within 3 scales of it.
CLIP = 3.0
# Of a normal distribution, the distance of the quartiles is 1.35 deviations.
_QUARTILES = 1.35
FARTHEST = 1e15  # its square is finite, in single floats too
DAYS_OF_A_YEAR = 365.2425
DAYS_OF_A_WEEK = 7
# 1970-01-01 was a Thursday: the week begins on Mondays.
FIRST_DAY = 3


class NumberEncoding:
    """A number: scaled and clipped, as filled bins, and whether it is missing.

    Attributes
    ----------
    center, scale : float
        Median, and distance of the quartiles as a deviation.
    edges : ndarray
        The edges of the bins; fewer than two for none.
    missing : float
        The share of the training rows where it is missing.
    """

    def __init__(self, kind, values, n_bins):
        known = within_range(values[~np.isnan(values)])
        low, first, self.center, third, high = (
            float(quantile) for quantile in np.quantile(known, [0, 0.25, 0.5, 0.75, 1])
        )
        spread = (third - first) / _QUARTILES if third > first else (high - low) / 2
        self.kind, self.scale = kind, float(spread) or 1.0
        edges = find_edges(known, n_bins) if n_bins else np.empty(0)
        # Two edges say no more than the number itself.
        self.edges = edges if len(edges) > 2 else np.empty(0)
        self.missing = float(1 - len(known) / len(values))

    @property
    def n_bins(self):
        """How many bins there are."""
        return max(0, len(self.edges) - 1)

    @property
    def n_outputs(self):
        """How many numbers it becomes."""
        return 1 + self.n_bins + (self.missing > 0)

    def encode(self, column):
        """Return a column as an array of shape (n_samples, n_outputs)."""
        values = column.values
        is_missing = np.isnan(values)
        values = np.where(is_missing, self.center, within_range(values))
        with np.errstate(over="ignore"):  # far from all training rows
            scaled = (values - self.center) / self.scale
        scaled = np.clip(scaled, -FARTHEST, FARTHEST)
        parts = [(scaled / np.sqrt(1 + (scaled / CLIP) ** 2))[:, None]]
        if self.n_bins:
            parts.append(fill_bins(values, self.edges))
        if self.missing:
            parts.append(is_missing[:, None])
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def describe(self):
        """Return in words what it becomes."""
        parts = ["scaled"]
        if self.n_bins:
            parts.append(f"{self.n_bins} bins")
        if self.missing:
            parts.append("missing")
        return ", ".join(parts)


class CategoryEncoding:
    """A category: an indicator for each frequent one, one for the rest, one for none.

    Attributes
    ----------
    categories : list
        Those that have an indicator, the most frequent first.
    n_categories : int
        How many there were.
    is_text : bool
        Whether they are strings.
    has_empty : bool
        Whether one is the empty string.
    has_rest : bool
        Whether the others, and those that no training row had, share an indicator.
    missing : float
        The share of the training rows where it is missing.
    """

    kind = "category"

    def __init__(self, column, most):
        counts = np.bincount(
            column.values[column.values >= 0], minlength=len(column.categories)
        )
        present = np.flatnonzero(counts)
        # The order of equally frequent ones is that of their names, not of the rows.
        order = sorted(present, key=lambda k: (-counts[k], str(column.categories[k])))
        self.n_categories = len(present)
        self.has_empty = "" in column.categories
        self.is_text = any(isinstance(c, str) for c in column.categories)
        # Nothing can be learned of a category that one row alone has.
        kept = [k for k in order[:most] if counts[k] > 1 or len(present) <= 2]
        self.categories = [column.categories[k] for k in kept]
        self.has_rest = len(kept) < len(present)
        self.missing = float(np.mean(column.values < 0))

    @property
    def is_binary(self):
        """Whether one number tells the two categories apart."""
        return len(self.categories) == 2 and not self.has_rest

    @property
    def n_outputs(self):
        """How many numbers it becomes."""
        n_indicators = 1 if self.is_binary else len(self.categories) + self.has_rest
        return n_indicators + (self.missing > 0)

    def encode(self, column):
        """Return a column as an array of shape (n_samples, n_outputs)."""
        encoded = np.zeros((len(column.values), self.n_outputs), np.float32)
        # What each code stands for among our indicators; the last is that of -1.
        n_known = len(self.categories)
        index = {category: k for k, category in enumerate(self.categories)}
        places = [index.get(category, n_known) for category in column.categories or []]
        codes = column.values
        if column.kind == "empty":
            codes = np.full(len(codes), -1)
        places = np.array([*places, n_known + 1])[codes]
        if self.is_binary:
            # One that was not seen stands between the two.
            encoded[:, 0] = np.array([1.0, -1.0, 0.0, 0.0])[places]
        else:
            n_indicators = n_known + self.has_rest
            rows = np.flatnonzero(places < n_indicators)
            encoded[rows, places[rows]] = 1.0
        if self.missing:
            encoded[:, -1] = places == n_known + 1
        return encoded

    def describe(self):
        """Return in words what it becomes."""
        parts = ["1 number" if self.is_binary else f"{len(self.categories)} indicators"]
        if self.has_rest:
            parts.append(f"1 for the other {self.n_categories - len(self.categories)}")
        if self.missing:
            parts.append("missing")
        return ", ".join(parts)


class DateEncoding:
    """A date: the time itself, and the time of the year, of the week and of the day.

    Attributes
    ----------
    kind : str
        Whether the dates have a zone.
    time : NumberEncoding
        Of the days since 1970.
    has_hours : bool
        Whether the training rows have times of the day.
    """

    kind = "date"  # of files that are older than those with a zone

    def __init__(self, kind, values, n_bins):
        self.kind = kind
        self.time = NumberEncoding("date", values, n_bins)
        known = values[~np.isnan(values)]
        self.has_hours = bool((known % 1 != 0).any())

    @property
    def missing(self):
        """The share of the training rows where it is missing."""
        return self.time.missing

    @property
    def n_outputs(self):
        """How many numbers it becomes."""
        return self.time.n_outputs + 2 + DAYS_OF_A_WEEK + 2 * self.has_hours

    def encode(self, column):
        """Return a column as an array of shape (n_samples, n_outputs)."""
        values = column.values
        known = np.where(np.isnan(values), self.time.center, values)
        day = np.floor(known) + FIRST_DAY
        parts = [
            self.time.encode(column),
            _on_a_circle(known / DAYS_OF_A_YEAR),
            (day % DAYS_OF_A_WEEK)[:, None] == np.arange(DAYS_OF_A_WEEK),
        ]
        if self.has_hours:
            parts.append(_on_a_circle(known))
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def describe(self):
        """Return in words what it becomes."""
        hours = ", time of the day" if self.has_hours else ""
        return f"{self.time.describe()}, time of the year, day of the week{hours}"


def _on_a_circle(turns):
    # (n,) -> (n, 2)
    return np.stack([np.sin(2 * np.pi * turns), np.cos(2 * np.pi * turns)], axis=1)


class LeftOut:
    """A column that becomes nothing, and why.

    Attributes
    ----------
    kind : str
        What it holds.
    reason : str
        Why it is left out.
    missing : float
        The share of the training rows where it is missing.
    """

    n_outputs = 0

    def __init__(self, kind, reason, missing=0.0):
        self.kind, self.reason, self.missing = kind, reason, float(missing)

    def encode(self, column):
        """Return an array of shape (n_samples, 0)."""
        return np.empty((len(column.values), 0), np.float32)

    def describe(self):
        """Return in words what it becomes."""
        return f"left out: {self.reason}"


def find_encoding(column, n_bins, most_categories):
    """Return the encoding of a column, from its training rows.

    Parameters
    ----------
    column : Column
        The column.
    n_bins : int
        The most bins of a number; 0 for none.
    most_categories : int
        The most categories that have an indicator of their own.
    """
    values = column.values
    is_category = column.kind == "category"
    missing = np.mean(values < 0 if is_category else np.isnan(values))
    if missing == 1:
        return LeftOut(column.kind, "all missing", missing)
    known = values[values >= 0] if is_category else values[~np.isnan(values)]
    varies = (known != known[0]).any()
    if not varies and not missing:
        return LeftOut(column.kind, "constant")
    if is_category:
        found = CategoryEncoding(column, most_categories)
        if not found.categories and not missing:
            return LeftOut(column.kind, "no category occurs twice", missing)
        return found
    if column.kind in DATES:
        return DateEncoding(column.kind, values, n_bins)
    return NumberEncoding(column.kind, values, n_bins)
