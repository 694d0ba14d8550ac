"""The arguments of ``keras.Model.fit``, as a wrapper gets them."""

from numbers import Integral

import numpy as np

from skdl.keras_wrapper._scikeras import route_params

__all__ = [
    "check_choices",
    "check_count",
    "choose_batch_size",
    "fit_arguments",
    "keras_arguments",
]

# Those that the wrapper handles itself.
_OWN_FIT_ARGUMENTS = {
    "batch_size",
    "callbacks",
    "epochs",
    "initial_epoch",
    "sample_weight",
    "shuffle",
    "validation_batch_size",
    "validation_data",
    "validation_split",
    "verbose",
}
_DEFAULT_BATCH = 32  # keras.Model.fit's


def fit_arguments(wrapper, given):
    """Return all arguments by name, None where there is none.

    Parameters
    ----------
    wrapper : BaseKeras
        Its parameters are arguments, too.
    given : dict
        Those of the call, which win.
    """
    routed = route_params(
        wrapper.get_params(), destination="fit", pass_filter=wrapper._fit_kwargs
    )
    if given.get("class_weight") is not None:
        raise ValueError(
            "class_weight is a parameter: KerasClassifier(class_weight=...), by the "
            "labels of y."
        )
    arguments = {name: value for name, value in routed.items() if "__" not in name}
    arguments.pop("callbacks", None)  # they are made from the parameters apart
    return {**dict.fromkeys(_OWN_FIT_ARGUMENTS), **arguments, **given}


def keras_arguments(arguments):
    """Return those that go to Keras as they are."""
    return {
        name: value
        for name, value in arguments.items()
        if name not in _OWN_FIT_ARGUMENTS and value is not None
    }


def choose_batch_size(arguments):
    """Return the batch size, checked; -1 stands for all rows."""
    batch_size = arguments["batch_size"]
    if batch_size is None:
        return _DEFAULT_BATCH
    if batch_size != -1:
        check_count("batch_size", batch_size, ", or -1 for all rows")
    return int(batch_size)


def check_count(name, value, also=""):
    """Check that an argument is an integer >= 1; ``also`` says what else it may be."""
    is_count = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_count or value < 1:
        raise ValueError(f"{name}={value!r} must be an integer >= 1{also}.")


def check_choices(wrapper, arguments):
    """Check the parameters and the arguments of a fit that are one of some values."""
    kept = wrapper.on_interrupt
    if kept not in ("raise", "keep"):
        raise ValueError(f"on_interrupt={kept!r} must be 'raise' or 'keep'.")
    switches = {"shuffle": arguments["shuffle"], "run_eagerly": wrapper.run_eagerly}
    for name, value in switches.items():
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError(f"{name}={value!r} must be True or False.")
    verbose = arguments["verbose"]
    is_level = isinstance(verbose, (Integral, np.bool_)) and int(verbose) >= 0
    if not is_level and verbose != "auto":
        raise ValueError(f"verbose={verbose!r} must be 0, 1, 2 or 'auto'.")
