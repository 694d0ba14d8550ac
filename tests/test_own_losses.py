"""Losses of the user's own: functions of keras.ops, by way of the same programs."""

import pickle

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.model_selection import GridSearchCV

import skdl
from skdl import CNNClassifier, MLPClassifier, MLPRegressor
from skdl.training._cache import programs

PARAMS = dict(hidden_layer_sizes=8, epochs=5, random_state=0)


class SeesBatches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


def squared(y_true, y_pred):
    return ops.square(y_true - y_pred)


def absolute(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def entropy(y_true, y_pred):
    hot = ops.one_hot(y_true, y_pred.shape[-1])
    return -ops.sum(hot * ops.log(y_pred), axis=-1)


def binary_entropy(y_true, y_pred):
    return ops.binary_crossentropy(y_true, y_pred)


@keras.saving.register_keras_serializable("skdl_tests")
def asymmetric(y_true, y_pred):
    """Misses from below cost three times as much."""
    error = y_true - y_pred
    return ops.maximum(3 * error, -error)


def test_the_squared_error_in_units_is_that_of_ours(diabetes):
    X, y = diabetes
    # Penalties are relative to the loss, which is in other units here.
    params = PARAMS | {"l2": 0.0}
    ours = MLPRegressor(**params).fit(X, y)
    own = MLPRegressor(loss=squared, **params).fit(X, y)
    np.testing.assert_allclose(own.predict(X), ours.predict(X), rtol=2e-3)
    np.testing.assert_allclose(
        own.history_["loss"], np.var(y) * np.array(ours.history_["loss"]), rtol=1e-2
    )
    np.testing.assert_allclose(own.history_["r2"], ours.history_["r2"], atol=1e-2)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_cross_entropy_is_that_of_ours(iris, n_classes):
    X, y = iris[0], np.minimum(iris[1], n_classes - 1)
    loss = entropy if n_classes > 2 else binary_entropy
    ours = MLPClassifier(**PARAMS).fit(X, y)
    own = MLPClassifier(loss=loss, **PARAMS).fit(X, y)
    np.testing.assert_allclose(own.predict_proba(X), ours.predict_proba(X), atol=1e-4)
    np.testing.assert_allclose(own.history_["loss"], ours.history_["loss"], rtol=1e-3)
    assert own.history_["accuracy"] == pytest.approx(ours.history_["accuracy"])


def test_several_labels_and_targets(iris):
    X, y = iris
    labels = np.c_[y == 0, y == 1].astype(int)
    ours = MLPClassifier(**PARAMS).fit(X, labels)
    own = MLPClassifier(loss=binary_entropy, **PARAMS).fit(X, labels)
    np.testing.assert_allclose(own.predict_proba(X), ours.predict_proba(X), atol=1e-4)
    both = MLPRegressor(loss=absolute, **PARAMS).fit(X, X[:, :2] * [1, 100])
    assert both.predict(X).shape == (150, 2)


def test_weights_validation_and_early_stopping(diabetes):
    X, y = diabetes
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    params = PARAMS | dict(
        loss=absolute, batch_size=-1, dropout=0.0, l2=0.0, epochs=30, patience=2
    )
    weighted = MLPRegressor(**params).fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(len(y)), weight)
    repeated = MLPRegressor(**params).fit(X[rows], y[rows])
    # The targets of both are scaled alike, and so are all gradients.
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-3)
    stopped = MLPRegressor(early_stopping=True, **params)
    stopped.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    found = np.abs(y[300:] - stopped.predict(X[300:])).mean()
    assert min(stopped.history_["val_loss"]) == pytest.approx(found, rel=1e-4)
    assert stopped._mean_loss(X[300:], y[300:]) == pytest.approx(found, rel=1e-4)


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_keras_way_does_the_same(iris, diabetes, kind):
    network, data, loss = {
        "numbers": (MLPRegressor, diabetes, absolute),
        "classes": (MLPClassifier, iris, entropy),
    }[kind]
    params = PARAMS | dict(loss=loss, dropout=0.0)
    ours = network(**params).fit(*data)
    theirs = network(callbacks=[SeesBatches()], **params).fit(*data)
    for one, other in zip(ours._weights, theirs._weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_allclose(
        ours.history_["loss"], theirs.history_["loss"], rtol=1e-3
    )


def test_what_it_asks_for_is_learned(diabetes):
    X, y = diabetes
    network = MLPRegressor((), loss=asymmetric, l2=0.0, epochs=300, random_state=0)
    network.set_params(learning_rate=0.05, dropout=0.0, batch_size=-1)
    # Three to one: the quantile of level 3 / 4.
    assert np.mean(y <= network.fit(X, y).predict(X)) == pytest.approx(0.75, abs=0.02)


def test_model_is_compiled_with_it(diabetes):
    X, y = diabetes
    network = MLPRegressor(loss=asymmetric, **PARAMS).fit(X, y)
    found = network.model_.evaluate(X, y, verbose=0)[0]
    penalty = network.resolved_["l2"] * sum(
        np.sum(kernel**2) for kernel in network._weights[::2]
    )
    assert found == pytest.approx(network._mean_loss(X, y) + penalty, rel=1e-3)
    network.model_.fit(X, y, epochs=1, verbose=0)


def test_a_registered_function_is_saved_by_its_name(diabetes, tmp_path):
    X, y = diabetes
    network = MLPRegressor(loss=asymmetric, **PARAMS).fit(X, y)
    skdl.save(network, tmp_path / "a.skdl")
    loaded = skdl.load(tmp_path / "a.skdl")
    assert loaded.loss == "skdl_tests>asymmetric"
    np.testing.assert_array_equal(loaded.predict(X), network.predict(X))
    again = skdl.load(tmp_path / "a.skdl").fit(X, y)
    np.testing.assert_array_equal(again.predict(X), network.predict(X))
    network.model_.save(tmp_path / "a.keras")
    model = keras.saving.load_model(tmp_path / "a.keras")
    np.testing.assert_allclose(
        model.predict(X, verbose=0)[:, 0], loaded.predict(X), rtol=1e-4
    )
    kept = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(kept.predict(X), network.predict(X))
    skdl.export_onnx(network, tmp_path / "a.onnx")


@pytest.mark.parametrize("kind", ["function", "lambda", "object"])
def test_a_function_that_is_not_registered_is_not_saved(diabetes, tmp_path, kind):
    loss = {
        "function": absolute,
        "lambda": lambda y_true, y_pred: ops.abs(y_true - y_pred),
        "object": Registered(),  # of which only the class is
    }[kind]
    network = MLPRegressor(loss=loss, **PARAMS).fit(*diabetes)
    with pytest.raises(ValueError, match=r"\.loss is a .*Register it by @keras"):
        skdl.save(network, tmp_path / "a.skdl")


def test_a_loss_of_keras_may_be_given(diabetes):
    X, y = diabetes
    network = MLPRegressor(loss=keras.losses.LogCosh(), **PARAMS).fit(X, y)
    errors = y - network.predict(X)
    expected = np.logaddexp(errors, -errors) - np.log(2)
    assert network._mean_loss(X, y) == pytest.approx(expected.mean(), rel=1e-3)


def test_a_search_over_losses_and_rates_compiles_each_loss_once(iris):
    programs.clear()
    search = GridSearchCV(
        MLPClassifier(**PARAMS),
        {"loss": [entropy, "focal"], "learning_rate": [0.01, 0.001]},
        cv=2,
        refit=False,
    ).fit(*iris)
    assert len(programs) == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_images_and_ensembles(digits):
    X, y = digits[0][:300], digits[1][:300]
    network = CNNClassifier(
        (4,), loss=entropy, epochs=2, n_ensemble=2, random_state=0
    ).fit(X, y)
    assert np.isfinite(network.predict_proba(X)).all()


def test_resumed_training_needs_the_same_function(diabetes):
    network = MLPRegressor(loss=absolute, warm_start=True, **PARAMS).fit(*diabetes)
    network.fit(*diabetes)
    with pytest.raises(ValueError, match="needs the loss of the last fit"):
        network.set_params(loss=squared).fit(*diabetes)


def test_a_loss_of_keras_is_kept(diabetes, tmp_path):
    X, y = diabetes
    network = MLPRegressor(loss=keras.losses.LogCosh(), **PARAMS).fit(X, y)
    skdl.save(network, tmp_path / "a.skdl")
    loaded = skdl.load(tmp_path / "a.skdl")
    assert isinstance(loaded.loss, keras.losses.LogCosh)
    np.testing.assert_array_equal(loaded.fit(X, y).predict(X), network.predict(X))
    network.model_.save(tmp_path / "a.keras")
    model = keras.saving.load_model(tmp_path / "a.keras")
    found = model.evaluate(X, y, verbose=0)[0]
    assert found == pytest.approx(network.model_.evaluate(X, y, verbose=0)[0])


def test_a_large_offset_is_told(diabetes):
    X, y = diabetes
    with pytest.warns(UserWarning, match="y has mean 1e.08 .* Subtract the mean"):
        MLPRegressor(loss=absolute, **PARAMS).fit(X, y + 1e8)


def test_an_error_while_it_runs_names_the_loss(iris):
    X, y = iris
    network = MLPClassifier(loss=keras.losses.SparseCategoricalCrossentropy())
    with pytest.raises(ValueError, match="label value of 1 .*for two classes"):
        network.fit(X, y > 0)


def one_for_each_column(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=0)


def nothing(y_true, y_pred):
    return None


def of_numpy(y_true, y_pred):
    return np.abs(y_true.numpy() - y_pred.numpy())


@keras.saving.register_keras_serializable("skdl_tests")
class Registered(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.square(y_true - y_pred)


def one_number(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred))


def blind(y_true, y_pred):
    return ops.mean(ops.square(y_true), axis=-1)


class NoHash:
    __hash__ = None

    def __call__(self, y_true, y_pred):
        return ops.square(y_true - y_pred)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (one_number, r"returned an output of shape \(\) for 3 rows: .* each row"),
        (one_for_each_column, r"returned an output of shape \(1,\) for 3 rows"),
        (nothing, "returned None for 3 rows: it must return one number for each"),
        (of_numpy, r"loss=.*of_numpy.* failed \(AttributeError\): .* It gets y_true"),
        (lambda y_true: y_true, r"loss=.* failed \(TypeError\)"),
        (keras.losses.BinaryCrossentropy(from_logits=True), "has from_logits=True"),
        ("skdl_tests>Registered", "names a class"),
        (blind, "does not depend on y_pred"),
        ("skdl_tests>missing", "names a function that is not registered"),
        ("squared_eror", r"loss='squared_eror' is not known.*'squared_error'"),
        (keras.losses.Huber, "is a class: give an instance"),
        (NoHash(), "can't be hashed"),
        (3, "'loss' parameter"),
    ],
    ids=[
        "number",
        "columns",
        "nothing",
        "numpy",
        "argument",
        "logits",
        "its class",
        "blind",
        "missing",
        "misspelled",
        "class",
        "no hash",
        "integer",
    ],
)
def test_bad_losses_are_refused(diabetes, loss, message):
    network = MLPRegressor(loss=loss, **PARAMS)
    with pytest.raises(ValueError, match=message):
        network.fit(*diabetes)
    assert not hasattr(network, "history_")


def mistakes(y_true, y_pred):
    return ops.cast(ops.not_equal(y_true, ops.argmax(y_pred, axis=-1)), "float32") + (
        0 * ops.sum(y_pred, axis=-1)
    )


@pytest.mark.parametrize(
    ("loss", "n_classes"),
    [(keras.losses.CategoricalCrossentropy(), 2), (mistakes, 3)],
    ids=["one output", "steps"],
)
@pytest.mark.filterwarnings("ignore:In loss categorical_crossentropy")
def test_a_loss_without_a_gradient_is_refused(iris, loss, n_classes):
    X, y = iris[0], np.minimum(iris[1], n_classes - 1)
    network = MLPClassifier(loss=loss, **PARAMS)
    with pytest.raises(ValueError, match="would train nothing: its gradient is 0"):
        network.fit(X, y)


def test_a_name_that_is_registered_anew_trains_with_the_new_function(diabetes):
    X, y = diabetes
    predicted = []
    for sign in (1, -1):

        @keras.saving.register_keras_serializable("skdl_tests", name="one_sided")
        def one_sided(y_true, y_pred, sign=sign):
            errors = sign * (y_true - y_pred)
            return ops.maximum(9 * errors, -errors)

        network = MLPRegressor(loss="skdl_tests>one_sided", **PARAMS)
        predicted.append(network.fit(X, y).predict(X).mean())
    assert predicted[0] > predicted[1] + 1
