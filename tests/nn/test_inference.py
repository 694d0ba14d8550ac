"""Predictions of fitted networks, by NumPy, onnxruntime and TensorFlow."""

import pickle
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse

import skdl.estimators._inference as ways
from skdl import CNNClassifier, CNNRegressor, MLPClassifier, MLPRegressor
from skdl.nn._activations import ACTIVATIONS


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3_000, 20))
    return X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


@pytest.fixture(scope="module")
def network(rows):
    return MLPClassifier((32, 16), epochs=2, random_state=0).fit(*rows)


def test_a_row_does_not_depend_on_the_rows_beside_it(rows, network):
    X = rows[0]
    whole = network.predict_proba(X)
    for some in (slice(0, 1), slice(7, 8), slice(1023, 1026), slice(1, None, 7)):
        np.testing.assert_allclose(
            network.predict_proba(X[some]), whole[some], rtol=0, atol=1e-9
        )


@pytest.mark.parametrize(
    "change",
    [
        np.asfortranarray,
        sparse.csr_array,
        sparse.csc_array,
        lambda X: X[::-1][::-1],
        lambda X: np.ma.asarray(X).data,
        lambda X: X.astype(object),
        lambda X: X.tolist(),
    ],
)
def test_any_layout_and_kind_of_the_same_numbers_gives_the_same(rows, network, change):
    X = rows[0][:1_500]
    np.testing.assert_allclose(
        network.predict_proba(change(X)), network.predict_proba(X), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, bool])
def test_other_types_are_the_numbers_that_they_hold(rows, network, dtype):
    X = (3 * rows[0][:200]).astype(dtype)
    expected = network.predict_proba(X.astype(np.float64))
    np.testing.assert_allclose(network.predict_proba(X), expected, rtol=0, atol=1e-9)


def test_the_given_rows_are_not_changed(rows):
    X = rows[0].copy()
    for params in (dict(hidden_layer_sizes=()), dict(normalization="batch")):
        MLPClassifier(epochs=1, **params).fit(*rows).predict_proba(X)
        assert np.array_equal(X, rows[0])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_large_numbers_overflow_nowhere_and_warn_of_nothing(rows, activation):
    X, y = rows[0][:100], rows[0][:100, 0]
    network = MLPRegressor(8, activation=activation, epochs=1, random_state=0)
    network.fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = network.predict(1e6 * X)
    assert np.isfinite(found).all()
    expected = network.model_.predict((1e6 * X).astype(np.float32), verbose=0)[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * abs(found).max())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_named(rows, network, value):
    X = rows[0].copy()
    X[5, 3] = value
    with pytest.raises(ValueError, match="contains NaN|contains infinity"):
        network.predict(X)


def test_numbers_whose_sum_overflows_are_still_numbers(rows, network):
    X = np.full((3, 20), 1e308)
    assert network.predict_proba(X).shape == (3, 3)


def test_threads_predict_at_once(rows, network):
    X = rows[0]
    expected = network.predict_proba(X)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(network.predict_proba, [X] * 32):
            assert np.array_equal(found, expected)


def test_no_more_than_a_few_chunks_are_allocated(network):
    X = np.zeros((200_000, 20))
    network.predict(X[:10])
    tracemalloc.start()
    network.decision_function(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    logits = 8 * 3 * len(X)
    assert peak < logits + 4 * 2**20


IMAGES = [
    dict(),
    dict(pooling="average", kernel_size=4, conv_batch_norm=True),
    dict(pooling=None, kernel_size=2, global_pooling="average"),
    dict(pooling=3, kernel_size=(5, 1), global_pooling="max", activation="gelu"),
    dict(conv_filters=(4, 5, 6), hidden_layer_sizes=(7, 8), normalization="layer"),
]
WAYS = {
    "NumPy": (),
    "TensorFlow": ("tensorflow", "keras"),
    "onnxruntime": ("onnx", "onnxruntime", "tensorflow", "keras"),
}


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Let images be predicted in one of the ways."""
    found = WAYS[request.param]
    monkeypatch.setattr(ways, "DOUBLE_PRECISION_MULTIPLY_ADDS", 0)  # all are large
    monkeypatch.setattr(ways, "_are_installed", lambda *names: set(names) <= set(found))
    return request.param


@pytest.fixture(scope="module")
def images():
    """Return images of 9 x 7 pixels and two channels, and numbers."""
    rng = np.random.default_rng(0)
    X = rng.random((90, 9, 7, 2))
    return X, X[:, :4].mean(axis=(1, 2, 3)) - X[:, 4:].mean(axis=(1, 2, 3))


@pytest.mark.parametrize("settings", IMAGES, ids=range(len(IMAGES)))
def test_images_get_the_outputs_of_the_keras_model(images, way, settings):
    X, y = images
    settings = dict(conv_filters=(4, 5), random_state=0, epochs=3) | settings
    fitted = CNNRegressor(**settings).fit(X, y)
    expected = fitted.model_.predict(X.astype(np.float32), verbose=0)[:, 0]
    found = fitted.predict(X)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert (fitted in ways._sessions) == (way == "onnxruntime")


def test_an_image_does_not_depend_on_the_images_beside_it(images, way):
    X, y = images
    fitted = CNNClassifier((4, 5), epochs=2, random_state=0).fit(X, y > 0)
    whole = fitted.predict_proba(X)
    precision = 1e-6 if way == "TensorFlow" else 1e-9
    for some in (slice(0, 1), slice(31, 33), slice(1, None, 7)):
        found = fitted.predict_proba(X[some])
        np.testing.assert_allclose(found, whole[some], rtol=0, atol=precision)


def test_a_refit_a_copy_and_threads_predict_with_their_own_weights(images, way):
    X, y = images
    fitted = CNNRegressor(4, epochs=1, random_state=0).fit(X, y)
    before = fitted.predict(X)
    kept = pickle.loads(pickle.dumps(fitted))
    fitted.set_params(random_state=1).fit(X, y)
    assert not np.allclose(fitted.predict(X), before)
    np.testing.assert_array_equal(kept.predict(X), before)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(kept.predict, [X] * 8):
            np.testing.assert_array_equal(found, before)


def test_large_numbers_in_images_warn_of_nothing(images, way):
    X, y = images
    fitted = CNNRegressor(4, epochs=1, random_state=0).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(fitted.predict(1e6 * X)).all()
        assert len(fitted.predict(1e300 * X)) == len(X)
