"""Copies of Keras' objects, with seeds and names that do not vary by process."""

import random
import threading
from contextlib import contextmanager

import keras

from skdl._utils._exclusions import copy_exclusions
from skdl._utils._metric_names import METRICS, metric_names

__all__ = [
    "compile_settings",
    "copy_keras",
    "copy_variable_settings",
    "is_own",
    "keras_seeds_from",
]

_building = threading.RLock()


@contextmanager
def keras_seeds_from(seed):
    """Let Keras draw the seeds of layers and initializers from ``seed`` in the block.

    Keras draws them from Python's global random state, which is restored at the end;
    meanwhile no other model is built. Without a seed, only the latter holds.
    """
    with _building:
        if seed is None:
            yield
            return
        before = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(before)


def copy_variable_settings(model, copied):
    """Give the variables of a copy what was set in single variables of the model.

    Copies are made from the layers, which do not know of it.
    """
    for variable, other in zip(model.variables, copied.variables, strict=True):
        for name in ("trainable", "constraint", "regularizer"):
            setattr(other, name, getattr(variable, name))


def compile_settings(model, optimizer):
    """Return the arguments for compiling a copy of a model as the model is compiled.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    optimizer : keras.optimizers.Optimizer, str or None
        The optimizer of the copy.

    Returns
    -------
    dict
        The metrics are new ones, since metrics keep sums.
    """
    settings = dict(model._compile_config.config)
    names = metric_names(settings)
    for name in METRICS:
        settings[name] = keras.tree.map_structure(
            lambda metric: _copy_metric(metric, names), settings[name]
        )
    return {**settings, "optimizer": optimizer}


def copy_keras(thing, **changed):
    """Return a new optimizer or metric with the settings of another.

    If its class is the user's own and does not define ``get_config``, the object
    itself is returned.
    """
    kind = type(thing)
    if not is_own(kind) and "get_config" not in vars(kind):
        return thing
    try:
        copied = kind.from_config({**thing.get_config(), **changed})
    except Exception as error:  # Keras refuses lambdas, and more
        raise ValueError(
            f"{kind.__name__} can't be copied, so that several fits would share it: "
            f"{str(error).splitlines()[0][:200]}. Give its class, its name, or "
            "the function that it wraps."
        ) from error
    return copy_exclusions(thing, copied)


def _copy_metric(metric, names):
    if id(metric) not in names:
        return metric
    changed = {"name": names[id(metric)]} if is_own(type(metric)) else {}
    return copy_keras(metric, **changed)


def is_own(thing):
    return (getattr(thing, "__module__", "") or "").startswith("keras.")
