"""Tuned contestants on real tables: ``python -m benchmarks.tabular_search``.

`OptunaSearchCV` with the default space of the table's estimators and 30 trials, then
scikit-learn's boosted trees, searched in the same way for as long as that took. Both
are scored on a quarter of each table that neither has seen; a row of
``results/tabular/tuned.csv`` is one search, and those that it has are not repeated.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd
from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.model_selection import train_test_split

from benchmarks._frames import load_frame, names_of
from benchmarks._measure import show
from benchmarks.tabular import (
    boosting,
    few_categories,
    read_rows,
    scores_of,
    tabular,
)
from skdl.model_selection import OptunaSearchCV, default_space

TREES = {
    "learning_rate": FloatDistribution(0.01, 0.3, log=True),
    "max_iter": IntDistribution(50, 1_000, log=True),
    "max_leaf_nodes": IntDistribution(4, 128, log=True),
    "min_samples_leaf": IntDistribution(2, 100, log=True),
    "l2_regularization": FloatDistribution(1e-6, 10.0, log=True),
    "max_features": FloatDistribution(0.2, 1.0),
}
N_FOLDS = 3
FOREVER = 100_000  # trials, where only time ends a search


def search(contestant, is_class, **limits):
    """Return a search over one contestant."""
    kind = tabular if contestant == "Tabular" else boosting
    model = kind(is_class)
    return OptunaSearchCV(
        model,
        default_space(model) if contestant == "Tabular" else TREES,
        scoring="neg_log_loss" if is_class else "r2",
        cv=N_FOLDS,
        random_state=0,
        **limits,
    )


def run(half, name, n_trials):
    """Yield a row for each contestant on one table, the one with n_trials first."""
    frame, y, is_class = load_frame(name, half)
    X, X_test, y, y_test = train_test_split(
        frame, y, random_state=0, stratify=y if is_class else None
    )
    limits = {"n_trials": n_trials}
    for contestant in ("Tabular", "HistGradientBoosting"):
        if contestant != "Tabular":
            X, X_test = few_categories(X, X_test)
        start = time.perf_counter()
        model = search(contestant, is_class, **limits).fit(X, y)
        seconds = time.perf_counter() - start
        yield {
            "half": half,
            "table": name,
            "rows": len(X),
            "contestant": contestant,
            "trials": len(model.study_.trials),
            "seconds": seconds,
            **scores_of(model, X_test, y_test, is_class),
        }
        limits = {"n_trials": FOREVER, "timeout": seconds}


def report(rows, folder):
    """Show the means over the tables, and the score of each table."""
    # A half may have tables of one kind only.
    columns = dict.fromkeys([*rows[0], "accuracy", "log_loss", "r2"])
    found = pd.DataFrame(rows).reindex(columns=[*columns])
    means = found.groupby("contestant")[
        ["accuracy", "log_loss", "r2", "seconds", "trials"]
    ].mean()
    show(
        f"Means of tuned contestants: over {found['table'].nunique()} tables",
        means,
        folder,
    )
    scores = found.pivot(
        index="table", columns="contestant", values=["accuracy", "log_loss", "r2"]
    ).swaplevel(axis=1)
    ahead = scores["Tabular"] - scores["HistGradientBoosting"]
    table = {"mean": ahead.mean(), "standard error": ahead.sem(), "n": ahead.count()}
    show("Network less trees: over the tables", pd.DataFrame(table), folder)
    found["score"] = found["r2"].fillna(-found["log_loss"])
    by_table = found.pivot(index="table", columns="contestant", values="score")
    show("Each table: R2, or minus the log-loss", by_table, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=["development", "test"], default="test")
    parser.add_argument("--tables", default="", help="names of tables, by commas")
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--output", default="results/tabular/tuned.csv")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    path = Path(options.output)
    rows = read_rows(path)
    known = {(row["half"], row["table"]) for row in rows}
    tables = [t for t in options.tables.split(",") if t] or names_of(options.half)
    for name in tables:
        if (options.half, name) in known:
            continue
        # Both rows or none, since the second has the time of the first.
        rows += run(options.half, name, options.trials)
        pd.DataFrame(rows).to_csv(path, index=False)
        print(name, flush=True)
    report([row for row in rows if row["half"] == options.half], path.parent)


if __name__ == "__main__":
    main()
