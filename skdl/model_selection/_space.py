"""What is searched: distributions of parameters, or a function of the trial."""

import difflib
import json
import warnings
from collections.abc import Mapping, Sequence
from numbers import Real

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
from scipy.stats import rv_continuous, rv_discrete
from sklearn.base import clone

from skdl._utils._fingerprint import describe, without_addresses
from skdl.model_selection._study import quiet_optuna

__all__ = ["PARAMS", "DictSpace", "FunctionSpace", "ListSpace", "make_space"]

# An attribute of trials: what the function of a space returned, as text.
PARAMS = "skdl:params"


def make_space(distributions, estimator):
    """Return the space of ``param_distributions``, checked.

    Parameters
    ----------
    distributions : dict, list of dict or callable
        As ``OptunaSearchCV`` takes them.
    estimator : estimator
        Whose parameters are searched.

    Returns
    -------
    DictSpace, ListSpace or FunctionSpace

    Raises
    ------
    TypeError, ValueError
        If the space names an unknown parameter, or holds something that is no
        distribution.
    """
    if callable(distributions):
        space = FunctionSpace(distributions)
        _check_names(space.draw_example(), estimator)
        return space
    several = [distributions] if isinstance(distributions, Mapping) else distributions
    is_list = isinstance(several, (list, tuple)) and several
    if not is_list or not all(isinstance(one, Mapping) for one in several):
        raise TypeError(
            f"param_distributions={distributions!r} must be a dict of distributions, a "
            "list of such dicts, or a function that takes a trial and returns a dict."
        )
    spaces = [DictSpace(one) for one in several]
    for given, one in zip(several, spaces):
        _check_names(one.draw_example(), estimator)
        _warn_of_pairs(given, estimator)
    return spaces[0] if len(spaces) == 1 else ListSpace(spaces)


def _warn_of_pairs(distributions, estimator):
    """Warn about two numbers for a continuous parameter: a range may be meant."""
    known = estimator.get_params(deep=True)
    for name, found in distributions.items():
        is_pair = isinstance(found, tuple) and len(found) == 2
        if not is_pair or not all(_is_number(value) for value in found):
            continue
        if any(isinstance(value, float) for value in (*found, known.get(name))):
            low, high = found
            warnings.warn(
                f"param_distributions[{name!r}]={found!r} is understood as two values, "
                f"{low!r} and {high!r}, and nothing between. For a range write "
                f"scipy.stats.uniform({low!r}, {high - low:g}), scipy.stats.loguniform("
                f"{low!r}, {high!r}) or optuna.distributions.FloatDistribution({low!r},"
                f" {high!r}); for the two values, a list.",
                UserWarning,
                stacklevel=6,
            )


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _check_names(params, estimator):
    known = estimator.get_params(deep=True)
    for name in params:
        # If a step is itself searched, the names of its parameters are not known yet.
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
        # Wrapped models list optimizer__learning_rate and the like only once it is set.
        clone(estimator).set_params(**{name: value})
    except ValueError:
        return False
    return True


class _FixedSpace:
    """A space whose parameters depend on nothing but what is suggested."""

    def suggest(self, trial):
        """Return the parameters of a trial, by name."""
        raise NotImplementedError

    def recall(self, trial):
        """Return the parameters of a trial that is in the study."""
        return self.suggest(FixedTrial(trial.params, trial.number))

    def notes(self, trial):
        """Return attributes that a new trial gets."""
        return {}


class DictSpace(_FixedSpace):
    """A fixed set of parameters, each with its distribution.

    Parameters
    ----------
    distributions : dict
        Optuna distributions, frozen distributions of scipy.stats, or sequences.
    """

    def __init__(self, distributions):
        self.dimensions = [_make_dimension(*item) for item in distributions.items()]

    def suggest(self, trial):
        """Return the parameters of a trial, by name."""
        return {d.name: d.suggest(trial) for d in self.dimensions}

    def encode(self, params):
        """Return parameters as the study names and keeps them.

        Raises
        ------
        ValueError
            If one is not searched, or has a value that is not in its distribution.
        """
        by_name = {dimension.name: dimension for dimension in self.dimensions}
        unknown = [name for name in params if name not in by_name]
        if unknown:
            raise ValueError(
                f"enqueue has {unknown[0]!r}, which is not searched: the space has "
                f"{list(by_name)}."
            )
        return {
            by_name[name].label: by_name[name].encode(value)
            for name, value in params.items()
        }

    def draw_example(self):
        """Return parameters at random, outside of any study."""
        return _draw_example(self.suggest)

    def describe(self):
        """Return a text that is the same for two spaces that are the same."""
        return json.dumps({d.name: d.describe() for d in self.dimensions})


class ListSpace(_FixedSpace):
    """Several spaces, of which each trial searches one.

    Parameters
    ----------
    spaces : list of DictSpace
        The spaces. A parameter that has different distributions in several spaces has a
        different name in the study for each.
    """

    def __init__(self, spaces):
        self._spaces = spaces
        self._which = _choose("space", [f"space {k}" for k in range(len(spaces))])
        known: dict[str, str] = {}
        for k, space in enumerate(spaces):
            for dimension in space.dimensions:
                first = known.setdefault(dimension.label, dimension.describe())
                if dimension.describe() != first:
                    # Optuna refuses other choices, or another kind, under a known name.
                    dimension.label += f" (space {k})"

    def suggest(self, trial):
        """Return the parameters of a trial, by name."""
        return self._spaces[int(self._which.suggest(trial)[6:])].suggest(trial)

    def encode(self, params):
        """Return parameters as the study names and keeps them."""
        for k, space in enumerate(self._spaces):
            if {d.name for d in space.dimensions} >= set(params):
                return {"space": f"space {k}", **space.encode(params)}
        raise ValueError(f"enqueue has {params!r}, which is in none of the spaces.")

    def draw_example(self):
        """Return parameters at random, outside of any study: those of all spaces."""
        found: dict = {}
        for space in self._spaces:
            found |= space.draw_example()
        return found

    def describe(self):
        """Return a text that is the same for two spaces that are the same."""
        return json.dumps([space.describe() for space in self._spaces])


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
            If the function asks for other suggestions than it did then, or makes other
            parameters of the same ones.
        """
        try:
            params = self.suggest(FixedTrial(trial.params, trial.number))
        except ValueError as error:
            raise ValueError(
                f"The function given as param_distributions does not fit trial "
                f"{trial.number} of the study, which has {trial.params}: {error} Give "
                "the function that the study was made with, or another study_name."
            ) from error
        noted, found = trial.user_attrs.get(PARAMS), describe(params)
        if noted not in (None, found):
            raise ValueError(
                f"The function given as param_distributions made {noted} of the "
                f"suggestions of trial {trial.number}, {trial.params}, and now makes "
                f"{found}. What it returns must depend on the suggestions alone: make "
                "it draw everything that varies from the trial. If the function, or "
                "something that it reads, was changed, give what the study was made "
                "with, or another study_name."
            )
        return params

    def notes(self, trial):
        """Return attributes that a new trial gets: what the function made of it."""
        return {PARAMS: describe(self.recall(trial))}

    def encode(self, params):
        """Return parameters as the study names them: as the function suggests them."""
        return dict(params)

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
        """Return the function's name, as the text that identifies the space."""
        kind = type(self._function)
        return getattr(self._function, "__qualname__", kind.__qualname__)


def _draw_example(suggest):
    with quiet_optuna():
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return suggest(study.ask())


class _Dimension:
    """One parameter: what Optuna suggests for it, and the value that this stands for.

    Parameters
    ----------
    name : str
        Name of the parameter.
    distribution : optuna.distributions.BaseDistribution
        Distribution of what Optuna suggests.
    code : object, default=None
        Its ``decode`` turns a suggestion into the value, its ``encode`` does the
        reverse; None if both are the same.
    label : str, default=None
        The name in the study, if it is not that of the parameter.
    """

    def __init__(self, name, distribution, code=None, label=None):
        self.name = name
        self.label = label or name
        self._distribution = distribution
        self._code = code

    def suggest(self, trial):
        """Return the value of a trial."""
        found = _suggest(trial, self.label, self._distribution)
        return found if self._code is None else self._code.decode(found)

    def encode(self, value):
        """Return what stands for a value in the study."""
        found = value if self._code is None else self._code.encode(value)
        inside = found is not None
        if not isinstance(self._distribution, CategoricalDistribution):
            inside = _is_number(found)
            inside = inside and self._distribution._contains(float(found))
        elif self._code is None:
            inside = any(found is c or found == c for c in self._distribution.choices)
        if not inside:
            raise ValueError(
                f"enqueue has {self.name}={value!r}, which is not in the space: "
                f"{self._distribution}."
            )
        return found

    def describe(self):
        """Return the distribution as text."""
        text = f"{self.label}: {distribution_to_json(self._distribution)}"
        return text + getattr(self._code, "text", "")


class _Labels:
    """Values that a study keeps by a label: it keeps only plain, distinct values.

    Parameters
    ----------
    labels : list of str
        The labels, all different.
    values : list
        The value of each label.
    """

    def __init__(self, labels, values):
        self._pairs = list(zip(labels, values))
        self.decode = dict(self._pairs).__getitem__

    def encode(self, value):
        """Return the label of a value, or None."""
        # 1, 1.0 and True are equal, but three different values.
        same = [
            label
            for label, known in self._pairs
            if known is value or (type(known) is type(value) and known == value)
        ]
        return same[0] if same else None


class _Quantiles:
    """Values of a distribution of SciPy, which a study keeps by their quantiles.

    Parameters
    ----------
    frozen : scipy.stats distribution
        The distribution.
    is_discrete : bool
        Whether its values are whole numbers.
    """

    def __init__(self, frozen, is_discrete):
        self._frozen = frozen
        self._is_discrete = is_discrete
        self.text = f" {_distribution_name(frozen)}"

    def decode(self, quantile):
        """Return the value at a quantile."""
        value = self._frozen.ppf(quantile).item()
        # ppf gives floats, and parameters such as widths must be integers.
        return round(value) if self._is_discrete else value

    def encode(self, value):
        """Return the quantile of a value."""
        return float(self._frozen.cdf(value))


def _distribution_name(frozen):
    """Return the name of a distribution and what it was made with."""
    dist = getattr(frozen, "dist", frozen)
    held = [getattr(frozen, name, None) for name in ("args", "kwds")]
    # Histograms and tables of probabilities keep their numbers here, not in args.
    held += [getattr(dist, name, None) for name in ("_hpdf", "_hbins", "xk", "pk")]
    return f"{getattr(dist, 'name', type(dist).__name__)} {describe(held)}"


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
    if _is_distribution(found):
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
        f"param_distributions[{name!r}]={found!r} is not a distribution: give a list "
        "of values, a frozen distribution of scipy.stats such as loguniform(1e-4, "
        f"1e-1), or optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True).{hint}"
    )


def _choose(name, values):
    if not values:
        raise ValueError(
            f"param_distributions[{name!r}] is an empty list: give at least one value."
        )
    # Storages write JSON, which has no integers of NumPy.
    values = [v.item() if isinstance(v, np.generic) else v for v in values]
    is_plain = all(v is None or isinstance(v, (bool, int, float, str)) for v in values)
    if is_plain and not _has_equals(values):
        return _Dimension(name, CategoricalDistribution(values))
    # A storage keeps plain values only and can't tell 1 from 1.0, so other values are
    # chosen by a label.
    labels = [_one_line(value) for value in values]
    if len(set(labels)) < len(labels):
        labels = [f"{k}: {label}" for k, label in enumerate(labels)]
    return _Dimension(name, CategoricalDistribution(labels), _Labels(labels, values))


def _has_equals(values):
    return any(value in values[:k] for k, value in enumerate(values))


def _is_distribution(found):
    """Return whether something is a distribution of SciPy that needs no shape."""
    if isinstance(found, (rv_continuous, rv_discrete)):
        return found.numargs == 0
    return all(hasattr(found, name) for name in ("dist", "ppf", "cdf", "support"))


def _one_line(value):
    # Choices must be the same in each process, and an address in a repr is not.
    text = getattr(value, "__qualname__", None) or without_addresses(repr(value))
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "..."


def _from_scipy(name, frozen):
    low, high = (float(end) for end in frozen.support())
    dist = getattr(frozen, "dist", frozen)
    kind = getattr(dist, "name", None)
    if kind == "uniform":
        return _Dimension(name, FloatDistribution(low, high))
    if kind in ("loguniform", "reciprocal"):
        return _Dimension(name, FloatDistribution(low, high, log=True))
    if kind == "randint":
        # support() ends at the largest value, where randint's argument is one above.
        return _Dimension(name, IntDistribution(int(low), int(high)))
    # Any other distribution is searched along its quantiles. The quantile 0 of a
    # discrete one lies below its support.
    is_discrete = isinstance(dist, rv_discrete)
    edge = np.finfo(float).eps
    quantiles = FloatDistribution(
        0.0 if np.isfinite(low) and not is_discrete else edge,
        1.0 if np.isfinite(high) else 1 - edge,
    )
    code = _Quantiles(frozen, is_discrete)
    return _Dimension(name, quantiles, code, label=f"{name} (quantile)")
