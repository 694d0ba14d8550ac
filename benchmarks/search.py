"""A random search: ``python -m benchmarks.search [--rounds N] [--output DIR]``.

20 candidates, 5 folds, over learning rate, dropout, L2 and batch size: skdl in four
threads beside SciKeras in sequence and through four loky workers. Then: that scores are
the same in sequence, threads and loky, and twenty fits in threads equal their twins.

With ``--scoring NAME``, one or several, the cost of a study instead: CPU seconds of
OptunaSearchCV beside RandomizedSearchCV, on the same 20 candidates, 900 digits, 3 folds
and 20 epochs, with a pruner that is asked and prunes nothing, and without one.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time

import joblib
import numpy as np
import pandas as pd
from optuna.pruners import NopPruner
from scipy.stats import loguniform, uniform
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterSampler, RandomizedSearchCV

from benchmarks import _peers as peers
from benchmarks._measure import alternate, show, table
from skdl import MLPClassifier
from skdl.model_selection import OptunaSearchCV, RacingPruner

SPACE = {
    "learning_rate": loguniform(1e-4, 1e-2),
    "dropout": uniform(0.05, 0.45),
    "l2": loguniform(1e-6, 1e-3),
    "batch_size": [16, 32, 64, 128],
}


def search(estimator, space, backend, n_jobs):
    """Run the search and return the mean scores of its candidates."""
    X, y = peers.digits()
    found = RandomizedSearchCV(
        estimator, space, n_iter=20, cv=5, random_state=0, refit=False
    )
    with joblib.parallel_config(backend, n_jobs=n_jobs):
        return found.fit(X, y).cv_results_["mean_test_score"]


def skdl_search(backend, n_jobs):
    """Search with skdl."""
    return search(peers.skdl_mlp(), SPACE, backend, n_jobs)


def scikeras_search(backend, n_jobs):
    """Search with SciKeras, over the same space."""
    space = {
        name if name == "batch_size" else f"model__{name}": values
        for name, values in SPACE.items()
    }
    return search(peers.scikeras_mlp(), space, backend, n_jobs)


ESTIMATORS = {
    "MLPClassifier": (MLPClassifier(epochs=20, random_state=0), SPACE),
    "LogisticRegression": (LogisticRegression(max_iter=50), {"C": loguniform(1e-3, 1)}),
}


def cpu_seconds(search):
    """Return the processor's time of a search on 900 digits."""
    X, y = (part[:900] for part in peers.digits())
    start = time.process_time()
    search.fit(X, y)
    return time.process_time() - start


def study_costs(scoring, rounds):
    """Return what studies cost in units of a random search, for each scorer."""
    rows = {}
    for kind, (estimator, space) in ESTIMATORS.items():
        candidates = list(ParameterSampler(space, 20, random_state=0))
        settings = dict(cv=3, refit=False)
        for name in scoring:
            random = RandomizedSearchCV(
                estimator, space, n_iter=20, random_state=0, scoring=name, **settings
            )
            study = OptunaSearchCV(
                estimator,
                space,
                n_trials=20,
                enqueue=candidates,
                scoring=name,
                pruner=NopPruner(),
                **settings,
            )
            contestants = {"random search": random, "study": study}
            if kind != "LogisticRegression":  # it has no epochs to prune at
                asked = RacingPruner(n_startup_trials=10**6)
                asking = OptunaSearchCV(**study.get_params(deep=False))
                contestants["study, pruner asked"] = asking.set_params(pruner=asked)
            cpu_seconds(random)  # what is compiled once is not counted
            times = {who: [] for who in contestants}
            for _ in range(rounds):
                for who, search in contestants.items():
                    times[who].append(cpu_seconds(search))
            base = np.array(times.pop("random search"))
            rows[f"{kind}, {name}"] = {
                "random search, CPU s": np.median(base),
                **{who: np.median(taken / base) for who, taken in times.items()},
            }
    return pd.DataFrame(rows).T


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="default: 1")
    parser.add_argument("--output", default="results", help="default: results")
    parser.add_argument("--scoring", nargs="+", metavar="NAME", help="scorers")
    options = parser.parse_args(arguments)
    if options.scoring:
        costs = study_costs(options.scoring, options.rounds)
        show("studies: times the random search", costs, options.output)
        return
    contestants = {
        "skdl, 4 threads": lambda: skdl_search("threading", 4),
        "skdl, sequence": lambda: skdl_search("threading", 1),
        "SciKeras, 4 loky workers": lambda: scikeras_search("loky", 4),
        "SciKeras, sequence": lambda: scikeras_search("threading", 1),
    }
    skdl_search("threading", 4)
    times = alternate(contestants, options.rounds)
    show(
        "search: 20 candidates, 5 folds",
        table(times, "skdl, 4 threads"),
        options.output,
    )
    scores = [
        skdl_search(*how) for how in (("threading", 1), ("threading", 4), ("loky", 4))
    ]
    X, y = peers.digits()
    alone = [peers.skdl_mlp(seed).fit(X, y).predict_proba(X) for seed in range(20)]
    with joblib.parallel_config("threading", n_jobs=4):
        beside = joblib.Parallel()(
            joblib.delayed(lambda s: peers.skdl_mlp(s).fit(X, y).predict_proba(X))(seed)
            for seed in range(20)
        )
    same = {
        "scores in sequence, threads and loky": all(
            np.array_equal(scores[0], other) for other in scores[1:]
        ),
        "twenty fits in threads and their twins": all(
            map(np.array_equal, alone, beside)
        ),
    }
    show("equal: bit for bit", pd.DataFrame({"equal": same}), options.output)


if __name__ == "__main__":
    main()
