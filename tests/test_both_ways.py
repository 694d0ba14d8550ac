"""A compiled program and Keras' own fit do the same, whatever a model brings."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras.optimizers import SGD, Adam, Nadam
from keras.optimizers.schedules import ExponentialDecay

import skdl
from skdl import KerasClassifier, KerasRegressor, MLPRegressor


class SeesBatches(keras.callbacks.Callback):
    """It is called at each batch, so that Keras' own fit is needed."""

    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.fixture(scope="module")
def rows():
    X = np.random.default_rng(0).standard_normal((64, 3)).astype(np.float32)
    return X, X @ np.array([1.0, -2.0, 0.5], np.float32) + 0.1


def linear(make_optimizer, loss="mse", activation=None):
    def build(meta):
        dense = layers.Dense(1, activation=activation, kernel_initializer="zeros")
        model = keras.Sequential([keras.Input((3,)), dense])
        model.compile(make_optimizer(), loss)
        return model

    return build


SETTINGS = dict(epochs=3, batch_size=16, shuffle=False, random_state=0)


@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda: SGD(0.1, loss_scale_factor=1024.0),
        lambda: Nadam(ExponentialDecay(0.1, 5, 0.5)),
        lambda: SGD(0.1, clipnorm=np.int64(1)),
        lambda: Adam(0.1, beta_1=np.float32(0.9)),
        lambda: SGD(0.1, use_ema=True, ema_momentum=0.9),
    ],
    ids=["scaled loss", "schedule", "integer", "float32", "averages"],
)
def test_optimizers(rows, make_optimizer):
    compiled, by_keras = (
        KerasRegressor(linear(make_optimizer), callbacks=callbacks, **SETTINGS)
        for callbacks in (None, [SeesBatches()])
    )
    for network in (compiled, by_keras):
        network.fit(*rows)
    assert compiled.fit_path_.startswith("compiled")
    assert not by_keras.fit_path_.startswith("compiled")
    losses = compiled.history_["loss"]
    np.testing.assert_allclose(losses, by_keras.history_["loss"], rtol=1e-4)
    np.testing.assert_allclose(
        compiled.predict(rows[0]), by_keras.predict(rows[0]), rtol=1e-4, atol=1e-5
    )


def test_new_states_begin_with_new_steps(rows):
    # Adam divides by how much of its moments is there: with the steps of the states
    # that are gone its first new step is three times too large.
    found = []
    for more in (None, [SeesBatches()]):
        network = MLPRegressor(
            (), optimizer="adam", learning_rate=0.01, batch_size=16, random_state=0
        )
        for _ in range(30):
            network.partial_fit(*rows)
        network.set_params(optimizer="adamax", callbacks=more).partial_fit(*rows)
        found.append(network._weights[0])
    np.testing.assert_allclose(*found, rtol=1e-4)


def test_a_scaled_loss_of_a_perceptron(rows):
    scaled, plain = (
        MLPRegressor(
            (),
            optimizer=SGD(0.1, loss_scale_factor=factor),
            batch_size=16,
            epochs=3,
            random_state=0,
        )
        for factor in (1024.0, None)
    )
    np.testing.assert_allclose(
        scaled.fit(*rows).history_["loss"], plain.fit(*rows).history_["loss"], rtol=1e-4
    )


def test_the_best_weights_replace_the_averages(rows):
    found = []
    for more in ([], [SeesBatches()]):
        best = keras.callbacks.EarlyStopping(
            "loss", patience=1, restore_best_weights=True
        )
        build = linear(lambda: SGD(0.1, use_ema=True, ema_momentum=0.9))
        network = KerasRegressor(build, callbacks=[best, *more], **SETTINGS)
        found.append(network.set_params(epochs=6).fit(*rows).predict(rows[0]))
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)


def test_callbacks_are_told_of_each_validation(rows):
    class Counts(keras.callbacks.Callback):
        n = 0

        def on_test_end(self, logs=None):
            Counts.n += 1

    network = KerasRegressor(linear(SGD), callbacks=[Counts()], **SETTINGS)
    network.fit(*rows, validation_data=rows)
    assert Counts.n == 3


@pytest.mark.parametrize("given", [False, True], ids=["function", "model"])
def test_what_a_layer_has_learned_is_copied(rows, tmp_path, given):
    X, y = rows

    def build(meta=None):
        norm = layers.Normalization()
        norm.adapt(X * 100 + 5)
        model = keras.Sequential([keras.Input((3,)), norm, layers.Dense(1)])
        model.compile(SGD(0.001), "mse")
        return model

    network = KerasRegressor(build() if given else build, epochs=1, random_state=0)
    network.fit(X, y)
    np.testing.assert_allclose(network.model_.layers[0].mean, build().layers[0].mean)
    skdl.save(network, tmp_path / "network.skdl")
    loaded = skdl.load(tmp_path / "network.skdl", trusted=True)
    np.testing.assert_allclose(loaded.predict(X), network.predict(X), rtol=1e-5)


def test_balanced_classes_of_a_data_set_count_its_weights(rows):
    X, y = rows[0], (rows[1] > 1).astype(int)
    weight = np.where(y == 1, 5.0, 1.0).astype(np.float32)
    build = linear(lambda: SGD(0.5), "binary_crossentropy", "sigmoid")
    arrays, batches = (
        KerasClassifier(build, class_weight="balanced", **SETTINGS) for _ in range(2)
    )
    arrays.fit(X, y, sample_weight=weight)
    batches.fit(tf.data.Dataset.from_tensor_slices((X, y, weight)).batch(16))
    np.testing.assert_allclose(
        arrays.predict_proba(X), batches.predict_proba(X), rtol=1e-4
    )


@pytest.mark.parametrize("given", [False, True], ids=["function", "model"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trainable", False),
        ("constraint", keras.constraints.NonNeg()),
        ("regularizer", keras.regularizers.L2(1.0)),
        ("regularizer", None),
    ],
)
def test_what_is_set_in_a_variable_alone_is_kept(rows, name, value, given):
    def build(meta=None):
        dense = layers.Dense(1, kernel_initializer="zeros", kernel_regularizer="l1")
        model = keras.Sequential([keras.Input((3,)), dense])
        model.compile(SGD(0.1), "mse")
        setattr(dense.kernel, name, value)
        return model

    expected = build()
    expected.fit(*rows, epochs=3, batch_size=16, shuffle=False, verbose=0)
    network = KerasRegressor(build() if given else build, **SETTINGS).fit(*rows)
    assert network.fit_path_.startswith("compiled")
    for ours, theirs in zip(network.model_.get_weights(), expected.get_weights()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dense(4, lora_rank=2),
        lambda: layers.SpectralNormalization(layers.Dense(4, kernel_regularizer="l2")),
    ],
    ids=["lora", "spectral"],
)
def test_layers_with_settings_of_their_own_are_copied(rows, make, tmp_path):
    model = keras.Sequential([keras.Input((3,)), make(), layers.Dense(1)])
    model.compile(SGD(0.01), "mse")
    network = KerasRegressor(model, **SETTINGS).fit(*rows)
    skdl.save(network, tmp_path / "network.skdl")
    loaded = skdl.load(tmp_path / "network.skdl", trusted=True)
    # Single floats: the file holds the sum of a kernel and its adapters.
    np.testing.assert_allclose(
        loaded.predict(rows[0]), network.predict(rows[0]), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("more", [None, [SeesBatches()]], ids=["compiled", "Keras"])
def test_a_layer_may_be_frozen_between_calls(rows, more):
    def build(meta):
        hidden = layers.Dense(4, "tanh")
        model = keras.Sequential([keras.Input((3,)), hidden, layers.Dense(1)])
        model.compile(Adam(0.01), "mse")
        return model

    network = KerasRegressor(build, callbacks=more, **SETTINGS)
    network.partial_fit(*rows)
    network.model_.layers[0].trainable = False
    frozen, trained = (layer.get_weights()[0] for layer in network.model_.layers)
    network.partial_fit(*rows)
    np.testing.assert_array_equal(network.model_.layers[0].get_weights()[0], frozen)
    assert not np.allclose(network.model_.layers[1].get_weights()[0], trained)


def test_an_optimizer_may_get_other_settings_between_calls(rows):
    found = []
    for more in (None, [SeesBatches()]):
        network = KerasRegressor(linear(lambda: SGD(0.1)), callbacks=more, **SETTINGS)
        network.partial_fit(*rows)
        network.model_.optimizer.clipnorm = 0.5
        found.append(network.partial_fit(*rows).predict(rows[0]))
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.losses.MeanSquaredError(reduction="sum"),
        lambda: keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
        keras.losses.Dice,
        lambda: "dice",
    ],
)
def test_a_loss_of_batches_is_validated_alike(rows, make):
    weight = np.linspace(0.1, 3, len(rows[1]), dtype=np.float32)
    found = []
    for more in (None, [SeesBatches()]):
        loss = make()
        build = linear(lambda: SGD(0.001), loss)
        network = KerasRegressor(build, callbacks=more, **SETTINGS)
        validation = tuple(
            np.concatenate([each, each[:50]]) for each in (*rows, weight)
        )
        network.fit(*rows, validation_data=validation)
        found.append(network.history_["val_loss"])
    np.testing.assert_allclose(*found, rtol=1e-4)


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_epoch_end"])
def test_callbacks_change_averages_and_what_they_are_of(rows, hook):
    found = []
    for more in ([], [SeesBatches()]):
        seen = []

        def change(self, *args, seen=seen):
            seen.append(self.model.get_weights())
            if len(seen) in (1, 5):
                self.model.weights[-1].assign([5.0])

        changes = type("Changes", (keras.callbacks.Callback,), {hook: change})
        network = MLPRegressor(
            (),
            ema=0.9,
            optimizer="sgd",
            learning_rate=0.02,
            batch_size=16,
            epochs=3,
            callbacks=[changes(), *more],
            random_state=0,
        ).fit(*rows)
        for _ in range(3):
            network.partial_fit(*rows)
        found.append([*sum(seen, []), *network._weights, network.history_["loss"]])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_averages_of_the_optimizer_beside_ours(rows):
    settings = dict(
        batch_size=16,
        epochs=3,
        random_state=0,
        optimizer=Adam(0.05, use_ema=True),
        ema=0.8,
    )
    found = [
        MLPRegressor((), callbacks=more, **settings).fit(*rows)._weights
        for more in ([], [SeesBatches()])
    ]
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_new_optimizer_between_calls_goes_on_with_new_orders(rows):
    X, y = rows
    found = []
    for callbacks in ([], [SeesBatches()]):
        network = KerasRegressor(
            linear(keras.optimizers.SGD), **(SETTINGS | {"shuffle": True})
        )
        network.set_params(callbacks=callbacks).fit(X, y)
        network.model_.compile(keras.optimizers.Adam(0.01), "mse")
        assert network.model_.optimizer.iterations == 0
        network.partial_fit(X, y).partial_fit(X, y)
        assert network._steps_done == 5 * 4
        found.append(network.predict(X))
    np.testing.assert_allclose(*found, atol=1e-5)


def test_accumulated_gradients_go_on_with_new_orders(rows):
    def make():
        return keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)

    X, y = rows
    found = []
    for callbacks in ([], [SeesBatches()]):
        network = KerasRegressor(linear(make), **(SETTINGS | {"shuffle": True}))
        network.set_params(callbacks=callbacks).fit(X, y).partial_fit(X, y)
        found.append(network.predict(X))
    np.testing.assert_allclose(*found, atol=1e-5)


def test_a_model_of_a_fixed_batch_size_is_validated_in_such_batches():
    def build(meta):
        return keras.Sequential(
            [
                keras.Input(batch_shape=(10, 7, 4)),
                layers.LSTM(4, stateful=True),
                layers.Dense(1),
            ]
        )

    X = np.random.default_rng(0).standard_normal((50, 7, 4))
    network = KerasRegressor(build, loss="mse", epochs=2, batch_size=10)
    network.fit(X[:30], X[:30, 0, 0], validation_data=(X[30:], X[30:, 0, 0]))
    assert len(network.history_["val_loss"]) == 2
