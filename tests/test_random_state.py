"""An int as random_state gives the same bits, wherever the fit runs."""

import random
import threading

import joblib
import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils import check_random_state

from skdl import MLPClassifier
from skdl._utils._numbers import draw_seed
from skdl.training._cache import programs
from tests.conftest import equal_weights


def network(seed=0, **params):
    params = {"hidden_layer_sizes": (32, 16), "epochs": 5, "dropout": 0.3, **params}
    return MLPClassifier(random_state=seed, **params)


def test_alone_second_and_fresh_give_the_same_weights(digits):
    X, y = digits
    programs.clear()
    first = network().fit(X, y)
    network(7, learning_rate=0.01).fit(X[::-1], y[::-1])
    assert equal_weights(first, network().fit(X, y))
    programs.clear()
    assert equal_weights(first, network().fit(X, y))
    assert not equal_weights(first, network(1).fit(X, y))


@pytest.mark.slow
def test_twenty_fits_in_four_threads_equal_their_sequential_twins(digits):
    X, y = digits
    alone = [network(seed, batch_size=16 + seed).fit(X, y) for seed in range(20)]
    with joblib.parallel_config("threading", n_jobs=4):
        beside = joblib.Parallel()(
            joblib.delayed(network(seed, batch_size=16 + seed).fit)(X, y)
            for seed in range(20)
        )
    assert all(equal_weights(*pair) for pair in zip(alone, beside, strict=True))


@pytest.mark.slow
def test_a_loky_worker_gives_the_same_weights(digits):
    X, y = digits
    (there,) = joblib.Parallel(n_jobs=2)([joblib.delayed(network().fit)(X, y)])
    assert equal_weights(network().fit(X, y), there)


def test_a_seed_is_the_one_that_scikit_learn_draws():
    for seed in (0, 5, np.int64(7), 2**32 - 1):
        expected = check_random_state(seed).randint(np.iinfo(np.int32).max)
        assert draw_seed(seed) == expected


def test_other_keras_work_does_not_matter(digits):
    X, y = digits
    first = network().fit(X, y)
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dropout(0.5)])
    model.compile("adam", "mse")
    model.fit(X[:32], X[:32, :3], verbose=0)
    keras.utils.set_random_seed(3)
    assert equal_weights(first, network().fit(X, y))


def test_watched_and_unwatched_fits_give_the_same_weights(digits, capsys):
    X, y = digits
    quiet = network().fit(X, y)
    assert equal_weights(quiet, network(verbose=1).fit(X, y))
    assert equal_weights(quiet, network().fit(X, y, X_val=X, y_val=y))
    assert "accuracy" in capsys.readouterr().out


def test_a_random_state_advances_and_none_differs(digits):
    X, y = digits
    state = np.random.RandomState(0)
    first, second = (network(state).fit(X, y) for _ in range(2))
    assert not equal_weights(first, second)
    again = np.random.RandomState(0)
    assert equal_weights(first, network(again).fit(X, y))
    assert not equal_weights(*(network(None).fit(X, y) for _ in range(2)))


@pytest.mark.slow
@pytest.mark.parametrize("callbacks", [None, [keras.callbacks.TerminateOnNaN()]])
def test_a_fit_changes_no_global_state(digits, callbacks):
    X, y = digits
    network().fit(X, y)  # TensorFlow's own start-up is not the fit's
    random.seed(5)
    np.random.seed(5)
    tf.random.set_seed(5)

    def state():
        return (
            random.getstate(),
            str(np.random.get_state()),
            tf.random.get_global_generator().state.numpy().tolist(),
            tf.config.threading.get_intra_op_parallelism_threads(),
            tf.config.threading.get_inter_op_parallelism_threads(),
            tf.config.experimental.is_op_determinism_enabled()
            if hasattr(tf.config.experimental, "is_op_determinism_enabled")
            else None,
            keras.config.floatx(),
            keras.config.dtype_policy().name,
            np.geterr(),
            threading.active_count() if callbacks is None else None,
        )

    before = state()
    network(None, batch_norm=True, optimizer="nadam", callbacks=callbacks).fit(X, y)
    network(3, early_stopping=True).fit(X, y).predict(X)
    after = state()
    assert before[:-1] == after[:-1]
