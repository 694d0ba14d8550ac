"""Weights of classes: scikit-learn's meaning in ours, Keras' in the wrappers."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TimeSeriesSplit, cross_val_score
from sklearn.utils.class_weight import compute_sample_weight

from skdl import CNNClassifier, KerasClassifier, MLPClassifier
from tests.conftest import equal_weights
from tests.keras_models import build_classifier

WEIGHTS = {0: 1.0, 1: 50.0}


@pytest.fixture(scope="module")
def rare():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 4)), (np.arange(400) < 40).astype(int)
    order = rng.permutation(400)
    return X[order], y[order]


@pytest.mark.parametrize("class_weight", ["balanced", WEIGHTS])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("batch_size", [32, -1])
def test_weights_of_classes_are_those_numbers_as_weights_of_rows(
    rare, class_weight, early_stopping, batch_size
):
    X, y = rare
    settings = dict(
        hidden_layer_sizes=8,
        epochs=6,
        batch_size=batch_size,
        early_stopping=early_stopping,
        random_state=0,
    )
    by_class = MLPClassifier(class_weight=class_weight, **settings).fit(X, y)
    rows = compute_sample_weight(class_weight, y)
    by_row = MLPClassifier(**settings).fit(X, y, rows)
    assert equal_weights(by_class, by_row)
    assert by_class.history_ == by_row.history_
    given = MLPClassifier(class_weight=class_weight, **settings)
    given.fit(X, y, X_val=X[:50], y_val=y[:50])
    other = MLPClassifier(**settings).fit(X, y, rows, X_val=X[:50], y_val=y[:50])
    assert given.history_ == other.history_


def test_images_are_weighted_as_rows_are(rare):
    X, y = rare
    settings = dict(
        conv_filters=2,
        hidden_layer_sizes=4,
        epochs=2,
        early_stopping=True,
        image_shape=(2, 2, 1),
        random_state=0,
    )
    by_class = CNNClassifier(class_weight=WEIGHTS, **settings).fit(X, y)
    by_row = CNNClassifier(**settings).fit(X, y, compute_sample_weight(WEIGHTS, y))
    assert equal_weights(by_class, by_row)
    assert by_class.history_ == by_row.history_


def build(meta):
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(1, activation="sigmoid", kernel_initializer="zeros"),
        ]
    )


@pytest.mark.parametrize("class_weight", [None, "balanced", WEIGHTS])
def test_validation_losses_of_a_wrapper_are_not_weighted_by_class(rare, class_weight):
    X, y = rare
    settings = dict(
        loss="binary_crossentropy",
        optimizer="sgd",
        optimizer__learning_rate=1e-9,
        class_weight=class_weight,
        random_state=0,
    )
    split = KerasClassifier(build, validation_split=0.25, **settings).fit(X, y)
    given = KerasClassifier(build, **settings)
    given.fit(X[:300], y[:300], validation_data=(X[300:], y[300:]))
    named = KerasClassifier(build, **settings)
    named.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    for network in (split, given, named):
        assert network.history_["val_loss"] == [pytest.approx(np.log(2), abs=1e-6)]
    weighted = 1 if class_weight is None else None
    if class_weight == WEIGHTS:
        weighted = compute_sample_weight(WEIGHTS, y[:300]).mean()
    if weighted:
        loss = given.history_["loss"][0]
        assert loss == pytest.approx(weighted * np.log(2), rel=1e-4)


def test_validation_weights_of_rows_count_in_a_wrapper(rare):
    X, y = rare
    weight = np.where(y == 1, 9.0, 1.0)
    network = KerasClassifier(build, loss="binary_crossentropy", random_state=0)
    plain = network.fit(X, y, X_val=X, y_val=y).history_["val_loss"][0]
    weighed = network.fit(X, y, X_val=X, y_val=y, sample_weight_val=weight)
    proba = weighed.predict_proba(X)[np.arange(len(y)), y]
    expected = (weight * -np.log(proba)).mean()
    assert weighed.history_["val_loss"][0] == pytest.approx(expected, rel=1e-4)
    assert plain < expected
    with pytest.raises(ValueError, match="two spellings of the same"):
        network.fit(X, y, X_val=X, y_val=y, validation_data=(X, y))
    with pytest.raises(ValueError, match="belong together"):
        network.fit(X, y, X_val=X)


@pytest.mark.parametrize(
    "network",
    [
        LogisticRegression(),
        MLPClassifier(8, epochs=2),
        KerasClassifier(
            lambda meta: keras.Sequential(
                [
                    keras.Input((4,)),
                    keras.layers.Dense(meta["n_classes_"], activation="softmax"),
                ]
            ),
            loss="sparse_categorical_crossentropy",
        ),
    ],
    ids=lambda network: type(network).__name__,
)
def test_classes_that_a_fold_lacks_are_ignored(network):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 4)), np.arange(120) % 2
    y[-6:] = 2  # it is seen late
    network.set_params(class_weight={0: 1.0, 1: 1.0, 2: 20.0})
    scores = cross_val_score(network, X, y, cv=TimeSeriesSplit(3), error_score="raise")
    assert len(scores) == 3


def test_classes_that_are_not_named_weigh_one(rare):
    settings = dict(hidden_layer_sizes=4, epochs=2, random_state=0)
    some = MLPClassifier(class_weight={1: 5.0}, **settings).fit(*rare)
    both = MLPClassifier(class_weight={0: 1.0, 1: 5.0}, **settings).fit(*rare)
    assert equal_weights(some, both)
    with pytest.warns(UserWarning, match="names no class of y, which has .0, 1.: it"):
        typo = MLPClassifier(class_weight={"1": 5.0}, **settings).fit(*rare)
    assert equal_weights(typo, MLPClassifier(**settings).fit(*rare))


def test_early_stopping_with_balanced_classes_finds_the_rare_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 6))
    y = (X[:, 0] + 0.5 * X[:, 1] ** 2 + 0.5 * rng.normal(size=2000) > 2.6).astype(int)
    assert 0.02 < y.mean() < 0.06
    network = MLPClassifier(
        16, early_stopping=True, class_weight="balanced", random_state=0
    )
    found = network.fit(X[:1400], y[:1400])
    recall = found.predict(X[1400:])[y[1400:] == 1].mean()
    assert recall > 0.7


@pytest.mark.parametrize("rows_of_validation", [None, 0.25])
def test_balanced_classes_count_the_weights_of_the_rows_that_train(
    rare, rows_of_validation
):
    X, y = rare
    weight = np.where(y == 1, 3.0, 0.5)
    network = KerasClassifier(
        build,
        loss="binary_crossentropy",
        class_weight="balanced",
        validation_split=rows_of_validation or 0.0,
        epochs=2,
        random_state=0,
    )
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        train = KerasClassifier._train
        patch.setattr(
            KerasClassifier,
            "_train",
            lambda self, X, y, weight, *rest: (
                seen.append((y, weight)) or train(self, X, y, weight, *rest)
            ),
        )
        network.fit(X, y, sample_weight=weight)
    ((y, weight),) = seen
    totals = [weight[np.ravel(y) == label].sum() for label in (0, 1)]
    assert totals[0] == pytest.approx(totals[1], rel=1e-5)


@pytest.mark.parametrize(
    ("params", "weight", "words"),
    [
        ({"class_weight": {0: 1, 1: -2}}, None, "Negative values in class_weight: -2"),
        ({}, -1.0, "Negative values in sample_weight: -1"),
        ({"on_interrupt": "kepe"}, None, "on_interrupt='kepe' must be 'raise' or"),
        ({"shuffle": "batch"}, None, "shuffle='batch' must be True or False"),
        ({"run_eagerly": "no"}, None, "run_eagerly='no' must be True or False"),
        ({"verbose": "silent"}, None, "verbose='silent' must be 0, 1, 2 or 'auto'"),
        ({"verbose": -1}, None, "verbose=-1 must be 0, 1, 2 or 'auto'"),
    ],
)
def test_a_wrapper_refuses_what_the_networks_refuse(rare, params, weight, words):
    X, y = rare
    network = KerasClassifier(build, loss="binary_crossentropy", **params)
    rows = None if weight is None else np.full(len(y), weight)
    with pytest.raises(ValueError, match=words):
        network.fit(X, y, sample_weight=rows)


def test_balanced_labels_of_several_columns_count_weights_as_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    Y = (X[:, :2] + rng.normal(size=(60, 2)) > 0.7).astype(int)
    weight = rng.integers(1, 5, 60)
    network = MLPClassifier(
        (4,),
        class_weight="balanced",
        batch_size=-1,
        dropout=0.0,
        l2=0.0,
        epochs=20,
        random_state=0,
    )
    weighted = network.fit(X, Y, weight).predict_proba(X)
    rows = np.repeat(np.arange(60), weight)
    repeated = network.fit(X[rows], Y[rows]).predict_proba(X)
    np.testing.assert_allclose(weighted, repeated, atol=1e-5)


def test_a_wrapper_balances_labels_of_several_columns_by_the_weights_of_rows():
    rng = np.random.default_rng(0)
    Y = (rng.normal(size=(60, 2)) > 0.7).astype(int)
    weight = rng.integers(1, 5, 60)
    rows = np.repeat(np.arange(60), weight)
    network = KerasClassifier(class_weight="balanced")
    network.target_encoder_ = None
    found = network._weigh_classes(Y, weight)(Y)
    np.testing.assert_allclose(found[rows], network._weigh_classes(Y[rows])(Y[rows]))
    expected = compute_sample_weight("balanced", Y[rows])
    np.testing.assert_allclose(found[rows], expected)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_mistyped_class_is_named(iris, wrapped):
    y = np.array(["no", "yes", "perhaps"])[iris[1]]
    weights = {"yess": 10, "no": 1, "perhaps": 1}
    if wrapped:
        network = KerasClassifier(
            build_classifier, loss="sparse_categorical_crossentropy"
        )
    else:
        network = MLPClassifier(4, epochs=1)
    network.set_params(class_weight=weights)
    words = r"names \['yess'\], which y does not have, and not \['yes'\]"
    with pytest.warns(UserWarning, match=words):
        network.fit(iris[0], y)


def test_neither_network_balances_the_rows_of_one_call(rare):
    X, y = rare
    wrapped = KerasClassifier(build, loss="binary_crossentropy")
    for network in (MLPClassifier(4), wrapped):
        network.set_params(class_weight="balanced")
        with pytest.raises(ValueError, match="can't be combined with partial_fit"):
            network.partial_fit(X, y, classes=[0, 1])
