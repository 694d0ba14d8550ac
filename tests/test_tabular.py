"""TabularClassifier and TabularRegressor: a frame in, the network of a table out."""

import pickle
import tracemalloc

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.inspection import permutation_importance
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skdl
from skdl import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor
from skdl._utils._validation_part import deal_folds
from skdl.estimators import _tabular
from skdl.estimators._base import _seeds_of
from skdl.inspection import compare, diagnose
from skdl.model_selection import OptunaSearchCV, default_space
from skdl.preprocessing import TableEncoder

KINDS = [TabularClassifier, TabularRegressor]
QUICK = dict(epochs=6, n_ensemble=2, random_state=0)


@pytest.fixture(scope="module")
def table():
    """Return a mixed frame with gaps, classes, and numbers."""
    rng = np.random.default_rng(0)
    n = 240
    size = rng.normal(size=n)
    color = rng.choice(["red", "green", "blue"], n)
    X = pd.DataFrame(
        {
            "size": np.where(rng.random(n) < 0.1, np.nan, size),
            "color": pd.Categorical(color),
            "shape": np.where(rng.random(n) < 0.2, None, rng.choice([*"abc"], n)),
            "when": pd.date_range("2024-01-01", periods=n, freq="7h"),
            "flag": rng.random(n) < 0.5,
            "nothing": 1,
        }
    )
    z = 2 * size + (color == "red") + 0.1 * rng.normal(size=n)
    return X, np.where(z > 0, "yes", "no"), z


@pytest.fixture(scope="module")
def fitted(table):
    X, y, z = table
    return {
        TabularClassifier: TabularClassifier(**QUICK).fit(X, y),
        TabularRegressor: TabularRegressor(**QUICK).fit(X, z),
    }


def target_of(kind, table):
    return table[1] if kind is TabularClassifier else table[2]


def test_a_raw_frame_is_learned_without_parameters(table):
    X, y, z = table
    classifier = TabularClassifier(random_state=0).fit(X[:180], y[:180])
    assert classifier.score(X[180:], y[180:]) > 0.8
    regressor = TabularRegressor(random_state=0).fit(X[:180], z[:180])
    assert regressor.score(X[180:], z[180:]) > 0.75
    assert len(classifier.estimators_) == len(regressor.estimators_) == 8


def test_what_was_made_of_each_column_is_a_table(fitted):
    columns = fitted[TabularClassifier].columns_
    assert columns["kind"].to_dict() == {
        "size": "number",
        "color": "category",
        "shape": "category",
        "when": "date",
        "flag": "boolean",
        "nothing": "number",
    }
    assert columns["encoding"]["nothing"] == "left out: constant"
    assert columns["categories"]["color"] == 3
    assert columns["missing"]["shape"] == pytest.approx(0.2, abs=0.1)
    assert "<table" in columns._repr_html_()
    assert fitted[TabularClassifier].n_features_in_ == 6
    assert [*fitted[TabularClassifier].feature_names_in_] == [*columns.index]


def test_columns_are_there_after_a_fit_only():
    assert not hasattr(TabularClassifier(), "columns_")


def test_the_networks_are_those_of_an_mlp_on_the_folds(table):
    """Each member is the MLP with its seed, without the rows of its fold.

    A regressor's are not to the bit: it scales the targets by all rows.
    """
    X, y, _ = table
    params = dict(epochs=6, l2=1e-3, batch_size=64)
    model = TabularClassifier(n_ensemble=2, random_state=0, **params).fit(X, y)
    encoded = TableEncoder().fit_transform(X)
    _, seed = _seeds_of(model._seed, 0)
    folds = deal_folds(len(X), (y == "yes").astype(int), 2, seed)
    names = ("learning_rate", "weight_decay", "patience")
    params |= {name: getattr(model, name) for name in names}
    for member, fold in zip(model.estimators_, folds):
        others = np.setdiff1d(np.arange(len(X)), fold)
        alone = MLPClassifier(
            early_stopping=True, random_state=member.random_state, **params
        ).fit(encoded[others], y[others], X_val=encoded[fold], y_val=y[fold])
        for weight, expected in zip(member._weights, alone._weights, strict=True):
            np.testing.assert_array_equal(weight, expected)


def test_each_row_is_held_back_by_one_network(table, monkeypatch):
    X, y, _ = table
    seen = []
    from skdl.estimators import _base

    def spy(run, job, **_):
        seen.append((job.train.rows, job.validation.rows))
        return run(job)

    run = _base.BaseNetwork._train
    monkeypatch.setattr(
        _base.BaseNetwork,
        "_train",
        lambda self, job, data: spy(lambda j: run(self, j, data), job),
    )
    TabularClassifier(epochs=1, n_ensemble=4, random_state=0).fit(X, y)
    held_back = np.concatenate([validation for _, validation in seen])
    assert sorted(held_back) == [*range(240)]
    for train, validation in seen:
        assert sorted([*train, *validation]) == [*range(240)]
        assert np.mean(y[validation] == "yes") == pytest.approx(
            np.mean(y == "yes"), abs=0.02
        )


def test_a_resumed_fit_holds_the_same_rows_back(table, monkeypatch):
    X, _, z = table
    folds = []

    def deal(*args):
        folds.append(deal_folds(*args))
        return folds[-1]

    monkeypatch.setattr(_tabular, "deal_folds", deal)
    model = TabularRegressor(epochs=1, n_ensemble=2, warm_start=True)
    for _ in range(2):  # random_state=None draws another seed for each fit
        model.fit(X, z)
    assert all(map(np.array_equal, *folds))
    clone(model).fit(X, z)
    assert not all(map(np.array_equal, *folds[1:]))


def test_groups_are_held_back_whole(table):
    X, y, _ = table
    groups = np.arange(240) // 40
    shifted = X.assign(size=groups.astype(float))
    model = TabularClassifier(**{**QUICK, "n_ensemble": 3})
    model.fit(shifted, y, validation_groups=groups)
    assert len(model.estimators_) == 3
    with pytest.raises(ValueError, match="one group 7 can't be split"):
        model.fit(X, y, validation_groups=np.full(240, 7))


def test_one_network_is_validated_on_a_part(table):
    X, y, _ = table
    model = TabularClassifier(epochs=2, n_ensemble=1, random_state=0).fit(X, y)
    assert "estimators_" not in vars(model)
    assert len(model.validation_scores_) == 2


def test_rows_that_are_given_validate_all_networks(table):
    X, y, _ = table
    model = TabularClassifier(**QUICK)
    model.fit(X[:180], y[:180], X_val=X[180:], y_val=y[180:])
    shown = model.estimators_[0]
    expected = log_loss(y[180:], shown.predict_proba(X[180:]))
    assert min(shown.history_["val_loss"]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_pandas_polars_and_objects_give_the_same(table, fitted, kind):
    X = table[0]
    expected = fitted[kind].predict(X)
    frame = pl.from_pandas(X)
    np.testing.assert_array_equal(fitted[kind].predict(frame), expected)
    of_polars = kind(**QUICK).fit(frame, target_of(kind, table))
    np.testing.assert_array_equal(of_polars.predict(X), expected)
    rows = X.drop(columns="when").astype(object).to_numpy()
    of_objects = kind(**QUICK).fit(rows, target_of(kind, table))
    of_frame = kind(**QUICK).fit(X.drop(columns="when"), target_of(kind, table))
    np.testing.assert_array_equal(
        of_objects.predict(rows), of_frame.predict(X.drop(columns="when"))
    )


@pytest.mark.parametrize("kind", KINDS)
def test_rows_do_not_depend_on_those_beside_them(table, fitted, kind):
    X = table[0]
    method = "predict_proba" if kind is TabularClassifier else "predict"
    together = getattr(fitted[kind], method)(X[:20])
    alone = [getattr(fitted[kind], method)(X[k : k + 1])[0] for k in range(20)]
    np.testing.assert_allclose(together, alone, atol=1e-9)


def test_a_long_table_is_predicted_some_rows_at_a_time():
    few = np.random.default_rng(0).standard_normal((200, 10))
    network = TabularRegressor(epochs=1, n_ensemble=2, n_bins=16, random_state=0)
    network.fit(few, few[:, 0])
    X = np.tile(few, (500, 1))
    tracemalloc.start()
    found = network.predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(found, np.tile(network.predict(few), 500), rtol=1e-9)
    encoded = 4 * len(X) * network._n_inputs()
    assert peak < 3 * X.nbytes + 2**25 < encoded


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_weight_0_is_as_if_it_were_not_there(table, kind):
    X, y = table[0].copy(), target_of(kind, table)
    weight = np.r_[np.zeros(40), np.ones(200)]
    X.loc[:10, "size"] = 1e6
    X["shape"] = X["shape"].where(X.index > 5, "only here")
    weighted = kind(**QUICK).fit(X, y, sample_weight=weight)
    without = kind(**QUICK).fit(X[40:], y[40:])
    np.testing.assert_allclose(weighted.predict(X) == without.predict(X), True)
    assert weighted.columns_.equals(without.columns_)


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_categories_and_new_gaps_are_predicted(table, fitted, kind):
    new = table[0][:4].copy()
    new["color"] = ["purple", None, "red", "red"]
    new["flag"] = [True, False, None, True]
    new.loc[new.index[3], "when"] = pd.NaT
    assert len(fitted[kind].predict(new)) == 4


def test_the_order_of_names_that_are_integers_is_checked(table):
    X, y, _ = table
    X = X.set_axis([10, 20, 30, 40, 50, 60], axis=1)
    model = TabularClassifier(**QUICK).fit(X, y)
    with pytest.raises(ValueError, match=r"are \[20, 10, .*in another order"):
        model.predict(X[[20, 10, 30, 40, 50, 60]])


def test_wrong_names_are_refused(table, fitted):
    X = table[0]
    model = fitted[TabularClassifier]
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X[X.columns[::-1]])
    with pytest.raises(ValueError, match="'size' of X is to hold numbers.*'big'"):
        model.predict(X.assign(size="big"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_keeps_all(table, fitted, kind, tmp_path):
    X = table[0]
    skdl.save(fitted[kind], tmp_path / "a.skdl")
    for again in (
        skdl.load(tmp_path / "a.skdl"),
        pickle.loads(pickle.dumps(fitted[kind])),
    ):
        np.testing.assert_array_equal(again.predict(X), fitted[kind].predict(X))
        np.testing.assert_array_equal(
            again.estimators_[1].predict(X), fitted[kind].estimators_[1].predict(X)
        )
        assert again.columns_.equals(fitted[kind].columns_)


@pytest.mark.parametrize("kind", KINDS)
def test_one_graph_has_an_input_for_each_column(table, fitted, kind, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    X = table[0]
    skdl.export_onnx(fitted[kind], tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    days = (X["when"] - pd.Timestamp(0)) / pd.Timedelta(days=1)
    columns = {
        "size": X["size"].astype(float),
        "color": X["color"].astype(object),
        "shape": X["shape"].where(X["shape"].notna(), "").astype(object),
        "when": days,
        "flag": X["flag"].astype(float),
    }
    # "nothing" is left out.
    assert [each.name for each in session.get_inputs()] == [*columns]
    feed = {name: values.to_numpy()[:, None] for name, values in columns.items()}
    found = session.run(None, feed)[-1]
    if kind is TabularClassifier:
        expected = fitted[kind].predict_proba(X)
    else:
        expected = fitted[kind].predict(X)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-5)


def test_times_with_a_zone_are_an_input_in_days(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    times = pd.date_range("2024-01-01", periods=40, freq="7h", tz="Europe/Rome")
    frame = pd.DataFrame({"when": times})
    model = TabularClassifier(**QUICK).fit(frame, times.hour < 12)
    skdl.export_onnx(model, tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    days = (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    found = session.run(None, {"when": days.to_numpy()[:, None]})[-1]
    np.testing.assert_allclose(found, model.predict_proba(frame), atol=1e-5)


@pytest.mark.parametrize("zone", [None, "Europe/Rome"])
def test_an_array_of_dates_is_no_graph(tmp_path, zone):
    times = pd.date_range("2024-01-01", periods=40, freq="7h", tz=zone)
    X = times.astype(object).to_numpy()[:, None]
    model = TabularClassifier(**QUICK).fit(X, times.hour < 12)
    with pytest.raises(ValueError, match=r"columns \[0\] hold strings, dates or dur"):
        skdl.export_onnx(model, tmp_path / "a.onnx")


def test_gaps_beside_empty_strings_are_no_graph(tmp_path):
    frame = pd.DataFrame({"name": ["", "a", None] * 10})
    model = TabularClassifier(**QUICK).fit(frame, [0, 1, 1] * 10)
    with pytest.raises(ValueError, match="'name' holds gaps and empty strings"):
        skdl.export_onnx(model, tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()


def test_an_encoder_in_a_pipeline_is_exported_too(table, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    X, y, _ = table
    X = X[["size", "flag"]]
    pipeline = make_pipeline(TableEncoder(), MLPClassifier(epochs=2, random_state=0))
    skdl.export_onnx(pipeline.fit(X, y), tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    feed = {name: X[[name]].to_numpy(np.float32) for name in X}
    found = session.run(None, feed)[1]
    np.testing.assert_allclose(found, pipeline.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_keras_model_takes_encoded_rows(table, fitted, kind):
    X, model = table[0], fitted[kind]
    found = model.model_.predict(model._encoder.transform(X), verbose=0)
    if kind is TabularRegressor:
        np.testing.assert_allclose(found[:, 0], model.predict(X), rtol=1e-4, atol=1e-4)
    else:
        positive = model.predict_proba(X)[:, 1]
        np.testing.assert_allclose(found[:, 0], positive, atol=1e-5)


def test_partial_fit_is_refused_with_the_reason(table):
    assert not hasattr(TabularClassifier(), "partial_fit")
    with pytest.raises(AttributeError) as found:
        TabularRegressor().partial_fit  # noqa: B018
    assert "learned from all rows at once" in str(found.value.__cause__)


def test_losses_and_intervals(table):
    X, _, z = table
    model = TabularRegressor(loss="quantile", quantile=[0.1, 0.9], **QUICK).fit(X, z)
    assert model.predict_quantiles(X).shape == (240, 2)
    # The rows held back are all of them, each by the network that has not seen it.
    assert len(model._residuals) == 240
    low, high = model.predict_interval(X, coverage=0.8).T
    assert np.mean((low <= z) & (z <= high)) > 0.75
    counts = TabularRegressor(loss="poisson", **QUICK).fit(X, np.floor(np.abs(z)))
    assert (counts.predict(X) > 0).all()


def test_a_temperature_is_that_of_the_folds(table):
    X, y, _ = table
    plain = TabularClassifier(**QUICK).fit(X, y)
    cooled = TabularClassifier(temperature=True, **QUICK).fit(X, y)
    assert cooled.temperature_ != 1
    np.testing.assert_allclose(
        cooled.estimators_[0].decision_function(X) * cooled.temperature_,
        plain.estimators_[0].decision_function(X),
        rtol=1e-4,
        atol=1e-5,
    )


def test_several_targets(table):
    X, y, z = table
    two = np.stack([z, -z], axis=1)
    assert TabularRegressor(**QUICK).fit(X, two).predict(X).shape == (240, 2)
    labels = np.stack([z > 0, z > 1], axis=1).astype(int)
    found = TabularClassifier(**QUICK).fit(X, labels).predict_proba(X)
    assert found.shape == (240, 2)


def test_monitors_and_callbacks_see_the_table(table):
    X, y, _ = table
    scored = []

    def scorer(estimator, X, y):
        scored.append(X["color"].dtype)
        assert estimator.columns_.index.tolist() == [*X]
        return estimator.score(X, y)

    seen = []

    class Seen(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs["loss"])

    model = TabularClassifier(
        epochs=2, n_ensemble=1, monitor=scorer, callbacks=[Seen()], random_state=0
    ).fit(X, y)
    assert len(model.validation_scores_) == 2
    assert scored == [X["color"].dtype] * 2
    given = clone(model).set_params(callbacks=None)
    given.fit(X, y, X_val=X[:50], y_val=y[:50])
    assert given.validation_scores_[-1] == given.score(X[:50], y[:50])


def test_callbacks_of_scikit_learn_get_the_frame(table):
    callback = pytest.importorskip("sklearn.callback")
    X, y, _ = table
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = TabularClassifier(epochs=3, n_ensemble=1, random_state=0)
    model.set_callbacks(monitor).fit(X, y)
    scores = monitor.get_logs().data_as_pandas["accuracy"]
    assert scores.iloc[-1] > 0.5


def test_a_resumed_fit_keeps_the_columns(table):
    X, y, _ = table
    model = TabularClassifier(warm_start=True, **QUICK).fit(X, y)
    before, columns = model.estimators_[0].loss_curve_[-1], model.columns_
    model.fit(X[:200], y[:200])
    assert model.columns_.equals(columns)
    assert model.estimators_[0].loss_curve_[0] < before + 0.1


def test_a_fit_that_fails_changes_nothing(table, fitted):
    X, y, _ = table
    model = pickle.loads(pickle.dumps(fitted[TabularClassifier]))
    before = model.predict_proba(X)
    with pytest.raises(TypeError, match="'bad' of X holds lists"):
        model.fit(X.assign(bad=[[1]] * 240), y)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        model.fit(X, np.where(y == "yes", np.nan, 1.0))
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_a_table_that_says_nothing_is_refused():
    frame = pd.DataFrame({"a": [1, 1, 1], "b": [None] * 3})
    with pytest.raises(ValueError, match="No column of X is left.*constant.*missing"):
        TabularClassifier().fit(frame, [0, 1, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_corrections_are_parameters(table, kind):
    X = table[0]
    model = kind(
        **QUICK,
        categorical_features=["flag"],
        drop_features=["when"],
        n_bins=0,
        max_categories=2,
    ).fit(X, target_of(kind, table))
    assert model.columns_["kind"]["flag"] == "category"
    assert model.columns_["encoding"]["size"] == "scaled, missing"
    assert model.columns_["encoding"]["color"] == "2 indicators, 1 for the other 1"
    assert clone(model).get_params() == model.get_params()


# In what stands around it


def test_searches_compare_and_diagnose(table, tmp_path):
    X, y, _ = table
    quick = TabularClassifier(**{**QUICK, "epochs": 2})
    assert cross_val_score(quick, X, y, cv=2).shape == (2,)
    grid = GridSearchCV(quick, {"n_bins": [0, 8]}, cv=2).fit(X, y)
    assert grid.best_params_["n_bins"] in (0, 8)
    search = OptunaSearchCV(
        quick, default_space(quick), n_trials=2, cv=2, random_state=0
    ).fit(X, y)
    assert set(search.best_params_) == set(default_space(quick))
    found = compare(quick, {"plain": {}, "more": {"dropout": 0.3}}, X, y)
    assert len(found.runs) == 2
    assert diagnose(quick, X, y).numbers["train_score"] > 0.4
    in_pipeline = make_pipeline(FunctionTransformer(), quick).fit(X, y)
    assert in_pipeline.score(X, y) > 0.5


def test_permuted_columns_tell_which_matter(table, fitted):
    X, _, z = table
    found = permutation_importance(
        fitted[TabularRegressor], X, z, n_repeats=3, random_state=0
    )
    assert X.columns[np.argmax(found.importances_mean)] == "size"
    assert found.importances_mean[X.columns.get_loc("nothing")] == 0
    assert not hasattr(fitted[TabularRegressor], "feature_importances_")


def test_a_model_card_names_the_columns(table, fitted, tmp_path):
    X, y, _ = table
    text = skdl.model_card(
        fitted[TabularClassifier], X, y, tmp_path / "card.md"
    ).read_text()
    assert "| shape | category |" in text


# What a hostile reader found


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_the_output_that_transformers_are_set_to_changes_nothing(table, fitted, output):
    X, y, _ = table
    expected = fitted[TabularClassifier].predict_proba(X)
    with sklearn.config_context(transform_output=output):
        np.testing.assert_array_equal(
            fitted[TabularClassifier].predict_proba(X), expected
        )
        again = TabularClassifier(**QUICK).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), expected)


def test_errors_of_the_validation_rows_name_them(table):
    X, y, _ = table
    with pytest.raises(ValueError, match="X_val: Column 'size' of X is to hold"):
        TabularClassifier(**QUICK).fit(X, y, X_val=X.assign(size="q"), y_val=y)


def test_a_weight_for_all_rows_is_accepted(table):
    X, y, _ = table
    weighted = TabularClassifier(**QUICK).fit(X, y, sample_weight=1.0)
    assert weighted.columns_.equals(TabularClassifier(**QUICK).fit(X, y).columns_)


def test_groups_that_are_missing_are_named(table):
    X, y, _ = table
    with pytest.raises(ValueError, match="validation_groups holds None"):
        TabularClassifier(**QUICK).fit(X, y, validation_groups=[None] * 240)


def compare_with_graph(model, frame, path):
    onnxruntime = pytest.importorskip("onnxruntime")
    skdl.export_onnx(model, path)
    session = onnxruntime.InferenceSession(path)
    kinds = {each.name: each.type for each in session.get_inputs()}
    feed = {}
    for name, kind in kinds.items():
        values = frame[name].to_numpy()
        if "string" in kind:
            values = np.array([v if isinstance(v, str) else "" for v in values], object)
        else:
            values = values.astype(np.float64 if "double" in kind else np.float32)
        feed[name] = values[:, None]
    found = np.ravel(session.run(None, feed)[0])
    np.testing.assert_allclose(found, model.predict(frame), rtol=1e-4, atol=1e-3)


def test_a_graph_has_names_of_columns_as_they_are(table, tmp_path):
    _, _, z = table
    names = ["hours-per-week", "a b", "c/d", "1st", "€"]
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(240, 5)), columns=names)
    model = TabularRegressor(**QUICK).fit(frame, z)
    compare_with_graph(model, frame, tmp_path / "a.onnx")
    plain = MLPRegressor(4, epochs=2, random_state=0).fit(frame, z)
    compare_with_graph(plain, frame, tmp_path / "b.onnx")


def test_a_column_with_the_name_of_an_output_is_refused(table, tmp_path):
    _, _, z = table
    frame = pd.DataFrame({"prediction": z, "b": z**2})
    model = TabularRegressor(**QUICK).fit(frame, z)
    with pytest.raises(ValueError, match=r"columns \['prediction'\] have the names"):
        skdl.export_onnx(model, tmp_path / "a.onnx")


def test_a_graph_tells_values_apart_that_lie_close_together(tmp_path):
    rng = np.random.default_rng(0)
    late = 1e12 + rng.integers(0, 1000, 600)
    values = np.where(np.arange(600) % 3 == 0, -1.0, late)
    frame = pd.DataFrame({"a": values})
    y = np.where(values > 1, np.sin((values - values.max()) / 170), 0)
    model = TabularRegressor(n_bins=16, **{**QUICK, "epochs": 20}).fit(frame, y)
    compare_with_graph(model, frame, tmp_path / "a.onnx")


def test_a_graph_draws_in_what_is_far_away(table, tmp_path):
    _, _, z = table
    frame = pd.DataFrame({"a": z, "b": z**2})
    model = TabularRegressor(**QUICK).fit(frame, z)
    far = pd.DataFrame({"a": [1e20, 3e38, -1e25], "b": [0.0, 1.0, 2.0]})
    onnxruntime = pytest.importorskip("onnxruntime")
    skdl.export_onnx(model, tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    feed = {name: far[[name]].to_numpy(np.float32) for name in far}
    found = np.ravel(session.run(None, feed)[0])
    np.testing.assert_allclose(found, model.predict(far), rtol=1e-4, atol=1e-4)


def test_the_last_day_of_all_is_exported(table, tmp_path):
    pytest.importorskip("onnxruntime")
    _, _, z = table
    days = np.array(["2020-01-01", "9999-12-31"] * 120, dtype="datetime64[s]")
    frame = pd.DataFrame({"until": days, "b": z})
    skdl.export_onnx(TabularRegressor(**QUICK).fit(frame, z), tmp_path / "a.onnx")


def test_strings_of_an_array_are_no_graph(tmp_path):
    rows = np.array([[1.0, "p"], [2.0, "q"]] * 20, dtype=object)
    model = TabularClassifier(**QUICK).fit(rows, ["u", "v"] * 20)
    with pytest.raises(ValueError, match="fit on a data frame"):
        skdl.export_onnx(model, tmp_path / "a.onnx")


def test_a_rare_empty_string_beside_gaps_is_no_graph(tmp_path):
    frame = pd.DataFrame({"name": ["", None, "a", "b"] + ["a", "b", None, "b"] * 5})
    model = TabularClassifier(**QUICK).fit(frame, [0, 1] * 12)
    with pytest.raises(ValueError, match="'name' holds gaps and empty strings"):
        skdl.export_onnx(model, tmp_path / "a.onnx")


def run_graph(path, frame):
    """Return what a graph predicts for a frame of numbers, strings and dates."""
    session = pytest.importorskip("onnxruntime").InferenceSession(path)
    feed = {}
    for each in session.get_inputs():
        values = frame[each.name]
        if values.dtype.kind == "M":
            values = (values - pd.Timestamp(0)) / pd.Timedelta(days=1)
        kinds = {
            "tensor(string)": object,
            "tensor(float)": "f4",
            "tensor(double)": "f8",
        }
        values = values.fillna("") if each.type == "tensor(string)" else values
        feed[each.name] = values.to_numpy(kinds[each.type])[:, None]
    return session.run(None, feed)[0].ravel()


def test_a_graph_knows_categories_that_are_fractions(tmp_path):
    rates = np.array([0.1, 0.2, 0.35] * 60)
    days = pd.date_range("2024-01-01", periods=180)  # dates ask for doubles
    frame = pd.DataFrame({"rate": rates, "when": days})
    model = TabularRegressor(categorical_features=["rate"], **QUICK)
    skdl.export_onnx(model.fit(frame, 100 * rates), tmp_path / "a.onnx")
    found = run_graph(tmp_path / "a.onnx", frame)
    np.testing.assert_allclose(found, model.predict(frame), atol=1e-3)
    assert np.ptp(found) > 1


def test_a_graph_tells_large_integers_apart(tmp_path):
    codes = 100_000_000 + np.array([0, 1, 64, 65] * 40)
    frame = pd.DataFrame({"code": codes, "size": np.sin(np.arange(160))})
    y = 10.0 * (codes % 2)
    model = TabularRegressor(categorical_features=["code"], **QUICK).fit(frame, y)
    skdl.export_onnx(model, tmp_path / "a.onnx")
    new = frame.assign(code=codes + 2)
    for rows in (frame, new):
        found = run_graph(tmp_path / "a.onnx", rows)
        np.testing.assert_allclose(found, model.predict(rows), atol=1e-4)
    far = pd.DataFrame({"code": pd.Categorical([2**60 + k % 3 for k in range(60)])})
    with pytest.raises(ValueError, match="'code' holds categories beyond 2"):
        skdl.export_onnx(clone(model).fit(far, np.arange(60.0)), tmp_path / "b.onnx")


def test_a_graph_of_names_that_occur_once(tmp_path):
    names = [None if k % 5 == 0 else f"k{k}" for k in range(50)]
    frame = pd.DataFrame({"size": np.sin(np.arange(50)), "name": names})
    model = TabularRegressor(**QUICK).fit(frame, frame["size"])
    skdl.export_onnx(model, tmp_path / "a.onnx")
    found = run_graph(tmp_path / "a.onnx", frame)
    np.testing.assert_allclose(found, model.predict(frame), atol=1e-4)


@pytest.mark.parametrize("names", [["a"], ["a", "b"], ["a", "b", "constant"]])
def test_a_graph_may_have_a_step_before_the_table(tmp_path, names):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    frame = frame.assign(constant=1.0)[names]
    scaler = StandardScaler().set_output(transform="pandas")
    model = make_pipeline(scaler, TabularRegressor(**QUICK)).fit(frame, frame["a"])
    skdl.export_onnx(model, tmp_path / "a.onnx")
    found = run_graph(tmp_path / "a.onnx", frame)
    np.testing.assert_allclose(found, model.predict(frame), atol=1e-4)


def test_strings_behind_another_step_are_no_graph(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0] * 20, "b": ["u", "v"] * 20})
    columns = make_column_transformer(
        (StandardScaler(), ["a"]), remainder="passthrough"
    ).set_output(transform="pandas")
    model = make_pipeline(columns, TabularRegressor(**QUICK)).fit(frame, frame["a"])
    with pytest.raises(
        ValueError, match=r"\['remainder__b'\] hold strings.*first step"
    ):
        skdl.export_onnx(model, tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("name", "value"), [("drop_features", ["size"]), ("n_bins", 3), ("n_bins", 0)]
)
def test_a_resumed_fit_with_another_encoding_is_refused(table, name, value):
    X, _, z = table
    model = TabularRegressor(warm_start=True, **QUICK).fit(X, z)
    n_epochs = len(model.history_["loss"])
    with pytest.raises(ValueError, match=f"its {name} was .*, got .*warm_start=False"):
        model.set_params(**{name: value}).fit(X, z)
    assert len(model.history_["loss"]) == n_epochs


@pytest.mark.parametrize("gap", [np.nan, None, pd.NA])
def test_a_group_that_is_missing_is_refused(table, gap):
    X, _, z = table
    groups = np.array([*range(len(z) - 1), gap], dtype=object)
    with pytest.raises(ValueError, match="validation_groups holds .*name the group"):
        TabularRegressor(**QUICK).fit(X, z, validation_groups=groups)


def test_quantiles_are_those_of_the_fit(table):
    X, _, z = table
    model = TabularRegressor(**QUICK).fit(X, z).set_params(loss="quantile")
    assert not hasattr(model, "predict_quantiles")
    model.set_params(quantile=[0.1, 0.9]).fit(X, z).set_params(loss="squared_error")
    assert model.predict_quantiles(X).shape == (len(z), 2)


def test_names_are_missed_by_the_estimator(table, fitted):
    with pytest.warns(UserWarning, match="but TabularClassifier was fitted with"):
        fitted[TabularClassifier].predict(table[0].to_numpy(dtype=object))
