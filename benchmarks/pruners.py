"""Pruners on the same trials: ``python -m benchmarks.pruners [--help]``.

Studies without pruning keep the curves of their trials. Each pruner then sees the
trials in their order, as it would in the search, and stops what it would stop: which
part of the time it needs, which rank the best trial has that it lets finish, and after
which part of the study's time the study's best was reached. The score that it sees is
the mean over the folds so far ("mean"), or that of the fold alone ("fold").
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import optuna
import pandas as pd
from optuna.pruners import (
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)
from optuna.trial import TrialState
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    make_classification,
)
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._measure import show
from skdl import MLPClassifier, MLPRegressor
from skdl.model_selection import (
    OptunaSearchCV,
    RacingPruner,
    _epoch_scores,
    default_space,
)
from skdl.model_selection._outcome import TrialOutcome

FOLDS = 5
EPOCHS = 30


def data_sets():
    """Return X, y and the network for each data set."""
    noisy = make_classification(
        2000, 20, n_informative=8, n_classes=3, flip_y=0.05, random_state=0
    )
    plain = dict(epochs=EPOCHS, random_state=0)
    return {
        "digits": (*load_digits(return_X_y=True), MLPClassifier((128, 64), **plain)),
        "cancer": (*load_breast_cancer(return_X_y=True), MLPClassifier(64, **plain)),
        "noisy": (*noisy, MLPClassifier((64, 32), **plain)),
        "diabetes": (*load_diabetes(return_X_y=True), MLPRegressor(64, **plain)),
    }


def pruners():
    """Return what is compared."""
    third, fold = EPOCHS // 3, EPOCHS - 1
    return {
        "none": NopPruner(),
        "RacingPruner()": RacingPruner(),
        "RacingPruner(patience=3)": RacingPruner(patience=3),
        "RacingPruner(patience=5)": RacingPruner(patience=5),
        "MedianPruner()": MedianPruner(),
        "MedianPruner, from a third of a fold": MedianPruner(n_warmup_steps=third),
        "MedianPruner, from the end of a fold": MedianPruner(n_warmup_steps=fold),
        "best quarter, from the end of a fold": PercentilePruner(25, 5, fold),
        "successive halving, from a third": SuccessiveHalvingPruner(third, 3),
        "Hyperband, from a third": HyperbandPruner(third, FOLDS * EPOCHS),
    }


def run_study(X, y, network, n_trials, seed):
    """Return the trials of a study without pruning."""
    pipeline = make_pipeline(StandardScaler(), network)
    kind = KFold if isinstance(network, MLPRegressor) else StratifiedKFold
    search = OptunaSearchCV(
        pipeline,
        default_space(pipeline),
        n_trials=n_trials,
        cv=kind(FOLDS, shuffle=True, random_state=0),
        pruner=NopPruner(),
        random_state=seed,
        refit=False,
    )
    return search.fit(X, y).study_.trials


def curve_of(outcome, mode):
    """Return what a pruner sees at each step."""
    if mode == "mean":
        return list(outcome.reports(None).values())
    return [score for curve in outcome.curves for score in curve.values()]


def replay(trials, pruner, mode):
    """Return share of the time, rank of the best kept, and when the best was found."""
    study = optuna.create_study(direction="maximize", pruner=pruner)
    best = max(trial.value for trial in trials)
    spent, total, reached, kept = 0.0, 0.0, np.inf, -np.inf
    for trial in trials:
        outcome = TrialOutcome.from_attributes(trial.user_attrs)
        cost = np.repeat(np.array(outcome.fit_time) / EPOCHS, EPOCHS)
        curve = curve_of(outcome, mode)
        assert len(curve) == len(cost), "not each epoch was scored"
        stopped = show_trial(study, curve, trial.value)
        total += cost.sum()
        spent += cost[:stopped].sum()
        if stopped == len(cost):
            kept = max(kept, trial.value)
        if kept == best:
            reached = min(reached, spent)
    rank = sum(trial.value > kept for trial in trials)
    return spent / total, rank, reached / total


def show_trial(study, curve, value):
    """Show a curve to the pruner; return after how many steps the trial ended."""
    trial = study.ask()
    for step, score in enumerate(curve):
        trial.report(score, step)
        if step + 1 < len(curve) and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return step + 1
    study.tell(trial, value)
    return len(curve)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="default: 3")
    parser.add_argument("--trials", type=int, default=50, help="default: 50")
    parser.add_argument("--output", default="results", help="default: results")
    options = parser.parse_args(arguments)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # A recorded trial has the score of each epoch, whatever that costs.
    _epoch_scores.SHARE_OF_A_PRUNER = _epoch_scores.SHARE_OF_NOBODY = np.inf
    rows = []
    for X, y, network in data_sets().values():
        for seed in range(options.seeds):
            trials = run_study(X, y, network, options.trials, seed)
            for mode in ("mean", "fold"):
                for name, pruner in pruners().items():
                    rows.append((name, mode, *replay(trials, pruner, mode)))
    frame = pd.DataFrame(rows, columns=["pruner", "sees", "time", "rank", "reached"])
    groups = frame.groupby(["pruner", "sees"], sort=False)
    table = pd.DataFrame(
        {
            "share of the time": groups["time"].mean(),
            "rank of the best kept": groups["rank"].mean(),
            "best kept": groups["rank"].agg(lambda ranks: (ranks == 0).mean()),
            "best reached at (median)": groups["reached"].median(),
        }
    )
    show("pruners: the same trials", table, options.output)


if __name__ == "__main__":
    main()
