"""Two checkouts beside each other: ``python -m benchmarks.checkouts OLD NEW``.

Each round runs both, one after the other, in processes of their own that do the work
of ``benchmarks.fit``, ``.wrappers``, ``.cnn`` and ``.search`` for skdl alone. The
ratios are those of the pairs.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

ONE = "--one"


def cases():
    """Yield names, functions, and how often they run in a process."""
    from benchmarks import _peers as peers
    from benchmarks import cnn, search, wrappers
    from skdl import CNNClassifier, MLPClassifier
    from skdl.model_selection import OptunaSearchCV

    X, y = peers.digits()
    ours = peers.skdl_mlp()
    yield "fit, digits 128-64", lambda: ours.fit(X, y), 7
    few = peers.skdl_mlp(hidden_layer_sizes=16, epochs=10)
    yield "fit, 150 rows", lambda: few.fit(X[:150], y[:150]), 31
    plain = peers.skdl_mlp(dropout=0.0, batch_norm=True)
    yield "fit, normalized", lambda: plain.fit(X, y), 7
    validated = peers.skdl_mlp(early_stopping=True, patience=100)
    yield "fit, validated", lambda: validated.fit(X, y), 7
    yield "predict, one row", lambda: [ours.predict(X[:1]) for _ in range(100)], 7
    rows = np.repeat(X, 20, axis=0)
    yield "predict, 36,000 rows", lambda: ours.predict(rows), 7

    X_own, y_own = wrappers.quickstart_data()
    own = wrappers.make("skdl", wrappers.build_quickstart, hidden_layer_dim=100)
    yield "wrapper, 1 epoch", lambda: own.fit(X_own, y_own), 7
    longer = wrappers.make(
        "skdl", wrappers.build_quickstart, hidden_layer_dim=100, epochs=20
    )
    yield "wrapper, 20 epochs", lambda: longer.fit(X_own, y_own), 7
    yield "wrapper, predict", lambda: own.predict(X_own), 7

    rng = np.random.default_rng(0)
    images, labels = rng.random((1280, 32, 32, 3)), rng.integers(10, size=1280)
    network = CNNClassifier(
        cnn.FILTERS,
        kernel_size=cnn.KERNEL,
        hidden_layer_sizes=cnn.HIDDEN,
        dropout=0.0,
        epochs=1,
        random_state=0,
    )
    yield "cnn, 1,280 images", lambda: network.fit(images, labels), 3

    def study():
        estimator = MLPClassifier(epochs=20, random_state=0)
        OptunaSearchCV(
            estimator, search.SPACE, n_trials=8, cv=3, refit=False, random_state=0
        ).fit(X[:900], y[:900])

    yield "study, 8 trials", study, 3


def measure():
    """Print the median seconds of each case, and those of its first run."""
    found = {}
    for name, run, repeats in cases():
        times = []
        for _ in range(1 + repeats):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        found[name] = float(np.median(times[1:]))
        if "fit," in name or name.startswith(("cnn", "wrapper, 1")):
            found[f"{name}: first"] = times[0]
    print(json.dumps(found))


def measure_in(checkout):
    """Return what a process of a checkout measures."""
    checkout = Path(checkout).resolve()
    path = os.pathsep.join([str(checkout), str(Path(__file__).resolve().parents[1])])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), ONE],
        env={**os.environ, "PYTHONPATH": path},
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments=None):
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", help="a checkout")
    parser.add_argument("new", help="another")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    options = parser.parse_args(arguments)
    pairs = [
        (measure_in(options.old), measure_in(options.new))
        for _ in range(options.rounds)
    ]
    rows = {
        name: {
            "old, s": np.median([old[name] for old, _ in pairs]),
            "new, s": np.median([new[name] for _, new in pairs]),
            "new / old": np.median([new[name] / old[name] for old, new in pairs]),
        }
        for name in pairs[0][0]
    }
    print(pd.DataFrame(rows).T.to_string(float_format="{:.4g}".format))


if __name__ == "__main__":
    if sys.argv[1:] == [ONE]:
        measure()
    else:
        main()
