"""What is said where Keras and TensorFlow are needed."""

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
