import keras
import numpy as np
import pytest
from sklearn.metrics import log_loss

from skdl import MLPClassifier
from skdl.training._averaging import Averaging
from tests.conftest import equal_weights

FULL_BATCH = dict(
    hidden_layer_sizes=(),
    l2=0.0,
    optimizer="sgd",
    learning_rate=0.5,
    batch_size=-1,
    random_state=0,
)


class SeesBatches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


def weights_after(iris, epochs, **params):
    """Return all weights after some steps, as one array."""
    network = MLPClassifier(**{**FULL_BATCH, **params}, epochs=epochs).fit(*iris)
    return np.concatenate([weight.ravel() for weight in network._weights])


def test_ema_is_the_moving_average_of_the_weights_after_each_step(iris):
    trained = [weights_after(iris, k) for k in range(1, 7)]
    expected = trained[0]
    for weights in trained[1:]:
        expected = 0.8 * expected + 0.2 * weights
    np.testing.assert_allclose(
        weights_after(iris, 6, ema=0.8), expected, rtol=1e-5, atol=1e-6
    )
    assert np.abs(expected - trained[-1]).max() > 1e-3


@pytest.mark.parametrize(("start", "n_averaged"), [(0.5, 3), (0.0, 6), (0.9, 1)])
def test_swa_is_the_mean_of_the_last_epochs(iris, start, n_averaged):
    trained = [weights_after(iris, k) for k in range(1, 7)]
    np.testing.assert_allclose(
        weights_after(iris, 6, swa_start=start),
        np.mean(trained[-n_averaged:], axis=0),
        rtol=1e-5,
        atol=1e-6,
    )


def test_the_share_of_the_epochs_is_exact():
    steps = np.arange(100)
    momenta = Averaging(None, 0.29).momenta(steps, 1, 100)
    assert (momenta == 0).sum() == 30  # 29 epochs before, and the first that counts


def test_swa_averages_the_ends_of_epochs_of_several_steps(iris):
    several = dict(batch_size=40)
    trained = [weights_after(iris, k, **several) for k in range(1, 5)]
    np.testing.assert_allclose(
        weights_after(iris, 4, swa_start=0.5, **several),
        np.mean(trained[-2:], axis=0),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("kind", [{"ema": 0.9}, {"swa_start": 0.4}])
def test_the_average_is_what_is_validated(iris, kind):
    X, y = iris
    network = MLPClassifier(8, epochs=4, random_state=0, **kind)
    network.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    found = log_loss(y[1::2], network.predict_proba(X[1::2]))
    np.testing.assert_allclose(network.history_["val_loss"][-1], found, rtol=1e-5)


@pytest.mark.parametrize(
    "params",
    [
        {"ema": 0.9, "normalization": "batch"},
        {"swa_start": 0.5, "early_stopping": True},
        {"weight_decay": 0.1, "optimizer": "lion", "learning_rate": 1e-3},
        {"warmup": 0.3, "learning_rate_schedule": "cosine"},
    ],
)
def test_keras_way_does_the_same(iris, params):
    params = dict(epochs=4, dropout=0.0, batch_size=32, random_state=0) | params
    ours = MLPClassifier(8, **params).fit(*iris)
    theirs = MLPClassifier(8, callbacks=[SeesBatches()], **params).fit(*iris)
    for one, other in zip(ours._weights, theirs._weights, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
    for name, values in ours.history_.items():
        np.testing.assert_allclose(values, theirs.history_[name], atol=1e-4)


def test_partial_fit_goes_on_with_the_average_and_the_trained_weights(iris):
    params = {**FULL_BATCH, "ema": 0.8}
    network = MLPClassifier(**params)
    for _ in range(5):
        network.partial_fit(*iris, classes=range(3))
    whole = MLPClassifier(**params, epochs=5).fit(*iris)
    for one, other in zip(network._weights, whole._weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_an_average_may_begin_and_end_between_calls_of_partial_fit(iris):
    network = MLPClassifier(8, random_state=0).partial_fit(*iris, classes=range(3))
    network.set_params(ema=0.5).partial_fit(*iris)
    network.set_params(ema=None).partial_fit(*iris)
    assert np.isfinite(network.history_["loss"]).all()
    assert len(network.history_["loss"]) == 3


def test_a_search_over_the_momentum_compiles_nothing(iris):
    from skdl.training._cache import programs

    programs.clear()
    for ema in (0.5, 0.9, 0.99):
        MLPClassifier(8, epochs=1, ema=ema, weight_decay=ema).fit(*iris)
    assert len(programs) == 1


def test_what_is_not_averaged_is_as_before(iris):
    plain = MLPClassifier(8, epochs=2, random_state=0).fit(*iris)
    swa = MLPClassifier(8, epochs=2, random_state=0, swa_start=0.9).fit(*iris)
    assert equal_weights(plain, swa)  # the mean of one epoch


def test_bad_averages_are_refused(iris):
    with pytest.raises(ValueError, match=r"ema=0.9 and swa_start=0.5.*leave one"):
        MLPClassifier(ema=0.9, swa_start=0.5).fit(*iris)
    with pytest.raises(ValueError, match=r"'ema'.*\[0.0, 1.0\)"):
        MLPClassifier(ema=1.0).fit(*iris)
    with pytest.raises(ValueError, match="swa_start=0.5 is a share of the epochs"):
        MLPClassifier(swa_start=0.5).partial_fit(*iris, classes=range(3))
