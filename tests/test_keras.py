"""The wrappers: what SciKeras promises, and what it gets wrong."""

import copy
import pickle
import random
import re
import subprocess
import sys
import threading
from functools import partial

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn
import tensorflow as tf
from joblib import Parallel, delayed
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, check_cv, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from tensorflow.python.framework import config as tensorflow_config

from skdl import KerasClassifier, KerasRegressor, MLPRegressor
from skdl.model_selection import OptunaSearchCV, PruningCallback
from skdl.training._cache import programs
from tests import keras_models as models

SPARSE = "sparse_categorical_crossentropy"


def classifier(build=models.build_classifier, **params):
    settings = dict(loss=SPARSE, optimizer="adam", epochs=3, random_state=0)
    return KerasClassifier(build, **{**settings, **params})


def regressor(**params):
    settings = dict(loss="mse", optimizer="adam", epochs=3, random_state=0)
    return KerasRegressor(models.build_regressor, **{**settings, **params})


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


def weights_equal(first, second):
    pairs = zip(first.model_.get_weights(), second.model_.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_a_function_gets_its_own_parameters_and_meta(iris):
    by_prefix = classifier(model__hidden=5).fit(*iris)
    by_name = classifier(hidden=5).fit(*iris)
    assert by_prefix.model_.get_weights()[0].shape == (4, 5)
    assert weights_equal(by_prefix, by_name)


def test_it_learns(iris):
    found = classifier(epochs=60, optimizer__learning_rate=0.02).fit(*iris)
    assert found.score(*iris) > 0.95
    assert found.history_["loss"][-1] < 0.3 * found.history_["loss"][0]


def test_a_regressor_learns(diabetes):
    X, y = diabetes
    found = regressor(epochs=100, optimizer__learning_rate=0.05).fit(X, y)
    assert found.score(X, y) > 0.5
    assert found.predict(X).dtype == np.float64
    assert found.predict(X).shape == y.shape


def test_routed_parameters_arrive(iris):
    found = classifier(
        optimizer=keras.optimizers.SGD,
        optimizer__learning_rate=0.5,
        optimizer__momentum=0.25,
        loss="categorical_crossentropy",
        loss__label_smoothing=0.5,
        metrics=[keras.metrics.TopKCategoricalAccuracy],
        metrics__k=2,
        callbacks=keras.callbacks.EarlyStopping,
        callbacks__monitor="loss",
        callbacks__patience=0,
        callbacks__min_delta=100.0,
        fit__batch_size=150,
        epochs=7,
    ).fit(*iris)
    settings = found.model_.optimizer.get_config()
    assert settings["learning_rate"] == 0.5
    assert settings["momentum"] == 0.25
    assert found.model_.loss.label_smoothing == 0.5
    assert set(found.history_) == {"loss", "top_k_categorical_accuracy"}
    assert found.n_iter_ == 2  # stopped
    assert found._steps_done == 2  # of one batch each


@pytest.mark.filterwarnings("ignore:Each row of y has exactly one 1")
def test_a_class_and_a_name_of_a_loss_take_the_same_settings(iris):
    kind = keras.losses.CategoricalCrossentropy
    by_class = classifier(loss=kind, loss__label_smoothing=0.2)
    by_name = classifier(loss="categorical_crossentropy", loss__label_smoothing=0.2)
    y = np.eye(3)[iris[1]].astype(int)
    assert weights_equal(by_class.fit(iris[0], y), by_name.fit(iris[0], y))


def test_callbacks_may_be_lists_and_dicts(iris):
    seen = []

    class Seen(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((epoch, sorted(logs)))

    in_dict = dict(callbacks={"a": Seen(), "b": [Seen()]})
    for given in (dict(callbacks=[Seen(), Seen()]), in_dict, dict(callbacks=Seen())):
        seen.clear()
        classifier(epochs=1, **given).fit(*iris)
        count = 1 if isinstance(given["callbacks"], Seen) else 2
        assert seen == [(0, ["loss"])] * count
    with pytest.raises(TypeError, match="callbacks must hold Keras callbacks"):
        classifier(callbacks=["early"]).fit(*iris)


@pytest.mark.slow
@pytest.mark.parametrize(
    "metrics",
    [
        ["accuracy"],
        [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        [keras.metrics.sparse_categorical_accuracy],
        {"head": "accuracy"},
    ],
)
def test_metrics_may_be_names_instances_functions_and_dicts(iris, metrics):
    def build(meta):
        layers = keras.layers
        inputs = keras.Input((4,))
        return keras.Model(inputs, layers.Dense(3, "softmax", name="head")(inputs))

    found = classifier(build, metrics=metrics).fit(*iris)
    names = set(found.history_) - {"loss"}
    assert len(names) == 1
    assert names <= {"accuracy", "sparse_categorical_accuracy", "head_accuracy"}
    assert found.fit(*iris).fit_path_.startswith("compiled")


@pytest.mark.parametrize("compiled", [True, False])
def test_a_model_is_copied_for_each_fit(iris, compiled):
    model = models.build_classifier(
        dict(X_shape_=(1, 4), n_classes_=3, target_type_="")
    )
    if compiled:
        model.compile("adam", SPARSE)
    before = model.get_weights()
    found = classifier(model).fit(*iris)
    again = clone(found).fit(*iris)
    assert found.model_ is not model
    assert all(map(np.array_equal, before, model.get_weights()))
    assert weights_equal(found, again)
    assert not np.array_equal(before[0], found.model_.get_weights()[0])


def test_a_function_may_compile_the_model_itself(iris):
    found = classifier(models.build_compiled_classifier, loss=None).fit(*iris)
    assert found.fit_path_.startswith("compiled")
    assert weights_equal(found, classifier().fit(*iris))


def test_a_subclass_builds_its_own_model(iris):
    class Own(KerasClassifier):
        def __init__(self, hidden=8, loss=SPARSE, random_state=0, **kwargs):
            super().__init__(loss=loss, random_state=random_state, **kwargs)
            self.hidden = hidden

        def _keras_build_fn(self, compile_kwargs):
            layers = keras.layers
            model = keras.Sequential(
                [
                    keras.Input((self.n_features_in_,)),
                    layers.Dense(self.hidden, "relu"),
                    layers.Dense(self.n_classes_, "softmax"),
                ]
            )
            model.compile(**compile_kwargs)
            return model

    found = clone(Own(epochs=2).set_params(hidden=6)).fit(*iris)
    assert found.model_.get_weights()[0].shape == (4, 6)
    assert found.n_iter_ == 2


def test_what_builds_no_model_is_refused(iris):
    with pytest.raises(TypeError, match=r"must return a keras\.Model, got 3"):
        classifier(lambda meta: 3).fit(*iris)
    with pytest.raises(ValueError, match="loss"):
        classifier(loss=None).fit(*iris)
    with pytest.raises(ValueError, match="has no model: give model="):
        KerasClassifier().fit(*iris)


@pytest.mark.parametrize(
    ("params", "nearest"),
    [
        (dict(model__hiden=3), "model__hidden"),
        (dict(modle__hidden=3), "model__hidden"),
        (dict(hiden=3), "hidden"),
        (dict(optimizer__learning_rat=0.1), "optimizer__learning_rate"),
        (dict(fit__batchsize=3), "fit__batch_size"),
        (dict(predict__batchsize=3), "predict__batch_size"),
        (dict(compile__los="mse"), "compile__loss"),
        (
            dict(callbacks=keras.callbacks.EarlyStopping, callbacks__patients=3),
            "callbacks__patience",
        ),
        (
            dict(loss=keras.losses.CategoricalCrossentropy, loss__label_smooth=0.1),
            "loss__label_smoothing",
        ),
    ],
)
def test_a_misspelt_name_is_refused_with_the_nearest(iris, params, nearest):
    (wrong,) = [name for name in params if name not in ("callbacks", "loss")]
    programs.clear()
    with pytest.raises(ValueError, match=f"'{wrong}'. The nearest.*'{nearest}'"):
        classifier(**params).fit(*iris)
    assert len(programs) == 0


def test_a_misspelt_argument_of_fit_is_refused(iris):
    with pytest.raises(ValueError, match="'batchsize'.*'batch_size'"):
        classifier().fit(*iris, batchsize=3)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        (dict(optimizer="adm"), ValueError, "optimizer='adm'.*nearest .* 'adam'"),
        (dict(loss=SPARSE + "s"), ValueError, f"^loss=.*nearest .* '{SPARSE}'"),
        (dict(optimizer="optimizr"), ValueError, "nearest that it knows is '"),
        (dict(optimizer="lamb"), ValueError, "Give keras.optimizers.Lamb itself"),
        (dict(optimizer=None), ValueError, "no optimizer: give optimizer="),
        (dict(metrics=["acuracy"]), ValueError, "metrics=.*'acuracy'.*'accuracy'"),
        (dict(metrics=["huber"]), ValueError, "Give keras.metrics.huber itself"),
        (dict(metrics=["MeanIoU"]), ValueError, "'MeanIoU' needs arguments.*class and"),
        (
            dict(optimizer=keras.optimizers.serialize(keras.optimizers.Adam(0.1))),
            TypeError,
            "keras.optimizers.deserialize",
        ),
    ],
)
def test_what_keras_does_not_know_is_named(iris, changed, error, message):
    with pytest.raises(error, match=message):
        classifier(**changed).fit(*iris)


def test_class_weight_counts_one_hot_labels_by_their_column(iris):
    X, y = iris
    one_hot = np.eye(3)[y]
    for weights in ({0: 1, 1: 2, 2: 5}, "balanced"):
        shared = dict(loss="categorical_crossentropy", class_weight=weights)
        by_label = classifier(**shared).fit(X[:120], y[:120])
        with pytest.warns(UserWarning, match="exactly one 1"):
            by_column = classifier(**shared).fit(X[:120], one_hot[:120])
        assert weights_equal(by_label, by_column)


def test_one_weight_for_all_rows_goes_with_groups(iris):
    groups = np.arange(150) % 5
    shared = dict(validation_split=0.2, epochs=1)
    plain = classifier(**shared).fit(*iris, validation_groups=groups)
    weighted = classifier(**shared).fit(*iris, 1.0, validation_groups=groups)
    assert weights_equal(plain, weighted)


def test_a_regressor_scores_no_durations(diabetes):
    X, y = diabetes
    found = regressor(epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="^y holds dates or durations"):
        found.score(X, y.astype("timedelta64[s]"))


def test_a_fit_that_compiles_says_nothing(iris, caplog):
    classifier(hidden=11, metrics=["accuracy"], validation_split=0.2).fit(*iris)
    assert "compiled" in classifier(hidden=11).fit(*iris).fit_path_
    assert not caplog.records


def test_epochs_come_from_fit_then_from_the_routed_parameter(iris):
    assert classifier(epochs=2).fit(*iris).n_iter_ == 2
    assert classifier(epochs=2, fit__epochs=4).fit(*iris).n_iter_ == 4
    assert classifier(epochs=2, fit__epochs=4).fit(*iris, epochs=1).n_iter_ == 1


def test_warm_start_goes_on(iris):
    found = classifier(warm_start=True, epochs=20).fit(*iris)
    first = found.history_["loss"][0]
    found.fit(*iris)
    assert found.n_iter_ == 20  # counted anew
    assert found.history_["loss"][0] < 0.9 * first
    np.testing.assert_array_equal(found.classes_, [0, 1, 2])


def test_the_first_partial_fit_names_labels_beside_its_classes(iris):
    X, y = iris
    words = np.array(["a", "b", "c"])[y]
    for labels, unknown, known in (
        (y, "[2]", "[0, 1]"),
        (words, "['c']", "['a', 'b']"),
    ):
        message = re.escape(
            f"y holds unknown labels: {unknown}; the classes are {known}"
        )
        with pytest.raises(ValueError, match=message):
            classifier().partial_fit(X, labels, classes=np.unique(labels)[:2])


def test_partial_fit_goes_on_and_counts_its_epochs(iris):
    X, y = iris
    found = classifier(batch_size=-1).partial_fit(X[:60], y[:60], classes=[0, 1, 2])
    for _ in range(3):
        found.partial_fit(X, y)
    assert found.n_iter_ == 4
    assert found.predict_proba(X).shape == (150, 3)
    straight = classifier(batch_size=-1, epochs=1).fit(X, y)
    one = classifier(batch_size=-1).partial_fit(X, y)
    assert weights_equal(straight, one)
    two = classifier(batch_size=-1, epochs=2).fit(X, y)
    one.partial_fit(X, y)
    for a, b in zip(one.model_.get_weights(), two.model_.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)  # Adam's moments went on


def test_initialize_builds_and_does_not_fit(iris):
    found = classifier().initialize(*iris)
    assert found.predict_proba(iris[0]).shape == (150, 3)
    assert not hasattr(found, "history_")


def test_class_weight_counts_classes_and_leaves_weights_alone(iris):
    X, y = iris
    weight = np.ones(150)
    heavy = classifier(class_weight={0: 1, 1: 1, 2: 50}, epochs=20)
    heavy.fit(X, y, sample_weight=weight)
    assert np.array_equal(weight, np.ones(150))
    plain = classifier(epochs=20).fit(X, y)
    assert (heavy.predict(X) == 2).sum() > 1.3 * (plain.predict(X) == 2).sum()
    balanced = classifier(class_weight="balanced").fit(X, y)
    assert balanced.history_["loss"] == pytest.approx(
        classifier().fit(X, y).history_["loss"], rel=1e-5
    )


def test_labels_keep_their_type(iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    found = classifier(epochs=30).fit(X, names)
    assert set(found.predict(X)) <= set(names)
    assert found.classes_.tolist() == sorted(set(names))


def test_several_outputs_through_own_encoders(iris):
    class Both(FunctionTransformer):
        def get_metadata(self):
            return {"n_outputs_expected_": 2}

    def split(y):
        return [y[:, 0], y[:, 1]]

    def join(outputs):
        return np.stack([part.reshape(len(part), -1)[:, 0] for part in outputs], axis=1)

    def build():
        inputs = keras.Input((4,))
        hidden = keras.layers.Dense(8, "relu")(inputs)
        heads = [keras.layers.Dense(1, name=name)(hidden) for name in "ab"]
        return keras.Model(inputs, heads)

    class TwoHeads(KerasRegressor):
        @property
        def target_encoder(self):
            return Both(func=split, inverse_func=join, check_inverse=False)

    X = iris[0]
    y = np.stack([X[:, 0] + X[:, 1], X[:, 2] - X[:, 3]], axis=1)
    found = TwoHeads(
        build,
        loss=["mse", "mse"],
        optimizer="adam",
        optimizer__learning_rate=0.05,
        epochs=40,
        random_state=0,
    ).fit(X, y)
    assert found.fit_path_ == "keras.Model.fit: y is a list"
    assert found.score(X, y) > 0.9


def test_several_inputs_through_an_own_encoder(iris):
    def build(meta):
        parts = [keras.Input((2,)), keras.Input((2,))]
        hidden = keras.layers.Concatenate()(parts)
        head = keras.layers.Dense(meta["n_classes_"], "softmax")(hidden)
        return keras.Model(parts, head)

    class Halves(KerasClassifier):
        @property
        def feature_encoder(self):
            return FunctionTransformer(lambda X: [X[:, :2], X[:, 2:]])

    found = Halves(
        build,
        loss=SPARSE,
        optimizer="adam",
        optimizer__learning_rate=0.1,
        epochs=20,
        random_state=0,
    ).fit(*iris, validation_data=iris)
    assert found.fit_path_ == "keras.Model.fit: X is a list"
    assert found.score(*iris) > 0.8
    assert len(found.history_["val_loss"]) == 20


def test_a_data_set_goes_to_keras_as_it_is(iris):
    def as_dataset(X):
        return tf.data.Dataset.from_tensor_slices((X, iris[1])).batch(50)

    class Streamed(KerasClassifier):
        @property
        def feature_encoder(self):
            return FunctionTransformer(as_dataset, check_inverse=False)

        @property
        def target_encoder(self):
            encoder = super().target_encoder
            encoder.transform = lambda y: None
            return encoder

    found = Streamed(
        models.build_classifier, loss=SPARSE, epochs=2, random_state=0
    ).fit(*iris)
    assert found.fit_path_.startswith("keras.Model.fit: X is a")
    assert found.n_iter_ == 2


# What SciKeras gets wrong


def test_tags_and_folds(iris):
    assert is_classifier(classifier())
    assert is_regressor(regressor())
    assert type(check_cv(3, iris[1], classifier=True)).__name__ == "StratifiedKFold"
    search = GridSearchCV(classifier(epochs=40), {"model__hidden": [8, 16]}, cv=3)
    assert search.fit(*iris).best_score_ > 0.6  # folds by order would have no third


def test_roc_auc_is_a_number(iris, binary):
    network = classifier(epochs=20)
    assert cross_val_score(network, *binary, scoring="roc_auc", cv=3).mean() > 0.8
    scores = cross_val_score(network, *iris, scoring="roc_auc_ovr", cv=3)
    assert scores.mean() > 0.8


@pytest.mark.parametrize(
    "combine",
    [
        lambda e: VotingClassifier(
            [("a", e), ("b", LogisticRegression())], voting="soft"
        ),
        lambda e: StackingClassifier([("a", e), ("b", LogisticRegression())], cv=3),
        lambda e: CalibratedClassifierCV(e, ensemble=False, cv=3),
    ],
)
def test_it_goes_into_ensembles(iris, combine):
    assert combine(classifier(epochs=30)).fit(*iris).score(*iris) > 0.7


@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_row_of_probabilities_is_a_row(iris, n_classes):
    X, y = (part[iris[1] < n_classes] for part in iris)
    assert classifier().fit(X, y).predict_proba(X[:1]).shape == (1, n_classes)


def test_one_sigmoid_is_two_columns(binary):
    def build():
        return keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, "sigmoid")])

    found = classifier(build, loss="binary_crossentropy", epochs=20)
    found.set_params(optimizer__learning_rate=0.1).fit(*binary)
    proba = found.predict_proba(binary[0])
    assert proba.shape == (200, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert found.score(*binary) > 0.8


def test_weights_of_the_caller_are_left_alone(iris):
    X, y = iris
    weight = np.linspace(0, 1, 150, dtype=np.float32)
    before = weight.copy()
    classifier(class_weight="balanced").fit(X, y, sample_weight=weight)
    assert np.array_equal(weight, before)


def test_a_row_of_weight_zero_is_left_out(iris):
    X, y = iris
    weight = (np.arange(150) % 3 > 0).astype(float)
    weighted = classifier().fit(X, y, sample_weight=weight)
    cut = classifier().fit(X[weight > 0], y[weight > 0])
    np.testing.assert_allclose(
        weighted.predict_proba(X), cut.predict_proba(X), atol=1e-6
    )


def test_float64_after_float32(iris):
    X, y = iris
    found = classifier().fit(X.astype(np.float32), y)
    np.testing.assert_allclose(
        found.predict_proba(X), found.predict_proba(X.astype(np.float32)), atol=1e-6
    )
    found.partial_fit(X, y)


def test_columns_have_their_names_and_order(iris):
    X = pd.DataFrame(iris[0], columns=list("abcd"))
    found = classifier().fit(X, iris[1])
    assert found.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="order"):
        found.predict(X[list("dcba")])


def test_the_validation_split_is_shuffled_and_stratified(iris):
    seen = []

    class Own(KerasClassifier):
        def _encode(self, X, y, weight=None):
            seen.append(y)
            return super()._encode(X, y, weight)

    found = Own(
        models.build_classifier, loss=SPARSE, validation_split=0.2, random_state=0
    ).fit(*iris)
    validation, train = seen
    assert np.bincount(validation).tolist() == [10, 10, 10]  # y comes sorted
    assert np.bincount(train).tolist() == [40, 40, 40]
    assert "val_loss" in found.history_


def test_validation_data_are_checked_and_encoded(iris):
    X, y = iris
    names = np.array(["a", "b", "c"])[y]
    found = classifier(metrics=["accuracy"]).fit(X, names, validation_data=(X, names))
    assert found.history_["val_accuracy"][-1] == pytest.approx(found.score(X, names))
    with pytest.raises(ValueError, match="features"):
        classifier().fit(X, y, validation_data=(X[:, :2], y))
    with pytest.raises(ValueError, match="unknown"):
        classifier().fit(X, names, validation_data=(X, np.full(150, "z")))


def test_an_optimizer_survives_a_second_fit(iris):
    optimizer = keras.optimizers.Adam(0.01)
    found = classifier(optimizer=optimizer).fit(*iris)
    first = found.model_.get_weights()
    found.fit(*iris)
    assert all(map(np.array_equal, first, found.model_.get_weights()))
    assert not optimizer.built
    assert found.get_params()["optimizer"] is optimizer


def test_an_optimizer_of_the_function_survives_a_second_fit(iris):
    optimizer = keras.optimizers.Adam(0.01)

    def build(meta):
        model = models.build_classifier(meta)
        model.compile(optimizer, SPARSE, run_eagerly=True)
        return model

    found = classifier(build, loss=None).fit(*iris)
    first = found.model_.get_weights()
    found.fit(*iris)
    assert all(map(np.array_equal, first, found.model_.get_weights()))


def test_a_random_state_advances(iris):
    state = np.random.RandomState(0)
    first, second = (classifier(random_state=state).fit(*iris) for _ in range(2))
    assert not weights_equal(first, second)
    again = classifier(random_state=np.random.RandomState(0)).fit(*iris)
    assert weights_equal(first, again)


def test_no_global_state_is_changed(iris):
    classifier().fit(*iris)
    random.seed(5)
    np.random.seed(5)
    tf.random.set_seed(5)
    expected = random.random(), np.random.rand(), float(tf.random.uniform([]))
    random.seed(5)
    np.random.seed(5)
    tf.random.set_seed(5)
    classifier(build=models.build_rich_classifier).fit(*iris)
    assert (random.random(), np.random.rand()) == expected[:2]
    assert float(tf.random.uniform([])) == expected[2]
    assert not tensorflow_config.is_op_determinism_enabled()


@pytest.mark.slow
@pytest.mark.parametrize("first", ["", "import scikeras.wrappers"])
def test_no_patch_of_keras_is_left_whoever_imports_scikeras(first):
    code = f"""
import pickle
import keras, keras.saving
kinds = [keras.Model, keras.Loss, keras.Metric, keras.Optimizer]
before = [(kind.__reduce__, vars(kind).get("__deepcopy__")) for kind in kinds]
{first}
import skdl
skdl.KerasClassifier
import scikeras.wrappers
assert before == [(kind.__reduce__, vars(kind).get("__deepcopy__")) for kind in kinds]
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
loaded = pickle.loads(pickle.dumps(model))
assert (loaded.get_weights()[0] == model.get_weights()[0]).all()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=900)


# The two ways of training


WAYS = {
    "adam": {},
    "sgd": dict(optimizer="sgd", optimizer__momentum=0.9, optimizer__nesterov=True),
    "nadam": dict(optimizer="nadam"),
    "clipped": dict(optimizer=keras.optimizers.Adam(0.01, clipnorm=0.1)),
    "schedule": dict(
        optimizer=keras.optimizers.Adam(
            keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
        )
    ),
    "plateau": dict(
        callbacks=keras.callbacks.ReduceLROnPlateau(patience=1, min_delta=10)
    ),
    "early stopping": dict(
        callbacks=keras.callbacks.EarlyStopping(
            patience=1, min_delta=10, restore_best_weights=True
        )
    ),
    "not shuffled": dict(shuffle=False),
    "class weights": dict(class_weight="balanced"),
    "full batch": dict(batch_size=-1),
}


@pytest.mark.slow
@pytest.mark.parametrize("params", WAYS.values(), ids=WAYS)
def test_both_ways_give_the_same_result(iris, params):
    settings = dict(metrics=["accuracy"], epochs=4, validation_split=0.2, **params)
    settings = copy.deepcopy(settings)
    compiled = classifier(models.build_rich_classifier, **settings).fit(*iris)
    settings = copy.deepcopy(settings)
    by_keras = classifier(
        models.build_rich_classifier, fit__validation_freq=1, **settings
    ).fit(*iris)
    assert compiled.fit_path_.startswith("compiled: ")
    assert by_keras.fit_path_ == "keras.Model.fit: validation_freq is given"
    assert set(compiled.history_) == set(by_keras.history_)
    for name, values in compiled.history_.items():
        np.testing.assert_allclose(values, by_keras.history_[name], rtol=2e-4)
    np.testing.assert_allclose(
        compiled.predict_proba(iris[0]), by_keras.predict_proba(iris[0]), atol=2e-4
    )


def test_a_model_of_the_same_architecture_is_not_compiled_twice(iris):
    programs.clear()
    for rate in (0.1, 0.01):
        classifier(optimizer__learning_rate=rate).fit(*iris)
    assert len(programs) == 1
    (program,) = programs._idle[next(iter(programs._idle))]
    loops = dict(program._compiled)
    classifier(optimizer__learning_rate=1e-5).fit(iris[0][:100], iris[1][:100])
    classifier(random_state=3).fit(iris[0] * 2, iris[1])
    assert len(programs) == 2  # y of two classes has another output
    assert program._compiled == loops
    classifier(hidden=17).fit(*iris)
    assert len(programs) == 3


class Batches(keras.callbacks.Callback):
    """Wants to see each batch."""

    def on_train_batch_end(self, batch, logs=None):
        """Do nothing."""


def own_loss(y_true, y_pred):
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


def own_metric(y_true, y_pred):
    return keras.ops.mean(y_pred)


class OwnAdam(keras.optimizers.Adam):
    """An optimizer that may do anything."""


def with_layer(*layers):
    def build(meta):
        head = keras.layers.Dense(meta["n_classes_"], "softmax")
        made = [copy.deepcopy(layer) for layer in layers]
        return keras.Sequential([keras.Input((4,)), *made, head])

    return build


def half_precision(meta):
    layers = keras.layers
    hidden = layers.Dense(4, dtype="mixed_float16")
    head = layers.Dense(3, "softmax", dtype="float32")
    return keras.Sequential([keras.Input((4,)), hidden, head])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("params", "reason"),
    [
        (dict(loss=own_loss), "own_loss is a function of your own"),
        (dict(metrics=[own_metric]), "own_metric is a function of your own"),
        (dict(optimizer=OwnAdam), "OwnAdam is an optimizer of your own"),
        (dict(model=models.build_with_own_layer), "Doubled is a class of your own"),
        (dict(model=models.build_own_model), "OwnModel is a model class of your own"),
        (
            dict(model=with_layer(keras.layers.Normalization())),
            "Normalization keeps what it has learned",
        ),
        (dict(model=half_precision), "a layer computes in mixed_float16"),
        (dict(run_eagerly=True), "run_eagerly=True"),
        (dict(callbacks=Batches()), "a callback wants to see each batch or validation"),
        (dict(fit__steps_per_epoch=2), "steps_per_epoch is given"),
    ],
)
def test_everything_else_goes_through_keras(iris, params, reason):
    build = params.pop("model", models.build_classifier)
    found = classifier(build, **params).fit(*iris)
    assert found.fit_path_.startswith("keras.Model.fit: ")
    assert reason in found.fit_path_
    assert found.n_iter_ == 3
    assert np.isfinite(found.history_["loss"]).all()
    assert found.predict_proba(iris[0]).shape == (150, 3)


def sequences():
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 20, size=(120, 6))
    return tokens, (tokens > 10).sum(axis=1) // 3


def recurrent(*layers):
    def build(meta):
        made = [type(layer).from_config(layer.get_config()) for layer in layers]
        head = keras.layers.Dense(meta["n_classes_"], "softmax")
        return keras.Sequential([keras.Input(meta["X_shape_"][1:]), *made, head])

    return build


@pytest.mark.slow
@pytest.mark.parametrize(
    "layers",
    [
        [keras.layers.Embedding(20, 4), keras.layers.LSTM(5)],
        [keras.layers.Embedding(20, 4, mask_zero=True), keras.layers.GRU(5)],
        [keras.layers.Embedding(20, 4), keras.layers.Flatten()],
        [
            keras.layers.Embedding(20, 4),
            keras.layers.Bidirectional(keras.layers.SimpleRNN(3)),
        ],
    ],
    ids=lambda layers: type(layers[-1]).__name__,
)
def test_recurrent_networks_and_embeddings_are_compiled_and_the_same(layers):
    X, y = sequences()
    settings = dict(epochs=4, optimizer__learning_rate=0.01)
    compiled = classifier(recurrent(*layers), **settings).fit(X, y)
    by_keras = classifier(recurrent(*layers), fit__validation_freq=1, **settings).fit(
        X, y
    )
    assert compiled.fit_path_.startswith("compiled")
    np.testing.assert_allclose(
        compiled.predict_proba(X), by_keras.predict_proba(X), atol=1e-4
    )


def test_an_embedding_has_the_momentum_of_its_own_fit():
    X, y = sequences()
    layers = keras.layers.Embedding(20, 4), keras.layers.Flatten()

    def fit(momentum):
        optimizer = keras.optimizers.SGD(0.1, momentum=momentum)
        fitted = classifier(recurrent(*layers), optimizer=optimizer, epochs=3)
        return fitted.fit(X, y).history_["loss"]

    programs.clear()
    expected = fit(0.9)
    programs.clear()
    assert fit(0.1) != expected
    assert fit(0.9) == expected


def test_operations_on_tensors_are_keras_own(iris):
    def build(meta):
        inputs = keras.Input((4,))
        hidden = keras.layers.Dense(4, "relu")(inputs) + inputs
        return keras.Model(inputs, keras.layers.Dense(3, "softmax")(hidden))

    assert classifier(build).fit(*iris).fit_path_.startswith("compiled")


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9),
        keras.optimizers.Adam(0.05, gradient_accumulation_steps=3),
        keras.optimizers.SGD(0.05, use_ema=True, ema_overwrite_frequency=4),
    ],
    ids=lambda optimizer: str(optimizer.get_config()["name"]),
)
def test_averaging_optimizers_end_as_keras_does(iris, optimizer):
    compiled = classifier(optimizer=optimizer).fit(*iris)
    by_keras = classifier(optimizer=optimizer, fit__validation_freq=1).fit(*iris)
    assert compiled.fit_path_.startswith("compiled")
    np.testing.assert_allclose(
        compiled.predict_proba(iris[0]), by_keras.predict_proba(iris[0]), atol=1e-4
    )


def test_metrics_by_name_share_a_program_and_keep_their_names(binary):
    def build():
        return keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, "sigmoid")])

    programs.clear()
    for _ in range(3):
        found = classifier(
            build, loss="binary_crossentropy", metrics=["AUC", "Precision"]
        ).fit(*binary)
        assert set(found.history_) == {"loss", "auc", "precision"}
    assert len(programs) == 1


@pytest.mark.slow
@pytest.mark.parametrize("path", [{}, dict(fit__validation_freq=1)], ids=str)
def test_two_metrics_of_one_class_are_two_curves(binary, path):
    def build():
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, "sigmoid")])
        metrics = [keras.metrics.Precision(thresholds=t) for t in (0.01, 0.99)]
        model.compile("adam", "binary_crossentropy", metrics=metrics)
        return model

    for _ in range(2):
        network = classifier(build, loss=None, validation_split=0.2, **path)
        history = network.fit(*binary).history_
        names = {"loss", "precision", "precision_1"}
        assert set(history) == names | {f"val_{name}" for name in names}
        assert [len(values) for values in history.values()] == [3] * 6
        assert history["precision"] != history["precision_1"]


def test_a_learning_rate_may_begin_at_0(iris):
    warm = keras.callbacks.LearningRateScheduler(lambda epoch: 0.05 * epoch)
    compiled = classifier(epochs=4, callbacks=warm).fit(*iris)
    by_keras = classifier(epochs=4, callbacks=warm, fit__validation_freq=1).fit(*iris)
    np.testing.assert_allclose(
        compiled.history_["loss"], by_keras.history_["loss"], rtol=1e-4
    )
    assert compiled.fit_path_.startswith("compiled")


class Count(keras.metrics.Metric):
    """A metric of the user's own, which does not say how it was made."""

    def __init__(self, step=1.0, name="count"):
        super().__init__(name=name)
        self.step = step
        self.total = self.add_variable((), "zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign(self.step)

    def result(self):
        return self.total


class OwnSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that Keras does not know."""

    def __call__(self, step):
        return 0.01

    def get_config(self):
        return {}


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        (dict(metrics=[Count(5.0)]), "Count is a class of your own"),
        (
            dict(loss=partial(keras.losses.sparse_categorical_crossentropy)),
            "partial is a class of your own",
        ),
        (
            dict(
                optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
            ),
            "LossScaleOptimizer wraps another optimizer",
        ),
    ],
)
def test_what_keras_trains_is_trained(iris, params, reason):
    found = classifier(**params).fit(*iris)
    assert found.fit_path_ == f"keras.Model.fit: {reason}"
    if "metrics" in params:
        assert found.history_["count"] == [5.0, 5.0, 5.0]


def test_variables_without_weight_decay_and_own_schedules_go_through_keras(iris):
    def build(meta):
        model = models.build_classifier(meta)
        optimizer = keras.optimizers.AdamW(0.05, weight_decay=0.9)
        optimizer.exclude_from_weight_decay(var_names=["kernel"])
        model.compile(optimizer, SPARSE)
        return model

    def build_scheduled(meta):
        model = models.build_classifier(meta)
        model.compile(keras.optimizers.SGD(OwnSchedule()), SPARSE)
        return model

    found = classifier(build, loss=None).fit(*iris)
    assert found.fit_path_.endswith("excludes variables from weight decay")
    found = classifier(build_scheduled, loss=None).fit(*iris)
    assert found.fit_path_.endswith("a schedule of your own")


def test_a_subclass_and_parameters_decide_the_score(iris):
    class Own(KerasClassifier):
        @staticmethod
        def scorer(y_true, y_pred, **kwargs):
            return 42.0

    found = Own(models.build_classifier, loss=SPARSE, random_state=0).fit(*iris)
    assert found.score(*iris) == 42.0
    found = classifier(score__normalize=False).fit(*iris)
    assert found.score(*iris) == (found.predict(iris[0]) == iris[1]).sum()
    weighted = found.score(*iris, sample_weight=np.full(150, 2.0))
    assert weighted == 2 * found.score(*iris)


def build_without_input(meta, **settings):
    """Layers that must know their number of inputs, and learn it from the rows."""
    return keras.Sequential(
        [
            keras.layers.BatchNormalization(),
            keras.layers.Dense(8, "relu"),
            keras.layers.Dense(meta["n_classes_"], "softmax"),
        ]
    )


@pytest.mark.parametrize("build", [models.build_classifier, build_without_input])
@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_sparse_rows_give_what_dense_ones_give(iris, build, kind):
    X, y = np.where(iris[0] > 0, iris[0], 0), iris[1]
    weight = np.linspace(1, 2, 150)
    settings = dict(fit__validation_split=0.2, epochs=3)
    dense = classifier(build, **settings).fit(X, y, sample_weight=weight)
    sparse = classifier(build, **settings).fit(kind(X), y, sample_weight=weight)
    assert sparse.fit_path_ == dense.fit_path_
    assert sparse.fit_path_.startswith("compiled")
    assert sparse.history_ == dense.history_
    expected = dense.predict_proba(X)
    np.testing.assert_array_equal(sparse.predict_proba(X), expected)
    np.testing.assert_array_equal(sparse.predict_proba(kind(X)), expected)
    by_keras = classifier(build, **settings, callbacks=[Batches()])
    by_keras.fit(kind(X), y, sample_weight=weight)
    assert by_keras.fit_path_.startswith("keras.Model.fit: a callback")
    np.testing.assert_allclose(
        by_keras.predict_proba(kind(X)), sparse.predict_proba(kind(X)), atol=1e-5
    )


@pytest.mark.parametrize(
    "kinds",
    [
        (np.array, scipy.sparse.csr_array),
        (scipy.sparse.csr_array, np.array),
        (scipy.sparse.csr_array, scipy.sparse.coo_array),
    ],
)
def test_validation_rows_may_be_sparse_where_others_are_not(iris, kinds):
    X, y = iris
    train, validation = kinds
    dense = classifier().fit(X, y, validation_data=(X, y))
    mixed = classifier().fit(train(X), y, validation_data=(validation(X), y))
    assert mixed.fit_path_.startswith("compiled")
    assert mixed.history_ == dense.history_


class BuiltByRows(keras.layers.Layer):
    """Makes its weight when it sees rows."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), initializer="glorot_uniform")

    def call(self, x):
        return keras.ops.softmax(x @ self.w)


class NormalizesFirst(keras.Model):
    """Begins with a layer that takes no sparse tensors of TensorFlow."""

    def __init__(self):
        super().__init__()
        self.parts = keras.layers.BatchNormalization(), BuiltByRows()

    def call(self, x, training=False):
        return self.parts[1](self.parts[0](x, training=training))


@pytest.mark.parametrize(
    "build",
    [
        lambda meta: keras.Sequential([BuiltByRows()]),
        lambda meta: NormalizesFirst(),
        lambda meta: keras.Sequential(
            [keras.layers.SpectralNormalization(keras.layers.Dense(3, "softmax"))]
        ),
    ],
    ids=["Sequential", "subclass", "compiled"],
)
def test_weights_that_are_made_by_the_first_rows_have_the_seed_too(iris, build):
    before = random.getstate()
    first, second = (classifier(build, epochs=2).fit(*iris) for _ in range(2))
    assert first.history_ == second.history_
    np.testing.assert_array_equal(
        first.predict_proba(iris[0]), second.predict_proba(iris[0])
    )
    initial, again = (classifier(build).initialize(*iris) for _ in range(2))
    np.testing.assert_array_equal(
        initial.predict_proba(iris[0]), again.predict_proba(iris[0])
    )
    assert random.getstate() == before


def test_a_model_class_predicts_sparse_rows_as_dense_ones(iris):
    X, y = iris
    network = classifier(lambda meta: NormalizesFirst()).fit(
        scipy.sparse.csr_array(X), y
    )
    found = network.predict_proba(scipy.sparse.csr_array(X))
    np.testing.assert_allclose(found, network.predict_proba(X), atol=1e-6)


def test_outputs_that_are_no_numbers_are_no_probabilities(iris):
    class Nothing(keras.layers.Layer):
        def call(self, x):
            return x * np.nan

    def build(meta):
        dense = keras.layers.Dense(3, "softmax")
        return keras.Sequential([keras.Input((4,)), dense, Nothing()])

    network = classifier(build).initialize(*iris)
    assert np.isnan(network.predict_proba(iris[0])).all()


@pytest.mark.parametrize(
    ("given", "found"),
    [(5, "5"), ((1,), "1 parts"), ((1, 2, 3, 4), "4 parts")],
    ids=str,
)
def test_validation_data_of_another_form_are_named(iris, given, found):
    words = rf"validation_data must be \(X_val, y_val\), or .*, got {found}"
    with pytest.raises(ValueError, match=words):
        classifier().fit(*iris, validation_data=given)


def test_sparse_rows_of_other_types_go_through_keras(iris):
    def build(meta):
        inputs = keras.Input((4,), dtype="int32")
        x = keras.layers.Flatten()(keras.layers.Embedding(5, 2)(inputs))
        return keras.Model(inputs, keras.layers.Dense(3, "softmax")(x))

    X, y = np.clip(iris[0].round(), 0, 4).astype(int), iris[1]
    network = classifier(build, epochs=2).fit(scipy.sparse.csr_array(X), y)
    why = "keras.Model.fit: X is sparse, and the model takes int32"
    assert network.fit_path_ == why
    dense = classifier(build, epochs=2).fit(X, y)
    np.testing.assert_allclose(
        network.predict_proba(X), dense.predict_proba(X), atol=1e-5
    )


def test_images_are_rows_too(digits):
    X, y = digits[0].reshape(-1, 8, 8, 1), digits[1]
    network = classifier(
        models.build_image_classifier, epochs=8, optimizer__learning_rate=0.01
    )
    assert network.fit(X, y).score(X, y) > 0.9
    assert network.fit_path_.startswith("compiled")


@pytest.mark.slow
def test_threads_give_what_a_sequence_gives(iris):
    def fit(seed):
        build = models.build_rich_classifier
        return classifier(build, random_state=seed).fit(*iris).model_.get_weights()

    expected = [fit(seed) for seed in range(8)]
    found = Parallel(4, prefer="threads")(delayed(fit)(seed) for seed in range(8))
    for one, other in zip(expected, found, strict=True):
        assert all(map(np.array_equal, one, other))


# What may go wrong


def test_a_training_that_diverges_is_an_error_and_changes_nothing(diabetes):
    X, y = diabetes
    network = regressor(optimizer="sgd", warm_start=True).set_params(
        optimizer__learning_rate=1e-6
    )
    network.fit(X, y)
    before = network.model_.get_weights(), dict(network.history_)
    for path in ({}, dict(fit__validation_freq=1)):
        network.set_params(**path)
        with pytest.raises(ValueError, match="diverged"):
            network.fit(X * 1e6, y * 1e6)
        assert all(map(np.array_equal, before[0], network.model_.get_weights()))
        assert network.history_ == before[1]


def test_an_interrupted_fit_changes_nothing(iris):
    network = classifier().fit(*iris)
    before = network.model_.get_weights()
    with pytest.raises(KeyboardInterrupt):
        network.fit(*iris, callbacks=Interrupt())
    assert all(map(np.array_equal, before, network.model_.get_weights()))
    assert weights_equal(network, clone(network).fit(*iris))


@pytest.mark.parametrize("path", [{}, dict(fit__validation_freq=1)], ids=str)
def test_an_interrupted_fit_that_goes_on_changes_nothing(iris, path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    network = classifier(warm_start=True, **path).fit(*iris)
    twin = copy.deepcopy(network)
    with pytest.raises(KeyboardInterrupt):
        network.fit(*iris, callbacks=Interrupt())
    assert weights_equal(network, twin)
    assert weights_equal(network.fit(*iris), twin.fit(*iris))


def test_the_model_may_be_compiled_anew_and_trained_on(iris):
    network = classifier().fit(*iris)
    network.model_.layers[0].trainable = False
    network.model_.compile(keras.optimizers.SGD(1e-3), SPARSE)
    before = network.model_.get_weights()
    network.partial_fit(*iris)
    after = network.model_.get_weights()
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])


@pytest.mark.parametrize("eager", [False, True])
def test_training_goes_on_with_the_optimizer_that_was_set_meanwhile(iris, eager):
    whole = dict(batch_size=-1, optimizer="sgd", shuffle=False, run_eagerly=eager)
    one = classifier(**whole, optimizer__learning_rate=0.5).partial_fit(*iris)
    two = clone(one).partial_fit(*iris)
    one.set_params(optimizer__learning_rate=0.0).partial_fit(*iris)
    assert weights_equal(one, two)
    one.set_params(optimizer__learning_rate=0.5).partial_fit(*iris)
    assert weights_equal(pickle.loads(pickle.dumps(one)), two.partial_fit(*iris))
    one.set_params(optimizer="adam", optimizer__learning_rate=0.0).partial_fit(*iris)
    assert weights_equal(one, two)
    assert isinstance(one.model_.optimizer, keras.optimizers.Adam)
    again = pickle.loads(pickle.dumps(one))
    assert isinstance(again.model_.optimizer, keras.optimizers.Adam)


def test_moments_stay_where_only_the_learning_rate_is_set_anew(iris):
    one, two = (classifier().partial_fit(*iris) for _ in range(2))
    one.set_params(optimizer__learning_rate=0.001)  # Adam's own
    assert weights_equal(one.partial_fit(*iris), two.partial_fit(*iris))


@pytest.mark.parametrize(
    ("build", "changed", "message"),
    [
        (models.build_classifier, {"loss": "categorical_crossentropy"}, "^loss has"),
        (models.build_classifier, {"hidden": 7}, r"^hidden .*\(8, now 7\)"),
        (models.build_classifier, {"metrics": ["accuracy"]}, "^metrics has"),
        (models.build_compiled_classifier, {"optimizer": "sgd"}, "model_.compile"),
    ],
)
def test_what_a_model_was_built_with_cannot_change_while_it_is_trained_on(
    iris, build, changed, message
):
    named = {"hidden": 8} if "hidden" in changed else {}
    found = classifier(build, warm_start=True, **named).fit(*iris)
    before = found.model_.get_weights()
    found.set_params(**changed)
    for go_on in (found.fit, found.partial_fit):
        with pytest.raises(ValueError, match=message):
            go_on(*iris)
    for a, b in zip(before, found.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    found.set_params(warm_start=False).fit(*iris)


def test_who_compiled_is_known_anew_in_each_fit(iris):
    found = classifier().fit(*iris)
    found.set_params(model=models.build_compiled_classifier).fit(*iris)
    with pytest.raises(ValueError, match="^optimizer has changed"):
        found.set_params(optimizer="sgd").partial_fit(*iris)


def test_what_each_fit_reads_may_change_though_the_function_takes_it(iris):
    def build(meta, epochs=5):
        return models.build_classifier(meta, hidden=2 + epochs)

    found = classifier(build, warm_start=True, epochs=1).fit(*iris)
    assert found.set_params(epochs=2).fit(*iris).n_iter_ == 2


def test_a_failure_leaves_the_optimizer_too(iris):
    X, y = iris
    found, twin = (classifier().partial_fit(X, y) for _ in range(2))
    found.set_params(optimizer="sgd")
    with pytest.raises(ValueError, match="validation_split"):
        found.partial_fit(X, y, validation_split=2.0)
    with pytest.raises(KeyboardInterrupt):
        found.partial_fit(X, y, callbacks=Interrupt())
    found.set_params(optimizer="adam")
    assert weights_equal(found.partial_fit(X, y), twin.partial_fit(X, y))


def test_rows_of_another_shape_are_refused(digits):
    X = digits[0].reshape(-1, 8, 8, 1)
    network = classifier(models.build_image_classifier, epochs=1).fit(X, digits[1])
    with pytest.raises(ValueError, match=r"rows of shape \(8, 4, 2\)"):
        network.predict(X.reshape(-1, 8, 4, 2))


@pytest.mark.parametrize(
    "params",
    [
        dict(epochs="3"),
        dict(epochs=0),
        dict(epochs=True),
        dict(batch_size=0),
        dict(fit__batch_size=2.5),
        dict(validation_split=1.5),
    ],
    ids=str,
)
def test_bad_numbers_are_named(iris, params):
    (name,) = params
    network = classifier(**params)
    with pytest.raises(ValueError, match=rf"{name.split('__')[-1]}=.* must be"):
        network.fit(*iris)
    assert not hasattr(network, "model_")


def test_labels_that_are_numbers_are_refused(diabetes):
    X, y = diabetes
    with pytest.raises(ValueError, match="continuous.*KerasRegressor"):
        classifier().fit(X, y + 0.5)


# Keeping


@pytest.mark.slow
@pytest.mark.parametrize(
    "build",
    [
        models.build_rich_classifier,
        models.build_with_own_layer,
        models.build_own_model,
        models.build_compiled_classifier,
    ],
)
@pytest.mark.parametrize("keep", ["pickle", "joblib", "deepcopy"])
def test_it_can_be_kept(iris, build, keep, tmp_path):
    found = classifier(build).fit(*iris)
    if keep == "pickle":
        kept = pickle.loads(pickle.dumps(found))
    elif keep == "joblib":
        joblib.dump(found, tmp_path / "model.joblib")
        kept = joblib.load(tmp_path / "model.joblib")
    else:
        kept = copy.deepcopy(found)
    assert np.array_equal(kept.predict_proba(iris[0]), found.predict_proba(iris[0]))
    found.partial_fit(*iris)
    kept.partial_fit(*iris)
    assert weights_equal(found, kept)


def test_a_copy_is_of_the_fit_and_not_of_later_parameters(iris):
    network = classifier(hidden=8).fit(*iris).set_params(model__hidden=16)
    kept = pickle.loads(pickle.dumps(network))
    assert np.array_equal(kept.predict_proba(iris[0]), network.predict_proba(iris[0]))
    assert kept.get_params()["model__hidden"] == 16
    assert kept.model_.compiled


@pytest.mark.slow
def test_it_can_be_loaded_by_another_process(iris, tmp_path):
    found = classifier(models.build_rich_classifier).fit(*iris)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(found))
    np.save(tmp_path / "X.npy", iris[0])
    code = """
import pickle, sys, numpy as np
folder = sys.argv[1]
network = pickle.load(open(f"{folder}/model.pickle", "rb"))
np.save(f"{folder}/proba.npy", network.predict_proba(np.load(f"{folder}/X.npy")))
"""
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, tmp_path], check=True, timeout=900
    )
    proba = np.load(tmp_path / "proba.npy")
    assert np.array_equal(proba, found.predict_proba(iris[0]))


def test_a_search_in_a_pipeline(iris):
    pipeline = make_pipeline(StandardScaler(), classifier(epochs=20))
    space = {
        "kerasclassifier__optimizer__learning_rate": [1e-6, 0.02],
        "kerasclassifier__model__hidden": [8, 16],
    }
    search = GridSearchCV(pipeline, space, cv=3).fit(*iris)
    assert search.best_params_["kerasclassifier__optimizer__learning_rate"] == 0.02


def test_a_study_sees_each_epoch_and_prunes(iris):
    space = {"optimizer__learning_rate": [1e-6, 1e-5, 0.05]}
    search = OptunaSearchCV(
        classifier(epochs=10), space, n_trials=9, cv=3, random_state=0
    ).fit(*iris)
    states = [trial.state.name for trial in search.study_.trials]
    assert "PRUNED" in states
    assert search.best_params_ == {"optimizer__learning_rate": 0.05}
    # An epoch costs less than a score: the end of each fold alone is scored.
    assert list(search.study_.best_trial.intermediate_values) == [9, 19, 29]


def test_a_pruning_callback_stands_among_the_callbacks(iris):
    import optuna

    study = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=0.0))
    network = classifier(callbacks=[PruningCallback(study.ask(), "loss")])
    with pytest.raises(optuna.TrialPruned):
        network.fit(*iris)


def test_a_clone_requests_the_metadata_of_its_original(iris):
    X, y = iris
    weight = np.arange(150) % 3
    with sklearn.config_context(enable_metadata_routing=True):
        network = classifier(epochs=1).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, network)
        grid = {"kerasclassifier__epochs": [1, 2]}
        # A scorer: scikit-learn 1.7 does not ask the steps for requests of `score`.
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        search = GridSearchCV(pipeline, grid, cv=2, scoring=scorer)
        search.fit(X, y, sample_weight=weight)
        unweighted = clone(pipeline).fit(X, y)
    found = search.cv_results_["mean_test_score"]
    assert np.isfinite(found).all()
    best = search.best_estimator_[-1].set_params(epochs=1)
    expected = classifier(epochs=1)
    expected.fit(StandardScaler().fit_transform(X), y, sample_weight=weight)
    scaled = StandardScaler().fit_transform(X)
    assert weights_equal(best.fit(scaled, y, sample_weight=weight), expected)
    assert not weights_equal(unweighted[-1], expected)


class StopsAtThree(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.n_epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.n_epochs += 1
        self.model.stop_training = self.n_epochs >= 3


@pytest.mark.parametrize("name", ["callbacks", "fit__callbacks"])
def test_each_fit_has_copies_of_the_callbacks(iris, name):
    given = StopsAtThree()
    network = classifier(epochs=5, **{name: [given]})
    for _ in range(2):
        assert network.fit(*iris).n_iter_ == 3
    assert given.n_epochs == 0
    assert network.callbacks_[0].n_epochs == 3
    given.other = StopsAtThree()
    given.other.other = given  # what copies share stays shared
    network.set_params(**{name: [given, given.other]}).fit(*iris)
    first, second = network.callbacks_
    assert first.other is second
    given.lock = threading.Lock()
    with pytest.raises(TypeError, match="works on copies of its callbacks.*lock"):
        network.fit(*iris)


def test_dates_are_labels_to_the_end(iris):
    X, y = iris
    first = np.datetime64("2020-01-01")
    days, codes = classifier(), classifier()
    assert days.fit(X, first + y).score(X, first + y) == codes.fit(X, y).score(X, y)
    days.set_params(class_weight={first: 5.0}).fit(X, first + y)
    assert weights_equal(days, codes.set_params(class_weight={0: 5.0}).fit(X, y))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(sample_weight=np.ones(5)), r"sample_weight has the shape \(5,\)"),
        (dict(sample_weight=np.ones((150, 1))), r"sample_weight.*\(150, 1\): give one"),
        (
            dict(X_val=np.ones((2, 4)), y_val=[0, 1], sample_weight_val=np.ones(3)),
            "sample_weight_val has the shape",
        ),
        (
            dict(X_val=np.ones((2, 4)), y_val=[0, 9]),
            r"y_val holds unknown labels: \[9\]; the classes are \[0, 1, 2\]",
        ),
    ],
)
def test_what_does_not_fit_the_rows_is_named(iris, arguments, words):
    with pytest.raises(ValueError, match=words):
        classifier().fit(*iris, **arguments)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_a_global_policy_changes_no_network(diabetes, policy):
    X, y = diabetes[0], 1e5 * diabetes[1]
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: None)
    network = MLPRegressor(4, epochs=2, callbacks=[watch], random_state=0)
    expected = network.fit(X, y).predict(X)
    keras.config.set_dtype_policy(policy)
    try:
        np.testing.assert_allclose(network.fit(X, y).predict(X), expected, rtol=1e-4)
        found = network.model_.predict(X, verbose=0).ravel()
        assert keras.config.dtype_policy().name == policy
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(found, expected, rtol=1e-4)
