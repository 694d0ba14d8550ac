"""ImageScaler and ZCAWhitening."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdl import CNNClassifier
from skdl.preprocessing import ImageScaler, ZCAWhitening


@parametrize_with_checks(
    [ImageScaler(), ImageScaler("pixel"), ZCAWhitening(), ZCAWhitening(n_components=1)]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def colours():
    rng = np.random.default_rng(0)
    return rng.integers(256, size=(40, 6, 5, 3)) * np.array([1, 0.5, 0.1]) + [0, 9, 50]


def test_each_channel_gets_mean_0_and_deviation_1(colours):
    scaler = ImageScaler().fit(colours)
    found = scaler.transform(colours)
    np.testing.assert_allclose(found.mean(axis=(0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(found.std(axis=(0, 1, 2)), 1)
    assert len(np.unique(scaler.mean_)) == 3
    np.testing.assert_allclose(scaler.inverse_transform(found), colours)


def test_each_pixel_is_scaled_as_the_standard_scaler_does(colours):
    flat = colours.reshape(40, -1)
    expected = StandardScaler().fit_transform(flat)
    np.testing.assert_allclose(ImageScaler("pixel").fit_transform(flat), expected)
    images = ImageScaler("pixel").fit_transform(colours)
    np.testing.assert_allclose(images.reshape(40, -1), expected)


def test_flat_rows_and_images_are_scaled_alike(colours):
    flat = colours.reshape(40, -1)
    scaler = ImageScaler(image_shape=(6, 5, 3)).fit(flat)
    assert scaler.image_shape_ == (6, 5, 3)
    np.testing.assert_array_equal(
        scaler.transform(flat), ImageScaler().fit_transform(colours).reshape(40, -1)
    )
    with pytest.raises(ValueError, match="image_shape"):
        ImageScaler(image_shape=(6, 6, 3)).fit(flat)


def test_what_does_not_vary_becomes_0():
    found = ImageScaler().fit_transform(np.full((5, 4), 0.1))
    np.testing.assert_allclose(found, 0, atol=1e-12)


@pytest.mark.parametrize("n_samples", [400, 30])
def test_whitened_features_have_the_identity_as_covariance(n_samples):
    X = load_digits(return_X_y=True)[0][:n_samples]
    X = X[:, X.std(axis=0) > 0]
    whitening = ZCAWhitening(epsilon=1e-9).fit(X)
    values = np.linalg.eigvalsh(np.cov(whitening.transform(X).T))
    n_directions = min(n_samples - 1, X.shape[1])
    assert whitening.n_components_ == n_directions
    kept = whitening.explained_variance_ > 1e-6
    np.testing.assert_allclose(values[-kept.sum() :], 1, atol=1e-3)
    np.testing.assert_allclose(
        whitening.inverse_transform(whitening.transform(X)), X, atol=1e-5
    )


def test_both_sides_give_the_same():
    X = load_digits(return_X_y=True)[0][:64]
    tall = ZCAWhitening(epsilon=0.1, n_components=20).fit(X)
    wide = ZCAWhitening(epsilon=0.1, n_components=20).fit(np.hstack([X, 0 * X]))
    np.testing.assert_allclose(
        wide.explained_variance_, tall.explained_variance_, rtol=1e-8
    )
    np.testing.assert_allclose(
        wide.transform(np.hstack([X, 0 * X]))[:, :64], tall.transform(X), atol=1e-8
    )


def test_it_is_the_formula():
    X = np.random.default_rng(0).normal(size=(50, 6)) @ np.diag([1, 2, 3, 4, 5, 6])
    values, vectors = np.linalg.eigh(np.cov(X.T))
    matrix = vectors @ np.diag((values + 0.5) ** -0.5) @ vectors.T
    expected = (X - X.mean(axis=0)) @ matrix
    np.testing.assert_allclose(ZCAWhitening(epsilon=0.5).fit_transform(X), expected)


def test_too_many_components_are_refused():
    with pytest.raises(ValueError, match="n_components=9 must be at most 8"):
        ZCAWhitening(n_components=9).fit(np.random.default_rng(0).random((20, 8)))
    with pytest.raises(ValueError, match="n_components=9 must be at most 4"):
        ZCAWhitening(n_components=9).fit(np.random.default_rng(0).random((5, 30)))


def test_images_keep_their_shape_and_precision(colours):
    X = np.float32(colours)
    for transformer in (ImageScaler(), ZCAWhitening()):
        found = transformer.fit_transform(X)
        assert found.shape == X.shape
        assert found.dtype == np.float32
        assert transformer.inverse_transform(found).shape == X.shape


def test_they_stand_before_a_network():
    X, y = load_digits(return_X_y=True)
    X = X[:300].reshape(-1, 8, 8)
    network = CNNClassifier((8,), epochs=8, learning_rate=0.01, random_state=0)
    pipeline = make_pipeline(ImageScaler("pixel"), ZCAWhitening(epsilon=0.1), network)
    assert pipeline.fit(X, y[:300]).score(X, y[:300]) > 0.8
