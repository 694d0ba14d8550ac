"""``compare``: same splits and seeds for all, a true table, runs that are kept."""

import json
import os
import subprocess
import sys
import threading
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_multilabel_classification
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, make_scorer, top_k_accuracy_score
from sklearn.model_selection import GroupKFold, KFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skdl import KerasClassifier, MLPClassifier, MLPRegressor
from skdl._utils._callbacks import EpochCallback
from skdl._utils._description import describe
from skdl._utils._fingerprint import Fingerprint
from skdl.inspection import Comparison, _ledger, _runs, compare
from skdl.inspection._splits import draw_seeds
from skdl.inspection._trained_run import TrainedRun
from skdl.inspection._variants import name_variants
from skdl.training._cache import programs
from skdl.training._program import Program
from tests.keras_models import InterruptOnce, build_classifier


def network(**params):
    plain = dict(hidden_layer_sizes=8, epochs=3, batch_size=32, learning_rate=0.01)
    return MLPClassifier(**{**plain, **params})


@pytest.fixture(autouse=True)
def _nothing_is_kept_from_before():
    _ledger._interrupted.clear()


@pytest.fixture
def parts(iris):
    return train_test_split(*iris, stratify=iris[1], random_state=0)


def test_variants_that_change_nothing_give_the_same(iris):
    found = compare(
        network(dropout=0.3), {"a": {}, "b": {}}, *iris, repeats=3, random_state=0
    )
    first, second = found.histories().values()
    assert first == second
    assert first[0] != first[1]  # another seed and another split
    frame = found.frame()
    assert frame.loc["a", "val_score"] == frame.loc["b", "val_score"]
    assert np.isnan(frame.loc["a", "p_value"])
    assert frame.loc["b", "p_value"] == 1


def test_a_row_of_the_table_is_a_fit_by_hand(parts):
    X, X_val, y, y_val = parts
    changes = {"random_state": 7, "dropout": 0.2}
    found = compare(network(), {"it": changes}, X, y, validation=(X_val, y_val))
    fitted = network(**changes).fit(X, y, X_val=X_val, y_val=y_val)
    row = found.frame(target_score=0.5).loc["it"]
    assert row["train_score"] == fitted.score(X, y)
    assert row["val_score"] == fitted.score(X_val, y_val)
    assert row["score_gap"] == pytest.approx(row["train_score"] - row["val_score"])
    expected = log_loss(y, fitted.predict_proba(X))
    assert row["train_loss"] == pytest.approx(expected, rel=1e-6)
    expected = log_loss(y_val, fitted.predict_proba(X_val))
    assert row["val_loss"] == pytest.approx(expected, rel=1e-6)
    assert row["loss_gap"] == pytest.approx(row["val_loss"] - row["train_loss"])
    assert row["epochs"] == 3
    assert row["n_parameters"] == fitted.model_.count_params()
    assert row["seconds"] > 0
    assert row["seconds_per_epoch"] == pytest.approx(row["seconds"] / 3)
    assert found.runs[0].history == fitted.history_
    reached = np.flatnonzero(np.array(fitted.history_["val_accuracy"]) >= 0.5)
    assert row["epochs_to_0.5"] == reached[0] + 1


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("epochs", [1, 5])
def test_all_is_compiled_before_the_clock_starts(iris, monkeypatch, weighted, epochs):
    traced, compiling = [], []
    real_trace, real_compile = Program._trace_loop, _runs._compile

    def trace(*args):
        traced.append(bool(compiling))
        return real_trace(*args)

    def compile_first(*args):
        compiling.append(True)
        real_compile(*args)
        compiling.clear()

    monkeypatch.setattr(Program, "_trace_loop", trace)
    monkeypatch.setattr(_runs, "_compile", compile_first)
    programs.clear()
    params = {"sample_weight": np.ones(150)} if weighted else {}
    compare(network(epochs=epochs), {"a": {}}, *iris, random_state=0, **params)
    assert traced
    assert all(traced)


def test_a_score_that_is_never_reached_has_no_epoch(iris):
    frame = compare(network(), {"it": {}}, *iris).frame(target_score=1.01)
    assert np.isnan(frame.loc["it", "epochs_to_1.01"])


@pytest.mark.parametrize("memory", [False, True])
def test_the_steps_before_the_network_are_fitted_on_the_training_part(
    parts, tmp_path, memory
):
    X, X_val, y, y_val = parts
    X, X_val = 5 * X + 3, 5 * X_val + 3
    inner = make_pipeline(StandardScaler(), network(random_state=3))
    pipeline = make_pipeline(
        StandardScaler(with_std=False),
        inner,
        memory=str(tmp_path) if memory else None,
    )
    changes = {"pipeline__mlpclassifier__random_state": 3}
    found = compare(pipeline, {"it": changes}, X, y, validation=(X_val, y_val))
    scaler = StandardScaler().fit(X)
    fitted = network(random_state=3).fit(
        scaler.transform(X), y, X_val=scaler.transform(X_val), y_val=y_val
    )
    curve = found.runs[0].history["val_loss"]
    np.testing.assert_allclose(curve, fitted.history_["val_loss"], rtol=1e-4)


def test_the_values_of_one_parameter_are_variants(iris):
    values = {"learning_rate": np.array([0.01, 0.1])}
    found = compare(network(), values, *iris)
    assert list(found.frame().index) == ["learning_rate=0.01", "learning_rate=0.1"]
    assert found.variants["learning_rate=0.1"] == {"learning_rate": 0.1}


def frame_of(scores):
    """Return the table of runs with some scores in their repeats."""
    runs = [
        TrainedRun(
            name, "", repeat, 0, {"score": 1.0}, {"score": value}, 0.1, 0.2, 80, 20
        )
        for name, values in scores.items()
        for repeat, value in enumerate(values)
    ]
    return Comparison(runs, {"a": {}, "b": {}}, {}).frame()


def test_the_spread_and_the_test_are_those_of_the_corrected_t_test():
    scores = {"a": [0.90, 0.92, 0.91, 0.89], "b": [0.93, 0.94, 0.95, 0.91]}
    frame = frame_of(scores)
    assert frame.loc["b", "val_score"] == pytest.approx(np.mean(scores["b"]))
    assert frame.loc["b", "val_score_std"] == pytest.approx(
        pd.Series(scores["b"]).std()
    )
    plain = stats.ttest_rel(scores["b"], scores["a"])
    t = plain.statistic * np.sqrt((1 / 4) / (1 / 4 + 20 / 80))
    assert frame.loc["b", "p_value"] == pytest.approx(2 * stats.t.sf(abs(t), 3))
    assert frame.loc["b", "p_value"] > plain.pvalue


def test_differences_that_are_equal_but_for_rounding_have_no_p_value():
    right = np.array([8, 9, 11, 6, 4])
    assert np.ptp(right / 30 - (right - 1) / 30) > 0
    frame = frame_of({"a": (right - 1) / 30, "b": right / 30})
    assert np.isnan(frame.loc["b", "p_value"])


@pytest.mark.filterwarnings("ignore:.* features are large")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_loss_of_a_network_that_is_sure_is_that_of_its_history(n_classes):
    rng = np.random.default_rng(0)
    X, y = 3e4 * rng.standard_normal((200, 5)), rng.integers(0, n_classes, 200)
    (run,) = compare(network(epochs=20), {"a": {}}, X, y, random_state=0).runs
    assert run.history["val_loss"][-1] > 40  # a row's log-loss of scikit-learn's ends
    assert run.val_loss == pytest.approx(run.history["val_loss"][-1], rel=1e-4)


@pytest.mark.filterwarnings("ignore:Each row of y has exactly one 1")
def test_the_loss_of_labels_that_exclude_each_other_is_a_mean_over_them():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 3))
    first = X[:, 0] > 0
    y = np.column_stack([first, ~first]).astype(int)
    (run,) = compare(network(epochs=60), {"a": {}}, X, y, random_state=0).runs
    assert run.val_loss == pytest.approx(run.history["val_loss"][-1], rel=1e-4)


def test_every_split_of_a_splitter_is_a_run(iris):
    found = compare(
        network(epochs=1),
        {"a": {}, "b": {"l2": 0.1}},
        *iris,
        validation=KFold(3, shuffle=True, random_state=0),
        repeats=2,
    )
    of_a = [run for run in found.runs if run.variant == "a"]
    assert [(run.repeat, run.fold) for run in of_a] == [
        (repeat, fold) for repeat in range(2) for fold in range(3)
    ]
    assert sum(run.n_val for run in of_a) == 2 * 150
    assert found.runs[0].n_train == 100


def test_a_share_keeps_the_shares_of_the_classes(iris):
    class Counting(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            counts.append(np.bincount(y).tolist())
            return self

        def predict(self, X):
            return np.zeros(len(X), int)

    counts = []
    compare(Counting(), {"it": {}}, *iris, validation=0.2, repeats=2)
    assert counts == [[40, 40, 40]] * 2


def test_early_stopping_goes_by_the_validation_part(parts):
    X, X_val, y, y_val = parts
    changes = {"early_stopping": True, "patience": 2, "epochs": 60, "random_state": 0}
    found = compare(network(), {"it": changes}, X, y, validation=(X_val, y_val))
    run = found.runs[0]
    losses = run.history["val_loss"]
    assert run.n_epochs == len(losses)
    assert run.n_train == len(X)
    assert run.n_epochs == 60 or min(losses) == losses[-3]


def test_threads_give_what_one_gives(iris):
    variants = {"batch_size": [16, 32, 64]}
    found = [
        compare(network(), variants, *iris, repeats=2, random_state=0, n_jobs=jobs)
        for jobs in (1, 3)
    ]
    assert found[0].histories() == found[1].histories()
    first, second = (each.frame() for each in found)
    columns = ["train_score", "val_score", "val_loss", "p_value"]
    pd.testing.assert_frame_equal(first[columns], second[columns])


def test_several_scores_are_columns_and_the_first_is_tested(digits):
    top3 = make_scorer(top_k_accuracy_score, k=3, response_method="predict_proba")
    found = compare(
        network(),
        {"a": {}, "b": {"learning_rate": 1e-6}},
        *digits,
        scoring={"top1": "accuracy", "top3": top3},
        repeats=3,
        random_state=0,
    )
    row = found.frame().loc["a"]
    assert row["val_top3"] > row["val_top1"]
    assert row["top1_gap"] == pytest.approx(row["train_top1"] - row["val_top1"])
    assert "val_top1_std" in row.index
    assert found.frame().loc["b", "p_value"] < 0.05


def test_a_variant_may_be_no_network_at_all(iris):
    pipeline = make_pipeline(StandardScaler(), network(epochs=20))
    variants = {"MLP": {}, "SVM": {"mlpclassifier": SVC()}}
    found = compare(pipeline, variants, *iris, random_state=0)
    frame = found.frame()
    assert frame.loc["SVM", "val_score"] > 0.8
    assert frame.loc["SVM"].isna()[["epochs", "n_parameters", "val_loss"]].all()
    assert list(found.histories()) == ["MLP"]


def test_numbers_and_labels_that_do_not_exclude_each_other_have_losses(diabetes):
    regressor = MLPRegressor(8, epochs=2, random_state=0)
    found = compare(regressor, {"it": {}}, *diabetes)
    last = found.runs[0].history["val_loss"][-1]
    assert found.frame().loc["it", "val_loss"] == pytest.approx(last, rel=1e-5)
    X, y = make_multilabel_classification(200, n_classes=3, random_state=0)
    found = compare(
        network(epochs=15), {"it": {"random_state": 0}}, X, y, validation=(X, y)
    )
    fitted = network(epochs=15, random_state=0).fit(X, y, X_val=X, y_val=y)
    p = fitted.predict_proba(X)
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    assert found.frame().loc["it", "val_loss"] == pytest.approx(expected)


def test_models_of_ones_own_are_compared(iris):
    def build(meta, units=4):
        return keras.Sequential(
            [
                keras.Input((meta["n_features_in_"],)),
                keras.layers.Dense(units, activation="relu"),
                keras.layers.Dense(3, activation="softmax"),
            ]
        )

    own = KerasClassifier(
        build,
        units=4,
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        epochs=3,
    )
    frame = compare(own, {"units": [4, 8]}, *iris).frame(target_score=0.0)
    assert frame["n_parameters"].tolist() == [4 * 5 + 3 * 5, 8 * 5 + 3 * 9]
    assert frame["epochs_to_0"].tolist() == [1, 1]


class Interrupting(EpochCallback):
    """Presses Ctrl-C in the fit of that number, counting those that are whole."""

    fits = 0
    at = None

    def __init__(self, epochs=3):
        self.epochs = epochs

    def on_train_begin(self, logs=None):
        if Interrupting.fits == Interrupting.at:
            raise KeyboardInterrupt
        Interrupting.fits += 1


def count_fits(at, *arguments, **settings):
    Interrupting.fits, Interrupting.at = 0, at
    try:
        return compare(*arguments, random_state=0, **settings), Interrupting.fits
    except KeyboardInterrupt:
        return None, Interrupting.fits


@pytest.mark.parametrize("in_folder", [True, False])
def test_an_interrupted_comparison_goes_on(iris, tmp_path, in_folder):
    settings = {"folder": tmp_path / "runs"} if in_folder else {}
    interrupted = network(callbacks=Interrupting())
    variants = {"l2": [0.0, 0.1, 0.2]}
    what = (interrupted, variants, *iris)
    whole, n_fits = count_fits(None, *what)
    assert n_fits == 3
    assert count_fits(2, *what, **settings) == (None, 2)
    found, n_fits = count_fits(None, *what, **settings)
    assert n_fits == 1
    assert found.histories() == whole.histories()
    _, n_fits = count_fits(None, *what, **settings)
    assert n_fits == (0 if in_folder else 3)


def test_another_comparison_does_not_take_what_was_interrupted(iris):
    interrupted = network(callbacks=Interrupting())
    variants = {"l2": [0.0, 0.1]}
    count_fits(1, interrupted, variants, *iris)
    X, y = iris
    assert count_fits(None, interrupted, variants, X + 1, y)[1] == 2


def test_ctrl_c_stops_the_fits_of_all_threads(iris):
    began = threading.Barrier(2)
    stopped_at = []

    class Waiting(EpochCallback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                began.wait(600)
            elif epoch == 1 and threading.current_thread().name.endswith("_0"):
                raise KeyboardInterrupt
            stopped_at.append(epoch)

    long = network(epochs=100_000, callbacks=Waiting())
    with pytest.raises(KeyboardInterrupt):
        compare(long, {"l2": [0.0, 0.1]}, *iris, n_jobs=2)
    assert max(stopped_at) < 99_999


def test_a_folder_takes_more_variants_and_more_repeats(iris, tmp_path):
    def compared(values, repeats):
        return count_fits(
            None,
            network(callbacks=Interrupting()),
            {"l2": values},
            *iris,
            repeats=repeats,
            folder=tmp_path,
        )

    assert compared([0.0], 1)[1] == 1
    assert compared([0.0, 0.1], 1)[1] == 1
    found, n_fits = compared([0.0, 0.1], 2)
    assert n_fits == 2
    assert len(found.runs) == 4
    assert not list(tmp_path.glob("*.part"))


def test_other_splits_of_the_same_rows_are_another_comparison(iris, tmp_path):
    def compared(n_train):
        rows = np.arange(150)
        splits = [(rows[:n_train], rows[n_train:])]
        return compare(
            SVC(), {"a": {}}, *iris, validation=splits, folder=tmp_path, random_state=0
        )

    compared(60)
    with pytest.raises(ValueError, match="split 0, training"):
        compared(120)


def test_a_folder_without_a_seed_keeps_its_own(iris, tmp_path):
    first = compare(network(), {"a": {}}, *iris, folder=tmp_path)
    second = compare(network(), {"a": {}, "b": {}}, *iris, folder=tmp_path)
    assert first.facts["seed"] == second.facts["seed"]
    assert second.histories()["a"] == second.histories()["b"]


def test_the_folder_of_another_comparison_is_refused(iris, tmp_path):
    X, y = iris
    compare(network(), {"a": {}}, X, y, folder=tmp_path, random_state=0)
    with pytest.raises(ValueError, match=r"another comparison.*: X \(150 x 4"):
        compare(network(), {"a": {}}, X + 1, y, folder=tmp_path, random_state=0)
    with pytest.raises(ValueError, match=r"differs: l2 'auto' in the study, 1\.0 here"):
        compare(network(l2=1.0), {"a": {}}, X, y, folder=tmp_path, random_state=0)
    with pytest.raises(ValueError, match="random_state"):
        compare(network(), {"a": {}}, X, y, folder=tmp_path, random_state=1)
    with pytest.raises(ValueError, match="validation"):
        compare(network(), {"a": {}}, X, y, folder=tmp_path, validation=0.5)
    (run,) = tmp_path.glob("run-*.json")
    run.write_text(run.read_text()[:50])
    with pytest.raises(ValueError, match=rf"{run.name} is not a comparison file"):
        compare(network(), {"a": {}}, X, y, folder=tmp_path, random_state=0)


@pytest.mark.filterwarnings("ignore:learning_rate=.* is large")
def test_a_variant_that_fails_is_an_empty_row(iris, tmp_path):
    variants = {"good": {}, "bad": {"optimizer": "sgd", "learning_rate": 1e30}}
    with pytest.warns(FitFailedWarning, match="1 of 2 fits failed.*'bad'.*diverged"):
        found = compare(network(), variants, *iris, folder=tmp_path)
    frame = found.frame()
    assert frame.loc["good", "val_score"] > 0
    assert frame.loc["bad"].isna().all()
    assert found.runs[1].diverged
    assert len(list(tmp_path.glob("run-*.json"))) == 1  # it will be tried again
    assert found.save(tmp_path / "report").read_text().count("| bad |") == 2
    with pytest.warns(FitFailedWarning):
        first = compare(network(), {"bad": variants["bad"], "good": {}}, *iris)
    assert list(first.frame()) == list(frame)
    with pytest.raises(ValueError, match="All 1 fits failed.*Diverged"):
        compare(network(), {"bad": variants["bad"]}, *iris)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"variants": [{}]}, TypeError, "must be a dict of named changes"),
        ({"variants": {}}, ValueError, "variants is empty"),
        (
            {"variants": {"a": {"dropuot": 0.1}}},
            ValueError,
            r"variants\['a'\].*dropuot",
        ),
        ({"variants": {"dropuot": [0.1]}}, ValueError, "Invalid parameter 'dropuot'"),
        ({"variants": {"l2": [0], "l1": [0]}}, TypeError, "one parameter alone"),
        ({"variants": {"l2": 0.1}}, TypeError, "must be a list of values"),
        ({"variants": {"l2": [0.1, 0.1]}}, ValueError, "has a value twice"),
        ({"validation": 1.5}, ValueError, "above 0 and below 1"),
        ({"validation": "a fifth"}, TypeError, "validation='a fifth'"),
        ({"validation": (1, 2, 3)}, ValueError, "has 3 parts"),
        ({"repeats": 0}, ValueError, "repeats=0"),
        ({"repeats": True}, ValueError, "repeats=True"),
        ({"validation": (1, None)}, ValueError, "one of them is None"),
        ({"variants": {1: {}, "1": {}}}, ValueError, "the same name"),
        ({"scoring": "acuracy"}, ValueError, "acuracy"),
        ({"scoring": {"loss": "neg_log_loss"}}, ValueError, "score 'loss'"),
        ({"tracking": "wandb"}, ValueError, "must be 'mlflow' or None"),
    ],
)
def test_what_can_not_be_used_is_named(iris, changes, error, message):
    settings = {"variants": {"a": {}}, **changes}
    with pytest.raises(error, match=message):
        compare(network(), settings.pop("variants"), *iris, **settings)


def test_the_report_has_the_table_and_the_curves(iris, tmp_path):
    found = compare(network(), {"a": {}, "b|c": {"l2": 0.1}}, *iris, random_state=0)
    report = found.save(tmp_path / "new" / "folder", target_score=0.5)
    text = report.read_text()
    for part in ("## Variants", "| a |", "b\\|c", "l2=0.1", "| seed |", "20", "numpy"):
        assert part in text
    assert "nan" not in text
    picture = report.with_name("curves.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    table = pd.read_csv(report.with_name("comparison.csv"), index_col=0)
    frame = found.frame(target_score=0.5)
    assert list(table) == list(frame)
    np.testing.assert_allclose(table["val_loss"], frame["val_loss"])


def test_a_report_without_networks_has_no_curves(iris, tmp_path):
    found = compare(SVC(), {"C": [0.1, 1.0]}, *iris)
    assert "Curves" not in found.save(tmp_path).read_text()
    assert not (tmp_path / "curves.png").exists()
    with pytest.raises(ValueError, match="no variant is a network"):
        found.plot()


def test_the_estimator_is_left_as_it_was(iris):
    plain = network(random_state=3)
    before = json.dumps(plain.get_params(), default=str)
    compare(plain, {"a": {"l2": 0.5}}, *iris)
    assert json.dumps(plain.get_params(), default=str) == before
    assert not hasattr(plain, "history_")


def test_a_variant_that_has_changed_is_trained_again(iris, tmp_path):
    pipeline = make_pipeline(StandardScaler(), SVC())

    def score(**params):
        variants = {"it": {"svc": SVC(**params)}}
        found = compare(pipeline, variants, *iris, folder=tmp_path, random_state=0)
        return found.frame().loc["it", "val_score"]

    poor = score(kernel="sigmoid", gamma=100)
    assert score() > poor + 0.1
    assert score(kernel="sigmoid", gamma=100) == poor
    assert len(list(tmp_path.glob("run-*.json"))) == 2


def test_a_function_that_has_changed_is_another_comparison(iris, tmp_path):
    def make_scorer_of(factor):
        return lambda estimator, X, y: factor * estimator.score(X, y)

    compare(SVC(), {"a": {}}, *iris, scoring=make_scorer_of(1), folder=tmp_path)
    compare(SVC(), {"a": {}}, *iris, scoring=make_scorer_of(1), folder=tmp_path)
    with pytest.raises(ValueError, match="scoring"):
        compare(SVC(), {"a": {}}, *iris, scoring=make_scorer_of(2), folder=tmp_path)


def test_functions_are_told_apart_by_what_they_hold():
    def power(base, exponent=2):
        return base**exponent

    def odd(n):
        return n > 0 and even(n - 1)

    def even(n):
        return n == 0 or odd(n - 1)

    assert describe(partial(power, 3)) == describe(partial(power, 3))
    assert describe(partial(power, 3)) != describe(partial(power, 4))
    assert describe(odd) != describe(even)
    assert describe(odd) == describe(odd)


WIDTH, SIZES, n_calls = 16, (8, 4), 0


def helper():
    return WIDTH


def count():
    global n_calls
    n_calls += 1
    return [len(SIZES) for _ in range(n_calls)]


def build(kind):
    return (lambda: helper(), lambda: SIZES, count)[kind]


@pytest.mark.parametrize(
    ("kind", "name", "value", "differs"),
    [
        (0, "WIDTH", 32, True),
        (0, "helper", lambda: 16, True),
        (0, "SIZES", (8,), False),
        (1, "SIZES", (8,), True),
        (2, "SIZES", (8,), True),
        (2, "n_calls", 7, False),
    ],
)
def test_functions_are_told_apart_by_what_they_read(
    monkeypatch, kind, name, value, differs
):
    before = describe(build(kind))
    assert describe(build(kind)) == before
    monkeypatch.setitem(globals(), name, value)
    assert (describe(build(kind)) != before) == differs


def test_repeats_of_the_same_splits_are_no_new_evidence(iris):
    folds = KFold(5, shuffle=True, random_state=0)
    variants = {"C": [0.01, 10.0]}
    values = [
        compare(SVC(), variants, *iris, validation=folds, repeats=repeats).frame()
        for repeats in (1, 4)
    ]
    p_values = [frame.loc["C=10.0", "p_value"] for frame in values]
    assert p_values[0] == pytest.approx(p_values[1])
    X, y = iris
    fixed = compare(SVC(), variants, X, y, validation=(X, y), repeats=3).frame()
    assert np.isnan(fixed.loc["C=10.0", "p_value"])


def test_networks_may_have_other_sizes_on_other_splits(digits):
    X, y = (part[:300] for part in digits)
    pipeline = make_pipeline(PCA(0.8), network(epochs=1))
    found = compare(pipeline, {"a": {}}, X, y, validation=KFold(3))
    sizes = [run.n_parameters for run in found.runs]
    assert len(set(sizes)) > 1
    assert found.frame().loc["a", "n_parameters"] == pytest.approx(np.mean(sizes))


def test_a_score_that_fails_is_that_of_one_variant(iris):
    pipeline = make_pipeline(StandardScaler(), network())
    variants = {"MLP": {}, "SVM": {"mlpclassifier": SVC()}}
    with pytest.warns(FitFailedWarning, match="'SVM'.*predict_proba"):
        found = compare(pipeline, variants, *iris, scoring="neg_log_loss")
    assert found.frame()["val_score"].isna().tolist() == [False, True]


@pytest.mark.parametrize("has_rare_label", [False, True])
def test_labels_of_scikit_learns_estimators_have_losses(has_rare_label):
    X, y = make_multilabel_classification(120, n_classes=3, random_state=0)
    validation = (X[80:], y[80:])
    X, y = X[:80], y[:80].copy()
    if has_rare_label:
        y[:, 1] = 0  # there is no column for its 1
    neighbours = KNeighborsClassifier(5)
    (run,) = compare(neighbours, {"it": {}}, X, y, validation=validation).runs
    parts = clone(neighbours).fit(X, y).predict_proba(validation[0])
    by_label = [
        log_loss(y_val, part[:, 1] if part.shape[1] == 2 else 0 * part[:, 0])
        for y_val, part in zip(validation[1].T, parts, strict=True)
    ]
    assert run.val_loss == pytest.approx(np.mean(by_label))
    assert np.isfinite(run.train_loss)


def test_labels_that_only_the_validation_part_has_leave_no_loss(iris):
    X, y = iris
    found = compare(
        LogisticRegression(), {"a": {}}, X[:100], y[:100], validation=(X, y)
    )
    row = found.frame().loc["a"]
    assert row["val_score"] < 0.7
    assert np.isnan(row["val_loss"])
    assert row["train_loss"] > 0


@pytest.mark.filterwarnings("ignore:Each row of y has exactly one 1")
def test_one_hot_labels_have_the_loss_of_labels(iris):
    X, y = iris
    one_hot = np.eye(3, dtype=int)[y]

    def build(meta):
        return keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(3, activation="softmax")]
        )

    own = KerasClassifier(
        build, loss="categorical_crossentropy", epochs=2, random_state=0
    )
    found = compare(own, {"a": {}}, X, one_hot, validation=(X, one_hot))
    assert found.runs[0].val_loss == pytest.approx(
        found.runs[0].history["val_loss"][-1], rel=1e-5
    )


def test_what_goes_before_the_clock_is_two_steps_and_no_callback(iris):
    epochs = []

    class Counting(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            epochs.append(epoch)

    def build(meta):
        return keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(3, activation="softmax")]
        )

    own = KerasClassifier(
        build,
        loss="sparse_categorical_crossentropy",
        fit__epochs=4,
        fit__callbacks=[Counting()],
    )
    compare(own, {"a": {}}, *iris)
    assert epochs == [0, 1, 2, 3]


def test_a_call_that_finished_nothing_leaves_the_folder_free(iris, tmp_path):
    with pytest.raises(ValueError, match="test_size"):
        compare(network(), {"a": {}}, *iris, validation=0.01, folder=tmp_path)
    compare(network(), {"a": {}}, *iris, validation=0.2, folder=tmp_path)


def test_two_that_open_a_folder_have_one_seed(tmp_path):
    fingerprint = Fingerprint(X="one")
    first, second = (_ledger.open_ledger(tmp_path, fingerprint, None) for _ in range(2))
    assert first.seed == second.seed
    run = TrainedRun("a", "", 0, 0)
    first.add(run)
    assert second.find(run.key) == run


def test_files_of_something_else_are_named(tmp_path, monkeypatch):
    fingerprint = Fingerprint(X="one")
    (tmp_path / "comparison.json").write_text("{}")
    with pytest.raises(ValueError, match=r"comparison.json is not a comparison file"):
        _ledger.open_ledger(tmp_path, fingerprint, 0)
    (tmp_path / "comparison.json").unlink()
    ledger = _ledger.open_ledger(tmp_path, fingerprint, 0)
    ledger.add(TrainedRun("a", "", 0, 0))
    (path,) = tmp_path.glob("run-*.json")
    path.write_text('{"other": 1}')
    with pytest.raises(ValueError, match=r"run-.*json is not a comparison file"):
        _ledger.open_ledger(tmp_path, fingerprint, 0).find(("a", "", 0, 0))
    monkeypatch.setenv("HOME", str(tmp_path))
    _ledger.open_ledger("~/here", fingerprint, 0)
    assert (tmp_path / "here" / "comparison.json").exists()


def test_a_variant_keeps_the_seed_that_it_brings(iris):
    class Seeded(ClassifierMixin, BaseEstimator):
        def __init__(self, random_state=None):
            self.random_state = random_state

        def fit(self, X, y):
            seeds.append(self.random_state)
            self.classes_ = np.unique(y)
            return self

        def predict(self, X):
            return np.zeros(len(X), int)

    seeds = []
    pipeline = Pipeline([("last", Seeded(5))])
    variants = {"own": {"last": Seeded(3)}, "none": {"last": Seeded()}, "a": {}}
    compare(pipeline, variants, *iris, random_state=0)
    assert seeds[0] == 3
    assert seeds[1] == seeds[2]
    assert seeds[1] not in (3, 5, None)


# Groups, weights, and splits of one's own


def grouped(iris):
    X, y = iris
    return X, y, np.arange(150) // 5


@pytest.mark.parametrize("validation", [GroupKFold(3), 0.3], ids=["splitter", "share"])
def test_groups_are_not_torn_apart(iris, validation):
    X, y, groups = grouped(iris)
    seen = []

    class Remembers(FunctionTransformer):
        def fit(self, X, y=None):
            seen.append(set(X[:, -1]))
            return self

    rows = np.column_stack([X, groups])
    pipeline = make_pipeline(Remembers(), network())
    found = compare(pipeline, {"a": {}}, rows, y, validation=validation, groups=groups)
    n_folds = 3 if validation != 0.3 else 1
    assert len(found.runs) == n_folds
    for groups_seen in seen:
        part = np.isin(groups, list(groups_seen))
        assert part.sum() == 5 * len(groups_seen) or part.sum() < 150
    assert found.runs[0].n_val == (50 if n_folds == 3 else 45)


def test_splits_may_be_a_list_of_rows(iris):
    X, y, groups = grouped(iris)
    splits = list(GroupKFold(3).split(X, y, groups))
    by_list = compare(network(), {"a": {}}, X, y, validation=splits, random_state=0)
    by_splitter = compare(
        network(),
        {"a": {}},
        X,
        y,
        validation=GroupKFold(3),
        groups=groups,
        random_state=0,
    )
    assert [run.val_scores for run in by_list.runs] == [
        run.val_scores for run in by_splitter.runs
    ]
    with pytest.raises(ValueError, match="'groups' parameter should not be None"):
        compare(network(), {"a": {}}, X, y, validation=GroupKFold(3))


def test_weights_of_rows_go_into_fits_and_scores(iris):
    X, y = iris
    weight = np.where(y == 2, 5.0, 1.0)
    splits = [(np.arange(0, 150, 2), np.arange(1, 150, 2))]
    settings = dict(validation=splits, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network(early_stopping=True))
    found = compare(pipeline, {"a": {}}, X, y, sample_weight=weight, **settings)
    run = found.runs[0]
    _, seed = draw_seeds(found.facts["seed"], 0)
    train, test = splits[0]
    scaler = StandardScaler().fit(X[train])
    fitted = network(early_stopping=True)
    fitted.set_params(random_state=seed)
    fitted.fit(
        scaler.transform(X[train]),
        y[train],
        weight[train],
        X_val=scaler.transform(X[test]),
        y_val=y[test],
        sample_weight_val=weight[test],
    )
    assert run.history["val_loss"] == pytest.approx(fitted.history_["val_loss"])
    expected = fitted.score(scaler.transform(X[test]), y[test], weight[test])
    assert run.val_scores["score"] == pytest.approx(expected)
    with pytest.raises(ValueError, match="would have no weights"):
        compare(network(), {"a": {}}, X, y, validation=(X, y), sample_weight=weight)


def test_a_loss_means_the_same_in_the_table_and_in_the_picture(iris):
    strong = {"no penalty": {"l2": 0.0}, "a strong one": {"l2": 1.0}}
    found = compare(network(dropout=0.0), strong, *iris, random_state=0)
    frame = found.frame()
    for run in found.runs:
        last = run.history["val_loss"][-1]
        assert frame.loc[run.variant, "val_loss"] == pytest.approx(last, rel=1e-5)
    display = found.plot()
    assert display.axes_[0].get_ylabel() == "loss, without penalties"

    def build(meta):
        layer = keras.layers.Dense(3, "softmax", kernel_regularizer="l2")
        return keras.Sequential([keras.Input((4,)), layer])

    own = KerasClassifier(build, loss="sparse_categorical_crossentropy", epochs=2)
    found = compare(own, {"a": {}}, *iris, random_state=0)
    last = found.runs[0].history["val_loss"][-1]
    assert found.frame()["val_loss"].item() == pytest.approx(last, rel=1e-5)
    assert found.plot().axes_[0].get_ylabel() == "loss, penalties included"


def test_a_comparison_shows_itself_in_a_notebook(iris):
    found = compare(network(), {"a": {}, "b <x>": {"l2": 0.1}}, *iris)
    html = found._repr_html_()
    assert "<table" in html
    assert "b &lt;x&gt;" in html
    assert "l2=0.1" in html
    assert "val_score" in html


def test_a_text_of_a_function_is_that_of_other_processes(tmp_path):
    code = """
from functools import partial
import numpy as np, pandas as pd
from skdl._utils._fingerprint import describe

def choose(name):
    return name in {"relu", "elu", "swish", "tanh"}

class Held:
    def __init__(self, value):
        self.values, self.call = [np.arange(5_000) + value, value], choose

print(describe(choose), describe(partial(choose, "relu")), describe(Held(1)))
print(describe(Held(1)) == describe(Held(2)))
print(describe(pd.Series(range(99))) == describe(pd.Series([*range(98), 7])))
"""
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(1, 4)
    }
    (text,) = found
    assert text.endswith("False\nFalse\n")


@pytest.mark.parametrize("kind", ["network", "wrapper", "other"])
def test_weights_count_in_losses(kind):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4))
    y = (X[:, 0] + rng.standard_normal(300) > 0).astype(int)
    weight = rng.exponential(size=300) ** 3
    estimator = {
        "network": MLPClassifier(8, epochs=5),
        "wrapper": KerasClassifier(
            build_classifier, loss="sparse_categorical_crossentropy", epochs=5
        ),
        "other": LogisticRegression(),
    }[kind]
    (run,) = compare(
        estimator,
        {"a": {}},
        X,
        y,
        validation=[(np.arange(200), np.arange(200, 300))],
        sample_weight=weight,
        scoring="neg_log_loss",
        random_state=0,
    ).runs
    if kind != "other":
        assert run.val_loss == pytest.approx(run.history["val_loss"][-1], rel=1e-4)
    if kind != "wrapper":  # Keras multiplies by the weights, and divides by the rows
        assert run.val_loss == pytest.approx(-run.val_scores["score"], rel=1e-4)
        assert run.train_loss == pytest.approx(-run.train_scores["score"], rel=1e-4)


def one_loss(y_true, y_pred):
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


@pytest.mark.parametrize(
    ("parameter", "make", "names"),
    [
        (
            "optimizer",
            lambda: [keras.optimizers.SGD(0.5), keras.optimizers.SGD(1e-4), "adam"],
            ["optimizer=SGD (1)", "optimizer=SGD (2)", "optimizer='adam'"],
        ),
        (
            "loss",
            lambda: ["cross_entropy", one_loss],
            ["loss='cross_entropy'", "loss=one_loss"],
        ),
        (
            "callbacks",
            lambda: [None, [keras.callbacks.TerminateOnNaN()]],
            ["callbacks=None", "callbacks=[TerminateOnNaN]"],
        ),
    ],
)
def test_objects_among_the_values_of_one_parameter_are_found_again(
    iris, tmp_path, parameter, make, names
):
    for _ in range(2):
        found = compare(
            MLPClassifier(8, epochs=1),
            {parameter: make()},
            *iris,
            random_state=0,
            folder=tmp_path,
        )
        assert list(found.variants) == names
        assert len([*tmp_path.glob("*.json")]) == len(names) + 1


def test_objects_that_tell_nothing_of_themselves_are_told_apart_by_numbers():
    class Slots(EpochCallback):
        __slots__ = ("value",)

    found = name_variants(network(), {"callbacks": [[Slots()], [Slots()]]})
    assert list(found) == ["callbacks=[Slots] (1)", "callbacks=[Slots] (2)"]


def test_an_interrupt_ends_a_comparison_of_several_fits(iris):
    once = InterruptOnce()
    model = MLPClassifier(8, epochs=3, on_interrupt="keep", callbacks=[once])
    holder = CalibratedClassifierCV(model, cv=2, ensemble=False)
    with pytest.raises(KeyboardInterrupt):
        compare(holder, {"a": {}}, *iris, random_state=0)
    assert once.pressed


def test_a_top_k_accuracy_is_no_accuracy(iris):
    metrics = ["sparse_top_k_categorical_accuracy", "accuracy"]
    model = KerasClassifier(
        build_classifier,
        loss="sparse_categorical_crossentropy",
        metrics=metrics,
        epochs=1,
        random_state=0,
    )
    found = compare(model, {"a": {}}, *iris, random_state=0)
    (run,) = found.runs
    assert run.validation_metric() == run.history["val_accuracy"]
    assert run.history[f"val_{metrics[0]}"] == [1.0]
    assert np.isnan(found.frame(target_score=0.99)["epochs_to_0.99"].iloc[0])


def test_a_list_of_a_validation_set_is_named(iris):
    X, y = iris
    with pytest.raises(ValueError, match=r"Give \(X_val, y_val\) as a tuple"):
        compare(network(), {"a": {}}, X, y, validation=[X[:50], y[:50]])
