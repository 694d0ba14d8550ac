"""What an estimator does with its own parameters."""

from abc import abstractmethod
from functools import lru_cache
from typing import Any, Self

from sklearn.base import BaseEstimator

from skdl._utils._hints import hint_at_name, hint_at_value, parameters_of
from skdl._utils._sklearn import StrOptions
from skdl.estimators._constraints import CONSTRAINTS
from skdl.estimators._defaults import AUTO
from skdl.estimators._monitor import check_monitor
from skdl.estimators._optimizer_parameters import (
    check_optimizer,
    check_schedule,
    choose_clip,
)
from skdl.estimators._parameters import (
    check_averaging,
    check_callbacks,
    check_callbacks_of_many,
    check_dropout,
    check_initializer,
    check_numbers,
    choose_normalization,
)

__all__ = ["CheckedParameters"]

_SEEDS = range(2**32)  # of NumPy
_COMPARABLE = {int, float, str, bool, type(None)}
# Settings that were found to be right: a search fits the same ones for each fold, and
# to check them takes a tenth of a small fit.
_CHECKED: set[tuple] = set()
_MOST_CHECKED = 1_000


class CheckedParameters(BaseEstimator):
    """Names, checks and resolves the parameters of a network."""

    _parameter_constraints = CONSTRAINTS
    _kernel_dimensions = 2  # the most that one of its kernels has

    learning_rate_schedule: Any
    monitor: Any
    kernel_initializer: Any
    normalization: str | None
    batch_norm: bool

    @abstractmethod
    def _dropout_rates(self):
        """Return the dropout rates of the input and of each hidden layer."""

    @classmethod
    @lru_cache(maxsize=64)  # each fit asks several times, and the signature is long
    def _get_param_names(cls):
        return super()._get_param_names()

    def set_params(self, **params: Any) -> Self:
        """Set parameters of this estimator.

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self
            The estimator.

        Raises
        ------
        ValueError
            If there is no such parameter; the error names the nearest one.
        """
        known = self.get_params(deep=False)
        for name in params:
            if name not in known:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}. "
                    f"{hint_at_name(name, list(known))} Valid parameters are: "
                    f"{list(known)}."
                )
        return super().set_params(**params)

    def _resolved(self):
        """Return the value that the fit used for each parameter that is "auto"."""
        taken = getattr(self, "resolved_", {})
        # A parameter that was set since the fit is no longer resolved.
        return {k: v for k, v in taken.items() if getattr(self, k) == AUTO}

    def _settings(self):
        settings = self.get_params(deep=False)
        settings["callbacks"] = check_callbacks(settings["callbacks"])
        return settings

    def _ensure_parameters(self):
        """Check all parameters, unless the same ones were checked before."""
        key = self._comparable_settings()
        if key in _CHECKED:
            return
        self._check_parameters()
        if len(_CHECKED) >= _MOST_CHECKED:
            _CHECKED.clear()
        if key is not None:
            _CHECKED.add(key)

    def _comparable_settings(self):
        """Return what the checks depend on, or None if that can't be compared."""
        settings = self.get_params(deep=False)
        seed = settings["random_state"]
        if type(seed) is int and seed in _SEEDS:  # each fit may have its own
            settings["random_state"] = 0
        for value in settings.values():
            parts = value if type(value) in (tuple, list) else (value,)
            if not all(type(part) in _COMPARABLE for part in parts):
                return None
        # As a text: 1, 1.0 and True are equal, and not all of them are right.
        return type(self), str(settings)

    def _check_parameters(self):
        """Check all parameters; those of the data are checked with the data."""
        try:
            self._validate_params()
        except ValueError as error:
            raise self._with_hint(error) from None
        settings = self._settings()
        check_numbers(settings, self._parameter_constraints)
        check_initializer(self.kernel_initializer, self._kernel_dimensions)
        known = parameters_of(type(self).__init__)
        defaults = {name: parameter.default for name, parameter in known.items()}
        check_optimizer(settings, defaults)
        check_schedule(settings, defaults)
        choose_clip(settings)
        check_averaging(settings["ema"], settings["swa_start"])
        check_monitor(self.monitor)
        choose_normalization(self.normalization, self.batch_norm)
        check_dropout(self._dropout_rates())
        if self.n_ensemble > 1:
            check_callbacks_of_many(settings["callbacks"])

    def _with_hint(self, error):
        """Return the error of a parameter with the nearest accepted value."""
        for name, constraints in self._parameter_constraints.items():
            if f"The {name!r} parameter" in str(error):
                accepted = [
                    word
                    for constraint in constraints
                    if isinstance(constraint, StrOptions)
                    for word in constraint.options
                ]
                hint = hint_at_value(name, getattr(self, name), accepted)
                return type(error)(f"{error} {hint}".rstrip())
        return error
