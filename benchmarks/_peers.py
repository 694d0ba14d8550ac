"""The contestants: one network, fitted by skdl and by its peers."""

import warnings

import keras
import numpy as np
from scikeras.wrappers import KerasClassifier
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier as SklearnMLP
from sklearn.preprocessing import StandardScaler

from skdl import MLPClassifier

HIDDEN = (128, 64)
DROPOUT = 0.1
BATCH = 32
EPOCHS = 20
N_FIT = 1347


def digits():
    """Return the training part of the digits, as float32."""
    X, y = load_digits(return_X_y=True)
    return StandardScaler().fit_transform(X).astype(np.float32)[:N_FIT], y[:N_FIT]


def skdl_mlp(seed=0, **params):
    """Return skdl's network with Adam and dropout, like its peers'."""
    plain = dict(
        hidden_layer_sizes=HIDDEN,
        activation="relu",
        dropout=DROPOUT,
        l2=0.0,
        learning_rate=0.001,
        batch_size=BATCH,
        epochs=EPOCHS,
        random_state=seed,
    )
    return MLPClassifier(**{**plain, **params})


def sklearn_mlp(seed=0, **params):
    """Return scikit-learn's network: the same, but for dropout, which it lacks."""
    warnings.filterwarnings("ignore", category=UserWarning)
    plain = dict(
        hidden_layer_sizes=HIDDEN, batch_size=BATCH, max_iter=EPOCHS, random_state=seed
    )
    return SklearnMLP(**{**plain, **params})


def keras_model(
    n_features=64, hidden=HIDDEN, dropout=DROPOUT, l2=0.0, learning_rate=0.001
):
    """Return the network as a compiled Keras model."""
    layers = [keras.Input((n_features,))]
    for size in hidden:
        penalty = keras.regularizers.L2(l2) if l2 else None
        layers.append(keras.layers.Dense(size, "relu", kernel_regularizer=penalty))
        if dropout:
            layers.append(keras.layers.Dropout(dropout))
    layers.append(keras.layers.Dense(10, "softmax"))
    model = keras.Sequential(layers)
    model.compile(
        keras.optimizers.Adam(learning_rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def scikeras_mlp(**params):
    """Return SciKeras' estimator of the network.

    Without a ``random_state``: with one it leaves TensorFlow's op determinism on, and
    everything that the process trains afterwards is slower.
    """
    plain = dict(model=keras_model, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return KerasClassifier(**{**plain, **params})


def skorch_mlp(seed=0):
    """Return skorch's estimator of the network, or None where it is not installed."""
    try:
        import torch
        from skorch import NeuralNetClassifier
    except ImportError:
        return None
    torch.manual_seed(seed)
    sizes = [64, *HIDDEN]
    layers = []
    for before, after in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
        layers.append(torch.nn.Dropout(DROPOUT))
    return NeuralNetClassifier(
        torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], 10)),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.001,
        batch_size=BATCH,
        max_epochs=EPOCHS,
        train_split=None,
        verbose=0,
    )


def matrix_products(X):
    """Do the matrix products of one fit and nothing else: the floor."""
    sizes = [X.shape[1], *HIDDEN, 10]
    rng = np.random.default_rng(0)
    kernels = [
        rng.standard_normal(shape).astype(np.float32) for shape in zip(sizes, sizes[1:])
    ]
    starts = range(0, len(X), BATCH)
    for _ in range(EPOCHS):
        for start in starts:
            values = [X[start : start + BATCH]]
            for kernel in kernels:
                values.append(values[-1] @ kernel)
            slope = values[-1]
            for index in (2, 1, 0):
                values[index].T @ slope
                if index:
                    slope = slope @ kernels[index].T
