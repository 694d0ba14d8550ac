"""What is said where Keras and TensorFlow are needed."""

import gc
import importlib
import io
import sys
import threading

import pytest

from skdl._utils import _needed
from skdl._utils._needed import keras_needed


class Terminal(io.StringIO):
    """A terminal that knows when something was written."""

    def __init__(self):
        super().__init__()
        self.written = threading.Event()

    def isatty(self):
        return True

    def flush(self):
        self.written.set()


def test_a_long_first_import_is_explained_on_the_terminal(monkeypatch):
    monkeypatch.setattr(_needed, "PATIENCE_SECONDS", 0.0)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with keras_needed("fit a network"):
        assert terminal.written.wait(timeout=60)
    assert terminal.getvalue() == (
        "skdl: importing TensorFlow, once for this process ...\n"
    )


def test_nothing_is_said_once_tensorflow_is_there(monkeypatch):
    monkeypatch.setattr(_needed, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    before = threading.active_count()
    with keras_needed("fit a network"):
        assert threading.active_count() == before


def n_collections():
    return sum(generation["collections"] for generation in gc.get_stats())


def test_the_first_import_collects_no_garbage(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    before = n_collections()
    with keras_needed("fit a network"):
        kept = [[] for _ in range(200_000)]
    assert n_collections() == before
    assert gc.isenabled()
    # Nor does the next collection look at them: they are of the oldest generation.
    assert any(old is kept for old in gc.get_objects(generation=2))


def test_the_collector_is_as_it_was_after_an_import_that_fails(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    with pytest.raises(ZeroDivisionError), keras_needed("fit a network"):
        raise ZeroDivisionError
    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    gc.disable()
    try:
        with keras_needed("fit a network"):
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_somebody_froze_stays_frozen(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    kept = []
    gc.freeze()
    try:
        with keras_needed("fit a network"):
            pass
        assert not any(seen is kept for seen in gc.get_objects())
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("name", ["keras", "psutil", "tensorflow"])
def test_what_a_fit_needs_is_named_with_the_cure(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    missing = pytest.raises(ImportError, match=f"{name} is not installed: pip install")
    with missing, keras_needed("fit a network"):
        importlib.import_module(name)


def test_another_missing_package_is_named_as_it_is():
    missing = pytest.raises(ModuleNotFoundError, match="'no_such_package'")
    with missing, keras_needed("fit a network"):
        import no_such_package  # noqa: F401
