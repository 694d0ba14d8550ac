"""Stopping a trial at an epoch: inside a search, and in a study of one's own."""

from typing import Any

import optuna
from sklearn.metrics import get_scorer_names

from skdl._utils._callbacks import EpochCallback

__all__ = ["PruningCallback"]


class PruningCallback(EpochCallback):
    """Reports each epoch to an Optuna trial, and prunes it if the pruner says so.

    It is meant for your own study: in the objective that the study optimizes, pass it
    as one of the ``callbacks`` of any network of skdl, alone or inside a pipeline. Each
    trial must have a single fit; for a search over folds, use ``OptunaSearchCV``.

    Parameters
    ----------
    trial : optuna.Trial
        The trial of the study.
    monitor : str, default="val_accuracy"
        The score that is reported: ``"val_accuracy"``, ``"val_loss"``, ``"val_r2"``,
        ``"accuracy"``, ``"loss"`` or ``"r2"``; or another one of ``history_``, such as
        ``"val_neg_log_loss"`` where the network has ``monitor="neg_log_loss"``. Those
        of validation data need ``early_stopping=True``, or ``X_val`` and ``y_val`` in
        ``fit``. The study must minimize the loss, and maximize scores of scikit-learn.

    Raises
    ------
    optuna.TrialPruned
        In ``fit``, at the end of the epoch at which the trial is pruned.
    ValueError
        In ``fit``, if there is no such score, or the study has the other direction or
        several.

    Examples
    --------
    >>> import optuna
    >>> from sklearn.datasets import load_iris
    >>> from skdl import MLPClassifier
    >>> from skdl.model_selection import PruningCallback
    >>> X, y = load_iris(return_X_y=True)
    >>> def objective(trial):
    ...     network = MLPClassifier(
    ...         dropout=trial.suggest_float("dropout", 0.0, 0.5),
    ...         early_stopping=True,
    ...         callbacks=[PruningCallback(trial)],
    ...         random_state=0,
    ...     )
    ...     return max(network.fit(X, y).history_["val_accuracy"])
    >>> study = optuna.create_study(direction="maximize")
    >>> study.optimize(objective, n_trials=3)
    >>> len(study.trials)
    3
    """

    for_one_network = True  # a trial has one score for each step

    def __init__(self, trial: Any, monitor: Any = "val_accuracy") -> None:
        self.trial = trial
        self.monitor = monitor

    def __deepcopy__(self, memo):
        # Clones and fits copy callbacks; a copied trial would bring a copied study.
        return type(self)(self.trial, self.monitor)

    def on_epoch_end(self, epoch: Any, logs: Any = None) -> None:
        """Report the score, and raise ``TrialPruned`` if the pruner says so.

        Parameters
        ----------
        epoch : int
            The epoch, counted from 0.
        logs : dict of str to float
            The scores after this epoch.
        """
        logs = logs or {}
        if self.monitor not in logs:
            raise ValueError(
                f"PruningCallback: there is no score {self.monitor!r} in this fit; it "
                f"has {sorted(logs)}. Scores of validation data need "
                "early_stopping=True, or X_val and y_val in fit."
            )
        if epoch == 0:
            self._check_study()
        self.trial.report(logs[self.monitor], epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned(f"pruned after epoch {epoch + 1}")

    def _check_study(self):
        if not hasattr(self.trial, "should_prune"):
            raise ValueError(
                f"PruningCallback: trial={self.trial!r} must be the optuna.Trial that "
                "the objective gets."
            )
        study = getattr(self.trial, "study", None)
        if study is None:  # a FixedTrial belongs to no study
            return
        if len(study.directions) > 1:
            raise ValueError(
                "PruningCallback: the study has several objectives, and Optuna prunes "
                "by one. Leave the callback out."
            )
        score = self.monitor.removeprefix("val_")
        if score != "loss" and score not in get_scorer_names():
            return  # a metric of Keras' may be good if it is high, or if it is low
        wanted = "minimize" if score == "loss" else "maximize"
        if study.direction.name.lower() != wanted:
            raise ValueError(
                f"PruningCallback: monitor={self.monitor!r} needs a study with "
                f"direction={wanted!r}; this one is to {study.direction.name.lower()}."
            )
