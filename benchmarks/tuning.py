"""Searches over wall time: ``python -m benchmarks.tuning [--mnist FILE.npz] [--help]``.

The same space, folds and seeds, one process, one candidate at a time: scikit-learn's
RandomizedSearchCV and HalvingRandomSearchCV and skdl's OptunaSearchCV, with pruning and
without, over skdl's MLP; and RandomizedSearchCV over SciKeras' MLP. The searches over
skdl's MLP have the time that OptunaSearchCV needs for its trials without pruning.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time
from collections import defaultdict
from pathlib import Path

import matplotlib
import numpy as np
import optuna
import pandas as pd
from scipy.stats import loguniform, uniform
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
)

from benchmarks import _peers as peers
from benchmarks._measure import show
from skdl.datasets import load_mnist
from skdl.model_selection import OptunaSearchCV

SPACE = {
    "learning_rate": loguniform(1e-4, 1e-1),
    "dropout": uniform(0.0, 0.5),
    "l2": loguniform(1e-6, 1e-2),
    "batch_size": [16, 32, 64, 128, 256],
}
SCIKERAS = "RandomizedSearchCV, SciKeras"
N_SCIKERAS = 20  # candidates
FOREVER = 100_000  # trials, where only time ends a search


class Clock:
    """A scorer that notes when each fold was scored, and how."""

    def __init__(self):
        self.start = time.perf_counter()
        self.folds = []

    def __call__(self, estimator, X, y):
        score = accuracy_score(y, estimator.predict(X))
        self.folds.append((time.perf_counter() - self.start, score))
        return score

    def candidates(self, n_splits):
        """Return the seconds and the mean score of each candidate."""
        folds = np.reshape(self.folds, (-1, n_splits, 2))
        return [(fold[-1, 0], fold[:, 1].mean()) for fold in folds]


def run_sklearn(search, data, n_splits):
    """Run a search of scikit-learn; return what its candidates reached, and when."""
    clock = Clock()
    search.set_params(scoring=clock, refit=False).fit(*data)
    found = clock.candidates(n_splits)
    resources = search.cv_results_.get("n_resources", np.zeros(len(found)))
    return [c for c, spent in zip(found, resources) if spent == resources.max()]


def run_optuna(search, data):
    """Run a study; return what its complete trials reached, when, and its overhead."""
    start = pd.Timestamp.now()
    search.set_params(refit=False).fit(*data)
    total = (pd.Timestamp.now() - start).total_seconds()
    trials = search.study_.get_trials(deepcopy=False)
    times = [trial.user_attrs["seconds"] for trial in trials]
    busy = sum(sum(fold["fit"]) + sum(fold["score"]) for fold in times)
    found = [
        ((trial.datetime_complete - start).total_seconds(), trial.value)
        for trial in trials
        if trial.state == optuna.trial.TrialState.COMPLETE
    ]
    return found, total / busy - 1


def scikeras_space(space):
    """Return the space with the names that SciKeras gives the parameters."""
    return {
        name if name == "batch_size" else f"model__{name}": values
        for name, values in space.items()
    }


def run_seed(data, options, seed):
    """Run all searches over skdl's network; return their candidates, and overheads."""
    folds = StratifiedKFold(options.folds, shuffle=True, random_state=seed)
    common = dict(cv=folds, random_state=seed)
    network = peers.skdl_mlp(epochs=options.epochs)
    study = OptunaSearchCV(network, SPACE, n_trials=options.trials, **common)
    found, overhead = {}, {}
    name = "OptunaSearchCV, no pruning"
    study.set_params(pruner=optuna.pruners.NopPruner())
    found[name], overhead[name] = run_optuna(study, data)
    budget = found[name][-1][0]
    name = "OptunaSearchCV"
    study.set_params(pruner=None, n_trials=FOREVER, timeout=budget)
    found[name], overhead[name] = run_optuna(study, data)
    found["RandomizedSearchCV"] = run_sklearn(
        RandomizedSearchCV(network, SPACE, n_iter=options.trials, **common),
        data,
        options.folds,
    )
    halving = HalvingRandomSearchCV(
        network,
        SPACE,
        resource="epochs",
        max_resources=options.epochs,
        min_resources=max(1, options.epochs // 9),
        n_candidates=3 * options.trials,
        **common,
    )
    found["HalvingRandomSearchCV"] = run_sklearn(halving, data, options.folds)
    for name, candidates in found.items():
        found[name] = [c for c in candidates if c[0] <= 1.001 * budget]
    found[SCIKERAS] = run_scikeras(data, options, seed)
    return found, overhead


def run_scikeras(data, options, seed):
    """Run the random search over SciKeras' network, on the folds of this seed."""
    folds = StratifiedKFold(options.folds, shuffle=True, random_state=seed)
    network = peers.scikeras_mlp(
        epochs=options.epochs, model__n_features=data[0].shape[1]
    )
    search = RandomizedSearchCV(
        network, scikeras_space(SPACE), n_iter=N_SCIKERAS, cv=folds, random_state=seed
    )
    return run_sklearn(search, data, options.folds)


def time_to(candidates, score):
    """Return the seconds after which a score is reached, or infinity."""
    return min((when for when, value in candidates if value >= score), default=np.inf)


def best(candidates):
    """Return the best score."""
    return max((value for _, value in candidates), default=np.nan)


def summarize(runs, overheads):
    """Return the tables: each contestant, and the goals."""
    rows = defaultdict(list)
    goals = defaultdict(list)
    for found in runs:
        unpruned, scikeras = found["OptunaSearchCV, no pruning"], found[SCIKERAS]
        for name, candidates in found.items():
            as_scikeras = time_to(candidates, best(scikeras))
            rows[name].append((best(candidates), candidates[-1][0], as_scikeras))
        reached = time_to(found["OptunaSearchCV"], best(unpruned))
        goals["of the unpruned study's time, to reach its best"].append(
            reached / unpruned[-1][0]
        )
        goals["of the time in which the unpruned study reached it"].append(
            reached / time_to(unpruned, best(unpruned))
        )
        goals["times faster than SciKeras at its final score"].append(
            scikeras[-1][0] / time_to(found["OptunaSearchCV"], best(scikeras))
        )
    for overhead in overheads:
        for name, value in overhead.items():
            goals[f"overhead, {name}"].append(value)
    columns = ["best score", "seconds", "seconds to SciKeras' best"]
    searches = pd.DataFrame(
        {name: np.median(values, axis=0) for name, values in rows.items()}, columns
    ).T
    table = pd.DataFrame({name: pd.Series(v).describe() for name, v in goals.items()}).T
    return searches, table[["50%", "min", "max", "count"]]


def draw(runs, path):
    """Draw the best score so far over time, the median over the seeds."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    named = {name: [run[name] for run in runs] for name in runs[0]}
    end = max(when for lists in named.values() for found in lists for when, _ in found)
    grid = np.geomspace(0.1, end, 400)
    for name, lists in named.items():
        curves = [
            [best([c for c in found if c[0] <= now]) for now in grid] for found in lists
        ]
        axes.plot(grid, np.median(curves, axis=0), label=name, drawstyle="steps-post")
    axes.set(
        xscale="log",
        xlabel="seconds",
        ylabel="best mean accuracy of the folds (median over the seeds)",
        ylim=(np.median([best(found) for found in named[SCIKERAS]]) - 0.05, None),
    )
    axes.legend()
    figure.savefig(path, dpi=120)


def read_data(mnist):
    """Return the name of the data, and X and y."""
    if not mnist:
        return "digits", peers.digits()
    X, y, *_ = load_mnist(mnist)
    X = X[:10_000].reshape(10_000, -1) / np.float32(255)  # (10000, 28, 28) -> rows
    return "mnist", (X, y[:10_000])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", metavar="FILE.npz", help="10,000 rows of MNIST")
    parser.add_argument("--seeds", type=int, default=5, help="default: 5")
    parser.add_argument("--first-seed", type=int, default=0, help="default: 0")
    parser.add_argument("--trials", type=int, default=50, help="default: 50")
    parser.add_argument("--folds", type=int, default=5, help="default: 5")
    parser.add_argument("--epochs", type=int, default=20, help="default: 20")
    parser.add_argument("--output", default="results", help="default: results")
    options = parser.parse_args(arguments)
    title, data = read_data(options.mnist)
    run_optuna(  # compiles what all of them use
        OptunaSearchCV(peers.skdl_mlp(epochs=2), SPACE, n_trials=4, cv=2), data
    )
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    runs, overheads = zip(*(run_seed(data, options, seed) for seed in seeds))
    searches, goals = summarize(runs, overheads)
    over = f"median of {options.seeds} seeds"
    show(f"{title} searches: {over}", searches, options.output)
    show(f"{title} ratios: {over}", goals, options.output)
    draw(runs, Path(options.output) / f"{title}_searches.png")


if __name__ == "__main__":
    main()
