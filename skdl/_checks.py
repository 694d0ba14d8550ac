"""Checks of parameters and data, before any training."""

import math
import warnings
from contextlib import suppress
from numbers import Integral, Real

import numpy as np
import psutil
from scipy import sparse
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.sparsefuncs import mean_variance_axis
from sklearn.utils.validation import check_array, validate_data

from skdl._exclusions import has_single_exclusions
from skdl._sklearn import HasMethods, Interval, Options, StrOptions, check_sample_weight

__all__ = [
    "BATCH",
    "CONSTRAINTS",
    "COUNT",
    "FACTOR",
    "SHARE",
    "as_numeric",
    "check_callbacks",
    "check_copyable",
    "check_data",
    "check_groups",
    "check_initializer",
    "check_memory",
    "check_numbers",
    "check_optimizer",
    "check_schedule",
    "draw_seed",
    "expand_dropout",
    "expand_hidden_sizes",
    "is_count",
    "kept_rows",
    "split_validation",
    "validate_rows",
    "warn_of_rate",
    "warn_of_scales",
]

ACTIVATIONS = ("relu", "tanh", "sigmoid", "elu", "gelu", "selu", "swish", "identity")
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
SHARE = Interval(Real, 0, 1, closed="left")
FACTOR = Interval(Real, 0, None, closed="left")
BATCH = [Interval(Integral, 1, None, closed="left"), Options(Integral, {-1})]
COUNT = Interval(Integral, 1, None, closed="left")

CONSTRAINTS = {
    "hidden_layer_sizes": [COUNT, "array-like"],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "kernel_initializer": [str, dict],
    "batch_norm": ["boolean"],
    "dropout": [SHARE, "array-like"],
    "input_dropout": [SHARE],
    "l1": [FACTOR],
    "l2": [FACTOR],
    "optimizer": [StrOptions(set(OPTIMIZERS)), HasMethods(["apply", "get_config"])],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "learning_rate_schedule": [None, str, dict, callable],
    "momentum": [SHARE],
    "nesterov": ["boolean"],
    "batch_size": BATCH,
    "epochs": [COUNT],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "patience": [COUNT],
    "min_delta": [FACTOR],
    "restore_best_weights": ["boolean"],
    "warm_start": ["boolean"],
    "on_interrupt": [StrOptions({"raise", "keep"})],
    "callbacks": [None, "array-like", HasMethods(["on_epoch_end"])],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
}


def check_numbers(params, constraints):
    """Refuse booleans where a number is meant; Python takes them for 0 and 1."""
    for name, accepted in constraints.items():
        is_number = any(isinstance(constraint, Interval) for constraint in accepted)
        value = params.get(name)
        if is_number and isinstance(value, (bool, np.bool_)):
            raise ValueError(f"{name}={value!r} is a boolean; it must be a number.")


def is_count(value):
    """Return whether a value is an int from 1, and no boolean."""
    is_int = isinstance(value, Integral) and not isinstance(value, bool)
    return is_int and value >= 1


def expand_hidden_sizes(sizes, name="hidden_layer_sizes"):
    """Return ``hidden_layer_sizes``, or what is given like it, as a list of int.

    Raises
    ------
    ValueError
        If a width is not an int from 1.
    """
    if isinstance(sizes, Integral):
        return [int(sizes)]
    sizes = sizes.tolist() if isinstance(sizes, np.ndarray) else list(sizes)
    for index, size in enumerate(sizes):
        if not is_count(size):
            raise ValueError(
                f"{name}[{index}]={size!r} must be an int from 1: the number of units "
                "or filters of a hidden layer."
            )
    return [int(size) for size in sizes]


def expand_dropout(dropout, n_hidden, name="dropout"):
    """Return ``dropout`` as a list with one rate for each hidden layer.

    Raises
    ------
    ValueError
        If there are more or fewer rates than layers, or one is not in [0, 1).
    """
    if isinstance(dropout, Real):
        return [float(dropout)] * n_hidden
    rates = list(dropout)
    if len(rates) != n_hidden:
        raise ValueError(
            f"{name}={dropout!r} has {len(rates)} rates for {n_hidden} hidden layers: "
            "give one float, or one for each layer."
        )
    for index, rate in enumerate(rates):
        is_number = isinstance(rate, Real) and not isinstance(rate, (bool, np.bool_))
        if not is_number or not 0 <= rate < 1:
            raise ValueError(f"{name}[{index}]={rate!r} must be a float in [0, 1).")
    return [float(rate) for rate in rates]


def check_initializer(initializer):
    """Check the name and the settings of an initializer.

    Raises
    ------
    ValueError
        If Keras does not know them.
    """
    if initializer == "auto":
        return
    from skdl.networks import make_initializer

    try:
        make_initializer(initializer, seed=0)((2, 2))
    except Exception as error:  # Keras and TensorFlow raise various
        raise ValueError(
            f"kernel_initializer={initializer!r} is not known: use 'auto', a Keras "
            "name such as 'he_normal', 'glorot_uniform' or 'lecun_normal', or a dict "
            f"such as {{'name': 'random_normal', 'stddev': 0.01}} ({error})."
        ) from error


def check_optimizer(params, defaults):
    """Check an optimizer that is an instance, and what it makes meaningless.

    Raises
    ------
    ValueError
        If it is no instance of Keras, or a parameter that it overrides was set.
    """
    optimizer = params["optimizer"]
    if isinstance(optimizer, str):
        return
    import keras

    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ValueError(
            f"optimizer={optimizer!r} must be one of {OPTIMIZERS} or an instance of "
            "keras.optimizers.Optimizer."
        )
    check_copyable(optimizer)
    if "learning_rate" not in optimizer.get_config():
        raise ValueError(
            f"optimizer={type(optimizer).__name__} wraps another optimizer: give that "
            "one. Networks of skdl compute in single precision, and need no scaling of "
            "the loss."
        )
    for name in ("learning_rate", "momentum", "nesterov"):
        if params[name] != defaults[name]:
            raise ValueError(
                f"{name}={params[name]!r} has no effect beside an instance as "
                f"optimizer: set it in the instance, or name the optimizer "
                f"({type(optimizer).__name__.lower()!r})."
            )


def check_copyable(optimizer):
    """Check that a copy of an optimizer does what it does.

    Raises
    ------
    ValueError
        If it excludes single variables from weight decay.
    """
    if has_single_exclusions(optimizer):
        raise ValueError(
            f"optimizer={type(optimizer).__name__} excludes single variables from "
            "weight decay, which a copy for another model can't: name them, as "
            "exclude_from_weight_decay(var_names=['bias'])."
        )


def check_schedule(schedule):
    """Check the name and the settings of a learning rate schedule.

    Raises
    ------
    ValueError
        If they are not known, or out of range.
    """
    from skdl.training._schedules import check_settings

    check_settings(schedule)


_HOOKS = (
    "set_params",
    "set_model",
    "on_train_begin",
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_end",
)


def check_callbacks(callbacks):
    """Return ``callbacks`` as a list.

    Raises
    ------
    ValueError
        If one lacks the hooks of ``keras.callbacks.Callback``.
    """
    if callbacks is None:
        return []
    if not isinstance(callbacks, (list, tuple)):
        callbacks = [callbacks]
    found = list(callbacks)
    for index, callback in enumerate(found):
        has_hooks = all(hasattr(callback, hook) for hook in _HOOKS)
        if isinstance(callback, type) or not has_hooks:
            raise ValueError(
                f"callbacks[{index}]={callback!r} must be an instance of "
                "keras.callbacks.Callback, not its class or something else."
            )
    return found


def as_numeric(X, name="X"):
    """Return an array of real numbers.

    Parameters
    ----------
    X : ndarray
        Checked by scikit-learn, whose older releases leave pandas' text as objects.
    name : str
        How its user calls it.

    Raises
    ------
    ValueError
        If it holds anything else.
    """
    if X.dtype.kind == "O" and not sparse.issparse(X):
        with suppress(TypeError, ValueError):
            return X.astype(np.float64)
    if X.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} holds {X.dtype}, which are no numbers. Turn them into numbers "
            "first, for example dates into days."
        )
    return X


def check_data(estimator, X, y, weight, *, reset=False, names=("X", "y", "weight")):
    """Return X, y and the weights as arrays, checked.

    Parameters
    ----------
    estimator : estimator
        Whose features they must have; with ``reset`` it takes theirs.
    X, y, weight : array-like
        The data; ``weight`` may be None.
    reset : bool, default=False
        Whether this is new training data.
    names : tuple of str
        What the user calls them.

    Raises
    ------
    ValueError
        If the data can't be used.
    """
    X_name, y_name, weight_name = names
    try:
        X, y = validate_data(
            estimator,
            X,
            y,
            reset=reset,
            multi_output=True,
            accept_sparse="csr" if get_tags(estimator).input_tags.sparse else False,
        )
    except ValueError as error:
        raise _explain(error, X_name) from error
    X = as_numeric(X, X_name)
    if y.ndim > 2:
        raise ValueError(f"{y_name} has {y.ndim} dimensions; 1 or 2 are accepted.")
    if weight is None:
        return X, y, None
    weight = check_sample_weight(weight, X, dtype=np.float64)
    if (weight < 0).any():
        raise ValueError(
            f"Negative values in {weight_name}: {weight.min():g}. Weights must be "
            "0 or more."
        )
    if not weight.any():
        raise ValueError(
            f"All of {weight_name} are zero: no row is left. Give some rows a "
            "positive weight."
        )
    return X, y, weight


def validate_rows(estimator, X):
    """Return the rows to predict as an array or a CSR matrix, checked.

    The names of a frame's columns are compared once for each columns object, and not
    once for each call: with 20,000 columns that takes longer than to predict.

    Parameters
    ----------
    estimator : estimator
        Fitted; it remembers the columns that it has seen.
    X : array-like of shape (n_samples, n_features)
        The rows.
    """
    columns = getattr(X, "columns", None)
    columns = columns if hasattr(columns, "is_") else None  # those of pandas
    seen = vars(estimator).get("_seen_columns")
    if columns is not None and seen is not None and columns.is_(seen):
        values = X.to_numpy()
        if values.dtype.kind in "biuf":
            return check_array(values, estimator=estimator)
    accepted = "csr" if get_tags(estimator).input_tags.sparse else False
    found = validate_data(estimator, X, reset=False, accept_sparse=accepted)
    if columns is not None:
        estimator._seen_columns = columns
    return found


def _explain(error, name):
    text = str(error)
    if "could not convert string" in text:
        return ValueError(
            f"{name} holds text, and a network needs numbers ({text}). Encode such "
            "columns first, for example with OneHotEncoder in a ColumnTransformer."
        )
    if "Found array with dim" in text:
        return ValueError(
            f"{name}: {text} Images go into CNNClassifier or CNNRegressor; other rows "
            "are made flat by X.reshape(len(X), -1)."
        )
    if name != "X":
        return ValueError(f"{name} or its y: {text}")
    return error


# What scikit-learn's scalers leave is far below; bytes of images are, too.
LARGE_FEATURES = 1e3
LARGE_RATE = 1.0
_LARGE_RATES = {"adadelta": math.inf, "sgd": 1e3}  # their steps have other units
_LOOKED_AT = 10_000


def warn_of_scales(X, names=None):
    """Warn of features on a scale that no network learns well from.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The training data, of which at most 10,000 rows are looked at.
    names : ndarray of shape (n_features,), default=None
        Of the features.
    """
    some = X[:: 1 + X.shape[0] // _LOOKED_AT].astype(np.float64)
    with np.errstate(over="ignore"):
        if sparse.issparse(some):
            mean, variance = mean_variance_axis(some, axis=0)
        else:
            mean, variance = some.mean(axis=0), some.var(axis=0)
    sizes = np.abs(mean) + np.sqrt(variance)
    worst = int(np.argmax(sizes))
    if sizes[worst] <= LARGE_FEATURES:
        return
    name = worst if names is None else repr(names[worst])
    n_large = int((sizes > LARGE_FEATURES).sum())
    warnings.warn(
        f"{n_large} of {len(sizes)} features are large: feature {name} has the mean "
        f"{mean[worst]:.3g} and the deviation {np.sqrt(variance[worst]):.3g}. "
        "Networks learn from features of mean 0 and deviation 1: put a StandardScaler "
        "in front, as make_pipeline(StandardScaler(), network).",
        UserWarning,
        stacklevel=2,
    )


def warn_of_rate(learning_rate, optimizer):
    """Warn of a learning rate that is larger than the optimizer wants it."""
    kind = optimizer if isinstance(optimizer, str) else ""
    if learning_rate > _LARGE_RATES.get(kind, LARGE_RATE):
        warnings.warn(
            f"learning_rate={learning_rate:g} is large: most optimizers want 1e-4 to "
            "1e-1, and diverge with more.",
            UserWarning,
            stacklevel=2,
        )


def kept_rows(weight):
    """Return the rows of positive weight, or None if they are all of the rows."""
    if weight is None or weight.all():
        return None
    return np.flatnonzero(weight)


def split_validation(n_rows, labels, fraction, seed, groups=None):
    """Split off the validation rows: shuffled, and stratified where there are labels.

    Parameters
    ----------
    n_rows : int
        How many rows there are.
    labels : ndarray of shape (n_rows,) or None
        What to stratify by.
    fraction : float
        The share of the validation part.
    seed : np.random.SeedSequence
        Where the random numbers come from.
    groups : ndarray of shape (n_rows,), default=None
        The part takes whole groups, then as that share of them, and not stratified.

    Returns
    -------
    train, validation : ndarray of int

    Raises
    ------
    ValueError
        If the rows do not suffice.
    """
    random_state = int(seed.generate_state(1)[0])
    try:
        if groups is not None:
            splitter = GroupShuffleSplit(
                1, test_size=fraction, random_state=random_state
            )
            return next(splitter.split(np.empty(n_rows), groups=groups))
        return train_test_split(
            np.arange(n_rows),
            test_size=fraction,
            stratify=labels,
            random_state=random_state,
        )
    except ValueError as error:
        raise ValueError(
            f"validation_fraction={fraction!r} of {n_rows} rows can't be split off for "
            f"early stopping: {error}{_name_single(labels)} Use a larger fraction, "
            "more data, X_val and y_val, or early_stopping=False."
        ) from error


def _name_single(labels):
    """Return a sentence on the labels that one row has, or nothing."""
    if labels is None:
        return ""
    found, counts = np.unique(labels, return_counts=True)
    single = found[counts == 1].tolist()
    return f" One row alone has each of {single[:5]}." if single else ""


def check_groups(groups, n_rows):
    """Return ``validation_groups`` as an array, or None.

    Raises
    ------
    ValueError
        If it does not have one group for each row.
    """
    if groups is None:
        return None
    groups = np.asarray(groups)
    if groups.shape != (n_rows,):
        raise ValueError(
            f"validation_groups has the shape {groups.shape}; it must have one group "
            f"for each of the {n_rows} rows."
        )
    return groups


def draw_seed(random_state):
    """Return a seed; the global random state of NumPy is left alone."""
    if random_state is None:
        return int(np.random.SeedSequence().entropy % 2**63)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


# A training keeps the weights, their gradients and two states of an optimizer; before
# and after it there is one copy more, as arrays.
_COPIES = 5


def check_memory(shapes):
    """Check that a network fits into the memory that is free, before it is made.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Of the kernel of each layer.

    Raises
    ------
    MemoryError
        If its training needs more.
    """
    n_weights = sum(math.prod(shape) + shape[-1] for shape in shapes)
    needed = 4 * _COPIES * n_weights / 2**30
    free = psutil.virtual_memory().available / 2**30
    if needed > free:
        raise MemoryError(
            f"The network has {n_weights:,} weights: kernels {list(shapes)}. Its "
            f"training needs about {needed:.3g} GiB, and {free:.3g} GiB are free. Give "
            "smaller hidden_layer_sizes or fewer features; pooling or global_pooling "
            "does it for images."
        )
