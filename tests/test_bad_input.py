"""A table of bad inputs, each with the words that its error must have, and odd ones."""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.preprocessing import StandardScaler

from skdl import MLPClassifier, MLPRegressor
from skdl.model_selection import default_space

RNG = np.random.RandomState(0)
X = RNG.standard_normal((30, 3))
Y = np.arange(30) % 3
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


def changed(array, value, where=(0, 0)):
    copied = np.array(array, dtype=object if isinstance(value, str) else float)
    copied[where] = value
    return copied


class HalfACallback:
    def on_epoch_end(self, epoch, logs=None):
        pass


PARAMETERS = [
    ("hidden_layer_sizes", 0, "hidden_layer_sizes"),
    ("hidden_layer_sizes", -4, "hidden_layer_sizes"),
    ("hidden_layer_sizes", 2.5, "hidden_layer_sizes"),
    ("hidden_layer_sizes", "64", "hidden_layer_sizes"),
    ("hidden_layer_sizes", None, "hidden_layer_sizes"),
    ("hidden_layer_sizes", (8, 0), r"hidden_layer_sizes\[1\]=0"),
    ("hidden_layer_sizes", (8, -1), r"hidden_layer_sizes\[1\]=-1"),
    ("hidden_layer_sizes", (8.5,), r"hidden_layer_sizes\[0\]=8.5"),
    ("hidden_layer_sizes", ("8",), r"hidden_layer_sizes\[0\]='8'"),
    ("hidden_layer_sizes", ((8,), 4), r"hidden_layer_sizes\[0\]"),
    ("hidden_layer_sizes", (True,), r"hidden_layer_sizes\[0\]=True"),
    ("activation", "rel", "activation"),
    ("activation", None, "activation"),
    ("activation", "softmax", "activation"),
    ("kernel_initializer", "he", "kernel_initializer='he'"),
    ("kernel_initializer", 3, "kernel_initializer"),
    ("kernel_initializer", {"stddev": 1.0}, "no initializer is named None"),
    (
        "kernel_initializer",
        {"name": "random_normal", "stdev": 1.0},
        "kernel_initializer=.*'stdev'",
    ),
    ("kernel_initializer", None, "kernel_initializer"),
    (
        "kernel_initializer",
        {"name": "random_normal", "stddev": "a"},
        "kernel_initializer=",
    ),
    ("kernel_initializer", {"name": "Initializer"}, "kernel_initializer="),
    ("batch_norm", "yes", "batch_norm"),
    ("batch_norm", 2, "batch_norm"),
    ("dropout", 1.0, "dropout"),
    ("dropout", 0.999, "at most 0.99609375"),
    ("input_dropout", 0.999, "at most 0.99609375"),
    ("dropout", -0.1, "dropout"),
    ("dropout", np.nan, "dropout"),
    ("dropout", "0.1", "dropout"),
    ("dropout", None, "dropout"),
    ("dropout", True, "dropout"),
    ("dropout", [0.1, 0.2], "2 rates for 1 hidden layers"),
    ("dropout", [], "0 rates for 1 hidden layers"),
    ("dropout", [1.0], r"dropout\[0\]=1.0"),
    ("dropout", ["a"], r"dropout\[0\]='a'"),
    ("dropout", [np.nan], r"dropout\[0\]=nan"),
    ("input_dropout", 1.0, "input_dropout"),
    ("input_dropout", -1, "input_dropout"),
    ("input_dropout", np.nan, "input_dropout"),
    ("l1", -1e-3, "l1"),
    ("l1", np.nan, "l1"),
    ("l1", np.inf, "l1"),
    ("l1", "1", "l1"),
    ("l2", -1e-3, "l2"),
    ("l2", np.nan, "l2"),
    ("l2", np.inf, "l2"),
    ("l2", None, "l2"),
    ("l2", True, "l2=True"),
    ("optimizer", "adams", "optimizer"),
    ("optimizer", None, "optimizer"),
    ("optimizer", 3, "optimizer"),
    ("optimizer", keras.optimizers.Adam, "optimizer"),
    ("learning_rate", 0, "learning_rate"),
    ("learning_rate", -0.1, "learning_rate"),
    ("learning_rate", np.nan, "learning_rate"),
    ("learning_rate", np.inf, "learning_rate"),
    ("learning_rate", "adaptive", "learning_rate"),
    ("learning_rate", None, "learning_rate"),
    ("learning_rate_schedule", "linear", "learning_rate_schedule='linear'"),
    ("learning_rate_schedule", 3, "learning_rate_schedule"),
    ("learning_rate_schedule", {}, "learning_rate_schedule={}"),
    ("learning_rate_schedule", {"drop": 0.5}, "names no schedule"),
    ("learning_rate_schedule", {"name": "step", "dorp": 0.5}, "no setting 'dorp'"),
    ("learning_rate_schedule", {"name": "step", "drop": 1.5}, r"\(0, 1\) as 'drop'"),
    ("learning_rate_schedule", {"name": "step", "every": 0}, ">= 1 as 'every'"),
    ("learning_rate_schedule", {"name": "step", "every": 2.5}, ">= 1 as 'every'"),
    ("learning_rate_schedule", {"name": "cosine", "final": -1}, r"\[0, 1\] as 'final'"),
    ("learning_rate_schedule", {"name": "cosine", "final": "0"}, "as 'final'"),
    ("learning_rate_schedule", {"name": "exponential", "rate": 0}, "as 'rate'"),
    ("learning_rate_schedule", {"name": "inverse_time", "decay": np.nan}, "'decay'"),
    ("learning_rate_schedule", {"name": "one_cycle", "warmup": 1.0}, "'warmup'"),
    ("learning_rate_schedule", {"name": "plateau", "patience": True}, "'patience'"),
    ("momentum", 1.0, "momentum"),
    ("momentum", -0.5, "momentum"),
    ("momentum", np.nan, "momentum"),
    ("nesterov", "no", "nesterov"),
    ("batch_size", 0, "batch_size"),
    ("batch_size", -2, "batch_size"),
    ("batch_size", 2.5, "batch_size"),
    ("batch_size", "full", "batch_size"),
    ("batch_size", None, "batch_size"),
    ("batch_size", True, "batch_size=True"),
    ("epochs", 0, "epochs"),
    ("epochs", -1, "epochs"),
    ("epochs", 1.5, "epochs"),
    ("epochs", "10", "epochs"),
    ("epochs", None, "epochs"),
    ("early_stopping", "auto", "early_stopping"),
    ("validation_fraction", 0.0, "validation_fraction"),
    ("validation_fraction", 1.0, "validation_fraction"),
    ("validation_fraction", np.nan, "validation_fraction"),
    ("patience", 0, "patience"),
    ("patience", 1.5, "patience"),
    ("min_delta", -1, "min_delta"),
    ("min_delta", np.inf, "min_delta"),
    ("restore_best_weights", "yes", "restore_best_weights"),
    ("class_weight", "balance", "class_weight"),
    ("class_weight", [1, 2, 3], "class_weight"),
    ("class_weight", {0: 1, 1: 1, 2: -1}, "finite numbers >= 0"),
    ("class_weight", {0: 1, 1: 1, 2: np.nan}, "finite numbers >= 0"),
    ("class_weight", {0: 1, 1: 1, 2: "1"}, "finite numbers >= 0"),
    ("class_weight", {0: 0, 1: 0, 2: 0}, "has no weight above 0"),
    ("warm_start", "yes", "warm_start"),
    ("callbacks", 3, "callbacks"),
    ("callbacks", [3], r"callbacks\[0\]=3"),
    ("callbacks", [HalfACallback()], r"callbacks\[0\]=.*must be an instance"),
    ("callbacks", [keras.callbacks.History], r"callbacks\[0\].*instance"),
    ("verbose", -1, "verbose"),
    ("verbose", "loud", "verbose"),
    ("random_state", -1, "random_state"),
    ("random_state", "seed", "random_state"),
    ("random_state", 1.5, "random_state"),
]

DATA = {
    "NaN in X": (dict(X=changed(X, np.nan)), "NaN"),
    "infinite X": (dict(X=changed(X, np.inf)), "infinity"),
    "X too large for single precision": (dict(X=changed(X, 1e300)), "too large"),
    "text in X": (dict(X=changed(X, "red")), "X holds text.*red.*OneHotEncoder"),
    "text column": (dict(X=FRAME.assign(a="red")), "X holds text.*OneHotEncoder"),
    "dates in X": (
        dict(X=np.full((30, 3), "2026-01-01", "datetime64[D]")),
        "dates or durations",
    ),
    "complex X": (dict(X=X + 1j), "Complex"),
    "flat X": (dict(X=X[:, 0]), "2D array"),
    "cube of X": (dict(X=X[:, :, None]), "dim 3"),
    "no rows": (dict(X=X[:0], y=Y[:0]), "0 sample"),
    "no columns": (dict(X=X[:, :0]), "0 feature"),
    "no X": (dict(X=None), "NoneType|None"),
    "no y": (dict(y=None), "y.*None|requires y"),
    "rows differ": (dict(y=Y[:-1]), "inconsistent numbers of samples"),
    "NaN in y": (dict(y=changed(Y, np.nan, 0)), "NaN"),
    "numbers to predict as classes": (dict(y=X[:, 0]), "continuous"),
    "one class": (dict(y=np.zeros(30)), "only one class"),
    "one row": (dict(X=X[:1], y=Y[:1]), "only one class"),
    "several columns of classes": (dict(y=np.c_[Y, Y]), "several columns"),
    "cube of y": (dict(y=np.zeros((30, 2, 2))), "y has 3 dimensions"),
    "list of y with three axes": (dict(y=[[[0, 1]]] * 30), "y has 3 dimensions"),
    "sparse labels": (dict(y=scipy.sparse.csr_array(np.c_[Y, Y])), "y is sparse"),
    "a label of NA": (
        dict(y=pd.Series([pd.NA, *map(str, Y[1:])], dtype="string")),
        "Input y contains NaN",
    ),
    "a label of NA among objects": (
        dict(y=np.array([pd.NA, *map(str, Y[1:])], object)),
        "Input y contains NaN",
    ),
    "a label of None": (dict(y=[None, *map(str, Y[1:])]), "Input y contains NaN"),
    "negative weight": (dict(sample_weight=-np.ones(30)), "Negative values"),
    "zero weights": (dict(sample_weight=np.zeros(30)), "zero"),
    "NaN weight": (dict(sample_weight=np.full(30, np.nan)), "NaN"),
    "infinite weight": (dict(sample_weight=np.full(30, np.inf)), "infinity"),
    "text weights": (
        dict(sample_weight=np.full(30, "x")),
        "sample_weight holds values that are not numbers",
    ),
    "few weights": (dict(sample_weight=np.ones(29)), "sample_weight"),
    "square weights": (dict(sample_weight=np.ones((30, 2))), "1D|sample_weight"),
    "one class of positive weight": (
        dict(sample_weight=(Y == 0).astype(float)),
        "only one class",
    ),
    "X_val alone": (dict(X_val=X), "X_val and y_val belong together"),
    "y_val alone": (dict(y_val=Y), "X_val and y_val belong together"),
    "weights of nothing": (dict(sample_weight_val=np.ones(30)), "belong together"),
    "X_val of other width": (dict(X_val=X[:, :2], y_val=Y), "X_val.*features"),
    "NaN in X_val": (dict(X_val=changed(X, np.nan), y_val=Y), "X_val.*NaN"),
    "unknown label in y_val": (dict(X_val=X, y_val=Y + 1), r"y_val.*labels: \[3\]"),
    "negative validation weight": (
        dict(X_val=X, y_val=Y, sample_weight_val=-np.ones(30)),
        "Negative values",
    ),
    "zero validation weights": (
        dict(X_val=X, y_val=Y, sample_weight_val=np.zeros(30)),
        "zero",
    ),
}


def mlp(**params):
    return MLPClassifier(
        **{"hidden_layer_sizes": 4, "epochs": 1, "random_state": 0, **params}
    )


def assert_refused(estimator, message, **data):
    before = dict(vars(estimator))
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        estimator.fit(**{"X": X, "y": Y, **data})
    assert vars(estimator) == before


@pytest.mark.parametrize(("name", "value", "message"), PARAMETERS)
def test_bad_parameter_is_refused(name, value, message):
    assert_refused(mlp(**{name: value}), message)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"epochs": 1}, {"epochs": True}),
        ({"epochs": 1}, {"epochs": 1.0}),
        ({"hidden_layer_sizes": (1,)}, {"hidden_layer_sizes": (True,)}),
        ({"random_state": 2**32 - 1}, {"random_state": 2**32}),
        ({"random_state": 0}, {"random_state": -1}),
        ({"random_state": False}, {"random_state": -1}),
    ],
)
def test_a_bad_parameter_is_refused_after_an_equal_good_one(good, bad):
    # Settings that were checked once are not checked again.
    MLPClassifier(**{"epochs": 1, **good}).fit(X, Y)
    with pytest.raises(ValueError, match=next(iter(bad))):
        MLPClassifier(**{"epochs": 1, **bad}).fit(X, Y)


@pytest.mark.filterwarnings("ignore:.* features are large")
@pytest.mark.parametrize("case", DATA)
def test_bad_data_is_refused(case):
    data, message = DATA[case]
    assert_refused(mlp(), message, **data)


def test_the_table_is_long_enough():
    assert len(PARAMETERS) + len(DATA) >= 120


@pytest.mark.parametrize("name", ["learning_rate", "momentum", "nesterov"])
def test_a_parameter_without_effect_beside_an_instance_is_refused(name):
    value = {"learning_rate": 0.5, "momentum": 0.5, "nesterov": True}[name]
    model = mlp(optimizer=keras.optimizers.SGD(0.1), **{name: value})
    assert_refused(model, f"{name}=.*no effect")


def test_a_rate_without_effect_beside_a_schedule_of_keras_is_refused():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model = mlp(learning_rate=0.5, learning_rate_schedule=schedule)
    assert_refused(model, "learning_rate=0.5 has no effect beside")
    assert "learning_rate" in default_space(mlp())
    model = mlp(learning_rate_schedule=schedule)
    assert "learning_rate" not in default_space(model)


def test_two_schedules_exclude_each_other():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model = mlp(
        optimizer=keras.optimizers.SGD(schedule), learning_rate_schedule="cosine"
    )
    assert_refused(model, "exclude each other")


@pytest.mark.parametrize(
    ("labels", "fraction"),
    [(Y, 0.03), (np.r_[np.zeros(29), 1], 0.2), (Y, 0.99)],
)
def test_a_validation_part_too_small_for_its_classes_is_refused(labels, fraction):
    model = mlp(early_stopping=True, validation_fraction=fraction)
    assert_refused(model, f"validation_fraction={fraction}", y=labels)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (FRAME[["a", "b"]], "feature names"),
        (FRAME.assign(a=np.nan), "NaN"),
        (FRAME.rename(columns={"a": "z"}), "feature names"),
        (FRAME[["b", "a", "c"]], "feature names"),
        (FRAME.assign(d=1.0), "feature names"),
    ],
)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_bad_rows_are_refused_by_predictions(rows, message, method):
    model = mlp().fit(FRAME, Y)
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(rows)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["a", "b", "c"] * 10), "Unknown label type.*use a classifier"),
        (changed(X[:, 0], np.nan, 0), "NaN"),
        (changed(X[:, 0], np.inf, 0), "infinity"),
        (X[:, 0] + 1j, "[Cc]omplex|real numbers"),
        (np.full(30, "2026-01-01", "datetime64[D]"), "real numbers"),
    ],
)
def test_bad_targets_of_a_regression_are_refused(y, message):
    assert_refused(MLPRegressor(4, epochs=1), message, y=y)


def test_multilabel_takes_no_class_weight_dict():
    several = np.eye(3)[Y]
    several[0] = 1
    assert_refused(mlp(class_weight={0: 1.0}), "must be 'balanced'", y=several)


def test_partial_fit_needs_the_classes_and_no_early_stopping():
    with pytest.raises(ValueError, match="classes must be passed"):
        mlp().partial_fit(X, Y)
    with pytest.raises(AttributeError) as error:
        mlp(early_stopping=True).partial_fit(X, Y, classes=[0, 1, 2])
    assert "early_stopping=False" in str(error.value.__cause__)
    assert not hasattr(mlp(early_stopping=True), "partial_fit")
    with pytest.raises(ValueError, match="balanced"):
        mlp(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])
    fitted = mlp().partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"unknown labels: \[7\]"):
        fitted.partial_fit(X, np.where(Y == 2, 7, Y))
    with pytest.raises(ValueError, match=r"not the same as on the last.*\[0, 1, 2\]"):
        fitted.partial_fit(X, Y, classes=[0, 1])
    warm = mlp(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match=r"it had \[0, 1, 2\], y has \[0, 1\]"):
        warm.fit(X[Y < 2], Y[Y < 2])


def test_warm_start_refuses_another_network():
    model = mlp(warm_start=True).fit(X, Y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="warm_start=False"):
        model.set_params(hidden_layer_sizes=5).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.filterwarnings("ignore:learning_rate=.* is large")
def test_divergence_stops_the_fit_and_says_where():
    model = mlp(optimizer="sgd", learning_rate=1e20, epochs=9, activation="identity")
    with pytest.raises(ValueError, match=r"epoch \d.*Lower learning_rate.*1e\+20"):
        model.fit(X, Y)
    assert not hasattr(model, "history_")


def test_a_refit_that_fails_leaves_the_estimator_as_it_was():
    model = mlp().fit(X, Y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="NaN"):
        model.fit(changed(X, np.nan), Y)
    after = vars(model)
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)


LABELS = {
    "strings": np.array(["x", "y", "z"])[Y],
    "objects": np.array(["x", "y", "z"], dtype=object)[Y],
    "floats": Y.astype(float),
    "negative": Y - 5,
    "far apart": Y * 10**9,
    "unsigned": Y.astype(np.uint8),
    "booleans": Y > 0,
    "list": Y.tolist(),
    "tuple": tuple(Y.tolist()),
    "series": pd.Series(Y, index=np.arange(30)[::-1]),
    "categorical": pd.Series(pd.Categorical(np.array(["x", "y", "z"])[Y])),
    "polars": pl.Series(Y),
    "two strings": np.array(["no", "yes"])[(Y > 0).astype(int)],
    "multilabel": (X > 0).astype(int),
    "multilabel floats": (X > 0).astype(float),
    "multilabel booleans": X > 0,
    "multilabel frame": pd.DataFrame((X > 0).astype(int)),
    "one label column": np.c_[X[:, 0] > 0, X[:, 1] > 0].astype(int),
}
FEATURES = {
    "float16": X.astype(np.float16),
    "float32": X.astype(np.float32),
    "longdouble": X.astype(np.longdouble),
    "int8": np.rint(X * 10).astype(np.int8),
    "int64": np.rint(X * 10).astype(np.int64),
    "uint16": np.rint(np.abs(X) * 10).astype(np.uint16),
    "booleans": X > 0,
    "objects of numbers": X.astype(object),
    "Fortran order": np.asfortranarray(X),
    "every second row": np.repeat(X, 2, axis=0)[::2],
    "reversed columns": X[:, ::-1],
    "read-only": np.frombuffer(X.tobytes()).reshape(X.shape),
    "big-endian": X.astype(">f8"),
    "list": X.tolist(),
    "tuple of tuples": tuple(map(tuple, X)),
    "frame": FRAME,
    "frame of mixed numbers": FRAME.assign(a=np.arange(30), b=X[:, 0] > 0),
    "nullable frame": FRAME.convert_dtypes(),
    "frame with integer names": pd.DataFrame(X),
    "polars": pl.DataFrame(dict(zip("abc", X.T, strict=True))),
    "constant column": np.c_[X[:, :2], np.ones(30)],
    "one column": X[:, :1],
    "large": X * 1e3,
    "tiny": X * 1e-30,
    "matrix of a memory map": np.asarray(X)[:, [0, 1, 2]],
}
WEIGHTS = {
    "list": [1.0] * 30,
    "integers": np.arange(30),
    "float32": np.ones(30, np.float32),
    "one number": 2.0,
    "series": pd.Series(np.ones(30)),
    "huge": np.full(30, 1e30),
    "tiny": np.full(30, 1e-30),
    "a few zeros": np.r_[np.zeros(9), np.ones(21)],
}
ODD_PARAMETERS = [
    dict(hidden_layer_sizes=np.int64(4)),
    dict(hidden_layer_sizes=[np.int32(4)]),
    dict(hidden_layer_sizes=()),
    dict(dropout=np.float32(0.5)),
    dict(dropout=(0.5,)),
    dict(dropout=0),
    dict(batch_size=np.int64(7)),
    dict(batch_size=10**6),
    dict(l2=0),
    dict(learning_rate=1),
    dict(random_state=np.random.RandomState(0)),
    dict(callbacks=[]),
    dict(batch_norm=np.True_),
    dict(learning_rate_schedule={"name": "step"}),
]


@pytest.mark.parametrize("case", LABELS)
def test_odd_labels_are_right(case):
    y = LABELS[case]
    model = mlp(epochs=5).fit(X, y)
    predicted = model.predict(X)
    assert predicted.shape == np.asarray(y).shape
    assert set(np.unique(predicted)) <= set(np.unique(np.asarray(y)))
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.filterwarnings("ignore:.* features are large")
@pytest.mark.parametrize("case", FEATURES)
def test_odd_features_are_right(case):
    rows = FEATURES[case]
    model = mlp(epochs=3, learning_rate=1e-4).fit(rows, Y)
    values = np.asarray(rows, dtype=float)
    if hasattr(StandardScaler().fit(rows), "feature_names_in_"):
        assert list(model.feature_names_in_) == list(rows.columns)
        np.testing.assert_allclose(model.predict_proba(rows).sum(axis=1), 1)
    else:
        same = mlp(epochs=3, learning_rate=1e-4).fit(values, Y).predict_proba(values)
        np.testing.assert_allclose(model.predict_proba(rows), same, atol=1e-6)


@pytest.mark.parametrize("case", WEIGHTS)
def test_odd_weights_are_right(case):
    weight = WEIGHTS[case]
    probabilities = mlp(epochs=3).fit(X, Y, sample_weight=weight).predict_proba(X)
    assert np.isfinite(probabilities).all()
    if np.ndim(weight) == 0 or len(set(np.asarray(weight))) == 1:
        plain = mlp(epochs=3).fit(X, Y).predict_proba(X)
        np.testing.assert_allclose(probabilities, plain, atol=1e-5)


@pytest.mark.parametrize("params", ODD_PARAMETERS)
def test_odd_parameters_are_right(params):
    model = mlp(**{"epochs": 2, **params}).fit(X, Y)
    assert model.n_iter_ == 2
    assert np.isfinite(model.predict_proba(X)).all()


def test_there_are_enough_odd_inputs():
    assert len(LABELS) + len(FEATURES) + len(WEIGHTS) + len(ODD_PARAMETERS) >= 56
