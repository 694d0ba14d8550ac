"""Dates and durations: nobody makes numbers of them that depend on their unit."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from skdl import CNNRegressor, KerasRegressor, MLPRegressor, TabularRegressor
from skdl.preprocessing import ImageScaler, PiecewiseLinearEncoder
from tests.keras_models import build_regressor

HOURS = np.arange(1.0, 41.0)
PLAIN = pd.DataFrame({"spent": HOURS, "size": HOURS[::-1]})
TIMES = {
    "duration": pd.to_timedelta(HOURS, unit="h"),
    "date": pd.Timestamp("2026-01-01") + pd.to_timedelta(HOURS, unit="D"),
    "zoned": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(HOURS, unit="D"),
}
REFUSING = [
    MLPRegressor((4,), epochs=1, random_state=0),
    CNNRegressor((2,), image_shape=(1, 2, 1), epochs=1, random_state=0),
    KerasRegressor(build_regressor, loss="mse", epochs=1, random_state=0),
    PiecewiseLinearEncoder(),
    ImageScaler(image_shape=(1, 2, 1)),
]


def as_polars(frame):
    """Return a frame of polars, from values of Python: it reads no others of old."""
    values = {name: column.tolist() for name, column in frame.items()}
    return pl.DataFrame(
        {
            name: [getattr(v, "to_pytimedelta", lambda v=v: v)() for v in column]
            for name, column in values.items()
        }
    )


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize("make", [pd.DataFrame, as_polars])
@pytest.mark.parametrize("estimator", REFUSING, ids=lambda e: type(e).__name__)
def test_columns_of_times_are_named_and_refused(estimator, make, kind):
    times = PLAIN.assign(spent=TIMES[kind])
    with pytest.raises(ValueError, match=r"X holds dates or .*\['spent'\].*Make numb"):
        clone(estimator).fit(make(times), HOURS)
    fitted = clone(estimator).fit(make(PLAIN), HOURS)
    predict = getattr(fitted, "predict", None) or fitted.transform
    with pytest.raises(ValueError, match=r"X holds dates or .*\['spent'\].*Make numb"):
        predict(make(times))


def test_times_to_validate_on_are_refused():
    times = PLAIN.assign(spent=TIMES["date"])
    network = clone(REFUSING[0]).set_params(early_stopping=True)
    with pytest.raises(ValueError, match=r"X_val holds dates or .*\['spent'\]"):
        network.fit(PLAIN, HOURS, X_val=times, y_val=HOURS)


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize("unit", ["s", "ms", "ns"])
def test_a_table_reads_the_same_from_every_unit(kind, unit):
    times = PLAIN.assign(spent=TIMES[kind])
    other = times.assign(spent=times["spent"].dt.as_unit(unit))
    network = TabularRegressor(epochs=2, n_ensemble=1, random_state=0)
    network.fit(times, HOURS)
    np.testing.assert_array_equal(network.predict(other), network.predict(times))


@pytest.mark.parametrize("value", [pd.Timedelta("1h"), {"a": 1}])
def test_values_that_are_not_numbers_are_refused_in_words(value):
    X = PLAIN.to_numpy(object, copy=True)
    X[3, 0] = value
    words = "X holds values that are not numbers .*leave their column out"
    with pytest.raises(TypeError, match=words):
        clone(REFUSING[0]).fit(X, HOURS)
    fitted = clone(REFUSING[0]).fit(PLAIN.to_numpy(), HOURS)
    with pytest.raises(TypeError, match=words):
        fitted.predict(X)


@pytest.mark.parametrize("estimator", REFUSING[:3], ids=lambda e: type(e).__name__)
def test_times_of_numpy_are_refused_in_every_container(estimator):
    hours = np.arange(40).astype("m8[h]")
    objects = np.array([[hour, 1.0] for hour in hours], dtype=object)
    lists = [[hour, hour] for hour in hours]
    for X in (objects, lists, np.stack([hours, hours], axis=1)):
        with pytest.raises(ValueError, match="X holds dates or durations"):
            clone(estimator).fit(X, HOURS)
    weight = pd.Series(hours)
    with pytest.raises(ValueError, match="weight holds dates or durations"):
        clone(estimator).fit(PLAIN, HOURS, sample_weight=weight)
    with pytest.raises(ValueError, match="y (holds dates|must hold finite real)"):
        clone(estimator).fit(PLAIN, weight)
