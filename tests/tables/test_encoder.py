"""Columns of any kind as numbers."""

import datetime
import decimal
import enum
import sys
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdl import TabularRegressor
from skdl.preprocessing import PiecewiseLinearEncoder, TableEncoder

DAY = datetime.date(2024, 2, 28)
NOON = datetime.datetime(2024, 2, 28, 12)

# Each kind of column: values of three rows, the last missing where there is one.
KINDS = {
    "floats": ("number", [1.5, 2.0, None]),
    "integers": ("number", [1, 2, 4]),
    "nullable integers": ("number", pd.array([1, 2, None], dtype="Int64")),
    "nullable floats": ("number", pd.array([0.5, 2, None], dtype="Float32")),
    "decimals": ("number", [decimal.Decimal("1.5"), decimal.Decimal(2), None]),
    "booleans": ("boolean", [True, False, True]),
    "nullable booleans": ("boolean", pd.array([True, False, None], dtype="boolean")),
    "objects of booleans": ("boolean", [True, False, None]),
    "strings": ("category", ["a", "b", None]),
    "objects of strings": ("category", np.array(["a", "b", None], dtype=object)),
    "categories": ("category", pd.Categorical(["a", "b", None])),
    "ordered categories": ("category", pd.Categorical(["a", "b", None], ordered=True)),
    "categories of numbers": ("category", pd.Categorical([3, 5, None])),
    "categories of booleans": ("category", pd.Categorical([True, False, None])),
    "intervals": ("category", pd.cut([1, 5, np.nan], [0, 3, 6])),
    "dates": ("date", [DAY, DAY + datetime.timedelta(days=1), None]),
    "times": ("date", pd.to_datetime([NOON, NOON.replace(hour=3), None])),
    "zoned": (
        "date with a zone",
        pd.to_datetime([NOON, NOON.replace(day=1), None]).tz_localize(5),
    ),
    "periods": ("date", pd.period_range("2024-01", periods=3, freq="M")),
    "durations": ("duration", pd.to_timedelta([1, 2, None], unit="h")),
    "times of the day": ("duration", [datetime.time(1), datetime.time(2), None]),
    "sparse": ("number", pd.arrays.SparseArray([0, 1.0, 3.0])),
}
OF_POLARS = {
    "integers": ("number", pl.Series([1, 2, None])),
    "decimals": (
        "number",
        pl.Series([decimal.Decimal("1.5"), decimal.Decimal(2), None]),
    ),
    "booleans": ("boolean", pl.Series([True, False, None])),
    "strings": ("category", pl.Series(["a", "b", None])),
    "categorical": ("category", pl.Series(["a", "b", None], dtype=pl.Categorical)),
    "enum": ("category", pl.Series(["a", "b", None], dtype=pl.Enum(["b", "a"]))),
    "dates": ("date", pl.Series([DAY, DAY.replace(day=1), None])),
    "times": ("date", pl.Series([NOON, NOON.replace(day=1), None])),
    "durations": (
        "duration",
        pl.Series([datetime.timedelta(1), datetime.timedelta(2), None]),
    ),
    "times of the day": (
        "duration",
        pl.Series([datetime.time(1), datetime.time(2), None]),
    ),
}


@parametrize_with_checks([TableEncoder(), PiecewiseLinearEncoder()])
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_of_pandas_is_known(name):
    kind, values = KINDS[name]
    frame = pd.DataFrame({"x": values, "other": [1.0, 2, 3]})
    encoder = TableEncoder().fit(frame)
    encoded = encoder.transform(frame)
    assert encoder.columns_["kind"]["x"] == kind
    assert np.isfinite(encoded).all()
    assert encoded.dtype == np.float32
    # The rows differ in what they hold.
    own = encoded[:, : encoder.columns_["outputs"]["x"]]
    assert len(np.unique(own, axis=0)) == 3 - (name == "booleans")
    has_gap = pd.isna(pd.Series(values)).any()
    assert encoder.columns_["missing"]["x"] == pytest.approx(has_gap / 3)


@pytest.mark.parametrize("name", OF_POLARS)
def test_each_kind_of_polars_is_known(name):
    kind, values = OF_POLARS[name]
    frame = pl.DataFrame({"x": values})
    encoder = TableEncoder().fit(frame)
    assert encoder.columns_["kind"]["x"] == kind
    assert encoder.columns_["missing"]["x"] == pytest.approx(values.null_count() / 3)
    assert len(np.unique(encoder.transform(frame), axis=0)) == len(values)


@pytest.mark.parametrize("name", ["integers", "booleans", "strings", "dates"])
def test_pandas_and_polars_give_the_same(name):
    frame = pl.DataFrame({"x": OF_POLARS[name][1]})
    other = frame.to_pandas()
    np.testing.assert_array_equal(
        TableEncoder().fit_transform(frame), TableEncoder().fit_transform(other)
    )


def test_numbers_are_scaled_by_their_quartiles_and_drawn_in():
    x = np.concatenate([np.linspace(-1, 1, 101), [1e6]])[:, None]
    encoded = TableEncoder(n_bins=0).fit_transform(x)
    # The quartiles are those of a normal distribution: 0.674, drawn in to 0.658.
    assert encoded[75, 0] == pytest.approx(0.658, abs=0.03)
    assert encoded[50, 0] == pytest.approx(0, abs=0.02)
    assert encoded[-1, 0] == pytest.approx(3, abs=1e-4)


def test_a_number_becomes_bins_too():
    encoder = TableEncoder(n_bins=4).fit(np.arange(101.0)[:, None])
    assert encoder.columns_["encoding"][0] == "scaled, 4 bins"
    assert encoder.transform([[37.5]])[0, 1:].tolist() == [1, 0.5, 0, 0]


@pytest.mark.parametrize(
    ("n_rows", "n_bins"), [(20, 6), (300, 7), (1_000, 10), (4_000, 16), (9_000, 16)]
)
def test_more_rows_get_more_bins(n_rows, n_bins):
    encoder = TableEncoder().fit(np.arange(float(n_rows))[:, None])
    assert encoder.n_outputs_ == 1 + n_bins


def test_wide_tables_get_fewer_bins():
    X = np.random.default_rng(0).normal(size=(50, 1000))
    assert TableEncoder(n_bins=16).fit(X).n_outputs_ == 1000 * (1 + 4)


def test_categories_have_an_indicator_each_and_unknown_ones_none():
    frame = pd.DataFrame({"x": [*"aaabbcc"]})
    encoder = TableEncoder().fit(frame)
    new = pd.DataFrame({"x": ["a", "b", "c", "new", None]})
    expected = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert encoder.transform(new).tolist() == expected


def test_rare_categories_share_an_indicator_with_unknown_ones():
    frame = pd.DataFrame({"x": [*"aaabbbccde"]})
    encoder = TableEncoder(max_categories=2).fit(frame)
    new = pd.DataFrame({"x": [*"abce?"]})
    expected = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]]
    assert encoder.transform(new).tolist() == expected
    assert encoder.columns_["encoding"]["x"] == "2 indicators, 1 for the other 3"
    assert encoder.columns_["categories"]["x"] == 5


def test_the_order_of_the_rows_does_not_change_the_encoding():
    frame = pd.DataFrame({"x": [*"bacabc"], "n": [3.0, 1, 4, 1, 5, 9]})
    new = frame.iloc[::-1]
    one, other = TableEncoder().fit(frame), TableEncoder().fit(new)
    np.testing.assert_array_equal(one.transform(frame), other.transform(frame))


def test_two_categories_are_one_number():
    encoder = TableEncoder().fit(pd.DataFrame({"x": ["no", "yes", "no"]}))
    new = pd.DataFrame({"x": ["no", "yes", "perhaps", None]})
    assert encoder.transform(new)[:, 0].tolist() == [1, -1, 0, 0]


def test_thousands_of_categories_are_bounded():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.integers(3000, size=20_000).astype(str)})
    encoder = TableEncoder(categorical_features=["x"]).fit(frame)
    assert encoder.n_outputs_ == 101


def test_missing_numbers_have_an_indicator_only_if_the_fit_saw_some():
    with_gap = TableEncoder(n_bins=0).fit([[1.0], [2.0], [np.nan], [3.0]])
    assert with_gap.transform([[np.nan], [2.0]]).tolist() == [[0, 1], [0, 0]]
    without = TableEncoder(n_bins=0).fit([[1.0], [2.0], [3.0]])
    assert without.transform([[np.nan]]).tolist() == [[0]]


def test_a_date_is_split_into_its_parts():
    days = pd.date_range("2023-01-02", periods=800, freq="D")  # a Monday first
    frame = pd.DataFrame({"day": days})
    encoder = TableEncoder(n_bins=0).fit(frame)
    encoded = encoder.transform(frame)
    # Time, two of the year, seven of the week.
    assert encoded.shape[1] == 1 + 2 + 7
    np.testing.assert_array_equal(encoded[:7, 3:], np.eye(7))
    np.testing.assert_allclose(encoded[0, 1:3], encoded[365, 1:3], atol=0.01)
    assert "time of the day" not in encoder.columns_["encoding"]["day"]


def test_hours_count_where_there_are_some():
    times = pd.date_range("2024-01-01", periods=60, freq="6h")
    encoder = TableEncoder(n_bins=0).fit(pd.DataFrame({"time": times}))
    assert "time of the day" in encoder.columns_["encoding"]["time"]
    midnight, morning = encoder.transform(pd.DataFrame({"time": times[:2]}))[:, -2:]
    np.testing.assert_allclose(midnight, [0, 1], atol=1e-6)
    np.testing.assert_allclose(morning, [1, 0], atol=1e-6)


def test_zones_are_brought_to_one_time():
    utc = pd.date_range("2024-01-01", periods=3, freq="30h", tz="UTC")
    encoder = TableEncoder().fit(pd.DataFrame({"t": utc}))
    there = pd.DataFrame({"t": utc.tz_convert("Asia/Tokyo")})
    np.testing.assert_array_equal(
        encoder.transform(there), encoder.transform(pd.DataFrame({"t": utc}))
    )


@pytest.mark.parametrize("kind", ["frame", "polars", "objects"])
def test_dates_with_a_zone_and_without_are_not_mixed(kind):
    plain = pd.date_range("2024-01-01", periods=4, freq="30h")
    zoned = plain.tz_localize(ZoneInfo("Asia/Tokyo"))

    def table(times):
        if kind == "polars":
            return pl.DataFrame({"t": times.to_pydatetime().tolist()})
        as_is = times if kind == "frame" else times.astype(object)
        return pd.DataFrame({"t": as_is})

    for fitted, other in ((plain, zoned), (zoned, plain)):
        encoder = TableEncoder().fit(table(fitted))
        with pytest.raises(ValueError, match="'t' of X held values of the kind 'date"):
            encoder.transform(table(other))
    with pytest.raises(ValueError, match="several kinds: .*date with a zone"):
        TableEncoder().fit(pd.DataFrame({"t": [plain[0], zoned[1]]}, dtype=object))


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
@pytest.mark.parametrize("zone_of_the_gap", [None, "UTC"])
def test_a_row_whose_date_is_missing_is_encoded(zone, zone_of_the_gap):
    times = pd.date_range("2024-01-01", periods=4, freq="30h", tz=zone)
    frame = pd.DataFrame({"t": times, "x": range(4)})
    frame.loc[1, "t"] = pd.NaT
    encoder = TableEncoder().fit(frame)
    gap = pd.DataFrame({"t": pd.DatetimeIndex([pd.NaT], tz=zone_of_the_gap), "x": [1]})
    np.testing.assert_array_equal(encoder.transform(gap), encoder.transform(frame)[1:2])


def test_dates_are_no_numbers():
    frame = pd.DataFrame({"t": pd.date_range("2024-01-01", periods=4), "x": range(4)})
    with pytest.raises(
        ValueError, match="numerical_features names 't', which .*'date'"
    ):
        TableEncoder(numerical_features=["t"]).fit(frame)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1.0, 1.0, 1.0], "constant"),
        (["a", "a", "a"], "constant"),
        ([None, None, None], "all missing"),
        ([np.nan, np.nan, np.nan], "all missing"),
        (["a", "b", "c"], "no category occurs twice"),
    ],
)
def test_what_says_nothing_is_left_out(values, reason):
    frame = pd.DataFrame({"x": values, "y": [1, 2, 4]})
    encoder = TableEncoder().fit(frame)
    assert encoder.columns_["encoding"]["x"] == f"left out: {reason}"
    assert encoder.transform(frame).shape == (3, 3)
    # It may then hold anything.
    assert encoder.transform(pd.DataFrame({"x": [[1]], "y": [2]})).shape == (1, 3)


def test_a_constant_with_gaps_is_an_indicator():
    encoder = TableEncoder().fit(pd.DataFrame({"x": [5.0, None, 5.0]}))
    assert encoder.transform(pd.DataFrame({"x": [5.0, None]})).tolist() == [
        [0, 0],
        [0, 1],
    ]


def test_wrong_guesses_are_corrected():
    frame = pd.DataFrame(
        {"code": [1, 2, 3, 1, 2, 3], "size": [*"123456"], "id": [*"abcdef"]}
    )
    encoder = TableEncoder(
        categorical_features=["code"], numerical_features=["size"], drop_features=["id"]
    ).fit(frame)
    assert encoder.columns_["kind"].tolist() == ["category", "number", ""]
    assert encoder.columns_["encoding"]["id"] == "left out: drop_features"
    by_index = TableEncoder(
        categorical_features=[0], numerical_features=[1], drop_features=[2]
    ).fit(frame)
    np.testing.assert_array_equal(encoder.transform(frame), by_index.transform(frame))
    mask = [True, False, False]
    by_mask = TableEncoder(
        categorical_features=mask, numerical_features=[1], drop_features=[2]
    ).fit(frame)
    np.testing.assert_array_equal(encoder.transform(frame), by_mask.transform(frame))


def test_integers_may_name_columns():
    frame = pd.DataFrame({10: [1.0, 2, 3], 20: ["a", "b", "a"]})
    encoder = TableEncoder(drop_features=[20]).fit(frame)
    assert encoder.columns_["kind"].tolist() == ["number", ""]
    assert not hasattr(encoder, "feature_names_in_")


def test_arrays_of_objects_and_lists_are_tables():
    rows = [[1, "a", None], [2, "b", 0.5], [4, "a", 1.5]]
    encoder = TableEncoder().fit(rows)
    assert encoder.columns_["kind"].tolist() == ["number", "category", "number"]
    np.testing.assert_array_equal(
        encoder.transform(rows), encoder.transform(np.array(rows, dtype=object))
    )


def test_numbers_come_in_any_type():
    x = np.array([[1], [2], [5]])
    encoder = TableEncoder().fit(x)
    for kind in (np.int8, np.uint32, np.float16, np.float64, object):
        found = encoder.transform(x.astype(kind))
        np.testing.assert_array_equal(found, encoder.transform(x))


def test_a_number_column_takes_text_of_numbers_and_booleans_later():
    encoder = TableEncoder().fit(pd.DataFrame({"x": [1.0, 2.0, 4.0]}))
    found = encoder.transform(pd.DataFrame({"x": ["2", "4"]}))
    expected = encoder.transform(pd.DataFrame({"x": [2.0, 4.0]}))
    np.testing.assert_array_equal(found, expected)


def test_categories_of_numbers_are_known_in_any_type():
    encoder = TableEncoder().fit(pd.DataFrame({"x": pd.Categorical([1, 2, 3] * 2)}))
    expected = encoder.transform(pd.DataFrame({"x": pd.Categorical([3, 1])}))
    for values in ([3, 1], [3.0, 1.0], pd.array([3, 1], dtype="Int64")):
        found = encoder.transform(pd.DataFrame({"x": values}))
        np.testing.assert_array_equal(found, expected)


# What can't be a table


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (pd.DataFrame({"x": [[1], [2]]}), TypeError, "'x' of X holds lists"),
        (pl.DataFrame({"x": [[1], [2]]}), TypeError, "'x' of X holds lists"),
        (pl.DataFrame({"x": [{"a": 1}]}), TypeError, "'x' of X holds lists or records"),
        (pd.DataFrame({"x": [{1: 2}]}), TypeError, "'x' of X holds lists or records"),
        (pd.DataFrame({"x": [1j, 2]}), TypeError, "'x' of X holds 1j: argument must"),
        (pd.DataFrame({"x": [b"a"]}), TypeError, "'x' of X holds b'a'"),
        (pd.DataFrame({"x": [np.inf, 1]}), ValueError, "'x' of X contains infinity"),
        (pl.DataFrame({"x": [np.inf, 1]}), ValueError, "'x' of X contains infinity"),
        (
            pd.DataFrame({"x": np.array([1, "a"], object)}),
            ValueError,
            "'x' of X holds values of several kinds: 'a' .category., 1 .number.",
        ),
        (
            pd.DataFrame([[1, 2]], columns=["x", "x"]),
            ValueError,
            "several columns of one name, .'x'.",
        ),
        (pd.DataFrame({"x": []}), ValueError, "0 sample"),
        (pd.DataFrame(index=[1, 2]), ValueError, "0 feature"),
        (np.zeros(3), ValueError, "Expected 2D array, got 1D"),
        (np.zeros((2, 2, 2)), ValueError, "Expected 2D array, got 3D"),
        (np.array([(1, 2.0)], dtype="i4,f4"), ValueError, "structured array"),
        ({"x": [1, 2]}, ValueError, "X is made of dicts: give a data frame"),
        ([{"x": 1}, {"x": 2}], ValueError, "X is made of dicts: give a data frame"),
        (pl.LazyFrame({"x": [1, 2]}), ValueError, "X is a lazy frame: collect it"),
        ([[1, 2], [3]], ValueError, "X can't be made a table.*inhomogeneous"),
        (np.array([[1j]]), ValueError, "Complex data not supported"),
    ],
)
def test_what_can_not_be_read_is_named(X, error, message):
    with pytest.raises(error, match=message):
        TableEncoder().fit(X)


@pytest.mark.parametrize("n_rows", [30, 150])
def test_text_is_refused(n_rows):
    words = [f"the quick brown fox number {k} jumps over it" for k in range(n_rows)]
    frame = pd.DataFrame({"remarks": words})
    with pytest.raises(ValueError, match="'remarks' of X holds text.*TfidfVectorizer"):
        TableEncoder().fit(frame)
    kept = TableEncoder(categorical_features=["remarks"]).fit(frame)
    assert kept.columns_["kind"].tolist() == ["category"]


def test_numbers_written_as_text_are_told():
    frame = pd.DataFrame({"x": [f"{k}.5" for k in range(40)] * 2})
    with pytest.warns(UserWarning, match="'x' of X holds numbers written as text"):
        TableEncoder().fit(frame)
    TableEncoder(numerical_features=["x"]).fit(frame)
    TableEncoder(categorical_features=["x"]).fit(frame)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"drop_features": ["sise"]}, "drop_features names 'sise'.*'size'"),
        ({"categorical_features": [7]}, "categorical_features names 7"),
        ({"categorical_features": [True]}, "a mask of 1 values, but X has 2 columns"),
        (
            {"categorical_features": ["size"], "numerical_features": ["size"]},
            "both name .'size'.",
        ),
        ({"drop_features": ["size"], "numerical_features": [0]}, "both name .'size'."),
        ({"numerical_features": ["color"]}, "'color' of X is to hold.*'red'"),
        ({"categorical_features": "size"}, "'categorical_features' parameter"),
        ({"n_bins": -1}, "'n_bins' parameter"),
        ({"max_categories": 0}, "'max_categories' parameter"),
    ],
)
def test_bad_parameters_are_named(params, message):
    frame = pd.DataFrame({"size": [1.0, 2, 3], "color": ["red", "blue", "red"]})
    with pytest.raises(ValueError, match=message):
        TableEncoder(**params).fit(frame)


def test_dates_are_no_categories():
    frame = pd.DataFrame({"t": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    with pytest.raises(ValueError, match=r"'t' of X holds.*'date'.*astype\(str\)"):
        TableEncoder(categorical_features=["t"]).fit(frame)


FITTED = pd.DataFrame(
    {
        "n": [1.0, 2, 3],
        "c": ["a", "b", "a"],
        "t": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-05"]),
    }
)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n": ["x", "y", "z"]}, ValueError, "'n' of X is to hold numbers.*'x'"),
        (
            {"t": [1, 2, 3]},
            ValueError,
            "'t' of X held.*'date' in the fit.*kind 'n",
        ),
        ({"n": FITTED["t"]}, ValueError, "'n' of X held.*'number'.*kind 'date'"),
        (
            {"c": FITTED["t"]},
            ValueError,
            "'c' of X held categories of strings.*kind 'date'",
        ),
        ({"t": ["2024-01-01"] * 3}, ValueError, "'t' of X held.*'date'.*'category'"),
        ({"n": [np.inf, 1, 2]}, ValueError, "'n' of X contains infinity"),
        ({"c": [[1], [2], [3]]}, TypeError, "'c' of X holds lists"),
    ],
)
def test_another_kind_than_in_the_fit_is_named(change, error, message):
    encoder = TableEncoder().fit(FITTED)
    with pytest.raises(error, match=message):
        encoder.transform(FITTED.assign(**change))


def test_columns_keep_their_names_and_order():
    encoder = TableEncoder().fit(FITTED)
    with pytest.raises(ValueError, match="feature names should match"):
        encoder.transform(FITTED[["c", "n", "t"]])
    with pytest.raises(ValueError, match="feature names should match"):
        encoder.transform(FITTED.rename(columns={"n": "m"}))
    with pytest.raises(ValueError, match="names should match"):
        encoder.transform(FITTED[["n", "c"]])


@pytest.mark.parametrize(
    "values",
    [
        [1e308, -1e308, 1e300, 0, 5],
        [1e-320, 2e-320, 0, 5e-324, 1e-310],
        [1e9 + k * 1e-7 for k in range(5)],
        [0, 0, 0, 0, 1e-300],
    ],
)
def test_numbers_of_any_size_are_encoded(values):
    encoder = TableEncoder().fit(np.array(values)[:, None])
    new = np.array([*values, 0, 1, -1e308, 1e308, np.nan])[:, None]
    encoded = encoder.transform(new)
    assert np.isfinite(encoded).all()
    assert np.abs(encoded).max() <= 3
    assert len(np.unique(encoded[:5], axis=0)) == len(set(values))


def test_masked_values_are_missing():
    X = np.ma.masked_array([[1.0], [2], [99], [4]], mask=[[0], [0], [1], [0]])
    encoder = TableEncoder(n_bins=0).fit(X)
    assert encoder.columns_["missing"][0] == 0.25
    np.testing.assert_array_equal(
        encoder.transform(X), encoder.transform([[1.0], [2], [np.nan], [4]])
    )


def test_tables_of_arrow_are_read():
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"n": [1, 2, None, 4], "c": ["x", "y", None, "x"]})
    frame = table.to_pandas()
    encoder = TableEncoder(drop_features=["c"]).fit(table)
    assert [*encoder.feature_names_in_] == ["n", "c"]
    np.testing.assert_array_equal(encoder.transform(table), encoder.transform(frame))


def test_all_may_be_missing_later():
    encoder = TableEncoder().fit(FITTED)
    gaps = pd.DataFrame({"n": [None], "c": [None], "t": [None]})
    assert np.isfinite(encoder.transform(gaps)).all()


# What a hostile reader found


@pytest.mark.parametrize("library", [pd, pl])
def test_integers_that_floats_merge_are_refused(library):
    frame = library.DataFrame({"id": [2**60 + k % 3 for k in range(9)]})
    with pytest.raises(ValueError, match="'id' of X holds integers beyond 2"):
        TableEncoder().fit(frame)
    far_apart = library.DataFrame({"id": [2**60, 2**61, 2**62]})
    assert TableEncoder().fit(far_apart).n_outputs_ == 3


LARGE = [2**53, 2**53 + 1] * 9


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"id": pd.array([*LARGE, None], "Int64")}),
        pd.DataFrame({"id": pd.Series(LARGE, dtype=object)}),
        pl.DataFrame({"id": [*LARGE, None]}),
        pl.DataFrame({"id": pl.Series(LARGE, dtype=pl.Int128)}),
        pd.DataFrame({"id": [*map(str, LARGE)]}),
    ],
    ids=["nullable", "objects", "polars with a gap", "128 bits", "text"],
)
def test_integers_that_floats_merge_are_refused_in_any_container(frame):
    with pytest.raises(ValueError, match="'id' of X holds integers beyond 2"):
        TableEncoder(numerical_features=["id"]).fit(frame)


@pytest.mark.parametrize("make", [list, pd.Categorical])
def test_categories_that_single_floats_merge_are_refused(make):
    codes = make([20240101.1, 20240101.2, 20240101.3] * 5)
    with pytest.raises(ValueError, match="'code' of X holds categories that are num"):
        TableEncoder(categorical_features=["code"]).fit(pd.DataFrame({"code": codes}))


def test_categories_of_strings_and_numbers_are_refused():
    mixed = pd.DataFrame({"c": pd.Categorical([1, "1", 2] * 5)})
    with pytest.raises(ValueError, match="'c' of X holds values of several kinds"):
        TableEncoder().fit(mixed)


def test_columns_are_shown_by_their_names():
    frame = pd.DataFrame({1: [1.0, 2, 3], 2: [3.0, 4, 4], 3: [5.0, 6, 7]})
    encoder = TableEncoder(drop_features=[2]).fit(frame)
    assert encoder.columns_["encoding"][2] == "left out: drop_features"
    levels = frame.set_axis([("a", "x"), ("a", "y"), ("b", "x")], axis=1)
    encoder = TableEncoder(drop_features=[("a", "y")]).fit(levels)
    assert encoder.columns_.index.tolist() == levels.columns.tolist()
    assert encoder.columns_["outputs"].tolist() == [3, 0, 3]


def test_categories_of_large_integers_stay_apart():
    values = pd.Categorical([2**60 + k % 3 for k in range(9)])
    encoder = TableEncoder().fit(pd.DataFrame({"id": values}))
    assert encoder.columns_["categories"]["id"] == 3


def test_categories_that_are_floats_are_known_in_any_width():
    wide = np.array([[0.1], [0.2], [0.3]] * 2)
    encoder = TableEncoder(categorical_features=[0]).fit(wide)
    expected = encoder.transform(wide)
    np.testing.assert_array_equal(encoder.transform(wide.astype(np.float32)), expected)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_is_read_by_its_columns():
    rows = np.array([[1.0, 2], [3, 4], [5, 6]])
    encoder = TableEncoder().fit(np.asmatrix(rows))
    np.testing.assert_array_equal(
        encoder.transform(np.asmatrix(rows)), TableEncoder().fit_transform(rows)
    )


def test_members_of_an_enumeration_are_their_strings():
    class Color(enum.StrEnum):
        RED = "red"
        BLUE = "blue"

    values = np.array([Color.RED, Color.BLUE, Color.RED], dtype=object)
    encoder = TableEncoder().fit(pd.DataFrame({"x": values}))
    found = encoder.transform(pd.DataFrame({"x": ["red", "blue", "red"]}))
    np.testing.assert_array_equal(found[:, 0], [1, -1, 1])


def test_dates_written_as_text_are_told():
    days = pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d")
    with pytest.warns(UserWarning, match="'x' of X holds dates written as text"):
        TableEncoder().fit(pd.DataFrame({"x": [*days, *days]}))


def test_gaps_among_names_that_occur_once_are_kept():
    frame = pd.DataFrame({"id": ["a", None, "b", None, "c"]})
    encoded = TableEncoder().fit_transform(frame)
    assert encoded.tolist() == [[1, 0], [0, 1], [1, 0], [0, 1], [1, 0]]


@pytest.mark.parametrize(
    "value",
    [10**400, decimal.Decimal("sNaN")],
    ids=["a large integer", "a signaling NaN"],
)
def test_objects_that_are_no_floats_are_named(value):
    frame = pd.DataFrame({"x": pd.Series([value, 1, 2], dtype=object)})
    with pytest.raises(ValueError, match="'x' of X holds"):
        TableEncoder().fit(frame)


def test_objects_of_numpys_durations_are_durations():
    values = np.array([np.timedelta64(1, "h"), np.timedelta64(2, "h")] * 2)
    objects = np.empty((4, 1), dtype=object)
    objects[:, 0] = list(values)
    encoder = TableEncoder().fit(objects)
    assert encoder.columns_["kind"][0] == "duration"
    np.testing.assert_array_equal(
        encoder.transform(objects), encoder.transform(values[:, None])
    )


def test_durations_without_days_are_named():
    with pytest.raises(ValueError, match="Column 0 of X holds timedelta64.M.*unit"):
        TableEncoder().fit(np.array([[1], [2]], dtype="m8[M]"))


def test_names_that_are_given_name_the_outputs():
    encoder = TableEncoder(n_bins=0).fit([[1.0, 2], [2, 3], [4, 5]])
    assert encoder.get_feature_names_out(["a", "b"]).tolist() == ["a_0", "b_0"]
    with pytest.raises(ValueError, match="input_features"):
        encoder.get_feature_names_out(["a"])


def test_bins_of_the_largest_numbers_are_finite():
    encoder = PiecewiseLinearEncoder(1).fit([[1.7e308], [-1.7e308]])
    assert encoder.transform([[1.7e308], [-1.7e308]]).tolist() == [[1], [0]]


def test_text_of_a_number_that_no_float_holds_is_infinity():
    frame = pd.DataFrame({"a": ["1", "2", "9" * 400]})
    with pytest.raises(ValueError, match="'a' of X contains infinity"):
        TableEncoder(numerical_features=["a"]).fit(frame)


def test_without_pandas_the_table_of_columns_is_left_out(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(30, 2))
    model = TabularRegressor(epochs=1, n_ensemble=1).fit(rows, rows[:, 0])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(AttributeError, match="pip install pandas"):
        model.columns_  # noqa: B018
    assert "TabularRegressor" in model._repr_html_()
