"""scikit-learn's own searches on Dask: two processes on this machine."""

import os
import sys

import joblib
import numpy as np
import pytest
from distributed import Client, LocalCluster
from scipy.stats import loguniform
from sklearn.model_selection import RandomizedSearchCV

from skdl import MLPClassifier

SPACE = {"learning_rate": loguniform(1e-3, 1e-1), "batch_size": [16, 32]}


def search():
    network = MLPClassifier(8, epochs=10, random_state=0)
    return RandomizedSearchCV(network, SPACE, n_iter=6, cv=3, random_state=0)


def look_into_worker():
    from skdl.training._cache import programs

    kept = [id(program) for idle in programs._idle.values() for program in idle]
    return os.getpid(), "tensorflow" in sys.modules, kept


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=":0",  # whatever port is free
            env={"TF_CPP_MIN_LOG_LEVEL": "3"},
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.mark.slow
def test_a_search_on_two_processes_scores_as_in_sequence(client, iris):
    with joblib.parallel_config("dask"):
        spread = search().fit(*iris)
    alone = search().fit(*iris)
    np.testing.assert_array_equal(
        spread.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


@pytest.mark.slow
def test_workers_import_tensorflow_once_and_keep_their_programs(client, iris):
    with joblib.parallel_config("dask"):
        search().fit(*iris)
        before = client.run(look_into_worker)
        search().fit(*iris)
    after = client.run(look_into_worker)
    assert len(before) == 2
    assert after == before  # the same processes, and nothing was compiled again
    for process, tensorflow, kept in after.values():
        assert process != os.getpid()
        assert tensorflow
        assert len(kept) == 1
