"""How sure networks are, measured: ``python -m benchmarks.certainty``.

Of ``temperature`` the log-loss that it takes away on six tables, of
``predict_interval`` the share of targets that it covers on five, of ``n_ensemble`` what
it adds on all of them and what it costs. Splits of 60 to 40, a ``StandardScaler`` in
front; all other parameters are untouched.
"""

import argparse
import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import ShuffleSplit
from sklearn.preprocessing import StandardScaler

from benchmarks._measure import alternate, show, table
from benchmarks._tables import CLASSES, NUMBERS, load_table
from skdl import MLPClassifier, MLPRegressor, TabularRegressor

COVERAGES = (0.8, 0.9, 0.95)
LOSSES = ("squared_error", "quantile", "gamma")


def splits_of(source, n_splits):
    """Yield scaled training rows, scaled test rows, their targets, and a seed."""
    X, y = load_table(*source)
    splitter = ShuffleSplit(n_splits, test_size=0.4, random_state=0)
    for seed, (train, test) in enumerate(splitter.split(X)):
        scaler = StandardScaler().fit(X[train])
        yield (
            scaler.transform(X[train]),
            scaler.transform(X[test]),
            y[train],
            y[test],
            seed,
        )


def temperatures(n_splits):
    """Return the log-loss on test rows without and with a temperature."""
    rows = {}
    for source in CLASSES:
        losses = []
        for X, X_test, y, y_test, seed in splits_of(source, n_splits):
            params = dict(early_stopping=True, random_state=seed)
            fits = [
                MLPClassifier(temperature=temperature, **params).fit(X, y)
                for temperature in (False, True)
            ]
            losses.append([log_loss(y_test, f.predict_proba(X_test)) for f in fits])
        plain, cooled = np.mean(losses, axis=0)
        gain = 100 * (1 - cooled / plain)
        rows[source[0]] = {"plain": plain, "temperature": cooled, "gain %": gain}
    return _with_mean(rows)


def coverages(n_splits):
    """Return the share of test targets in intervals, for losses and coverages."""
    rows = {}
    for source in NUMBERS:
        for loss in LOSSES:
            inside = []
            for X, X_test, y, y_test, seed in splits_of(source, n_splits):
                network = MLPRegressor(
                    32,
                    loss=loss,
                    quantile=[0.05, 0.95],
                    epochs=60,
                    early_stopping=True,
                    validation_fraction=0.25,
                    random_state=seed,
                ).fit(X, y)
                inside.append([])
                for coverage in COVERAGES:
                    low, high = network.predict_interval(X_test, coverage).T
                    inside[-1].append(np.mean((low <= y_test) & (y_test <= high)))
            found = dict(zip(map(str, COVERAGES), np.mean(inside, axis=0)))
            rows[f"{source[0]}, {loss}"] = found
    return pd.DataFrame(rows).T


def coverages_of_few_rows(n_fits):
    """Return the share of new targets in intervals of networks of few rows.

    The rows are made up: five normal features, and the first of them with as much noise
    as the target.
    """
    contestants = {
        "TabularRegressor, 60 rows": (TabularRegressor(), 60),
        "TabularRegressor, 150 rows": (TabularRegressor(), 150),
        "TabularRegressor, 500 rows": (TabularRegressor(), 500),
        "MLPRegressor, 200 rows, 20 held back": (
            MLPRegressor(early_stopping=True),
            200,
        ),
    }
    rows = {}
    for name, (network, n_rows) in contestants.items():
        inside = []
        for seed in range(n_fits):
            rng = np.random.default_rng(seed)
            X = rng.standard_normal((n_rows + 2_000, 5))
            y = X[:, 0] + rng.standard_normal(len(X))
            fitted = clone(network).set_params(random_state=seed)
            fitted.fit(X[:n_rows], y[:n_rows])
            inside.append([])
            for coverage in COVERAGES[:2]:
                low, high = fitted.predict_interval(X[n_rows:], coverage).T
                inside[-1].append(np.mean((low <= y[n_rows:]) & (y[n_rows:] <= high)))
        means, errors = np.mean(inside, axis=0), np.std(inside, axis=0) / n_fits**0.5
        rows[name] = dict(zip(map(str, COVERAGES), means))
        rows[name]["standard error"] = max(errors)
    return pd.DataFrame(rows).T


def ensembles(n_splits):
    """Return scores on test rows of one network, and of eight that are averaged."""
    rows = {}
    for source, kind in [
        *((source, MLPClassifier) for source in CLASSES),
        *((source, MLPRegressor) for source in NUMBERS),
    ]:
        scores = []
        for X, X_test, y, y_test, seed in splits_of(source, n_splits):
            fits = [kind(n_ensemble=n, random_state=seed).fit(X, y) for n in (1, 8)]
            scores.append([fitted.score(X_test, y_test) for fitted in fits])
        rows[source[0]] = dict(zip(("one", "eight"), np.mean(scores, axis=0)))
    return _with_mean(rows)


def costs(rounds):
    """Return the time of a fit of one network and of eight on the digits."""
    X, y = load_digits(return_X_y=True)
    one, eight = (MLPClassifier(n_ensemble=n, random_state=0) for n in (1, 8))
    contestants = {
        "one": lambda: one.fit(X / 16, y),
        "eight": lambda: eight.fit(X / 16, y),
    }
    alternate(contestants, 1)
    return table(alternate(contestants, rounds), "one")


def _with_mean(rows):
    frame = pd.DataFrame(rows).T
    frame.loc["mean"] = frame.mean()
    return frame


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=50)
    parser.add_argument("--few-rows", action="store_true", help="only those tables")
    parser.add_argument("--output", default="results/certainty")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.few_rows:
        found = coverages_of_few_rows(options.splits)
        show("Coverage of few rows", found, options.output)
        return
    show("Time of a fit", costs(7), options.output)
    few = max(1, options.splits // 5)
    show("Log-loss and temperature", temperatures(few), options.output)
    show("One network and eight", ensembles(few), options.output)
    show("Coverage of intervals", coverages(options.splits), options.output)


if __name__ == "__main__":
    main()
