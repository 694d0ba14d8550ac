"""Predictions: ``python -m benchmarks.predict [--rounds N] [--output DIR]``.

MLPs 128-64 on 64 features and 10 classes: one row, 100,000 rows, a process that loads a
saved pipeline; one image and 1,000; and the share of predictions in a cross-validation.
For one core pin the process, for example with ``taskset -c 0`` and
``OMP_NUM_THREADS=1``.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import joblib
import numpy as np
import onnxruntime
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import _peers as peers
from benchmarks._measure import alternate, show, table
from skdl import CNNClassifier, MLPClassifier, export_onnx
from skdl.nn._inference import infer_network
from skdl.training._inference import infer_by_tensorflow

N_ROWS = 100_000
# The two whose pipelines are compared, too.
PAIR = ("skdl", "scikit-learn's MLP")


def race(title, contestants, ours, rounds, output):
    """Run the contestants in turn, after a first round that does not count."""
    alternate(contestants, 1)
    show(title, table(alternate(contestants, rounds), ours), output)


def draw_rows(n_rows):
    """Return rows of 64 features, and labels of 10 classes."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((n_rows, 64)), rng.integers(0, 10, n_rows)


def fitted():
    """Return the contestants, fitted on a few rows."""
    X, y = draw_rows(2_000)
    models = {
        "skdl": peers.skdl_mlp(epochs=1),
        "skdl, silu": peers.skdl_mlp(epochs=1, activation="silu"),
        "scikit-learn's MLP": peers.sklearn_mlp(max_iter=1),
        "HistGradientBoosting": HistGradientBoostingClassifier(max_iter=20),
    }
    return {name: model.fit(X, y) for name, model in models.items()}


def runtime(model):
    """Return a function that predicts by onnxruntime from our own export."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_onnx(model, path)
        session = onnxruntime.InferenceSession(path)
    (given,) = session.get_inputs()
    dtype = np.float64 if "double" in given.type else np.float32
    return lambda rows: session.run(None, {given.name: rows.astype(dtype)})


class Products(ClassifierMixin, BaseEstimator):
    """The least that a prediction can do: a network's products by NumPy, no checks."""

    def fit(self, X, y):
        fitted = peers.skdl_mlp(epochs=1).fit(X, y)
        self.classes_ = fitted.classes_
        self._layers = [
            (kernel.astype(np.float64), bias.astype(np.float64))
            for kernel, bias in zip(fitted.coefs_, fitted.intercepts_, strict=True)
        ]
        return self

    def predict_proba(self, X):
        for k, (kernel, bias) in enumerate(self._layers):
            X = np.maximum(X, 0, out=X) if k else X
            X = X @ kernel
            X += bias
        np.exp(X, out=X)
        return X / X.sum(axis=1, keepdims=True)


def predict_rows(rounds, output):
    """Predict one row, and many."""
    models = fitted()
    X, y = draw_rows(N_ROWS)
    functions = {name: model.predict_proba for name, model in models.items()}
    keras_model = models["skdl"].model_
    functions["keras.Model.predict"] = lambda rows: keras_model.predict(rows, verbose=0)
    functions["onnxruntime"] = runtime(models["skdl"])
    pipelines = {
        name: make_pipeline(StandardScaler(), models[name]).fit(X[:2_000], y[:2_000])
        for name in PAIR
    }
    piped = {name: pipeline.predict_proba for name, pipeline in pipelines.items()}
    least = make_pipeline(StandardScaler(), Products()).fit(X[:2_000], y[:2_000])
    one_row = {**piped, "the products alone": least.predict_proba}
    for title, some, rows, n_calls in (
        ("one row: 100 calls", functions, X[:1], 100),
        ("one row in a pipeline: 100 calls", one_row, X[:1], 100),
        ("rows: 100,000", functions, X, 1),
        ("rows in a pipeline: 100,000", piped, X, 1),
    ):
        contestants = {
            name: lambda function=function: [function(rows) for _ in range(n_calls)]
            for name, function in some.items()
        }
        race(title, contestants, PAIR[1], rounds, output)


def numpy_way(cnn):
    """Return a function that computes images by NumPy, whatever their size."""
    network = cnn._network, cnn._weights
    return lambda X: infer_network(*network, X.reshape(len(X), -1), cnn._plan().widest)


def tensorflow_way(cnn):
    """Return a function that computes images by TensorFlow, whatever their size."""
    network, stride = (cnn._network, cnn._weights), cnn._plan().rows_at_once
    return lambda X: infer_by_tensorflow(*network, X.reshape(len(X), -1), stride)


def predict_images(rounds, output):
    """Predict one image, and a thousand."""
    rng = np.random.default_rng(0)
    for side, channels in ((8, 1), (28, 1), (32, 3)):
        shape = (side, side, channels)
        X = rng.standard_normal((1_000, *shape), dtype=np.float32)
        y = rng.integers(0, 10, 1_000)
        cnn = CNNClassifier(epochs=1, random_state=0).fit(X[:200], y[:200])
        keras_model, run = cnn.model_, runtime(cnn)
        functions = {
            "skdl": cnn.predict_proba,
            "keras.Model": lambda rows, model=keras_model: np.asarray(model(rows)),
            "onnxruntime": run,
            "NumPy": numpy_way(cnn),
            "TensorFlow": tensorflow_way(cnn),
        }
        for n_rows, n_calls in ((1, 50), (1_000, 1)):
            contestants = {
                name: lambda call=call, n=n_rows, k=n_calls: [
                    call(X[:n]) for _ in range(k)
                ]
                for name, call in functions.items()
            }
            title = f"images {shape} {n_rows}, {n_calls} calls"
            race(title, contestants, "TensorFlow", rounds, output)


# The peak of this program alone: that of getrusage knows the process before it, too.
PROCESS = """
import re, sys
import joblib, numpy as np
joblib.load(sys.argv[1]).predict_proba(np.ones((1, 64)))
with open("/proc/self/status") as status:
    print(int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1]) / 1024)
"""


def load_and_predict(rounds, output):
    """Start a process, load a saved pipeline and predict one row."""
    X, y = draw_rows(2_000)
    with tempfile.TemporaryDirectory() as folder:
        commands = {}
        for name, model in fitted().items():
            if name in PAIR:
                path = Path(folder) / f"{len(commands)}.joblib"
                joblib.dump(make_pipeline(StandardScaler(), model).fit(X, y), path)
                commands[name] = [sys.executable, "-c", PROCESS, str(path)]
        megabytes = {name: [] for name in commands}

        def run(name):
            done = subprocess.run(
                commands[name], capture_output=True, text=True, check=True
            )
            megabytes[name].append(float(done.stdout))

        contestants = {name: lambda name=name: run(name) for name in commands}
        alternate(contestants, 1)
        rows = table(alternate(contestants, rounds), PAIR[1])
    rows["peak_mb"] = [np.median(megabytes[name]) for name in rows.index]
    show("process: load a pipeline and predict one row", rows, output)


def score_in_a_search(rounds, output):
    """Measure the share of predictions in a cross-validation of a cheap network."""
    X, y = peers.digits()
    network = MLPClassifier(16, epochs=5, random_state=0)
    shares = {"predictions": [], "scoring": []}
    taken = []

    def accuracy(estimator, X, y):
        start = time.perf_counter()
        labels = estimator.predict(X)
        taken.append(time.perf_counter() - start)
        return accuracy_score(y, labels)

    for _ in range(rounds + 1):
        taken.clear()
        start = time.perf_counter()
        scores = cross_validate(network, X, y, cv=5, scoring=accuracy)
        seconds = time.perf_counter() - start
        shares["predictions"].append(sum(taken) / seconds)
        shares["scoring"].append(scores["score_time"].sum() / seconds)
    medians = {name: np.median(values[1:]) for name, values in shares.items()}
    rows = {"MLP 16, 5 epochs, digits, 5 folds": medians}
    show("scoring: shares of a cross-validation", pd.DataFrame(rows).T, output)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="default: 9")
    parser.add_argument("--output", default="results", help="default: results")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    for part in (predict_rows, predict_images, load_and_predict, score_in_a_search):
        part(options.rounds, options.output)


if __name__ == "__main__":
    main()
