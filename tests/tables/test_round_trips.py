"""Tables that come back from a file, or with numbers as the names of columns."""

import io
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

import skdl
from skdl import TabularRegressor
from skdl.preprocessing import TableEncoder

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize(
    "bins", [[0, 18, 65, 100], [-0.5, 18.0, 65.25, 100.0], [-np.inf, 30, np.inf]]
)
def test_intervals_are_known_by_their_text(bins, right):
    ages = pd.Series(RNG.integers(1, 99, 200))
    frame = pd.DataFrame({"band": pd.cut(ages, bins, right=right)})
    file = io.StringIO(frame.to_csv(index=False))
    read = pd.read_csv(file)
    assert isinstance(read["band"].iloc[0], str)
    for fitted in (frame, read):
        encoder = TableEncoder().fit(fitted)
        encoded = encoder.transform(frame)
        assert encoded.any()
        np.testing.assert_array_equal(encoder.transform(read), encoded)


def test_days_and_decimals_as_categories_are_known_by_their_text():
    days = pd.to_datetime(RNG.choice(["2020-01-01", "2021-05-01", "2022-01-31"], 60))
    prices = [Decimal("1.10"), Decimal("2"), Decimal("3.5")] * 20
    frame = pd.DataFrame({"day": pd.Categorical(days), "price": pd.Categorical(prices)})
    read = pd.read_csv(io.StringIO(frame.to_csv(index=False)))
    read["price"] = pd.Categorical(read["price"])
    dates = frame.assign(day=pd.Categorical(days.date))
    encoded = TableEncoder().fit(frame).transform(frame)
    assert len(np.unique(encoded, axis=0)) == 9
    for fitted, other in ((frame, read), (frame, dates), (read, frame), (dates, read)):
        encoder = TableEncoder().fit(fitted)
        np.testing.assert_array_equal(
            encoder.transform(other), encoder.transform(fitted)
        )


@pytest.mark.parametrize("text", ["(0, 18", "0, 18]", "(a, b]", "(1)", "[]", "(,]"])
def test_other_text_in_brackets_stays_as_it_is(text):
    frame = pd.DataFrame({"word": [text, "other"] * 4})
    encoder = TableEncoder().fit(frame)
    encoded = encoder.transform(frame)
    assert len(np.unique(encoded, axis=0)) == 2
    assert not encoder.transform(pd.DataFrame({"word": [f"{text} "]})).any()


def test_the_order_of_columns_without_names_is_checked():
    text = pd.DataFrame(RNG.normal(size=(40, 2))).to_csv(header=False, index=False)
    frame = pd.read_csv(io.StringIO(text), header=None)
    encoder = TableEncoder().fit(frame)
    with pytest.raises(ValueError, match=r"\[1, 0\], in another order than in the fit"):
        encoder.transform(frame[[1, 0]])
    encoded = encoder.transform(frame)
    np.testing.assert_array_equal(encoder.transform(frame.to_numpy()), encoded)


def test_numbers_are_names_where_names_are_numbers():
    frame = pd.DataFrame(RNG.normal(size=(40, 4))).drop(columns=0)
    with pytest.raises(ValueError, match=r"names 0, but X has no such column.*1, 2, 3"):
        TableEncoder(drop_features=[0, 1]).fit(frame)
    for given, dropped in (([1, 2], [1, 2]), ([3], [3])):
        found = TableEncoder(drop_features=given).fit(frame).columns_["encoding"]
        assert [k for k, text in found.items() if "left out" in text] == dropped


LARGE = [2**60 + k for k in range(4)]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"id": LARGE}),
        pd.DataFrame({"id": [Decimal(value) for value in LARGE]}),
        pd.DataFrame({"id": pd.array([-(2**63), -(2**63) + 1, 5, 6], dtype="Int64")}),
        pl.DataFrame({"id": pl.Series(map(Decimal, LARGE), dtype=pl.Decimal(38, 0))}),
    ],
    ids=["integers", "decimals", "nullable", "polars decimals"],
)
def test_integers_that_floats_can_not_tell_apart_are_refused(frame):
    with pytest.raises(ValueError, match="'id' of X holds integers beyond 2\\*\\*53"):
        TableEncoder().fit(frame)


def test_decimals_are_numbers():
    prices = [Decimal("1.10"), Decimal("2.5"), None, Decimal("NaN")] * 5
    floats = [float("nan") if p is None else float(p) for p in prices]
    encoded = TableEncoder().fit_transform(pd.DataFrame({"price": prices}))
    expected = TableEncoder().fit_transform(pd.DataFrame({"price": floats}))
    np.testing.assert_array_equal(encoded, expected)


def test_names_that_no_file_holds_are_named(tmp_path):
    days = pd.date_range("2024-01-01", periods=3)
    frame = pd.DataFrame(RNG.normal(size=(40, 3)), columns=days)
    model = TabularRegressor(n_ensemble=1, epochs=1).fit(frame, frame.iloc[:, 0])
    with pytest.raises(ValueError, match=r"X.columns.astype\(str\)"):
        skdl.save(model, tmp_path / "model.skdl")


def test_all_columns_together_have_so_many_bins():
    X = RNG.normal(size=(300, 70))
    found = TableEncoder(n_bins=64).fit(X).columns_["encoding"].unique()
    assert found.tolist() == [f"scaled, {4_000 // 70} bins"]
