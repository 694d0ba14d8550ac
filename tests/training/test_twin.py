"""Predictions of wrapped models: a row does not depend on the rows beside it."""

import keras
import numpy as np
import pytest

from skdl.training._cache import programs
from skdl.training._inference import infer_model
from skdl.training._twin import predict_in_double

layers = keras.layers


def chain(shape, *parts):
    return keras.Sequential([keras.Input(shape), *parts])


MODELS = {
    "dense": chain(
        (8,), layers.Dense(16, "relu"), layers.BatchNormalization(), layers.Dense(3)
    ),
    "convolution": chain(
        (8, 8, 1), layers.Conv2D(4, 3), layers.MaxPooling2D(), layers.Flatten()
    ),
    "recurrent": chain((5, 3), layers.Bidirectional(layers.LSTM(4)), layers.Dense(3)),
    "time": chain(
        (5, 3), layers.GRU(4, return_sequences=True), layers.LayerNormalization()
    ),
    "nested": chain((8,), chain((8,), layers.Dense(4, "tanh")), layers.Dense(3)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_row_alone_is_the_row_among_others(name):
    model = MODELS[name]
    X = np.random.default_rng(0).normal(size=(33, *model.input_shape[1:]))
    found = infer_model(model, X)
    assert found.dtype == np.float64
    alone = np.concatenate([infer_model(model, X[k : k + 1]) for k in range(len(X))])
    order = np.random.default_rng(1).permutation(len(X))
    np.testing.assert_allclose(alone, found, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(infer_model(model, X[order]), found[order], rtol=1e-9)
    np.testing.assert_allclose(found, model.predict(X, verbose=0), atol=1e-5)


def test_models_of_one_architecture_share_what_predicts():
    X = np.ones((2, 4))
    programs.clear()
    models = [chain((4,), layers.Dense(3)) for _ in range(3)]
    found = [infer_model(model, X) for model in models]
    assert len(programs) == 1
    for model, one in zip(models, found):
        np.testing.assert_allclose(one, model.predict(X, verbose=0), atol=1e-6)


def test_what_is_not_keras_own_or_large_stays_in_single_precision():
    class Own(layers.Layer):
        def call(self, x):
            return 2 * x

    model = chain((4,), Own(), layers.Dense(2))
    assert predict_in_double(model, np.ones((3, 4))) is None
    assert infer_model(model, np.ones((3, 4))).shape == (3, 2)
    large = chain((1200,), layers.Dense(1000))
    assert predict_in_double(large, np.ones((1, 1200))) is None


def test_an_activation_that_is_set_later_counts():
    model = chain((4,), layers.Dense(3, "relu"))
    X = np.random.default_rng(0).normal(size=(9, 4))
    infer_model(model, X)
    model.layers[0].activation = keras.activations.tanh
    np.testing.assert_allclose(
        infer_model(model, X), model.predict(X, verbose=0), atol=1e-6
    )
