"""``cv_results_``: the trials of a study, in the format of scikit-learn's searches."""

import warnings

import numpy as np
from optuna.trial import TrialState
from scipy.stats import rankdata
from sklearn.exceptions import FitFailedWarning

from skdl._utils._sklearn import mask_params
from skdl.model_selection._outcome import TrialOutcome

__all__ = [
    "check_completed",
    "STATES",
    "complete_only",
    "is_feasible",
    "make_results",
    "pareto_optimal",
    "warn_of_failures",
]


def make_results(
    trials, space, n_splits, train_scores, error_score, directions=None, best=()
):
    """Return ``cv_results_``, with one entry for each trial.

    Parameters
    ----------
    trials : list of optuna.trial.FrozenTrial
        The trials that count, at least one of them complete.
    space : DictSpace or FunctionSpace
        Gives the parameters of a trial.
    n_splits : int
        Number of folds.
    train_scores : bool
        Whether the scores of the training rows are shown, too.
    error_score : float
        The score of the folds that a failed trial lacks.
    directions : list of str, default=None
        Of the scores, where there are several objectives.
    best : collection of int, default=()
        The numbers of the trials that no other trial beats in all of them.

    Returns
    -------
    dict of str to array
        As in ``RandomizedSearchCV``, with the additional columns ``trial_number``,
        ``trial_state`` (``"complete"``, ``"pruned"`` or ``"failed"``) and ``n_epochs``,
        the total epochs run in all folds. Pruned and failed trials rank last.
    """
    outcomes = [TrialOutcome.from_attributes(trial.user_attrs) for trial in trials]
    states = np.array([STATES[trial.state] for trial in trials], dtype=object)
    candidates = [space.recall(trial) for trial in trials]
    fill = np.where(states == "failed", error_score, np.nan)

    def by_fold(lists, filled):
        table = np.repeat(filled[:, None], n_splits, axis=1)  # (n_trials, n_splits)
        for row, values in zip(table, lists):
            row[: len(values)] = values
        return table

    results = {}
    no_time = np.full(len(trials), np.nan)
    for name in ("fit_time", "score_time"):
        table = by_fold([getattr(outcome, name) for outcome in outcomes], no_time)
        # Of the folds that were run, so that a pruned trial has its times, too.
        results.update(_mean_and_std(name, table, _mean_of_some))
    results.update(mask_params(candidates))
    results["params"] = candidates
    names = next(o.scores for o, state in zip(outcomes, states) if state == "complete")
    feasible = np.array([is_feasible(trial) for trial in trials])
    if not feasible[states == "complete"].any():
        warnings.warn(
            "All complete trials break a constraint of the sampler, the best one too.",
            UserWarning,
            stacklevel=3,
        )
    for k, name in enumerate(names):
        sign = -1 if directions and directions[k] == "minimize" else 1
        table = by_fold([o.scores.get(name, []) for o in outcomes], fill)
        results.update(_columns(f"test_{name}", table))
        complete = states == "complete"
        results[f"rank_test_{name}"] = _rank(
            sign * table.mean(axis=1), complete, feasible
        )
        if train_scores:
            table = by_fold([o.train_scores.get(name, []) for o in outcomes], fill)
            results.update(_columns(f"train_{name}", table))
    if train_scores:
        _warn_of_lacking_train_scores(outcomes, states)
    results["trial_number"] = np.array([trial.number for trial in trials])
    results["trial_state"] = states
    if directions:
        results["pareto_optimal"] = np.isin(results["trial_number"], list(best))
    if not feasible.all():
        results["feasible"] = feasible
    results["n_epochs"] = np.array([o.n_epochs for o in outcomes])
    return results


def _warn_of_lacking_train_scores(outcomes, states):
    has_none = np.array([not outcome.train_scores for outcome in outcomes])
    lacking = has_none & (states == "complete")
    if lacking.any():
        warnings.warn(
            f"{lacking.sum()} complete trials of the study were run with "
            "return_train_score=False: their training scores are NaN.",
            UserWarning,
            stacklevel=3,
        )


def complete_only(results):
    """Return the results of the complete trials, and their indices.

    Parameters
    ----------
    results : dict of str to array
        As returned by ``make_results``.

    Returns
    -------
    results : dict of str to array
        Those of the trials that are complete and, if any is, feasible.
    places : ndarray of int
        Indices of these trials in all results.
    """
    # A function given as `refit` may use argmax, which stops at the first nan.
    chosen = results["trial_state"] == "complete"
    feasible = chosen & results.get("feasible", True)
    places = np.flatnonzero(feasible if feasible.any() else chosen)
    part = {
        name: [column[k] for k in places] if name == "params" else column[places]
        for name, column in results.items()
    }
    return part, places


STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


def _columns(name, table):
    splits = {f"split{k}_{name}": column for k, column in enumerate(table.T)}
    return {**splits, **_mean_and_std(name, table, np.asarray)}


def _mean_of_some(row):
    return row[~np.isnan(row)]


def _mean_and_std(name, table, select):
    rows = [select(row) for row in table]
    return {
        f"mean_{name}": np.array([row.mean() if len(row) else np.nan for row in rows]),
        f"std_{name}": np.array([row.std() if len(row) else np.nan for row in rows]),
    }


def is_feasible(trial):
    """Return whether a trial keeps the constraints of its sampler, if there are any."""
    if hasattr(trial, "constraints"):
        values = trial.constraints.values()
    else:  # Optuna before 5
        values = trial.system_attrs.get("constraints", ())
    return all(value <= 0 for value in values)


def _rank(means, complete, feasible):
    """Return ranks from 1: the feasible, then those that are complete, then others."""
    means = np.where(np.isnan(means), -np.inf, means)
    ranks = np.full(len(means), complete.sum() + 1, dtype=np.int32)
    first, second = complete & feasible, complete & ~feasible
    ranks[first] = rankdata(-means[first], method="min")
    ranks[second] = first.sum() + rankdata(-means[second], method="min")
    return ranks


def pareto_optimal(trials, directions):
    """Return the feasible trials that no other one beats in all objectives."""
    done = [t for t in trials if t.state == TrialState.COMPLETE and is_feasible(t)]
    signs = [1 if direction == "minimize" else -1 for direction in directions]
    losses = np.array([trial.values for trial in done]).reshape(-1, len(signs)) * signs
    return [
        trial
        for trial, own in zip(done, losses)
        if not ((losses <= own).all(axis=1) & (losses < own).any(axis=1)).any()
    ]


def check_completed(trials):
    """Check that a trial is complete.

    Raises
    ------
    ValueError
        If none is.
    """
    if any(trial.state == TrialState.COMPLETE for trial in trials):
        return
    n_pruned = sum(trial.state == TrialState.PRUNED for trial in trials)
    reasons = [f"None of the {len(trials)} trials was completed."]
    if n_pruned:
        reasons.append(f"{n_pruned} were pruned: use a milder pruner.")
    if errors := _errors_of(trials):
        reasons.append(
            f"The first that failed did so with: {errors[0]} Check the search "
            "space, or set error_score='raise' to see the error."
        )
    reasons.append("If timeout ended the search, increase it.")
    raise ValueError(" ".join(reasons))


def _errors_of(trials):
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    return [trial.user_attrs.get("error", "no error was noted") for trial in failed]


def warn_of_failures(trials):
    """Warn of the trials that failed."""
    if errors := _errors_of(trials):
        warnings.warn(
            f"{len(errors)} of {len(trials)} trials failed; their scores are "
            f"error_score. The first failed with: {errors[0]}",
            FitFailedWarning,
            stacklevel=3,
        )
