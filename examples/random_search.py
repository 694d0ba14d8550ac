"""A random search beside a tuned SVM
==================================

The network is a pipeline of StandardScaler and MLPClassifier, searched at random over
learning rate, dropout, L2 and batch size; the SVM is searched over kernel and C on the
same folds, and untouched boosted trees stand beside both. A part of the data is held
out and touched once, at the end. Writes results.csv and random_search.png.
"""

import argparse
import os
import time
from pathlib import Path

try:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
except ImportError:
    raise SystemExit("This example draws: pip install 'skdl[plot]'") from None
import numpy as np
import pandas as pd
from _quiet import import_tensorflow
from joblib import parallel_config
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from skdl import MLPClassifier, datasets
from skdl.baselines import svm_baseline

IMAGES = {
    "mnist": datasets.load_mnist,
    "fashion_mnist": datasets.load_fashion_mnist,
    "cifar10": datasets.load_cifar10,
}


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--data",
        default="digits",
        metavar="NAME",
        help="digits (ships with scikit-learn; the default), mnist, fashion_mnist, "
        "cifar10, or the path of a CSV file (.csv, .csv.gz; any separator)",
    )
    add("--target", metavar="COLUMN", help="the column of the CSV file to predict")
    add(
        "--data-file",
        metavar="FILE",
        help="a local .npz file of the image set, where there is no network",
    )
    add(
        "--rows",
        type=_count,
        default=5000,
        help="search on at most this many rows, drawn at random and stratified: an SVM "
        "takes hours on 60,000 (default: %(default)s)",
    )
    add(
        "--n-iter",
        type=_count,
        default=20,
        help="candidates of the network's search (default: %(default)s)",
    )
    add("--folds", type=_folds, default=5, help="folds (default: %(default)s)")
    add(
        "--jobs",
        type=_count,
        default=os.cpu_count(),
        help="fits at the same time, as threads (default: the cores, %(default)s here)",
    )
    add("--epochs", type=_count, default=30, help="of each fit (default: %(default)s)")
    add("--no-trees", action="store_true", help="leave out HistGradientBoosting")
    add("--seed", type=int, default=0, help="of all random numbers (default: 0)")
    add(
        "--output",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="folder for results.csv and random_search.png (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    if is_csv(options.data) and not options.target:
        parser.error("--data FILE.csv needs --target COLUMN: the column to predict")
    return options


def is_csv(name):
    return name.endswith((".csv", ".csv.gz"))


def _count(text):
    return _at_least(text, 1)


def _folds(text):
    return _at_least(text, 2)


def _at_least(text, lowest):
    try:
        number = int(text)
    except ValueError:
        number = lowest - 1
    if number < lowest:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number from {lowest}"
        )
    return number


def load(options):
    """Return X, y and the rows of the test part, or None where it is to be split."""
    if options.data == "digits":
        X, y = load_digits(return_X_y=True)
        return X, y, None
    if options.data in IMAGES:
        X_train, y_train, X_test, y_test = IMAGES[options.data](options.data_file)
        images = np.concatenate([X_train, X_test])
        # (n, height, width, ...) -> (n, features)
        X = images.reshape(len(images), -1).astype(np.float32)
        test = np.arange(len(X_train), len(images))
        return X, np.concatenate([y_train, y_test]), test
    if is_csv(options.data):
        return (*load_csv(options.data, options.target), None)
    raise SystemExit(
        f"--data {options.data!r} is not known: use digits, {', '.join(IMAGES)}, or "
        "the path of a .csv file"
    )


def load_csv(path, target):
    if not Path(path).is_file():
        raise SystemExit(f"--data {path}: there is no such file")
    # The separator is whatever the first lines show.
    frame = pd.read_csv(path, sep=None, engine="python")
    if target not in frame:
        raise SystemExit(
            f"--target {target!r} is not a column of {path}; it has: "
            f"{', '.join(map(str, frame.columns))}"
        )
    known = frame[target].notna()
    if not known.all():
        print(f"{target}: {(~known).sum()} rows have none, and are left out")
    frame = frame[known].reset_index(drop=True)
    y = frame.pop(target)
    check_labels(y, target)
    columns = [made for name in frame if (made := as_numbers(frame[name])) is not None]
    if not columns:
        raise SystemExit(f"{path} has no column to learn from beside {target!r}")
    return pd.concat(columns, axis=1).to_numpy(dtype=float), y.to_numpy()


def check_labels(y, target):
    counts = y.value_counts()
    few_rows_each = len(counts) > 20 and counts.median() < 10
    if y.dtype.kind in "iuf" and few_rows_each:
        raise SystemExit(
            f"--target {target!r} holds {len(counts)} different numbers: this example "
            "classifies; for numbers see skdl.MLPRegressor"
        )
    if len(counts) < 2 or counts.min() < MOST_FOLDS:
        raise SystemExit(
            f"--target {target!r} has {len(counts)} classes, and {counts.index[-1]!r} "
            f"has {counts.min()} rows: there must be at least 2 classes of at least "
            f"{MOST_FOLDS} rows each, for the folds and the rows held out. Leave such "
            "rows out, or join classes"
        )


# A class must have a row for each fold and some to be held out.
MOST_FOLDS = 10


def as_numbers(column):
    """Return a column of a table as columns of numbers, or None if it is left out."""
    name, n_different = column.name, column.nunique()
    if n_different < 2:
        print(f"{name}: left out, it has {n_different} value")
        return None
    if column.dtype.kind in "iufb":
        is_id = column.dtype.kind in "iu" and n_different == len(column)
        if is_id and column.is_monotonic_increasing:
            print(f"{name}: left out, it numbers the rows")
            return None
        return column.astype(float).to_frame()
    dates = pd.to_datetime(column, errors="coerce", format="mixed")
    if dates.notna().sum() == column.notna().sum():
        print(f"{name}: dates, taken as days")
        days = (dates - dates.min()) / pd.Timedelta(days=1)
        return days.rename(name).to_frame()
    if n_different > min(50, len(column) / 5):
        print(f"{name}: left out, it has {n_different} different texts")
        return None
    return pd.get_dummies(column, prefix=name, dtype=float)


def fill(X, train):
    """Put the medians of the training rows where values are missing."""
    missing = np.isnan(X)
    if missing.any():
        print(f"{missing.sum()} missing values are filled with medians")
        X = np.where(missing, np.nanmedian(X[train], axis=0), X)
    return X


def split(X, y, test, options):
    """Return the rows to search on and the rows to test on."""
    rows = np.arange(len(y))
    if test is None:
        train, test = train_test_split(
            rows, test_size=0.25, stratify=y, random_state=options.seed
        )
    else:
        train = np.setdiff1d(rows, test)
    if len(train) > options.rows:
        train, _ = train_test_split(
            train, train_size=options.rows, stratify=y[train], random_state=options.seed
        )
    return train, test


def search_with_progress(search, X, y, n_fits, title, jobs):
    """Fit a search with a line that shows how many of its fits are done."""
    with tqdm(total=n_fits, desc=title, unit="fit") as line:

        def score(estimator, X, y):
            line.update()
            return estimator.score(X, y)

        start = time.perf_counter()
        with parallel_config("threading", n_jobs=jobs):
            search.set_params(scoring=score).fit(X, y)
        return time.perf_counter() - start


def describe(search, search_seconds, X_test, y_test):
    """Return one row of the table; this is the one time the test part is touched."""
    best = search.best_index_
    start = time.perf_counter()
    test_score = search.best_estimator_.score(X_test, y_test)
    predict_seconds = time.perf_counter() - start
    parameters = {
        name.split("__")[1]: float(f"{value:.3g}")
        if isinstance(value, float)
        else value
        for name, value in search.best_params_.items()
    }
    return {
        "parameters": ", ".join(f"{k}={v}" for k, v in sorted(parameters.items()))
        or "untouched",
        "cv_mean": search.cv_results_["mean_test_score"][best],
        "cv_std": search.cv_results_["std_test_score"][best],
        "test_score": test_score,
        "search_s": search_seconds,
        "fit_s": search.refit_time_,
        "predict_s": predict_seconds,
    }


def plot(search, X, y, path, seed):
    """Draw the best network's learning curves, and all scores over learning rate."""
    X_fit, X_val, y_fit, y_val = train_test_split(
        X, y, test_size=0.2, stratify=y, random_state=seed
    )
    scaler, network = (step for _, step in search.best_estimator_.steps)
    network.fit(
        scaler.fit_transform(X_fit), y_fit, X_val=scaler.transform(X_val), y_val=y_val
    )
    figure, (curves, scores) = plt.subplots(
        1, 2, figsize=(11, 4.2), layout="constrained"
    )
    epochs = np.arange(1, network.n_iter_ + 1)
    curves.plot(epochs, network.history_["accuracy"], label="training (with dropout)")
    curves.plot(epochs, network.history_["val_accuracy"], label="validation")
    curves.set(xlabel="epoch", ylabel="accuracy", title="Best network: learning curves")
    curves.legend()
    results = search.cv_results_
    dots = scores.scatter(
        np.asarray(results["param_mlpclassifier__learning_rate"], float),
        results["mean_test_score"],
        c=np.asarray(results["param_mlpclassifier__dropout"], float),
        cmap="viridis",
    )
    scores.set(
        xscale="log",
        xlabel="learning rate",
        ylabel="mean accuracy over folds",
        title="All candidates",
    )
    figure.colorbar(dots, ax=scores, label="dropout")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def compare_folds(network, svm):
    """Say who is ahead on the folds, if anybody is."""
    scores = [
        [s.cv_results_[f"split{k}_test_score"][s.best_index_] for s in (network, svm)]
        for k in range(network.n_splits_)
    ]
    difference = np.subtract(*np.transpose(scores))  # of each fold
    # The folds share most of their training rows (Nadeau & Bengio, 2003).
    k = len(difference)
    error = difference.std(ddof=1) * np.sqrt(1 / k + 1 / (k - 1))
    return _say("folds", *np.mean(scores, axis=0), error)


def compare_rows(figures, n_rows):
    """Say who is ahead on the rows held out, if anybody is."""
    network, svm = figures.loc[["network", "SVM"], "test_score"]
    # Of two shares of the same rows, as if they were independent: that is too large.
    error = np.sqrt(sum(p * (1 - p) for p in (network, svm)) / n_rows)
    return _say("held-out rows", network, svm, error)


def _say(where, network, svm, error):
    numbers = (
        f"{network:.4f} against {svm:.4f}, a difference of {network - svm:+.4f} with a "
        f"standard error of {error:.4f}"
    )
    if abs(network - svm) <= error:
        return f"On the {where} nobody is ahead: {numbers}."
    who = "network" if network > svm else "SVM"
    return f"Ahead on the {where}: {who}, {numbers}."


def main(arguments=None):
    options = parse_arguments(arguments)
    import_tensorflow()  # which is not timed
    try:
        X, y, test = load(options)
    except (OSError, ValueError) as error:
        hint = "" if options.data_file else " Then: --data-file FILE.npz"
        raise SystemExit(f"--data {options.data}: {error}{hint}") from error
    options.output.mkdir(parents=True, exist_ok=True)
    train, test = split(X, y, test, options)
    X = fill(X, train)
    X_train, y_train, X_test, y_test = X[train], y[train], X[test], y[test]
    print(
        f"{options.data}: searching on {len(train)} rows of {X.shape[1]} features, "
        f"{len(np.unique(y))} classes; {len(test)} rows held out"
    )
    folds = StratifiedKFold(options.folds, shuffle=True, random_state=options.seed)
    network = RandomizedSearchCV(
        make_pipeline(
            StandardScaler(),
            MLPClassifier(epochs=options.epochs, random_state=options.seed),
        ),
        {
            "mlpclassifier__learning_rate": loguniform(1e-4, 1e-2),
            "mlpclassifier__dropout": uniform(0.05, 0.45),
            "mlpclassifier__l2": loguniform(1e-6, 1e-3),
            "mlpclassifier__batch_size": [16, 32, 64, 128],
        },
        n_iter=options.n_iter,
        cv=folds,
        random_state=options.seed,
    )
    svm = svm_baseline(cv=folds)
    n_svm = len(svm.param_grid["svc__kernel"]) * len(svm.param_grid["svc__C"])
    contestants = [
        ("network", network, options.n_iter, options.jobs),
        ("SVM", svm, n_svm, options.jobs),
    ]
    if not options.no_trees:
        trees = HistGradientBoostingClassifier(random_state=options.seed)
        # One candidate, with nothing to choose; each fit takes all cores by itself.
        contestants.append(
            ("HistGradientBoosting", GridSearchCV(trees, {}, cv=folds), 1, 1)
        )
    table = {}
    for name, search, n_candidates, jobs in contestants:
        seconds = search_with_progress(
            search, X_train, y_train, n_candidates * options.folds, name, jobs
        )
        table[name] = describe(search, seconds, X_test, y_test)
    frame = pd.DataFrame(table).T.rename_axis("model")
    csv, picture = (options.output / f for f in ("results.csv", "random_search.png"))
    frame.to_csv(csv)
    plot(network, X_train, y_train, picture, options.seed)
    print()
    for name, row in frame.iterrows():
        print(f"{name}: {row.pop('parameters')}")
    figures = frame.drop(columns="parameters").astype(float)
    print(figures.to_string(float_format="{:.4f}".format))
    print(f"\n{compare_folds(network, svm)}\n{compare_rows(figures, len(test))}")
    print(f"Table: {csv}\nPicture: {picture}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("\ninterrupted: nothing was written") from None
