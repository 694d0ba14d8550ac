"""The fused kernels do what Keras' optimizers do, over many steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from skdl import MLPClassifier
from skdl.training._cache import programs
from skdl.training._kernels import kernel_for
from skdl.training._optimizers import Flowing, spec_for
from skdl.training._update import make_update

OPTIMIZERS = {
    "sgd": keras.optimizers.SGD(0.05),
    "momentum": keras.optimizers.SGD(0.05, momentum=0.9),
    "nesterov": keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "decayed": keras.optimizers.SGD(0.05, momentum=0.9, weight_decay=0.01),
    "adam": keras.optimizers.Adam(0.01, beta_1=0.8, epsilon=1e-5),
    "adamw": keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "adamax": keras.optimizers.Adamax(0.01),
    "rmsprop": keras.optimizers.RMSprop(0.01),
    "rmsprop momentum": keras.optimizers.RMSprop(0.01, momentum=0.5),
    "adagrad": keras.optimizers.Adagrad(0.1),
    "adadelta": keras.optimizers.Adadelta(1.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_kernel_equals_keras_over_200_steps(name):
    optimizer = OPTIMIZERS[name]
    momentum = optimizer.get_config().get("momentum") or 0.0
    spec = spec_for(optimizer, 0.0, False)
    assert kernel_for(spec) is not None
    rng = np.random.default_rng(0)
    start = rng.standard_normal((3, 2)).astype(np.float32)
    target = rng.standard_normal((3, 2)).astype(np.float32)
    ours = tf.Variable(start)
    update = make_update(spec, None, [ours])
    update.reset([start.shape], None)
    theirs = keras.Variable(start)
    reference = type(optimizer).from_config(optimizer.get_config())
    reference.build([theirs])
    rate = optimizer.get_config()["learning_rate"]
    for _ in range(200):
        noise = rng.standard_normal((3, 2)).astype(np.float32)
        columns = update.columns(1, Flowing(momentum))
        scalars = [tf.constant(column[0], tf.float32) for column in columns]
        update.apply([ours - target + noise], tf.constant(rate), *scalars)
        reference.apply([theirs.value - target + noise], [theirs])
    assert np.abs(ours.numpy() - start).max() > 0.1
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.Adam(clipnorm=1.0),
        keras.optimizers.Adam(amsgrad=True),
        keras.optimizers.SGD(use_ema=True),
        keras.optimizers.RMSprop(centered=True),
        keras.optimizers.Nadam(),
        keras.optimizers.Lion(),
        keras.optimizers.Ftrl(),
        keras.optimizers.Muon(),
    ],
)
def test_what_no_kernel_does_goes_to_keras(optimizer):
    assert kernel_for(spec_for(optimizer, 0.0, False)) is None


def test_the_rate_and_the_momentum_are_not_part_of_the_graph():
    assert spec_for("sgd", 0.5, False) == spec_for("sgd", 0.9, False)
    assert spec_for("sgd", 0.0, False) != spec_for("sgd", 0.9, False)
    fast, slow = keras.optimizers.Adam(0.1), keras.optimizers.Adam(0.001)
    assert spec_for(fast, 0.0, False) == spec_for(slow, 0.0, False)


@pytest.mark.parametrize("limit", [0.1, 1e3])
@pytest.mark.parametrize("clip", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_gradients_are_clipped_as_keras_clips_them(clip, limit):
    spec = spec_for("sgd", clip=(clip, limit))
    rng = np.random.default_rng(0)
    starts = [rng.standard_normal(shape).astype(np.float32) for shape in [(3, 2), (4,)]]
    ours = [tf.Variable(start) for start in starts]
    update = make_update(spec, None, ours)
    update.reset([start.shape for start in starts], None)
    theirs = [keras.Variable(start) for start in starts]
    reference = keras.optimizers.SGD(0.1, **{clip: limit})
    reference.build(theirs)
    for _ in range(19):
        gradients = [rng.standard_normal(s.shape).astype(np.float32) for s in starts]
        columns = update.columns(1, Flowing(limit=limit))
        scalars = [tf.constant(column[0], tf.float32) for column in columns]
        update.apply(list(map(tf.constant, gradients)), tf.constant(0.1), *scalars)
        reference.apply(list(map(tf.constant, gradients)), theirs)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)


def test_the_limit_of_the_gradients_is_not_part_of_the_graph():
    assert spec_for("adam", clip=("clipnorm", 1.0)) == spec_for(
        "adam", clip=("clipnorm", 0.5)
    )
    assert spec_for("adam", clip=("clipnorm", 1.0)) != spec_for("adam")
    # Keras' own update has it as a constant.
    assert spec_for("nadam", clip=("clipnorm", 1.0)) != spec_for(
        "nadam", clip=("clipnorm", 0.5)
    )


@pytest.mark.parametrize("optimizer", ["nadam", "lion"])
def test_each_fit_has_its_own_limit_of_the_gradients(iris, optimizer):
    def fit(limit):
        network = MLPClassifier((8,), optimizer=optimizer, epochs=3, random_state=0)
        return network.set_params(clipvalue=limit).fit(*iris).history_["loss"]

    wide, narrow, again = fit(100.0), fit(1e-7), fit(100.0)
    assert wide == again
    assert wide != narrow


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "nadam"])
def test_a_clipped_training_is_that_of_keras(iris, optimizer):
    network = MLPClassifier(
        8,
        activation="relu",
        dropout=0.0,
        l2=0.0,
        optimizer=optimizer,
        learning_rate=1e-9,
        global_clipnorm=0.05,
        batch_size=-1,
        epochs=1,
        random_state=0,
    )
    model = network.fit(*iris).model_
    assert model.optimizer.global_clipnorm == 0.05
    model.optimizer.learning_rate = 0.01
    model.fit(*iris, batch_size=150, epochs=19, verbose=0)
    network.set_params(learning_rate=0.01, epochs=19).fit(*iris)
    np.testing.assert_allclose(
        network.predict_proba(iris[0]), model.predict(iris[0], verbose=0), atol=2e-3
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "normalization"),
    [("sgd", None), ("adam", "layer"), ("adamw", None), ("lion", "layer")],
)
def test_kernels_decay_as_in_keras_and_nothing_else_does(
    iris, optimizer, normalization
):
    network = MLPClassifier(
        8,
        activation="tanh",
        normalization=normalization,
        dropout=0.0,
        l2=0.0,
        optimizer=optimizer,
        weight_decay=0.3,
        learning_rate=1e-9,
        batch_size=-1,
        epochs=1,
        random_state=0,
    )
    model = network.fit(*iris).model_
    assert model.optimizer.weight_decay == pytest.approx(0.3)
    kinds = {
        variable.name: model.optimizer._use_weight_decay(variable)
        for variable in model.trainable_variables
    }
    assert kinds.pop("kernel")
    assert kinds
    assert not any(kinds.values())
    model.optimizer.learning_rate = 0.01
    model.fit(*iris, batch_size=150, epochs=19, verbose=0)
    network.set_params(learning_rate=0.01, epochs=19).fit(*iris)
    np.testing.assert_allclose(
        network.predict_proba(iris[0]), model.predict(iris[0], verbose=0), atol=2e-3
    )
    free = network.set_params(weight_decay=0.0).fit(*iris)
    gap = np.abs(free.predict_proba(iris[0]) - model.predict(iris[0], verbose=0))
    assert gap.max() > 5e-3


def test_adamw_decays_as_keras_does_unless_told(iris):
    network = MLPClassifier(8, optimizer="adamw", epochs=1, random_state=0).fit(*iris)
    assert network.model_.optimizer.weight_decay == pytest.approx(0.004)
    network.set_params(weight_decay=0.0).fit(*iris)
    assert network.model_.optimizer.weight_decay == 0.0
    with pytest.raises(ValueError, match="weight_decay=0.1 has no effect if"):
        MLPClassifier(weight_decay=0.1, optimizer=keras.optimizers.SGD()).fit(*iris)


def test_two_limits_of_the_gradients_are_refused(iris):
    network = MLPClassifier(clipnorm=1.0, clipvalue=2.0)
    with pytest.raises(ValueError, match=r"clipnorm=1.0 and clipvalue=2.0.*leave one"):
        network.fit(*iris)
    with pytest.raises(ValueError, match="clipnorm=1.0 has no effect if"):
        MLPClassifier(clipnorm=1.0, optimizer=keras.optimizers.SGD()).fit(*iris)


def test_a_momentum_that_keras_applies_is_not_that_of_the_fit_before():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 4))
    y = (X[:, 0] > 0).astype(int)

    def fit(momentum):
        optimizer = keras.optimizers.SGD(0.05, momentum=momentum, clipnorm=1.0)
        network = MLPClassifier(4, optimizer=optimizer, epochs=3, random_state=0)
        return network.fit(X, y).history_["loss"]

    programs.clear()
    expected = fit(0.9)
    programs.clear()
    slow = fit(0.1)
    assert fit(0.9) == expected
    assert slow != expected


def test_an_optimizer_that_looks_at_shapes_does_what_it_does_in_keras(iris):
    settings = dict(hidden_layer_sizes=(5,), dropout=0.0, epochs=3, random_state=0)
    muon = keras.optimizers.Muon(0.05)
    compiled = MLPClassifier(optimizer=muon, **settings).fit(*iris)

    class Batches(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    by_keras = MLPClassifier(optimizer=muon, callbacks=[Batches()], **settings)
    by_keras.fit(*iris)
    X = iris[0]
    np.testing.assert_allclose(
        compiled.predict_proba(X), by_keras.predict_proba(X), atol=1e-4
    )
