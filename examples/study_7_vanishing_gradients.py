"""Study 7: vanishing gradients
============================

Deep tanh and sigmoid networks: first weights, and gradients that vanish or not.

Ten layers of 64 units with small, large, Glorot's and He's first weights: how large the
activations and the gradients are in each layer before the first step, and what the
network has learned in the end. Then the gradients of one step, as skdl's compiled
training takes it, against the formulas of backpropagation written out in NumPy.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf
from _study import make_parser, parse, run
from sklearn.base import clone
from sklearn.datasets import load_digits

from skdl import MLPClassifier

INITIALIZERS = {
    "small (0.01)": {"name": "random_normal", "stddev": 0.01},
    "large (1)": {"name": "random_normal", "stddev": 1.0},
    "Glorot": "glorot_uniform",
    "He": "he_normal",
}
NO_STEP = 1e-30  # a rate that changes no weight


def measure_layers(network, X, y):
    """Return the sizes of activations and gradients of hidden layers before a step."""
    model = clone(network).set_params(epochs=1, learning_rate=NO_STEP).fit(X, y).model_
    kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
    outputs = [
        layer.output
        for layer in model.layers
        if isinstance(layer, keras.layers.Activation)
    ][:-1]  # the last are the probabilities
    activations = keras.Model(model.inputs[0], outputs)(X)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, model(X)))
    gradients = tape.gradient(loss, kernels)
    rows = [
        {
            "layer": number,
            "activation": float(tf.sqrt(tf.reduce_mean(tf.square(activation)))),
            "gradient": float(tf.norm(gradient)),
        }
        for number, (activation, gradient) in enumerate(zip(activations, gradients), 1)
    ]
    return pd.DataFrame(rows).set_index("layer")


def gradients_by_hand(weights, X, y, slope, activation):
    """Return the gradients of the mean cross-entropy by backpropagation.

    ``weights`` are the kernels and biases W_1, b_1, ..., W_L, b_L. With a_0 = X,
    z_k = a_(k-1) W_k + b_k, a_k = f(z_k) and probabilities p = softmax(z_L):

        d_L = (p - onehot(y)) / n        d_k = (d_(k+1) W_(k+1)^T) * f'(z_k)
        dW_k = a_(k-1)^T d_k             db_k = sum over the rows of d_k
    """
    kernels, biases = weights[0::2], weights[1::2]
    outputs = [X]  # a_0, a_1, ...
    for kernel, bias in zip(kernels[:-1], biases[:-1]):
        outputs.append(activation(outputs[-1] @ kernel + bias))
    z = outputs[-1] @ kernels[-1] + biases[-1]
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    error = (p - np.eye(p.shape[1])[y]) / len(X)  # d_L
    found = []
    for k in range(len(kernels) - 1, -1, -1):
        found[:0] = [outputs[k].T @ error, error.sum(axis=0)]
        if k:
            error = (error @ kernels[k].T) * slope(outputs[k])
    return found


def check_gradients(X, y, seed):
    """Return the relative error of the gradients of one step against NumPy's.

    One step of gradient descent on all rows takes rate * gradient off the weights, so
    that the gradient is the difference of two fits of one seed, divided by the rate.
    """
    activations = {
        "tanh": (np.tanh, lambda a: 1 - a**2),
        "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
        "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0).astype(float)),
    }
    rate, errors = 1000.0, {}
    for name, (activation, slope) in activations.items():
        network = MLPClassifier(
            hidden_layer_sizes=(32, 16),
            activation=name,
            dropout=0.0,
            l2=0.0,
            optimizer="sgd",
            batch_size=-1,
            epochs=1,
            random_state=seed,
        )
        before, after = (
            clone(network).set_params(learning_rate=r).fit(X, y).model_.get_weights()
            for r in (NO_STEP, rate)
        )
        exact = gradients_by_hand(
            [weight.astype(float) for weight in before], X, y, slope, activation
        )
        taken = [(b.astype(float) - a) / rate for b, a in zip(before, after)]
        difference = sum(np.sum((t - e) ** 2) for t, e in zip(taken, exact))
        errors[name] = np.sqrt(difference / sum(np.sum(e**2) for e in exact))
    return errors


def main(arguments=None):
    options = parse(make_parser(__doc__, epochs=30), arguments)
    X, y = load_digits(return_X_y=True)
    X = ((X - X.mean()) / X.std()).astype(np.float32)
    if options.quick:
        X, y = X[: options.rows], y[: options.rows]
    figure, axes = plt.subplots(2, 2, figsize=(11, 7), layout="constrained")
    for activation, row in zip(("tanh", "sigmoid"), axes):
        network = MLPClassifier(
            hidden_layer_sizes=(64,) * 10,
            activation=activation,
            dropout=0.0,
            l2=0.0,
            optimizer="sgd",
            learning_rate=0.05,
            batch_size=32,
            epochs=options.epochs,
            random_state=options.seed,
        )
        norms = {
            name: measure_layers(
                clone(network).set_params(kernel_initializer=initializer), X, y
            )
            for name, initializer in INITIALIZERS.items()
        }
        print(f"\n{activation}, ten layers: before the first step")
        print(pd.concat(norms, axis=1).to_string(float_format="{:.2e}".format))
        for one, what in zip(row, ("activation", "gradient")):
            for name, frame in norms.items():
                one.plot(frame.index, frame[what], "o-", label=name)
            size = "root mean square of the" if what == "activation" else "norm of the"
            one.set(yscale="log", xlabel="layer", ylabel=f"{size} {what}")
            one.set_title(activation)
            one.legend()
        run(
            f"First weights {activation}",
            network,
            {n: {"kernel_initializer": i} for n, i in INITIALIZERS.items()},
            X,
            y,
            options,
            target_score=0.9,
        )
    picture = options.output / "vanishing_gradients.png"
    figure.savefig(picture, dpi=110)
    plt.close(figure)
    print(f"Picture: {picture}")
    print("\nGradients of a compiled step against NumPy, relative error:")
    for name, error in check_gradients(X.astype(float), y, options.seed).items():
        print(f"{name}: {error:.1e}")


if __name__ == "__main__":
    main()
