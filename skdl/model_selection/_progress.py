"""The progress bar of a search."""

import threading

from optuna.trial import TrialState
from tqdm import tqdm

__all__ = ["SearchLine"]


class SearchLine:
    """A progress bar: trials done, pruned and failed, best score and time left.

    Parameters
    ----------
    n_trials : int
        Total number of trials of the study.
    shown : bool
        Whether the bar is shown.
    """

    def __init__(self, n_trials, shown):
        self._lock = threading.Lock()
        self._shown = shown
        self._bar = tqdm(
            desc="OptunaSearchCV",
            total=n_trials,
            unit="trial",
            disable=not shown,
            bar_format="{desc}: {n_fmt}/{total_fmt} trials{postfix} "
            "[{elapsed} gone, {remaining} left]",
        )

    def begin(self, trials):
        """Begin the line, with the trials that the study has already."""
        # tqdm's rate is (n - initial) / elapsed: earlier trials took no time here.
        self._bar.initial = self._bar.last_print_n = len(trials)
        self.show(trials)

    def show(self, trials):
        """Show the trials of the study that count, whoever ran them."""
        if not self._shown:
            return
        states = [trial.state for trial in trials]
        values = [t.values for t in trials if t.state == TrialState.COMPLETE]
        best = f", best {max(values)[0]:.4g}" if values else ", best none yet"
        if values and len(values[0]) > 1:
            best = ""  # of several objectives no trial is the best one
        pruned = states.count(TrialState.PRUNED)
        failed = states.count(TrialState.FAIL)
        with self._lock:
            # Set, not advanced: other processes end trials of the study, too.
            self._bar.n = len(trials)
            text = f"{pruned} pruned, {failed} failed{best}"
            self._bar.set_postfix_str(text, refresh=True)

    def end(self):
        """End the line."""
        self._bar.close()
