import keras
import numpy as np
import pytest
import tensorflow as tf

from skdl import MLPClassifier
from skdl.training import _program
from skdl.training._tensors import to_tensor
from tests.conftest import equal_weights


@pytest.mark.parametrize(
    "limit", ["ONE_THREAD_MULTIPLY_ADDS", "MULTIPLY_ADDS_PER_CALL", "STEPS_PER_CALL"]
)
def test_the_ways_to_run_the_steps_give_the_same_training(digits, monkeypatch, limit):
    X, y = digits
    params = dict(hidden_layer_sizes=(32, 16), epochs=3, random_state=0)
    first = MLPClassifier(**params).fit(X, y)
    monkeypatch.setattr(_program, limit, {"STEPS_PER_CALL": 7}.get(limit, 0))
    second = MLPClassifier(**params).fit(X, y)
    if limit == "ONE_THREAD_MULTIPLY_ADDS":
        np.testing.assert_allclose(
            first.predict_proba(X), second.predict_proba(X), atol=1e-3
        )
    else:
        assert equal_weights(first, second)


def test_a_training_equals_keras_fit_on_the_same_batches(iris):
    X, y = (array[:128] for array in iris)
    ours = MLPClassifier(
        16,
        activation="relu",
        dropout=0.0,
        l2=0.01,
        learning_rate=0.01,
        learning_rate_schedule=None,
        batch_size=-1,
        epochs=40,
        random_state=0,
    )
    start = ours.set_params(epochs=1, learning_rate=1e-12).fit(X, y).model_
    model = keras.models.clone_model(start)
    model.set_weights(start.get_weights())
    plain = keras.metrics.SparseCategoricalCrossentropy(name="plain")
    model.compile(
        keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=[plain]
    )
    history = model.fit(X, y, batch_size=128, epochs=40, verbose=0).history["plain"]
    ours.set_params(epochs=40, learning_rate=0.01).fit(X, y)
    np.testing.assert_allclose(ours.history_["loss"], history, rtol=1e-4)
    np.testing.assert_allclose(
        ours.predict_proba(X), model.predict(X, verbose=0), atol=1e-4
    )


@pytest.mark.parametrize("rows", [None, np.array([4, 1, 1])])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, bool])
def test_to_tensor_takes_the_rows_as_they_are(rows, order, dtype):
    array = np.asarray(np.arange(30).reshape(6, 5), dtype=dtype, order=order)
    found = to_tensor(array, np.float32, rows)
    assert found.dtype == tf.float32
    expected = array if rows is None else array[rows]
    np.testing.assert_array_equal(found.numpy(), expected.astype(np.float32))


def test_one_row_more_does_not_change_the_others(digits):
    X, y = digits
    model = MLPClassifier((32, 16), epochs=2, random_state=0).fit(X, y)
    whole = model.predict_proba(X)
    single = np.vstack([model.predict_proba(X[k : k + 1]) for k in range(20)])
    np.testing.assert_allclose(single, whole[:20], rtol=1e-9)
