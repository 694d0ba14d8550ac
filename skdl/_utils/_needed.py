"""What is said where Keras and TensorFlow are needed: missing, or long to import."""

import gc
import sys
import threading
from contextlib import contextmanager, nullcontext

__all__ = ["keras_needed"]

# Imports that are shorter print nothing.
PATIENCE_SECONDS = 3.0


@contextmanager
def keras_needed(purpose):
    """Say what to install if an import in the block finds no Keras or TensorFlow.

    Where the first import takes long, a line on the terminal says what is happening.
    It is done without garbage collections.

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
    is_first = "tensorflow" not in sys.modules
    if is_first and sys.stderr is not None:
        timer.start()
    try:
        with _uncollected() if is_first else nullcontext():
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


@contextmanager
def _uncollected():
    """Look for no garbage during an import, nor among what it made right after it.

    Nearly all of that stays. To look for the rest takes a third of the import's time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
        if not gc.get_freeze_count():  # what somebody froze stays frozen
            # Without a collection, all objects are of the oldest generation then.
            gc.freeze()
            gc.unfreeze()


def _say_what_happens():
    if sys.stderr.isatty():
        line = "skdl: importing TensorFlow, once for this process ..."
        print(line, file=sys.stderr, flush=True)
