"""Processes that are killed while they search: nothing finished may be lost."""

import random
import subprocess
import sys
import time

import optuna
import pytest
import sqlalchemy
from optuna.trial import TrialState, create_trial

from skdl.model_selection._queue import OWNER, TrialQueue, _this_process, counts
from skdl.model_selection._study import open_storage
from tests.model_selection.light import make_data, make_search, run_search

KILLS = 12
DEADLINE = 600  # seconds after which what is waited for hangs, however busy it is here
N_TRIALS = 40


def read_study(url, name, storage=None):
    """Return the trials, as a reader that comes later finds them."""
    storage = storage or open_storage(url)
    if name not in optuna.get_all_study_names(storage):
        return []
    return optuna.load_study(study_name=name, storage=storage).get_trials()


def finished(trials):
    return {t.number: t.value for t in trials if t.state == TrialState.COMPLETE}


def wait_for_trials(url, name, n_finished):
    """Wait until so many trials are finished."""
    deadline = time.monotonic() + DEADLINE
    storage = open_storage(url)  # once: to open it takes longer than to read it
    while len(finished(read_study(url, name, storage))) < n_finished:
        assert time.monotonic() < deadline
        time.sleep(0.05)


# Optuna says so where a process was killed while it held the lock of a journal file.
@pytest.mark.filterwarnings("ignore:The existing lock file has not been released")
@pytest.mark.slow
def test_twelve_kills_lose_nothing_and_count_nothing_twice(storage_url, processes):
    dice = random.Random(0)
    open_storage(storage_url)
    kept = {}
    for _ in range(KILLS):
        # It finishes so many trials of two folds, and perhaps begins another one.
        n_more, n_fits = dice.randint(0, 4), dice.randint(0, 1)
        leave = processes.Semaphore(2 * n_more + n_fits)
        search = processes.Process(
            target=run_search,
            args=(storage_url, N_TRIALS, leave),
            kwargs={"study_name": "killed"},
        )
        search.start()
        # Some are killed while they begin, others between trials and in them.
        wait_for_trials(storage_url, "killed", len(kept) + n_more)
        search.join(dice.uniform(0, 0.1))
        search.kill()
        search.join()
        trials = read_study(storage_url, "killed")
        assert kept.items() <= finished(trials).items()
        kept = finished(trials)
    assert 0 < len(kept) < N_TRIALS, "the kills must fall into the search"
    killed_at = read_study(storage_url, "killed")

    search = run_search(storage_url, N_TRIALS, study_name="killed")

    trials = read_study(storage_url, "killed")
    assert kept.items() <= finished(trials).items()
    assert all(trial.state.is_finished() for trial in trials)
    counted = [trial for trial in trials if counts(trial)]
    assert len(counted) == len(search.cv_results_["params"]) == N_TRIALS
    assert all(trial.state == TrialState.COMPLETE for trial in counted)
    # Each trial that was lost was run again, once, with the same parameters.
    lost = [trial for trial in trials if not counts(trial)]
    again = {
        t.user_attrs["skdl:retry_of"]: t
        for t in trials
        if "skdl:retry_of" in t.user_attrs
    }
    assert len(lost) >= sum(t.state == TrialState.RUNNING for t in killed_at)
    assert sorted(again) == [trial.number for trial in lost]
    for trial in lost:
        assert trial.params.items() <= again[trial.number].params.items()
    # And the study is the one that it would have been without the kills.
    whole = make_search(None, N_TRIALS).fit(*make_data())
    params = [trial.params for trial in counted]
    expected = [trial.params for trial in whole.study_.get_trials()]
    assert sorted(params, key=repr) == sorted(expected, key=repr)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "journal", "postgresql"])
def test_processes_that_begin_at_once_on_an_empty_storage(request, tmp_path, kind):
    processes = request.getfixturevalue("processes")
    url = {
        "sqlite": f"sqlite:///{tmp_path}/study.db",
        "journal": f"{tmp_path}/log",
    }.get(kind)
    if kind == "postgresql":
        url = make_database(request.getfixturevalue("postgresql"))
    together = [
        processes.Process(
            target=run_search, args=(url, 12), kwargs={"study_name": "at once"}
        )
        for _ in range(5)
    ]
    for process in together:
        process.start()
    for process in together:
        process.join(DEADLINE)
    assert [process.exitcode for process in together] == [0] * 5
    trials = read_study(url, "at once")
    assert sum(map(counts, trials)) == 12
    assert all(trial.state.is_finished() for trial in trials)


def test_a_lost_trial_behind_the_last_place_is_not_put_again(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    search = make_search(url, 2, study_name="full").fit(*make_data())
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    )
    owner = {**_this_process(), "process": int(gone.stdout), "queue": "another"}
    late = create_trial(state=TrialState.RUNNING, user_attrs={OWNER: owner})
    search.study_.add_trial(late)
    search.fit(*make_data())
    trials = read_study(url, "full")
    assert [trial.state.name for trial in trials] == ["COMPLETE", "COMPLETE", "FAIL"]
    assert sum(map(counts, trials)) == 2


def make_database(server):
    """Return the URL of a new database."""
    engine = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("CREATE DATABASE empty"))
    engine.dispose()
    return server.rsplit("/", 1)[0] + "/empty"


def test_a_trial_that_was_put_and_not_taken_is_taken_back(monkeypatch, tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    search = make_search(url, 2, study_name="full")
    take = TrialQueue._take

    def take_of_two_that_put_at_once(queue, waiting):
        taken = take(queue, waiting)
        if len(queue._study.trials) == 2:
            # The other has put a trial too, and took this one's.
            queue._put_into_queue({}, {}, {}, {})
        return taken

    monkeypatch.setattr(TrialQueue, "_take", take_of_two_that_put_at_once)
    search.fit(*make_data())
    states = [trial.state.name for trial in read_study(url, "full")]
    assert states == ["COMPLETE", "COMPLETE", "FAIL"]
