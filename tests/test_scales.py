"""What a beginner brings: large features, large rates, numbers as classes."""

import re
import warnings

import keras
import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdl import KerasRegressor, MLPClassifier, MLPRegressor


def test_large_features_are_said_with_numbers(iris):
    X, y = iris
    network = MLPClassifier(4, epochs=1)
    words = (
        r"4 of 4 features are large: feature \d has mean .*e\+07 and standard dev"
        r".*make_pipeline\(StandardScaler\(\), network\)"
    )
    with pytest.warns(UserWarning, match=words) as caught:
        network.fit(X * 1e7 + 5e7, y)
    assert len(caught) == 1
    frame, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    with pytest.warns(UserWarning, match="2 of 30 features are large: feature 'worst"):
        MLPClassifier(4, epochs=1).fit(frame, labels)


def test_entries_of_sparse_rows_that_stand_twice_are_added():
    columns, ends = np.tile([1, 1, 2], 40), np.arange(0, 121, 3)
    values = np.random.default_rng(0).random(120)
    X = scipy.sparse.csr_array((values, columns, ends), shape=(40, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MLPClassifier(4, epochs=1).fit(X, np.arange(40) % 2)


def test_scaled_features_and_bytes_are_fine(iris, digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline = make_pipeline(StandardScaler(), MLPClassifier(4, epochs=1))
        pipeline.fit(iris[0] * 1e7, iris[1])
        rng = np.random.default_rng(0)
        MLPClassifier(4, epochs=1).fit(rng.integers(0, 256, (50, 9)), np.arange(50) % 2)


@pytest.mark.parametrize(("rate", "warned"), [(10, True), (1.5, True), (0.5, False)])
def test_a_large_rate_is_said(iris, rate, warned):
    network = MLPClassifier(4, epochs=1, learning_rate=rate)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network.fit(*iris)
    texts = [str(w.message) for w in caught]
    assert any(f"learning_rate={rate:g} is large" in t for t in texts) is warned


def build(meta):
    return keras.Sequential([keras.Input((10,)), keras.layers.Dense(1)])


def test_a_first_loss_in_the_millions_is_said(diabetes):
    X, y = diabetes
    network = KerasRegressor(build, loss="mse", random_state=0)
    words = r"first epoch is .*e\+0[89] with targets of mean 1.52e\+04 .*Transformed"
    with pytest.warns(UserWarning, match=words):
        network.fit(X, 100 * y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network.fit(X, y / 100)
        MLPRegressor(4, epochs=1).fit(X, 1e6 * y)  # it scales them itself


def test_numbers_as_classes_are_said_as_in_scikit_learn(diabetes):
    X, y = diabetes
    words = re.escape("The number of unique classes is greater than 50% of the number")
    rows = np.unique(y, return_index=True)[1]
    with pytest.warns(UserWarning, match=words):
        MLPClassifier(4, epochs=1).fit(X[rows], y[rows].astype(int))


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_targets_whose_squares_no_float_holds_are_refused(factor):
    X = np.random.default_rng(0).normal(size=(60, 3))
    with pytest.raises(ValueError, match="y holds numbers from .* by a factor"):
        MLPRegressor(epochs=1).fit(X, X[:, 0] * factor)
    with pytest.raises(ValueError, match="y holds numbers from .* by a factor"):
        MLPRegressor(epochs=1).fit(X, X[:, :2] * [1, factor])


@pytest.mark.parametrize("factor", [1e-100, 1e100])
def test_targets_of_any_other_size_are_learned_alike(factor):
    X = np.random.default_rng(0).normal(size=(200, 3))
    plain, scaled = (
        MLPRegressor(8, epochs=20, random_state=0).fit(X, X[:, 0] * size)
        for size in (1.0, factor)
    )
    assert scaled.score(X, X[:, 0] * factor) == pytest.approx(
        plain.score(X, X[:, 0]), abs=1e-3
    )
