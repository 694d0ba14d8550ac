"""The tables of docs/guide/input.md: each line is what happens."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import DataConversionWarning

from skdl import KerasClassifier, MLPClassifier
from tests.faults.containers import ROWS, TARGETS
from tests.keras_models import build_classifier

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "input.md"
NETWORKS = [
    MLPClassifier((8,), epochs=2, random_state=0),
    KerasClassifier(
        build_classifier,
        loss="sparse_categorical_crossentropy",
        epochs=2,
        random_state=0,
    ),
]


def table(title):
    """Return the lines of a table: a container, and what each estimator does."""
    text = PAGE.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\| (.*) \| (.*) \| (.*) \|$", text, re.MULTILINE)
    return {container: outcomes for container, *outcomes in lines[1:]}


def iris():
    X, y = load_iris(return_X_y=True)
    return X.round(), y


@pytest.mark.parametrize(("title", "containers"), [("X", ROWS), ("y", TARGETS)])
def test_the_page_has_all_containers(title, containers):
    assert list(table(title)) == list(containers)
    assert len(containers) >= 24


@pytest.mark.slow
@pytest.mark.parametrize("container", ROWS)
@pytest.mark.parametrize("k", [0, 1], ids=["MLP", "Keras"])
def test_rows(container, k, tmp_path):
    X, y = iris()
    network, outcome = clone(NETWORKS[k]), table("X")[container][k]
    given = ROWS[container](X, tmp_path)
    if outcome == "works":
        plain = (X > 2).astype(float) if container == "boolean" else X
        expected = clone(network).fit(plain, y).predict_proba(plain)
        found = network.fit(given, y).predict_proba(given)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        return
    assert_refused(outcome, network, given, y)


@pytest.mark.slow
@pytest.mark.parametrize("container", TARGETS)
@pytest.mark.parametrize("k", [0, 1], ids=["MLP", "Keras"])
def test_targets(container, k, tmp_path):
    X, y = iris()
    network, outcome = clone(NETWORKS[k]), table("y")[container][k]
    given = TARGETS[container](y, tmp_path)
    if not outcome.startswith("works"):
        assert_refused(outcome, network, X, given)
        return
    with warnings.catch_warnings():
        if outcome == "works, with a warning":
            warnings.simplefilter("ignore", DataConversionWarning)
        found = network.fit(X, given)
    plain = (y > 0).astype(int) if container == "boolean" else y
    expected = clone(network).fit(X, plain)
    np.testing.assert_allclose(
        found.predict_proba(X), expected.predict_proba(X), atol=1e-6
    )
    labels = np.unique(np.asarray(given))[expected.predict(X)]
    assert np.array_equal(np.ravel(found.predict(X)), labels)


def assert_refused(outcome, network, X, y):
    verdict, words = outcome.split(": ", 1)
    assert verdict == "refused"
    with pytest.raises((TypeError, ValueError), match=re.escape(words)):
        network.fit(X, y)
    assert not hasattr(network, "classes_")
