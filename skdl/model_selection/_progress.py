"""The one line that shows how a search stands."""

import threading

from optuna.trial import TrialState
from tqdm import tqdm

__all__ = ["SearchLine"]


class SearchLine:
    """One line: trials done, pruned and failed, the best score, the time left.

    Parameters
    ----------
    n_trials : int
        Of the study in all.
    shown : bool
        Whether there is a line.
    """

    def __init__(self, n_trials, shown):
        self._n_trials = n_trials
        self._shown = shown
        self._lock = threading.Lock()
        self._bar = None

    def begin(self, trials):
        """Begin the line, with the trials that the study has already."""
        self._bar = tqdm(
            desc="OptunaSearchCV",
            total=self._n_trials,
            initial=len(trials),
            unit="trial",
            disable=not self._shown,
            bar_format="{desc}: {n_fmt}/{total_fmt} trials{postfix} "
            "[{elapsed} gone, {remaining} left]",
        )
        self._states = [trial.state for trial in trials]
        values = [t.value for t in trials if t.state == TrialState.COMPLETE]
        self._best = max(values, default=None)
        self._write()

    def add(self, state, value):
        """Show that another trial has ended."""
        with self._lock:
            self._states.append(state)
            if value is not None:
                self._best = value if self._best is None else max(self._best, value)
            self._write()
            self._bar.update()

    def end(self):
        """End the line."""
        if self._bar is not None:
            self._bar.close()

    def _write(self):
        pruned = self._states.count(TrialState.PRUNED)
        failed = self._states.count(TrialState.FAIL)
        best = "none yet" if self._best is None else f"{self._best:.4g}"
        text = f"{pruned} pruned, {failed} failed, best {best}"
        self._bar.set_postfix_str(text, refresh=True)
