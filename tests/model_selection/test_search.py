"""OptunaSearchCV under scikit-learn's contract."""

import gc
import os
import pickle
import signal
import time
import weakref

import numpy as np
import optuna
import pandas as pd
import pytest
import sklearn
from optuna.pruners import MedianPruner, NopPruner, ThresholdPruner
from optuna.trial import TrialState
from scipy.stats import loguniform, uniform
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    clone,
    is_classifier,
    is_regressor,
)
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    get_scorer,
    make_scorer,
)
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skdl import MLPClassifier, MLPRegressor
from skdl.model_selection import OptunaSearchCV, _epoch_scores, default_space
from skdl.model_selection._outcome import TrialOutcome
from skdl.training._cache import programs

# It is shown each epoch, and prunes none.
LENIENT = ThresholdPruner(lower=-1e9)
SPACE = {"learning_rate": loguniform(1e-3, 1e-1), "dropout": uniform(0, 0.5)}
PIPELINE_SPACE = {f"mlpclassifier__{name}": value for name, value in SPACE.items()}


def network(**params):
    plain = dict(hidden_layer_sizes=8, epochs=6, learning_rate=0.02, batch_size=32)
    return MLPClassifier(**{**plain, **params}, random_state=0)


def pipeline(**params):
    return make_pipeline(StandardScaler(), network(**params))


def search(estimator=None, space=SPACE, **params):
    plain = dict(n_trials=5, cv=3, random_state=0, pruner=NopPruner())
    return OptunaSearchCV(
        network() if estimator is None else estimator, space, **{**plain, **params}
    )


@pytest.fixture(scope="module")
def fitted(iris):
    return search(return_train_score=True, pruner=LENIENT).fit(*iris)


# What it leaves behind


def test_the_results_are_those_of_cross_validation(fitted, iris):
    results = fitted.cv_results_
    assert len(results["params"]) == 5
    for k, params in enumerate(results["params"]):
        expected = cross_val_score(network(**params), *iris, cv=3)
        folds = [results[f"split{fold}_test_score"][k] for fold in range(3)]
        np.testing.assert_array_equal(folds, expected)
        assert results["mean_test_score"][k] == expected.mean()
        assert results["std_test_score"][k] == pytest.approx(expected.std())


def test_the_best_is_the_best(fitted, iris):
    results = fitted.cv_results_
    assert fitted.best_index_ == results["mean_test_score"].argmax()
    assert fitted.best_score_ == results["mean_test_score"].max()
    assert fitted.best_params_ == results["params"][fitted.best_index_]
    assert results["rank_test_score"][fitted.best_index_] == 1
    alone = network(**fitted.best_params_).fit(*iris)
    np.testing.assert_array_equal(
        fitted.predict_proba(iris[0]), alone.predict_proba(iris[0])
    )
    assert fitted.score(*iris) == alone.score(*iris)


def test_it_has_what_a_random_search_has(fitted, iris):
    other = RandomizedSearchCV(
        network(), SPACE, n_iter=5, cv=3, return_train_score=True, random_state=0
    ).fit(*iris)
    assert set(vars(other)) - set(vars(fitted)) <= {"n_iter", "pre_dispatch"} | {
        name for name in vars(other) if name.startswith("_")
    }
    assert set(other.cv_results_) < set(fitted.cv_results_)
    for name, column in other.cv_results_.items():
        mine = fitted.cv_results_[name]
        assert type(mine) is type(column)
        assert len(mine) == len(column)
    assert set(fitted.cv_results_) - set(other.cv_results_) == {
        "trial_number",
        "trial_state",
        "n_epochs",
    }
    np.testing.assert_array_equal(fitted.classes_, [0, 1, 2])
    assert fitted.n_features_in_ == 4
    assert fitted.n_splits_ == 3
    assert not fitted.multimetric_


def test_each_trial_keeps_its_folds_and_its_curves(fitted):
    trial = fitted.study_.trials[fitted.best_index_]
    assert trial.value == fitted.best_score_
    assert np.mean(trial.user_attrs["scores"]["test"]["score"]) == trial.value
    assert trial.user_attrs["epochs"] == {"run": [6, 6, 6], "at_most": 6}
    curves = trial.user_attrs["curves"]
    assert [len(curve) for curve in curves] == [6, 6, 6]
    # The last epoch of a fold is the fold's score.
    ends = [curve[-1] for curve in curves]
    np.testing.assert_allclose(ends, trial.user_attrs["scores"]["test"]["score"])
    assert len(trial.user_attrs["seconds"]["fit"]) == 3
    # The dashboard draws what was reported; the last value is the trial's.
    assert trial.intermediate_values[17] == pytest.approx(trial.value)


def test_it_pickles(fitted, iris):
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(iris[0]), fitted.predict(iris[0]))
    assert copy.study_.best_value == fitted.best_score_


def test_a_conditional_space_gives_masked_columns(iris):
    def space(trial):
        sizes = tuple(
            trial.suggest_int(f"units_{k}", 4, 12)
            for k in range(trial.suggest_int("n_layers", 1, 3))
        )
        params = {"hidden_layer_sizes": sizes}
        if len(sizes) > 1:
            params["dropout"] = trial.suggest_float("dropout", 0, 0.5)
        return params

    found = search(space=space, n_trials=8).fit(*iris)
    params = found.cv_results_["params"]
    depths = {len(p["hidden_layer_sizes"]) for p in params}
    assert len(depths) > 1
    masked = np.ma.getmaskarray(found.cv_results_["param_dropout"])
    assert masked.tolist() == [len(p["hidden_layer_sizes"]) == 1 for p in params]
    assert (
        found.best_estimator_.hidden_layer_sizes
        == params[found.best_index_]["hidden_layer_sizes"]
    )


# Tags, scorers, routing, nesting


def test_it_is_what_its_estimator_is():
    assert is_classifier(search())
    assert is_regressor(search(MLPRegressor()))
    assert search(SVC(kernel="precomputed")).__sklearn_tags__().input_tags.pairwise


def test_a_nested_search_is_stratified():
    counts = set()

    def score(estimator, X, y):
        counts.add(tuple(np.bincount(y)))
        return estimator.score(X, y)

    # Sorted labels: without stratification some fold would lack a class.
    X, y = make_classification(90, n_classes=3, n_informative=4, random_state=0)
    order = np.argsort(y, kind="stable")
    inner = search(pipeline(), PIPELINE_SPACE, n_trials=2, scoring=score)
    assert len(cross_val_score(inner, X[order], y[order], cv=3)) == 3
    # Of 10 rows of each class outside; of 6 or 7 inside.
    assert counts
    assert all(max(count) - min(count) <= 1 for count in counts)
    assert {sum(count) for count in counts} <= {20, 30}


def test_several_scores(iris):
    scoring = {"accuracy": "accuracy", "loss": "neg_log_loss"}
    found = search(scoring=scoring, refit="loss").fit(*iris)
    assert found.multimetric_
    assert set(found.scorer_) == {"accuracy", "loss"}
    assert found.best_score_ == found.cv_results_["mean_test_loss"].max()
    assert found.best_score_ == found.study_.best_value
    assert found.cv_results_["rank_test_accuracy"].min() == 1
    expected = get_scorer("neg_log_loss")(found.best_estimator_, *iris)
    assert found.score(*iris) == expected

    def most_dropout(results):
        return int(np.argmax(results["param_dropout"].astype(float)))

    chosen = search(scoring=scoring, refit=most_dropout).fit(*iris)
    dropouts = [params["dropout"] for params in chosen.cv_results_["params"]]
    assert chosen.best_params_["dropout"] == max(dropouts)
    assert not hasattr(chosen, "best_score_")
    without = search(scoring=scoring, refit=False).fit(*iris)
    assert not hasattr(without, "best_index_")
    assert without.study_.best_value == without.cv_results_["mean_test_accuracy"].max()


def test_a_scorer_that_returns_several_scores(iris):
    def scores(estimator, X, y):
        right = accuracy_score(y, estimator.predict(X))
        return {"right": right, "wrong": right - 1}

    found = search(scoring=scores, refit="wrong", n_trials=2).fit(*iris)
    assert found.best_score_ == found.cv_results_["mean_test_wrong"].max()
    with pytest.raises(ValueError, match="refit must be set to a scorer key"):
        search(scoring=scores, n_trials=2).fit(*iris)


def test_a_second_fit_leaves_nothing_of_the_first(iris):
    named = pd.DataFrame(iris[0], columns=list("abcd"))
    found = search(n_trials=1).fit(named, iris[1])
    found.set_params(refit=False).fit(*iris)
    for name in ("best_estimator_", "refit_time_", "feature_names_in_"):
        assert not hasattr(found, name)


@pytest.mark.parametrize("refit", [True, False])
def test_without_a_refit_there_is_no_estimator(iris, refit):
    found = search(refit=refit, n_trials=2).fit(*iris)
    assert hasattr(found, "best_estimator_") == refit
    assert hasattr(found, "predict") == refit
    assert found.best_params_ == found.cv_results_["params"][found.best_index_]


def test_sample_weight_goes_to_the_fits_of_its_folds_and_to_the_scores(binary):
    X, y = binary
    weight = np.where(np.arange(200) % 3, 1.0, 5.0)
    found = search(n_trials=2, cv=4, pruner=LENIENT).fit(X, y, sample_weight=weight)
    best = found.cv_results_["params"][0]
    for fold, (train, test) in enumerate(StratifiedKFold(4).split(X, y)):
        alone = network(**best).fit(X[train], y[train], sample_weight=weight[train])
        expected = alone.score(X[test], y[test], sample_weight=weight[test])
        assert found.cv_results_[f"split{fold}_test_score"][0] == expected
        curve = found.study_.trials[0].user_attrs["curves"][fold]
        assert curve[-1] == pytest.approx(expected)


def test_groups_go_to_the_splitter(binary):
    X, y = binary
    groups = np.arange(200) // 20
    found = search(cv=GroupKFold(5), n_trials=2).fit(X, y, groups=groups)
    expected = cross_val_score(
        network(**found.best_params_), X, y, groups=groups, cv=GroupKFold(5)
    )
    assert found.best_score_ == expected.mean()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_metadata_routing(binary, n_jobs):
    X, y = binary
    weight = np.where(np.arange(200) % 3, 1.0, 5.0)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = network().set_fit_request(sample_weight=True)
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        routed = search(estimator, scoring=scorer, n_trials=2, n_jobs=n_jobs)
        routed.fit(X, y, sample_weight=weight)
    plain = search(n_trials=2).fit(X, y, sample_weight=weight)
    assert routed.best_score_ == plain.best_score_


def test_pandas_goes_through_to_the_estimator(iris):
    X, y = pd.DataFrame(iris[0], columns=list("abcd")), pd.Series(iris[1]).map(str)
    found = search(n_trials=2).fit(X, y)
    assert found.feature_names_in_.tolist() == list("abcd")
    assert found.classes_.tolist() == ["0", "1", "2"]
    assert found.predict(X).shape == (150,)


def test_other_estimators_are_searched_too(iris):
    space = {"svc__C": loguniform(0.1, 10), "svc__kernel": ["linear", "rbf"]}
    svm = make_pipeline(StandardScaler(), SVC())
    found = search(svm, space, pruner=None, n_trials=4).fit(*iris)
    assert found.best_score_ > 0.9
    assert "curves" not in found.study_.trials[0].user_attrs
    assert found.cv_results_["n_epochs"].tolist() == [0, 0, 0, 0]


def test_a_step_of_the_pipeline_is_searched(iris):
    steps = Pipeline([("scale", StandardScaler()), ("model", network())])
    space = {"scale": [StandardScaler(), "passthrough"], "model": [network(), SVC()]}
    found = search(steps, space, n_trials=14, pruner=None).fit(*iris)
    kinds = {type(params["model"]) for params in found.cv_results_["params"]}
    assert kinds == {MLPClassifier, SVC}
    assert found.best_score_ > 0.9


# The score of each epoch


def final_scores_and_curves(estimator, data, scoring, **params):
    plain = dict(n_trials=1, pruner=LENIENT)
    found = search(estimator, scoring=scoring, **{**plain, **params}).fit(*data)
    attributes = found.study_.trials[0].user_attrs
    scores = found.study_.trials[0].value, attributes["scores"]["test"]
    return scores[1], attributes["curves"], found


@pytest.mark.usefixtures("all_epochs")
@pytest.mark.parametrize(
    "scoring",
    ["accuracy", "neg_log_loss", "roc_auc_ovr", "f1_macro", None],
)
def test_the_curve_of_a_classifier_is_its_score_at_each_epoch(iris, scoring):
    scores, curves, found = final_scores_and_curves(network(), iris, scoring)
    params = found.best_params_
    scorer = get_scorer(scoring or "accuracy")
    train, test = next(StratifiedKFold(3).split(*iris))
    X, y = iris
    for epoch in (1, 3, 6):  # a network that ends there is the network at that epoch
        short = network(**params, epochs=epoch).fit(X[train], y[train])
        expected = scorer(short, X[test], y[test])
        assert curves[0][epoch - 1] == pytest.approx(expected, abs=1e-5)
    assert scores["score"][0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.usefixtures("all_epochs")
@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_the_curve_of_a_regressor_is_its_score_at_each_epoch(
    diabetes, scoring, n_outputs
):
    X, y = diabetes
    if n_outputs == 2:
        y = np.column_stack([y, 100 * X[:, 0]])
    plain = MLPRegressor(8, epochs=5, random_state=0)
    scores, curves, _ = final_scores_and_curves(
        plain, (X, y), scoring, space={"dropout": [0.1]}
    )
    ends = [curve[-1] for curve in curves]
    np.testing.assert_allclose(ends, scores["score"], rtol=1e-4)
    assert ends[0] != curves[0][0]


@pytest.mark.usefixtures("all_epochs")
@pytest.mark.parametrize("several", [False, True])
def test_a_scorer_that_looks_at_the_pipeline_and_the_rows_sees_them(iris, several):
    X = pd.DataFrame(iris[0], columns=list("abcd"))
    calls = []

    def weighed(estimator, X, y):
        return np.average(estimator.predict(X) == y, weights=np.exp(X["a"]))

    def by_steps(estimator, X, y):
        calls.append(len(X))
        return estimator[-1].score(estimator[:-1].transform(X), y)

    scoring, refit, name = by_steps, True, "score"
    if several:
        scoring, refit = {"weighed": weighed, "by_steps": by_steps}, "weighed"
        name = refit
    params = dict(scoring=scoring, refit=refit)
    found = search(pipeline(), PIPELINE_SPACE, **params).fit(X, iris[1])
    for trial in found.study_.trials:
        scores = trial.user_attrs["scores"]["test"][name]
        ends = [curve[-1] for curve in trial.user_attrs["curves"]]
        np.testing.assert_allclose(ends, scores)
    # After each epoch only the score is asked that the study maximizes.
    assert len(calls) == 5 * 3 * (1 if several else 7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scoring", "share", "seconds", "expected"),
    [
        # 10 steps and 4e6 multiply-adds: 1.8 ms an epoch; scoring takes 15 ms and 1 ms.
        ("balanced_accuracy", 0.15, 15e-3, [50]),  # at the end of the fold alone
        ("balanced_accuracy", 1.0, 15e-3, [16, 32, 48, 50]),
        ("balanced_accuracy", 1.0, 1e-4, [*range(1, 51)]),
        # In the loop, the rows of a score take 0.1 ms.
        ("accuracy", 0.15, 15e-3, [*range(8, 51, 8), 50]),  # five at least
        ("accuracy", 0.15, 4e-4, [*range(2, 51, 2)]),
        ("accuracy", 1.0, 1e-4, [*range(1, 51)]),
    ],
)
def test_epochs_are_scored_in_proportion_to_what_they_cost(
    monkeypatch, scoring, share, seconds, expected
):
    monkeypatch.setattr(_epoch_scores, "SECONDS_PER_SCORE", seconds)
    monkeypatch.setattr(_epoch_scores, "SECONDS_PER_SCORE_IN_LOOP", seconds)
    X, y = make_classification(250, 9, random_state=0)
    monkeypatch.setattr(_epoch_scores, "SHARE_OF_A_PRUNER", share)
    plain = MLPClassifier((500, 500), epochs=50, batch_size=20, random_state=0)
    monkeypatch.setattr(
        _epoch_scores, "SECONDS_PER_MULTIPLY_ADD", 1.2e-3 / (200 * 255_000)
    )
    found = OptunaSearchCV(
        plain,
        {"dropout": [0.1]},
        n_trials=1,
        scoring=scoring,
        cv=[(np.arange(200), np.arange(200, 250))],
        refit=False,
    ).fit(X, y)
    (curve,) = TrialOutcome.from_attributes(found.study_.trials[0].user_attrs).curves
    assert [epoch + 1 for epoch in curve] == expected


def test_one_score_by_name_is_multimetric_as_in_scikit_learn(iris):
    found = search(scoring={"score": "accuracy"}, refit="score", n_trials=1).fit(*iris)
    assert found.multimetric_
    assert found.score(*iris) == found.best_estimator_.score(*iris)


@pytest.mark.usefixtures("all_epochs")
def test_a_fold_whose_targets_are_all_equal_has_a_finite_curve(diabetes):
    X, y = diabetes[0][:90], np.repeat([1.0, 2.0, 2.0], 30)
    plain = MLPRegressor(4, epochs=3, random_state=0)
    found = search(plain, {"dropout": [0.1]}, n_trials=1, cv=KFold(3)).fit(X, y)
    attributes = found.study_.trials[0].user_attrs
    ends = [curve[-1] for curve in attributes["curves"]]
    np.testing.assert_allclose(ends, attributes["scores"]["test"]["score"], atol=1e-6)


def test_the_test_rows_go_through_the_steps_of_the_pipeline(iris):
    X, y = iris[0] * 1000 + 5, iris[1]
    scores, curves, _ = final_scores_and_curves(
        make_pipeline(StandardScaler(), "passthrough", pipeline()),
        (X, y),
        "neg_log_loss",
        space={"pipeline__mlpclassifier__dropout": [0.1]},
    )
    np.testing.assert_allclose(
        [curve[-1] for curve in curves], scores["score"], rtol=1e-4
    )


def test_transformers_never_see_the_test_rows(iris):
    X = np.arange(150.0)[:, None]
    seen = []

    class Watcher(FunctionTransformer):
        def fit(self, X, y=None):
            seen.append(X.ravel().tolist())
            return super().fit(X, y)

    steps = make_pipeline(Watcher(), network())
    search(steps, PIPELINE_SPACE, n_trials=2, refit=False).fit(X, iris[1])
    folds = [train.tolist() for train, _ in StratifiedKFold(3).split(*iris)]
    assert seen == folds * 2


# Pruning


def test_if_all_trials_are_pruned_there_is_no_best(iris):
    worst = ThresholdPruner(lower=0.999, n_warmup_steps=3)
    found = search(pipeline(), PIPELINE_SPACE, pruner=worst, n_trials=6)
    words = "None of the 6 trials was completed. 6 were pruned: use a milder pruner. If"
    with pytest.raises(ValueError, match=words):
        found.fit(*iris)
    assert {trial.state for trial in found.study_.trials} == {TrialState.PRUNED}
    with pytest.raises(NotFittedError):
        found.predict(iris[0])


def test_pruned_trials_are_marked_and_rank_last(iris):
    space = {"mlpclassifier__learning_rate": [1e-6, 0.02]}
    found = search(
        pipeline(),
        space,
        pruner=ThresholdPruner(lower=0.5, n_warmup_steps=4),
        n_trials=8,
    ).fit(*iris)
    results = found.cv_results_
    slow = np.array(
        [p["mlpclassifier__learning_rate"] == 1e-6 for p in results["params"]]
    )
    assert slow.any()
    assert (results["trial_state"] == np.where(slow, "pruned", "complete")).all()
    assert results["n_epochs"][slow].tolist() == [5] * slow.sum()
    assert results["n_epochs"][~slow].tolist() == [18] * (~slow).sum()
    assert np.isnan(results["mean_test_score"][slow]).all()
    assert (results["rank_test_score"][slow] == (~slow).sum() + 1).all()
    assert results["rank_test_score"][~slow].max() <= (~slow).sum()
    states = [trial.state for trial in found.study_.trials]
    assert states.count(TrialState.PRUNED) == slow.sum()


def test_a_trial_is_pruned_in_a_later_fold(iris):
    class AtStep(optuna.pruners.BasePruner):
        def prune(self, study, trial):
            return trial.number > 0 and trial.last_step == 8

    found = search(pruner=AtStep(), n_trials=3).fit(*iris)
    assert found.cv_results_["trial_state"].tolist() == ["complete", "pruned", "pruned"]
    assert found.cv_results_["n_epochs"].tolist() == [18, 9, 9]
    # The fold that was finished is there.
    assert np.isfinite(found.cv_results_["split0_test_score"]).all()
    assert np.isnan(found.cv_results_["split1_test_score"][1:]).all()


def test_the_pruner_gets_the_mean_of_the_folds_so_far(iris):
    seen = {}

    class Watcher(optuna.pruners.BasePruner):
        def __deepcopy__(self, memo):
            return self

        def prune(self, study, trial):
            seen.update(trial.intermediate_values)
            return False

    found = search(pruner=Watcher(), n_trials=1).fit(*iris)
    attributes = found.study_.trials[0].user_attrs
    curves, (scores,) = attributes["curves"], attributes["scores"]["test"].values()
    assert sorted(seen) == list(range(18))
    for step, value in seen.items():
        fold, epoch = divmod(step, 6)
        expected = np.mean([*scores[:fold], curves[fold][epoch]])
        assert value == pytest.approx(expected, abs=1e-12)


def test_the_pruner_of_the_user_is_left_alone(iris):
    pruner = MedianPruner()
    before = vars(pruner).copy()
    sampler = optuna.samplers.RandomSampler(seed=3)
    first = search(pruner=pruner, sampler=sampler, n_trials=3).fit(*iris)
    second = search(pruner=pruner, sampler=sampler, n_trials=3).fit(*iris)
    assert vars(pruner) == before
    assert first.cv_results_["params"] == second.cv_results_["params"]


# Randomness, threads


@pytest.mark.slow
@pytest.mark.parametrize("pruner", [None, NopPruner()])
def test_the_same_seed_gives_the_same_study(iris, pruner):
    def values(seed):
        found = search(pruner=pruner, n_trials=12, random_state=seed).fit(*iris)
        return [(t.params, t.value, t.state) for t in found.study_.trials]

    assert values(1) == values(1)
    assert values(1) != values(2)


def test_threads_find_scores_of_the_same_folds(iris):
    found = search(n_jobs=4, n_trials=8).fit(*iris)
    assert len(found.study_.trials) == 8
    for params, score in zip(
        found.cv_results_["params"], found.cv_results_["mean_test_score"]
    ):
        assert score == cross_val_score(network(**params), *iris, cv=3).mean()


def test_a_search_over_rates_compiles_one_program_for_each_thread(iris):
    programs.clear()
    space = default_space(network())
    search(space=space, n_trials=6, n_jobs=2, pruner=None).fit(*iris)
    # With and without dropout or a penalty are two structures at most.
    assert len(programs) <= 4


# Failures


def test_failed_trials_are_marked_and_rank_last(iris):
    space = {"hidden_layer_sizes": [(4,), (-1,)]}
    with pytest.warns(FitFailedWarning, match="of 6 trials failed.*hidden_layer_sizes"):
        found = search(space=space, n_trials=6, error_score=5.0).fit(*iris)
    results = found.cv_results_
    bad = np.array([p["hidden_layer_sizes"] == (-1,) for p in results["params"]])
    assert (results["trial_state"] == np.where(bad, "failed", "complete")).all()
    assert (results["mean_test_score"][bad] == 5.0).all()
    assert (
        results["rank_test_score"][bad].min() > results["rank_test_score"][~bad].max()
    )
    assert found.best_params_ == {"hidden_layer_sizes": (4,)}
    assert (
        "hidden_layer_sizes" in found.study_.trials[np.argmax(bad)].user_attrs["error"]
    )


def test_errors_are_raised_if_asked_for(iris):
    space = {"hidden_layer_sizes": [(-1,)]}
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        search(space=space, error_score="raise").fit(*iris)


def test_a_score_that_is_no_number_is_a_failure(iris):
    def score(estimator, X, y):
        return float("nan")

    with pytest.raises(ValueError, match="None of the 2 trials.*no finite number"):
        search(scoring=score, n_trials=2).fit(*iris)


@pytest.mark.filterwarnings("ignore:Only one class is present in y_true")
@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_a_score_that_is_not_maximized_may_be_nan_as_in_scikit_learn(iris):
    X, y = iris[0][:100], iris[1][:100]
    train = np.r_[0:40, 60:100]
    folds = [(train, np.arange(40, 50)), (train, np.arange(40, 60))]
    settings = dict(
        scoring={"accuracy": "accuracy", "auc": "roc_auc"}, refit="accuracy", cv=folds
    )
    rates = [0.1, 1.0]
    theirs = GridSearchCV(LogisticRegression(), {"C": rates}, **settings).fit(X, y)
    ours = OptunaSearchCV(
        LogisticRegression(),
        {"C": rates},
        sampler=optuna.samplers.GridSampler({"C": rates}),
        n_trials=2,
        return_train_score=True,
        **settings,
    ).fit(X, y)
    assert ours.best_score_ == theirs.best_score_
    for name in ("mean_test_auc", "rank_test_auc", "rank_test_accuracy"):
        np.testing.assert_array_equal(ours.cv_results_[name], theirs.cv_results_[name])
    with pytest.raises(ValueError, match=r"None of the 2 trials.*'auc' returned nan"):
        clone(ours).set_params(refit="auc").fit(X, y)


def test_a_scorer_that_fails_is_told_where_it_is_not_maximized(iris):
    def broken(estimator, X, y):
        raise ValueError("no score")

    several = {"accuracy": "accuracy", "broken": broken}
    with pytest.warns(UserWarning, match="'broken' failed: ValueError: no score"):
        found = search(scoring=several, refit="accuracy", n_trials=1).fit(*iris)
    assert np.isnan(found.cv_results_["mean_test_broken"]).all()
    assert found.cv_results_["rank_test_broken"].tolist() == [1]


def test_an_error_of_the_pruner_is_no_failure_of_a_trial(iris):
    class Broken(optuna.pruners.BasePruner):
        def prune(self, study, trial):
            raise RuntimeError("no pruner")

    with pytest.raises(RuntimeError, match="no pruner"):
        search(pruner=Broken()).fit(*iris)


def test_a_search_that_fails_leaves_the_last_one(iris):
    found = search(n_trials=2).fit(*iris)
    before = vars(found).copy()
    with pytest.raises(ValueError, match="n_splits=3"):
        found.fit(iris[0][:2], iris[1][:2])
    assert vars(found) == before


def test_timeout_begins_no_more_trials(iris):
    slow = FunctionTransformer(lambda X: time.sleep(0.2) or X)
    steps = make_pipeline(slow, LogisticRegression())
    space = {"logisticregression__C": loguniform(0.1, 10)}
    found = search(steps, space, n_trials=1000, timeout=0.5, pruner=None).fit(*iris)
    assert 1 <= len(found.study_.trials) <= 3


def test_ctrl_c_gives_the_trial_back(iris, tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"

    class Interrupts(FunctionTransformer):
        calls = 0

        def fit(self, X, y=None):
            Interrupts.calls += 1
            if Interrupts.calls == 5:
                raise KeyboardInterrupt
            return super().fit(X, y)

    stored = search(
        make_pipeline(Interrupts(), network()), PIPELINE_SPACE, storage=url, n_trials=3
    )
    with pytest.raises(KeyboardInterrupt):
        stored.fit(*iris)
    found = stored.fit(*iris)
    assert len(found.cv_results_["params"]) == 3
    states = [trial.state.name for trial in found.study_.trials]
    assert states == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert found.study_.trials[1].params == found.study_.trials[2].params
    never_stopped = search(network(), SPACE, n_trials=3).fit(*iris)
    np.testing.assert_array_equal(
        found.cv_results_["mean_test_score"],
        never_stopped.cv_results_["mean_test_score"],
    )


@pytest.fixture
def ctrl_c():
    """Let Ctrl-C interrupt, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_stops_threads_at_the_next_epoch(iris, monkeypatch, n_jobs):
    monkeypatch.setattr(_epoch_scores, "SCORES_IN_LOOP", 500)  # each epoch is scored
    after = []

    class Interrupts(optuna.pruners.BasePruner):
        def __deepcopy__(self, memo):
            return self

        def prune(self, study, trial):
            if after:
                after.append(trial.number)
            elif trial.number == 1 and trial.last_step == 2:
                os.kill(os.getpid(), signal.SIGINT)
                after.append(trial.number)
            return False

    long = search(network(epochs=500), pruner=Interrupts(), n_jobs=n_jobs)
    with pytest.raises(KeyboardInterrupt):
        long.fit(*iris)
    assert len(after) < 1500  # 500 epochs of 3 folds
    # What was done is there, and the next fit goes on with it.
    with pytest.raises(NotFittedError):
        long.predict(iris[0])
    done = [t.number for t in long.study_.trials if t.state == TrialState.COMPLETE]
    n_before = len(long.study_.trials)
    long.set_params(pruner=NopPruner(), n_trials=n_before + 1).fit(*iris)
    assert set(done) <= set(long.cv_results_["trial_number"])
    assert len(long.study_.trials) > n_before


class Fails(ClassifierMixin, BaseEstimator):
    """Fails where C is large, with something large in its frame."""

    seen: list = []

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y):
        rows = X.copy()
        if self.C > 1:
            Fails.seen.append(weakref.ref(rows))
            raise ValueError(f"C={self.C} is large")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def test_failed_trials_keep_no_rows(iris):
    Fails.seen = []
    gc.disable()  # what only a collection frees is not free yet
    try:
        with pytest.warns(FitFailedWarning):
            search(Fails(), {"C": [0.5, 2, 3]}, n_trials=9, pruner=None).fit(*iris)
        alive = sum(rows() is not None for rows in Fails.seen)
    finally:
        gc.enable()
    assert len(Fails.seen) > 2
    assert not alive


def test_a_search_in_memory_goes_on_after_an_error(iris):
    def fails_once(study, trial):
        if trial.number == 2 and not failed:
            failed.append(trial.number)
            raise RuntimeError("of a callback")

    failed: list = []
    space = {"C": loguniform(0.1, 10)}
    found = search(
        LogisticRegression(), space, n_trials=5, pruner=None, callbacks=[fails_once]
    )
    with pytest.raises(RuntimeError, match="of a callback"):
        found.fit(*iris)
    done = [trial.params for trial in found.study_.trials]
    assert len(done) == 3
    assert [t.params for t in found.fit(*iris).study_.trials][:3] == done
    assert len(found.study_.trials) == 5


def test_the_error_of_a_candidate_is_raised_by_each_fit(iris):
    found = search(
        Fails(), {"C": [0.5, 2]}, n_trials=4, pruner=None, error_score="raise"
    )
    for _ in range(3):
        with pytest.raises(ValueError, match="C=2 is large"):
            found.fit(*iris)
