"""A user's model in a program: metrics of several epochs of a call, and errors."""

import keras
import numpy as np
import pytest

from skdl import KerasClassifier
from skdl.training import _loop
from skdl.training._model_step import ModelSpec, ModelStep
from skdl.training._optimizers import spec_for

LOSS = "sparse_categorical_crossentropy"


def build(meta):
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


@pytest.mark.parametrize("rows_per_call", [1, 300, 10**6])
def test_metrics_begin_anew_in_each_epoch_of_a_call(iris, monkeypatch, rows_per_call):
    def fit():
        network = KerasClassifier(
            build,
            loss=LOSS,
            optimizer="adam",
            metrics=["accuracy"],
            epochs=5,
            random_state=0,
        )
        network.fit(*iris, validation_data=(iris[0][::3], iris[1][::3]))
        assert network.fit_path_.startswith("compiled")
        return network

    expected = fit()
    monkeypatch.setattr(_loop, "ROWS_PER_CALL", rows_per_call)
    fitted = fit()
    assert fitted.history_ == expected.history_
    for ours, theirs in zip(
        fitted.model_.get_weights(), expected.model_.get_weights(), strict=True
    ):
        assert np.array_equal(ours, theirs)
    last = fitted.model_.evaluate(iris[0][::3], iris[1][::3], verbose=0)
    named = [fitted.history_[f"val_{name}"][-1] for name in ("loss", "accuracy")]
    np.testing.assert_allclose(named, last, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:Each row of y has exactly one")
def test_a_metric_of_each_class_is_an_array_in_each_epoch(iris):
    def one_hot(meta):
        model = build(meta)
        metric = keras.metrics.F1Score(average=None)
        model.compile("adam", "categorical_crossentropy", metrics=[metric])
        return model

    network = KerasClassifier(one_hot, epochs=3, random_state=0)
    network.fit(iris[0], np.eye(3, dtype=int)[iris[1]])
    found = network.history_["f1_score"]
    assert [value.shape for value in found] == [(3,)] * 3
    assert found[0].dtype == np.float32


def test_a_loss_that_does_not_fit_the_targets_is_named():
    model = build({"X_shape_": (9, 4), "n_classes_": 3})
    model.compile("adam", "mean_squared_error", metrics=["accuracy"])
    spec = ModelSpec("", spec_for("adam"), (((4,), "float32"), ((5,), "float32")))
    with pytest.raises(ValueError, match=r"its loss 'mean_squared_error'.*\(None, 5\)"):
        ModelStep(spec, model)


def embedded(meta):
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:], dtype="int32"),
            keras.layers.Embedding(10, 4),
            keras.layers.Flatten(),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


def test_what_fails_in_a_model_is_said():
    X, y = np.arange(60).reshape(30, 2) % 10, np.arange(30) % 3
    X[7, 1] = 99
    network = KerasClassifier(embedded, loss=LOSS, epochs=1, random_state=0)
    with pytest.raises(
        ValueError, match=r"The model, its loss.*99 is not in \[0, 10\)"
    ):
        network.fit(X, y)


def test_rows_of_another_shape_than_the_model_takes_are_named(iris):
    def build_for_nine(meta):
        return build(meta | {"X_shape_": (1, 9)})

    network = KerasClassifier(build_for_nine, loss=LOSS, epochs=1)
    words = (
        r"takes rows of shape \(9,\), and X has rows of shape \(4,\).*n_features_in_"
    )
    with pytest.raises(ValueError, match=words):
        network.fit(*iris)
