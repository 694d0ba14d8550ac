"""Keras callbacks see what they would see under keras.Model.fit."""

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_validate

from skdl import CNNClassifier, KerasClassifier, MLPClassifier, MLPRegressor
from skdl.model_selection import OptunaSearchCV
from tests.keras_models import build_classifier

callbacks = keras.callbacks
SPARSE = "sparse_categorical_crossentropy"


def monitors(name, path):
    return [
        callbacks.EarlyStopping(name, patience=50),
        callbacks.ReduceLROnPlateau(name),
        callbacks.ModelCheckpoint(path, monitor=name, save_best_only=True),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["accuracy", "val_accuracy", "loss", "val_loss"])
@pytest.mark.parametrize("k", range(3), ids=["stop", "reduce", "checkpoint"])
def test_the_direction_of_a_metric_is_known_without_a_mode(iris, tmp_path, name, k):
    callback = monitors(name, tmp_path / "best.keras")[k]
    network = MLPClassifier(4, epochs=3, callbacks=[callback], random_state=0)
    network.fit(*iris, X_val=iris[0], y_val=iris[1])
    (done,) = network.callbacks_
    rising = "accuracy" in name
    assert (done.monitor_op is keras.ops.greater) is rising
    best = max(network.history_[name]) if rising else min(network.history_[name])
    if k < 2:
        assert float(done.best) == pytest.approx(best, rel=1e-5)


def test_r2_and_the_metrics_of_a_wrapper_have_their_directions(iris, diabetes):
    stop = callbacks.EarlyStopping("val_r2", patience=50)
    network = MLPRegressor(4, epochs=2, callbacks=[stop], random_state=0)
    network.fit(*diabetes, X_val=diabetes[0], y_val=diabetes[1])
    assert network.callbacks_[0].monitor_op is keras.ops.greater
    for metric in ("accuracy", "acc", keras.metrics.SparseTopKCategoricalAccuracy(2)):
        name = metric if isinstance(metric, str) else metric.name
        stop = callbacks.EarlyStopping(name, patience=50)
        wrapped = KerasClassifier(
            build_classifier, loss=SPARSE, metrics=[metric], callbacks=[stop], epochs=2
        ).fit(*iris)
        assert wrapped.fit_path_.startswith("compiled")
        assert wrapped.callbacks_[0].monitor_op is keras.ops.greater


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: callbacks.EarlyStopping("val_loss", patience=2, min_delta=0.02),
        lambda: callbacks.EarlyStopping("val_loss", patience=3, baseline=0.5),
        lambda: callbacks.EarlyStopping("val_loss", patience=1, start_from_epoch=4),
        lambda: callbacks.ReduceLROnPlateau(
            "val_loss", factor=0.5, patience=1, cooldown=2, min_delta=0.05
        ),
    ],
    ids=["min_delta", "baseline", "start_from_epoch", "cooldown"],
)
def test_epochs_are_counted_as_keras_model_fit_counts_them(iris, make):
    X, y = iris
    settings = dict(
        loss=SPARSE,
        optimizer="sgd",
        optimizer__learning_rate=0.2,
        epochs=25,
        random_state=0,
    )
    by_us = KerasClassifier(build_classifier, callbacks=make(), **settings)
    by_keras = clone(by_us).set_params(fit__validation_freq=1)
    validation = {"X_val": X[::3], "y_val": y[::3]}
    by_us.fit(X, y, **validation)
    by_keras.fit(X, y, **validation)
    assert by_us.fit_path_.startswith("compiled")
    assert by_keras.fit_path_.startswith("keras.Model.fit")
    assert by_us.n_iter_ == by_keras.n_iter_
    for name, values in by_us.history_.items():
        np.testing.assert_allclose(values, by_keras.history_[name], rtol=1e-3)
    rates = [float(n.model_.optimizer.learning_rate) for n in (by_us, by_keras)]
    assert rates[0] == pytest.approx(rates[1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, CNNClassifier])
def test_a_checkpoint_of_ours_is_loaded_by_keras_alone(iris, tmp_path, kind):
    path = tmp_path / "best.keras"
    save = callbacks.ModelCheckpoint(path, monitor="loss", save_best_only=True)
    network = kind(hidden_layer_sizes=4, epochs=3, callbacks=[save], random_state=0)
    if kind is CNNClassifier:
        network.set_params(image_shape=(2, 2, 1), conv_filters=2)
    network.fit(*iris)
    model = keras.models.load_model(path)
    expected = network.model_
    x = iris[0].astype("float32")
    if network.history_["loss"][-1] == min(network.history_["loss"]):
        np.testing.assert_allclose(
            model.predict(x, verbose=0), expected.predict(x, verbose=0), atol=1e-5
        )
    assert np.isfinite(model.evaluate(x, iris[1], verbose=0)).all()


@pytest.mark.parametrize("kind", ["MLP", "Keras"])
def test_a_fit_with_nothing_left_to_train_has_no_epochs(iris, tmp_path, kind):
    backup = callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    network = MLPClassifier(4, epochs=2, callbacks=[backup], random_state=0)
    if kind == "Keras":
        network = KerasClassifier(
            build_classifier, loss=SPARSE, epochs=2, callbacks=[backup], random_state=0
        )
    assert network.fit(*iris).n_iter_ == 2
    again = clone(network).fit(*iris)
    assert again.n_iter_ == 0
    assert again.history_ == {}
    np.testing.assert_allclose(
        again.predict_proba(iris[0]), network.predict_proba(iris[0]), atol=1e-6
    )


# Callbacks that are given to fit


@pytest.mark.slow
def test_each_fit_of_a_search_works_on_its_own_copy(digits):
    X, y = digits[0][:300], digits[1][:300]
    network = KerasClassifier(
        build_classifier,
        loss=SPARSE,
        optimizer="adam",
        epochs=8,
        validation_split=0.2,
        random_state=0,
    )
    space = {"optimizer__learning_rate": [0.001, 0.01, 0.1]}
    scores = []
    for n_jobs in (1, 2):
        stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
        search = OptunaSearchCV(
            network, space, n_trials=4, cv=2, n_jobs=n_jobs, refit=False, random_state=0
        ).fit(X, y, callbacks=[stop])
        by_params = {
            str(params): score
            for params, score in zip(
                search.cv_results_["params"], search.cv_results_["mean_test_score"]
            )
        }
        scores.append(by_params)
        assert stop.best is None
        assert stop.model is None
    shared = set(scores[0]) & set(scores[1])
    assert shared
    assert all(scores[0][name] == scores[1][name] for name in shared)
    cross_validate(network, X, y, cv=2, params={"callbacks": [stop]}, n_jobs=1)
    assert stop.model is None


def test_the_copies_are_found_after_a_fit(iris):
    stop = callbacks.EarlyStopping("loss", patience=0, min_delta=10)
    network = KerasClassifier(build_classifier, loss=SPARSE, epochs=9)
    network.fit(*iris, callbacks=stop)
    (done,) = network.callbacks_
    assert done is not stop
    assert done.stopped_epoch == network.n_iter_ - 1 == 1
    with pytest.raises(TypeError, match="callbacks must hold Keras callbacks"):
        network.fit(*iris, callbacks=["early"])
