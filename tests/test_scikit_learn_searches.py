"""The estimators inside scikit-learn's own tools; each test asserts a value."""

import numpy as np
import pytest
from joblib import parallel_config
from scipy.stats import loguniform, uniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdl import MLPClassifier, MLPRegressor
from skdl.training._cache import programs


def network(**params):
    plain = dict(hidden_layer_sizes=16, epochs=15, learning_rate=0.02, batch_size=32)
    return MLPClassifier(**{**plain, **params}, random_state=0)


def test_grid_search_finds_the_good_learning_rate(iris):
    grid = {"mlpclassifier__learning_rate": [1e-6, 0.01]}
    search = GridSearchCV(make_pipeline(StandardScaler(), network()), grid, cv=3)
    search.fit(*iris)
    assert search.best_params_ == {"mlpclassifier__learning_rate": 0.01}
    assert search.best_score_ > 0.9


@pytest.mark.slow
def test_a_random_search_scores_the_same_in_sequence_threads_and_loky(iris):
    space = {
        "learning_rate": loguniform(1e-3, 1e-1),
        "dropout": uniform(0.1, 0.4),
        "l2": loguniform(1e-6, 1e-2),
        "batch_size": [16, 32, 64],
    }

    def scores(backend, n_jobs):
        search = RandomizedSearchCV(network(), space, n_iter=6, cv=3, random_state=0)
        with parallel_config(backend, n_jobs=n_jobs):
            return search.fit(*iris).cv_results_["mean_test_score"]

    sequential = scores("threading", 1)
    assert sequential.max() > 0.9
    np.testing.assert_array_equal(sequential, scores("threading", 4))
    np.testing.assert_array_equal(sequential, scores("loky", 2))


def test_a_search_over_rates_sizes_and_batch_sizes_compiles_one_program(iris):
    programs.clear()
    for width, rate in ((5, 0.1), (9, 0.2), (17, 0.3)):
        network(hidden_layer_sizes=(width, 4), dropout=rate, l2=rate / 99).fit(*iris)
    assert len(programs) == 1


def test_halving_search_spends_epochs(iris):
    search = HalvingRandomSearchCV(
        network(),
        {"learning_rate": [1e-6, 1e-5, 0.01, 0.02]},
        resource="epochs",
        min_resources=5,
        max_resources=20,
        cv=3,
        random_state=0,
    ).fit(*iris)
    assert search.best_params_["learning_rate"] >= 0.01
    assert search.n_resources_ == [5, 15]


def test_cross_validate_gives_stratified_scores_and_roc_auc(iris):
    scores = cross_validate(network(), *iris, scoring=["accuracy", "roc_auc_ovr"])
    assert scores["test_accuracy"].min() > 0.8
    assert scores["test_roc_auc_ovr"].min() > 0.9


@pytest.mark.filterwarnings("ignore:learning_rate=.* is large")
def test_error_score_takes_a_divergence(iris):
    model = network(optimizer="sgd", activation="identity")
    search = GridSearchCV(model, {"learning_rate": [0.1, 1e20]}, error_score=-1.0, cv=3)
    with pytest.warns(FitFailedWarning, match="(?s)3 fits failed.*diverged"):
        search.fit(*iris)
    good, diverged = search.cv_results_["mean_test_score"]
    assert good > 0.8
    assert diverged == -1.0


def test_voting_stacking_calibration_and_bagging(iris):
    X, y = iris
    logistic = LogisticRegression()
    members = [("net", network()), ("logistic", logistic)]
    combinations = {
        "voting": VotingClassifier(members, voting="soft"),
        "stacking": StackingClassifier(members, logistic, cv=3),
        "calibrated": CalibratedClassifierCV(network(), cv=3),
        "bagging": BaggingClassifier(
            network(epochs=30), n_estimators=3, random_state=0
        ),
    }
    for name, model in combinations.items():
        assert model.fit(X, y).score(X, y) > 0.9, name
        assert model.predict_proba(X[:1]).shape == (1, 3), name


def test_learning_curve_rises(iris):
    _, _, scores = learning_curve(
        network(), *iris, train_sizes=[15, 100], cv=3, shuffle=True, random_state=0
    )
    low, high = scores.mean(axis=1)
    assert low < high > 0.9


def test_importance_and_dependence_see_the_only_feature_that_counts():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((200, 3))
    y = 3 * X[:, 1]
    model = MLPRegressor(16, epochs=30, learning_rate=0.01, random_state=0).fit(X, y)
    importance = permutation_importance(model, X, y, random_state=0)
    assert importance.importances_mean.argmax() == 1
    assert importance.importances_mean[1] > 1
    curve = partial_dependence(model, X, [1], grid_resolution=5)["average"][0]
    assert (np.diff(curve) > 0).all()
