"""What is said where Keras and TensorFlow are needed: missing, or long to import."""

import os
import re
import sys
import tempfile
import threading
from contextlib import contextmanager, nullcontext

__all__ = ["keras_needed"]

# So long an import is silent.
PATIENCE_SECONDS = 3.0
SEVERITIES = "IWEF"  # of TensorFlow's lines, by TF_CPP_MIN_LOG_LEVEL


@contextmanager
def keras_needed(purpose):
    """Say what to install if an import in the block finds no Keras or TensorFlow.

    Where the first import takes long, a line on the terminal says what is happening.

    Parameters
    ----------
    purpose : str
        What they are needed for, such as ``"fit a network"``.

    Raises
    ------
    ImportError
        If one of them is not installed.
    """
    is_first = "tensorflow" not in sys.modules
    try:
        # Without a console, as under pythonw, Python has no sys.stderr.
        with _explained() if is_first and sys.stderr is not None else nullcontext():
            yield
    except ModuleNotFoundError as error:
        if error.name not in ("keras", "tensorflow"):
            raise
        raise ImportError(
            f"To {purpose}, skdl needs Keras and TensorFlow, and {error.name} is not "
            "installed: pip install skdl installs both. What is fitted predicts "
            "without them.",
            name=error.name,
        ) from error


@contextmanager
def _explained():
    """Import in the block, with a line of ours after a while and none of TensorFlow."""
    with _without_start_up_lines() as stream:
        timer = threading.Timer(PATIENCE_SECONDS, _say_what_happens, [stream])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


@contextmanager
def _without_start_up_lines():
    """Keep what TF_CPP_MIN_LOG_LEVEL silences off the terminal; yield a way to it.

    TensorFlow 2.21 writes lines when its libraries are loaded, before it has read the
    variable. So what arrives meanwhile is held back and then written, without them.
    """
    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "")
    silenced = SEVERITIES[: int(level)] if level.isdecimal() else ""
    try:
        terminal = os.dup(2) if silenced else None
    except OSError:  # closed, as in a service
        terminal = None
    if terminal is None:
        yield sys.stderr
        return
    sys.stderr.flush()
    with (
        os.fdopen(terminal, "w", encoding="utf-8", errors="replace") as stream,
        tempfile.TemporaryFile() as held,
    ):
        os.dup2(held.fileno(), 2)
        try:
            yield stream if sys.stderr is sys.__stderr__ else sys.stderr
        finally:
            sys.stderr.flush()
            os.dup2(stream.fileno(), 2)
            held.seek(0)
            start_up = rf"WARNING: All log messages before absl|[{silenced}]\d{{4}} "
            for line in held:
                if not re.match(start_up.encode(), line):
                    os.write(2, line)


def _say_what_happens(stream):
    if stream.isatty():
        line = "skdl: importing TensorFlow, once for this process ..."
        print(line, file=stream, flush=True)
