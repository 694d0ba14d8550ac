"""Parameters: what their constraints can't say of them."""

from numbers import Integral, Real

import numpy as np

from skdl._utils._hints import hint_at_value
from skdl._utils._lost_settings import refuse_lost_settings
from skdl._utils._numbers import is_count
from skdl._utils._sklearn import Interval
from skdl.nn._dropout import MOST_DROPPED
from skdl.nn._own_loss import is_registered_name

__all__ = [
    "check_averaging",
    "check_callbacks",
    "check_callbacks_of_many",
    "check_dropout",
    "check_initializer",
    "check_loss",
    "check_numbers",
    "choose_normalization",
    "expand_dropout",
    "expand_hidden_sizes",
    "expand_levels",
    "is_own_loss",
]


def check_numbers(params, constraints):
    """Refuse booleans where a number is expected: to Python they are 0 and 1."""
    for name, accepted in constraints.items():
        is_number = any(isinstance(constraint, Interval) for constraint in accepted)
        value = params.get(name)
        if is_number and isinstance(value, (bool, np.bool_)):
            raise ValueError(f"{name}={value!r} is a boolean; it must be a number.")


def expand_hidden_sizes(sizes, name="hidden_layer_sizes"):
    """Return ``hidden_layer_sizes``, or a parameter like it, as a list of int.

    Raises
    ------
    ValueError
        If a width is not an integer >= 1.
    """
    if isinstance(sizes, Integral):
        return [int(sizes)]
    sizes = sizes.tolist() if isinstance(sizes, np.ndarray) else list(sizes)
    for index, size in enumerate(sizes):
        if not is_count(size):
            raise ValueError(
                f"{name}[{index}]={size!r} must be an integer >= 1: the number of "
                "units or filters of a hidden layer."
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


def check_dropout(rates):
    """Check that steps can drop such shares of the values.

    Raises
    ------
    ValueError
        If fewer than one of 256 values would be left: a byte decides what is dropped.
    """
    largest = max(rates)
    if largest > MOST_DROPPED:
        raise ValueError(
            f"A dropout rate of {largest!r} leaves fewer than one of 256 values, which "
            f"can't be drawn: give at most {MOST_DROPPED}."
        )


def expand_levels(quantile):
    """Return ``quantile`` as a tuple of levels.

    Raises
    ------
    ValueError
        If a level is not in (0, 1), or they do not increase.
    """
    if isinstance(quantile, Real):
        return (float(quantile),)
    levels = tuple(quantile)
    if not levels:
        raise ValueError("quantile=() has no level: give one, such as 0.5, or several.")
    for index, level in enumerate(levels):
        is_number = isinstance(level, Real) and not isinstance(level, (bool, np.bool_))
        if not is_number or not 0 < level < 1:
            raise ValueError(f"quantile[{index}]={level!r} must be a float in (0, 1).")
    if any(after <= before for before, after in zip(levels, levels[1:])):
        raise ValueError(
            f"quantile={list(levels)!r} must increase: give {sorted(set(levels))!r}."
        )
    return tuple(float(level) for level in levels)


def check_averaging(ema, swa_start):
    """Check that the weights are averaged in one way at most.

    Raises
    ------
    ValueError
        If both are given.
    """
    if ema is not None and swa_start is not None:
        raise ValueError(
            f"ema={ema!r} and swa_start={swa_start!r} are given, but weights are "
            "averaged in one way: leave one of them out."
        )


def choose_normalization(normalization, batch_norm):
    """Return the normalization of hidden layers, from either spelling.

    Raises
    ------
    ValueError
        If both are given and differ.
    """
    if not batch_norm:
        return normalization
    if normalization not in (None, "batch"):
        raise ValueError(
            f"batch_norm=True is normalization='batch', and normalization="
            f"{normalization!r} is given too: leave batch_norm out."
        )
    return "batch"


def is_own_loss(loss):
    """Return whether a loss is a function, or the name that Keras knows one by."""
    return callable(loss) or (isinstance(loss, str) and is_registered_name(loss))


def check_loss(loss, names):
    """Check the loss of an estimator.

    Raises
    ------
    ValueError
        If it is none of the names, and no function that can be used.
    """
    if isinstance(loss, type):
        raise ValueError(f"loss={loss!r} is a class: give an instance of it.")
    if not is_own_loss(loss):
        if loss not in names:
            raise ValueError(
                f"loss={loss!r} is not known: use one of {sorted(names)}, a function "
                "of y_true and y_pred, or the name that one is registered under. "
                f"{hint_at_value('loss', loss, names)}".rstrip()
            )
        return
    refuse_lost_settings("loss", loss)
    try:
        hash(loss)
    except TypeError:
        raise ValueError(
            f"loss={loss!r} can't be hashed, and compiled programs are cached by it: "
            "give a function."
        ) from None


def check_initializer(initializer, n_dimensions):
    """Check the name and the settings of an initializer.

    Raises
    ------
    ValueError
        If Keras does not know them.
    """
    if initializer == "auto":
        return
    from skdl.nn._initializers import make_initializer

    try:
        # Called as well: Keras looks at some settings, and at the shape, only then.
        make_initializer(initializer, seed=0)((2,) * n_dimensions)
    except Exception as error:  # Keras and TensorFlow raise many types
        raise ValueError(
            f"kernel_initializer={initializer!r} is not known: use 'auto', a Keras "
            "name such as 'he_normal', 'glorot_uniform' or 'lecun_normal', or a dict "
            f"such as {{'name': 'random_normal', 'stddev': 0.01}} ({error})."
        ) from error


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


def check_callbacks_of_many(callbacks):
    """Check that callbacks may be told of the networks of an ensemble.

    Raises
    ------
    ValueError
        If one is for a single network.
    """
    for callback in callbacks:
        if getattr(callback, "for_one_network", False):
            raise ValueError(
                f"{type(callback).__name__} can't follow the networks of an ensemble, "
                "which train side by side: set n_ensemble=1, or prune between folds."
            )
