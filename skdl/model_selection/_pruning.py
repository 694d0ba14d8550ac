"""Stopping a trial at an epoch: inside a search, and in a study of one's own."""

import threading

import optuna
from optuna.trial import create_trial

from skdl._callbacks import EpochCallback
from skdl.model_selection._outcome import Outcome
from skdl.model_selection._study import quiet_optuna

__all__ = ["Board", "PruningCallback"]


class PruningCallback(EpochCallback):
    """Reports each epoch to an Optuna trial, and prunes it if the pruner says so.

    For a study of one's own: give it to ``callbacks`` of any network of skdl, alone or
    inside a pipeline, in the objective that the study optimizes. It is for one fit in
    each trial: a search over folds is what ``OptunaSearchCV`` does.

    Parameters
    ----------
    trial : optuna.Trial
        The trial of the study.
    monitor : str, default="val_accuracy"
        The score that is reported: ``"val_accuracy"``, ``"val_loss"``, ``"val_r2"``,
        ``"accuracy"``, ``"loss"`` or ``"r2"``. The first three need
        ``early_stopping=True``, or ``X_val`` and ``y_val`` in ``fit``. The study must
        maximize it, or minimize a loss.

    Raises
    ------
    optuna.TrialPruned
        From ``fit``, at the end of an epoch after which the trial is pruned.
    ValueError
        From ``fit``, if there is no such score, or the study goes the other way.

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

    def __init__(self, trial, monitor="val_accuracy"):
        self.trial = trial
        self.monitor = monitor

    def __deepcopy__(self, memo):
        return type(self)(self.trial, self.monitor)

    def on_epoch_end(self, epoch, logs=None):
        """Report the score, and raise ``TrialPruned`` if the pruner says so.

        Parameters
        ----------
        epoch : int
            From 0 on.
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
            self._check_direction()
        self.trial.report(logs[self.monitor], epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned(f"pruned after epoch {epoch + 1}")

    def _check_direction(self):
        study = getattr(self.trial, "study", None)
        if study is None:  # a FixedTrial belongs to no study
            return
        wanted = "minimize" if self.monitor.endswith("loss") else "maximize"
        if study.direction.name.lower() != wanted:
            raise ValueError(
                f"PruningCallback: monitor={self.monitor!r} asks for a study with "
                f"direction={wanted!r}; this one is to {study.direction.name.lower()}."
            )


class Board:
    """Asks a pruner about trials, in memory.

    A pruner compares each epoch of a trial with the same epoch of all others. Through
    a storage on disk that costs as much as training a small epoch, so each trial has a
    twin in a study in memory, and only a part of its curve goes to the storage.

    Parameters
    ----------
    pruner : optuna.pruners.BasePruner
        Who decides.
    name : str
        Of the study.
    """

    def __init__(self, pruner, name):
        self._lock = threading.Lock()
        self._known = set()
        with quiet_optuna():
            self._study = optuna.create_study(
                study_name=name,
                direction="maximize",
                pruner=pruner,
                sampler=optuna.samplers.RandomSampler(seed=0),
            )

    def open(self, number):
        """Return the twin of the trial of that number."""
        with self._lock:
            self._known.add(number)
            return self._study.ask()

    def close(self, twin, state, value=None):
        """End a twin as its trial ended."""
        self._study.tell(twin, value, state)

    def update(self, trials, objective):
        """Take in the trials that other processes, or earlier ones, have finished.

        Parameters
        ----------
        trials : list of optuna.trial.FrozenTrial
            The finished trials of the study.
        objective : str or None
            Which of several scores the study maximizes.
        """
        with self._lock:
            new = [trial for trial in trials if trial.number not in self._known]
            self._known.update(trial.number for trial in new)
        for trial in new:
            outcome = Outcome.from_attributes(trial.user_attrs)
            self._study.add_trial(
                create_trial(
                    state=trial.state,
                    value=trial.value,
                    intermediate_values=outcome.reports(objective),
                )
            )
