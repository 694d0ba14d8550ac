"""A step of a convolutional network: ``python -m benchmarks.cnn [--help]``.

The reference network has three convolutions of 5 by 5 (32, 64, 64 filters), each with a
pooling, and a dense layer of 1,000, on images of 32 by 32 pixels in colour.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from benchmarks._measure import alternate, show, table
from skdl import CNNClassifier

FILTERS, KERNEL, HIDDEN = (32, 64, 64), 5, (1000,)


def build_keras(shape):
    """Return the same network as a compiled Keras model."""
    layers = [keras.Input(shape)]
    for n_filters in FILTERS:
        layers.append(keras.layers.Conv2D(n_filters, KERNEL, padding="same"))
        layers.append(keras.layers.Activation("relu"))
        layers.append(keras.layers.MaxPooling2D(padding="same"))
    layers.append(keras.layers.Flatten())
    layers += [keras.layers.Dense(n, "relu") for n in HIDDEN]
    layers.append(keras.layers.Dense(10, "softmax"))
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--rows", type=int, default=1280, help="default: 1280")
    parser.add_argument("--output", default="results", help="default: results")
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(0)
    X = rng.random((options.rows, 32, 32, 3), dtype=np.float32)
    y = rng.integers(10, size=options.rows)
    for batch in (32, 128):
        ours = CNNClassifier(
            FILTERS,
            kernel_size=KERNEL,
            hidden_layer_sizes=HIDDEN,
            dropout=0.0,
            batch_size=batch,
            epochs=1,
        )
        theirs = build_keras(X.shape[1:])

        def fit_keras(model=theirs, batch=batch):
            model.fit(X, y, batch_size=batch, verbose=0)

        contestants = {
            "skdl": lambda ours=ours: ours.fit(X, y),
            "keras.Model.fit": fit_keras,
        }
        alternate(contestants, 1)
        show(
            f"cnn batch {batch}: an epoch of {options.rows} images",
            table(alternate(contestants, options.rounds), "skdl"),
            options.output,
        )


if __name__ == "__main__":
    main()
