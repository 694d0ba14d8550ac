"""What is searched: distributions of parameters, or a function of the trial."""

import difflib
import json
import warnings
from collections.abc import Mapping

import optuna
from optuna.trial import FixedTrial
from sklearn.base import clone

from skdl._utils._description import describe
from skdl.model_selection._dimension import choose, is_number, make_dimension, plain
from skdl.model_selection._study import quiet_optuna

__all__ = [
    "PARAMS",
    "DictSpace",
    "FunctionSpace",
    "ListSpace",
    "StoredTrial",
    "make_space",
]

# An attribute of trials: what the function of a space returned, as text.
PARAMS = "skdl:params"
# Of a function that asks for a parameter in one of its branches only.
_DRAWS = 20


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
        if not is_pair or not all(is_number(value) for value in found):
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
        return self.suggest(StoredTrial(trial.params, trial.number))

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
        self.dimensions = [make_dimension(*item) for item in distributions.items()]

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

    def searched_by_all(self):
        """Return the names of the parameters that each trial searches."""
        return {dimension.name for dimension in self.dimensions}

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
        searched = {d.name for space in spaces for d in space.dimensions}
        name = "(space)" if "space" in searched else "space"
        self._which = choose(name, [f"space {k}" for k in range(len(spaces))])
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
        reasons = []
        names = [{d.name for d in space.dimensions} for space in self._spaces]
        # First the spaces of just these names: others leave the rest to the sampler.
        for k in sorted(range(len(names)), key=lambda k: names[k] != {*params}):
            space = self._spaces[k]
            try:
                return {self._which.name: f"space {k}", **space.encode(params)}
            except ValueError as error:
                reasons.append(f"space {k}: {error}")
        reason = " ".join(reasons)
        raise ValueError(f"enqueue has {params!r}, which no space has. {reason}")

    def draw_example(self):
        """Return parameters at random, outside of any study: those of all spaces."""
        found: dict = {}
        for space in self._spaces:
            found |= space.draw_example()
        return found

    def searched_by_all(self):
        """Return the names of the parameters that each trial searches."""
        return set.intersection(*(space.searched_by_all() for space in self._spaces))

    def describe(self):
        """Return a text that is the same for two spaces that are the same."""
        return json.dumps([space.describe() for space in self._spaces])


class StoredTrial(FixedTrial):
    """A trial that is in a study: it suggests what it has.

    Parameters
    ----------
    params : dict
        Its values by their names in the study.
    number : int
        Its number.
    """

    def __init__(self, params, number):
        self._stored = dict(params)
        super().__init__(self._stored, number)

    def suggest_categorical(self, name, choices):
        """Return its choice."""
        stored = self._stored.get(name)
        if isinstance(stored, list):  # a storage on disk makes lists of tuples
            for choice in choices:
                if isinstance(choice, tuple) and _as_lists(choice) == stored:
                    self._stored[name] = choice
        return super().suggest_categorical(name, choices)


def _as_lists(value):
    if isinstance(value, (list, tuple)):
        return [_as_lists(part) for part in value]
    return value


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
        try:
            params = self._function(trial)
        except optuna.TrialPruned as pruned:
            raise ValueError(
                "The function given as param_distributions raised TrialPruned: it must "
                "return parameters. Make it suggest what goes together."
            ) from pruned
        except ValueError as error:
            if "dynamic value space" not in str(error):
                raise
            raise ValueError(
                "The function given as param_distributions asks for other choices of a "
                "parameter than the trials of the study had: give the function that "
                "the study was made with, or another study_name. A database keeps "
                "lists where choices are tuples: choose among names, and look the "
                "tuple up."
            ) from error
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
            params = self.suggest(StoredTrial(trial.params, trial.number))
        except ValueError as error:
            raise ValueError(
                f"The function given as param_distributions does not fit trial "
                f"{trial.number} of the study, which has {trial.params}: {error} Give "
                "the function that the study was made with, or another study_name."
            ) from error
        except AttributeError as error:
            raise ValueError(
                f"The function given as param_distributions failed: {error}. It is "
                "called with stored trials, too, and may use nothing of a trial but "
                "its number, params and suggest methods."
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

    def searched_by_all(self):
        """Return the names of the parameters that each trial searches: unknown here."""
        return set()

    def notes(self, trial):
        """Return attributes that a new trial gets: what the function made of it."""
        return {PARAMS: describe(self.recall(trial))}

    def encode(self, params):
        """Return parameters as the study names them: as the function suggests them.

        Raises
        ------
        ValueError
            If the function does not ask for one of them, or asks for another range.
        """
        for seed in range(_DRAWS):
            try:
                trial = _draw(self.suggest, params, seed)
            except ValueError as error:
                raise ValueError(
                    f"enqueue has {params!r}, which does not go with the function "
                    f"given as param_distributions: {error}"
                ) from error
            if set(params) <= set(trial.params):
                break
        else:
            unknown = [name for name in params if name not in trial.params]
            raise ValueError(
                f"enqueue has {unknown[0]!r}, and the function given as "
                f"param_distributions asks for {list(trial.params)}: give values by "
                "the names that it suggests, as study_.best_params has them."
            )
        for name, value in params.items():
            distribution = trial.distributions[name]
            if not distribution._contains(distribution.to_internal_repr(value)):
                raise ValueError(
                    f"enqueue has {name}={value!r}, which is not in what the function "
                    f"given as param_distributions asks for: {distribution}."
                )
        return {name: plain(value) for name, value in params.items()}

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
    return suggest(_random_study(0).ask())


def _draw(suggest, params, seed):
    """Return a trial that was suggested some parameters, outside of any study."""
    study = _random_study(seed)
    study.enqueue_trial(params)
    trial = study.ask()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a value that is out of range
        suggest(trial)
    return trial


def _random_study(seed):
    with quiet_optuna():
        return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
