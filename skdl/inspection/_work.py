"""Do the runs of a comparison, in one thread or in several."""

import threading
import warnings
from collections import deque

from sklearn.exceptions import FitFailedWarning

from skdl._utils._threads import work_in_threads

__all__ = ["PlannedRuns"]


class PlannedRuns:
    """Does the runs that the ledger lacks.

    Parameters
    ----------
    planned : list of TrainedRun
        All runs, without their results.
    ledger : Ledger
        The finished runs.
    tracker : object
        Logs each finished run.
    train : callable
        ``train(run, stopper)`` trains and scores; it returns the fitted estimator.
    verbose : int
        If above 0, show a progress bar.
    """

    def __init__(self, planned, ledger, tracker, train, verbose):
        self.done = [ledger.find(run.key) or run for run in planned]
        self._todo = deque(
            place for place, run in enumerate(self.done) if run is planned[place]
        )
        self._ledger = ledger
        self._tracker = tracker
        self._train = train
        self._stopper = None  # one thread alone is interrupted itself
        self._stopped = threading.Event()
        from tqdm import tqdm  # a model card needs no progress bar

        self._line = tqdm(
            desc="compare",
            total=len(planned),
            initial=len(planned) - len(self._todo),
            unit="run",
            disable=not verbose,
        )

    def finish(self, n_threads):
        """Do the runs.

        Parameters
        ----------
        n_threads : int
            How many runs to do at a time.

        Raises
        ------
        ValueError
            If all fits failed.
        """
        if n_threads > 1:
            self._stopper = self._stopped
        try:
            work_in_threads(self._work, n_threads, self._stopped)
        except BaseException:
            self._ledger.interrupt()
            raise
        finally:
            self._line.close()
        self._warn_of_failures()

    def _work(self):
        while not self._stopped.is_set():
            try:
                # A deque needs no lock: popleft is atomic.
                place = self._todo.popleft()
            except IndexError:
                return
            run = self.done[place]
            kept = self._ledger.find(run.key)  # by another process, meanwhile
            if kept is not None:
                self.done[place] = kept
            else:
                fitted = self._train(run, self._stopper)
                # The fit may have been cut short: it is neither kept nor logged.
                if self._stopped.is_set():
                    return
                # What failed is tried again by the next call.
                if not run.error:
                    self._ledger.add(run)
                self._tracker.log_run(run, fitted)
            self._line.set_postfix_str(run.variant, refresh=False)
            self._line.update()

    def _warn_of_failures(self):
        failed = [run for run in self.done if run.error]
        if not failed:
            return
        text = f"The first, {failed[0].variant!r}, failed with: {failed[0].error}"
        if len(failed) == len(self.done):
            raise ValueError(f"All {len(failed)} fits failed. {text}")
        warnings.warn(
            f"{len(failed)} of {len(self.done)} fits failed. {text}",
            FitFailedWarning,
            stacklevel=4,
        )
