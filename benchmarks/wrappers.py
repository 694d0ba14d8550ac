"""The wrappers of a user's own Keras model beside SciKeras': ``python -m
benchmarks.wrappers [--rounds N] [--output DIR]``.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import gc

import keras
import numpy as np
import pandas as pd
import psutil
from scikeras.wrappers import KerasClassifier as SciKerasClassifier
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from benchmarks._measure import alternate, show, table
from skdl import KerasClassifier

KINDS = {"skdl": KerasClassifier, "SciKeras": SciKerasClassifier}
GRID = {
    "model__hidden_layer_dim": [50, 100, 200],
    "optimizer__learning_rate": [0.0001, 0.001, 0.01, 0.1],
}
MEGABYTE = 2**20


def build_quickstart(hidden_layer_dim, meta):
    """Return the model of SciKeras' quickstart."""
    layers = keras.layers
    model = keras.Sequential()
    model.add(layers.Input(shape=meta["X_shape_"][1:]))
    model.add(layers.Dense(meta["n_features_in_"]))
    model.add(layers.Activation("relu"))
    model.add(layers.Dense(hidden_layer_dim))
    model.add(layers.Activation("relu"))
    model.add(layers.Dense(meta["n_classes_"]))
    model.add(layers.Activation("softmax"))
    return model


def build_cnn(meta):
    """Return a small convolutional network for images of 28 by 28 pixels."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input(shape=meta["X_shape_"][1:]),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


def make(kind, build, **params):
    """Return a wrapper of either kind, without a seed.

    With one SciKeras leaves TensorFlow's op determinism on, and everything that the
    process trains afterwards is slower.
    """
    settings = dict(loss="sparse_categorical_crossentropy", optimizer="adam", verbose=0)
    return KINDS[kind](build, **{**settings, **params})


def quickstart_data():
    X, y = make_classification(1000, 20, n_informative=10, random_state=0)
    return X.astype(np.float32), y


def grids(rounds, output):
    """Search a grid of 12 candidates by 3 folds, with what it compiles."""
    X, y = quickstart_data()
    for epochs in (1, 20):

        def search(kind, epochs=epochs):
            network = make(kind, build_quickstart, hidden_layer_dim=100, epochs=epochs)
            GridSearchCV(network, GRID, cv=3).fit(X, y)

        contestants = {kind: lambda kind=kind: search(kind) for kind in KINDS}
        show(
            f"grid {epochs} epochs: quickstart model, 12 candidates, 3 folds",
            table(alternate(contestants, rounds), "skdl"),
            output,
        )


def memory(output, n_fits=100):
    """Fit one architecture again and again."""
    X, y = quickstart_data()
    process = psutil.Process()
    rows = {}
    for kind in KINDS:
        network = make(kind, build_quickstart, hidden_layer_dim=100)
        for _ in range(10):
            network.fit(X, y)
        gc.collect()
        before = process.memory_info().rss
        for _ in range(n_fits):
            network.fit(X, y)
        gc.collect()
        growth = (process.memory_info().rss - before) / MEGABYTE / n_fits
        rows[kind] = {"fits": n_fits, "MB a fit": growth}
    show("growth of the process: one architecture", pd.DataFrame(rows).T, output)


def cnn(rounds, output):
    """Fit a convolutional network."""
    rng = np.random.default_rng(0)
    X = rng.random((2000, 28, 28, 1), dtype=np.float32)
    y = rng.integers(10, size=2000)
    networks = {kind: make(kind, build_cnn, batch_size=64, epochs=3) for kind in KINDS}
    contestants = {
        kind: lambda network=network: network.fit(X, y)
        for kind, network in networks.items()
    }
    alternate(contestants, 1)
    show(
        "cnn: 2,000 images, batch 64, 3 epochs",
        table(alternate(contestants, rounds), "skdl"),
        output,
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--output", default="results", help="default: results")
    options = parser.parse_args(arguments)
    grids(options.rounds, options.output)
    cnn(options.rounds, options.output)
    memory(options.output)


if __name__ == "__main__":
    main()
