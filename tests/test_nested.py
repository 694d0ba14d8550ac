"""Networks inside what holds them: pipelines of any class, targets, thresholds."""

import warnings

import numpy as np
import optuna
import pytest
import sklearn
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdl import MLPClassifier, MLPRegressor
from skdl._utils._nested import (
    find_fitted_network,
    find_network,
    find_networks,
    last_prefix,
)
from skdl.inspection import LearningCurvesDisplay, compare, diagnose
from skdl.model_selection import OptunaSearchCV, default_space


@pytest.fixture
def rare():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 5)) * [1, 10, 100, 1, 1] + 3
    return X, (X[:, 0] > 4).astype(int)


def network(**params):
    return MLPClassifier(**{"hidden_layer_sizes": 8, "epochs": 4, **params})


def sampling_pipeline(**params):
    sampler = RandomOverSampler(random_state=0)
    return make_sampling_pipeline(StandardScaler(), sampler, network(**params))


SPACE = {"mlpclassifier__dropout": [0.0, 0.2]}


def test_a_pipeline_with_a_sampler_scores_as_in_a_random_search(rare):
    space = {**SPACE, "mlpclassifier__learning_rate": [1e-3, 1e-2]}
    pipeline = sampling_pipeline(random_state=0)
    found = OptunaSearchCV(pipeline, space, n_trials=3, cv=3, random_state=0)
    found.fit(*rare)
    for params, score in zip(
        found.cv_results_["params"], found.cv_results_["mean_test_score"]
    ):
        grid = {name: [value] for name, value in params.items()}
        expected = GridSearchCV(pipeline, grid, cv=3).fit(*rare).best_score_
        assert score == expected
    assert found.preview(*rare).fits == 9


def test_a_sampler_may_be_searched_itself(rare):
    space = {"randomoversampler": ["passthrough", RandomOverSampler(random_state=0)]}
    found = OptunaSearchCV(
        sampling_pipeline(random_state=0),
        space,
        n_trials=4,
        cv=2,
        random_state=0,
        scoring="balanced_accuracy",
    ).fit(*rare)
    assert set(found.cv_results_["trial_state"]) <= {"complete", "pruned"}


@pytest.mark.usefixtures("all_epochs")
def test_the_rows_of_a_sampler_never_reach_the_validation(rare):
    X, y = rare
    train, test = next(KFold(2, shuffle=True, random_state=0).split(X))
    pipeline = sampling_pipeline(random_state=0)
    found = OptunaSearchCV(
        pipeline, SPACE, n_trials=1, cv=[(train, test)], random_state=0, refit=False
    ).fit(X, y)
    (curve,) = found.study_.trials[0].user_attrs["curves"]
    params = found.cv_results_["params"][0]
    for epoch, score in enumerate(curve, 1):
        short = clone(pipeline).set_params(**params, mlpclassifier__epochs=epoch)
        expected = short.fit(X[train], y[train]).score(X[test], y[test])
        assert score == pytest.approx(expected, abs=1e-6)
    comparison = compare(pipeline, SPACE, X, y, validation=[(train, test)])
    run = comparison.runs[0]
    assert run.history["val_loss"][-1] == pytest.approx(run.val_loss, rel=1e-5)
    assert run.n_val == len(test)


def test_comparisons_and_diagnoses_take_pipelines_with_samplers(rare):
    frame = compare(sampling_pipeline(), SPACE, *rare, random_state=0).frame()
    assert frame["val_loss"].notna().all()
    diagnosis = diagnose(sampling_pipeline(), *rare, scoring="balanced_accuracy")
    assert diagnosis.numbers["constant_score"] == 0.5


class Counting(TransformerMixin, BaseEstimator):
    """Doubles its rows, and counts how often it is fitted."""

    fits = 0

    def fit(self, X, y=None):
        Counting.fits += 1
        self.fitted_ = True
        return self

    def transform(self, X):
        return 2 * X


class OwnPipeline(Pipeline):
    """A pipeline that transforms its targets, too."""

    def fit(self, X, y=None, **params):
        return super().fit(X, y[::-1][::-1], **params)


@pytest.mark.parametrize("memory", [False, True])
def test_a_pipeline_of_another_class_fits_itself_once_a_fold(rare, memory, tmp_path):
    steps = [("counting", Counting()), ("network", network(random_state=0))]
    pipeline = OwnPipeline(steps, memory=str(tmp_path) if memory else None)
    Counting.fits = 0
    found = OptunaSearchCV(
        pipeline, {"network__dropout": [0.0, 0.2]}, n_trials=2, cv=2, refit=False
    ).fit(*rare)
    # With a memory the second trial takes what the first has fitted.
    assert Counting.fits == (2 if memory else 4)
    assert len(found.cv_results_["params"]) == 2


# Estimators around one network


def transformed(**params):
    inner = MLPRegressor(8, **{"epochs": 4, "random_state": 0, **params})
    return TransformedTargetRegressor(inner, transformer=StandardScaler())


@pytest.mark.usefixtures("all_epochs")
@pytest.mark.parametrize("inside", [False, True], ids=["outside", "inside a pipeline"])
def test_epochs_inside_a_transformed_target_reach_the_pruner(diabetes, inside):
    X, y = diabetes
    estimator, prefix = transformed(), "regressor__"
    if inside:
        estimator = make_pipeline(StandardScaler(), estimator)
        prefix = "transformedtargetregressor__regressor__"
    space = {f"{prefix}dropout": [0.1]}
    train, test = next(KFold(2).split(X))
    found = OptunaSearchCV(estimator, space, n_trials=1, cv=[(train, test)]).fit(X, y)
    (curve,) = found.study_.trials[0].user_attrs["curves"]
    for epoch, score in enumerate(curve, 1):
        short = clone(estimator).set_params(**{f"{prefix}epochs": epoch})
        expected = short.fit(X[train], y[train]).score(X[test], y[test])
        assert score == pytest.approx(expected, abs=1e-6)
    assert find_fitted_network(found).n_iter_ == 4
    assert last_prefix(estimator) == prefix


@pytest.mark.usefixtures("all_epochs")
def test_epochs_inside_a_threshold_are_those_of_the_labels_that_it_gives(rare):
    X, y = rare
    pipeline = make_pipeline(StandardScaler(), network(random_state=0))
    estimator = FixedThresholdClassifier(pipeline, threshold=0.2)
    train, test = next(KFold(2).split(X))
    space = {"estimator__mlpclassifier__dropout": [0.1]}
    found = OptunaSearchCV(estimator, space, n_trials=1, cv=[(train, test)]).fit(X, y)
    (curve,) = found.study_.trials[0].user_attrs["curves"]
    for epoch, score in enumerate(curve, 1):
        short = clone(estimator)
        short.set_params(estimator__mlpclassifier__epochs=epoch)
        expected = short.fit(X[train], y[train]).score(X[test], y[test])
        assert score == pytest.approx(expected, abs=1e-6)
    assert find_network(estimator) is pipeline[-1]
    assert pipeline[-1]._observer is None
    assert find_fitted_network(found)._observer is None


def test_pruning_works_inside(diabetes):
    space = {"regressor__learning_rate": [1e-6, 1e-5, 1e-2]}
    found = OptunaSearchCV(
        transformed(epochs=8), space, n_trials=10, cv=3, random_state=0
    ).fit(*diabetes)
    assert "pruned" in found.cv_results_["trial_state"]
    assert found.best_params_ == {"regressor__learning_rate": 1e-2}


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: CalibratedClassifierCV(network(), cv=2),
        lambda: TunedThresholdClassifierCV(network(), cv=2),
        lambda: GridSearchCV(network(), {"dropout": [0.0]}, cv=2),
    ],
    ids=["calibrated", "tuned", "search"],
)
def test_where_epochs_tell_nothing_that_is_said(rare, make):
    estimator = make()
    assert find_network(estimator) is None
    assert len(find_networks(estimator)) == 1
    search = OptunaSearchCV(estimator, {"cv": [2, 3]}, n_trials=2, cv=2)
    words = "No trial is pruned: .* fits the network inside it more than once"
    with pytest.warns(UserWarning, match=words):
        search.fit(*rare)
    search.set_params(pruner=optuna.pruners.MedianPruner())
    with pytest.raises(ValueError, match="more than once.*no trial can be pruned"):
        search.fit(*rare)
    search.set_params(pruner=optuna.pruners.NopPruner())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.fit(*rare)
    with pytest.raises(TypeError, match="diagnose looks at the epochs.*more than once"):
        diagnose(estimator, *rare)
    with pytest.raises(TypeError, match="no default space.*more than once"):
        default_space(estimator)


def test_several_networks_are_none(diabetes):
    several = MultiOutputRegressor(MLPRegressor(4, epochs=1))
    assert find_network(several) is None
    X, y = diabetes
    fitted = several.fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="no fitted network of skdl inside, or sev"):
        LearningCurvesDisplay.from_estimator(fitted)


def test_the_network_is_found_in_what_was_fitted(rare, diabetes):
    tuned = TunedThresholdClassifierCV(network(), cv=2).fit(*rare)
    frozen = FrozenEstimator(network().fit(*rare))
    search = RandomizedSearchCV(transformed(), {"regressor__l2": [0.0]}, n_iter=1, cv=2)
    for fitted in (tuned, frozen, search.fit(*diabetes)):
        display = LearningCurvesDisplay.from_estimator(fitted)
        assert "loss" in display.lines_
    assert diagnose(transformed(), *diabetes, random_state=0).next_steps
    assert "regressor__dropout" in default_space(transformed())


# Validation data in pipelines


def test_validation_targets_that_are_not_transformed_are_said_to_be_raw(diabetes):
    X, y = diabetes
    X = StandardScaler().fit_transform(X)
    words = "y_val of MLPRegressor is used as it was given, and y as Transformed"
    inner = MLPRegressor(4, epochs=1)
    with pytest.warns(UserWarning, match=words):
        TransformedTargetRegressor(inner, transformer=StandardScaler()).fit(
            X, y, X_val=X, y_val=y
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TransformedTargetRegressor(inner).fit(X, y, X_val=X, y_val=y)
        logarithms = dict(func=np.log1p, inverse_func=np.expm1)
        TransformedTargetRegressor(inner, **logarithms).fit(
            X, y, X_val=X, y_val=np.log1p(y)
        )


def test_validation_data_that_a_pipeline_does_not_transform_are_said_to_be_raw(rare):
    X, y = rare
    pipeline = make_pipeline(StandardScaler(), network())
    words = r"X_val of MLPClassifier is used as it was given.*\(standardscaler"
    with pytest.warns(UserWarning, match=words):
        pipeline.fit(X, y, mlpclassifier__X_val=X, mlpclassifier__y_val=y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network().fit(X / 100, y, X_val=X / 100, y_val=y)
        make_pipeline(network()).fit(
            X / 100, y, mlpclassifier__X_val=X / 100, mlpclassifier__y_val=y
        )
        with sklearn.config_context(enable_metadata_routing=True):
            last = network(random_state=0).set_fit_request(X_val=True, y_val=True)
            routed = make_pipeline(StandardScaler(), last, transform_input=["X_val"])
            routed.fit(X, y, X_val=X, y_val=y)
    scaled = StandardScaler().fit_transform(X)
    expected = network(random_state=0).fit(scaled, y, X_val=scaled, y_val=y)
    assert routed[-1].history_ == expected.history_
