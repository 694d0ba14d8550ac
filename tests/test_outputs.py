"""What a wrapped model gives: probabilities, logits or margins, as many as needed."""

import re
import warnings

import keras
import numpy as np
import pytest
import sklearn
import tensorflow as tf
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import cross_val_score

from skdl import KerasClassifier, KerasRegressor, MLPClassifier, MLPRegressor
from tests.keras_models import build_classifier, build_regressor

SPARSE = "sparse_categorical_crossentropy"


def model_of(units, activation=None):
    def build(meta):
        return keras.Sequential(
            [
                keras.Input((meta["n_features_in_"],)),
                keras.layers.Dense(8, activation="relu"),
                keras.layers.Dense(units, activation=activation),
            ]
        )

    return build


def wrapped(units, loss, activation=None, **params):
    settings = {"epochs": 15, "optimizer": "adam", "optimizer__learning_rate": 0.05}
    build = model_of(units, activation)
    return KerasClassifier(build, loss=loss, random_state=0, **{**settings, **params})


def cross_entropy(X, y, network):
    p = network.predict_proba(X)[np.arange(len(y)), y]
    return -np.log(p).mean()


def test_one_logit_is_a_probability_by_its_sigmoid(binary):
    X, y = binary
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    network = wrapped(1, loss).fit(X, y)
    logits = network.model_.predict(X, verbose=0)[:, 0]
    proba = network.predict_proba(X)
    assert proba.dtype == np.float64
    np.testing.assert_allclose(proba[:, 1], expit(logits), atol=1e-6)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert np.array_equal(network.predict(X), (logits > 0).astype(int))
    np.testing.assert_allclose(network.decision_function(X), logits, atol=1e-5)
    np.testing.assert_allclose(np.exp(network.predict_log_proba(X)), proba, rtol=1e-9)
    assert cross_entropy(X, y, network) == pytest.approx(
        network.model_.evaluate(X, y, verbose=0), rel=1e-5
    )
    assert np.isfinite(
        cross_val_score(network, X, y, cv=2, scoring="neg_log_loss")
    ).all()


@pytest.mark.parametrize(
    "own", [False, True], ids=["Keras' loss", "a loss of one's own"]
)
def test_several_logits_are_probabilities_by_their_softmax(iris, own):
    X, y = iris
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def own_loss(y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(
            y_true, y_pred, from_logits=True
        )

    network = wrapped(3, own_loss if own else loss).fit(X, y)
    logits = network.model_.predict(X, verbose=0)
    np.testing.assert_allclose(
        network.predict_proba(X), softmax(logits, axis=1), atol=1e-6
    )
    np.testing.assert_allclose(network.decision_function(X), logits, atol=1e-5)
    assert network.score(X, y) > 0.9


def test_soft_votes_of_logits_are_means_of_probabilities(binary):
    X, y = binary
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    two = [("a", wrapped(1, loss)), ("b", MLPClassifier(8, epochs=5, random_state=0))]
    voting = VotingClassifier(two, voting="soft").fit(X, y)
    mean = np.mean([e.predict_proba(X) for e in voting.estimators_], axis=0)
    np.testing.assert_allclose(voting.predict_proba(X), mean)
    assert (mean >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", keras.losses.Hinge()])
def test_a_hinge_loss_gives_labels_by_their_sign_and_no_probabilities(binary, loss):
    X, y = binary
    network = wrapped(1, loss, epochs=30)
    assert not hasattr(network, "predict_proba")
    network.fit(X, y)
    margins = network.model_.predict(X, verbose=0)[:, 0]
    assert np.array_equal(network.predict(X), (margins > 0).astype(int))
    np.testing.assert_allclose(network.decision_function(X), margins, atol=1e-5)
    assert network.score(X, y) > 0.9
    assert cross_val_score(network, X, y, cv=2, scoring="roc_auc").min() > 0.9
    with pytest.raises(AttributeError) as error:
        network.predict_proba(X)
    assert "margins, which are not probabilities" in str(error.value.__cause__)


def test_the_largest_margin_wins(iris):
    network = wrapped(3, "categorical_hinge", epochs=30).fit(*iris)
    assert network.score(*iris) > 0.9
    assert network.decision_function(iris[0]).shape == (150, 3)


def test_probabilities_that_a_layer_makes_stay_as_they_are(iris):
    network = wrapped(3, SPARSE, "softmax").fit(*iris)
    raw = network.model_.predict(iris[0], verbose=0)
    np.testing.assert_allclose(network.predict_proba(iris[0]), raw, atol=1e-6)
    logs = network.decision_function(iris[0])
    np.testing.assert_allclose(softmax(logs, axis=1), raw, atol=1e-6)


def test_a_sigmoid_for_each_class_gives_shares_that_sum_to_one(iris):
    network = wrapped(3, "binary_crossentropy", "sigmoid", epochs=30).fit(*iris)
    raw = network.model_.predict(iris[0], verbose=0)
    proba = network.predict_proba(iris[0])
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert np.array_equal(proba.argmax(axis=1), raw.argmax(axis=1))
    assert network.score(*iris) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss",
    ["categorical_crossentropy", "kl_divergence", "mean_squared_error", "dice"],
)
def test_losses_that_compare_outputs_get_a_column_for_each_class(iris, binary, loss):
    labels = np.array(["a", "b", "c"])[iris[1]]
    network = wrapped(3, loss, "softmax", epochs=40).fit(iris[0], labels)
    assert network.score(iris[0], labels) > 0.9
    assert network.classes_.tolist() == ["a", "b", "c"]
    assert wrapped(2, loss, "softmax", epochs=40).fit(*binary).score(*binary) > 0.9


@pytest.mark.parametrize(
    "loss", [keras.losses.CategoricalGeneralizedCrossEntropy(), SPARSE]
)
def test_losses_of_numbers_of_classes_get_numbers(iris, loss):
    X, y = iris
    network = wrapped(3, loss, "softmax", epochs=40).fit(X, y)
    assert network.score(X, y) > 0.9
    # The loss of each row is that of its own probability.
    proba = network.predict_proba(X)[np.arange(len(y)), y]
    expected = -np.log(proba) if loss == SPARSE else (1 - np.sqrt(proba)) / 0.5
    assert network._mean_loss(X, y) == pytest.approx(expected.mean(), rel=1e-4)


@pytest.mark.parametrize(
    ("units", "activation", "loss", "needed"),
    [
        (3, "softmax", SPARSE, "2 units"),
        (1, "sigmoid", "categorical_crossentropy", "2 units"),
        (4, "softmax", "binary_crossentropy", "1 or 2 units"),
    ],
)
def test_a_width_that_two_classes_do_not_need_is_one_sentence(
    binary, units, activation, loss, needed
):
    with pytest.raises(ValueError, match=f"The model has {units} output") as error:
        wrapped(units, loss, activation).fit(*binary)
    text = str(error.value)
    assert "2 classes of y (0, 1)" in text
    assert f"loss='{loss}'" in text
    assert needed in text
    assert len(text) < 400


@pytest.mark.parametrize(
    ("units", "activation", "loss"),
    [
        (1, "sigmoid", "binary_crossentropy"),
        (2, "softmax", SPARSE),
        (20, "softmax", SPARSE),
        (2, "softmax", "categorical_crossentropy"),
    ],
)
def test_a_width_that_three_classes_do_not_need_is_one_sentence(
    iris, units, activation, loss
):
    network = wrapped(units, loss, activation)
    words = rf"{units} outputs? for the 3 classes of y \(0, 1, 2\).*needs 3 units"
    with pytest.raises(ValueError, match=words):
        network.fit(*iris)
    assert not hasattr(network, "classes_")


def test_one_hot_labels_are_said_to_be_taken_as_they_are(iris):
    X, y = iris
    one_hot = np.eye(3, dtype=int)[y]
    words = "Each row of y has exactly one 1 in its 3 columns. It is treated as {}"
    own = words.format("one label for each row, predicted one-hot too")
    with pytest.warns(UserWarning, match=re.escape(own)):
        network = wrapped(3, "categorical_crossentropy", "softmax").fit(X, one_hot)
    assert network.predict(X).shape == (150, 3)
    several = words.format("several labels for each row, each present or not")
    with pytest.warns(UserWarning, match=re.escape(several)):
        MLPClassifier(4, epochs=1).fit(X, one_hot)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one_hot[0] = 1
        MLPClassifier(4, epochs=1).fit(X, one_hot)


@pytest.mark.parametrize(
    ("metric", "loss", "shape"),
    [
        (keras.metrics.Precision(), SPARSE, r"\(None, 1\)"),
        ("sparse_categorical_accuracy", "categorical_crossentropy", r"\(None, 3\)"),
    ],
)
def test_a_metric_that_does_not_fit_the_targets_is_one_sentence(
    iris, metric, loss, shape
):
    words = rf"metrics \[.*\] fail for targets of shape {shape} and outputs"
    with pytest.raises(ValueError, match=words) as error:
        wrapped(3, loss, "softmax", metrics=[metric]).fit(*iris)
    assert len(str(error.value)) < 500


def test_a_metric_of_each_class_is_an_array_in_the_history(iris):
    metrics = [keras.metrics.F1Score()]
    settings = dict(metrics=metrics, epochs=2)
    compiled = wrapped(3, "categorical_crossentropy", "softmax", **settings).fit(*iris)
    by_keras = wrapped(
        3, "categorical_crossentropy", "softmax", fit__validation_freq=1, **settings
    ).fit(*iris)
    assert compiled.fit_path_.startswith("compiled")
    for epoch in range(2):
        one, other = (n.history_["f1_score"][epoch] for n in (compiled, by_keras))
        assert one.shape == (3,)
        np.testing.assert_allclose(one, other, atol=1e-5)


def kinds(module, base):
    return [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, base) and kind is not base
    ]


# What some of Keras' classes can't be made without.
ARGUMENTS = {
    "BinaryIoU": dict(target_class_ids=[0]),
    "IoU": dict(num_classes=3, target_class_ids=[0]),
    "LossScaleOptimizer": dict(inner_optimizer=keras.optimizers.Adam()),
    "MeanIoU": dict(num_classes=3),
    "OneHotIoU": dict(num_classes=3, target_class_ids=[0]),
    "OneHotMeanIoU": dict(num_classes=3),
    "PrecisionAtRecall": dict(recall=0.5),
    "RecallAtPrecision": dict(precision=0.5),
    "SensitivityAtSpecificity": dict(specificity=0.5),
    "SpecificityAtSensitivity": dict(sensitivity=0.5),
}
ABSTRACT = {"MeanMetricWrapper", "MultiOptimizer"}  # they wrap things of one's own


def make(kind, **settings):
    return kind(**ARGUMENTS.get(kind.__name__, {}), **settings)


def right_or_one_sentence(network, X, y):
    try:
        network.fit(X, y)
    except ValueError as error:
        text = str(error)
    else:
        text = ""
        assert len(network.history_["loss"]) == 2
    assert len(text) < 700
    assert "\n" not in text
    return not text


def values_of(kinds, y, outputs):
    """Return the value of each metric that takes such targets and outputs."""
    found = {}
    for kind in kinds:
        metric = make(kind)
        try:
            metric.update_state(y, outputs, sample_weight=None)
        except (TypeError, ValueError, tf.errors.InvalidArgumentError):
            continue
        found[kind] = np.asarray(metric.result())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("loss", [SPARSE, "categorical_crossentropy"])
def test_each_metric_of_keras_has_its_value_or_one_sentence(iris, loss):
    X, y = iris
    metrics = [
        kind
        for kind in kinds(keras.metrics, keras.metrics.Metric)
        if kind.__name__ not in ABSTRACT
    ]
    targets = y[:, np.newaxis] if loss == SPARSE else np.eye(3)[y]
    expected = values_of(metrics, targets, np.full((150, 3), 1 / 3, np.float32))
    settings = dict(epochs=2, fit__validation_data=(X, y))
    named = [make(kind, name=kind.__name__) for kind in expected]
    network = wrapped(3, loss, "softmax", metrics=named, **settings)
    outputs = network.fit(X, y).predict_proba(X).astype(np.float32)
    expected = values_of(expected, targets, outputs)
    assert len(expected) > 20
    # In a graph Keras takes the logits of the softmax for those of sigmoids
    # (findings/keras_binary_cross_entropy_of_a_softmax.sh).
    for kind, value in expected.items():
        if kind is keras.metrics.BinaryCrossentropy:
            continue
        found = network.history_[f"val_{kind.__name__}"][-1]
        np.testing.assert_allclose(found, value, atol=1e-5, err_msg=kind.__name__)
    for kind in set(metrics) - set(expected):
        refused = wrapped(3, loss, "softmax", metrics=[make(kind)], epochs=2)
        assert not right_or_one_sentence(refused, X, y), kind.__name__


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The loss of the first epoch")
def test_each_loss_of_keras_is_right_or_one_sentence(iris):
    fitting = [
        kind.__name__
        for kind in kinds(keras.losses, keras.losses.Loss)
        if right_or_one_sentence(wrapped(3, make(kind), "softmax", epochs=2), *iris)
    ]
    assert len(fitting) > 17


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Argument 'decay'")
def test_each_optimizer_of_keras_is_right_or_one_sentence(iris):
    for kind in kinds(keras.optimizers, keras.optimizers.Optimizer):
        if kind.__name__ in ABSTRACT:
            continue
        own = MLPClassifier(8, epochs=2, optimizer=make(kind), random_state=0)
        is_wrapper = kind.__name__ == "LossScaleOptimizer"
        assert right_or_one_sentence(own, *iris) is not is_wrapper, kind
        build, optimizer = model_of(3, "softmax"), make(kind)
        network = KerasClassifier(build, loss=SPARSE, epochs=2, optimizer=optimizer)
        assert right_or_one_sentence(network, *iris), kind


@pytest.mark.parametrize("batches", [False, True], ids=["compiled", "by Keras"])
@pytest.mark.parametrize("delta", [0.1, 10.0])
def test_each_fit_has_the_delta_of_its_loss(iris, delta, batches):
    X, y = iris
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: None)
    network = KerasRegressor(
        build_regressor,
        loss="huber",
        loss__delta=delta,
        epochs=1,
        batch_size=150,
        random_state=0,
        callbacks=[watch] if batches else None,
    )
    first = KerasRegressor(build_regressor, loss="mse", random_state=0).initialize(X, y)
    errors = np.abs(y - first.predict(X))
    huber = np.where(errors < delta, errors**2 / 2, delta * (errors - delta / 2))
    loss = network.fit(X, y).history_["loss"][0]
    assert loss == pytest.approx(huber.mean(), rel=1e-5)


@pytest.mark.parametrize("act", [clone, lambda network: network.fit(X_FEW, Y_FEW)])
def test_losses_whose_copies_are_others_are_refused(act):
    huber = keras.losses.Huber(10.0)
    words = r"loss=Huber has \{'delta': 10.0\}, which Keras leaves out"
    with pytest.raises(ValueError, match=words):
        act(MLPRegressor(loss=huber))
    with pytest.raises(ValueError, match=words):
        act(KerasRegressor(build_regressor, loss=huber))
    metrics = [keras.metrics.CosineSimilarity(axis=0)]
    with pytest.raises(ValueError, match=r"metrics=CosineSimilarity has \{'axis': 0"):
        act(KerasRegressor(build_regressor, loss="mse", metrics=metrics))
    act(MLPRegressor(loss=keras.losses.Huber(), epochs=1))


def test_a_regression_of_two_targets_needs_two_outputs():
    def build_one(meta):
        return build_regressor(meta | {"n_outputs_": 1})

    network = KerasRegressor(build_one, loss="mse", epochs=1)
    words = "The model has 1 outputs, and y has 2 targets.*2 units"
    with pytest.raises(ValueError, match=words):
        network.fit(X_FEW, np.c_[Y_FEW, Y_FEW])


X_FEW = np.random.default_rng(0).normal(size=(30, 4))
Y_FEW = X_FEW[:, 0]


@pytest.mark.parametrize("way", ["compiled", "keras.Model.fit"])
def test_a_loss_of_whole_batches_is_validated_in_batches(diabetes, way):
    X, y = diabetes[0][:64], diabetes[1][:64] / 100
    model = keras.Sequential([keras.Input((X.shape[1],)), keras.layers.Dense(1)])
    model.compile(
        keras.optimizers.SGD(1e-12), keras.losses.MeanSquaredError(reduction="sum")
    )
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: None)
    callbacks = [watch] if way == "keras.Model.fit" else None
    network = KerasRegressor(model, batch_size=8, callbacks=callbacks, random_state=0)
    history = network.fit(X, y, X_val=X, y_val=y, epochs=1).history_
    assert network.fit_path_.startswith(way)
    assert history["val_loss"] == pytest.approx(history["loss"], rel=1e-4)
    assert network._mean_loss(X, y) == pytest.approx(history["loss"][0], rel=1e-4)


def test_text_is_refused_by_predict_as_by_fit(iris):
    X, y = iris
    network = KerasClassifier(build_classifier, loss=SPARSE, epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="X holds object, which are not numbers"):
        network.predict(np.full(X.shape, "text", dtype=object))


def test_long_doubles_are_targets_too(diabetes):
    X, y = diabetes
    network = KerasRegressor(build_regressor, loss="mse", epochs=1, random_state=0)
    expected = network.fit(X, y).predict(X)
    found = network.fit(X, y.astype(np.longdouble)).predict(X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize("loss", [SPARSE, "categorical_crossentropy"])
def test_frames_as_outputs_of_transformers_change_nothing(iris, container, loss):
    X, y = iris
    network = KerasClassifier(build_classifier, loss=loss, epochs=2, random_state=0)
    expected = network.fit(X, y).predict_proba(X)
    with sklearn.config_context(transform_output=container):
        found = network.fit(X, y).predict_proba(X)
        network.partial_fit(X, y)
    np.testing.assert_array_equal(found, expected)


def of_probabilities(y_true, y_pred):
    hot = keras.ops.one_hot(keras.ops.reshape(y_true, (-1,)), 3)
    return -keras.ops.sum(hot * keras.ops.log(y_pred + 1e-7), axis=-1)


def of_logarithms(y_true, y_pred):
    hot = keras.ops.one_hot(keras.ops.reshape(y_true, (-1,)), 3)
    return -keras.ops.sum(hot * y_pred, axis=-1)


def of_logits(y_true, y_pred):
    return of_logarithms(y_true, keras.ops.log_softmax(y_pred))


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        ([("softmax", None)], of_probabilities),
        ([("softmax", None), "linear"], of_probabilities),
        ([("log_softmax", None)], of_logarithms),
        ([(None, None), "flatten"], of_logits),
        ([(None, None), "identity"], of_logits),
        ([(None, None), "normalization"], of_logits),
    ],
    ids=["softmax", "softmax-cast", "log_softmax", "flatten", "identity", "norm"],
)
def test_the_last_layer_that_computes_says_what_the_outputs_are(iris, last, loss):
    X, y = iris
    behind = {
        "linear": keras.layers.Activation("linear", dtype="float32"),
        "flatten": keras.layers.Flatten(),
        "identity": keras.layers.Identity(),
        "normalization": keras.layers.BatchNormalization(),
    }
    (activation, _), *rest = last
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, "tanh"),
            keras.layers.Dense(3, activation),
            *[behind[name] for name in rest],
        ]
    )
    network = KerasClassifier(
        model, loss=loss, optimizer="adam", optimizer__learning_rate=0.05, epochs=30
    )
    proba = network.fit(X, y).predict_proba(X)
    raw = network.model_.predict(X, verbose=0)
    expected = raw if activation == "softmax" else softmax(raw, axis=1)
    np.testing.assert_allclose(proba, expected, atol=1e-5)
    assert network.score(X, y) > 0.85


@pytest.mark.filterwarnings("ignore:The object being serialized includes a")
def test_a_lambda_as_activation_is_trained_by_keras(diabetes):
    X, y = diabetes[0], diabetes[1] / 100

    def build():
        return keras.Sequential(
            [
                keras.Input((X.shape[1],)),
                keras.layers.Dense(4, activation=lambda z: keras.ops.relu(z)),
                keras.layers.Dense(1),
            ]
        )

    network = KerasRegressor(build, loss="mse", epochs=1, random_state=0).fit(X, y)
    assert network.fit_path_.startswith("keras.Model.fit: an activation is a lambda")
    raw = network.model_.predict(X, verbose=0).ravel()
    np.testing.assert_allclose(network.predict(X), raw, atol=1e-5)
    with pytest.raises(ValueError, match="The model can't be copied.*lambdas"):
        KerasRegressor(build(), loss="mse", epochs=1).fit(X, y)
