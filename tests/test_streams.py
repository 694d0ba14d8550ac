"""Wrapped models on data sets of batches, on text, and on targets of any shape."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from skdl import KerasClassifier, KerasRegressor
from tests.keras_models import build_classifier

SPARSE = "sparse_categorical_crossentropy"


def classifier(**params):
    settings = {"optimizer": "adam", "optimizer__learning_rate": 0.05, "epochs": 20}
    return KerasClassifier(
        build_classifier, loss=SPARSE, random_state=0, **{**settings, **params}
    )


def as_dataset(X, y, *weight):
    return tf.data.Dataset.from_tensor_slices((X, y, *weight)).batch(32)


class Batches(keras.utils.PyDataset):
    def __init__(self, X, y):
        super().__init__()
        self.X, self.y = X, y

    def __len__(self):
        return 5

    def __getitem__(self, k):
        rows = np.random.default_rng(0).permutation(len(self.y))[30 * k : 30 * k + 30]
        return self.X[rows], self.y[rows]


@pytest.mark.parametrize("make", [as_dataset, Batches])
def test_a_data_set_is_learned_from_with_any_labels(iris, make):
    X, y = iris
    labels = np.array(["a", "b", "c"])[y]
    network = classifier().fit(make(X, labels))
    assert network.fit_path_ == "keras.Model.fit: X is a data set"
    assert network.classes_.tolist() == ["a", "b", "c"]
    assert network.score(X, labels) > 0.9
    assert network.n_iter_ == 20
    assert network.n_features_in_ == 4


def test_a_data_set_in_order_gives_the_weights_of_its_arrays(iris):
    X, y = iris
    weight = np.linspace(0.5, 2, len(y)).astype("float32")
    order = np.random.default_rng(0).permutation(len(y))
    X, y = X[order].astype("float32"), y[order]
    plain = classifier(epochs=3, shuffle=False, fit__validation_freq=1)
    plain.fit(X, y, sample_weight=weight)
    streamed = classifier(epochs=3).fit(as_dataset(X, y, weight))
    np.testing.assert_allclose(
        streamed.predict_proba(X), plain.predict_proba(X), atol=1e-5
    )


def test_a_data_set_is_validated_on_and_weighted_by_class(iris):
    X, y = iris
    data = as_dataset(X, y)
    network = classifier(epochs=3, class_weight={2: 20.0})
    network.fit(data, validation_data=data)
    arrays = classifier(epochs=3).fit(data, X_val=X, y_val=y)
    assert len(network.history_["val_loss"]) == 3
    heavy = network.predict_proba(X)[:, 2].sum()
    assert heavy > arrays.predict_proba(X)[:, 2].sum()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d, y: (d.repeat(), None), "does not end.*take"),
        (lambda d, y: (d, y), "leave y and sample_weight out"),
        (lambda d, y: (d.take(0), None), "is empty"),
        (lambda d, y: (d.map(lambda a, b: a), None), r"batches \(x, y\)"),
    ],
    ids=["endless", "with y", "empty", "no targets"],
)
def test_a_data_set_that_cannot_be_used_is_one_sentence(iris, change, words):
    data, y = change(as_dataset(*iris), iris[1])
    with pytest.raises(ValueError, match=words):
        classifier().fit(data, y)
    with pytest.raises(ValueError, match="validation_split can't be used"):
        classifier(validation_split=0.2).fit(as_dataset(*iris))


WORDS = np.array([["good fun"], ["bad sad"]] * 20)
Y = np.array([1, 0] * 20)


def build_text(meta):
    split = keras.layers.TextVectorization(max_tokens=10, output_sequence_length=2)
    split.adapt(WORDS[:, 0])
    return keras.Sequential(
        [
            keras.Input((1,), dtype="string"),
            split,
            keras.layers.Embedding(10, 4),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [WORDS, WORDS.astype(object), pd.DataFrame(WORDS, columns=["text"])],
    ids=["array", "objects", "frame"],
)
def test_text_goes_into_a_model_that_begins_with_its_words(given):
    network = KerasClassifier(
        build_text,
        loss="binary_crossentropy",
        optimizer="adam",
        optimizer__learning_rate=0.1,
        epochs=20,
        random_state=0,
    ).fit(given, Y, X_val=given, y_val=Y)
    assert network.score(given, Y) == 1.0
    assert network.history_["val_loss"][-1] < 0.2


def test_text_in_a_model_of_numbers_is_one_sentence():
    words = "X holds <U8, which are not numbers.*OneHotEncoder.*TextVectorization"
    with pytest.raises(ValueError, match=words):
        classifier().fit(WORDS, Y)


def build_sequence(meta):
    return keras.Sequential(
        [
            keras.Input((5, 3)),
            keras.layers.LSTM(8, return_sequences=True),
            keras.layers.Dense(3),
        ]
    )


def test_targets_of_three_dimensions_are_learned_and_scored():
    X = np.random.default_rng(0).normal(size=(60, 5, 3))
    network = KerasRegressor(
        build_sequence,
        loss="mse",
        optimizer="adam",
        optimizer__learning_rate=0.05,
        epochs=60,
        random_state=0,
    ).fit(X, X)
    assert network.predict(X).shape == (60, 5, 3)
    assert network.fit_path_.startswith("compiled")
    error = ((network.predict(X) - X) ** 2).mean()
    assert network.score(X, X) == pytest.approx(1 - error / X.var(), abs=0.02)
    assert network.score(X, X) > 0.5


def test_a_label_for_each_time_step_is_one_sentence():
    def build(meta):
        return keras.Sequential(
            [keras.Input((5, 3)), keras.layers.Dense(4, activation="softmax")]
        )

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 5, 3)), rng.integers(0, 4, (40, 5))
    network = KerasClassifier(build, loss=SPARSE)
    words = r"an array of shape \(5, 4\) for each row.*Make each step a row"
    with pytest.raises(ValueError, match=words):
        network.fit(X, y)
    with pytest.raises(ValueError, match="y has 3 dimensions.*Make each step a row"):
        network.fit(X, y[:, :, np.newaxis])


def test_a_metric_of_ones_own_sees_the_floats_of_keras(diabetes):
    X, y = diabetes

    def squared(y_true, y_pred):
        return keras.ops.square(y_true - y_pred)

    def build(meta):
        return keras.Sequential([keras.Input((10,)), keras.layers.Dense(1)])

    network = KerasRegressor(build, loss="mse", metrics=[squared], epochs=2)
    network.fit(X, y.astype(np.float64)[:, np.newaxis] / 100)
    assert network.fit_path_.startswith("keras.Model.fit")
    assert len(network.history_["squared"]) == 2


class Builder:
    """Builds as a function does."""

    def __call__(self, meta, hidden=4):
        return build_classifier(meta, hidden)

    def build(self, meta, hidden=4):
        return self(meta, hidden)


@pytest.mark.parametrize(
    "builder", [Builder(), Builder().build], ids=["object", "method"]
)
def test_objects_and_methods_build_models(iris, builder):
    network = KerasClassifier(builder, loss=SPARSE, model__hidden=7, epochs=2)
    assert network.fit(*iris).model_.layers[0].units == 7
    network.set_params(model__hidden=5).fit(*iris)
    assert network.model_.layers[0].units == 5
    with pytest.raises(ValueError, match="nearest that it has is 'hidden'"):
        KerasClassifier(builder, loss=SPARSE, hiden=7).fit(*iris)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (lambda X, y: (X, y), r"group them with batch\(32\)"),
        (lambda X, y: ((X, X), y), "must give x as one array, got a tuple"),
        (lambda X, y: ({"a": X, "b": X}, y), "must give x as one array, got a dict"),
    ],
    ids=["rows", "tuple", "dict"],
)
def test_a_data_set_that_can_not_be_read_is_told(iris, parts, message):
    data = tf.data.Dataset.from_tensor_slices(parts(*iris))
    if "group" not in message:
        data = data.batch(16)
    network = KerasClassifier(build_classifier, loss="sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=message):
        network.fit(data)
