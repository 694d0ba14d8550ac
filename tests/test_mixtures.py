"""Parameters and data that are right alone, together."""

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import skdl
from skdl import CNNClassifier, MLPClassifier, MLPRegressor, TabularRegressor
from tests.conftest import equal_weights

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 5))
Y = np.digitize(X[:, 0], [-0.5, 0.5])
PARAMS = dict(epochs=2, hidden_layer_sizes=(8, 4), random_state=0)


@pytest.mark.parametrize("kind", ["single", "ensemble"])
def test_the_validation_rows_may_be_of_another_kind(kind):
    params = PARAMS | {"n_ensemble": 2 if kind == "ensemble" else 1}
    sparse = scipy.sparse.csr_matrix(X)
    fits = [
        MLPClassifier(**params, early_stopping=True).fit(rows, Y, X_val=val, y_val=Y)
        for rows, val in ((X, X), (X, sparse), (sparse, X), (sparse, sparse))
    ]
    for other in fits[1:]:
        np.testing.assert_allclose(
            other.history_["val_loss"], fits[0].history_["val_loss"], rtol=1e-5
        )
    assert equal_weights(*[getattr(f, "estimators_", [f])[0] for f in fits[:2]])
    assert equal_weights(*[getattr(f, "estimators_", [f])[0] for f in fits[2:]])


class OwnCallback(keras.callbacks.Callback):
    """A file can't hold it."""


def own_monitor(estimator, X, y):
    return estimator.score(X, y)


def test_an_ensemble_is_saved_without_what_was_taken_from_it(tmp_path):
    network = MLPClassifier(
        **PARAMS,
        n_ensemble=2,
        early_stopping=True,
        callbacks=[OwnCallback()],
        monitor=own_monitor,
    ).fit(X, Y)
    with pytest.raises(ValueError, match="which skdl.save can't save"):
        skdl.save(network, tmp_path / "network.skdl")
    network.set_params(callbacks=None, monitor="loss")
    skdl.save(network, tmp_path / "network.skdl")
    loaded = skdl.load(tmp_path / "network.skdl")
    np.testing.assert_array_equal(loaded.predict_proba(X), network.predict_proba(X))
    assert loaded.estimators_[1].monitor == "loss"
    assert network.estimators_[1].monitor is own_monitor


@pytest.mark.parametrize("n_rows", [8, 11, 15, 2000])
def test_the_coverage_that_an_error_names_is_given(n_rows):
    rows = RNG.standard_normal((n_rows, 5))
    network = MLPRegressor(**PARAMS).fit(X, X[:, 0], X_val=rows, y_val=rows[:, 0])
    with pytest.raises(ValueError, match="ask for at most") as caught:
        network.predict_interval(X, 0.9999)
    most = float(str(caught.value).split("at most ")[1].split(",")[0])
    bounds = network.predict_interval(X, most)
    assert (bounds[:, 0] < bounds[:, 1]).all()


def test_a_decay_that_an_instance_does_not_have_is_warned_of():
    params = PARAMS | {"n_ensemble": 1}
    with pytest.warns(UserWarning, match="weight_decay=0.05 is not used"):
        TabularRegressor(**params, optimizer=keras.optimizers.Adam()).fit(X, X[:, 0])
    decayed = keras.optimizers.Adam(weight_decay=0.05)
    TabularRegressor(**params, optimizer=decayed).fit(X, X[:, 0])
    none = params | {"weight_decay": None}
    TabularRegressor(**none, optimizer=keras.optimizers.Adam()).fit(X, X[:, 0])


@pytest.mark.parametrize(
    ("given", "later"),
    [
        ({"l2": 0.1}, {"l2": "auto"}),
        ({"dropout": (0.1, 0.2)}, {"hidden_layer_sizes": (5,)}),
    ],
)
def test_the_model_is_that_of_the_fit(given, later):
    network = MLPClassifier(**PARAMS | given).fit(X, Y)
    before = network.model_.predict(X, verbose=0)
    network = MLPClassifier(**PARAMS | given).fit(X, Y).set_params(**later)
    np.testing.assert_array_equal(network.model_.predict(X, verbose=0), before)


@pytest.mark.parametrize("monitor", ["roc_auc_ovo", "roc_auc_ovo_weighted"])
def test_a_score_that_takes_no_weights_is_monitored_beside_some(monitor):
    network = MLPClassifier(
        **PARAMS,
        early_stopping=True,
        validation_fraction=0.3,
        monitor=monitor,
        class_weight="balanced",
    ).fit(X, Y)
    assert len(network.history_[f"val_{monitor}"]) == 2


def test_an_initializer_of_matrices_is_none_of_convolutions():
    images = RNG.standard_normal((20, 6, 6))
    network = CNNClassifier(epochs=1, kernel_initializer="identity")
    with pytest.raises(ValueError, match="kernel_initializer='identity'.*rank 4"):
        network.fit(images, np.arange(20) % 2)
    MLPClassifier(**PARAMS, kernel_initializer="identity").fit(X, Y)


@pytest.mark.parametrize("weight", [np.zeros(120), [1, 2], np.full(120, np.nan)])
def test_the_weights_of_the_validation_are_named(weight):
    with pytest.raises(ValueError, match="sample_weight_val"):
        MLPClassifier(**PARAMS).fit(
            X, Y, np.ones(120), X_val=X, y_val=Y, sample_weight_val=weight
        )


def test_groups_may_be_of_several_types():
    mixed = pd.Series([1, "a", "b", "c"] * 30)
    numbers = mixed.map({1: 0, "a": 1, "b": 2, "c": 3})
    fits = [
        MLPClassifier(**PARAMS, early_stopping=True).fit(X, Y, validation_groups=groups)
        for groups in (mixed, numbers)
    ]
    assert equal_weights(*fits)


def test_augmentations_may_be_several_dicts():
    images = RNG.standard_normal((20, 6, 6))
    fits = [
        CNNClassifier(epochs=1, random_state=0, augmentation=augmentation).fit(
            images, np.arange(20) % 2
        )
        for augmentation in (
            [{"flip": "horizontal"}, {"shift": 0.1}],
            {"flip": "horizontal", "shift": 0.1},
        )
    ]
    assert equal_weights(*fits)
