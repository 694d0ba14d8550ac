"""What is tried is what is recalled; own studies, known parameters, several goals."""

import warnings

import keras
import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.samplers import NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import TrialState, create_trial
from scipy.stats import binom, geom, loguniform, poisson, rv_histogram
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdl import KerasClassifier, MLPClassifier
from skdl.model_selection import OptunaSearchCV
from skdl.model_selection._space import make_space
from tests.keras_models import build_classifier

SPARSE = "sparse_categorical_crossentropy"


class Typed(ClassifierMixin, BaseEstimator):
    """Remembers with which value it was fitted."""

    fitted: list = []

    def __init__(self, value=None, other=None):
        self.value = value
        self.other = other

    def fit(self, X, y):
        Typed.fitted.append(self.value)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def light(space, **params):
    plain = dict(n_trials=8, cv=2, random_state=0, refit=False)
    return OptunaSearchCV(Typed(), space, **{**plain, **params})


def by_function(trial):
    return {"value": trial.suggest_categorical("value", [1, 1.0, True])}


@pytest.mark.parametrize(
    "space",
    [
        {"value": [1, 1.0, True]},
        {"value": [0, False, 0.0]},
        {"value": optuna.distributions.CategoricalDistribution([1, True])},
        by_function,
    ],
    ids=["ones", "zeros", "Optuna's", "a function"],
)
def test_a_trial_as_fitted_is_a_trial_as_recalled(iris, space):
    Typed.fitted = []
    found = light(space, n_trials=12).fit(*iris)
    recalled = [params["value"] for params in found.cv_results_["params"]]
    fitted = Typed.fitted[::2]  # two folds
    assert [(type(v), v) for v in fitted] == [(type(v), v) for v in recalled]
    if space is not by_function:
        assert len({type(value) for value in recalled}) > 1


OFFSET = {"value": 0}


def by_global(trial):
    return {"value": trial.suggest_int("value", 1, 5) + OFFSET["value"]}


def test_a_function_that_reads_what_changes_is_refused_before_anything_runs(
    iris, tmp_path, monkeypatch
):
    kept = {"storage": str(tmp_path / "study.log")}
    first = light(by_global, n_trials=3, **kept).fit(*iris)
    tried = [params["value"] for params in first.cv_results_["params"]]
    monkeypatch.setitem(OFFSET, "value", 100)
    Typed.fitted = []
    with pytest.raises(ValueError, match=r"made \{'value': \d} of .* now makes .*10\d"):
        light(by_global, n_trials=5, **kept).fit(*iris)
    assert Typed.fitted == []
    monkeypatch.setitem(OFFSET, "value", 0)
    again = light(by_global, n_trials=5, **kept).fit(*iris)
    assert [params["value"] for params in again.cv_results_["params"]][:3] == tried


def test_a_function_that_draws_beside_the_trial_is_refused_at_the_first_trial(iris):
    drawn = iter(range(10**6))

    def space(trial):
        return {"value": trial.suggest_int("value", 1, 5), "other": next(drawn)}

    Typed.fitted = []
    with pytest.raises(ValueError, match="draw everything that varies from the trial"):
        light(space).fit(*iris)
    assert Typed.fitted == []


def test_a_function_may_make_a_new_model_for_each_trial(iris):
    def space(trial):
        width = trial.suggest_int("width", 2, 4)
        hidden = keras.layers.Dense(width, activation="relu")
        out = keras.layers.Dense(3, activation="softmax")
        return {"model": keras.Sequential([hidden, out])}

    wrapped = KerasClassifier(loss=SPARSE, epochs=1, random_state=0)
    search = OptunaSearchCV(wrapped, space, n_trials=2, cv=2, random_state=0)
    assert len(search.fit(*iris).study_.trials) == 2


@pytest.mark.parametrize(
    ("frozen", "low"), [(poisson(3), 0), (binom(5, 0.3), 0), (geom(0.4), 1)]
)
def test_discrete_distributions_give_whole_numbers_of_their_support(frozen, low):
    space = make_space({"value": frozen}, Typed())
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    values = [space.suggest(study.ask())["value"] for _ in range(500)]
    assert {type(value) for value in values} == {int}
    assert min(values) == low
    assert np.mean(values) == pytest.approx(frozen.mean(), rel=0.15)


def test_a_histogram_and_distributions_without_shapes_are_searched():
    histogram = rv_histogram(np.histogram([0.1, 0.2, 0.5, 1.0, 2.0], bins=4))
    space = make_space({"value": histogram}, Typed())
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    values = [space.suggest(study.ask())["value"] for _ in range(300)]
    assert 0.1 <= min(values) < max(values) <= 2.0
    assert np.mean(values) == pytest.approx(histogram.mean(), rel=0.15)
    few, many = (make_space({"value": poisson(n)}, Typed()).describe() for n in (3, 30))
    assert few != many


def test_two_numbers_for_a_continuous_parameter_are_said_to_be_two_values():
    words = (
        r"\['learning_rate'\]=\(0.0001, 0.1\) is understood as two values.*"
        r"loguniform\(0.0001, 0.1\)"
    )
    with pytest.warns(UserWarning, match=words):
        make_space({"learning_rate": (1e-4, 1e-1)}, MLPClassifier())
    with pytest.warns(UserWarning, match=r"uniform\(0, 1\)"):
        make_space({"dropout": (0, 1)}, MLPClassifier())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_space({"dropout": [0.0, 0.5]}, MLPClassifier())
        make_space({"hidden_layer_sizes": (32, 64)}, MLPClassifier())


def test_a_list_of_spaces_is_searched_one_at_a_time(iris):
    space = [{"value": ["a"], "other": [1, 2]}, {"value": loguniform(0.1, 1)}]
    found = light(space, n_trials=20).fit(*iris)
    params = found.cv_results_["params"]
    first = [p for p in params if p["value"] == "a"]
    assert 0 < len(first) < 20
    assert {p["other"] for p in first} <= {1, 2}
    assert all(set(p) == {"value"} for p in params if p["value"] != "a")
    random = RandomizedSearchCV(Typed(), space, n_iter=20, cv=2, refit=False)
    assert {tuple(sorted(p)) for p in random.fit(*iris).cv_results_["params"]} == {
        tuple(sorted(p)) for p in params
    }


def test_an_empty_space_has_one_candidate(iris):
    found = OptunaSearchCV(LogisticRegression(), {}, n_trials=7, cv=2).fit(*iris)
    assert found.cv_results_["params"] == [{}]


@pytest.mark.parametrize("crashes", [False, True])
def test_a_function_that_chooses_sees_what_a_random_search_would_have(iris, crashes):
    seen = []

    def choose(results):
        assert not np.isnan(results["mean_test_score"]).any()
        seen.append(results)
        if crashes:
            raise RuntimeError("no choice")
        return int(np.argmax(results["mean_test_score"]))

    space = {"learning_rate": [1e-6, 1e-5, 0.05]}
    network = MLPClassifier(8, epochs=12, random_state=0)
    search = OptunaSearchCV(
        network, space, n_trials=14, cv=3, random_state=0, refit=choose
    )
    if crashes:
        with pytest.raises(RuntimeError, match="no choice"):
            search.fit(*iris)
        assert len(search.study_.trials) == 14
        return
    search.fit(*iris)
    results = search.cv_results_
    assert "pruned" in results["trial_state"]
    assert results["mean_test_score"][search.best_index_] == np.nanmax(
        results["mean_test_score"]
    )
    assert search.best_params_ == {"learning_rate": 0.05}


# Own studies


def where(tmp_path, name="mine"):
    return dict(storage=f"sqlite:///{tmp_path}/s.db", study_name=name)


def test_a_study_with_enqueued_trials_is_taken(iris, tmp_path):
    study = optuna.create_study(direction="maximize", **where(tmp_path))
    study.enqueue_trial({"value": 0.25})
    space = {"value": optuna.distributions.FloatDistribution(0, 1)}
    found = light(space, n_trials=3, **where(tmp_path)).fit(*iris)
    assert found.cv_results_["params"][0] == {"value": 0.25}
    assert len(found.cv_results_["params"]) == 3


def test_a_foreign_trial_does_not_block_a_study(iris, tmp_path):
    space = {"value": optuna.distributions.FloatDistribution(0, 1)}
    search = light(space, n_trials=2, **where(tmp_path)).fit(*iris)
    study = search.study_
    study.add_trial(create_trial(value=9.0))
    study.enqueue_trial({"value": 0.123})
    study.enqueue_trial({"unknown": 1})
    again = search.set_params(n_trials=5).fit(*iris)
    params = again.cv_results_["params"]
    assert len(params) == 5
    assert params[2] == {"value": 0.123}
    assert again.best_index_ < 5
    assert 9.0 not in again.cv_results_["mean_test_score"]


def test_known_parameters_are_tried_first(iris):
    space = {
        "value": poisson(3),
        "other": ["a", (1, 2), 1, 1.0],
    }
    first = [{"value": 4, "other": (1, 2)}, {"other": 1.0}]
    found = light(space, n_trials=3, enqueue=first).fit(*iris)
    params = found.cv_results_["params"]
    assert params[0] == first[0]
    assert type(params[1]["other"]) is float
    for wrong, words in (
        ({"valu": 1}, "'valu', which is not searched"),
        ({"other": "b"}, "other='b', which is not in the space"),
    ):
        with pytest.raises(ValueError, match=words):
            light(space, enqueue=[wrong]).fit(*iris)


def test_what_differs_names_the_parameter_and_both_values(iris, tmp_path):
    network = MLPClassifier(4, epochs=2)
    space = {"dropout": [0.0, 0.1]}
    settings = dict(n_trials=1, cv=2, **where(tmp_path))
    OptunaSearchCV(network, space, **settings).fit(*iris)
    other = OptunaSearchCV(network.set_params(epochs=3), space, **settings)
    with pytest.raises(ValueError, match="differs: epochs 2 in the study, 3 here"):
        other.fit(*iris)


def test_callbacks_of_the_study_see_each_trial_and_stop_it(iris):
    seen = []

    def callback(study, trial):
        seen.append((trial.number, trial.state))
        if trial.number == 2:
            study.stop()
            seen.append("stopped")

    found = light({"value": [1, 2, 3]}, callbacks=[callback]).fit(*iris)
    assert seen == [*((k, TrialState.COMPLETE) for k in range(3)), "stopped"]
    assert len(found.cv_results_["params"]) == 3


# Constraints, and several objectives


@pytest.mark.filterwarnings("ignore:`constraints_func` has been deprecated")
@pytest.mark.filterwarnings("ignore:Argument ``constraints_func``")
def test_a_trial_that_breaks_a_constraint_is_never_the_best(iris):
    def constraint(trial):
        return (trial.params["C"] - 1,)

    sampler = TPESampler(seed=0, constraints_func=constraint)
    space = {"C": loguniform(1e-3, 1e3)}
    found = OptunaSearchCV(
        LogisticRegression(), space, sampler=sampler, n_trials=12, cv=2
    ).fit(*iris)
    results = found.cv_results_
    assert found.best_params_["C"] <= 1
    values = np.array([params["C"] for params in results["params"]])
    assert np.array_equal(results["feasible"], values <= 1)
    ranks = results["rank_test_score"]
    assert ranks[values <= 1].max() < ranks[values > 1].min()
    best = results["mean_test_score"]
    assert best[values > 1].max() > best[found.best_index_]


@pytest.mark.filterwarnings("ignore:`constraints_func` has been deprecated")
@pytest.mark.filterwarnings("ignore:Argument ``constraints_func``")
def test_it_is_told_where_all_trials_break_a_constraint(iris):
    sampler = TPESampler(seed=0, constraints_func=lambda trial: (1.0,))
    found = light({"value": [1, 2, 3]}, sampler=sampler)
    with pytest.warns(UserWarning, match="All complete trials break a constraint"):
        found.fit(*iris)
    assert not found.cv_results_["feasible"].any()


def weights(estimator, X, y):
    return float(np.abs(estimator.coef_).sum())


@pytest.mark.parametrize("sampler", [None, NSGAIISampler(seed=0)], ids=["TPE", "NSGA"])
def test_several_objectives_give_a_pareto_front(iris, sampler):
    settings = dict(
        scoring={"accuracy": "accuracy", "weights": weights},
        directions=["maximize", "minimize"],
        verbose=1,  # no trial is the best one
        n_trials=10,
        cv=2,
        sampler=sampler,
        random_state=0,
    )
    space = {"C": loguniform(1e-3, 1e3)}
    found = OptunaSearchCV(
        LogisticRegression(), space, refit="accuracy", **settings
    ).fit(*iris)
    results = found.cv_results_
    scores = np.column_stack(
        [results["mean_test_accuracy"], -results["mean_test_weights"]]
    )
    front = [
        not any((other >= one).all() and (other > one).any() for other in scores)
        for one in scores
    ]
    assert np.array_equal(results["pareto_optimal"], front)
    assert {t.number for t in found.best_trials_} == set(np.flatnonzero(front))
    assert results["rank_test_weights"][results["mean_test_weights"].argmin()] == 1
    assert found.best_score_ == results["mean_test_accuracy"].max()
    plain = OptunaSearchCV(LogisticRegression(), space, refit=False, **settings)
    assert not hasattr(plain.fit(*iris), "best_params_")


def test_a_network_has_several_objectives_too(iris):
    found = OptunaSearchCV(
        MLPClassifier(epochs=3, random_state=0),
        {"hidden_layer_sizes": [(2,), (16,)]},
        scoring={"accuracy": "accuracy", "loss": "neg_log_loss"},
        directions=["maximize", "maximize"],
        refit="loss",
        n_trials=3,
        cv=2,
        random_state=0,
    ).fit(*iris)
    # Nobody prunes, so the end of a fold is scored only.
    attributes = found.study_.trials[0].user_attrs
    ends = [curve["2"] for curve in attributes["curves"]]
    np.testing.assert_allclose(ends, attributes["scores"]["test"]["loss"], rtol=1e-5)
    assert len(found.best_trials_) >= 1


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (dict(directions=["maximize"]), "for each score of scoring"),
        (dict(directions=["up", "down"]), "'maximize' or 'minimize'"),
        (
            dict(pruner=optuna.pruners.MedianPruner()),
            "does not go with directions: Optuna prunes by one objective",
        ),
    ],
)
def test_directions_that_cannot_be_used_are_named(iris, params, words):
    settings = dict(
        scoring={"accuracy": "accuracy", "weights": weights},
        directions=["maximize", "minimize"],
        refit="accuracy",
    )
    search = OptunaSearchCV(
        LogisticRegression(), {"C": loguniform(0.1, 1)}, **{**settings, **params}
    )
    with pytest.raises(ValueError, match=words):
        search.fit(*iris)


# What is given to fit


def test_epochs_that_are_given_to_fit_are_those_of_the_study(iris):
    network = KerasClassifier(build_classifier, loss=SPARSE, random_state=0)
    space = {"model__hidden": [4, 8]}
    settings = dict(n_trials=2, cv=2, random_state=0)
    given = OptunaSearchCV(network, space, **settings).fit(*iris, epochs=8)
    trial = given.study_.trials[0]
    assert trial.user_attrs["epochs"] == {"run": [8, 8], "at_most": 8}
    assert sorted(trial.intermediate_values) == [7, 15]
    network.set_params(epochs=8)
    own = OptunaSearchCV(network, space, **settings).fit(*iris)
    assert trial.values == own.study_.trials[0].values
    assert trial.intermediate_values == own.study_.trials[0].intermediate_values
    pipeline = make_pipeline(FunctionTransformer(), network.set_params(epochs=1))
    nested = OptunaSearchCV(
        pipeline, {"kerasclassifier__model__hidden": [4]}, **settings
    ).fit(*iris, kerasclassifier__epochs=8)
    assert nested.study_.trials[0].user_attrs["epochs"]["at_most"] == 8


def test_validation_data_and_objects_go_into_a_study_that_goes_on(iris, tmp_path):
    X, y = iris
    network = KerasClassifier(build_classifier, loss=SPARSE, epochs=2, random_state=0)
    space = {"model__hidden": [4, 8]}

    def fit(n_trials, patience=2):
        search = OptunaSearchCV(
            network, space, n_trials=n_trials, cv=2, **where(tmp_path)
        )
        stop = keras.callbacks.EarlyStopping(patience=patience)
        return search.fit(X, y, validation_data=(X[:50], y[:50]), callbacks=[stop])

    fit(1)
    assert len(fit(2).study_.trials) == 2
    with pytest.raises(ValueError, match="what differs: callbacks"):
        fit(3, patience=5)


class Lengths(FunctionTransformer):
    """Counts the tokens of each row."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        cells = X.iloc[:, 0] if hasattr(X, "iloc") else X
        return np.array([[len(cell)] for cell in cells], dtype=float)


@pytest.mark.parametrize(
    "make",
    [
        lambda rows: rows,
        lambda rows: pd.DataFrame({"tokens": rows}),
        lambda rows: [np.ones(len(row)) for row in rows],
    ],
    ids=["lists", "a column of lists", "arrays of several lengths"],
)
def test_rows_of_several_lengths_go_into_a_study(make, tmp_path):
    rows = [["a"] * (1 + k % 5) for k in range(40)]
    y = [int(len(row) > 2) for row in rows]
    pipeline = make_pipeline(Lengths(), LogisticRegression())
    space = {"logisticregression__C": [0.1, 1.0]}
    settings = dict(n_trials=2, cv=2, **where(tmp_path))
    found = OptunaSearchCV(pipeline, space, **settings).fit(make(rows), y)
    assert found.best_score_ > 0.9
    with pytest.raises(ValueError, match="what differs: X"):
        OptunaSearchCV(pipeline, space, **settings).fit(make(rows[::-1]), y)
