"""Processes that are killed: the next search works, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import joblib
import numpy as np
import psutil
import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV

from skdl import MLPClassifier
from skdl.model_selection import OptunaSearchCV

pytestmark = pytest.mark.slow


class Killed(ClassifierMixin, BaseEstimator):
    """Fits, or kills its process where that is a worker."""

    def __init__(self, parent, depth=1, deadly=False):
        self.parent = parent
        self.depth = depth
        self.deadly = deadly

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if self.deadly and os.getpid() != self.parent:
            os.kill(os.getpid(), signal.SIGKILL)
        self.network_ = MLPClassifier((4,) * self.depth, epochs=1, random_state=0)
        self.network_.fit(X, y)
        return self

    def predict(self, X):
        return self.network_.predict(X)


class InWorkers(Killed):
    """Does the same in workers of its own."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        one = Killed(self.parent, self.depth, self.deadly)
        with joblib.parallel_config("loky", n_jobs=2):
            fits = joblib.Parallel()(joblib.delayed(one.fit)(X, y) for _ in range(2))
        self.network_ = fits[0].network_
        return self


def test_a_search_after_a_killed_worker_works(iris):
    deadly = GridSearchCV(Killed(os.getpid()), {"deadly": [False, True]}, cv=2)
    with (
        joblib.parallel_config("loky", n_jobs=2),
        pytest.raises(TerminatedWorkerError),
    ):
        deadly.fit(*iris)
    network = MLPClassifier((4,), random_state=0)
    search = GridSearchCV(network, {"epochs": [1, 2]}, cv=2)
    with joblib.parallel_config("loky", n_jobs=2):
        search.fit(*iris)
    expected = GridSearchCV(network, {"epochs": [1, 2]}, cv=2).fit(*iris)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )


def test_a_study_keeps_its_trials_when_a_worker_of_a_fit_is_killed(iris, tmp_path):
    storage = str(tmp_path / "study.journal")
    search = OptunaSearchCV(
        InWorkers(os.getpid()),
        {"deadly": [False, True]},
        n_trials=6,
        cv=2,
        storage=storage,
        study_name="study",
        random_state=0,
        refit=False,
    )
    with pytest.warns(FitFailedWarning, match="trials failed"):
        search.fit(*iris)
    for trial in search.study_.trials:
        state = "FAIL" if trial.params["deadly"] else "COMPLETE"
        assert trial.state.name == state
    kept = [trial.value for trial in search.study_.trials]
    assert sum(value is not None for value in kept) >= 2
    search.set_params(n_trials=8)
    with pytest.warns(FitFailedWarning, match="trials failed"):
        search.fit(*iris)
    assert [trial.value for trial in search.study_.trials][:6] == kept


PARENT = """
import joblib
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV
from skdl import MLPClassifier

X, y = load_iris(return_X_y=True)
grid = {"l2": [k / 1e6 for k in range(1000)]}
with joblib.parallel_config("loky", n_jobs=2):
    GridSearchCV(MLPClassifier(epochs=200), grid, cv=2, verbose=2).fit(X, y)
"""


def runs(process):
    """Return whether a process does more than to wait for its burial."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_no_process_is_left_after_its_parent_was_killed():
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    process = psutil.Process(parent.pid)
    for line in parent.stdout:
        if "END" in line:  # the workers fit by now
            break
    children = process.children(recursive=True)
    assert len(children) >= 2
    parent.kill()
    parent.wait()
    end = time.monotonic() + 600
    while (alive := [child for child in children if runs(child)]) and (
        time.monotonic() < end
    ):
        time.sleep(0.1)
    parent.stdout.close()
    for child in alive:
        child.kill()
    assert alive == []


ORPHAN = """
import multiprocessing
from joblib.externals.loky.backend.process import LokyProcess
from skdl._utils._orphans import end_with_parent

worker = LokyProcess(name="LokyProcess-1")
worker._parent_pid = 2**22 + 1  # of no process: it has died before
multiprocessing.process._current_process = worker
end_with_parent()
import time
time.sleep(600)
"""


def test_a_worker_whose_parent_died_before_it_looked_ends():
    done = subprocess.run([sys.executable, "-c", ORPHAN], check=False, timeout=600)
    assert done.returncode == 1


FORK = """
import os, sys, time
from sklearn.datasets import load_iris
from skdl import CNNClassifier, KerasClassifier, MLPClassifier
from tests.keras_models import build_classifier

X, y = load_iris(return_X_y=True)
loss = "sparse_categorical_crossentropy"
networks = {
    MLPClassifier(epochs=1): (7, 0),  # it predicts by NumPy
    # By onnxruntime, which has no threads of its own.
    CNNClassifier(4, image_shape=(2, 2, 1), epochs=1): (7, 0),
    CNNClassifier((512, 512), image_shape=(2, 2, 1), epochs=1): (7, 0),
    KerasClassifier(build_classifier, loss=loss): (7, 7),
    # TensorFlow draws the first values of large kernels in several threads.
    MLPClassifier((2048, 2048), epochs=1): (7, 0),
    KerasClassifier(build_classifier, hidden=200_000, loss=loss): (7, 7),
}
for network, codes in networks.items():
    network.fit(X, y).predict(X)
    methods = (lambda: network.fit(X, y), lambda: network.predict(X))
    for method, code in zip(methods, codes):
        child = os.fork()
        if child == 0:
            try:
                method()
            except RuntimeError as error:
                os._exit(7 if "forked" in str(error) else 1)
            os._exit(0)
        end = time.monotonic() + 300
        while time.monotonic() < end:
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                break
            time.sleep(0.05)
        else:
            os.kill(child, 9)
            sys.exit("a forked process hangs")
        assert os.waitstatus_to_exitcode(status) == code, (network, status)
"""


def test_a_fork_after_tensorflow_has_run_is_an_error_and_no_hang():
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        check=True,
        timeout=900,
        env=environment,
    )
