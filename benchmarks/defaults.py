"""The defaults, measured: ``python -m benchmarks.defaults [--mnist FILE.npz]``.

``StandardScaler`` and an untouched estimator, on several data sets and splits: skdl's
beside scikit-learn's MLP and SVC.
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
from skdl.datasets import load_mnist


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
    sets = classification_sets(options.mnist)
    frame = measure(sets, classifiers, options.splits, stratified=True)
    show("classification defaults: accuracy and seconds", frame, options.output)
    regressors = {
        "skdl": MLPRegressor(random_state=0),
        "scikit-learn MLP": SklearnRegressor(random_state=0),
    }
    frame = measure(regression_sets(), regressors, options.splits, stratified=False)
    show("regression defaults: R2 and seconds", frame, options.output)


if __name__ == "__main__":
    main()
