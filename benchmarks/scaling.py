"""Many processes on one study: ``python -m benchmarks.scaling --help``.

First, the trials a second that each storage holds: 1 and 4 processes whose trials do
nothing. Then what more processes, or threads, gain where trials train networks.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import multiprocessing
import tempfile
import time
import uuid

import numpy as np
import optuna
import pandas as pd
from sklearn.dummy import DummyClassifier

from benchmarks._measure import show
from skdl.model_selection import OptunaSearchCV, default_space
from skdl.model_selection._study import open_storage

TIMEOUT = 120  # seconds for all workers to be there
IDLE_SPACE = {"random_state": list(range(1000))}


def idle_search(**params):
    """Return a search whose trials do next to nothing."""
    idle = DummyClassifier(strategy="prior")
    return OptunaSearchCV(idle, IDLE_SPACE, cv=2, refit=False, **params)


def idle_data():
    """Return data for it."""
    return np.zeros((10, 1)), np.arange(10) % 2


def network_search(**params):
    """Return a search over a network; without pruning, so that trials are alike."""
    from benchmarks import _peers as peers

    network = peers.skdl_mlp()
    space = default_space(network)
    del space["batch_size"]  # small batches take several times longer
    return OptunaSearchCV(
        network,
        space,
        cv=5,
        refit=False,
        pruner=optuna.pruners.NopPruner(),
        **params,
    )


def network_data():
    """Return the digits."""
    from benchmarks import _peers as peers

    return peers.digits()


def work(make_search, make_data, storage, name, seconds, barrier, n_jobs):
    """Run trials for some seconds, once all workers are there and warm."""
    data = make_data()
    params = dict(n_trials=10**9, random_state=os.getpid(), n_jobs=n_jobs)
    make_search(n_trials=2 * n_jobs, n_jobs=n_jobs).fit(*data)  # compiles
    search = make_search(storage=storage, study_name=name, timeout=seconds, **params)
    barrier.wait(TIMEOUT)
    search.run_trials(*data)


def throughput(make_search, make_data, storage, seconds, n_workers, n_jobs=1):
    """Return the trials a second of some workers on one study."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(n_workers + 1)
    name = uuid.uuid4().hex
    arguments = (make_search, make_data, storage, name, seconds, barrier, n_jobs)
    workers = [context.Process(target=work, args=arguments) for _ in range(n_workers)]
    for worker in workers:
        worker.start()
    barrier.wait(TIMEOUT)
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    elapsed = time.perf_counter() - start
    study = optuna.load_study(study_name=name, storage=open_storage(storage))
    states = [trial.state for trial in study.get_trials(deepcopy=False)]
    return states.count(optuna.trial.TrialState.COMPLETE) / elapsed


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", metavar="URL", help="a server, to measure too")
    parser.add_argument("--seconds", type=float, default=20, help="default: 20")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--output", default="results", help="default: results")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        storages = {
            "SQLite": f"sqlite:///{folder}/study.db",
            "journal file": f"{folder}/study.log",
        }
        if options.postgresql:
            storages["PostgreSQL"] = options.postgresql
        measure(storages, options)


def measure(storages, options):
    """Measure and show both tables."""
    idle, networks = [], []
    for _ in range(options.rounds):
        for storage, url in storages.items():
            for n in (1, 4):
                rate = throughput(idle_search, idle_data, url, options.seconds, n)
                idle.append((storage, f"{n} processes", rate))
        for storage in ("PostgreSQL", "journal file"):
            url = storages.get(storage)
            for n in (1, 2, 4) if url else ():
                rate = throughput(network_search, network_data, url, options.seconds, n)
                networks.append((f"processes, {storage}", n, rate))
                if n > 1:
                    rate = throughput(
                        network_search, network_data, url, options.seconds, 1, n
                    )
                    networks.append((f"threads of one process, {storage}", n, rate))
    frame = pd.DataFrame(idle, columns=["storage", "workers", "rate"])
    table = frame.pivot_table("rate", "storage", "workers", aggfunc="median")
    show("storages: trials a second, median", table, options.output)
    frame = pd.DataFrame(networks, columns=["workers", "n", "rate"])
    table = frame.pivot_table("rate", "workers", "n", aggfunc="median")
    show("workers: trials a second, median", table, options.output)


if __name__ == "__main__":
    main()
