"""Each kind of column in the place of each other: what is right, or an error."""

import numpy as np
import pandas as pd
import pytest

from skdl.preprocessing import TableEncoder
from tests.tables.test_encoder import KINDS

OTHERS = KINDS | {
    "lists": ("", [[1], [2], [3]]),
    "infinities": ("", [1.0, np.inf, 2.0]),
    "complex": ("", [1j, 2, 3]),
    "bytes": ("", [b"a", b"b", b"a"]),
    "several kinds": ("", np.array([1, "a", 2], dtype=object)),
    "all missing": ("empty", [None, None, None]),
    "strings of numbers": ("category", ["1.5", "2", None]),
}
NUMBERS = ("number", "boolean")


def frame_of(name):
    # In the middle, so that an error has to find it.
    return pd.DataFrame({"a": [1.0, 2, 4], "x": OTHERS[name][1], "b": [*"uvu"]})


def holds_text(name):
    return any(isinstance(value, str) for value in OTHERS[name][1]) or (
        name == "intervals"
    )


def is_taken(fitted, now):
    """Return whether the values of a column can stand for those of the fit."""
    kind, other = OTHERS[fitted][0], OTHERS[now][0]
    if other == "empty":
        return True
    if kind in NUMBERS:
        is_number = not holds_text(now) or now == "strings of numbers"
        return other in (*NUMBERS, "category") and is_number
    if kind != "category":
        return kind == other
    if holds_text(fitted):
        return other == "category" and holds_text(now)
    return other in (*NUMBERS, "category") and (
        not holds_text(now) or now == "strings of numbers"
    )


@pytest.mark.parametrize("now", OTHERS)
@pytest.mark.parametrize("fitted", KINDS)
def test_each_kind_after_each_other(fitted, now):
    encoder = TableEncoder().fit(frame_of(fitted))
    if is_taken(fitted, now):
        encoded = encoder.transform(frame_of(now))
        assert encoded.shape == (3, encoder.n_outputs_)
        assert np.isfinite(encoded).all()
        return
    with pytest.raises((ValueError, TypeError), match="Column 'x' of X"):
        encoder.transform(frame_of(now))


@pytest.mark.parametrize("name", KINDS)
def test_the_values_of_the_fit_are_what_they_were(name):
    frame = frame_of(name)
    encoder = TableEncoder().fit(frame)
    encoded = encoder.transform(frame)
    # In another order, and as objects.
    order = [2, 0, 1]
    np.testing.assert_array_equal(encoder.transform(frame.iloc[order]), encoded[order])
    objects = frame.assign(x=frame["x"].astype(object).to_numpy())
    np.testing.assert_array_equal(encoder.transform(objects), encoded)


@pytest.mark.parametrize("name", KINDS)
def test_alone_in_a_row_it_is_the_same(name):
    frame = frame_of(name)
    encoder = TableEncoder().fit(frame)
    rows = [encoder.transform(frame.iloc[[k]])[0] for k in range(3)]
    np.testing.assert_array_equal(rows, encoder.transform(frame))
