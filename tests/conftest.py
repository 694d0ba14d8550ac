import gc
import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("SCIPY_ARRAY_API", "1")  # else scikit-learn skips a check

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.preprocessing import StandardScaler

from tests.postgresql import is_installed, run_server

# Keras and TensorFlow leave a few million objects behind, and each full collection of
# Python's looks at all of them: fewer of those save a tenth of the suite's time.
gc.set_threshold(100_000, 20, 50)


def pytest_addoption(parser):
    parser.addoption(
        "--services",
        action="store_true",
        help="fail where PostgreSQL or Chromium is missing, in the place of a skip",
    )


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


def pytest_terminal_summary(terminalreporter):
    """Show what tests have measured: times are shown, and never asserted."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


def skip_without(config, name, is_there):
    """Skip a test where a service is missing, unless all services are wanted."""
    if not is_there and not config.getoption("--services"):
        pytest.skip(f"{name} is missing here: `make services` installs it")


def _scaled(data):
    X, y = data
    X = StandardScaler().fit_transform(X)
    for array in (X, y):
        array.flags.writeable = False  # all tests share them
    return X, y


@pytest.fixture(scope="session")
def iris():
    return _scaled(load_iris(return_X_y=True))


@pytest.fixture(scope="session")
def digits():
    return _scaled(load_digits(return_X_y=True))


@pytest.fixture(scope="session")
def diabetes():
    return _scaled(load_diabetes(return_X_y=True))


@pytest.fixture(scope="session")
def binary():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((200, 5))
    return X, (X[:, 0] + 0.5 * X[:, 1] > 0).astype(int)


def equal_weights(first, second):
    """Return whether two fitted estimators have the same weights, bit for bit."""
    return all(
        np.array_equal(a, b)
        for a, b in zip(first._weights, second._weights, strict=True)
    )


@pytest.fixture
def own_mlflow(tmp_path, monkeypatch):
    """Work in a new folder; forget at the end what the test has set of MLflow."""
    monkeypatch.chdir(tmp_path)
    for name in ("TRACKING_URI", "EXPERIMENT_ID", "EXPERIMENT_NAME"):
        monkeypatch.setenv(f"MLFLOW_{name}", "")  # what MLflow sets is undone, too
        monkeypatch.delenv(f"MLFLOW_{name}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what MLflow says of its own type hints
        import mlflow
    yield mlflow
    mlflow.set_tracking_uri(None)


@pytest.fixture
def all_epochs(monkeypatch):
    """Let a search score each epoch, however little training costs."""
    for share in ("SHARE_OF_A_PRUNER", "SHARE_OF_NOBODY"):
        monkeypatch.setattr(f"skdl.model_selection._epoch_scores.{share}", np.inf)


@pytest.fixture(scope="session")
def postgresql(request):
    skip_without(request.config, "PostgreSQL", is_installed())
    with run_server() as url:
        yield url
