"""The accepted values of each parameter, as scikit-learn's constraints."""

from numbers import Integral, Real

from skdl._utils._sklearn import HasMethods, Interval, Options, StrOptions
from skdl.nn._activations import ACTIVATIONS
from skdl.nn._normalization import NORMALIZATIONS

__all__ = [
    "BATCH",
    "CLIPS",
    "CONSTRAINTS",
    "COUNT",
    "FACTOR",
    "LEVEL",
    "OPTIMIZERS",
    "POSITIVE",
    "SHARE",
]

OPTIMIZERS = (
    "sgd",
    "adam",
    "adamw",
    "rmsprop",
    "adagrad",
    "adadelta",
    "adamax",
    "nadam",
    "lion",
)

# Without 1: dropout divides by 1 - rate, and a momentum of 1 never forgets.
SHARE = Interval(Real, 0, 1, closed="left")
LEVEL = Interval(Real, 0, 1, closed="neither")

FACTOR = Interval(Real, 0, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")

BATCH = [Interval(Integral, 1, None, closed="left"), Options(Integral, {-1})]

COUNT = Interval(Integral, 1, None, closed="left")

CONSTRAINTS = {
    "hidden_layer_sizes": [COUNT, "array-like"],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "kernel_initializer": [str, dict],
    "batch_norm": ["boolean"],
    "normalization": [StrOptions(set(NORMALIZATIONS)), None],
    "dropout": [SHARE, "array-like"],
    "input_dropout": [SHARE],
    "l1": [FACTOR],
    "l2": [FACTOR],
    "weight_decay": [FACTOR, None],
    # Keras' class is known by its methods here: naming it would import Keras.
    "optimizer": [StrOptions(set(OPTIMIZERS)), HasMethods(["apply", "get_config"])],
    "learning_rate": [POSITIVE],
    "learning_rate_schedule": [None, str, dict, callable],
    "warmup": [Interval(Integral, 0, None, closed="left"), SHARE],
    "ema": [SHARE, None],
    "swa_start": [SHARE, None],
    "momentum": [SHARE],
    "nesterov": ["boolean"],
    **dict.fromkeys(CLIPS, [POSITIVE, None]),
    "batch_size": BATCH,
    "epochs": [COUNT],
    "early_stopping": ["boolean"],
    "monitor": [str, callable],
    "validation_fraction": [LEVEL],
    "patience": [COUNT],
    "min_delta": [FACTOR],
    "restore_best_weights": ["boolean"],
    "n_ensemble": [COUNT],
    "warm_start": ["boolean"],
    "on_interrupt": [StrOptions({"raise", "keep"})],
    "callbacks": [None, "array-like", HasMethods(["on_epoch_end"])],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
}
