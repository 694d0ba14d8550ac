"""Workers: processes that share one study."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

from skdl import worker
from skdl.model_selection._queue import counts
from skdl.model_selection._study import open_storage
from tests.model_selection.light import Sleeper, make_data, make_search

# Seconds after which a process that is waited for hangs, however busy the machine is.
DEADLINE = 600
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def files(tmp_path):
    """A search and its data, as workers read them."""
    X, y = make_data()
    joblib.dump((X, y), tmp_path / "data.joblib")
    table = pd.DataFrame(X, columns=["a", "b"]).assign(label=y)
    table.to_parquet(tmp_path / "data.parquet")
    joblib.dump(make_search(None, 5), tmp_path / "search.joblib")
    return tmp_path


def arguments(files, data="data.joblib", *more):
    return [
        f"--storage=sqlite:///{files}/study.db",
        "--study=shared",
        f"--search={files}/search.joblib",
        f"--data={files}/{data}",
        *more,
    ]


@pytest.mark.parametrize(
    "data",
    [("data.joblib",), ("data.parquet", "--target=label")],
    ids=["joblib", "parquet"],
)
def test_a_worker_runs_the_missing_trials(files, data, capsys):
    assert worker.main(arguments(files, *data)) == 0
    expected = "Study 'shared': {'complete': 5, 'pruned': 0, 'failed': 0}\n"
    assert capsys.readouterr().out == expected
    assert worker.main(arguments(files, *data)) == 0  # and there are none any more
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (("data.parquet",), "--target None must be a column .* has 'a', 'b', 'label'"),
        (("data.parquet", "--target=c"), "--target 'c' must be a column"),
        (("data.joblib", "--target=c"), "--target is for parquet files"),
        (("search.joblib",), "or a dict of fit arguments, but holds OptunaSearchCV"),
        (("nothing.joblib",), "No such file"),
        (("text.joblib",), "--data .*text.joblib can't be loaded: "),
    ],
)
def test_what_a_worker_cannot_use_is_named(files, data, message, capsys):
    (files / "text.joblib").write_text("no joblib file")
    assert worker.main(arguments(files, *data)) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not (files / "study.db").exists()


def test_a_worker_without_an_optional_package_says_so_in_one_line(
    files, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert worker.main(arguments(files, "data.parquet", "--target=label")) == 2
    error = capsys.readouterr().err
    assert "pyarrow" in error
    assert "Traceback" not in error


def test_a_worker_wants_a_search(files, capsys):
    joblib.dump(Sleeper(), files / "search.joblib")
    assert worker.main(arguments(files)) == 2
    assert "must hold an OptunaSearchCV, but holds Sleeper" in capsys.readouterr().err


@pytest.mark.slow
def test_four_workers_share_a_study_and_one_is_killed(files, postgresql):
    n_trials = 80
    search = make_search(None, n_trials)
    search.set_params(estimator=Sleeper(seconds=0.1))
    joblib.dump(search, files / "search.joblib")
    command = [sys.executable, "-m", "skdl.worker", *arguments(files)]
    command[3:5] = [f"--storage={postgresql}", "--study=shared by four"]
    workers = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    storage = open_storage(postgresql)
    victim = workers[1]
    kept = end_in_a_trial(victim, storage, 5, "shared by four", signal.SIGKILL)
    outputs = [process.communicate(timeout=600)[0] for process in workers]
    assert [process.returncode for process in workers] == [0, -signal.SIGKILL, 0, 0]
    counts_in_words = f"{{'complete': {n_trials}, 'pruned': 0, 'failed': 0}}"
    for k in (0, 2, 3):
        assert outputs[k] == f"Study 'shared by four': {counts_in_words}\n"

    trials = optuna.load_study(
        study_name="shared by four", storage=storage
    ).get_trials()
    counted = [trial for trial in trials if counts(trial)]
    assert len(counted) == n_trials
    assert {trial.state for trial in counted} == {TrialState.COMPLETE}
    assert all(trial.state.is_finished() for trial in trials)
    complete = {t.number: t.value for t in counted}
    assert kept.items() <= complete.items()
    owners = {trial.user_attrs["skdl:owner"]["process"] for trial in counted}
    # On a busy machine one may begin when the others have done everything.
    assert victim.pid in owners
    assert owners <= {process.pid for process in workers}
    assert len(owners) > 1
    # The trial that the killed one had was run by another, with the same parameters.
    (lost,) = [
        t for t in trials if t.user_attrs.get("skdl:lost") == "its process has died"
    ]
    assert lost.user_attrs["skdl:owner"]["process"] == victim.pid
    (again,) = [t for t in counted if t.user_attrs.get("skdl:retry_of") == lost.number]
    assert lost.params.items() <= again.params.items()


def end_in_a_trial(process, storage, at_least, name, how):
    """Send a signal to a process that has finished some trials while it runs another.

    It is stopped before it is looked at, so that it can't finish that one meanwhile.
    Returns the trials of all processes that were finished by then.
    """
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        wait_for_trials_of(process.pid, storage, at_least, name)
        process.send_signal(signal.SIGSTOP)
        done, running = trials_of(process.pid, storage, name)
        if running:
            process.send_signal(how)
        process.send_signal(signal.SIGCONT)
        if running:
            return done
    raise AssertionError("the worker is never in a trial")


def wait_for_trials_of(process, storage, at_least, name):
    """Wait until a process has finished some trials and runs another."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if name in optuna.get_all_study_names(storage):
            done, running = trials_of(process, storage, name, theirs_only=True)
            if len(done) >= at_least and running:
                return
        time.sleep(0.05)
    raise AssertionError("the worker finishes no trials")


def trials_of(process, storage, name, theirs_only=False):
    """Return the finished trials with their values, and whether the process has one."""
    trials = optuna.load_study(study_name=name, storage=storage).get_trials()
    theirs = [t for t in trials if _process(t) == process]
    running = any(t.state == TrialState.RUNNING and t.params for t in theirs)
    shown = theirs if theirs_only else trials
    done = {t.number: t.value for t in shown if t.state == TrialState.COMPLETE}
    return done, running


def _process(trial):
    return trial.user_attrs.get("skdl:owner", {}).get("process")


@pytest.mark.slow
def test_sigterm_gives_the_running_trial_back(files):
    search = make_search(None, 500).set_params(estimator=Sleeper(seconds=0.5))
    joblib.dump(search, files / "search.joblib")
    process = subprocess.Popen(
        [sys.executable, "-m", "skdl.worker", *arguments(files)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (files / "study.db").exists():
        time.sleep(0.1)
    storage = open_storage(f"sqlite:///{files}/study.db")
    end_in_a_trial(process, storage, 1, "shared", signal.SIGTERM)
    errors = process.communicate(timeout=600)[1]
    assert process.returncode == 130
    assert errors == "Interrupted: the trials that ran will be run again.\n"
    trials = optuna.load_study(study_name="shared", storage=storage).get_trials()
    assert [trial.state.name for trial in trials[-2:]] == ["FAIL", "WAITING"]
    assert trials[-2].user_attrs["skdl:lost"] == "interrupted"
    assert trials[-1].params == trials[-2].params
