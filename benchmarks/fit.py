"""One fit: ``python -m benchmarks.fit [--rounds N] [--mnist FILE.npz] [--output DIR]``.

On one core: pin the process, for example with ``taskset -c 0``.
"""

import argparse
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
import psutil
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from benchmarks import _peers as peers
from benchmarks._measure import alternate, show, table
from skdl.datasets import load_mnist

MEGABYTE = 2**20


def refit(rounds, output):
    """Fit again, with other rates and seed, in a process that has fitted before."""
    X, y = peers.digits()
    seeds = iter(range(10**6))
    contestants = {
        "skdl": lambda: peers.skdl_mlp(next(seeds)).fit(X, y),
        "skdl, no dropout": lambda: peers.skdl_mlp(next(seeds), dropout=0.0).fit(X, y),
        "matrix products (floor)": lambda: peers.matrix_products(X),
        "scikit-learn (no dropout)": lambda: peers.sklearn_mlp(next(seeds)).fit(X, y),
        "Keras fit": lambda: peers.keras_model().fit(
            X, y, batch_size=peers.BATCH, epochs=peers.EPOCHS, verbose=0
        ),
        "SciKeras": lambda: peers.scikeras_mlp().fit(X, y),
    }
    if peers.skorch_mlp() is not None:
        contestants["skorch"] = lambda: peers.skorch_mlp().fit(X, y)
    alternate(contestants, 1)
    show(
        "refit: digits, MLP 128-64, dropout 0.1, Adam, batch 32, 20 epochs",
        table(alternate(contestants, rounds), "skdl"),
        output,
    )


def small_fit(rounds, output):
    """Fit 150 rows for 10 epochs: most of it is not training."""
    X, y = load_iris(return_X_y=True)
    X, settings = StandardScaler().fit_transform(X), dict(hidden_layer_sizes=16)
    seeds = iter(range(10**6))

    def fits(make, **more):
        return lambda: [
            make(next(seeds), **settings, **more).fit(X, y) for _ in "12345"
        ]

    contestants = {
        "skdl": fits(peers.skdl_mlp, epochs=10),
        "scikit-learn (no dropout)": fits(peers.sklearn_mlp, max_iter=10),
    }
    alternate(contestants, 1)
    times = alternate(contestants, 3 * rounds)
    times = {name: np.divide(values, 5) for name, values in times.items()}
    show("small fit: 150 rows, 10 epochs", table(times, "skdl"), output)


FIRST = """
import time, sys
from benchmarks import _peers as peers
X, y = peers.digits()
import tensorflow, skdl.training._run
model = getattr(peers, sys.argv[1])()
start = time.perf_counter()
model.fit(X, y)
print(time.perf_counter() - start)
"""


WITH_IMPORTS = """
import time
start = time.perf_counter()
from sklearn.datasets import load_digits
from {module} import {name}
X, y = load_digits(return_X_y=True)
{name}(random_state=0).fit(X, y)
print(time.perf_counter() - start)
"""


def first_fit(rounds, output):
    """Fit for the first time in a new process, imports aside; then with them."""

    def run(*code):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", *code],
            check=True,
            capture_output=True,
            text=True,
        )
        return float(done.stdout.splitlines()[-1])

    times = {"skdl": [], "SciKeras": []}
    for _ in range(rounds):
        for name, maker in (("skdl", "skdl_mlp"), ("SciKeras", "scikeras_mlp")):
            times[name].append(run(FIRST, maker))
    show("first fit: a new process, imports aside", table(times, "skdl"), output)
    kinds = {"skdl": "skdl", "scikit-learn": "sklearn.neural_network"}
    times = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, module in kinds.items():
            code = WITH_IMPORTS.format(module=module, name="MLPClassifier")
            times[name].append(run(code))
    title = "first fit with imports: a new process, untouched on the digits"
    show(title, table(times, "skdl"), output)


def mnist_steps(rounds, output, path):
    """Take steps on MNIST: with batch size 1, and with 128 and one layer of 512."""
    X, y, *_ = load_mnist(path)
    X = X.reshape(len(X), -1).astype(np.float32) / 255
    for title, hidden, batch, rows in (
        ("batch size 1: MNIST, MLP 128-64, 3,000 steps", (128, 64), 1, 3000),
        ("batch size 128: MNIST, one layer of 512, 234 steps", (512,), 128, 29952),
    ):
        part = X[:rows], y[:rows]
        model = peers.keras_model(784, hidden, 0.0)
        ours = peers.skdl_mlp(
            hidden_layer_sizes=hidden, batch_size=batch, epochs=1, dropout=0.0
        )
        contestants = {
            "skdl": lambda: ours.fit(*part),
            "Keras fit": lambda: model.fit(*part, batch_size=batch, verbose=0),
        }
        alternate(contestants, 1)
        show(title, table(alternate(contestants, rounds), "skdl"), output)


def predictions(rounds, output):
    """Predict one row."""
    X, y = peers.digits()
    ours = peers.skdl_mlp().fit(X, y)
    sklearn = peers.sklearn_mlp().fit(X, y)
    contestants = {
        "skdl": lambda: [ours.predict(X[:1]) for _ in range(100)],
        "scikit-learn": lambda: [sklearn.predict(X[:1]) for _ in range(100)],
    }
    alternate(contestants, 1)
    times = alternate(contestants, rounds)
    times = {name: np.divide(values, 100) for name, values in times.items()}
    show("predict: one row", table(times, "skdl"), output)


def memory(output):
    """Grow a process by 200 fits, and train on a million rows."""
    process = psutil.Process()
    X, y = peers.digits()
    rng = np.random.default_rng(0)

    def fit():
        width, depth = int(rng.integers(8, 128)), int(rng.integers(1, 3))
        peers.skdl_mlp(
            int(rng.integers(1000)),
            hidden_layer_sizes=(width,) * depth,
            dropout=rng.uniform(0.1, 0.5),
            learning_rate=10 ** rng.uniform(-4, -2),
            batch_size=int(rng.integers(8, 128)),
            epochs=2,
        ).fit(X, y)

    for _ in range(20):
        fit()
    before = process.memory_info().rss
    for _ in range(200):
        fit()
    growth = (process.memory_info().rss - before) / MEGABYTE / 200
    rows = {"MB a fit, over 200 fits of random sizes": {"value": growth}}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MILLION],
        check=True,
        capture_output=True,
        text=True,
    )
    rows["a million rows: peak over the data's size"] = {
        "value": float(done.stdout.splitlines()[-1])
    }
    show("memory: growth and peak", pd.DataFrame(rows).T, output)


MILLION = """
import resource, numpy as np
from benchmarks import _peers as peers
X, y = peers.digits()
model = peers.skdl_mlp(epochs=1, batch_size=512)
model.fit(X, y)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
rng = np.random.default_rng(0)
X = rng.standard_normal((1_000_000, 50), dtype=np.float32)
y = (X[:, 0] > 0).astype(np.int8)
model.fit(X, y)
print((peak() - before) / X.nbytes)
"""


def imports(rounds, output):
    """Import the package, beside ``sklearn.pipeline``."""

    def run(code):
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    contestants = {
        "import skdl": run("import skdl"),
        "import sklearn.pipeline": run("import sklearn.pipeline"),
        "from skdl import MLPClassifier": run("from skdl import MLPClassifier"),
    }
    alternate(contestants, 1)
    times = alternate(contestants, rounds)
    show("imports: whole processes", table(times, "import skdl"), output)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    parser.add_argument("--mnist", metavar="FILE.npz", help="a local copy of MNIST")
    parser.add_argument("--output", default="results", help="default: results")
    options = parser.parse_args(arguments)
    refit(options.rounds, options.output)
    small_fit(options.rounds, options.output)
    first_fit(options.rounds, options.output)
    predictions(options.rounds, options.output)
    imports(options.rounds, options.output)
    memory(options.output)
    mnist_steps(options.rounds, options.output, options.mnist)


if __name__ == "__main__":
    main()
