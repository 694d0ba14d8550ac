"""The losses of regressors: against their peers, and through all that networks do."""

import pickle
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import (
    GammaRegressor,
    HuberRegressor,
    LinearRegression,
    PoissonRegressor,
    QuantileRegressor,
)
from sklearn.metrics import (
    mean_absolute_error,
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
    r2_score,
)
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPRegressor as SklearnRegressor
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import check_estimator

import skdl
from benchmarks.counts import deviance, load_counts
from skdl import CNNRegressor, MLPRegressor
from skdl.estimators._number_targets import LOSS_HEADS
from skdl.model_selection import OptunaSearchCV
from skdl.nn._heads import HEADS
from skdl.nn._losses import LOSSES

LOSS_NAMES = [name for name in LOSS_HEADS if name != "own"]


@pytest.fixture(scope="module")
def rows():
    """Return features, and a target for each loss, log-linear in them."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 4))
    mean = np.exp(1 + 0.5 * X[:, 0] - 0.3 * X[:, 1])
    noisy = mean + rng.standard_t(4, 400)
    targets = dict.fromkeys(LOSS_NAMES, noisy)
    targets["poisson"] = rng.poisson(mean)
    targets["gamma"] = mean * rng.gamma(3, 1 / 3, 400)
    return X, targets


def linear(loss, **settings):
    """Return a linear network that converges: full batches, a rate that falls to 0."""
    plain = dict(
        hidden_layer_sizes=(),
        l2=0.0,
        batch_size=-1,
        epochs=4_000,
        learning_rate=0.05,
        learning_rate_schedule="cosine",
        random_state=0,
    )
    return MLPRegressor(loss=loss, **plain | settings)


def coefficients(network, X, log=False):
    """Return intercept and coefficients, from predictions of the unit vectors."""
    found = network.predict(np.vstack([np.zeros(X.shape[1]), np.eye(X.shape[1])]))
    found = np.log(found) if log else found
    return np.array([found[0], *(found[1:] - found[0])])


@pytest.mark.parametrize(
    ("loss", "peer"),
    [
        ("squared_error", LinearRegression()),
        ("absolute_error", QuantileRegressor(quantile=0.5, alpha=0)),
        ("poisson", PoissonRegressor(alpha=0, tol=1e-8)),
        ("gamma", GammaRegressor(alpha=0, tol=1e-8)),
        ("quantile", QuantileRegressor(quantile=0.8, alpha=0)),
    ],
    ids=LOSS_NAMES[:2] + LOSS_NAMES[3:],
)
def test_a_linear_network_has_the_coefficients_of_its_peer(rows, loss, peer):
    X, targets = rows
    network = linear(loss, quantile=0.8).fit(X, targets[loss])
    peer.fit(X, targets[loss])
    found = coefficients(network, X, log=loss in ("poisson", "gamma"))
    expected = [peer.intercept_, *peer.coef_]
    # The kinks of the absolute and the pinball loss stop an optimizer some steps early.
    tolerance = 5e-3 if loss in ("absolute_error", "quantile") else 1e-4
    assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_huber_has_the_coefficients_of_its_peer(rows):
    X, targets = rows
    peer = HuberRegressor(epsilon=1.35, alpha=0, tol=1e-8, max_iter=1_000)
    peer.fit(X, targets["huber"])
    network = linear("huber", huber_delta=1.35 * peer.scale_).fit(X, targets["huber"])
    expected = [peer.intercept_, *peer.coef_]
    assert_allclose(coefficients(network, X), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in LOSSES if name[:3] != "own"])
def test_the_gradient_is_that_of_the_losses(name):
    rng = np.random.default_rng(0)
    logits = tf.constant(rng.standard_normal((50, 3)), tf.float32)
    y = tf.constant(rng.uniform(0.1, 2, (50, 3)), tf.float32)
    settings = tf.constant([0.2, 0.5, 0.9])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses, _, gradient = HEADS[name].score(logits, y, settings)
    expected = tape.gradient(losses, logits)
    assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


SCORES = {
    "absolute_error": mean_absolute_error,
    "poisson": lambda y, found: mean_poisson_deviance(y, found) / 2,
    "gamma": lambda y, found: mean_gamma_deviance(y, found) / 2,
    "quantile": lambda y, found: mean_pinball_loss(y, found, alpha=0.9),
}


@pytest.mark.parametrize("loss", SCORES)
def test_the_loss_in_the_history_is_that_of_scikit_learn(rows, loss):
    X, targets = rows
    y = targets[loss].astype(float)
    network = MLPRegressor(8, loss=loss, quantile=0.9, epochs=5, random_state=0)
    network.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    found = network.history_["val_loss"][-1]
    expected = SCORES[loss](y[300:], network.predict(X[300:]))
    scale = 1.0
    if loss == "poisson":
        scale = y[:300].mean()
    elif loss != "gamma":
        scale = y[:300].std()
    assert found * scale == pytest.approx(expected, rel=1e-4)
    assert network._mean_loss(X[300:], y[300:]) == pytest.approx(found, rel=1e-4)


@pytest.fixture(scope="module")
def fitted(rows):
    """Return a network of each loss; one learns several quantiles."""
    X, targets = rows
    return {
        loss: MLPRegressor(
            8, loss=loss, quantile=[0.1, 0.4, 0.9], epochs=20, random_state=0
        ).fit(X, targets[loss])
        for loss in LOSS_NAMES
    }


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_keras_onnx_and_files_give_the_same(rows, fitted, loss, tmp_path):
    X, network = rows[0], fitted[loss]
    expected = network.predict(X)
    everything = expected[:, np.newaxis]
    if loss == "quantile":
        everything = network.predict_quantiles(X)
    X_single = X.astype(np.float32)
    in_keras = network.model_.predict(X_single, verbose=0)
    assert_allclose(in_keras, everything, rtol=1e-5, atol=1e-5)
    y = rows[1][loss].astype(np.float32)[:, np.newaxis]
    in_keras_units = network.model_.evaluate(X_single, y, verbose=0)
    assert np.isfinite(in_keras_units).all()
    network.model_.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert_array_equal(loaded.predict(X_single, verbose=0), in_keras)
    skdl.save(network, tmp_path / "model.skdl")
    for copied in (
        pickle.loads(pickle.dumps(network)),
        skdl.load(tmp_path / "model.skdl"),
    ):
        assert_array_equal(copied.predict(X), expected)
    skdl.export_onnx(network, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    found, *quantiles = session.run(None, {"X": X_single})
    assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert len(quantiles) == (loss == "quantile")
    for each in quantiles:
        assert_allclose(each, everything, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_keras_trains_it_to_the_same_history(rows, loss):
    from keras.callbacks import Callback

    class SeesBatches(Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    X, targets = rows
    plain = dict(hidden_layer_sizes=8, dropout=0.0, epochs=3, random_state=0)
    ours, keras_fit = (
        MLPRegressor(loss=loss, quantile=(0.3, 0.6), callbacks=callbacks, **plain).fit(
            X, targets[loss], X_val=X[:50], y_val=targets[loss][:50]
        )
        for callbacks in (None, [SeesBatches()])
    )
    for name, values in ours.history_.items():
        assert_allclose(keras_fit.history_[name], values, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_weights_stand_for_repeated_rows(rows, loss):
    X, targets = rows
    y = targets[loss]
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    weighted = linear(loss, epochs=20).fit(X, y, sample_weight=weight)
    repeated = linear(loss, epochs=20).fit(
        np.repeat(X, weight, axis=0), np.repeat(y, weight)
    )
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_several_targets_are_learned_side_by_side(rows, loss):
    X, targets = rows
    y = np.column_stack([targets[loss], 10 * targets[loss][::-1]])
    network = MLPRegressor(8, loss=loss, quantile=(0.2, 0.5), epochs=3).fit(X, y)
    assert network.predict(X).shape == (400, 2)
    assert network.n_outputs_ == 2
    if loss == "quantile":
        found = network.predict_quantiles(X)
        assert found.shape == (400, 2, 2)
        assert_array_equal(found[..., 1], network.predict(X))


def test_quantiles_cover_what_they_say_and_never_cross():
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (6_000, 2))
    y = X[:, 0] + (1 + X[:, 1]) * rng.standard_normal(6_000)
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    network = MLPRegressor(32, loss="quantile", quantile=levels, random_state=0)
    network.set_params(epochs=60, dropout=0.0).fit(X[:3_000], y[:3_000])
    found = network.predict_quantiles(X[3_000:])
    assert found.shape == (3_000, 5)
    assert (np.diff(found, axis=1) > 0).all()
    # Of 3,000 rows: three standard errors of a share, twice (fit and rows are drawn).
    shares = (y[3_000:, np.newaxis] < found).mean(axis=0)
    errors = 6 * np.sqrt(np.multiply(levels, np.subtract(1, levels)) / 3_000)
    assert (np.abs(shares - levels) < errors).all(), shares
    far = network.predict_quantiles(1e3 * X[:500])
    assert (np.diff(far, axis=1) >= 0).all()


def test_the_median_is_predicted_or_what_is_nearest_to_it(rows):
    X, targets = rows
    y = targets["quantile"]
    for levels, column in (((0.1, 0.5, 0.9), 1), ((0.8, 0.9), 0), ((0.1, 0.2), 1)):
        network = MLPRegressor(4, loss="quantile", quantile=levels, epochs=1).fit(X, y)
        expected = network.predict_quantiles(X)[:, column]
        assert_array_equal(network.predict(X), expected)


@pytest.mark.parametrize("loss", ["poisson", "absolute_error", "quantile"])
def test_a_search_scores_epochs_as_predictions_would(rows, loss):
    X, targets = rows
    network = MLPRegressor(8, loss=loss, epochs=4, random_state=0)
    search = OptunaSearchCV(
        network, {"learning_rate": [0.01]}, n_trials=1, cv=2, random_state=0
    ).fit(X, targets[loss])
    expected = cross_val_score(
        network.set_params(learning_rate=0.01), X, targets[loss], cv=2
    )
    assert_allclose(search.best_score_, expected.mean(), rtol=1e-5)
    curve = search.study_.trials[0].intermediate_values
    assert curve[max(curve)] == pytest.approx(expected.mean(), rel=1e-4)


def test_images_have_the_losses_too(rows):
    X, targets = rows
    images, counts = X.reshape(-1, 2, 2), targets["poisson"]
    params = dict(epochs=2, random_state=0)
    network = CNNRegressor(4, loss="poisson", **params).fit(images, counts)
    assert (network.predict(images) > 0).all()
    network = CNNRegressor(4, loss="quantile", quantile=(0.2, 0.8), **params)
    low, high = network.fit(images, counts).predict_quantiles(images).T
    assert (low < high).all()
    assert_array_equal(network.predict(images), low)  # the first of two as near


def test_a_resumed_fit_keeps_its_loss(rows):
    X, targets = rows
    network = MLPRegressor(4, loss="huber", epochs=1, warm_start=True)
    network.fit(X, targets["huber"]).fit(X, targets["huber"])
    with pytest.raises(ValueError, match="its delta was 1.0, got 2.0"):
        network.set_params(huber_delta=2.0).fit(X, targets["huber"])
    with pytest.raises(ValueError, match="its head was 'huber', got 'identity'"):
        network.set_params(loss="squared_error").fit(X, targets["huber"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(loss="pinball"), "loss='pinball' is not known"),
        (dict(loss="quantile", quantile=1.2), "'quantile' parameter"),
        (dict(loss="quantile", quantile=[0.1, 1.2]), r"quantile\[1\]=1.2 must be"),
        (dict(loss="quantile", quantile=[0.9, 0.1]), r"must increase: give \[0.1, 0.9"),
        (dict(loss="quantile", quantile=[]), "has no level"),
        (dict(loss="quantile", quantile=[True]), r"quantile\[0\]=True must be"),
        (dict(loss="huber", huber_delta=0.0), "'huber_delta' parameter"),
    ],
)
def test_a_bad_setting_is_named_before_anything_is_trained(rows, settings, message):
    network = MLPRegressor(**settings)
    with pytest.raises(ValueError, match=message):
        network.fit(rows[0], rows[1]["gamma"])
    assert not hasattr(network, "history_")


def test_targets_that_a_log_link_does_not_take_are_named(rows):
    X = rows[0]
    y = np.ones(400)
    y[3] = 0
    MLPRegressor(4, loss="poisson", epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="y holds 0, but for loss='gamma' all targets"):
        MLPRegressor(4, loss="gamma", epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="y holds -1, but for loss='poisson'"):
        MLPRegressor(4, loss="poisson", epochs=1).fit(X, y - 1)
    with pytest.raises(ValueError, match="positive mean for loss='poisson'"):
        MLPRegressor(4, loss="poisson", epochs=1).fit(X, np.zeros(400))


def test_only_a_quantile_loss_predicts_quantiles(fitted):
    assert not hasattr(fitted["huber"], "predict_quantiles")
    with pytest.raises(AttributeError) as caught:
        fitted["huber"].predict_quantiles  # noqa: B018
    assert "learns no quantiles: set loss='quantile'" in str(caught.value.__cause__)


@pytest.mark.slow
def test_scikit_learn_accepts_a_quantile_loss():
    network = MLPRegressor(loss="quantile", random_state=0, epochs=100)
    skipped = {
        "check_sample_weight_equivalence_on_dense_data": "as of the squared error",
        "check_sample_weight_equivalence_on_sparse_data": "as of the squared error",
    }
    check_estimator(network, expected_failed_checks=skipped)


# The checks in which a loss takes part; the others are about what is around it.
CHECKS = [
    checks.check_fit_check_is_fitted,
    checks.check_fit_idempotent,
    checks.check_methods_subset_invariance,
    checks.check_regressor_multioutput,
    checks.check_regressors_int,
    checks.check_regressors_train,
    checks.check_sample_weights_shape,
]


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_scikit_learn_accepts_each_loss(loss, check):
    check("MLPRegressor", MLPRegressor(loss=loss, random_state=0, epochs=100))


LOAD = """
import sys
import keras, numpy as np
import skdl.losses
model = keras.models.load_model(sys.argv[1])
assert model.loss.levels == [0.2, 0.5]
model.fit(np.ones((4, 4)), np.ones((4, 1)), verbose=0)
"""


@pytest.mark.slow
def test_a_saved_keras_model_trains_on_in_another_process(rows, tmp_path):
    network = MLPRegressor(4, loss="quantile", quantile=(0.2, 0.5), epochs=1)
    network.fit(rows[0], rows[1]["quantile"]).model_.save(tmp_path / "model.keras")
    command = [sys.executable, "-c", LOAD, str(tmp_path / "model.keras")]
    subprocess.run(command, check=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [
        ("COUNT", "affairs", "naffairs"),
        ("Ecdat", "Doctor", "doctor"),
        ("COUNT", "medpar", "los", "provnum"),
    ],
    ids=lambda source: source[1],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_counts_are_predicted_as_well_as_by_scikit_learn(source):
    X, y = load_counts(*source)
    ours, theirs = (
        deviance(kind(loss="poisson", random_state=0), X, y, n_repeats=1)
        for kind in (MLPRegressor, SklearnRegressor)
    )
    assert ours <= theirs


@pytest.mark.parametrize("levels", [(0.1, 0.9), (0.2, 0.8), (0.01, 0.99), (0.25, 0.75)])
def test_of_two_quantiles_as_far_from_the_median_the_lower_is_predicted(
    diabetes, levels
):
    X, y = diabetes
    network = MLPRegressor((4,), loss="quantile", quantile=levels, epochs=2)
    network.fit(X, y, X_val=X, y_val=y)
    lower = network.predict_quantiles(X)[:, 0]
    assert_array_equal(network.predict(X), lower)
    expected = 1 - np.mean((y - lower) ** 2) / y.var()
    assert network.history_["val_r2"][-1] == pytest.approx(expected, rel=1e-3)
    # Keras pairs y of one dimension with several columns.
    loss = network.model_.evaluate(X, y, verbose=0)
    assert loss == pytest.approx(network.model_.evaluate(X, y[:, None], verbose=0))


@pytest.mark.parametrize(
    ("offset", "factor"), [(1e9, 0.01), (1.7e9, 60.0), (1e6, 0.05)]
)
def test_targets_far_from_zero_are_scaled(diabetes, offset, factor):
    X, y = diabetes
    near = (y - y.mean()) / y.std()
    network = MLPRegressor((8,), epochs=20, random_state=0)
    expected = network.fit(X, near).score(X, near)
    found = network.fit(X, offset + factor * near)
    assert found.score(X, offset + factor * near) == pytest.approx(expected, abs=1e-2)
    assert 0 < found.history_["r2"][-1] < 1


def test_a_constant_target_far_from_zero_is_predicted(diabetes):
    X, y = diabetes
    found = MLPRegressor((4,), epochs=2).fit(X, np.full(len(y), 0.1 + 1e9))
    assert_allclose(found.predict(X), 0.1 + 1e9, rtol=1e-8)


def test_delta_of_another_loss_may_change(diabetes):
    network = MLPRegressor((4,), loss="absolute_error").partial_fit(*diabetes)
    network.set_params(huber_delta=2.0).partial_fit(*diabetes)
    with pytest.raises(ValueError, match="its head"):
        network.set_params(loss="huber").partial_fit(*diabetes)


def test_a_column_of_counts_without_any_is_named(diabetes):
    X, y = diabetes
    counts = np.column_stack([y, np.zeros(len(y))]).round()
    with pytest.raises(ValueError, match="positive mean in column 1"):
        MLPRegressor(loss="poisson").fit(X, counts)


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e4])
def test_far_beyond_delta_huber_is_the_absolute_error_in_each_unit(diabetes, unit):
    X, y = diabetes
    params = dict(hidden_layer_sizes=16, epochs=40, learning_rate=0.01, random_state=0)
    network = MLPRegressor(loss="huber", huber_delta=0.01 * unit, **params)
    absolute = MLPRegressor(loss="absolute_error", **params)
    found = network.fit(X, unit * y).score(X, unit * y)
    assert found == pytest.approx(absolute.fit(X, y).score(X, y), abs=0.03)


def test_targets_in_two_units_are_learned_alike_by_huber(diabetes):
    X, y = diabetes
    Y = np.column_stack([y, 1e4 * y])
    network = MLPRegressor(
        16, loss="huber", epochs=40, learning_rate=0.01, random_state=0
    )
    first, second = r2_score(Y, network.fit(X, Y).predict(X), multioutput="raw_values")
    assert first == pytest.approx(second, abs=0.1)


@pytest.mark.parametrize("loss", [name for name in LOSS_NAMES if name != "quantile"])
def test_r2_in_the_history_is_the_mean_over_the_targets(loss):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    Y = np.column_stack([np.exp(0.1 * X[:, 0]), np.exp(2 * X[:, 1])])
    network = MLPRegressor(8, loss=loss, epochs=5, random_state=0)
    found = network.fit(X, Y, X_val=X, y_val=Y).history_["val_r2"][-1]
    assert found == pytest.approx(network.score(X, Y), rel=1e-3)


@pytest.mark.parametrize("loss", ["poisson", "gamma", "squared_error"])
def test_a_constant_target_has_the_same_history_in_each_unit(loss):
    X = np.random.default_rng(0).normal(size=(70, 3))
    network = MLPRegressor(4, loss=loss, epochs=3, random_state=0)
    five, tenth = (network.fit(X, np.full(70, c)).history_["r2"] for c in (5.0, 0.1))
    np.testing.assert_allclose(five, tenth, rtol=1e-4)
