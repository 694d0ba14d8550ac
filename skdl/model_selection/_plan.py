"""What a search will do, all of it checked before a storage is touched."""

import warnings
from collections.abc import Mapping
from copy import deepcopy
from numbers import Integral
from typing import NamedTuple

import joblib
import numpy as np
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import GridSampler, TPESampler
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import get_tags, indexable

from skdl._utils._description import describe
from skdl._utils._fingerprint import take_fingerprint
from skdl._utils._nested import find_network, find_networks, say_what_holds
from skdl._utils._numbers import draw_seed
from skdl._utils._scorers import is_multimetric
from skdl._utils._sklearn import check_params
from skdl.model_selection._racing import RacingPruner
from skdl.model_selection._setting import Setting
from skdl.model_selection._space import DictSpace, FunctionSpace, ListSpace, make_space
from skdl.model_selection._study import open_study

__all__ = [
    "SearchPlan",
    "as_unfinished",
    "find_unfinished",
    "fingerprint_of",
    "make_samplers",
    "open_planned",
    "plan_search",
]


class SearchPlan(NamedTuple):
    """What a search will do, all of it checked."""

    setting: Setting
    space: DictSpace | ListSpace | FunctionSpace
    pruner: BasePruner
    params: dict
    n_threads: int


def plan_search(search, X, y, params):
    """Check all that can be checked before a storage is touched."""
    search._validate_params()
    if y is None and get_tags(search).target_tags.required:
        raise ValueError(
            f"The {type(search.estimator).__name__} that is searched requires y to "
            "be passed, but the target y is None."
        )
    scorer, _ = search._get_scorers()
    X, y = indexable(X, y)
    params = check_params(X, params)
    routed = search._get_routed_params_for_fit(params)
    cv = check_cv(search.cv, y, classifier=is_classifier(search.estimator))
    # Drawn once: a shuffled splitter without a seed gives other folds each time.
    splits = list(cv.split(X, y, **routed.splitter.split))
    if not splits:
        raise ValueError(f"cv={search.cv!r} has no folds: give at least one.")
    _check_directions(search.directions, scorer)
    _check_lists(search)
    pruner = _choose_pruner(search)
    setting = Setting(
        estimator=search.estimator,
        X=X,
        y=y,
        splits=splits,
        scorer=scorer,
        objective=search.refit if isinstance(search.refit, str) else None,
        fit_params=routed.estimator.fit,
        score_params=routed.scorer.score,
        train_scores=search.return_train_score,
        is_pruned=not isinstance(pruner, NopPruner),
        directions=None if search.directions is None else list(search.directions),
    )
    space = make_space(search.param_distributions, search.estimator)
    if isinstance(search.sampler, GridSampler):
        _check_grid(search.sampler, space)
    n_threads = joblib.effective_n_jobs(search.n_jobs)
    if n_threads > 1 and ":memory:" in str(search.storage):
        raise ValueError(
            f"storage={search.storage!r} belongs to one thread, and n_jobs="
            f"{search.n_jobs!r} starts {n_threads}: leave storage=None, which keeps "
            "the study in memory for all, or give a file."
        )
    return SearchPlan(setting, space, pruner, params, n_threads)


def _check_lists(search):
    for k, params in enumerate(search.enqueue or ()):
        if not isinstance(params, Mapping):
            raise TypeError(f"enqueue[{k}]={params!r} must be a dict of parameters.")
    for k, callback in enumerate(search.callbacks or ()):
        if not callable(callback):
            raise TypeError(
                f"callbacks[{k}]={callback!r} must be a function that takes the study "
                "and a trial."
            )


def _check_grid(sampler, space):
    """Check that a grid has the labels of values that a study can't keep."""
    grid = getattr(sampler, "_search_space", {})
    for dimension in getattr(space, "dimensions", ()):
        for value in grid.get(dimension.label, ()) if dimension.labels else ():
            if value not in dimension.labels:
                raise ValueError(
                    f"sampler: GridSampler has {value!r} for {dimension.name!r}, and "
                    f"the study keeps such values as {dimension.labels}. Use "
                    "sampler=optuna.samplers.BruteForceSampler(), which tries all "
                    "combinations of lists."
                )


def _check_directions(directions, scorer):
    if directions is None:
        return
    names = list(scorer._scorers) if is_multimetric(scorer) else []
    wrong = set(directions) - {"maximize", "minimize"}
    if wrong or not names or len(names) != len(directions):
        raise ValueError(
            f"directions={directions!r} must have 'maximize' or 'minimize' "
            f"for each score of scoring, a list or a dict: {names or 'one score'}."
        )


def _choose_pruner(search):
    if search.directions is not None:
        if search.pruner is not None and not isinstance(search.pruner, NopPruner):
            raise ValueError(
                f"pruner={search.pruner!r} does not go with directions: Optuna "
                "prunes by one objective. Leave pruner=None."
            )
        return NopPruner()
    reports = find_network(search.estimator) is not None
    if search.pruner is None:
        if find_networks(search.estimator) and not reports:
            warnings.warn(
                f"No trial is pruned: {say_what_holds(search.estimator)}. "
                "If this is intended, set pruner=optuna.pruners.NopPruner().",
                UserWarning,
                stacklevel=4,
            )
        return RacingPruner() if reports else NopPruner()
    if not reports and not isinstance(search.pruner, NopPruner):
        raise ValueError(
            f"pruner={search.pruner!r}: {say_what_holds(search.estimator)}, so no "
            "epochs are reported and no trial can be pruned. Leave pruner=None."
        )
    # Hyperband, for one, has a state, and `fit` must not change a parameter.
    return deepcopy(search.pruner)


def fingerprint_of(search, plan):
    """Return the fingerprint of a search."""
    setting = plan.setting
    return take_fingerprint(
        search.estimator,
        plan.space,
        (search.scoring, setting.objective),
        setting.splits,
        {"X": setting.X, "y": setting.y, **plan.params},
    )


def open_planned(search, plan, storage, fingerprint):
    """Return the study of a search, new or found again."""
    return open_study(
        storage,
        search.storage,
        search.study_name,
        search.resume,
        fingerprint,
        deepcopy(search.sampler),
        plan.pruner,
        plan.setting.directions,
    )


def as_unfinished(search, storage, fingerprint):
    """Return what the next fit of a search in memory goes on from, or None."""
    if search.storage is not None:
        return None
    return storage, _what_decides(search, fingerprint)


def find_unfinished(search, fingerprint):
    """Return the storage in memory of a search that did not end, if it is the same."""
    is_kept = search.storage is None and search._unfinished is not None
    if not is_kept or search.resume is False:
        return None
    storage, decided = search._unfinished
    return storage if decided == _what_decides(search, fingerprint) else None


def _what_decides(search, fingerprint):
    """Return what decides the trials: the search, its name and its random numbers."""
    seed = search.random_state if isinstance(search.random_state, Integral) else None
    return dict(fingerprint), search.study_name, seed, describe(search.sampler)


def make_samplers(search):
    """Return a function that makes each trial's sampler; None if the user gave one."""
    if search.sampler is not None:
        return None
    seed = draw_seed(search.random_state)

    def make_sampler(index):
        # One for each trial, so that a resumed study equals an uninterrupted one.
        state = np.random.SeedSequence([seed, index]).generate_state(1)
        return TPESampler(seed=int(state[0]))

    return make_sampler
