"""What is searched."""

import keras
import numpy as np
import optuna
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from scipy.stats import expon, gamma, loguniform, norm, randint, uniform
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from skdl import MLPClassifier, MLPRegressor
from skdl.model_selection import default_space
from skdl.model_selection._space import make_space


def draw(distribution, n=200):
    """Return values of one parameter, and its distribution in the study."""
    space = make_space({"epochs": distribution}, MLPClassifier())
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    values = []
    for _ in range(n):
        trial = study.ask()
        values.append(space.suggest(trial)["epochs"])
        study.tell(trial, 0.0)
        frozen = study.get_trials(deepcopy=False)[-1]
        assert space.recall(frozen) == {"epochs": values[-1]}
    ((label, found),) = frozen.distributions.items()
    return values, found, label


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (uniform(0.1, 0.4), FloatDistribution(0.1, 0.5)),
        (loguniform(1e-4, 1e-1), FloatDistribution(1e-4, 1e-1, log=True)),
        (randint(3, 9), IntDistribution(3, 8)),
        (FloatDistribution(0, 1, step=0.25), FloatDistribution(0, 1, step=0.25)),
        (IntDistribution(1, 64, log=True), IntDistribution(1, 64, log=True)),
        (CategoricalDistribution([1, "a"]), CategoricalDistribution([1, "a"])),
        ([True, None, 0.5], CategoricalDistribution([True, None, 0.5])),
        ((1, 2), CategoricalDistribution([1, 2])),
        (np.array([1, 2]), CategoricalDistribution([1, 2])),
        (range(3), CategoricalDistribution([0, 1, 2])),
    ],
)
def test_a_distribution_is_the_same_one_in_the_study(given, expected):
    values, found, label = draw(given)
    assert found == expected
    assert label == "epochs"
    assert all(expected._contains(expected.to_internal_repr(v)) for v in values)


@pytest.mark.parametrize("frozen", [norm(3, 2), expon(scale=0.1)])
def test_any_other_distribution_is_searched_along_its_quantiles(frozen):
    values, found, label = draw(frozen, n=600)
    assert label == "epochs (quantile)"
    assert isinstance(found, FloatDistribution)
    assert np.isfinite(values).all()
    assert np.median(values) == pytest.approx(frozen.median(), rel=0.1)
    assert np.std(values) == pytest.approx(frozen.std(), rel=0.1)


def test_values_that_no_storage_keeps_are_chosen_by_their_text():
    scalers = [StandardScaler(), MinMaxScaler(), (64, 32)]
    values, found, _ = draw(scalers)
    assert found.choices == ("StandardScaler()", "MinMaxScaler()", "(64, 32)")
    assert {id(value) for value in values} == {id(scaler) for scaler in scalers}
    _, found, _ = draw([np.array([1, 2]), np.array([1, 2])])
    assert found.choices == ("0: array([1, 2])", "1: array([1, 2])")


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        ([], TypeError, "must be a dict of distributions, a list of such dicts"),
        (lambda trial: {}, ValueError, "returned an empty dict"),
        (lambda trial: None, TypeError, "must return a dict of parameters; .* None"),
        ([1], TypeError, r"param_distributions=\[1\] must be a dict"),
        ({3: [1]}, TypeError, "the name 3 must be a string"),
        (
            {"droput": [1]},
            ValueError,
            "no parameter 'droput'. The nearest .* 'dropout'",
        ),
        (
            lambda trial: {"lr": trial.suggest_float("lr", 0, 1)},
            ValueError,
            "MLPClassifier has no parameter 'lr'. The nearest that it has is",
        ),
        ({"dropout": 0.5}, TypeError, r"\['dropout'\]=0.5 is not a distribution"),
        ({"dropout": "relu"}, TypeError, "'relu' is not a distribution"),
        ({"dropout": []}, ValueError, r"\['dropout'\] is an empty list"),
        ({"dropout": gamma}, TypeError, "It has rvs, but is not frozen"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(space, error, message):
    with pytest.raises(error, match=message):
        make_space(space, MLPClassifier())


def test_the_nearest_name_of_a_pipeline_is_nested():
    steps = make_pipeline(StandardScaler(), MLPClassifier())
    with pytest.raises(ValueError, match="nearest .* 'mlpclassifier__dropout'"):
        make_space({"mlpclassifier__dropuot": [0.1]}, steps)


def test_parameters_of_a_step_that_is_searched_itself_are_known_later():
    steps = make_pipeline(StandardScaler(), MLPClassifier())
    space = {"mlpclassifier": [SVC()], "mlpclassifier__C": [1.0]}
    assert make_space(space, steps).draw_example()["mlpclassifier__C"] == 1.0


def test_a_function_that_has_changed_is_named():
    study = optuna.create_study()
    study.add_trial(
        optuna.trial.create_trial(
            value=1.0, params={"l2": 0.1}, distributions={"l2": FloatDistribution(0, 1)}
        )
    )
    space = make_space(
        lambda trial: {"l1": trial.suggest_float("l1", 0, 1)}, MLPClassifier()
    )
    with pytest.raises(ValueError, match="does not fit trial 0 of the study.*'l2'"):
        space.recall(study.trials[0])


@pytest.mark.parametrize("network", [MLPClassifier(), MLPRegressor()])
def test_the_default_space_is_one_for_the_network(network):
    steps = make_pipeline(StandardScaler(), make_pipeline(MinMaxScaler(), network))
    name = type(network).__name__.lower()
    space = default_space(steps)
    assert list(space) == [
        f"pipeline__{name}__{key}"
        for key in ("learning_rate", "dropout", "l2", "batch_size")
    ]
    steps.set_params(**make_space(space, steps).draw_example())


def test_the_default_space_leaves_the_learning_rate_to_an_optimizer_instance():
    network = MLPClassifier(optimizer=keras.optimizers.Adam(0.01))
    assert "learning_rate" not in default_space(network)


def test_there_is_no_default_space_for_others():
    with pytest.raises(TypeError, match="SVC is no network of skdl"):
        default_space(make_pipeline(StandardScaler(), SVC()))
