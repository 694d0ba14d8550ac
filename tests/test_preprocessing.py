"""ImageScaler and ZCAWhitening."""

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import skdl
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


def repeat(rng):
    found = rng.normal(size=(30, 100))
    return np.vstack([found, found[:10]]), 29


def few_directions(rng):
    return rng.normal(size=(60, 5)) @ rng.normal(size=(5, 100)), 5


def tall(rng):
    return rng.normal(size=(200, 5)) @ rng.normal(size=(5, 40)), 5


@pytest.mark.parametrize("make", [repeat, few_directions, tall])
@pytest.mark.parametrize("epsilon", [1e-2, 1e-6])
def test_images_that_vary_in_few_directions(make, epsilon):
    X, n_directions = make(np.random.default_rng(0))
    whitening = ZCAWhitening(epsilon=epsilon).fit(X)
    assert whitening.n_components_ == n_directions
    V = whitening.components_
    np.testing.assert_allclose(V @ V.T, np.eye(n_directions), atol=1e-10)
    _, s, vectors = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    scale = 1 / np.sqrt(s**2 / (len(X) - 1) + epsilon)
    expected = (X - X.mean(axis=0)) @ (vectors.T * scale) @ vectors
    found = whitening.transform(X)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_allclose(whitening.inverse_transform(found), X, atol=1e-9)
    with pytest.raises(ValueError, match=f"must be at most {n_directions}: these"):
        ZCAWhitening(n_components=n_directions + 1).fit(X)


def test_another_epsilon_waits_for_the_next_fit():
    X = np.random.default_rng(0).normal(size=(50, 6))
    whitening = ZCAWhitening(epsilon=0.1).fit(X)
    found = whitening.transform(X)
    whitening.set_params(epsilon=10.0)
    np.testing.assert_allclose(whitening.inverse_transform(found), X)


@pytest.mark.parametrize("kind", [ImageScaler, ZCAWhitening])
def test_images_of_another_shape_are_refused(colours, kind):
    transformer = kind().fit(colours)
    turned = np.moveaxis(colours, -1, 1)
    message = r"images of shape \(3, 6, 5\).*" + kind.__name__ + r".*\(6, 5, 3\)"
    with pytest.raises(ValueError, match=message):
        transformer.transform(turned)
    with pytest.raises(ValueError, match=message):
        transformer.inverse_transform(turned)
    flat = colours.reshape(40, -1)
    np.testing.assert_array_equal(
        transformer.transform(flat).reshape(colours.shape),
        transformer.transform(colours),
    )


def test_small_deviations_of_double_floats_are_no_rounding():
    X = 1e6 + np.random.default_rng(0).normal(size=(400, 4))
    expected = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(ImageScaler("pixel").fit_transform(X), expected)


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


def test_they_stand_before_a_network_and_are_kept_with_it(tmp_path):
    X, y = load_digits(return_X_y=True)
    X = X[:300].reshape(-1, 8, 8)
    network = CNNClassifier((8,), epochs=8, learning_rate=0.01, random_state=0)
    pipeline = make_pipeline(ImageScaler("pixel"), ZCAWhitening(epsilon=0.1), network)
    assert pipeline.fit(X, y[:300]).score(X, y[:300]) > 0.8
    skdl.save(pipeline, tmp_path / "pipeline.skdl")
    loaded = skdl.load(tmp_path / "pipeline.skdl")
    np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))


@pytest.mark.parametrize("kind", [ImageScaler, ZCAWhitening])
def test_images_stay_arrays_where_frames_are_wanted(kind):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(40, 4, 4))
    with sklearn.config_context(transform_output="pandas"):
        assert type(kind().fit_transform(images)) is np.ndarray
        flat = kind().fit(images.reshape(40, 16)).transform(images.reshape(40, 16))
        network = CNNClassifier((2,), epochs=1)
        found = make_pipeline(kind(), network).fit(images, [0, 1] * 20).predict(images)
    assert list(flat.columns) == [f"x{k}" for k in range(16)]
    assert found.shape == (40,)
