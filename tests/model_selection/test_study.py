"""Studies in storages: going on, other searches, what can't be used, torn files."""

import copy
import gc
import json
import sqlite3
from contextlib import suppress

import keras
import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.exceptions import StorageInternalError
from optuna.pruners import (
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)
from optuna.storages import JournalStorage, RDBStorage
from optuna.trial import TrialState
from scipy.sparse import csr_matrix
from scipy.stats import loguniform
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdl import MLPClassifier
from skdl._utils._fingerprint import take_fingerprint
from skdl.model_selection import OptunaSearchCV, _queue, _study
from skdl.model_selection._queue import TrialQueue, counts
from skdl.model_selection._space import FunctionSpace
from skdl.model_selection._study import open_storage, open_study
from tests.model_selection.light import Sleeper, make_data, make_search

SPACE = {"learning_rate": loguniform(1e-3, 1e-1)}


def search(storage, **params):
    plain = MLPClassifier(8, epochs=6, batch_size=32, random_state=0)
    settings = dict(n_trials=4, cv=3, random_state=0, study_name="study")
    return OptunaSearchCV(plain, SPACE, storage=storage, **{**settings, **params})


def table_of(found):
    return pd.DataFrame(found.cv_results_).drop(
        columns=["mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"]
    )


# Going on


PRUNERS = [
    None,
    MedianPruner(2),
    NopPruner(),
    SuccessiveHalvingPruner(2, 2),
    HyperbandPruner(2, 18, 2),
]


@pytest.mark.slow
@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_study_goes_on_as_if_it_had_never_stopped(storage_url, iris, pruner):
    name = f"goes on {type(pruner).__name__}"
    for n_trials in (3, 7, 12):
        last = search(
            storage_url, n_trials=n_trials, pruner=pruner, study_name=name
        ).fit(*iris)
        assert len(last.study_.trials) == n_trials
    whole = search(None, n_trials=12, pruner=pruner, study_name=name).fit(*iris)
    pd.testing.assert_frame_equal(table_of(last), table_of(whole))


def test_a_study_that_is_full_runs_nothing(tmp_path, iris):
    url = f"sqlite:///{tmp_path}/study.db"
    first = search(url).fit(*iris)
    again = search(url).fit(*iris)
    pd.testing.assert_frame_equal(
        pd.DataFrame(first.cv_results_), pd.DataFrame(again.cv_results_)
    )
    fewer = search(url, n_trials=2).fit(*iris)
    assert len(fewer.cv_results_["params"]) == 4


def test_the_same_search_finds_its_study_without_a_name(tmp_path, iris):
    path = str(tmp_path / "journal.log")
    first = search(path, study_name=None).fit(*iris)
    again = search(path, study_name=None, n_trials=6).fit(*iris)
    assert again.study_.study_name == first.study_.study_name
    assert len(again.study_.trials) == 6
    other = search(path, study_name=None, cv=4).fit(*iris)
    assert other.study_.study_name != first.study_.study_name


@pytest.mark.parametrize("pruner", [None, HyperbandPruner(max_resource=18)])
def test_a_storage_object_is_used_as_it_is(tmp_path, iris, pruner):
    storage = JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal.log"))
    )
    found = search(storage, pruner=pruner).fit(*iris)
    assert optuna.get_all_study_names(storage) == ["study"]
    assert optuna.load_study(study_name="study", storage=storage).best_value == (
        found.best_score_
    )


def test_a_sampler_of_the_user_proposes_others_when_a_study_goes_on(tmp_path, iris):
    url = f"sqlite:///{tmp_path}/study.db"
    for n_trials in (3, 6):
        sampler = optuna.samplers.RandomSampler(seed=0)
        found = search(url, sampler=sampler, n_trials=n_trials).fit(*iris)
    rates = [p["learning_rate"] for p in found.cv_results_["params"]]
    assert len(set(rates)) == 6


def test_a_trial_that_the_user_put_into_the_queue_is_run(tmp_path, iris):
    url = f"sqlite:///{tmp_path}/study.db"
    found = search(url, n_trials=2).fit(*iris)
    found.study_.enqueue_trial({"learning_rate": 0.0123})
    found.study_.enqueue_trial({"learning_rate": 0.0456})
    more = search(url, n_trials=3).fit(*iris)
    assert more.cv_results_["params"][2] == {"learning_rate": 0.0123}
    # There was no place for the other one; it waits for one.
    more = search(url, n_trials=4).fit(*iris)
    assert more.cv_results_["params"][3] == {"learning_rate": 0.0456}


def test_a_grid_ends_the_search_when_it_is_exhausted(tmp_path, iris):
    rates = [0.001, 0.01, 0.1]
    grid = optuna.samplers.GridSampler({"learning_rate": rates}, seed=0)
    found = search(f"sqlite:///{tmp_path}/study.db", sampler=grid, n_trials=10).fit(
        *iris
    )
    tried = [params["learning_rate"] for params in found.cv_results_["params"]]
    assert sorted(tried) == rates


def test_what_two_processes_enqueue_at_once_is_run_once(tmp_path, iris, monkeypatch):
    put = optuna.Study.enqueue_trial

    def put_twice(self, params, **others):
        for _ in range(2):  # as where another process looks before this one has put it
            put(self, params)

    monkeypatch.setattr(optuna.Study, "enqueue_trial", put_twice)
    found = OptunaSearchCV(
        LogisticRegression(),
        {"C": [0.1, 1.0, 10.0]},
        enqueue=[{"C": 1.0}, {"C": 10.0}],
        n_trials=3,
        cv=2,
        storage=str(tmp_path / "study.log"),
        random_state=0,
    ).fit(*iris)
    assert len(found.cv_results_["params"]) == 3
    fixed = [t.system_attrs.get("fixed_params") for t in found.study_.get_trials()]
    counted = [f for f, t in zip(fixed, found.study_.trials, strict=True) if counts(t)]
    assert counted == [{"C": 1.0}, {"C": 10.0}, None]


class InterruptsOnce(LogisticRegression):
    pending = True

    def fit(self, X, y):
        if self.C == 0.1 and InterruptsOnce.pending:
            InterruptsOnce.pending = False
            raise KeyboardInterrupt
        return super().fit(X, y)


def test_a_grid_is_tried_whole_after_an_interrupt(tmp_path, iris):
    space = {"C": [0.01, 0.1, 1.0, 10.0]}
    InterruptsOnce.pending = True
    found = OptunaSearchCV(
        InterruptsOnce(),
        space,
        sampler=optuna.samplers.GridSampler(space, seed=0),
        n_trials=4,
        cv=2,
        storage=str(tmp_path / "study.log"),
    )
    with pytest.raises(KeyboardInterrupt):
        found.fit(*iris)
    found.fit(*iris)
    tried = [params["C"] for params in found.cv_results_["params"]]
    assert sorted(tried) == space["C"]


def test_two_processes_with_one_seeded_sampler_propose_different_trials(tmp_path):
    path = str(tmp_path / "study.log")
    sampler = optuna.samplers.RandomSampler(seed=0)
    (first, study), (second, other) = queue_of(path), queue_of(path)
    study.sampler, other.sampler = copy.deepcopy(sampler), copy.deepcopy(sampler)
    with first.open(), second.open():
        proposed = [
            queue.take()[1]["share"] for queue in (first, second, first, second)
        ]
    assert len(set(proposed)) == 4


def test_a_trial_that_was_lost_between_its_parameters_is_drawn_again(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    kept = {}

    def space(trial):
        first = trial.suggest_float("first", 0, 1)
        if interrupted and isinstance(trial, optuna.Trial) and trial.number == 1:
            raise KeyboardInterrupt
        return {"share": first * trial.suggest_float("second", 0, 1)}

    for interrupted in (False, True):
        name = f"interrupted {interrupted}"
        params = dict(param_distributions=space, study_name=name)
        if interrupted:
            with pytest.raises(KeyboardInterrupt):
                make_search(url, 3).set_params(**params).fit(*make_data())
            interrupted = False
        found = make_search(url, 3).set_params(**params).fit(*make_data())
        kept[name] = list(found.cv_results_["mean_test_score"])
    assert kept["interrupted True"] == kept["interrupted False"]


def test_signs_of_life_go_on_after_an_error_of_the_storage(tmp_path, monkeypatch):
    monkeypatch.setattr(_queue, "PULSE", 0.05)
    queue, study = queue_of(str(tmp_path / "study.log"))
    errors = [StorageInternalError("away"), OSError("away"), None]
    with queue.open():
        trial, _ = queue.take()
        write = trial.set_user_attr

        def fail_twice(*arguments):
            if errors[0] is None:
                return write(*arguments)
            raise errors.pop(0)

        monkeypatch.setattr(trial, "set_user_attr", fail_twice)
        for _ in range(100):
            if "skdl:alive" in study.get_trials()[0].user_attrs:
                break
            queue.stopped.wait(0.05)
        else:
            raise AssertionError("no sign of life any more")


# The wrong study


def change(name):
    X, y = make_data()
    weight = np.ones(10)
    return {
        "X": dict(data=(X + 1, y)),
        "y": dict(data=(X, 1 - y)),
        "sample_weight": dict(fit_params={"sample_weight": weight}),
        "folds": dict(cv=KFold(2, shuffle=True, random_state=1)),
        "space": dict(param_distributions={"share": [0.5], "spare": [0.5]}),
        "scoring": dict(scoring="accuracy"),
        "estimator": dict(estimator__seconds=0.02),
    }[name]


class Weighted(Sleeper):
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize(
    "subject", ["X", "y", "sample_weight", "folds", "space", "scoring", "estimator"]
)
@pytest.mark.filterwarnings("ignore:The scoring")
def test_a_study_of_another_search_is_refused_and_what_differs_is_named(
    tmp_path, subject
):
    url = f"sqlite:///{tmp_path}/study.db"
    base = dict(estimator=Weighted(), study_name="study")
    make_search(url, 2).set_params(**base).fit(*make_data())
    before = dump(tmp_path / "study.db")
    changed = change(subject)
    data, fit_params = changed.pop("data", make_data()), changed.pop("fit_params", {})
    other = make_search(url, 4).set_params(**base).set_params(**changed)
    named = "seconds 0.03" if subject == "estimator" else subject
    with pytest.raises(ValueError, match=f"to another search.*{named}") as caught:
        other.fit(*data, **fit_params)
    assert str(caught.value).count(" in the study, ") == 1
    assert dump(tmp_path / "study.db") == before


def dump(path):
    with sqlite3.connect(path) as connection:
        return list(connection.iterdump())


def test_what_changes_nothing_is_no_other_search(tmp_path):
    X, y = make_data()
    steps = make_pipeline(StandardScaler(), LogisticRegression())
    space = {"logisticregression__C": loguniform(0.1, 10)}
    url = f"sqlite:///{tmp_path}/study.db"
    params = dict(cv=2, storage=url, study_name="study", random_state=0)
    OptunaSearchCV(steps, space, n_trials=1, **params).fit(X, y)
    steps.set_params(verbose=False, memory=str(tmp_path))
    OptunaSearchCV(steps, space, n_trials=2, verbose=0, n_jobs=2, **params).fit(X, y)


def test_what_is_missing_now_is_another_search_too(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    weighted = make_search(url, 2, study_name="study").set_params(estimator=Weighted())
    with pytest.warns(UserWarning, match="does not support sample_weight"):
        weighted.fit(*make_data(), sample_weight=np.ones(10))
    with pytest.raises(
        ValueError, match=r"sample_weight \(10 \w+ in the .* none here\)"
    ):
        weighted.fit(*make_data())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (KFold(2), KFold(5)),
        (TimeSeriesSplit(3), TimeSeriesSplit(3, max_train_size=2)),
    ],
)
def test_other_folds_are_another_search(tmp_path, first, second):
    url = f"sqlite:///{tmp_path}/study.db"
    make_search(url, 1, study_name="study").set_params(cv=first).fit(*make_data())
    with pytest.raises(ValueError, match="what differs: folds"):
        make_search(url, 2, study_name="study").set_params(cv=second).fit(*make_data())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (keras.optimizers.Adam(0.1), keras.optimizers.Adam(0.01)),
        (np.zeros(2000), np.eye(1, 2000).ravel()),
        (np.mean, np.sum),
    ],
)
def test_other_settings_of_the_estimator_are_another_search(first, second):
    folds = [(np.arange(5), np.arange(5))]
    taken = [
        take_fingerprint(Sleeper(seconds=value), _StubSpace(), None, folds, {})
        for value in (first, copy.deepcopy(first), second)
    ]
    assert taken[0] == taken[1]
    assert taken[0] != taken[2]


def test_a_space_function_that_has_changed_is_refused_before_a_fit(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"

    def space(trial):
        return {"share": trial.suggest_float(name, 0, 1)}

    name = "first"
    params = dict(param_distributions=space, study_name="study")
    make_search(url, 2).set_params(**params).fit(*make_data())
    name = "second"
    before = dump(tmp_path / "study.db")
    with pytest.raises(ValueError, match="does not fit trial 0 of the study"):
        make_search(url, 4).set_params(**params).fit(*make_data())
    assert dump(tmp_path / "study.db") == before


def as_frame(X):
    return pd.DataFrame(X, columns=["a", "b"])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (as_frame, lambda X: as_frame(X).rename(columns={"a": "c"})),
        (as_frame, lambda X: as_frame(X).assign(b=[*range(1, 20, 2)][::-1])),
        (lambda X: X.astype(str), lambda X: (X + 1).astype(str)),
        (csr_matrix, lambda X: csr_matrix(X * 2)),
        (lambda X: X, lambda X: X.astype(np.float32)),
        (lambda X: X, lambda X: X[:, ::-1]),
    ],
)
def test_other_data_have_another_fingerprint(first, second):
    X, y = make_data()
    taken = [
        take_fingerprint(
            Sleeper(), _StubSpace(), None, [(np.arange(5), np.arange(5))], {"X": data}
        )
        for data in (first(X), first(X), second(X))
    ]
    assert taken[0] == taken[1]
    assert [name for name in taken[0] if taken[0][name] != taken[2][name]] == ["X"]


class _StubSpace:
    def searched_by_all(self):
        return {}

    def describe(self):
        return ""


def test_a_study_that_goes_the_other_way_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(study_name="study", storage=url, direction="minimize")
    before = dump(tmp_path / "study.db")
    with pytest.raises(ValueError, match="'study' has the direction minimize"):
        make_search(url, 2, study_name="study").fit(*make_data())
    assert dump(tmp_path / "study.db") == before


def test_a_study_that_others_made_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(study_name="study", storage=url, direction="maximize")
    study.optimize(lambda trial: trial.suggest_float("share", 0, 1), n_trials=1)
    with pytest.raises(ValueError, match="not made by OptunaSearchCV"):
        make_search(url, 2, study_name="study").fit(*make_data())


@pytest.mark.parametrize(
    ("resume", "message"),
    [(True, "no study 'new'. It has: 'study'"), (False, "has a study 'study' already")],
)
def test_resume_says_whether_the_study_must_be_there(tmp_path, resume, message):
    url = f"sqlite:///{tmp_path}/study.db"
    make_search(url, 2, study_name="study").fit(*make_data())
    name = "new" if resume else "study"
    with pytest.raises(ValueError, match=message):
        make_search(url, 2, study_name=name, resume=resume).fit(*make_data())
    names = optuna.get_all_study_names(url)
    assert names == ["study"]


# What can't be used


@pytest.mark.parametrize(
    ("storage", "error", "message"),
    [
        (3, TypeError, "storage=3 must be a database URL"),
        ("", TypeError, "must be a database URL"),
        ("sqlite:////no/such/folder/study.db", ConnectionError, "folder exists"),
        ("/no/such/folder/study.log", ConnectionError, "path of a journal file"),
        (
            "study.db",
            ValueError,
            "called like a file of SQLite: give 'sqlite:///study.db'",
        ),
        ("nodatabase://host/study", ConnectionError, "driver"),
        (
            "postgresql+psycopg://me:secret@127.0.0.1:1/study",
            ConnectionError,
            r"me:\*\*\*@127.0.0.1:1/study' can't be used.*that the server runs",
        ),
    ],
)
def test_a_storage_that_cannot_be_reached_is_named(storage, error, message):
    with pytest.raises(error, match=message) as caught:
        make_search(storage, 1).fit(*make_data())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("lock", ["EXCLUSIVE", "IMMEDIATE"])
def test_a_storage_that_is_locked_is_named(tmp_path, monkeypatch, lock):
    monkeypatch.setattr(_study, "LOCK_TIMEOUT", 0.1)
    path = tmp_path / "study.db"
    optuna.create_study(study_name="other", storage=f"sqlite:///{path}")
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute(f"BEGIN {lock}")
        with pytest.raises(ConnectionError, match="Another process holds the file"):
            make_search(f"sqlite:///{path}", 1).fit(*make_data())
        connection.execute("ROLLBACK")
    connection.close()


def test_a_file_that_is_no_study_is_named(tmp_path):
    (tmp_path / "study.db").write_text("no database")
    with pytest.raises(ConnectionError, match="the file is an Optuna study"):
        make_search(f"sqlite:///{tmp_path}/study.db", 1).fit(*make_data())
    assert (tmp_path / "study.db").read_text() == "no database"


@pytest.mark.parametrize("content", [b"SQLite format 3", b"a,b\n1,2\n3", b"{}"])
def test_a_file_that_is_no_journal_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is a file, but not an Optuna journal"):
        make_search(str(path), 1).fit(*make_data())
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (dict(n_trials=0), ValueError, "'n_trials' parameter"),
        (dict(timeout=0), ValueError, "'timeout' parameter"),
        (dict(sampler="tpe"), ValueError, "'sampler' parameter"),
        (dict(pruner="median"), ValueError, "'pruner' parameter"),
        (dict(resume="yes"), ValueError, "'resume' parameter"),
        (dict(study_name=3), ValueError, "'study_name' parameter"),
        (dict(error_score="ignore"), ValueError, "'error_score' parameter"),
        (dict(pruner=MedianPruner()), ValueError, "Sleeper is no network of skdl"),
        (dict(param_distributions=[]), TypeError, "must be a dict"),
        (dict(param_distributions={"shar": [1]}), ValueError, "nearest .* 'share'"),
        (dict(param_distributions={"share": 1}), TypeError, "not a distribution"),
        (dict(scoring="acuracy"), ValueError, "'scoring' parameter"),
        (dict(scoring=["accuracy", "f1"]), ValueError, "refit must be set"),
        (dict(cv=20), ValueError, "n_splits=20"),
        (dict(cv=[]), ValueError, "cv=.* has no folds"),
        (dict(n_jobs=0), ValueError, "n_jobs == 0"),
        (
            dict(storage="sqlite:///:memory:", n_jobs=2),
            ValueError,
            "storage='sqlite:///:memory:' belongs to one thread",
        ),
    ],
)
def test_bad_parameters_are_named_before_the_storage_is_touched(
    tmp_path, params, error, message
):
    url = f"sqlite:///{tmp_path}/study.db"
    with pytest.raises(error, match=message):
        make_search(url, 1).set_params(**params).fit(*make_data())
    assert list(tmp_path.iterdir()) == []


# Torn journals


@pytest.mark.slow
@pytest.mark.parametrize("torn", ['{"op_code":5,"wor', "{", '{"op_code":4}garbage'])
def test_a_journal_whose_last_line_was_torn_is_read_and_goes_on(tmp_path, torn):
    path = tmp_path / "journal.log"
    first = make_search(str(path), 5, study_name="study").fit(*make_data())
    whole = path.read_bytes()
    path.write_bytes(whole + torn.encode())
    again = make_search(str(path), 8, study_name="study").fit(*make_data())
    assert len(again.cv_results_["params"]) == 8
    for name in ("params", "mean_test_score"):
        assert list(again.cv_results_[name][:5]) == list(first.cv_results_[name])
    assert path.read_bytes().startswith(whole)
    assert all(json.loads(line) for line in path.read_bytes().splitlines())
    # Any reader can read it again: without our storage, too.
    plain = JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    study = optuna.load_study(study_name="study", storage=plain)
    assert len(study.trials) == 8


def test_a_journal_torn_in_a_trial_loses_that_trial_only(tmp_path):
    path = tmp_path / "journal.log"
    make_search(str(path), 5, study_name="study").fit(*make_data())
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][: len(lines[-1]) // 2])
    again = make_search(str(path), 5, study_name="study").fit(*make_data())
    assert len(again.cv_results_["params"]) == 5
    states = [trial.state for trial in again.study_.trials]
    assert states == [TrialState.COMPLETE] * 4 + [TrialState.FAIL, TrialState.COMPLETE]


# Trials of processes that died


def queue_of(url, n_trials=5, **params):
    storage = open_storage(url)
    study = optuna.create_study(
        study_name="study", storage=storage, direction="maximize", load_if_exists=True
    )

    def suggest(trial):
        return {"share": trial.suggest_float("share", 0, 1)}

    space = FunctionSpace(suggest)
    return TrialQueue(study, storage, n_trials, None, None, space, **params), study


def states_of(study):
    return [trial.state.name for trial in study.get_trials()]


def test_a_trial_of_an_open_queue_is_left_alone(storage_url):
    first, study = queue_of(storage_url)
    with first.open():
        trial, _ = first.take()
        second, _ = queue_of(storage_url)
        with second.open():
            other, _ = second.take()
        assert other.number != trial.number
        assert first.finish(trial, TrialState.COMPLETE, 1.0)
    optuna.delete_study(study_name="study", storage=study._storage)


def test_a_trial_of_a_closed_queue_is_run_again(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    first, study = queue_of(url)
    with first.open():
        trial, params = first.take()
    second, _ = queue_of(url)
    with second.open():
        again, params_again = second.take()
    assert params_again == params
    assert states_of(study) == ["FAIL", "RUNNING"]
    assert not first.finish(trial, TrialState.COMPLETE, 1.0)  # it came too late
    assert second.finish(again, TrialState.COMPLETE, 0.5)
    assert [counts(trial) for trial in study.get_trials()] == [False, True]


@pytest.mark.parametrize("when", ["while it is drawn", "before it begins"])
def test_a_trial_that_is_interrupted_before_it_begins_is_given_back(tmp_path, when):
    queue, study = queue_of(f"sqlite:///{tmp_path}/study.db")

    def suggest(trial):
        params = {"share": trial.suggest_float("share", 0, 1)}
        if when == "while it is drawn" and isinstance(trial, optuna.Trial):
            raise KeyboardInterrupt
        return params

    queue._space = FunctionSpace(suggest)
    with suppress(KeyboardInterrupt), queue.open():
        queue.take()
        raise KeyboardInterrupt
    assert states_of(study) == ["FAIL", "WAITING"]
    first, second = study.get_trials()
    assert first.user_attrs["skdl:lost"] == "interrupted"
    assert second.params == first.params


@pytest.mark.slow
def test_a_trial_of_another_machine_is_run_again_when_it_gives_no_signs_of_life(
    tmp_path, monkeypatch
):
    url = f"sqlite:///{tmp_path}/study.db"
    monkeypatch.setattr(_queue, "GRACE", 1.0)
    monkeypatch.setattr(_queue, "PULSE", 0.2)
    first, study = queue_of(url, n_trials=1)
    first._owner["machine"] = "another"
    second, _ = queue_of(url, n_trials=1)
    with second.open():
        with first.open():
            trial, params = first.take()
            for _ in range(10):  # twice as long as GRACE
                second.stopped.wait(0.2)
                second._retry_lost()
            assert states_of(study) == ["RUNNING"]  # it gives signs of life
        again, params_again = second.take()
    assert params_again == params
    assert states_of(study) == ["FAIL", "RUNNING"]


def test_no_more_trials_are_handed_out_than_the_study_shall_have(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    queues = [queue_of(url, n_trials=3)[0] for _ in range(2)]
    study = queue_of(url)[1]
    taken = []
    with queues[0].open(), queues[1].open():
        for k in (0, 1, 0):
            taken.append((queues[k], queues[k].take()[0]))
        for queue, trial in taken:
            queue.finish(trial, TrialState.COMPLETE, 1.0)
        assert queues[0].take() is None
        assert queues[1].take() is None
    assert sum(map(counts, study.get_trials())) == 3


def test_a_trial_that_was_given_up_and_not_put_back_is_put_back(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/study.db"
    first, study = queue_of(url)
    with first.open():
        first.take()
    second, _ = queue_of(url)
    monkeypatch.setattr(second, "_put_again", lambda trial: None)  # as if killed there
    with second.open():
        pass
    assert states_of(study) == ["FAIL"]
    third, _ = queue_of(url)
    with third.open():
        again, _ = third.take()
    assert again.user_attrs["skdl:retry_of"] == 0


def test_pool_of_a_database_is_closed_with_its_storage(tmp_path):
    storage = open_storage(f"sqlite:///{tmp_path}/study.db")
    assert isinstance(storage, RDBStorage)
    engine, pool = storage.engine, storage.engine.pool
    optuna.get_all_study_names(storage)
    assert pool.checkedin() > 0
    del storage
    gc.collect()
    assert pool.checkedin() == 0
    assert engine.pool is not pool


def test_a_study_needs_no_name(tmp_path):
    fingerprint = take_fingerprint(
        Sleeper(), _StubSpace(), None, [(np.arange(5), np.arange(5))], {}
    )
    storage = open_storage(None)
    study = open_study(storage, None, None, "auto", fingerprint, None, None)
    assert study.study_name == f"skdl-{fingerprint.short()}"
