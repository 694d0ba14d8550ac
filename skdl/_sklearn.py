"""The names that scikit-learn does not promise: all of them stand here."""

from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    StrOptions,
)
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9 has no callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for the mixin of scikit-learn 1.9."""

    def with_callbacks(method):
        """Return the method as it is."""
        return method


__all__ = [
    "CallbackSupportMixin",
    "EpochTasks",
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "check_sample_weight",
    "with_callbacks",
]


class EpochTasks:
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
        Returns the attributes that a fit would set if it ended now.
    """

    def __init__(self, estimator, epochs, data, fitted_attributes):
        self._estimator = estimator
        self._data = data
        self._fitted_attributes = fitted_attributes
        self._root = estimator._init_callback_context(max_subtasks=epochs)

    @staticmethod
    def wanted_by(estimator):
        """Return whether someone listens to the fit of ``estimator``."""
        return hasattr(estimator, "_skl_callbacks")

    def begin(self):
        """Begin the fit."""
        self._root.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def epoch_begin(self, epoch):
        """Begin an epoch."""
        self._task = self._root.subcontext(task_name="epoch")
        self._task.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def epoch_end(self, epoch, logs):
        """End an epoch; return whether a callback asks to stop."""
        return self._end(self._task)

    def end(self):
        """End the fit."""
        self._end(self._root)

    def _end(self, task):
        return task.call_on_fit_task_end(
            estimator=self._estimator,
            reconstruction_attributes=self._fitted_attributes,
            **self._data,
        )
