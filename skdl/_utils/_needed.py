"""What is said where Keras and TensorFlow are needed and not installed."""

from contextlib import contextmanager

__all__ = ["keras_needed"]


@contextmanager
def keras_needed(purpose):
    """Say what to install if an import in the block finds no Keras or TensorFlow.

    Parameters
    ----------
    purpose : str
        What they are needed for, such as ``"fit a network"``.

    Raises
    ------
    ImportError
        If one of them is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("keras", "tensorflow"):
            raise
        raise ImportError(
            f"To {purpose}, skdl needs Keras and TensorFlow, and {error.name} is not "
            "installed: pip install skdl installs both. A fitted MLP predicts without "
            "them.",
            name=error.name,
        ) from error
