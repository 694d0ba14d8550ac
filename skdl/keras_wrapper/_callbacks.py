"""The callbacks of a wrapped model, as its user names them."""

from copy import deepcopy

import keras

from skdl._utils._callbacks import EpochCallback
from skdl.keras_wrapper._scikeras import route_params, unflatten_params

__all__ = [
    "check_keras_callbacks",
    "copy_callbacks",
    "flatten_callbacks",
    "make_callbacks",
]


def make_callbacks(estimator, name):
    """Return the callbacks that a parameter of an estimator stands for.

    Parameters
    ----------
    estimator : BaseKeras
        Its parameters are read.
    name : str
        Name of the parameter.
    """
    params = estimator.get_params()
    given = params.get(name)
    if given is None:
        return []
    settings = route_params(params, destination=name, pass_filter=set())
    made = unflatten_params(items=given, params=settings)
    found = flatten_callbacks(made)
    check_keras_callbacks(name, found)
    return found


def copy_callbacks(callbacks):
    """Return copies of callbacks: they keep what they have seen of a fit.

    Raises
    ------
    TypeError
        If one can't be copied.
    """
    try:
        return deepcopy(callbacks)  # together: what they share stays shared
    except TypeError as error:
        raise TypeError(
            f"A fit works on copies of its callbacks, and {callbacks} can't be copied "
            f"({error}): let them open files and make locks in on_train_begin."
        ) from error


def check_keras_callbacks(name, callbacks):
    for callback in callbacks:
        if not isinstance(callback, (keras.callbacks.Callback, EpochCallback)):
            raise TypeError(
                f"{name} must hold Keras callbacks or their classes, one or in a list "
                f"or a dict, got {callback!r}."
            )


def flatten_callbacks(callbacks):
    """Return the callbacks of a callback, a list or a dict as one list."""
    if callbacks is None:
        return []
    if isinstance(callbacks, dict):
        callbacks = list(callbacks.values())
    if not isinstance(callbacks, (list, tuple)):
        return [callbacks]
    return [found for part in callbacks for found in flatten_callbacks(part)]
