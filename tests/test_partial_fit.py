"""Training that goes on: epochs count on, the history grows, and labels have names."""

import keras
import numpy as np
import pytest
from sklearn.base import clone

from skdl import KerasClassifier, MLPClassifier, MLPRegressor
from skdl.training._run import Run


class Epochs(keras.callbacks.Callback):
    seen: list = []

    def on_epoch_begin(self, epoch, logs=None):
        Epochs.seen.append(epoch)


@pytest.mark.slow
@pytest.mark.parametrize("batches", [False, True], ids=["compiled", "keras.Model.fit"])
def test_epochs_count_on_for_callbacks_and_the_history_grows(iris, batches):
    callbacks = [Epochs()]
    if batches:
        callbacks.append(
            keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: None)
        )
    network = MLPClassifier(4, callbacks=callbacks, random_state=0)
    Epochs.seen = []
    losses = []
    for calls in range(1, 4):
        network.partial_fit(*iris, classes=[0, 1, 2])
        losses.append(network.history_["loss"][-1])
        assert network.history_["loss"] == losses
        assert network.n_iter_ == calls
    assert Epochs.seen == [0, 1, 2]
    assert network.fit(*iris).n_iter_ == 100  # a new fit begins anew


def test_epochs_without_validation_keep_their_place_in_the_history(iris):
    X, y = iris
    network = MLPClassifier(4, epochs=2, random_state=0).fit(X, y, X_val=X, y_val=y)
    scores = network.history_["val_loss"]
    history = network.partial_fit(X, y).history_
    assert {len(values) for values in history.values()} == {3}
    np.testing.assert_array_equal(history["val_loss"], [*scores, np.nan])


def test_a_wrapped_model_that_is_validated_later_keeps_the_places_too(iris):
    X, y = iris
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    network = KerasClassifier(
        model, loss="sparse_categorical_crossentropy", epochs=2, random_state=0
    ).fit(X, y)
    history = network.partial_fit(X, y, validation_data=(X, y)).history_
    assert {len(values) for values in history.values()} == {3}
    assert np.isnan(history["val_loss"][:2]).all()
    assert np.isfinite(history["val_loss"][2])


def in_calls(iris, n_calls=4, **params):
    """Return a network that was trained by some calls of partial_fit."""
    network = MLPClassifier(
        8, batch_size=-1, dropout=0.0, learning_rate=0.01, random_state=0, **params
    )
    for _ in range(n_calls):
        network.partial_fit(*iris, classes=[0, 1, 2])
    return network


@pytest.mark.parametrize("averaged", [{}, {"ema": 0.9}], ids=["plain", "averaged"])
@pytest.mark.parametrize("optimizer", ["adam", "nadam", "sgd"])
def test_keras_goes_on_as_a_compiled_training_does(iris, optimizer, averaged):
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: None)
    params = {"optimizer": optimizer, "momentum": 0.9, **averaged}
    compiled = in_calls(iris, **params)
    by_keras = in_calls(iris, callbacks=[watch], **params)
    losses = [network.history_["loss"] for network in (compiled, by_keras)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    for ours, theirs in zip(compiled._weights, by_keras._weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("batches", [False, True], ids=["compiled", "keras.Model.fit"])
def test_weights_count_beside_those_of_other_calls(iris, batches):
    X, y = iris[0][:100], iris[1][:100]
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: None)
    network = MLPClassifier(
        (),
        optimizer="sgd",
        learning_rate=0.1,
        batch_size=-1,
        l2=0.0,
        callbacks=[watch] if batches else None,
        random_state=0,
    )
    # Each call has one class only, the last one no weights.
    calls = [(y == 0, 1.0), (y == 1, 9.0), (y == 0, 1.0), (y >= 0, None)]
    means = [1.0, 5.0, 11 / 3, 13 / 5]
    for (chosen, weight), mean in zip(calls, means, strict=True):
        rows, labels = X[chosen], y[chosen]
        weights = None if weight is None else np.full(len(rows), weight)
        before = getattr(network, "_weights", None)
        network.partial_fit(rows, labels, classes=[0, 1], sample_weight=weights)
        if before is None:
            continue
        (kernel, bias), share = before, (weight or 1.0) / mean
        logits = rows @ kernel + bias
        errors = (1 / (1 + np.exp(-logits)) - labels[:, None]) / len(rows)
        expected = kernel - 0.1 * share * rows.T @ errors
        np.testing.assert_allclose(network._weights[0], expected, rtol=1e-4)
        loss = np.logaddexp(0, -logits * (2 * labels[:, None] - 1)).mean()
        assert network.history_["loss"][-1] == pytest.approx(loss, rel=1e-4)


OPTIMIZERS = ["adam", "rmsprop", "sgd", "adagrad", "nadam"]


@pytest.mark.slow
@pytest.mark.parametrize("before", OPTIMIZERS)
@pytest.mark.parametrize("after", OPTIMIZERS)
def test_another_optimizer_begins_with_states_of_its_own(iris, before, after):
    network = in_calls(iris, optimizer=before)
    weights = [weight.copy() for weight in network._weights]
    network.set_params(optimizer=after, learning_rate=0.02)
    again = clone(network)
    again.partial_fit(*iris, classes=[0, 1, 2])  # a network to put the weights into
    again._weights, again._steps_done = weights, network._steps_done
    again._states = network._states if before == after else None
    again._seed, again._states_of = network._seed, network._states_of
    for each in (network, again):
        each.partial_fit(*iris)
    for ours, theirs in zip(network._weights, again._weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_momentum_or_an_average_may_come_later(iris):
    network = in_calls(iris, optimizer="sgd", momentum=0.0)
    for change in ({"momentum": 0.9}, {"ema": 0.9}, {"optimizer": "adam"}):
        before = network.history_["loss"][-1]
        network.set_params(**change).partial_fit(*iris)
        assert network.history_["loss"][-1] < before


def test_a_schedule_of_epochs_goes_on(iris):
    drops = {"name": "step", "drop": 0.5, "every": 2}
    settings = dict(
        hidden_layer_sizes=4,
        optimizer="sgd",
        batch_size=-1,
        dropout=0.0,
        random_state=0,
    )
    whole = MLPClassifier(learning_rate_schedule=drops, epochs=6, **settings).fit(*iris)
    one = MLPClassifier(learning_rate_schedule=drops, **settings)
    for _ in range(6):
        one.partial_fit(*iris, classes=[0, 1, 2])
    np.testing.assert_allclose(one.history_["loss"], whole.history_["loss"], rtol=1e-5)


def test_a_plateau_is_found_over_the_calls(iris):
    seen = []

    class Rates(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(float(self.model.optimizer.learning_rate))

    plateau = {"name": "plateau", "patience": 1, "min_delta": 10.0}
    network = MLPRegressor(
        4, learning_rate_schedule=plateau, callbacks=[Rates()], random_state=0
    )
    for _ in range(4):
        network.partial_fit(iris[0], iris[1])
    assert seen == pytest.approx([0.002, 0.002, 0.001, 0.0005])


def test_errors_of_a_split_name_the_label_and_not_its_number(iris):
    X, y = iris
    labels = np.array(["setosa", "versicolor", "virginica"])[y][:101]
    with pytest.raises(ValueError, match="virginica"):
        MLPClassifier(4, early_stopping=True).fit(X[:101], labels)


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [
        ([0, 1, 2, np.nan], "Input classes contains NaN"),
        ([[0, 1], [1, 2]], r"classes must be a list of all labels, .* shape \(2, 2\)"),
        (3, r"classes must be a list of all labels, .* shape \(\)"),
    ],
)
def test_classes_are_one_label_each(iris, classes, sentence):
    with pytest.raises(ValueError, match=sentence):
        MLPClassifier(4).partial_fit(*iris, classes=classes)


def test_early_stopping_hides_partial_fit():
    assert hasattr(MLPClassifier(), "partial_fit")
    assert not hasattr(MLPRegressor(early_stopping=True), "partial_fit")
    assert not hasattr(clone(MLPClassifier(early_stopping=True)), "partial_fit")


def test_groups_are_not_torn_by_early_stopping(iris, monkeypatch):
    X, y = iris
    groups = np.arange(150) // 5
    parts = []
    train = Run.train
    monkeypatch.setattr(
        Run, "train", lambda run: parts.append(run._training) or train(run)
    )
    network = MLPClassifier(
        4, epochs=2, early_stopping=True, validation_fraction=0.3, random_state=0
    )
    rows = X + 1000 * groups[:, np.newaxis]
    monkeypatch.setattr("skdl.estimators._limits.LARGE_FEATURES", np.inf)
    network.fit(rows, y, validation_groups=groups)
    train, validation = (
        set(np.round(np.median(part[0].numpy(), axis=1) / 1000))
        for part in (parts[0].data, parts[0].validation)
    )
    assert len(validation) == 9  # 30 % of 30 groups
    assert not train & validation
    with pytest.raises(ValueError, match="one group for each of the 150 rows"):
        network.fit(X, y, validation_groups=groups[:10])


@pytest.mark.parametrize("name", ["exponential", "cosine", "step", "inverse_time"])
def test_a_schedule_goes_on_by_epochs_whatever_the_length_of_a_call(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2624, 2))
    y = X @ [1.0, 2.0]
    seen = []

    class Rates(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(float(self.model.optimizer.learning_rate))

    network = MLPRegressor(
        (), learning_rate=0.01, learning_rate_schedule=name, batch_size=64, epochs=100
    ).set_params(callbacks=[Rates()], random_state=0)
    network.partial_fit(X[:2560], y[:2560])  # 40 steps
    network.partial_fit(X[2560:], y[2560:])  # one step
    second = {
        "exponential": 0.01 * 0.95,
        "cosine": 0.005 * (1 + np.cos(np.pi / 100)),
        "step": 0.01,
        "inverse_time": 0.01 / (1 + 1e-4 * 40),
    }
    assert seen == pytest.approx([0.01, second[name]])


def test_averages_of_an_optimizer_are_refused_in_calls(iris):
    averaged = keras.optimizers.SGD(0.05, use_ema=True)
    with pytest.raises(ValueError, match="use_ema=True.*the parameter ema=0.99"):
        MLPClassifier(optimizer=averaged).partial_fit(*iris)


@pytest.mark.filterwarnings("ignore:Each row of y has exactly one 1")
def test_a_metric_of_each_class_has_gaps_of_its_shape(iris):
    X, y = iris[0], np.eye(3)[iris[1]]
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    network = KerasClassifier(
        model,
        loss="categorical_crossentropy",
        metrics=[keras.metrics.F1Score(average=None)],
        epochs=2,
    ).fit(X, y, X_val=X, y_val=y)
    scores = network.partial_fit(X, y).history_["val_f1_score"]
    assert np.shape(scores) == (3, 3)
    assert np.isnan(scores[2]).all()


def test_a_history_of_an_older_file_is_filled_up(iris):
    X, y = iris
    network = MLPClassifier(4, epochs=3, random_state=0).fit(X, y, X_val=X, y_val=y)
    for name in ("val_loss", "val_accuracy"):
        network.history_[name].pop()
    history = network.partial_fit(X, y).history_
    assert {len(values) for values in history.values()} == {4}
    assert np.isnan(history["val_loss"][2:]).all()
