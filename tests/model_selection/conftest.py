import multiprocessing

import pytest


@pytest.fixture(params=["sqlite", "journal", "postgresql"])
def storage_url(request, tmp_path):
    """An empty storage of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/study.db"
    if request.param == "journal":
        return str(tmp_path / "study.log")
    return request.getfixturevalue("postgresql")


@pytest.fixture(scope="session")
def processes():
    """Start processes that have imported the searches, and not TensorFlow."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.model_selection.light"])
    return context
