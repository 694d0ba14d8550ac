"""What is said where Keras and TensorFlow are needed: missing, or long to import."""

import sys
import threading
from contextlib import contextmanager

__all__ = ["keras_needed"]

# Imports that are shorter print nothing.
PATIENCE_SECONDS = 3.0


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
    timer = threading.Timer(PATIENCE_SECONDS, _say_what_happens)
    timer.daemon = True
    # Without a console, as under pythonw, Python has no sys.stderr.
    if "tensorflow" not in sys.modules and sys.stderr is not None:
        timer.start()
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("keras", "psutil", "tensorflow"):
            raise
        raise ImportError(
            f"To {purpose}, skdl needs Keras and TensorFlow, and {error.name} is not "
            "installed: pip install skdl installs all of it. What is fitted predicts "
            "without them.",
            name=error.name,
        ) from error
    finally:
        timer.cancel()


def _say_what_happens():
    if sys.stderr.isatty():
        line = "skdl: importing TensorFlow, once for this process ..."
        print(line, file=sys.stderr, flush=True)
