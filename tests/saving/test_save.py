"""skdl.save and skdl.load: what goes in comes out."""

import os
import re
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import StackingRegressor, VotingClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.svm import SVC

import skdl
from skdl import KerasClassifier, MLPClassifier, MLPRegressor
from skdl.saving._versions import VERSION
from tests import keras_models as models
from tests import read_skdl
from tests.saving import forge

DATA = os.path.join(os.path.dirname(__file__), "..", "data")


def kept(estimator, path, **options):
    skdl.save(estimator, path)
    return skdl.load(path, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skdl"


@pytest.mark.parametrize("kind", ["binary", "multiclass", "text", "multilabel"])
def test_a_classifier_comes_back(iris, path, kind):
    X, y = iris
    targets = {
        "binary": y > 0,
        "multiclass": y,
        "text": np.array(["one", "two", "three"], dtype=object)[y],
        "multilabel": np.stack([y > 0, y > 1], axis=1).astype(int),
    }
    network = MLPClassifier(epochs=3, batch_norm=True, random_state=0)
    network.fit(X, targets[kind])
    found = kept(network, path)
    assert np.array_equal(found.predict_proba(X), network.predict_proba(X))
    assert np.array_equal(found.predict(X), network.predict(X))
    assert found.get_params() == network.get_params()
    assert found.history_ == network.history_
    assert found.classes_.dtype == network.classes_.dtype


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_regressor_comes_back(diabetes, path, n_outputs):
    X, y = diabetes
    y = y if n_outputs == 1 else np.stack([y, -y], axis=1)
    network = MLPRegressor(epochs=3, early_stopping=True, random_state=0).fit(X, y)
    assert np.array_equal(kept(network, path).predict(X), network.predict(X))


def test_an_estimator_that_is_not_fitted_comes_back(iris, path):
    network = MLPClassifier(
        (7,),
        optimizer=keras.optimizers.SGD(
            keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9), momentum=0.5
        ),
        class_weight={0: 1.0, 1: 2.0, 2: 3.0},
        epochs=3,
        random_state=0,
    )
    found = kept(network, path)
    assert type(found.optimizer) is keras.optimizers.SGD
    assert found.optimizer.get_config() == network.optimizer.get_config()
    fits = [one.fit(*iris).predict_proba(iris[0]) for one in (found, network)]
    assert np.array_equal(*fits)


def test_a_fit_goes_on_where_it_was(iris, path):
    network = MLPClassifier(random_state=0).partial_fit(*iris, classes=[0, 1, 2])
    found = kept(network, path)
    for one in (found, network):
        one.partial_fit(*iris)
    assert np.array_equal(found.predict_proba(iris[0]), network.predict_proba(iris[0]))


def test_a_whole_pipeline_comes_back(path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.standard_normal((90, 3)), columns=list("abc"))
    frame.iloc[::7, 1] = np.nan
    frame["kind"] = rng.choice(["x", "y"], 90)
    y = (frame["a"] > 0).astype(int) + (frame["c"] > 0)
    numbers = make_pipeline(
        SimpleImputer(),
        QuantileTransformer(n_quantiles=10),
        FunctionTransformer(np.arctan),
        SelectKBest(f_classif, k=2),
        StandardScaler(),
        PCA(2),
    )
    pipeline = make_pipeline(
        make_column_transformer(
            (numbers, make_column_selector(dtype_include=np.number)),
            (OneHotEncoder(handle_unknown="ignore"), frame.columns[3:]),
        ),
        VotingClassifier(
            [
                ("net", MLPClassifier(epochs=5, random_state=0)),
                ("l", LogisticRegression()),
            ],
            voting="soft",
        ),
    ).fit(frame, y)
    found = kept(pipeline, path)
    assert np.array_equal(found.predict_proba(frame), pipeline.predict_proba(frame))
    assert np.array_equal(found.fit(frame, y).predict(frame), pipeline.predict(frame))


def test_sparse_parts_come_back(path):
    class Holder(StandardScaler):
        pass

    scaler = StandardScaler().fit(np.eye(3))
    scaler.extra_ = scipy.sparse.csr_matrix(np.eye(3))
    scaler.more_ = (slice(1, None), {1: "a"}, {"b"}, frozenset({2}), float("nan"))
    scaler.types_ = [np.float32, np.dtype("int8"), np.float64(2.5)]
    found = kept(scaler, path)
    assert (found.extra_ != scaler.extra_).nnz == 0
    assert found.more_[:4] == scaler.more_[:4]
    assert np.isnan(found.more_[4])
    assert found.types_ == scaler.types_
    assert type(found.types_[2]) is np.float64
    with pytest.raises(ValueError, match="Holder"):
        skdl.save(Holder(), path)


@pytest.mark.parametrize(
    "build", [models.build_rich_classifier, models.build_compiled_classifier]
)
def test_a_wrapper_needs_trust(iris, path, build):
    network = KerasClassifier(
        build,
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        optimizer__learning_rate=0.01,
        epochs=3,
        random_state=0,
    )
    pipeline = make_pipeline(StandardScaler(), network).fit(*iris)
    skdl.save(pipeline, path)
    with pytest.raises(skdl.ModelFileError, match="trusted=True"):
        skdl.load(path)
    found = skdl.load(path, trusted=True)
    X = iris[0]
    assert np.array_equal(found.predict_proba(X), pipeline.predict_proba(X))
    assert found[-1].get_params()["optimizer__learning_rate"] == 0.01
    assert found.fit(*iris).score(*iris) > 0.3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found[-1].fit_path_.startswith("compiled")


@pytest.mark.parametrize("eager", [False, True])
def test_a_loaded_wrapper_goes_on_and_is_cloned(iris, path, eager):
    network = KerasClassifier(
        models.build_classifier,
        hidden=16,
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        run_eagerly=eager,
        random_state=0,
    ).fit(*iris)
    found = kept(network, path, trusted=True)
    assert found.partial_fit(*iris).n_iter_ == 2
    # With the moments of the network that was saved.
    expected = network.partial_fit(*iris).model_.get_weights()
    assert all(map(np.array_equal, found.model_.get_weights(), expected))
    assert clone(found).fit(*iris).n_iter_ == 1
    assert found.model_.get_weights()[0].shape == (4, 16)


def frozen_and_learned(meta):
    scale = keras.layers.Normalization()
    scale.adapt(np.arange(40.0).reshape(10, 4))
    hidden = keras.layers.Dense(8, "relu", trainable=False)
    output = keras.layers.Dense(meta["n_classes_"], activation="softmax")
    normalize = keras.layers.BatchNormalization()
    return keras.Sequential([keras.Input((4,)), scale, hidden, normalize, output])


def test_what_is_fitted_again_begins_anew(iris, path):
    params = dict(loss="sparse_categorical_crossentropy", optimizer="adam")
    network = KerasClassifier(models.build_classifier, random_state=0, **params)
    found = kept(network.fit(*iris), path, trusted=True)
    rates = {"optimizer__learning_rate": [1e-6, 0.1], "optimizer": ["sgd", "adam"]}
    searches = [GridSearchCV(one, rates, cv=2).fit(*iris) for one in (network, found)]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    assert np.array_equal(*scores)
    assert len(set(scores[0])) > 1

    network = KerasClassifier(models.build_compiled_classifier, random_state=0)
    found = kept(network.fit(*iris), path, trusted=True)
    expected = network.fit(*iris).model_.get_weights()
    again = clone(found).fit(*iris).model_
    assert all(map(np.array_equal, again.get_weights(), expected))

    network = KerasClassifier(frozen_and_learned, **params).fit(*iris)
    found = kept(network, path, trusted=True)
    before, after = (m.layers for m in (found.model_, clone(found).fit(*iris).model_))
    for k in (0, 1):
        assert all(map(np.array_equal, before[k].get_weights(), after[k].get_weights()))
    assert not np.array_equal(before[3].get_weights()[0], after[3].get_weights()[0])


def adapted(meta):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu")])
    model.layers[0].kernel.assign(np.full((4, 8), 0.5))
    model.layers[0].enable_lora(2)
    model.add(keras.layers.Dropout(0.1))
    model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
    return model


def test_the_base_of_adapters_stays_where_a_loaded_wrapper_is_fitted(iris, path):
    params = dict(loss="sparse_categorical_crossentropy", random_state=0)
    network = KerasClassifier(adapted, **params).fit(*iris)
    found = kept(network, path, trusted=True)
    again = clone(found).fit(*iris).model_.layers[0]
    assert np.array_equal(again._kernel, found.model_.layers[0]._kernel)
    assert not np.array_equal(again.lora_kernel_b, np.zeros((2, 8)))


def test_a_model_that_was_given_is_given_again(iris, path):
    given = frozen_and_learned({"n_classes_": 3})
    first = given.get_weights()
    network = KerasClassifier(
        given, loss="sparse_categorical_crossentropy", random_state=0
    )
    found = kept(network.fit(*iris), path, trusted=True)
    assert all(map(np.array_equal, found.model.get_weights(), first))
    pairs = zip(found.model_.get_weights(), network.model_.get_weights())
    assert all(np.array_equal(*pair) for pair in pairs)


def test_requests_of_metadata_come_back(iris, path):
    with sklearn.config_context(enable_metadata_routing=True):
        network = MLPClassifier(epochs=1).set_fit_request(sample_weight="weight")
        network.set_score_request(sample_weight="$UNUSED$")
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, network).fit(*iris)
    found = kept(pipeline, path)
    for before, after in zip(pipeline, found, strict=True):
        requests = after.get_metadata_routing()
        assert repr(requests) == repr(before.get_metadata_routing())
    assert requests.fit.requests["sample_weight"] == "weight"


def test_what_needs_keras_says_so_where_it_is_missing(iris, path, monkeypatch):
    network = MLPClassifier(epochs=1, optimizer=keras.optimizers.Adam(0.01))
    skdl.save(network.fit(*iris), path)
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(skdl.ModelFileError, match=r"keras\.optimizers\.Adam.*needs"):
        skdl.load(path)


def test_types_of_python_and_a_stack_come_back(iris, path):
    frame = pd.DataFrame(iris[0]).add_prefix("x").assign(kind=["a", "b", "c"] * 50)
    columns = make_column_transformer(
        (OneHotEncoder(dtype=float), ["kind"]),
        (StandardScaler(), make_column_selector(dtype_include=[float])),
    )
    stack = StackingRegressor([("network", MLPRegressor(epochs=1, random_state=0))])
    pipeline = make_pipeline(columns, stack).fit(frame, iris[1])
    found = kept(pipeline, path)
    assert found[0].transformers[0][1].dtype is float
    assert np.array_equal(found.predict(frame), pipeline.predict(frame))
    with pytest.raises(ValueError, match=r"builtins\.object"):
        skdl.save(MLPClassifier(hidden_layer_sizes=object()), path)


def test_a_wrapper_that_is_not_fitted_loses_its_function_only(path):
    network = KerasClassifier(models.build_classifier, hidden=5, epochs=3)
    found = kept(network, path)
    assert found.model is None
    assert found.get_params()["hidden"] == 5


def test_the_same_model_gives_the_same_file(iris, path, tmp_path):
    network = MLPClassifier(epochs=2, random_state=0).fit(*iris)
    skdl.save(network, path)
    skdl.save(skdl.load(path), tmp_path / "again.skdl")
    assert path.read_bytes() == (tmp_path / "again.skdl").read_bytes()


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (make_pipeline(StandardScaler(), SVC()), r"Pipeline.steps\[1\]\[1\] is .*SVC"),
        (
            MLPClassifier(callbacks=[keras.callbacks.EarlyStopping()]),
            "EarlyStopping.*callbacks=None",
        ),
        (FunctionTransformer(lambda X: X), "FunctionTransformer.func is"),
        (FunctionTransformer(os.system), "FunctionTransformer.func is"),
        (MLPClassifier(random_state=np.random.RandomState(0)), "random_state"),
        ("text", "takes an estimator"),
    ],
)
def test_what_a_file_cant_keep_is_refused_by_name(path, estimator, words):
    path.write_text("before")
    with pytest.raises(ValueError, match=words):
        skdl.save(estimator, path)
    assert path.read_text() == "before"
    assert os.listdir(path.parent) == [path.name]


def test_a_search_is_told_what_to_save(iris, path):
    search = GridSearchCV(MLPClassifier(epochs=1), {"epochs": [1]}, cv=2).fit(*iris)
    with pytest.raises(ValueError, match="best_estimator_"):
        skdl.save(search, path)
    skdl.save(search.best_estimator_, path)


def test_a_file_has_the_rights_of_a_new_file(iris, path):
    skdl.save(StandardScaler(), path)
    other = path.with_name("other")
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode


def test_no_file_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        skdl.load(tmp_path / "none.skdl")
    with pytest.raises(FileNotFoundError):
        skdl.save(StandardScaler(), tmp_path / "none" / "model.skdl")
    with pytest.raises(OSError, match="directory"):
        skdl.load(tmp_path)


@pytest.mark.parametrize("version", [1, 2])
def test_every_format_stays_loadable(version):
    file = os.path.join(DATA, f"pipeline_format_{version}.skdl")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may be of another scikit-learn
        pipeline = skdl.load(file)
    X, expected = rows_and_probabilities(version)
    np.testing.assert_allclose(pipeline.predict_proba(X), expected, atol=1e-6)
    # Parameters that are newer than the file have their defaults.
    assert clone(pipeline)[-1].loss == "cross_entropy"
    manifest, _ = forge.read(file)
    assert manifest["version"] == version


# scikit-learn warns where it is older than the file.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_a_table_of_an_earlier_day_stays_loadable():
    model = skdl.load(os.path.join(DATA, "table_format_2.skdl"))
    assert model.columns_["kind"].tolist() == ["number", "category", "date"]
    rows = pd.DataFrame(
        {
            "size": [
                None,
                -0.13,
                0.64,
                0.1,
                -0.54,
                0.36,
                1.3,
                0.95,
                -0.7,
                None,
                0.0,
                0,
            ],
            "city": [None, *["Rome", "Oslo", "Lima"] * 3, "Rome", None],
            "when": pd.date_range("2025-01-01", periods=12, freq="31h"),
        }
    )
    expected = np.load(os.path.join(DATA, "table_proba_2.npy"))
    np.testing.assert_allclose(model.predict_proba(rows), expected, atol=1e-6)


def rows_and_probabilities(version):
    names = ("rows", f"proba_{version}")
    return [np.load(os.path.join(DATA, f"{name}.npy")) for name in names]


def test_there_is_a_file_of_every_format():
    files = [f"pipeline_format_{version}.skdl" for version in range(1, VERSION + 1)]
    found = [name for name in os.listdir(DATA) if re.match(r"pipeline.*skdl", name)]
    assert sorted(found) == files


@pytest.mark.parametrize("version", [1, 2])
def test_a_program_without_skdl_reads_a_file_by_the_text_of_its_format(version):
    file = os.path.join(DATA, f"pipeline_format_{version}.skdl")
    manifest, pipeline = read_skdl.read(file)
    assert manifest["version"] == version
    X, expected = rows_and_probabilities(version)
    found = read_skdl.predict_proba(pipeline, X)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_that_program_reads_calibrated_probabilities(iris, path):
    params = dict(temperature=True, early_stopping=True, random_state=0)
    network = MLPClassifier(epochs=9, **params).fit(*iris)
    pipeline = make_pipeline(StandardScaler().fit(iris[0]), network)
    assert network.temperature_ != 1
    skdl.save(pipeline, path)
    found = read_skdl.predict_proba(read_skdl.read(path)[1], iris[0])
    np.testing.assert_allclose(found, pipeline.predict_proba(iris[0]), atol=1e-6)


def test_that_program_is_short_and_has_nothing_of_skdl():
    source = Path(read_skdl.__file__).read_text()
    assert len(source.splitlines()) <= 150
    imported = re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE)
    assert set(imported) <= {"hashlib", "io", "json", "numpy", "sys", "zipfile"}


def test_an_optimizer_with_a_list_of_keras_comes_back(iris, tmp_path):
    muon = keras.optimizers.Muon(0.01, exclude_layers=["output"])
    network = MLPClassifier((4,), optimizer=muon, epochs=1).fit(*iris)
    skdl.save(network, tmp_path / "model.skdl")
    loaded = skdl.load(tmp_path / "model.skdl")
    assert loaded.optimizer.get_config() == muon.get_config()
    np.testing.assert_array_equal(
        loaded.predict_proba(iris[0]), network.predict_proba(iris[0])
    )


def test_labels_that_are_dates_are_kept(iris, tmp_path):
    days = np.array(["2024-01-01", "2024-01-02", "2025-01-01"], dtype="M8[D]")
    network = skdl.MLPClassifier(4, epochs=1, random_state=0)
    network.fit(iris[0], days[iris[1]])
    skdl.save(network, tmp_path / "days.skdl")
    loaded = skdl.load(tmp_path / "days.skdl")
    assert loaded.classes_.dtype == days.dtype
    assert np.array_equal(loaded.predict(iris[0]), network.predict(iris[0]))


def test_a_table_of_many_columns_comes_back(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 10_200))
    network = skdl.TabularRegressor(4, n_ensemble=1, epochs=1).fit(X, X[:, 0])
    skdl.save(network, tmp_path / "a.skdl")
    loaded = skdl.load(tmp_path / "a.skdl")
    assert np.array_equal(loaded.predict(X), network.predict(X))


def test_infinite_residuals_come_back_and_ask_for_less(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    y = np.exp(2 * X[:, 0])
    X_val, y_val = X[:40].copy(), y[:40]
    X_val[:2] = 1e5
    network = skdl.MLPRegressor(
        16, activation="relu", loss="poisson", epochs=20, random_state=0
    )
    with np.errstate(all="ignore"):
        network.fit(X, y, X_val=X_val, y_val=y_val)
    assert np.isinf(network._residuals).any()
    skdl.save(network, tmp_path / "a.skdl")
    loaded = skdl.load(tmp_path / "a.skdl")
    assert np.isfinite(loaded.predict_interval(X, 0.8)).all()
    with pytest.raises(ValueError, match="asks for infinite intervals"):
        loaded.predict_interval(X, 0.97)


def test_a_metric_that_a_file_would_refuse_is_not_saved(iris, tmp_path):
    X, y = iris[0], (iris[1] > 0).astype(int)
    metric = keras.metrics.AUC(num_thresholds=2_000)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
    network = skdl.KerasClassifier(
        model, loss="binary_crossentropy", metrics=[metric], epochs=1
    )
    with pytest.raises(ValueError, match="may be up to 1,000"):
        skdl.save(network.fit(X, y), tmp_path / "a.skdl")
