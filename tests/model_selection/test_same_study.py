"""What makes two searches the same study, and which trials may be put first."""

import tempfile
from copy import deepcopy

import numpy as np
import optuna
import pandas as pd
import polars as pl
import pytest
import sklearn
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import create_trial
from scipy.stats import kstest, loguniform, poisson, rv_discrete, truncnorm
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdl._utils._description import describe
from skdl._utils._fingerprint import describe_data, describe_estimator
from skdl.model_selection import OptunaSearchCV


class Quick(ClassifierMixin, BaseEstimator):
    """Predicts the first class; its score is that of its parameters."""

    def __init__(self, value=None, other=0.0):
        self.value = value
        self.other = other

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.fixture
def data():
    return np.arange(20.0).reshape(10, 2), np.arange(10) % 2


def search(space, **params):
    plain = dict(n_trials=3, cv=2, random_state=0, refit=False)
    return OptunaSearchCV(Quick(), space, **{**plain, **params})


def scaled(factor):
    def metric(y_true, y_pred):
        return factor * accuracy_score(y_true, y_pred)

    return make_scorer(metric)


# Long enough that its text is cut.
def tree(weight):
    return DecisionTreeClassifier(
        criterion="entropy",
        max_features=1,
        min_samples_leaf=2,
        min_samples_split=5,
        min_weight_fraction_leaf=weight,
    )


def function(add):
    return FunctionTransformer(lambda X: X + add)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            dict(cv=[(np.arange(8), np.arange(8, 10))]),
            dict(cv=[(np.arange(4), np.arange(4, 10))]),
        ),
        (
            dict(param_distributions={"value": [tree(0.1), None]}),
            dict(param_distributions={"value": [tree(0.5), None]}),
        ),
        (
            dict(param_distributions={"value": [function(1), None]}),
            dict(param_distributions={"value": [function(2), None]}),
        ),
        (dict(scoring=scaled(1)), dict(scoring=scaled(-5))),
        (dict(scoring={"one": scaled(1)}), dict(scoring={"one": scaled(-5)})),
    ],
    ids=["folds", "a long value", "a function", "a scorer", "scorers"],
)
def test_another_search_is_refused_by_a_study(data, tmp_path, first, second):
    kept = dict(storage=str(tmp_path / "journal.log"), study_name="one")
    space = {"value": [1, 2, 3]}
    search(space, **kept).set_params(**first).fit(*data)
    search(space, **kept).set_params(**first).fit(*data)  # the same one goes on
    with pytest.raises(ValueError, match="study_name"):
        search(space, **kept).set_params(**second).fit(*data)


class Several(Quick):
    """Holds estimators that are none of its parameters."""

    def __init__(self, models=(), value=None):
        self.models = models
        self.value = value


@pytest.mark.parametrize(
    ("space", "first", "second"),
    [
        ([{"value": [1, 2]}, {"other": [3.0]}], Quick(other=1), Quick(other=2)),
        (lambda trial: by_function(trial), Quick(value=1), Quick(value=2)),
        ({"value": [1, 2]}, Several([Quick(other=1)]), Several([Quick(other=2)])),
    ],
    ids=["a space has it", "a function may have it", "in a list"],
)
def test_what_some_trials_take_from_the_estimator_is_part_of_the_study(
    data, tmp_path, space, first, second
):
    kept = dict(storage=str(tmp_path / "journal.log"), study_name="one")
    search(space, **kept).set_params(estimator=first).fit(*data)
    with pytest.raises(ValueError, match="study_name"):
        search(space, **kept).set_params(estimator=second).fit(*data)


def test_what_all_trials_search_may_be_another_in_the_estimator(data, tmp_path):
    kept = dict(storage=tmp_path / "journal.log", study_name="one", n_trials=2)
    for value in (1, 2):
        found = search({"value": [1, 2]}, **kept)
        found.set_params(estimator=Quick(value)).fit(*data)
    assert len(found.cv_results_["params"]) == 2


def test_equal_dicts_have_one_text():
    assert describe({0: "a", 1: "b"}) == describe({1: "b", 0: "a"})
    assert describe({0: "a", 1: "b"}) != describe({0: "b", 1: "a"})


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")
def test_a_function_may_choose_among_tuples(data, tmp_path):
    def choose(trial):
        return {"value": trial.suggest_categorical("pair", [(0, (1, 2)), (-1, 1)])}

    kept = dict(storage=str(tmp_path / "a.log"), study_name="one")
    search(choose, **kept).fit(*data)
    found = search(choose, **kept, n_trials=6).fit(*data)
    tried = [params["value"] for params in found.cv_results_["params"]]
    assert set(tried) == {(0, (1, 2)), (-1, 1)}
    kept["storage"] = f"sqlite:///{tmp_path}/a.db"
    search(choose, **kept).fit(*data)
    more = search(choose, **kept, n_trials=6)
    if int(optuna.__version__.split(".")[0]) < 5:
        assert len(more.fit(*data).cv_results_["params"]) == 6
        return
    # Optuna compares them with the lists that it has read, since version 5.
    with pytest.raises(ValueError, match="keeps lists where choices are tuples"):
        more.fit(*data)


@pytest.mark.parametrize("given", [77.0, 0.5])
def test_a_value_that_a_distribution_of_scipy_never_gives_is_refused(data, given):
    space = {"other": truncnorm(0, 1, loc=1), "value": poisson(50)}
    with pytest.raises(ValueError, match=f"other={given}, which is not in the space"):
        search(space, enqueue=[{"other": given}]).fit(*data)
    with pytest.raises(ValueError, match="value=50.5, which is not in the space"):
        search(space, enqueue=[{"value": 50.5}]).fit(*data)
    found = search(space, enqueue=[{"other": 1.5, "value": 51}], n_trials=1).fit(*data)
    (tried,) = found.cv_results_["params"]
    assert tried == {"other": pytest.approx(1.5), "value": 51}


LEVELS = pd.Categorical(["a", "b", "a"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            pd.DataFrame({"x": [3, 1, 2]}),
            pd.DataFrame({"x": [3, 1, 2]}, dtype="category"),
        ),
        (pd.DataFrame({"x": LEVELS}), pd.DataFrame({"x": LEVELS.as_ordered()})),
        (pd.Series(LEVELS), pd.Series(LEVELS.reorder_categories(["b", "a"]))),
        (pd.Series(LEVELS), pd.Series(["a", "b", "a"])),
        (pl.DataFrame({"x": ["a"]}), pl.DataFrame({"z": ["a"]})),
        (
            pl.DataFrame({"x": ["a"]}, schema={"x": pl.String}),
            pl.DataFrame({"x": ["a"]}, schema={"x": pl.Enum(["a", "b"])}),
        ),
        ([[1, 2]], [[1, 3]]),
    ],
    ids=["numbers", "order", "codes", "text", "names", "Enum", "lists"],
)
def test_data_of_another_kind_are_other_data(one, other):
    assert describe_data({"X": one}) == describe_data({"X": deepcopy(one)})
    assert describe_data({"X": one}) != describe_data({"X": other})


def test_lists_are_the_data_that_arrays_are(data):
    X, y = data
    assert describe_data({"X": X.tolist()}) == describe_data({"X": X})


def test_a_parquet_file_holds_the_same_data(tmp_path):
    frame = pd.DataFrame(
        {
            "text": pd.Series(["a", None, "b"], dtype=object),
            "level": LEVELS.as_ordered(),
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "day": pd.to_datetime(["2020-01-01", None, "2021-01-01"]),
        }
    )
    frame.to_parquet(tmp_path / "data.parquet")
    read = pd.read_parquet(tmp_path / "data.parquet")
    assert describe_data({"X": read}) == describe_data({"X": frame})


def test_a_scorer_of_scikit_learn_is_described_by_its_metric():
    known = make_scorer(accuracy_score)
    assert describe(known) == describe(make_scorer(accuracy_score))
    assert describe(known) != describe(make_scorer(accuracy_score, normalize=False))
    assert "accuracy_score" in describe(known)


def test_a_table_of_probabilities_gives_its_own_values(data):
    table = rv_discrete(values=([0.1, 0.5], [0.5, 0.5]))
    found = search({"other": table}, n_trials=20).fit(*data)
    assert {params["other"] for params in found.cv_results_["params"]} == {0.1, 0.5}
    whole = rv_discrete(values=([3, 7], [0.5, 0.5]))
    found = search({"value": whole}, n_trials=20).fit(*data)
    values = {params["value"] for params in found.cv_results_["params"]}
    assert values == {3, 7}
    assert {type(value) for value in values} == {int}


def test_a_shifted_distribution_is_that_of_scipy(data):
    shifted = loguniform(1e-3, 1, loc=1)
    sampler = optuna.samplers.RandomSampler(seed=0)
    found = search({"other": shifted}, n_trials=200, sampler=sampler).fit(*data)
    drawn = [params["other"] for params in found.cv_results_["params"]]
    assert kstest(drawn, shifted.cdf).pvalue > 0.01


def by_function(trial):
    kind = trial.suggest_categorical("kind", ["small", "large"])
    if kind == "small":
        return {"other": 0.0}
    return {"other": 10 ** trial.suggest_float("exponent", -3, 3)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"other": 100.0}, "enqueue has 'other'.*asks for.*'kind'"),
        ({"exponent": 99.0}, "enqueue has exponent=99.0, which is not in"),
        ({"kind": "none"}, "enqueue has {'kind': 'none'}, which does not go with"),
    ],
)
def test_what_a_function_does_not_ask_for_is_not_tried(data, given, message):
    with pytest.raises(ValueError, match=message):
        search(by_function, enqueue=[given]).fit(*data)


def test_what_a_function_asks_for_is_tried_first(data):
    enqueued = [{"exponent": np.float64(2.0), "kind": "large"}, {"exponent": 1.0}]
    found = search(by_function, enqueue=enqueued, n_trials=2).fit(*data)
    assert found.cv_results_["params"][0] == {"other": 100.0}
    assert found.study_.trials[1].system_attrs["fixed_params"] == {"exponent": 1.0}


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (lambda trial: trial.study, "may use nothing of a trial but"),
        (lambda trial: optuna.TrialPruned(), "raised TrialPruned: it must return"),
    ],
    ids=["its study", "pruned"],
)
def test_what_a_function_may_do_is_said(data, raised, message):
    def space(trial):
        found = raised(trial)
        if isinstance(found, Exception):
            raise found
        return {"other": trial.suggest_float("other", 0, 1)}

    with pytest.raises(ValueError, match=message):
        search(space).fit(*data)


def test_a_function_that_asks_for_other_choices_is_named(data, tmp_path):
    kept = dict(storage=str(tmp_path / "journal.log"), study_name="one")

    def space(trial):
        return {"value": trial.suggest_categorical("value", choices)}

    choices = [1, 2]
    search(space, **kept).fit(*data)
    choices = [1, 2, 3]
    with pytest.raises(ValueError, match="asks for other choices of a parameter"):
        search(space, **kept, n_trials=6).fit(*data)


SCALERS = StandardScaler(), MinMaxScaler()
PRIORS = [np.array([0.5, 0.5]), np.array([0.1, 0.9])]


@pytest.mark.parametrize(
    ("space", "given"),
    [
        ({"value": SCALERS}, {"value": SCALERS[1]}),
        ({"value": PRIORS}, {"value": PRIORS[1]}),
        ({"value": IntDistribution(1, 10)}, {"value": np.int64(3)}),
        ({"value": [1, 2, 3]}, {"value": np.int64(3)}),
        (
            [{"value": [1, 2], "other": [0.0]}, {"value": [7], "other": [1.0]}],
            {"value": 7, "other": 1.0},
        ),
        ([{"value": [1], "other": [0.0]}, {"value": [2]}], {"value": 2}),
        ({"value": [np.datetime64("2020-01-01T00", "ns")]}, {}),
    ],
    ids=["estimators", "arrays", "NumPy", "a list", "spaces", "one name", "dates"],
)
def test_what_is_put_first_is_tried_first(data, tmp_path, space, given):
    storage = str(tmp_path / "journal.log")
    found = search(space, enqueue=[given], n_trials=2, storage=storage)
    first = clone(found).fit(*data).cv_results_["params"][0]
    assert {name: describe(first[name]) for name in given} == {
        name: describe(value.item() if isinstance(value, np.generic) else value)
        for name, value in given.items()
    }
    if not given:
        assert isinstance(first["value"], np.datetime64)


def test_a_parameter_may_be_called_space(data):
    class Spacious(Quick):
        def __init__(self, space=0, value=None):
            self.space = space
            self.value = value

    spaces = [{"space": [1, 2]}, {"value": [3]}]
    found = OptunaSearchCV(Spacious(), spaces, n_trials=9, cv=2, refit=False)
    tried = found.fit(*data).cv_results_["params"]
    assert {frozenset(params.items()) for params in tried} <= {
        frozenset({("space", 1)}),
        frozenset({("space", 2)}),
        frozenset({("value", 3)}),
    }


def test_trials_of_others_are_not_on_the_front(data):
    storage = optuna.storages.InMemoryStorage()
    directions = ["maximize", "minimize"]
    kept = dict(storage=storage, study_name="one", directions=directions)
    study = optuna.create_study(
        study_name="one", storage=storage, directions=directions
    )
    value = FloatDistribution(0, 1)
    scoring = {"p": lambda e, X, y: e.other, "q": lambda e, X, y: e.other}
    multi = search({"other": value}, scoring=scoring, **kept)
    multi.fit(*data)
    study.add_trial(
        create_trial(
            params={"other": 1.0}, distributions={"other": value}, values=[99.0, -99.0]
        )
    )
    found = multi.fit(*data)
    assert [t.number for t in found.best_trials_] == [0, 1, 2]
    assert found.cv_results_["pareto_optimal"].all()


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (dict(enqueue=[3]), TypeError, r"enqueue\[0\]=3 must be a dict"),
        (dict(callbacks=[3]), TypeError, r"callbacks\[0\]=3 must be a function"),
        (dict(storage=tempfile.gettempdir()), ValueError, "is a folder"),
    ],
    ids=["enqueue", "callbacks", "a folder"],
)
def test_what_is_given_is_named(data, params, error, message):
    with pytest.raises(error, match=message):
        search({"value": [1, 2]}).set_params(**params).fit(*data)


@pytest.mark.filterwarnings("ignore:.*contains a value with the type")
@pytest.mark.filterwarnings("ignore:BruteForceSampler is experimental")
def test_a_grid_of_what_a_study_keeps_by_labels_is_named(data):
    values = {"value": [None, {0: 2}]}
    grid = search(values, sampler=optuna.samplers.GridSampler(values))
    with pytest.raises(ValueError, match="has None for 'value'.*BruteForceSampler"):
        grid.fit(*data)
    found = search(values, sampler=optuna.samplers.BruteForceSampler()).fit(*data)
    tried = [params["value"] for params in found.cv_results_["params"]]
    assert sorted(map(str, tried)) == ["None", "{0: 2}"]


def test_training_scores_that_a_study_lacks_are_told(data, tmp_path):
    kept = dict(storage=str(tmp_path / "journal.log"), study_name="one")
    search({"value": [1, 2, 3]}, **kept).fit(*data)
    more = search({"value": [1, 2, 3]}, **kept, n_trials=5, return_train_score=True)
    with pytest.warns(
        UserWarning, match="3 complete trials of the study were run with"
    ):
        scores = more.fit(*data).cv_results_["mean_train_score"]
    assert np.isnan(scores).tolist() == [True, True, True, False, False]


def test_trials_that_fail_in_a_worker_are_told(data):
    class Failing(Quick):
        def fit(self, X, y):
            raise ValueError("no such day")

    failing = OptunaSearchCV(Failing(), {"value": [1, 2]}, n_trials=2, cv=2)
    with pytest.warns(FitFailedWarning, match="2 of 2 trials failed.*no such day"):
        counts = failing.run_trials(*data)
    assert counts == {"complete": 0, "pruned": 0, "failed": 2}


def test_what_is_requested_of_the_metadata_is_a_part_of_the_search(data):
    weight = np.where(data[1] == 1, 0.05, 1.0)
    names = set()
    with sklearn.config_context(enable_metadata_routing=True):
        for of_fit, of_score in [(True, True), (True, False), (False, True)]:
            tree = DecisionTreeClassifier(max_depth=1, random_state=0)
            tree.set_fit_request(sample_weight=of_fit)
            scorer = make_scorer(accuracy_score)
            scorer.set_score_request(sample_weight=of_score)
            found = OptunaSearchCV(
                tree, {"max_depth": [1]}, scoring=scorer, n_trials=1, cv=2
            )
            found.fit(*data, sample_weight=weight)
            names.add(found.study_.study_name)
    assert len(names) == 3


def test_what_is_requested_for_a_whole_with_an_estimator_in_it_counts(data):
    with sklearn.config_context(enable_metadata_routing=True):
        whole = CalibratedClassifierCV(DecisionTreeClassifier())
        plain = describe_estimator(whole)
        asked = clone(whole).set_fit_request(sample_weight=True)
        assert plain != describe_estimator(asked)


def test_another_state_of_random_numbers_is_another_value():
    for kind in (np.random.RandomState, np.random.default_rng):
        assert describe(kind(0)) == describe(kind(0)) != describe(kind(1))


def test_other_weights_are_another_model():
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    other = keras.models.clone_model(model)
    assert describe(model) != describe(other)
    other.set_weights(model.get_weights())
    assert describe(model) == describe(other)


def test_an_enqueued_candidate_is_one_of_the_space_with_just_its_names(data):
    space = [{"value": [1, 2], "other": [1.0, 2.0]}, {"value": [1, 2, 3]}]
    for enqueued in ({"value": 2}, {"value": 1, "other": 2.0}):
        found = search(space, n_trials=1, enqueue=[enqueued]).fit(*data)
        assert found.cv_results_["params"] == [enqueued]


def test_an_interrupted_refit_loses_no_trial(data):
    class Pressed(Quick):
        def fit(self, X, y):
            if pressed and len(X) == 10:
                raise pressed[0]
            return super().fit(X, y)

    ran = []
    found = OptunaSearchCV(
        Pressed(),
        {"value": [1, 2, 3]},
        n_trials=3,
        cv=2,
        random_state=0,
        callbacks=[lambda study, trial: ran.append(trial.number)],
    )
    pressed = [KeyboardInterrupt()]
    for number, error in enumerate((KeyboardInterrupt(), ValueError("no refit"))):
        pressed[0] = error
        with pytest.raises(type(error)):
            found.fit(*data)
        assert ran == [0, 1, 2], number
    # Another search does not go on with these.
    pressed.clear()
    for changed in ({"random_state": 1}, {"resume": False}, {"cv": 3}):
        other = deepcopy(found).set_params(**changed)
        other.fit(*data)
        assert len(ran) == 6
        del ran[3:]
    found.fit(*data)
    assert ran == [0, 1, 2]
    assert found._unfinished is None


def test_a_search_whose_trials_have_all_failed_runs_them_again(data):
    broken = [True]

    class Broken(Quick):
        def fit(self, X, y):
            if broken:
                raise ValueError("no disk")
            return super().fit(X, y)

    found = OptunaSearchCV(Broken(), {"value": [1, 2]}, n_trials=2, cv=2)
    with pytest.raises(ValueError, match="None of the 2 trials"):
        found.fit(*data)
    broken.clear()
    assert len(found.fit(*data).study_.trials) == 2
