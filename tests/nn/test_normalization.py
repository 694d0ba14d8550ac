"""What normalizes hidden layers: over the batch, or over the values of each row."""

import numpy as np
import pytest
from sklearn.base import clone

import skdl
from skdl import CNNClassifier, MLPClassifier, MLPRegressor
from skdl.nn._normalization import NORMALIZATIONS
from tests.conftest import equal_weights


def test_batch_norm_is_the_old_spelling(iris):
    network = MLPClassifier((8, 4), batch_norm=True, epochs=3, random_state=0)
    new = clone(network).set_params(batch_norm=False, normalization="batch")
    assert equal_weights(network.fit(*iris), new.fit(*iris))
    both = clone(network).set_params(normalization="batch")
    assert equal_weights(network, both.fit(*iris))
    with pytest.raises(ValueError, match="normalization='layer' is given too"):
        clone(network).set_params(normalization="layer").fit(*iris)


def test_layer_normalization_gives_values_of_mean_0_and_deviation_1(iris):
    X, y = iris
    network = MLPClassifier(16, normalization="layer", learning_rate=1e-12, epochs=1)
    network.fit(X, y)
    kernel, gamma, beta = network._weights[:3]
    assert gamma.tolist() == [1.0] * 16
    assert np.abs(beta).max() < 1e-9
    norm = network.model_.get_layer("norm_1")
    values = norm(X.astype(np.float32) @ kernel).numpy()
    np.testing.assert_allclose(values.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(values.std(axis=1), 1, atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("normalization", sorted(NORMALIZATIONS))
def test_a_normalized_training_is_that_of_keras(iris, normalization):
    X, y = iris
    network = MLPClassifier(
        (8, 6),
        activation="tanh",
        normalization=normalization,
        dropout=0.0,
        l2=0.0,
        optimizer="sgd",
        learning_rate=1e-9,
        batch_size=-1,
        epochs=1,
        random_state=0,
    )
    model = network.fit(X, y).model_
    model.optimizer.learning_rate = 0.1
    history = model.fit(X, y, batch_size=150, epochs=20, verbose=0).history
    network.set_params(learning_rate=0.1, epochs=20).fit(X, y)
    np.testing.assert_allclose(network.history_["loss"], history["loss"], atol=2e-3)
    for ours, theirs in zip(network._weights[:3], model.get_weights()[:3]):
        np.testing.assert_allclose(ours, theirs, atol=3e-3)


@pytest.mark.parametrize(
    "network",
    [
        MLPRegressor((8, 4), normalization="layer", epochs=3, random_state=0),
        CNNClassifier(
            4, image_shape=(8, 8), normalization="layer", epochs=1, random_state=0
        ),
    ],
    ids=lambda network: type(network).__name__,
)
def test_a_network_with_layer_normalization_can_be_kept(digits, tmp_path, network):
    X, y = (array[:200] for array in digits)
    network = clone(network).fit(X, y)
    skdl.save(network, tmp_path / "network.skdl")
    loaded = skdl.load(tmp_path / "network.skdl")
    assert np.array_equal(loaded.predict(X), network.predict(X))
    inputs = X.reshape(-1, *network.model_.input_shape[1:])
    expected = network.model_.predict(inputs, verbose=0)
    if isinstance(network, MLPRegressor):
        np.testing.assert_allclose(network.predict(X), expected[:, 0], rtol=1e-4)
    else:
        np.testing.assert_allclose(network.predict_proba(X), expected, atol=1e-5)
