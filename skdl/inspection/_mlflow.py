"""Runs and trials in MLflow, each with its parameters, curves and model."""

import logging
import os
import re
import tempfile
import threading
import time
import warnings
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from skdl import __version__
from skdl._utils._nested import find_fitted_network
from skdl.estimators._optimizer_parameters import without_effect
from skdl.inspection._figures import draw_hidden, hidden_figure
from skdl.inspection._learning_curves import LearningCurvesDisplay

__all__ = ["MLflowTracker"]

_EXPERIMENT = "skdl"
_STORE = "mlflow.db"
_LONGEST_VALUE = 500  # characters that MLflow takes for a parameter in any store
# What MLflow takes in one call.
_MOST_METRICS = 1000
_MOST_PARAMS = 100


class MLflowTracker:
    """Logs runs to MLflow, by its client: the fluent interface has one run a thread.

    Parameters
    ----------
    mlflow : module
        MLflow.
    """

    def __init__(self, mlflow):
        self._mlflow = mlflow
        if mlflow.is_tracking_uri_set():
            uri = mlflow.get_tracking_uri()
        else:
            uri = f"sqlite:///{Path(_STORE).resolve().as_posix()}"
        self._client = mlflow.MlflowClient(tracking_uri=uri)
        self._tags = {}
        # Asked in the caller's thread: the threads of the fits have no active run.
        parent = mlflow.active_run()
        if parent is not None:
            self._experiment = parent.info.experiment_id
            self._tags["mlflow.parentRunId"] = parent.info.run_id
        else:
            self._experiment = self._find_experiment()
        self._lock = threading.Lock()

    def _find_experiment(self):
        number = os.environ.get("MLFLOW_EXPERIMENT_ID")  # also by set_experiment
        if number is not None:
            return number
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _EXPERIMENT)
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return self._client.create_experiment(name)
            except self._mlflow.MlflowException:  # another process was faster
                found = self._client.get_experiment_by_name(name)
        return found.experiment_id

    def log_run(self, run, fitted):
        """Log a run of a comparison.

        Parameters
        ----------
        run : TrainedRun
            What it gave.
        fitted : estimator
            What was fitted, unless that failed.
        """
        scores = {
            f"final_{part}_{name}": value
            for part in ("train", "val")
            for name, value in getattr(run, f"{part}_scores").items()
        }
        tags = {"repeat": run.repeat, "fold": run.fold, "changes": run.params}
        tags["error"] = run.error
        failed = bool(run.error)
        with (
            _warns_of(run.variant),
            self._open(run.variant, tags, failed=failed) as number,
        ):
            if failed:
                self._log_params(number, fitted.get_params(deep=True))
            else:
                self._log_fit(number, fitted, {**scores, "fit_seconds": run.seconds})

    def log_trial(self, name, params, outcome, state):
        """Log a trial of a search.

        Parameters
        ----------
        name : str
            That of the study, and the trial's number.
        params : dict
            All parameters of the candidate.
        outcome : TrialOutcome
            What it gave.
        state : str
            ``"complete"``, ``"pruned"`` or ``"failed"``.
        """
        tags = {"state": state, "error": outcome.error}
        failed = state == "failed"
        with _warns_of(name), self._open(name, tags, failed=failed) as number:
            self._log_params(number, params)
            means = {
                f"mean_test_{score}": np.mean(values)
                for score, values in outcome.scores.items()
                if state == "complete"  # else some folds are missing
            }
            means["fit_seconds"] = sum(outcome.fit_time)
            self._log_metrics(number, [(k, v, 0) for k, v in means.items()])
            curves = {
                f"fold{k}_test_score": curve for k, curve in enumerate(outcome.curves)
            }
            points = [
                (name, value, epoch + 1)
                for name, curve in curves.items()
                for epoch, value in curve.items()
            ]
            self._log_metrics(number, points)
            if curves:
                figure, axes = hidden_figure((4.5, 3.8))
                for label, curve in curves.items():
                    axes.plot(np.add([*curve], 1), [*curve.values()], label=label)
                axes.set(xlabel="epoch", ylabel="score of the test rows")
                axes.legend()
                self._client.log_figure(number, figure, "curves.png")

    def log_best(self, name, fitted, scores):
        """Log the best candidate of a search, fitted to all rows.

        Parameters
        ----------
        name : str
            That of the study.
        fitted : estimator
            The candidate.
        scores : dict of float
            What is known of it.
        """
        name = f"{name}: best"
        with _warns_of(name), self._open(name, {}) as number:
            self._log_fit(number, fitted, scores)

    @contextmanager
    def _open(self, name, tags, *, failed=False):
        """Open a run for the block; only one at a time, as SQLite has one writer."""
        with self._lock:
            text = {key: str(value) for key, value in tags.items() if value != ""}
            number = self._client.create_run(
                self._experiment, tags={**self._tags, **text}, run_name=name
            ).info.run_id
            try:
                yield number
            # Ctrl-C, too: a run that nobody ends is shown as running forever.
            except BaseException:
                with suppress(Exception):
                    self._client.set_terminated(number, "KILLED")
                raise
            self._client.set_terminated(number, "FAILED" if failed else "FINISHED")

    def _log_fit(self, number, fitted, scores):
        self._log_params(number, fitted.get_params(deep=True))
        self._log_metrics(number, [(name, value, 0) for name, value in scores.items()])
        history = getattr(find_fitted_network(fitted), "history_", None)
        if history:
            self._log_curves(number, history)
            figure = draw_hidden(LearningCurvesDisplay(history))
            self._client.log_figure(number, figure, "learning_curves.png")
        self._log_model(number, fitted)

    def _log_params(self, number, params):
        make = self._mlflow.entities.Param
        found = [
            make(name, str(value)[:_LONGEST_VALUE])
            for name, value in _plain_params(params).items()
            if not hasattr(value, "get_params") and name not in ("steps", "memory")
        ]
        for begin in range(0, len(found), _MOST_PARAMS):
            self._client.log_batch(number, params=found[begin : begin + _MOST_PARAMS])

    def _log_curves(self, number, curves):
        self._log_metrics(
            number,
            [
                (name, value, epoch + 1)
                for name, values in curves.items()
                for epoch, value in enumerate(values)
                if np.ndim(value) == 0  # MLflow keeps no arrays
            ],
        )

    def _log_metrics(self, number, metrics):
        # In milliseconds.
        now = int(time.time() * 1000)
        make = self._mlflow.entities.Metric
        found = [
            # What MLflow refuses in a name; it takes a colon too, but not on Windows.
            make(re.sub(r"[^\w\-. /]", "_", name), float(value), now, step)
            for name, value, step in metrics
        ]
        for begin in range(0, len(found), _MOST_METRICS):
            self._client.log_batch(number, found[begin : begin + _MOST_METRICS])

    def _log_model(self, number, fitted):
        flavour = self._mlflow.sklearn
        log = logging.getLogger("mlflow.sklearn")
        level = log.level
        with tempfile.TemporaryDirectory() as folder:
            try:
                # It warns of every pickle; that models are pickles is in our docs.
                log.setLevel(logging.ERROR)
                # Not by log_model, which logs to the active run of this thread.
                flavour.save_model(
                    fitted,
                    f"{folder}/model",
                    # skops, the default, refuses classes that it does not know, such as
                    # ours.
                    serialization_format=flavour.SERIALIZATION_FORMAT_CLOUDPICKLE,
                    pip_requirements=_requirements(),
                )
            finally:
                log.setLevel(level)
            self._client.log_artifacts(number, f"{folder}/model", "model")


@contextmanager
def _warns_of(name):
    """Turn an error into a warning, so that no trained model is lost."""
    try:
        yield
    except Exception as error:
        warnings.warn(
            f"MLflow could not log all of the run {name!r}: {error}", stacklevel=4
        )


def _plain_params(params):
    """Return parameters with the settings of an optimizer that is an object.

    Those in whose place they stand are left out.
    """
    found = dict(params)
    for name, value in params.items():
        if not (hasattr(value, "get_config") and hasattr(value, "learning_rate")):
            continue
        prefix = name.removesuffix("optimizer")
        others = {prefix + other for other in without_effect({"optimizer": value})}
        if others <= set(params):  # a network of ours
            found = {key: each for key, each in found.items() if key not in others}
        found[name] = type(value).__name__.lower()
        for setting, given in value.get_config().items():
            if given is not None and setting != "name":
                shown = f"{given:.7g}" if isinstance(given, float) else given
                found[f"{name}__{setting}"] = shown
    return found


def _requirements():
    """Return the packages that a logged model needs, so that none are guessed."""
    found = [f"skdl=={__version__}"]
    for name in ("scikit-learn", "tensorflow", "keras"):
        with suppress(PackageNotFoundError):  # TensorFlow's other builds
            found.append(f"{name}=={version(name)}")
    return found
