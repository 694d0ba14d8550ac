"""export_onnx: the same numbers and labels in onnxruntime."""

import sys
import warnings

import numpy as np
import onnxruntime
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

import skdl
from skdl import KerasClassifier, MLPClassifier, MLPRegressor
from skdl.nn._normalization import NORMALIZATIONS
from skdl.preprocessing import TableEncoder
from tests.keras_models import build_with_own_layer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def outputs(path, X):
    return onnxruntime.InferenceSession(path).run(None, {"X": np.float32(X)})


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_each_normalization_is_the_same(iris, path, normalization):
    X, y = iris
    network = MLPClassifier((9, 5), normalization=normalization, epochs=5).fit(X, y)
    skdl.export_onnx(network, path)
    labels, proba = outputs(path, 3 * X)
    np.testing.assert_allclose(proba, network.predict_proba(3 * X), atol=1e-5)
    assert np.array_equal(labels, network.predict(3 * X))


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["a", "b", "c"]),
        np.array(["é", "ß", "水"], dtype=object),
        np.array([10, 20, 30], dtype=np.int32),
        np.array([0.0, 2.0, 4.0]),
        np.array([-1, 1, 1]),
        np.array([False, True, True]),
    ],
    ids=str,
)
def test_labels_are_the_same(iris, path, labels):
    X, y = iris[0], labels[iris[1]]
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(epochs=9, random_state=0))
    pipeline.fit(X, y)
    skdl.export_onnx(pipeline, path)
    found, proba = outputs(path, X)
    assert found.tolist() == pipeline.predict(X).tolist()
    np.testing.assert_allclose(proba, pipeline.predict_proba(X), atol=1e-5)


def test_labels_that_single_floats_leave_out_are_integers(iris, path):
    X, y = iris
    network = MLPClassifier(epochs=9, random_state=0).fit(X, y + 20_000_001.0)
    skdl.export_onnx(network, path)
    assert outputs(path, X)[0].tolist() == network.predict(X).tolist()
    network.fit(X, y.astype(np.uint64) + np.uint64(2**63))
    with pytest.raises(ValueError, match="more digits than int64 has"):
        skdl.export_onnx(network, path)


def test_several_labels_are_the_same(iris, path):
    X, y = iris
    y = np.stack([y > 0, y > 1, y == 1], axis=1).astype(int)
    network = MLPClassifier(epochs=9, random_state=0).fit(X, y)
    skdl.export_onnx(network, path)
    labels, proba = outputs(path, X)
    assert np.array_equal(labels, network.predict(X))
    np.testing.assert_allclose(proba, network.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (-1, 2)])
def test_numbers_are_the_same(diabetes, path, shape):
    X, y = diabetes
    y = np.stack([y, -y], axis=1) if shape[-1] == 2 else y.reshape(shape)
    pipeline = make_pipeline(StandardScaler(), MLPRegressor(epochs=5, random_state=0))
    pipeline.fit(X, y)
    skdl.export_onnx(pipeline, path)
    (numbers,) = outputs(path, X)
    assert numbers.shape == y.shape
    np.testing.assert_allclose(numbers, pipeline.predict(X), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    [
        StandardScaler(),
        MinMaxScaler(),
        RobustScaler(),
        QuantileTransformer(n_quantiles=20),
        PowerTransformer(),
        PCA(3),
        SimpleImputer(),
        PolynomialFeatures(2),
        make_pipeline(SimpleImputer(), StandardScaler()),
        "passthrough",
    ],
    ids=lambda step: type(step).__name__,
)
def test_transformers_are_the_same(iris, path, step):
    X, y = iris
    X = np.float32(X * [1, 10, 100, 1000] + [0, 1, 50, 500])
    pipeline = make_pipeline(step, StandardScaler(), MLPClassifier(epochs=5))
    pipeline.set_params(mlpclassifier__random_state=0).fit(X, y)
    skdl.export_onnx(pipeline, path)
    np.testing.assert_allclose(
        outputs(path, X)[1], pipeline.predict_proba(X), atol=1e-5
    )


@pytest.mark.parametrize(
    ("pipeline", "words"),
    [
        (
            make_pipeline(FunctionTransformer(np.arctan), MLPClassifier(epochs=1)),
            "step 'functiontransformer'",
        ),
        (
            make_pipeline(
                ColumnTransformer([("table", TableEncoder(), [0, 1])]),
                MLPClassifier(epochs=1),
            ),
            r"'columntransformer' \(ColumnTransformer\) holds a TableEncoder",
        ),
        (
            make_pipeline(StandardScaler(), LogisticRegression()),
            "step 'logisticregression' is a LogisticRegression",
        ),
        (
            make_pipeline(
                StandardScaler(),
                KerasClassifier(
                    build_with_own_layer, loss="sparse_categorical_crossentropy"
                ),
            ),
            "the layer 'doubled.*' is a Doubled, but only the layers",
        ),
    ],
)
def test_a_step_that_cant_be_exported_is_named(iris, path, pipeline, words):
    with pytest.raises(ValueError, match=words):
        skdl.export_onnx(pipeline.fit(*iris), path)
    assert not path.exists()


def test_the_extra_is_named_where_it_is_missing(iris, path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"skdl\[onnx\]"):
        skdl.export_onnx(MLPClassifier(epochs=1).fit(*iris), path)


def test_keras_own_ways_stay(iris, tmp_path):
    import keras

    network = MLPClassifier(epochs=2, random_state=0).fit(*iris)
    network.model_.save(tmp_path / "m.keras")
    found = keras.saving.load_model(tmp_path / "m.keras")
    X = np.float32(iris[0])
    np.testing.assert_allclose(
        found.predict(X, verbose=0), network.predict_proba(X), atol=1e-6
    )
    network.model_.export(tmp_path / "served", verbose=False)
    assert (tmp_path / "served" / "saved_model.pb").exists()


@pytest.mark.parametrize("unit", [1e-20, 1.0])
@pytest.mark.parametrize("offset", [0.0, 1e4, 1e9])
@pytest.mark.parametrize(
    "regressor",
    [
        MLPRegressor(8, epochs=20, random_state=0),
        MLPRegressor(8, loss="quantile", quantile=[0.1, 0.5], epochs=20),
        TransformedTargetRegressor(
            MLPRegressor(8, epochs=20, random_state=0), transformer=StandardScaler()
        ),
    ],
    ids=["plain", "quantiles", "transformed"],
)
def test_targets_far_from_zero_are_predicted(diabetes, path, regressor, offset, unit):
    X, y = diabetes[0], unit * (diabetes[1] + offset)
    regressor = clone(regressor).fit(X, y)
    skdl.export_onnx(regressor, path)
    found = outputs(path, X)
    np.testing.assert_allclose(
        found[0], regressor.predict(X), rtol=0, atol=1e-3 * y.std()
    )
    if len(found) > 1:
        quantiles = regressor.predict_quantiles(X)
        np.testing.assert_allclose(found[1], quantiles, rtol=0, atol=1e-3 * y.std())
    if hasattr(regressor, "model_") and len(found) == 1:
        by_keras = regressor.model_.predict(np.float32(X), verbose=0).ravel()
        np.testing.assert_allclose(by_keras, found[0], rtol=0, atol=1e-3 * y.std())


@pytest.mark.parametrize("unknown", ["error", "ignore"])
def test_categories_that_single_floats_confuse_are_told_in_small_units(path, unknown):
    rng = np.random.default_rng(0)
    ids = 2.0**24 + rng.integers(0, 8, (200, 1))
    y = 1e-4 * np.where(ids[:, 0] % 2, 1.0, -1.0)
    pipeline = make_pipeline(
        OneHotEncoder(handle_unknown=unknown),
        MLPRegressor(16, epochs=60, random_state=0),
    ).fit(ids, y)
    skdl.export_onnx(pipeline, path)
    session = onnxruntime.InferenceSession(path)
    (found,) = session.run(None, {"X": ids})
    np.testing.assert_allclose(found, pipeline.predict(ids), atol=1e-3 * y.std())


@pytest.mark.parametrize("function", [lambda v: np.maximum(v, 0), np.rint])
def test_a_target_that_is_clipped_or_rounded_is_refused(diabetes, path, function):
    regressor = TransformedTargetRegressor(
        MLPRegressor(4, epochs=1),
        func=np.asarray,
        inverse_func=function,
        check_inverse=False,
    )
    with pytest.raises(ValueError, match="only a scaler, exp and expm1"):
        skdl.export_onnx(regressor.fit(*diabetes), path)


@pytest.mark.parametrize(
    ("step", "kind"),
    [(Binarizer(threshold=1.7e9), "double"), (MaxAbsScaler(), "float")],
)
def test_rows_are_like_those_that_a_step_has_seen(path, step, kind):
    rng = np.random.default_rng(0)
    X = 1.7e9 + 100 * rng.normal(size=(200, 4))
    pipeline = make_pipeline(step, MLPRegressor(8, epochs=5, random_state=0))
    skdl.export_onnx(pipeline.fit(X, X[:, 0]), path)
    (given,) = onnxruntime.InferenceSession(path).get_inputs()
    assert given.type == f"tensor({kind})"


def test_bins_that_single_floats_confuse_are_refused(path):
    X = 1.7e9 + 100 * np.random.default_rng(0).normal(size=(200, 4))
    bins = KBinsDiscretizer(5, encode="onehot-dense", strategy="uniform")
    pipeline = make_pipeline(bins, MLPRegressor(8, epochs=5, random_state=0))
    with pytest.raises(ValueError, match="differs by"):
        skdl.export_onnx(pipeline.fit(X, X[:, 0]), path)
    assert not path.exists()


def test_dates_as_classes_are_named(iris, path):
    X, y = iris
    days = np.array(["2020-01-01", "2021-01-01", "2022-01-01"], "M8[D]")[y]
    with pytest.raises(ValueError, match="^export_onnx: the classes .* are dates"):
        skdl.export_onnx(MLPClassifier(4, epochs=1).fit(X, days), path)


def test_bins_of_a_constant_feature_are_written(path):
    X = np.random.default_rng(0).normal(size=(150, 4))
    X[:, 3] = 0.0
    y = X[:, 0] > 0
    bins = KBinsDiscretizer(4, encode="onehot-dense", strategy="uniform")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the constant feature
        pipeline = make_pipeline(bins, MLPClassifier(4, epochs=2)).fit(X, y)
    skdl.export_onnx(pipeline, path)
    np.testing.assert_allclose(
        outputs(path, X)[1], pipeline.predict_proba(X), atol=1e-5
    )


def test_a_large_threshold_asks_for_no_doubles(path):
    X = 4e4 + 2e4 * np.random.default_rng(0).normal(size=(100, 3))
    pipeline = make_pipeline(Binarizer(threshold=5e4), MLPClassifier(4, epochs=2))
    skdl.export_onnx(pipeline.fit(X, X[:, 0] > 4e4), path)
    (given,) = onnxruntime.InferenceSession(path).get_inputs()
    assert given.type == "tensor(float)"


@pytest.mark.parametrize(
    ("offset", "spread", "functions"),
    [
        (1e9, 100.0, (np.log, np.exp)),
        (1e7, 20.0, (np.log1p, np.expm1)),
        (2e-5, 1e-5, (np.log1p, np.expm1)),
    ],
)
def test_behind_an_exponential_small_spreads_are_told(
    diabetes, path, offset, spread, functions
):
    X, y = diabetes
    y = offset + spread * (y - y.mean()) / y.std() * 0.5
    function, inverse = functions
    regressor = TransformedTargetRegressor(
        MLPRegressor(8, epochs=20, random_state=0), func=function, inverse_func=inverse
    ).fit(X, y)
    skdl.export_onnx(regressor, path)
    (found,) = outputs(path, X)
    atol = 1e-3 * y.std()
    np.testing.assert_allclose(found, regressor.predict(X), rtol=0, atol=atol)
