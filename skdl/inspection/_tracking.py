"""Where runs and trials are logged: to a tracking server, or nowhere."""

import warnings

from skdl.inspection._mlflow import MLflowTracker

__all__ = ["open_tracker"]


def open_tracker(tracking):
    """Return the tracker that logs runs.

    Parameters
    ----------
    tracking : {"mlflow"} or None
        Where to log; None logs nothing.

    Raises
    ------
    ValueError
        If ``tracking`` has another value.
    ImportError
        If the extra is not installed.
    """
    if tracking is None:
        return _NoTracker()
    if tracking != "mlflow":
        raise ValueError(f"tracking={tracking!r} must be 'mlflow' or None.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what MLflow says of its own type hints
            import mlflow.pyfunc
            import mlflow.sklearn
    except ImportError as error:
        raise ImportError(
            "tracking='mlflow' needs MLflow: pip install skdl[mlflow]"
        ) from error
    return MLflowTracker(mlflow)


class _NoTracker:
    """Stands for a tracker where none is wanted."""

    def log_run(self, run, fitted):
        """Do nothing."""

    def log_trial(self, name, params, outcome, state):
        """Do nothing."""

    def log_best(self, name, fitted, scores):
        """Do nothing."""
