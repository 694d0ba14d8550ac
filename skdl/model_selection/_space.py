"""What is searched: distributions of parameters, or a function of the trial."""

import difflib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.trial import FixedTrial
from sklearn.base import clone

from skdl._fingerprint import without_addresses
from skdl.model_selection._study import quiet_optuna

__all__ = ["DictSpace", "FunctionSpace", "make_space"]


def make_space(distributions, estimator):
    """Return the space of ``param_distributions``, checked.

    Parameters
    ----------
    distributions : dict or callable
        As ``OptunaSearchCV`` takes them.
    estimator : estimator
        Whose parameters are searched.

    Returns
    -------
    DictSpace or FunctionSpace

    Raises
    ------
    TypeError, ValueError
        If the space is empty, names an unknown parameter, or holds something that is
        no distribution.
    """
    if callable(distributions):
        space = FunctionSpace(distributions)
    elif isinstance(distributions, Mapping):
        space = DictSpace(distributions)
    else:
        raise TypeError(
            f"param_distributions={distributions!r} must be a dict of distributions, "
            "or a function that takes a trial and returns a dict (in the place of a "
            "list of dicts, which a study can't search)."
        )
    _check_names(space.draw_example(), estimator)
    return space


def _check_names(params, estimator):
    known = estimator.get_params(deep=True)
    for name in params:
        # A step that is searched itself brings names that are not known yet.
        searched = any(name.startswith(f"{other}__") for other in params)
        if name in known or searched:
            continue
        if _accepts(estimator, name, params[name]):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        raise ValueError(
            f"param_distributions: {type(estimator).__name__} has no parameter "
            f"{name!r}. The nearest that it has is {near[0]!r}."
        )


def _accepts(estimator, name, value):
    """Return whether an estimator takes a name that it does not list."""
    try:
        clone(estimator).set_params(**{name: value})
    except ValueError:
        return False
    return True


class DictSpace:
    """A fixed set of parameters, each with its distribution.

    Parameters
    ----------
    distributions : dict
        Optuna distributions, frozen distributions of scipy.stats, or sequences.
    """

    def __init__(self, distributions):
        if not distributions:
            raise ValueError(
                "param_distributions is empty: there is nothing to search. Give at "
                "least one parameter, for example {'learning_rate': "
                "scipy.stats.loguniform(1e-4, 1e-1)}."
            )
        self._dimensions = [_make_dimension(*item) for item in distributions.items()]

    def suggest(self, trial):
        """Return the parameters of a trial, by name."""
        return {
            dimension.name: dimension.suggest(trial) for dimension in self._dimensions
        }

    def recall(self, trial):
        """Return the parameters of a trial that is in the study."""
        return self.suggest(FixedTrial(trial.params, trial.number))

    def draw_example(self):
        """Return parameters at random, outside of any study."""
        return _draw_example(self.suggest)

    def describe(self):
        """Return what makes two spaces the same, as text."""
        return json.dumps({d.name: d.describe() for d in self._dimensions})


class FunctionSpace:
    """A conditional space: a function of the trial that returns the parameters.

    Parameters
    ----------
    function : callable
        Takes an ``optuna.Trial`` and returns a dict. The same suggestions must give
        the same dict.
    """

    def __init__(self, function):
        self._function = function

    def suggest(self, trial):
        """Return the parameters of a trial, by name."""
        params = self._function(trial)
        if not isinstance(params, Mapping):
            raise TypeError(
                "The function given as param_distributions must return a dict of "
                f"parameters; it returned {params!r}."
            )
        return dict(params)

    def recall(self, trial):
        """Return the parameters of a trial that is in the study.

        Raises
        ------
        ValueError
            If the function asks for other suggestions than it did then.
        """
        try:
            return self.suggest(FixedTrial(trial.params, trial.number))
        except ValueError as error:
            raise ValueError(
                f"The function given as param_distributions does not fit trial "
                f"{trial.number} of the study, which has {trial.params}: {error} Give "
                "the function that the study was made with, or another study_name."
            ) from error

    def draw_example(self):
        """Return parameters at random, outside of any study."""
        params = _draw_example(self.suggest)
        if not params:
            raise ValueError(
                "The function given as param_distributions returned an empty dict: "
                "there is nothing to search."
            )
        return params

    def describe(self):
        """Return what makes two spaces the same, as text: the function's name."""
        kind = type(self._function)
        return getattr(self._function, "__qualname__", kind.__qualname__)


def _draw_example(suggest):
    with quiet_optuna():
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return suggest(study.ask())


class _Dimension:
    """One parameter: what Optuna suggests, and the value that it stands for.

    Parameters
    ----------
    name : str
        Of the parameter.
    distribution : optuna.distributions.BaseDistribution
        What is suggested.
    decode : callable, default=None
        Makes the value from what was suggested; None takes it as it is.
    label : str, default=None
        The name in the study, where it is not that of the parameter.
    """

    def __init__(self, name, distribution, decode=None, label=None):
        self.name = name
        self._distribution = distribution
        self._decode = decode
        self._label = label or name

    def suggest(self, trial):
        """Return the value of a trial."""
        found = _suggest(trial, self._label, self._distribution)
        return found if self._decode is None else self._decode(found)

    def describe(self):
        """Return the distribution as text."""
        return f"{self._label}: {distribution_to_json(self._distribution)}"


def _suggest(trial, name, distribution):
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    low, high = distribution.low, distribution.high
    step, log = distribution.step, distribution.log
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(name, low, high, step=step, log=log)
    return trial.suggest_float(name, low, high, step=step, log=log)


def _make_dimension(name, found):
    if not isinstance(name, str):
        raise TypeError(f"param_distributions: the name {name!r} must be a string.")
    if isinstance(found, CategoricalDistribution):
        return _choose(name, found.choices)
    if isinstance(found, (FloatDistribution, IntDistribution)):
        return _Dimension(name, found)
    if all(hasattr(found, name) for name in ("dist", "ppf", "support")):
        return _from_scipy(name, found)
    is_text = isinstance(found, (str, bytes))
    if isinstance(found, (Sequence, np.ndarray)) and not is_text:
        return _choose(name, list(found))
    hint = ""
    if isinstance(found, BaseDistribution):
        hint = " This kind of Optuna distribution is deprecated."
    elif hasattr(found, "rvs"):
        hint = " It has rvs, but is not frozen: a study needs its ppf and support."
    raise TypeError(
        f"param_distributions[{name!r}]={found!r} is no distribution: give a list of "
        "values, a frozen distribution of scipy.stats such as loguniform(1e-4, 1e-1), "
        f"or optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True).{hint}"
    )


def _choose(name, values):
    if not values:
        raise ValueError(
            f"param_distributions[{name!r}] is an empty list: give at least one value."
        )
    values = [v.item() if isinstance(v, np.generic) else v for v in values]
    if all(v is None or isinstance(v, (bool, int, float, str)) for v in values):
        return _Dimension(name, CategoricalDistribution(values))
    # A storage keeps plain values only, so others are chosen by their text.
    labels = [_one_line(value) for value in values]
    if len(set(labels)) < len(labels):
        labels = [f"{k}: {label}" for k, label in enumerate(labels)]
    decode = dict(zip(labels, values)).__getitem__
    return _Dimension(name, CategoricalDistribution(labels), decode)


def _one_line(value):
    text = getattr(value, "__qualname__", None) or without_addresses(repr(value))
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "..."


def _from_scipy(name, frozen):
    low, high = (float(end) for end in frozen.support())
    kind = getattr(frozen.dist, "name", None)
    if kind == "uniform":
        return _Dimension(name, FloatDistribution(low, high))
    if kind in ("loguniform", "reciprocal"):
        return _Dimension(name, FloatDistribution(low, high, log=True))
    if kind == "randint":
        return _Dimension(name, IntDistribution(int(low), int(high)))
    # Any other distribution is searched along its quantiles.
    edge = np.finfo(float).eps
    quantiles = FloatDistribution(
        0.0 if np.isfinite(low) else edge, 1.0 if np.isfinite(high) else 1 - edge
    )

    def decode(quantile):
        return frozen.ppf(quantile).item()

    return _Dimension(name, quantiles, decode, label=f"{name} (quantile)")
