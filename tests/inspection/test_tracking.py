"""MLflow: what is logged is read back."""

import sys
import threading
import warnings

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdl import KerasClassifier, MLPClassifier
from skdl._utils._callbacks import EpochCallback
from skdl.inspection import compare
from skdl.model_selection import OptunaSearchCV
from tests.keras_models import build_classifier

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what MLflow says of its own type hints
    import mlflow.sklearn

pytestmark = pytest.mark.slow


@pytest.fixture
def client(own_mlflow, tmp_path):
    """A client of the store that is used where none is set."""
    return own_mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")


def read_runs(client, experiment="skdl"):
    number = client.get_experiment_by_name(experiment).experiment_id
    runs = client.search_runs([number], order_by=["attributes.start_time"])
    return {run.info.run_name: run for run in runs}


def pipeline():
    network = MLPClassifier(8, epochs=3, random_state=0)
    return make_pipeline(StandardScaler(), network)


def test_the_runs_of_a_comparison_are_read_back(client, iris, tmp_path):
    import keras

    momentum = keras.optimizers.SGD(0.1, momentum=0.9)
    variants = {
        "Adam": {},
        "SGD": {"mlpclassifier__optimizer": momentum},
    }
    found = compare(
        pipeline(), variants, *iris, random_state=0, tracking="mlflow", n_jobs=2
    )
    runs = read_runs(client)
    assert set(runs) == {"Adam", "SGD"}
    for kept in found.runs:
        run = runs[kept.variant]
        assert run.info.status == "FINISHED"
        assert run.data.params["mlpclassifier__hidden_layer_sizes"] == "8"
        assert run.data.params["mlpclassifier__optimizer"] == kept.variant.lower()
        assert run.data.metrics["final_val_score"] == kept.val_scores["score"]
        assert run.data.metrics["fit_seconds"] == kept.seconds
        assert run.data.tags["fold"] == "0"
        for name in ("loss", "val_accuracy"):
            logged = client.get_metric_history(run.info.run_id, name)
            assert [m.step for m in logged] == [1, 2, 3]
            assert [m.value for m in logged] == kept.history[name]
        artifacts = {each.path for each in client.list_artifacts(run.info.run_id)}
        assert artifacts == {"learning_curves.png", "model"}
    params = runs["SGD"].data.params
    assert params["mlpclassifier__optimizer__learning_rate"] == "0.1"
    assert params["mlpclassifier__optimizer__momentum"] == "0.9"
    assert not {"mlpclassifier__learning_rate", "mlpclassifier__momentum"} & {*params}
    run = runs["Adam"]
    assert run.data.params["mlpclassifier__learning_rate"] == "0.002"
    model = mlflow.sklearn.load_model(f"{run.info.artifact_uri}/model")
    assert model[-1].history_ == found.runs[0].history
    assert (tmp_path / "mlflow.db").exists()


def test_runs_that_are_kept_are_logged_once(client, iris, tmp_path):
    for values in ([0.0], [0.0, 0.1]):
        compare(
            pipeline(),
            {"mlpclassifier__l2": values},
            *iris,
            random_state=0,
            folder=tmp_path / "runs",
            tracking="mlflow",
        )
    runs = client.search_runs([client.get_experiment_by_name("skdl").experiment_id])
    assert sorted(run.info.run_name for run in runs) == ["l2=0.0", "l2=0.1"]


@pytest.mark.filterwarnings("ignore:learning_rate=.* is large")
def test_a_fit_that_fails_is_a_failed_run(client, iris):
    variants = {
        "good": {},
        "bad": {
            "mlpclassifier__optimizer": "sgd",
            "mlpclassifier__learning_rate": 1e30,
        },
    }
    with pytest.warns(match="1 of 2 fits failed"):
        compare(pipeline(), variants, *iris, random_state=0, tracking="mlflow")
    bad = read_runs(client)["bad"]
    assert bad.info.status == "FAILED"
    assert "diverged" in bad.data.tags["error"]
    assert "1e+30" in bad.data.tags["changes"]
    # By these one looks for those that diverge.
    assert bad.data.params["mlpclassifier__learning_rate"] == "1e+30"


def test_the_trials_of_a_search_are_read_back(client, iris, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "searches")
    search = OptunaSearchCV(
        pipeline(),
        {"mlpclassifier__learning_rate": loguniform(1e-4, 1e-1)},
        n_trials=4,
        cv=2,
        study_name="mine",
        random_state=0,
        tracking="mlflow",
    ).fit(*iris)
    runs = read_runs(client, "searches")
    assert len(runs) == 5
    for trial in search.study_.trials:
        run = runs[f"mine: trial {trial.number}"]
        rate = search.cv_results_["params"][trial.number][
            "mlpclassifier__learning_rate"
        ]
        assert float(run.data.params["mlpclassifier__learning_rate"]) == rate
        assert run.data.params["mlpclassifier__optimizer"] == "adam"
        curves = trial.user_attrs["curves"]
        for k, curve in enumerate(curves):
            logged = client.get_metric_history(run.info.run_id, f"fold{k}_test_score")
            assert [metric.value for metric in logged] == curve
        state = search.cv_results_["trial_state"][trial.number]
        assert run.data.tags["state"] == state
        if state == "complete":
            mean = search.cv_results_["mean_test_score"][trial.number]
            assert run.data.metrics["mean_test_score"] == pytest.approx(mean)
    best = runs["mine: best"]
    assert best.data.metrics["best_score"] == search.best_score_
    model = mlflow.sklearn.load_model(f"{best.info.artifact_uri}/model")
    np.testing.assert_array_equal(model.predict(iris[0]), search.predict(iris[0]))


def test_a_run_that_is_open_becomes_the_parent(client, iris, tmp_path):
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/other.db")
    mlflow.set_experiment("mine")
    with mlflow.start_run() as parent:
        compare(pipeline(), {"a": {}}, *iris, tracking="mlflow")
    found = mlflow.search_runs(experiment_names=["mine"], output_format="list")
    (child,) = [run for run in found if run.info.run_name == "a"]
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert client.get_experiment_by_name("skdl") is None


def test_the_experiment_that_is_set_is_used(client, iris, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", client.create_experiment("chosen"))
    compare(pipeline(), {"a": {}}, *iris, tracking="mlflow")
    assert list(read_runs(client, "chosen")) == ["a"]


def test_what_can_not_be_logged_is_a_warning(client, iris):
    class Unpicklable(EpochCallback):
        def __init__(self):
            self.lock = threading.Lock()

        def __deepcopy__(self, memo):
            return self

    variants = {"a": {"mlpclassifier__callbacks": Unpicklable()}, "b": {}}
    with pytest.warns(UserWarning, match="could not log all of the run 'a'"):
        found = compare(
            pipeline(),
            variants,
            *iris,
            scoring={"f1 (macro)": "f1_macro"},
            tracking="mlflow",
        )
    assert not found.frame()["val_f1 (macro)"].isna().any()
    runs = read_runs(client)
    assert runs["b"].data.metrics["final_val_f1 _macro_"] == pytest.approx(
        found.frame().loc["b", "val_f1 (macro)"]
    )


def test_a_run_that_can_not_be_made_is_a_warning(client, iris, monkeypatch):
    def away(*arguments, **settings):
        raise ConnectionError("the server is away")

    monkeypatch.setattr(mlflow.MlflowClient, "create_run", away)
    with pytest.warns(UserWarning, match="run 'a': the server is away"):
        found = compare(pipeline(), {"a": {}}, *iris, tracking="mlflow")
    assert not found.frame()["val_score"].isna().any()


def test_without_mlflow_it_is_said_how_to_get_it(monkeypatch, iris):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ImportError, match=r"pip install skdl\[mlflow\]"):
        compare(pipeline(), {"a": {}}, *iris, tracking="mlflow")


@pytest.fixture
def autolog(client, tmp_path):
    """Let MLflow log what scikit-learn fits; return what it has logged."""
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    number = client.create_experiment("auto", artifact_location=str(tmp_path / "a"))
    mlflow.set_experiment(experiment_id=number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of releases of scikit-learn that it knows
        mlflow.sklearn.autolog(silent=True, log_models=False)
    yield lambda: client.search_runs([number])
    mlflow.sklearn.autolog(disable=True)


@pytest.mark.filterwarnings("ignore::UserWarning:mlflow")
@pytest.mark.filterwarnings("ignore::FutureWarning:mlflow")
def test_autologging_logs_no_encoder_in_the_place_of_a_network(autolog, iris):
    own = KerasClassifier(
        build_classifier, loss="sparse_categorical_crossentropy", random_state=0
    )
    with mlflow.start_run():
        own.fit(*iris)
    (run,) = autolog()
    assert "estimator_class" not in run.data.tags
    assert not any("encoder" in name for name in run.data.params)
    with mlflow.start_run():
        pipeline().fit(*iris)
    params = autolog()[0].data.params
    assert params["mlpclassifier__epochs"] == "3"
