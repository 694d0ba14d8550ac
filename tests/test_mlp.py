import copy
import io
import pickle

import joblib
import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.metrics import accuracy_score, r2_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skdl import MLPClassifier, MLPRegressor
from skdl.estimators._constraints import OPTIMIZERS
from tests.conftest import equal_weights

RATES = {"sgd": 0.1, "adagrad": 0.1, "adadelta": 5.0, "adamax": 0.01}


def small(**params):
    """Return a small network with settings that do not follow the defaults."""
    plain = {
        "hidden_layer_sizes": 16,
        "activation": "relu",
        "dropout": 0.1,
        "l2": 0.0,
        "learning_rate_schedule": None,
        "batch_size": 32,
        "epochs": 20,
        "random_state": 0,
    }
    return MLPClassifier(**{**plain, **params})


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns(iris, optimizer):
    X, y = iris
    rate = RATES.get(optimizer, 0.004)
    model = small(optimizer=optimizer, learning_rate=rate).fit(X, y)
    assert model.score(X, y) > 0.85
    assert model.history_["loss"][-1] < 0.6 * model.history_["loss"][0]


@pytest.mark.parametrize("sizes", [(), 8, (8,), [8, 4], np.array([6, 5, 4])])
def test_hidden_layer_sizes_make_the_layers_of_the_model(iris, sizes):
    X, y = iris
    model = small(hidden_layer_sizes=sizes).fit(X, y).model_
    dense = [layer.units for layer in model.layers if hasattr(layer, "units")]
    assert dense == [*np.atleast_1d(np.array(sizes, dtype=int)), 3]


@pytest.mark.parametrize(
    ("initializer", "activation", "scale"),
    [
        ("auto", "relu", 6 / 100),
        ("auto", "tanh", 6 / 200),
        ("auto", "selu", None),
        ("glorot_uniform", "relu", 6 / 200),
    ],
)
def test_initializers_draw_kernels_of_their_scale(initializer, activation, scale):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((20, 100)), rng.randint(2, size=20)
    model = small(
        hidden_layer_sizes=100,
        activation=activation,
        kernel_initializer=initializer,
        epochs=1,
        learning_rate=1e-9,
    ).fit(X, y)
    kernel = model._weights[0]
    variance = 1 / 100 if scale is None else scale / 3
    assert kernel.var() == pytest.approx(variance, rel=0.05)
    if scale is not None:
        assert np.abs(kernel).max() <= np.sqrt(scale)


def test_an_initializer_takes_settings_and_the_seed_of_the_network(iris):
    def kernel(random_state, **more):
        settings = {"name": "random_normal", "stddev": 0.01, **more}
        network = small(
            hidden_layer_sizes=200,
            kernel_initializer=settings,
            learning_rate=1e-9,
            epochs=1,
        )
        return network.set_params(random_state=random_state).fit(*iris)._weights[0]

    first = kernel(0)
    assert first.std() == pytest.approx(0.01, rel=0.1)
    np.testing.assert_array_equal(first, kernel(0))
    with pytest.raises(ValueError, match="random_state seeds it"):
        kernel(0, seed=5)
    assert (first != kernel(1)).all()


def test_batch_norm_stands_between_dense_layer_and_activation(iris):
    X, y = iris
    model = small(batch_norm=True, hidden_layer_sizes=(8, 8), learning_rate=0.02).fit(
        X, y
    )
    kinds = [type(layer).__name__ for layer in model.model_.layers]
    assert kinds[1:4] == ["Dense", "BatchNormalization", "Activation"]
    assert model.score(X, y) > 0.9
    np.testing.assert_allclose(
        model.model_.predict(X, verbose=0), model.predict_proba(X), atol=1e-6
    )


def test_dropout_rates_reach_the_model_layer_by_layer(iris):
    X, y = iris
    model = small(hidden_layer_sizes=(8, 8), dropout=[0.1, 0.4], input_dropout=0.2)
    layers = model.fit(X, y).model_.layers
    rates = [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.2, 0.1, 0.4]


@pytest.mark.parametrize(
    ("poor", "good"),
    [
        (dict(dropout=0.95), dict(dropout=0.1)),
        (dict(input_dropout=0.95), dict(input_dropout=0.0)),
        (dict(l2=1.0), dict(l2=1e-5)),
        (dict(l1=1.0), dict(l1=1e-5)),
        (dict(learning_rate=1e-6), dict(learning_rate=1e-2)),
        (dict(epochs=1), dict(epochs=30)),
        (dict(batch_size=-1), dict(batch_size=8)),
        (
            dict(optimizer="sgd", learning_rate=0.003, momentum=0.0),
            dict(optimizer="sgd", learning_rate=0.003, momentum=0.9),
        ),
        (
            dict(learning_rate_schedule={"name": "exponential", "rate": 0.01}),
            dict(learning_rate_schedule=None),
        ),
    ],
)
def test_a_good_value_beats_a_poor_one(iris, poor, good):
    X, y = iris
    common = dict(dropout=0.0, epochs=15, learning_rate=0.003)
    worse = small(**{**common, **poor}).fit(X, y).predict_proba(X)
    better = small(**{**common, **good}).fit(X, y).predict_proba(X)
    rows = np.arange(len(y))
    assert -np.log(better[rows, y]).mean() < -np.log(worse[rows, y]).mean() - 0.02


def test_losses_hold_no_penalties_and_are_else_those_of_keras(iris):
    X, y = iris
    model = small(l1=1e-3, l2=1e-2, dropout=0.0, batch_size=-1, epochs=1)
    model.set_params(optimizer="sgd", learning_rate=1e-12)
    model.fit(X, y, X_val=X, y_val=y)
    penalty = float(sum(model.model_.losses))
    assert penalty > 0.1
    plain_loss = model.model_.evaluate(X, y, verbose=0)[0] - penalty
    assert model.history_["loss"][0] == pytest.approx(plain_loss, rel=1e-5)
    assert model.history_["val_loss"][0] == pytest.approx(plain_loss, rel=1e-5)


@pytest.mark.parametrize("schedule", ["step", "exponential", "inverse_time", "cosine"])
def test_schedules_by_name_train(iris, schedule):
    X, y = iris
    model = small(learning_rate=0.02, learning_rate_schedule=schedule).fit(X, y)
    assert model.score(X, y) > 0.9


def test_keras_schedule_equals_our_own(iris):
    X, y = iris
    steps = 5  # 150 rows in batches of 32
    theirs = keras.optimizers.schedules.InverseTimeDecay(0.01, 1, 0.1)
    ours = {"name": "inverse_time", "decay": 0.1}
    first = small(learning_rate_schedule=theirs).fit(X, y)
    second = small(learning_rate=0.01, learning_rate_schedule=ours).fit(X, y)
    assert len(X) / 32 <= steps
    np.testing.assert_allclose(
        first.predict_proba(X), second.predict_proba(X), atol=1e-4
    )


def test_optimizer_instance_is_used_and_left_as_it_was(iris):
    X, y = iris
    optimizer = keras.optimizers.Adam(0.01, beta_1=0.8, clipnorm=1.0)
    before = optimizer.get_config()
    model = small(optimizer=optimizer)
    first = model.fit(X, y).predict_proba(X)
    assert optimizer.get_config() == before
    assert int(optimizer.iterations) == 0
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), first)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict_proba(X), first)
    assert model.score(X, y) > 0.9


def test_a_plain_instance_equals_its_name(iris):
    X, y = iris
    named = small(optimizer="adam", learning_rate=0.01).fit(X, y)
    instance = small(optimizer=keras.optimizers.Adam(0.01)).fit(X, y)
    assert equal_weights(named, instance)


@pytest.mark.parametrize("head", ["binary", "multiclass", "multilabel"])
def test_outputs_have_the_shapes_of_scikit_learn(head):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((60, 4))
    y = {
        "binary": X[:, 0] > 0,
        "multiclass": np.digitize(X[:, 0], [-0.5, 0.5]),
        "multilabel": (X[:, :3] > 0).astype(int),
    }[head]
    model = small(learning_rate=0.01).fit(X, y)
    columns = {"binary": 2, "multiclass": 3, "multilabel": 3}[head]
    for rows in (X, X[:1]):
        n = len(rows)
        assert model.predict_proba(rows).shape == (n, columns)
        flat = head == "binary"
        assert model.decision_function(rows).shape == ((n,) if flat else (n, columns))
        assert model.predict(rows).shape == ((n, 3) if head == "multilabel" else (n,))
    if head != "multilabel":
        np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-12)
    assert model.score(X, y) > 0.8
    np.testing.assert_allclose(
        model.model_.predict(X, verbose=0),
        model.predict_proba(X)[:, -1:] if flat else model.predict_proba(X),
        atol=1e-6,
    )


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [-1, 1], [0.0, 2.0], [False, True], ["a", "b", "c"]]
)
def test_any_labels_come_back(labels):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((90, 3))
    y = np.array(labels)[np.digitize(X[:, 0], np.linspace(-0.5, 0.5, len(labels) - 1))]
    model = small(learning_rate=0.02).fit(X, y)
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    assert model.predict(X).dtype == y.dtype
    assert accuracy_score(y, model.predict(X)) > 0.85


@pytest.mark.parametrize("shape", ["flat", "column", "two"])
def test_regression_keeps_the_dimensions_of_its_target(diabetes, shape):
    X, y = diabetes
    y = {"flat": y, "column": y[:, None], "two": np.c_[y, -y / 100]}[shape]
    model = MLPRegressor(32, epochs=30, learning_rate=0.005, random_state=0).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model.predict(X[:1]).shape == y[:1].shape
    assert r2_score(y, model.predict(X)) > 0.45
    np.testing.assert_allclose(
        model.model_.predict(X, verbose=0).reshape(y.shape),
        model.predict(X),
        rtol=1e-5,
        atol=1e-6,
    )


def test_history_of_a_regression_is_the_score_of_its_last_epoch(diabetes):
    X, y = diabetes
    model = MLPRegressor(
        8, dropout=0.0, l2=0.0, optimizer="sgd", learning_rate=1e-12, epochs=1
    ).fit(X, y)
    assert model.history_["r2"][0] == pytest.approx(model.score(X, y), abs=1e-5)


def test_early_stopping_stops_and_restores_the_best_weights(iris):
    X, y = iris
    model = small(
        early_stopping=True, validation_fraction=0.2, patience=3, epochs=200
    ).set_params(learning_rate=0.05)
    model.fit(X, y)
    losses = model.history_["val_loss"]
    assert model.n_iter_ == len(losses) < 200
    assert np.argmin(losses) == len(losses) - 4


def test_restored_weights_have_the_best_validation_loss(iris):
    X, y = iris
    X_val, y_val = X[::3], y[::3]
    params = dict(early_stopping=True, patience=3, epochs=100, learning_rate=0.05)
    model = small(**params).fit(X, y, X_val=X_val, y_val=y_val)
    probabilities = model.predict_proba(X_val)[np.arange(len(y_val)), y_val]
    best = min(model.history_["val_loss"])
    assert -np.log(probabilities).mean() == pytest.approx(best, rel=1e-4)
    last = small(**params, restore_best_weights=False).fit(
        X, y, X_val=X_val, y_val=y_val
    )
    probabilities = last.predict_proba(X_val)[np.arange(len(y_val)), y_val]
    assert -np.log(probabilities).mean() == pytest.approx(
        last.history_["val_loss"][-1], rel=1e-4
    )


def test_the_validation_part_is_stratified_and_drawn_at_random():
    from skdl._utils._validation_part import split_validation

    labels = np.repeat([0, 1, 2], [80, 15, 5])
    train, validation = split_validation(100, labels, 0.2, np.random.SeedSequence(0))
    np.testing.assert_array_equal(np.bincount(labels[validation]), [16, 3, 1])
    assert sorted([*train, *validation]) == list(range(100))
    assert not np.array_equal(np.sort(validation), np.arange(80, 100))
    other = split_validation(100, labels, 0.2, np.random.SeedSequence(1))[1]
    assert set(other) != set(validation)


def test_a_pipeline_scales_the_validation_data_too(iris):
    import sklearn

    X, y = iris
    with sklearn.config_context(enable_metadata_routing=True):
        network = small().set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline(
            [("scale", StandardScaler()), ("mlp", network)], transform_input=["X_val"]
        )
        pipeline.fit(100 * X + 7, y, X_val=100 * X[::2] + 7, y_val=y[::2])
    scaler, fitted = pipeline["scale"], pipeline["mlp"]
    by_hand = small().fit(
        scaler.transform(100 * X + 7),
        y,
        X_val=scaler.transform(100 * X[::2] + 7),
        y_val=y[::2],
    )
    assert fitted.history_["val_loss"] == by_hand.history_["val_loss"]


def test_class_weight_balanced_equals_the_dict_of_it(binary):
    X, y = binary
    rare = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:20]]
    X, y = X[rare], y[rare]
    counts = np.bincount(y)
    weights = dict(enumerate(len(y) / (2 * counts)))
    balanced = small(class_weight="balanced").fit(X, y)
    assert equal_weights(balanced, small(class_weight=weights).fit(X, y))
    plain = small().fit(X, y)
    assert balanced.predict_proba(X)[:, 1].sum() > plain.predict_proba(X)[:, 1].sum()


def test_the_callers_arrays_are_not_changed(iris):
    X, y = iris
    X, y, weight = X.astype(np.float32), y.copy(), np.linspace(0, 2, len(y))
    kept = X.copy(), y.copy(), weight.copy()
    small(early_stopping=True, class_weight="balanced").fit(X, y, weight)
    for array, copied in zip((X, y, weight), kept, strict=True):
        np.testing.assert_array_equal(array, copied)


def test_warm_start_goes_on_from_the_last_weights(iris):
    X, y = iris
    model = small(epochs=5, warm_start=True).fit(X, y)
    first = model.history_["loss"]
    second = model.fit(X, y).history_["loss"]
    assert second[0] < first[-1] * 1.05
    assert second[-1] < first[-1]


def test_partial_fit_does_what_one_fit_does(iris):
    X, y = iris
    model = small(batch_size=-1, dropout=0.0)
    for _ in range(20):
        model.partial_fit(X, y, classes=[0, 1, 2])
    whole = small(batch_size=-1, dropout=0.0, epochs=20).fit(X, y)
    np.testing.assert_allclose(
        model.predict_proba(X), whole.predict_proba(X), atol=1e-5
    )


def test_partial_fit_may_see_the_classes_one_by_one(iris):
    X, y = iris
    model = small(learning_rate=0.01)
    for _ in range(30):
        for label in range(3):
            model.partial_fit(X[y == label], y[y == label], classes=[0, 1, 2])
    assert model.score(X, y) > 0.6
    assert model.n_iter_ == len(model.history_["loss"]) == 90


@pytest.mark.parametrize("fitted", [True, False])
@pytest.mark.parametrize(
    "way",
    [
        lambda m: pickle.loads(pickle.dumps(m)),
        copy.deepcopy,
        lambda m: joblib.load(_dumped(m)),
    ],
)
def test_copies_predict_the_same(iris, way, fitted):
    X, y = iris
    model = small(batch_norm=True)
    if fitted:
        model.fit(X, y)
        assert model.model_ is model.model_
    copied = way(model)
    if not fitted:
        model.fit(X, y)
        copied.fit(X, y)
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))


def _dumped(model):
    stream = io.BytesIO()
    joblib.dump(model, stream)
    stream.seek(0)
    return stream


def test_a_pickle_is_its_weights_and_at_most_100_kb(digits):
    X, y = digits
    model = small(hidden_layer_sizes=(256, 128), epochs=2, warm_start=True).fit(X, y)
    weights = sum(weight.nbytes for weight in model._weights)
    assert weights < len(pickle.dumps(model)) <= weights + 100_000


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_have_their_columns_checked(iris, frame):
    X, y = iris
    names = ["a", "b", "c", "d"]
    data = frame(dict(zip(names, X.T, strict=True)))
    if not hasattr(StandardScaler().fit(data), "feature_names_in_"):
        pytest.skip("this scikit-learn knows no names of this polars")
    model = small().fit(data, y)
    np.testing.assert_array_equal(model.feature_names_in_, names)
    np.testing.assert_array_equal(model.predict(data), small().fit(X, y).predict(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(data[["b", "a", "c", "d"]])


def test_set_params_refuses_a_wrong_name():
    with pytest.raises(ValueError, match="Invalid parameter 'learning_rat'"):
        small().set_params(learning_rat=0.1)


def test_kinds_are_those_of_scikit_learn():
    assert is_classifier(MLPClassifier())
    assert is_regressor(MLPRegressor())


def test_batch_size_one_trains(binary):
    X, y = binary
    assert small(batch_size=1, epochs=5).fit(X, y).score(X, y) > 0.9


def test_the_model_can_be_saved_and_trained_further(iris, tmp_path):
    X, y = iris
    estimator = small().fit(X, y)
    before = estimator.predict_proba(X)
    estimator.model_.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), before, atol=1e-6)
    loss = loaded.evaluate(X, y, verbose=0)[0]
    loaded.fit(X, y, epochs=5, verbose=0)
    assert loaded.evaluate(X, y, verbose=0)[0] < loss
    np.testing.assert_array_equal(estimator.predict_proba(X), before)


def test_verbose_shows_one_line_of_epoch_loss_metric_and_time(iris, capsys):
    X, y = iris
    small(verbose=1, epochs=3).fit(X, y, X_val=X, y_val=y)
    lines = capsys.readouterr().out.splitlines()
    assert "3/3" in lines[-1]
    for figure in ("loss=", "accuracy=", "val_loss=", "epochs", "left"):
        assert figure in lines[-1]
    assert len(lines) == 2


def test_callbacks_of_an_earlier_fit_are_forgotten(iris):
    X, y = iris
    model = small(callbacks=[keras.callbacks.History()]).fit(X, y)
    assert len(model.callbacks_) == 1
    assert not hasattr(model.set_params(callbacks=None).fit(X, y), "callbacks_")


def test_classes_of_weight_zero_do_not_count(iris):
    X, y = iris
    without = small(class_weight={0: 1, 1: 1, 2: 0}).fit(X, y)
    assert (
        without.predict_proba(X)[:, 2].max()
        < small().fit(X, y).predict_proba(X)[:, 2].max()
    )
    part = small(class_weight={0: 1, 1: 1, 2: 0})
    with pytest.raises(ValueError, match="leaves no row with a weight"):
        part.partial_fit(X[y == 2], y[y == 2], classes=[0, 1, 2])
