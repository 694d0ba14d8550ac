"""What is said where Keras and TensorFlow are needed."""

import io
import os
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


def test_another_missing_package_is_named_as_it_is():
    missing = pytest.raises(ModuleNotFoundError, match="'no_such_package'")
    with missing, keras_needed("fit a network"):
        import no_such_package  # noqa: F401


START_UP = b"""WARNING: All log messages before absl::InitializeLog() is called are
I0000 00:00:1 12 port.cc:153] oneDNN custom operations are on.
W0000 00:00:1 12 other.cc:1] a warning
a line of somebody else
"""


@pytest.mark.parametrize(
    ("level", "n_lines"), [("3", 1), ("1", 2), ("0", 4), ("", 4), ("high", 4)]
)
def test_start_up_lines_of_tensorflow_follow_its_own_variable(
    monkeypatch, capfd, level, n_lines
):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    with keras_needed("fit a network"):
        os.write(2, START_UP)
    shown = capfd.readouterr().err
    assert len(shown.splitlines()) == n_lines
    assert shown.endswith("a line of somebody else\n")


def test_an_error_of_the_import_loses_no_line(monkeypatch, capfd):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")

    def fail():
        os.write(2, b"what is broken\n")
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"), keras_needed("fit a network"):
        fail()
    assert capfd.readouterr().err == "what is broken\n"
