"""Defaults that follow the number of rows."""

import numpy as np
import pytest

from skdl import CNNClassifier, MLPClassifier, MLPRegressor
from skdl.estimators._defaults import resolve
from tests.conftest import equal_weights

AUTO = dict.fromkeys(("l2", "batch_size", "epochs"), "auto")


@pytest.mark.parametrize(
    ("kind", "n_rows", "l2", "batch_size", "epochs"),
    [
        (MLPClassifier, 150, 1e-3, 64, 100),
        (MLPClassifier, 2_000, 1e-3, 64, 100),
        (MLPClassifier, 8_000, 1.25e-4, 64, 100),
        (MLPClassifier, 20_000, 1e-3 / 10**1.5, 128, 100),
        (MLPClassifier, 60_000, 1e-3 / 30**1.5, 256, 33),
        (MLPClassifier, 1_000_000, 1e-3 / 500**1.5, 256, 5),
        (MLPRegressor, 150, 1e-3, 64, 100),
        (MLPRegressor, 6_000, 1e-3 / 3, 64, 100),
        (MLPRegressor, 60_000, 1e-3 / 30, 256, 10),
        (MLPRegressor, 1_000_000, 1e-3 / 500, 256, 5),
    ],
)
def test_auto_is_the_documented_number(kind, n_rows, l2, batch_size, epochs):
    found = resolve(kind(), AUTO, n_rows)
    assert found["l2"] == pytest.approx(l2)
    assert (found["batch_size"], found["epochs"]) == (batch_size, epochs)


def test_numbers_of_the_users_own_stay():
    settings = {"l2": 0.5, "batch_size": 7, "epochs": "auto"}
    assert resolve(MLPClassifier(), settings, 10) == {"epochs": 100}


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_auto_is_the_fit_with_its_numbers(kind):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3_000, 3)), np.arange(3_000) % 2
    auto = kind(4, epochs=2, random_state=0).fit(X, y)
    taken = auto.resolved_
    assert set(taken) == {"l2", "batch_size"}
    given = kind(4, epochs=2, random_state=0, **taken).fit(X, y)
    assert equal_weights(auto, given)
    assert given.resolved_ == {}
    penalty = float(sum(auto.model_.losses))
    assert penalty == pytest.approx(float(sum(given.model_.losses)))
    assert penalty > 0


def test_a_convolutional_network_has_numbers_of_its_own(digits):
    with pytest.raises(ValueError, match="'epochs' parameter"):
        CNNClassifier(epochs="auto").fit(*digits)


def test_early_stopping_splits_what_auto_has_counted(iris):
    X, y = np.tile(iris[0], (20, 1)), np.tile(iris[1], 20)
    found = MLPClassifier(4, early_stopping=True, patience=1, random_state=0).fit(X, y)
    assert found.resolved_ == resolve(found, AUTO, 3_000)
    assert found.resolved_ != resolve(found, AUTO, 2_700)
