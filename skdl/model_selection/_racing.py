"""A pruner that races trials against the best one."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from optuna.pruners import BasePruner
from optuna.study import StudyDirection
from optuna.trial import TrialState

__all__ = ["RacingPruner"]

# The last part of a race, in which no trial is pruned, as little would be saved.
HOME_STRETCH = 0.1


class RacingPruner(BasePruner):
    """Prunes a trial that is further behind the best one than others have caught up.

    At each step it compares the trial with the best complete trial at the same step.
    How far a trial can still catch up from there is estimated from the complete trials,
    as the root mean square of what they gained on the best trial from that step to the
    end. A trial that is further behind than that for several steps is pruned. So early
    steps, which say little, prune little, and no warm-up has to be chosen.

    Parameters
    ----------
    margin : float, default=1.0
        How many times that gain a trial may be behind, above 0. A larger margin prunes
        fewer trials.
    patience : int, default=4
        For how many of the last steps a trial must be too far behind, 1 or more; steps
        that it or the best trial has not reported are skipped.
    n_startup_trials : int, default=5
        How many trials must be complete before any is pruned, 2 or more. Trials that
        have reported nothing do not count, and no trial is compared with them.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    The idea of a race among candidates over folds, given up when too far behind:
    Maron and Moore, "Hoeffding Races" (1994); Birattari, Stützle, Paquete and
    Varrentrapp, "A Racing Algorithm for Configuring Metaheuristics" (2002). The
    margin, which is learned from the complete trials, is our own.

    Examples
    --------
    >>> import optuna
    >>> from skdl.model_selection import RacingPruner
    >>> study = optuna.create_study(pruner=RacingPruner(), direction="maximize")
    """

    def __init__(
        self, margin: float = 1.0, patience: int = 4, n_startup_trials: int = 5
    ) -> None:
        for name, value, kind, low in (
            ("margin", margin, Real, 0),
            ("patience", patience, Integral, 0),
            ("n_startup_trials", n_startup_trials, Integral, 1),
        ):
            is_kind = isinstance(value, kind) and not isinstance(value, bool)
            if not is_kind or value <= low:
                what = "an integer" if kind is Integral else "a number"
                raise ValueError(f"{name}={value!r} must be {what} > {low}.")
        self.margin = margin
        self.patience = patience
        self.n_startup_trials = n_startup_trials

    def prune(self, study: Any, trial: Any) -> bool:
        """Return whether the trial is to be pruned.

        Parameters
        ----------
        study : optuna.Study
            The study of the trial.
        trial : optuna.trial.FrozenTrial
            The trial with what it has reported so far.

        Returns
        -------
        bool
            Whether it is to be pruned.
        """
        complete = [
            other
            for other in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if other.intermediate_values
        ]
        if len(complete) < self.n_startup_trials:
            return False
        sign = 1 if study.direction == StudyDirection.MAXIMIZE else -1
        best = max(complete, key=lambda other: sign * other.value)
        last = max(trial.intermediate_values, default=-1)
        if last > (1 - HOME_STRETCH) * max(best.intermediate_values):
            return False
        # Not each epoch is scored where that costs much, and not the same ones of all
        # trials: those are compared that both have.
        steps = [
            step
            for step in range(max(0, last - self.patience + 1), last + 1)
            if step in trial.intermediate_values and step in best.intermediate_values
        ]
        return (
            last >= self.patience - 1
            and len(steps) > 0
            and all(
                self._is_behind(trial, step, best, complete, sign) for step in steps
            )
        )

    def _is_behind(self, trial, step, best, complete, sign):
        """Return whether a trial is too far behind the best one at a step."""
        at_step = best.intermediate_values[step]
        # A loss counts as no gain: its square would widen the margin.
        gains = [
            max(
                0.0,
                (o.value - best.value - o.intermediate_values[step] + at_step) * sign,
            )
            for o in complete
            if o.number != best.number and step in o.intermediate_values
        ]
        if len(gains) < self.n_startup_trials - 1:
            return False
        behind = sign * (at_step - trial.intermediate_values[step])
        return behind > self.margin * float(np.sqrt(np.mean(np.square(gains))))
