"""Compare what two checkouts compute, bit for bit, on the same machine.

    python tests/frozen_fits.py OLD NEW

Each checkout, given by its path, does the same fits in a process of its own: networks
of ours and a user's own, by way of optimizers, layers, weights, validation, callbacks,
searches. What differs, in weights, histories or predictions, is named.
"""

import hashlib
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

ONE = "--one"


def compare(old, new):
    """Return the names of the fits that differ, with what differs of them."""
    first, second = _run(old), _run(new)
    assert first.keys() == second.keys()
    differing = {}
    for name, parts in first.items():
        parts = [part for part in parts if parts[part] != second[name][part]]
        if parts:
            differing[name] = parts
    print(f"{len(first)} fits, {len(differing)} differ")
    return differing


def _run(checkout):
    checkout = Path(checkout).resolve()
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), ONE],
        env={**os.environ, "PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"},
        cwd=checkout,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{checkout}:\n{done.stderr}")
    answer = json.loads(done.stdout.splitlines()[-1])
    if Path(answer["package"]).parents[1] != checkout:
        raise SystemExit(f"{checkout} was not what ran: {answer['package']}")
    return answer["fits"]


def _hash(values):
    """Return a hash of arrays, numbers, names and whatever holds them."""
    digest = hashlib.sha256()

    def add(value):
        if isinstance(value, dict):
            for key in value:
                digest.update(str(key).encode())
                add(value[key])
        elif isinstance(value, (list, tuple)):
            for part in value:
                add(part)
        else:
            value = np.asarray(value)
            digest.update(f"{value.dtype} {value.shape}".encode())
            if value.dtype == object:
                value = value.astype(str)
            digest.update(np.ascontiguousarray(value).tobytes())

    add(values)
    return digest.hexdigest()[:16]


def _freeze(fitted, X):
    answers = [fitted.predict(X)]
    if hasattr(fitted, "predict_proba"):
        answers.append(fitted.predict_proba(X))
    history = {k: v for k, v in fitted.history_.items() if k != "epoch"}
    return {
        "weights": _hash(fitted.model_.get_weights()),
        "history": _hash(history),
        "predictions": _hash(answers),
    }


def _data():
    from sklearn.datasets import load_diabetes, load_digits, load_iris
    from sklearn.preprocessing import StandardScaler

    found = {}
    for load in (load_iris, load_digits, load_diabetes):
        X, y = load(return_X_y=True)
        found[load.__name__[5:]] = StandardScaler().fit_transform(X), y
    X, y = found["digits"]
    found["digits"] = X[:400], y[:400]
    return found


class _Heard:
    """Makes Keras callbacks, when Keras may be imported."""

    @staticmethod
    def make(batches):
        import keras

        class Halving(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    optimizer = self.model.optimizer
                    optimizer.learning_rate = optimizer.learning_rate * 0.5

        if batches:
            Halving.on_train_batch_end = lambda self, batch, logs=None: None
        return [Halving(), keras.callbacks.EarlyStopping("loss", patience=1)]


def _ours():
    """Yield names and functions that fit a network of ours."""
    import keras
    import scipy.sparse

    from skdl import CNNClassifier, CNNRegressor, MLPClassifier, MLPRegressor

    data = _data()
    iris, digits, diabetes = (data[k] for k in ("iris", "digits", "diabetes"))
    rng = np.random.default_rng(0)
    weight = rng.integers(0, 3, len(iris[1])).astype(float)
    labels = (rng.random((150, 3)) < 0.4).astype(int)
    few = {"epochs": 4, "random_state": 0, "batch_size": 32}

    def mlp(data=iris, sample_weight=None, fit=None, **settings):
        def run():
            network = MLPClassifier(**{"hidden_layer_sizes": (16, 8)} | few | settings)
            return network.fit(*data, sample_weight, **fit or {}), data[0]

        return run

    def cnn(data=digits, **settings):
        def run():
            settings.setdefault("conv_filters", (6, 8))
            settings.setdefault("hidden_layer_sizes", (16,))
            network = CNNClassifier(image_shape=(8, 8, 1), **few | settings)
            return network.fit(*data), data[0]

        return run

    for name in (
        "sgd adam adamw rmsprop adagrad adadelta adamax nadam lion".split()  # noqa: SIM905
    ):
        yield f"mlp {name}", mlp(optimizer=name)
    yield "mlp momentum", mlp(optimizer="sgd", momentum=0.9)
    yield "mlp nesterov", mlp(optimizer="sgd", momentum=0.9, nesterov=True)
    own = keras.optimizers.Adam(0.01, clipnorm=0.5)
    yield "mlp clipped", mlp(optimizer=own)
    yield "mlp ema", mlp(optimizer=keras.optimizers.SGD(0.1, use_ema=True))
    for name in "relu tanh sigmoid elu gelu selu identity".split():  # noqa: SIM905
        yield f"mlp {name}", mlp(activation=name)
    yield "mlp normalized", mlp(batch_norm=True, dropout=[0.2, 0.0])
    yield "mlp dropped", mlp(dropout=0.4, input_dropout=0.1)
    yield "mlp penalized", mlp(l1=1e-3, l2=1e-3)
    yield "mlp weighted", mlp(sample_weight=weight)
    yield "mlp balanced", mlp(class_weight="balanced")
    yield "mlp early", mlp(early_stopping=True, patience=1, epochs=20)
    given = {"X_val": iris[0][::5], "y_val": iris[1][::5]}
    yield "mlp validated", mlp(fit=given)
    yield "mlp binary", mlp((iris[0][:100], iris[1][:100]), batch_norm=True)
    yield "mlp labels", mlp((iris[0], labels))
    yield "mlp sparse", mlp((scipy.sparse.csr_array(digits[0]), digits[1]))
    for name in ("step", "exponential", "inverse_time", "cosine", "one_cycle"):
        yield f"mlp {name}", mlp(learning_rate_schedule=name)
    yield "mlp plateau", mlp(learning_rate_schedule="plateau", epochs=12)
    yield "mlp callbacks", mlp(callbacks=_Heard.make(batches=False))
    yield "mlp batches", mlp(callbacks=_Heard.make(batches=True))
    yield "mlp linear", mlp(hidden_layer_sizes=())
    yield "mlp defaults", lambda: (MLPClassifier(random_state=0).fit(*iris), iris[0])

    def partial():
        network = MLPClassifier((16,), random_state=3, optimizer="adam", dropout=0.2)
        for _ in range(3):
            network.partial_fit(*iris, classes=[0, 1, 2])
        return network, iris[0]

    yield "mlp partial", partial

    def warm():
        network = MLPClassifier((16,), random_state=3, epochs=3, warm_start=True)
        return network.fit(*iris).fit(*iris), iris[0]

    yield "mlp warm", warm
    regressor = MLPRegressor((16, 8), batch_norm=True, **few)
    yield "regressor", lambda: (regressor.fit(*diabetes), diabetes[0])
    two = np.c_[diabetes[1], diabetes[0][:, 2]]
    several = MLPRegressor((16,), early_stopping=True, **few | {"epochs": 12})
    yield "regressor two", lambda: (several.fit(diabetes[0], two), diabetes[0])
    yield "cnn", cnn()
    yield "cnn normalized", cnn(conv_batch_norm=True, batch_norm=True)
    yield "cnn dropped", cnn(conv_dropout=0.2, dropout=0.3, input_dropout=0.1)
    yield "cnn pooled", cnn(pooling="average", global_pooling="max")
    yield "cnn global", cnn(pooling=None, global_pooling="average")
    yield "cnn augmented", cnn(augmentation={"shift": 0.1, "noise": 0.1})
    targets = digits[1].astype(float)
    images = CNNRegressor((4,), image_shape=(8, 8, 1), hidden_layer_sizes=(8,), **few)
    yield "cnn regressor", lambda: (images.fit(digits[0], targets), digits[0])


def _wrapped():
    """Yield names and functions that fit a user's model."""
    import keras

    from skdl import KerasClassifier, KerasRegressor

    layers = keras.layers
    data = _data()
    iris, digits, diabetes = (data[k] for k in ("iris", "digits", "diabetes"))
    codes = np.random.default_rng(1).integers(0, 30, (200, 6))
    words = codes, (codes[:, 0] > 14).astype(int)
    few = {"epochs": 4, "random_state": 0, "batch_size": 32, "optimizer": "adam"}

    def stack(*middle, head=None):
        def build(meta):
            last = head or layers.Dense(meta["n_classes_"], activation="softmax")
            inputs = keras.Input(meta["X_shape_"][1:])
            return keras.Sequential([inputs, *(part() for part in middle), last])

        return build

    def dense():
        return layers.Dense(16, activation="relu", kernel_regularizer="l2")

    def wrapped(build, data=iris, fit=None, **settings):
        def run():
            loss = "sparse_categorical_crossentropy"
            network = KerasClassifier(build, loss=loss, **few | settings)
            return network.fit(*data, **fit or {}), data[0]

        return run

    rich = [dense, layers.BatchNormalization, lambda: layers.Dropout(0.3)]
    yield "own", wrapped(stack(dense))
    yield "own rich", wrapped(stack(*rich), metrics=["accuracy"])
    for name in ("sgd", "rmsprop", "nadam"):
        yield f"own {name}", wrapped(stack(dense), optimizer=name)
    yield (
        "own weighted",
        wrapped(stack(dense), fit={"sample_weight": np.arange(150.0) % 3}),
    )
    yield (
        "own validated",
        wrapped(stack(dense), fit={"validation_data": (iris[0][::5], iris[1][::5])}),
    )
    yield "own split", wrapped(stack(dense), validation_split=0.2)
    yield "own callbacks", wrapped(stack(dense), callbacks=_Heard.make(batches=False))
    yield "own batches", wrapped(stack(*rich), callbacks=_Heard.make(batches=True))
    embedded = stack(lambda: layers.Embedding(30, 4), lambda: layers.LSTM(5), dense)
    yield "own words", wrapped(embedded, words)
    images = digits[0].reshape(-1, 8, 8, 1), digits[1]
    convolved = stack(lambda: layers.Conv2D(4, 3), layers.Flatten)
    yield "own images", wrapped(convolved, images)

    class Custom(layers.Layer):
        def call(self, x):
            return x * 2.0

    yield "own custom", wrapped(stack(dense, Custom))

    def partial():
        loss = "sparse_categorical_crossentropy"
        network = KerasClassifier(stack(*rich), loss=loss, **few)
        for _ in range(3):
            network.partial_fit(*iris)
        return network, iris[0]

    yield "own partial", partial

    def build_regressor(meta):
        parts = [keras.Input(meta["X_shape_"][1:]), dense(), layers.Dense(1)]
        return keras.Sequential(parts)

    numbers = KerasRegressor(build_regressor, loss="huber", **few)
    yield "own regressor", lambda: (numbers.fit(*diabetes), diabetes[0])


def _searches():
    """Yield names and functions that return hashes of searches and comparisons."""
    from optuna.distributions import FloatDistribution
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    from skdl import MLPClassifier
    from skdl.inspection import compare
    from skdl.model_selection import OptunaSearchCV

    X, y = _data()["iris"]
    network = MLPClassifier((8,), epochs=6, random_state=0, batch_size=16)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)

    def study(scoring):
        def run():
            space = {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True)}
            search = OptunaSearchCV(
                network, space, n_trials=6, cv=folds, random_state=0, scoring=scoring
            ).fit(X, y)
            curves = [t.user_attrs.get("curves") for t in search.study_.trials]
            scores = search.cv_results_["mean_test_score"]
            return {"curves": _hash(str(curves)), "scores": _hash(scores)}

        return run

    for scoring in (None, "neg_log_loss", "balanced_accuracy"):
        yield f"study {scoring}", study(scoring)

    def grid():
        search = GridSearchCV(network, {"dropout": [0.0, 0.3]}, cv=folds).fit(X, y)
        return {"scores": _hash(search.cv_results_["mean_test_score"])}

    yield "grid", grid

    def comparison():
        found = compare(network, {"a": {}, "b": {"dropout": 0.4}}, X, y, random_state=0)
        table = found.frame()
        kept = [name for name in table if "seconds" not in name]
        return {"table": _hash(table[kept].to_numpy())}

    yield "comparison", comparison


def _main_of_one():
    import skdl

    warnings.simplefilter("ignore")
    fits = {}
    for name, run in (*_ours(), *_wrapped()):
        fits[name] = _freeze(*run())
    fits |= {name: run() for name, run in _searches()}
    print(json.dumps({"package": skdl.__file__, "fits": fits}))


if __name__ == "__main__":
    if sys.argv[1:] == [ONE]:
        _main_of_one()
    else:
        found = compare(*sys.argv[1:])
        for fit, parts in found.items():
            print(f"{fit}: {', '.join(parts)}")
        sys.exit(bool(found))
