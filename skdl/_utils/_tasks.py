"""Epochs, and fits of a search, as the tasks that callbacks of scikit-learn see."""

from collections.abc import Callable
from contextlib import contextmanager
from itertools import count
from typing import Any

from skdl._utils._callbacks import Watcher

__all__ = ["EpochTasks", "NoTasks", "SearchTasks"]


class EpochTasks(Watcher):
    """Shows each epoch to scikit-learn's callbacks, as a task of the fit.

    Parameters
    ----------
    estimator : estimator
        The one that is fitted.
    epochs : int
        Number of epochs.
    data : dict
        X, y and metadata, as the hooks take them.
    fitted_attributes : callable
        Returns the attributes that a fit would set if it ended with some weights.
    """

    def __init__(self, estimator, epochs, data, fitted_attributes):
        self._estimator = estimator
        self._data = data
        self._fitted_attributes = fitted_attributes
        self._read: Callable[[], list] = list
        self._root = estimator._init_callback_context(max_subtasks=epochs)

    @staticmethod
    def wanted_by(estimator):
        """Return whether someone listens to the fit of ``estimator``."""
        return hasattr(estimator, "_skl_callbacks")

    def begin(self, read):
        self._read = read
        self._root.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def epoch_begin(self, epoch):
        self._task = self._root.subcontext(task_name="epoch")
        self._task.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def epoch_end(self, epoch, logs):
        return self._end(self._task)

    def end(self):
        self._end(self._root)

    def _end(self, task):
        return task.call_on_fit_task_end(
            estimator=self._estimator,
            # A function: the weights are read only if a hook takes the fitted
            # estimator.
            reconstruction_attributes=lambda: self._fitted_attributes(self._read()),
            **self._data,
        )


class SearchTasks:
    """Shows the fits of a search to scikit-learn's callbacks, as tasks of the search.

    Parameters
    ----------
    search : estimator
        The search.
    data : dict
        X, y and metadata, as the hooks take them.
    n_fits : int
        How many fits there are at most, without that of the best candidate.
    refit : bool
        Whether the best candidate is fitted on all rows at the end.
    """

    def __init__(self, search, data, n_fits, refit):
        self._search = search
        self._data = data
        self._n_fits = n_fits
        self._numbers = count()
        self._root: Any = None
        self._fits: Any = None
        if hasattr(search, "_init_callback_context"):  # scikit-learn 1.9 and later
            self._root = search._init_callback_context(max_subtasks=1 + refit)

    def begin(self):
        """Begin the search."""
        if self._root is None:
            return
        self._root.call_on_fit_task_begin(estimator=self._search, **self._data)
        # Fits run side by side, so each has a number; sequential tasks take none.
        self._fits = self._root.subcontext(
            task_name="search", max_subtasks=self._n_fits, sequential_subtasks=False
        )
        self._fits.call_on_fit_task_begin(estimator=self._search, **self._data)

    @contextmanager
    def fit(self, candidate, data):
        """Show the fit of one fold of a candidate, which the block does."""
        number = next(self._numbers)
        # A trial that was lost and is run again may exceed the planned number.
        if self._root is None or number >= self._n_fits:
            yield
            return
        task = self._fits.subcontext("candidate-split-evaluation", task_id=number)
        with self._around(task, candidate, data):
            yield

    @contextmanager
    def refit(self, candidate):
        """Show the fit of the best candidate, which the block does."""
        if self._root is None:
            yield
            return
        task = self._root.subcontext("refit-with-best-params")
        with self._around(task, candidate, self._data):
            yield

    @contextmanager
    def _around(self, task, candidate, data):
        try:
            with task.propagate_callback_context(candidate):
                task.call_on_fit_task_begin(estimator=self._search, **data)
                yield
        finally:
            task.call_on_fit_task_end(estimator=self._search, **data)

    def end_fits(self):
        """End the search proper."""
        if self._root is not None:
            self._fits.call_on_fit_task_end(estimator=self._search, **self._data)

    def end(self):
        """End the search with its refit."""
        if self._root is not None:
            self._root.call_on_fit_task_end(estimator=self._search, **self._data)


class NoTasks:
    """Stand-in for ``SearchTasks`` if nothing is to see the fits."""

    @contextmanager
    def fit(self, candidate, data):
        """Do nothing around the block."""
        yield
