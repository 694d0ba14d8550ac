"""export_onnx of what people deploy: columns, thresholds, searches, images, Keras."""

import keras
import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

import skdl
from skdl import (
    CNNClassifier,
    CNNRegressor,
    KerasClassifier,
    KerasRegressor,
    MLPClassifier,
    MLPRegressor,
)

layers = keras.layers
SPARSE = "sparse_categorical_crossentropy"


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, 200),
            "income": rng.normal(5e4, 1e4, 200),
            "city": rng.choice(["rome", "oslo", "bern"], 200),
        }
    )
    frame.loc[::11, "age"] = np.nan
    y = np.where(frame["age"].fillna(40) + 9 * (frame["city"] == "rome") > 43, "y", "n")
    return frame, y


def network(**params):
    return MLPClassifier(8, epochs=20, random_state=0, **params)


def run(path, X):
    """Return the outputs, and the kinds of the inputs."""
    session = onnxruntime.InferenceSession(path)
    feed, kinds = {}, {}
    for given in session.get_inputs():
        kinds[given.name] = given.type[7:-1]
        dtype = {"double": np.float64, "string": object}.get(kinds[given.name], "f4")
        column = X if given.name == "X" else X[[given.name]]
        if kinds[given.name] == "string":
            column = column.astype(object).where(column.notna(), "")
        feed[given.name] = np.asarray(column, dtype=dtype)
    return session.run(None, feed), kinds


def assert_same(path, fitted, X, atol=1e-5):
    skdl.export_onnx(fitted, path)
    (labels, proba), kinds = run(path, X)
    assert np.array_equal(labels, fitted.predict(X))
    np.testing.assert_allclose(proba, fitted.predict_proba(X), atol=atol)
    return kinds


@pytest.mark.parametrize("indicator", [False, True])
@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()])
def test_each_column_of_a_frame_is_an_input(table, tmp_path, indicator, encoder):
    X, y = table
    numbers = make_pipeline(SimpleImputer(add_indicator=indicator), StandardScaler())
    columns = make_column_transformer((numbers, ["age", "income"]), (encoder, ["city"]))
    fitted = make_pipeline(columns, network()).fit(X, y)
    kinds = assert_same(tmp_path / "m.onnx", fitted, X)
    assert kinds == {"age": "float", "income": "float", "city": "string"}


@pytest.mark.parametrize("missing", [np.nan, None], ids=str)
@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(drop="first"),
        TargetEncoder(),
    ],
    ids=str,
)
def test_missing_text_is_the_empty_string(table, tmp_path, encoder, missing):
    X, y = table[0][["income", "city"]].astype({"city": object}), table[1]
    X["city"] = X["city"].where(X.index % 5 > 0, missing)
    columns = make_column_transformer(
        (StandardScaler(), ["income"]), (encoder, ["city"])
    )
    fitted = make_pipeline(columns, network()).fit(X, y)
    assert_same(tmp_path / "m.onnx", fitted, X)
    # Another word would not be the missing one.
    X.loc[0, "city"] = ""
    with pytest.raises(ValueError, match="the category '' beside missing values"):
        skdl.export_onnx(fitted.fit(X, y), tmp_path / "m.onnx")


@pytest.mark.parametrize(
    "encoder",
    [OneHotEncoder(handle_unknown="ignore"), OneHotEncoder(), OrdinalEncoder()],
    ids=str,
)
@pytest.mark.parametrize("as_array", [False, True])
def test_numbers_may_be_categories(tmp_path, encoder, as_array):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"zip": rng.integers(3, 9, 200), "owns": rng.random(200) < 0.5})
    y = X["zip"] % 2
    encoder.set_params(**{"sparse_output": False} if "One" in str(encoder) else {})
    X = X.to_numpy(float) if as_array else X
    fitted = make_pipeline(encoder, network()).fit(X, y)
    assert_same(tmp_path / "m.onnx", fitted, X)


def test_a_column_that_no_step_takes_is_no_input(table, tmp_path):
    X, y = table[0][["city", "income"]], table[1]
    columns = make_column_transformer((StandardScaler(), ["income"]))
    fitted = make_pipeline(columns, network()).fit(X, y)
    assert assert_same(tmp_path / "m.onnx", fitted, X) == {"income": "float"}


@pytest.mark.filterwarnings("error")
def test_an_imputer_in_front_keeps_the_names(table, tmp_path):
    X, y = table[0][["age", "income"]], table[1]
    fitted = make_pipeline(SimpleImputer(), StandardScaler(), network()).fit(X, y)
    assert list(assert_same(tmp_path / "m.onnx", fitted, X)) == ["age", "income"]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (KNNImputer(), "graph (fails on rows like|differs by)"),
        (
            make_pipeline(SimpleImputer(), PowerTransformer("box-cox")),
            "refuses rows that were made .* strictly positive",
        ),
    ],
    ids=["KNNImputer", "box-cox"],
)
def test_what_can_not_be_compared_is_not_written(table, tmp_path, step, message):
    X, y = table[0][["age", "income"]] / [1, 1e7], table[1]
    fitted = make_pipeline(step, StandardScaler(), network()).fit(X, y)
    with pytest.raises(ValueError, match=f"export_onnx: .*{message}"):
        skdl.export_onnx(fitted, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), RobustScaler(), FunctionTransformer()]
)
def test_named_numbers_are_inputs_of_their_own(table, tmp_path, scaler):
    X, y = table[0][["age", "income"]].fillna(40) / [1, 1000], table[1]
    fitted = make_pipeline(scaler, network()).fit(X, y)
    kinds = assert_same(tmp_path / "m.onnx", fitted, X)
    assert list(kinds) == ["age", "income"]
    assert list(assert_same(tmp_path / "m.onnx", network().fit(X, y), X)) == list(kinds)


def make_search(fitted_on):
    pipeline = make_pipeline(StandardScaler(), network())
    grid = {"mlpclassifier__dropout": [0.0, 0.1]}
    return GridSearchCV(pipeline, grid, cv=2).fit(*fitted_on)


@pytest.mark.parametrize(
    "make",
    [
        make_search,
        lambda data: FrozenEstimator(make_search(data)),
        lambda data: FixedThresholdClassifier(
            make_pipeline(StandardScaler(), network()), threshold=0.2
        ).fit(*data),
        lambda data: FixedThresholdClassifier(
            network(), threshold=0.7, pos_label=0
        ).fit(*data),
        lambda data: TunedThresholdClassifierCV(network(), cv=2).fit(*data),
    ],
    ids=["search", "frozen", "threshold", "of the first class", "tuned"],
)
def test_what_holds_a_network_is_exported_with_it(binary, tmp_path, make):
    fitted = make(binary)
    assert_same(tmp_path / "m.onnx", fitted, np.float32(binary[0]))
    share = np.mean(fitted.predict(binary[0]))
    assert 0.05 < share < 0.95


def test_a_threshold_can_be_saved(binary, tmp_path):
    fitted = FixedThresholdClassifier(network(), threshold=0.2).fit(*binary)
    skdl.save(fitted, tmp_path / "m.skdl")
    found = skdl.load(tmp_path / "m.skdl").predict(binary[0])
    assert np.array_equal(found, fitted.predict(binary[0]))


@pytest.mark.parametrize(
    "params",
    [
        dict(transformer=StandardScaler()),
        dict(func=np.log, inverse_func=np.exp),
        dict(func=np.log1p, inverse_func=np.expm1),
        dict(),
    ],
    ids=["scaler", "log", "log1p", "nothing"],
)
def test_transformed_targets_come_back(diabetes, tmp_path, params):
    X, y = diabetes
    inner = make_pipeline(StandardScaler(), MLPRegressor(8, epochs=20, random_state=0))
    fitted = TransformedTargetRegressor(inner, **params).fit(X, y)
    skdl.export_onnx(fitted, tmp_path / "m.onnx")
    (found,), _ = run(tmp_path / "m.onnx", X)
    np.testing.assert_allclose(found, fitted.predict(X), rtol=1e-4)
    other = TransformedTargetRegressor(
        inner, transformer=QuantileTransformer(n_quantiles=9)
    )
    with pytest.raises(ValueError, match="QuantileTransformer.*only a scaler, exp and"):
        skdl.export_onnx(other.fit(X, y), tmp_path / "other.onnx")
    assert not (tmp_path / "other.onnx").exists()


@pytest.mark.parametrize(
    ("times", "offset", "kind"),
    [(1, 0, "float"), (100, 1e8, "double"), (100, 1.7e9, "double")],
)
def test_offsets_that_single_floats_lose_get_doubles(
    iris, tmp_path, times, offset, kind
):
    X, y = iris[0] * times + offset, iris[1]
    fitted = make_pipeline(StandardScaler(), network()).fit(X, y)
    assert assert_same(tmp_path / "m.onnx", fitted, X) == {"X": kind}


def test_a_graph_that_is_wrong_is_not_written(iris, tmp_path, monkeypatch):
    fitted = make_pipeline(StandardScaler(), network()).fit(*iris)
    monkeypatch.setattr(
        type(fitted), "predict_proba", lambda self, X: np.zeros((50, 3))
    )
    with pytest.raises(ValueError, match="of the graph differs by .* Nothing is wri"):
        skdl.export_onnx(fitted, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        dict(),
        dict(conv_batch_norm=True, pooling="average", global_pooling="max"),
        dict(pooling=3, kernel_size=4),
        dict(pooling=None, global_pooling="average", batch_norm=True),
    ],
    ids=str,
)
def test_convolutional_networks_are_the_same(tmp_path, params):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 9, 7, 2)), rng.integers(0, 3, 60)
    settings = dict(hidden_layer_sizes=6, epochs=2, random_state=0)
    fitted = CNNClassifier((4, 5), **settings, **params).fit(X, y)
    assert_same(tmp_path / "m.onnx", fitted, np.float32(X))
    flat = X.reshape(60, -1)
    numbers = CNNRegressor((4, 5), **settings, **params, image_shape=(9, 7, 2))
    numbers.fit(flat, flat[:, 0])
    skdl.export_onnx(numbers, tmp_path / "m.onnx")
    (found,), _ = run(tmp_path / "m.onnx", flat)
    np.testing.assert_allclose(found, numbers.predict(flat), atol=1e-5)


def chain(*parts, shape=(4,)):
    def build(meta):
        copies = [type(p).from_config(p.get_config()) for p in parts]
        return keras.Sequential([keras.Input(shape), *copies])

    return build


LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("last", "loss"),
    [
        (layers.Dense(1, activation="sigmoid"), "binary_crossentropy"),
        (layers.Dense(2, activation="softmax"), SPARSE),
        (layers.Dense(1), LOGITS),
    ],
)
def test_wrapped_models_of_known_layers_are_the_same(binary, tmp_path, last, loss):
    X, y = binary
    build = chain(
        layers.Dense(6, activation="gelu"),
        layers.BatchNormalization(),
        layers.Dropout(0.2),
        layers.Activation("tanh"),
        last,
        shape=(5,),
    )
    wrapped = KerasClassifier(build, loss=loss, epochs=3, random_state=0)
    fitted = make_pipeline(StandardScaler(), wrapped).fit(X, y)
    assert_same(tmp_path / "m.onnx", fitted, np.float32(X))


def test_wrapped_images_numbers_and_margins_are_the_same(binary, diabetes, tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 9, 7, 2)), rng.integers(0, 3, 60)
    build = chain(
        layers.Rescaling(0.5),
        layers.Conv2D(3, 3, strides=2, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
        shape=(9, 7, 2),
    )
    fitted = KerasClassifier(build, loss=SPARSE, random_state=0).fit(X, y)
    assert_same(tmp_path / "m.onnx", fitted, np.float32(X))

    numbers = KerasRegressor(
        chain(layers.Dense(4, activation="relu"), layers.Dense(1), shape=(10,)),
        loss="mse",
        random_state=0,
    ).fit(diabetes[0], diabetes[1] / 100)
    skdl.export_onnx(numbers, tmp_path / "m.onnx")
    (found,), _ = run(tmp_path / "m.onnx", diabetes[0])
    np.testing.assert_allclose(found, numbers.predict(diabetes[0]), atol=1e-5)

    margins = KerasClassifier(
        chain(layers.Dense(1), shape=(5,)), loss="hinge", epochs=5, random_state=0
    ).fit(*binary)
    skdl.export_onnx(margins, tmp_path / "m.onnx")
    (labels,), _ = run(tmp_path / "m.onnx", binary[0])
    assert np.array_equal(labels, margins.predict(np.float32(binary[0])))


def test_a_layer_that_is_not_known_is_named_with_those_that_are(tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 5, 3))
    build = chain(layers.LSTM(4), layers.Dense(2, activation="softmax"), shape=(5, 3))
    fitted = KerasClassifier(build, loss=SPARSE).fit(X, np.arange(30) % 2)
    with pytest.raises(ValueError, match="'lstm.*' is a LSTM, but only.*Conv2D, Dense"):
        skdl.export_onnx(fitted, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize("bins", [[0, 18, 65, 99], [-0.5, 18.0, 65.25, 99.0]])
def test_intervals_and_days_are_known_in_each_spelling_of_pandas(tmp_path, bins):
    rng = np.random.default_rng(0)
    ages = rng.integers(1, 99, 120)
    days = pd.to_datetime(rng.choice(["2020-01-01", "2021-05-01"], 120))
    frame = pd.DataFrame({"band": pd.cut(ages, bins), "day": pd.Categorical(days)})
    fitted = skdl.TabularClassifier(epochs=3, random_state=0).fit(frame, ages > 40)
    path = tmp_path / "table.onnx"
    skdl.export_onnx(fitted, path)
    as_floats = pd.cut(ages, [float(edge) for edge in bins])
    for band in (frame["band"].astype(str), as_floats.astype(str)):
        for day in (days.astype(str), [str(day) for day in days]):
            (_, proba), _ = run(path, pd.DataFrame({"band": band, "day": day}))
            np.testing.assert_allclose(proba, fitted.predict_proba(frame), atol=1e-5)


@pytest.mark.parametrize(
    "imputer",
    [
        SimpleImputer(strategy="constant", fill_value=0.0, add_indicator=True),
        SimpleImputer(strategy="constant", fill_value=1e9),
    ],
    ids=["indicator", "double"],
)
def test_constants_are_imputed(tmp_path, imputer):
    X = np.random.default_rng(0).normal(size=(100, 4))
    X += 0 if imputer.add_indicator else 1e9
    y = np.where(X[:, 1] > np.median(X[:, 1]), "y", "n")
    X[::7, 0] = np.nan
    pipeline = make_pipeline(imputer, StandardScaler(), network()).fit(X, y)
    assert_same(tmp_path / "a.onnx", pipeline, X)


def test_a_selection_without_columns_is_left_out(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(100, 3)), columns=["a", "b", "c"])
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(), make_column_selector(dtype_include="category")),
        (SimpleImputer(), [False, False, False]),
    )
    pipeline = make_pipeline(columns, network()).fit(frame, frame["a"] > 0)
    skdl.export_onnx(pipeline, tmp_path / "a.onnx")
    (_, proba), _ = run(tmp_path / "a.onnx", frame)
    np.testing.assert_allclose(proba, pipeline.predict_proba(frame), atol=1e-5)


@pytest.mark.parametrize(
    "bands", [["(0, 65]", "(65, inf)"], ["[0, 17.5]", "(17.5, 90]"], ["(0.0, 5]", "x"]]
)
def test_text_of_intervals_is_known_as_it_was_given(tmp_path, bands):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"band": rng.choice(bands, 100), "x": rng.normal(size=100)})
    fitted = skdl.TabularClassifier(epochs=20, random_state=0)
    fitted.fit(frame, frame["band"] == bands[0])
    skdl.export_onnx(fitted, tmp_path / "a.onnx")
    (_, proba), _ = run(tmp_path / "a.onnx", frame)
    np.testing.assert_allclose(proba, fitted.predict_proba(frame), atol=1e-5)
