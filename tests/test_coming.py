"""Each row of the tables for those who come from elsewhere."""

import inspect
import re
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import scikeras.wrappers
import sklearn.neural_network as sklearn_mlp
from sklearn.base import clone
from sklearn.datasets import load_iris

import skdl
from skdl.nn._normalization import NORMALIZATIONS

PAGE = Path(__file__).parents[1] / "docs" / "coming.md"
X, Y = load_iris(return_X_y=True)


def read_tables():
    """Return the rows of each section: what is theirs, and what stands under here."""
    tables = {}
    for section in PAGE.read_text().split("\n## ")[1:]:
        title, text = section.split("\n", 1)
        rows = [line.strip("| ").split(" | ") for line in text.splitlines()]
        tables[title] = [row[:2] for row in rows if len(row) >= 2 and row[0][:1] == "`"]
    return tables


TABLES = read_tables()
SKLEARN, SKORCH, KERAS, SCIKERAS = TABLES.values()
ROWS = [
    pytest.param(theirs, here, id=f"{theirs} {here}")
    for table in (SKLEARN, SKORCH, KERAS)
    for theirs, here in table
]


def build(meta):
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


@pytest.fixture(scope="module")
def network():
    frame = pd.DataFrame(X, columns=list("abcd"))
    early = dict(epochs=2, early_stopping=True, random_state=0)
    return skdl.MLPClassifier(8, **early).fit(frame, Y)


def codes_of(cell):
    return re.findall(r"`([^`]+)`", cell)


def run(code, kind, network, folder, **defaults):
    """Fit with parameters, or evaluate an expression for a fitted network."""
    names = dict(keras=keras, skdl=skdl, build=build, X=X, y=Y, path=str(folder / "a"))
    if "network" in code:
        frame = pd.DataFrame(X, columns=list("abcd"))
        names["X"] = frame
        if "fit(" in code:
            network = clone(network).set_params(early_stopping=False)
        return eval(code, names, {"network": network})
    params = defaults | eval(f"dict({code})", names)
    fitted = kind(**params).fit(X, Y)
    assert np.isfinite(fitted.history_["loss"]).all()
    return fitted


@pytest.mark.slow
@pytest.mark.parametrize(("theirs", "here"), ROWS)
def test_a_row_is_run(network, tmp_path, theirs, here):
    if here.strip() == "none":
        return
    codes = codes_of(here)
    assert codes
    for code in codes:
        found = run(code, skdl.MLPClassifier, network, tmp_path, epochs=2)
        if "network" in code and "save" not in code:
            assert found is not None


@pytest.mark.slow
@pytest.mark.parametrize(("theirs", "here"), SCIKERAS)
def test_a_row_of_scikeras_is_run(tmp_path, theirs, here):
    if here.strip() == "none":
        return
    defaults = dict(
        model=build, loss="sparse_categorical_crossentropy", epochs=2, verbose=0
    )
    for code in codes_of(here):
        if "network" not in code:
            run(code, skdl.KerasClassifier, None, tmp_path, **defaults)
            continue
        fitted = skdl.KerasClassifier(**defaults).fit(X, Y)
        assert eval(code, {"network": fitted, "X": X}) is not None


def names_of(table):
    return {code for theirs, _ in table for code in codes_of(theirs)}


def parameters_of(kind):
    return set(inspect.signature(kind).parameters) - {"kwargs"}


def attributes_of(kind):
    doc = inspect.getdoc(kind)
    part = doc[doc.index("\nAttributes") : doc.index("\nSee Also")]
    return set(re.findall(r"^(\w+_) :", part, re.M))


def test_everything_of_scikit_learn_is_in_its_table():
    kinds = (sklearn_mlp.MLPClassifier, sklearn_mlp.MLPRegressor)
    expected = set().union(*map(parameters_of, kinds), *map(attributes_of, kinds))
    assert expected <= names_of(SKLEARN)


def test_every_parameter_of_scikeras_is_in_its_table():
    assert parameters_of(scikeras.wrappers.KerasClassifier) <= names_of(SCIKERAS)


def test_every_parameter_of_keras_fit_that_is_named_exists():
    named = {
        name
        for code in names_of(KERAS)
        for name in re.findall(r"(\w+)=", code)
        if code.startswith("fit(")
    }
    assert named <= set(inspect.signature(keras.Model.fit).parameters)


def test_weights_are_named_as_scikit_learn_names_them(network):
    theirs = sklearn_mlp.MLPClassifier((8,), max_iter=5_000).fit(X, Y)
    for name in ("coefs_", "intercepts_"):
        shapes = [part.shape for part in getattr(network, name)]
        assert shapes == [part.shape for part in getattr(theirs, name)]
    assert np.shares_memory(network.coefs_[0], network._weights[0])
    x = X @ network.coefs_[0] + network.intercepts_[0]
    x = x / (1 + np.exp(-x)) @ network.coefs_[1] + network.intercepts_[1]
    frame = pd.DataFrame(X, columns=list("abcd"))
    np.testing.assert_allclose(network.decision_function(frame), x, rtol=1e-5)
    assert not hasattr(skdl.MLPClassifier(), "coefs_")


@pytest.mark.parametrize("normalization", sorted(NORMALIZATIONS))
def test_a_normalized_layer_has_the_shift_as_its_intercept(normalization):
    model = skdl.MLPClassifier(8, normalization=normalization, epochs=1).fit(X, Y)
    assert [part.shape for part in model.intercepts_] == [(8,), (3,)]


def test_an_ensemble_names_where_its_weights_are():
    ensemble = skdl.MLPClassifier(8, epochs=1, n_ensemble=2).fit(X, Y)
    with pytest.raises(AttributeError, match=r"estimators_\[0\].coefs_"):
        _ = ensemble.coefs_
    assert len(ensemble.estimators_[0].coefs_) == 2
