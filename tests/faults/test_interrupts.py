"""Fits that are interrupted, crowded, or too large."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone

from skdl import KerasClassifier, MLPClassifier
from skdl._utils._callbacks import EpochCallback
from skdl.training._cache import programs
from tests.keras_models import build_rich_classifier

pytestmark = pytest.mark.slow

NETWORKS = {
    "MLP": MLPClassifier((20, 10), batch_norm=True, epochs=200, random_state=0),
    "Keras": KerasClassifier(
        build_rich_classifier,
        loss="sparse_categorical_crossentropy",
        epochs=40,
        random_state=0,
    ),
}


@pytest.fixture
def interruptible():
    """Let SIGINT interrupt, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Interrupts(EpochCallback):
    """Sends SIGINT from another thread once an epoch has begun; the last one waits.

    So it arrives somewhere in the epochs after that one, and never after the fit.
    """

    def __init__(self, epoch, n_epochs):
        self.epoch = epoch
        self.n_epochs = n_epochs

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            arguments = (os.getpid(), signal.SIGINT)
            threading.Thread(target=os.kill, args=arguments).start()

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.n_epochs - 1:
            time.sleep(600)  # until the signal comes


# Python drops an interrupt that arrives while a destructor of TensorFlow runs, and
# says so; it is then sent again.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("name", NETWORKS)
def test_an_interrupted_fit_breaks_no_program(iris, name):
    X, y = iris
    network = NETWORKS[name]
    expected = clone(network).fit(X, y).predict_proba(X)
    fitted = clone(network).fit(X, y)
    rng = np.random.default_rng(0)
    for epoch in rng.integers(0, network.epochs, 6):
        fitted.set_params(callbacks=[Interrupts(int(epoch), network.epochs)])
        with pytest.raises(KeyboardInterrupt) as interrupt:
            fitted.fit(-X, y)
        assert "on_interrupt='keep'" in interrupt.value.__notes__[0]
        np.testing.assert_array_equal(fitted.predict_proba(X), expected)
        found = clone(network).fit(X, y)
        np.testing.assert_array_equal(found.predict_proba(X), expected)
        fitted = found


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("name", NETWORKS)
def test_an_interrupted_fit_may_keep_its_epochs(iris, name):
    X, y = iris
    network = clone(NETWORKS[name]).set_params(on_interrupt="keep")
    network.set_params(callbacks=[Interrupts(3, network.epochs)])
    with pytest.warns(UserWarning, match=r"was interrupted: \d+ epochs are kept"):
        network.fit(X, y)
    assert 3 <= network.n_iter_ == len(network.history_["loss"]) < network.epochs + 1
    whole = clone(network).set_params(epochs=network.n_iter_, callbacks=None)
    np.testing.assert_allclose(
        network.predict_proba(X), whole.fit(X, y).predict_proba(X), atol=1e-6
    )


def structures():
    """Return 48 networks of as many structures, where a cache keeps 32."""
    return [
        MLPClassifier(
            (4,),
            activation=activation,
            batch_norm=batch_norm,
            dropout=dropout,
            l2=l2,
            optimizer=optimizer,
            batch_size=50,
            epochs=2,
            random_state=0,
        )
        for activation in ("relu", "tanh")
        for batch_norm in (False, True)
        for dropout in (0.0, 0.2)
        for l2 in (0.0, 0.1)
        for optimizer in ("sgd", "adam", "rmsprop")
    ]


def test_eight_threads_with_more_structures_than_a_cache_keeps(iris):
    X, y = iris
    networks = structures()
    assert len(networks) == 48
    programs.clear()

    def fit(network):
        found = clone(network).fit(X, y)._weights
        assert len(programs) <= 32
        return found

    with ThreadPoolExecutor(8) as pool:
        crowded = list(pool.map(fit, networks, timeout=600))
    assert len(programs) == 32
    for one, network in list(zip(crowded, networks, strict=True))[::4]:
        assert all(map(np.array_equal, one, fit(network)))


@pytest.mark.parametrize("hidden", [(10**6, 10**6), (50_000,) * 8, (10**12,)], ids=str)
def test_a_network_too_large_is_refused_before_it_is_made(iris, hidden):
    network = MLPClassifier(hidden)
    with pytest.raises(MemoryError, match="weights.*are free.*hidden_layer_sizes"):
        network.fit(*iris)
    assert not hasattr(network, "classes_")
