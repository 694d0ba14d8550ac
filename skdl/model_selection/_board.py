"""Asking a pruner about trials, in memory."""

import threading

import optuna
from optuna.trial import TrialState

from skdl.model_selection._outcome import TrialOutcome
from skdl.model_selection._study import quiet_optuna

__all__ = ["Board"]


class Board:
    """Asks a pruner about trials, in memory.

    A pruner compares each epoch of a trial with the same epoch of all others. With a
    storage on disk that costs as much as training a small epoch, so each trial has a
    twin in a study in memory, and only part of its curve is written to the storage.

    Parameters
    ----------
    pruner : optuna.pruners.BasePruner
        The pruner.
    name : str
        Name of the study.
    """

    def __init__(self, pruner, name):
        self._lock = threading.Lock()
        self._known = set()
        with quiet_optuna():
            self._study = optuna.create_study(
                # Hyperband hashes it: a random name changes the brackets in each run.
                study_name=name,
                direction="maximize",
                pruner=pruner,
                sampler=optuna.samplers.RandomSampler(seed=0),
            )

    def open(self, number):
        """Return the twin of the trial of that number."""
        with self._lock:
            # Before the trial can end: `update` must not make a second twin of it.
            self._known.add(number)
            return self._study.ask()

    def close(self, twin, state, value=None):
        """End a twin as its trial ended."""
        self._study.tell(twin, value, state)

    def update(self, trials, objective):
        """Add twins of the trials that other or earlier processes have finished.

        The pruner is shown each step of these twins, since some pruners store with a
        trial what they have seen of it.

        Parameters
        ----------
        trials : list of optuna.trial.FrozenTrial
            The trials of the study that count.
        objective : str or None
            Which of several scores the study maximizes.
        """
        with self._lock:
            new = [trial for trial in trials if trial.number not in self._known]
            self._known.update(trial.number for trial in new)
            # Other threads wait: they must not be pruned by some of the twins.
            for trial in new:
                self._add_twin(trial, objective)

    def _add_twin(self, trial, objective):
        twin = self._study.ask()
        outcome = TrialOutcome.from_attributes(trial.user_attrs)
        for step, value in outcome.reports(objective).items():
            twin.report(value, step)
            twin.should_prune()
        # Optuna takes no value of a pruned trial, and uses its last report instead.
        value = trial.value if trial.state == TrialState.COMPLETE else None
        self.close(twin, trial.state, value)
