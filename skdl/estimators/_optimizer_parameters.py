"""The optimizer, its rate and its gradients, where constraints can't judge them."""

import warnings

from skdl._utils._exclusions import check_copyable
from skdl.estimators._constraints import CLIPS, OPTIMIZERS

__all__ = [
    "check_optimizer",
    "check_schedule",
    "choose_clip",
    "choose_decay",
    "without_effect",
]


def choose_clip(params):
    """Return the kind of gradient clipping and its limit, or None.

    Raises
    ------
    ValueError
        If several limits are given.
    """
    given = [(name, params[name]) for name in CLIPS if params[name] is not None]
    if len(given) > 1:
        both = " and ".join(f"{name}={value!r}" for name, value in given)
        raise ValueError(f"{both} are given, but only one may be: leave one of them.")
    return given[0] if given else None


def choose_decay(params):
    """Return the weight decay: that of Keras for ``"adamw"``, unless it is given.

    An instance of an optimizer has its own.
    """
    if not isinstance(params["optimizer"], str):
        return 0.0
    if params["weight_decay"] is not None:
        return params["weight_decay"]
    return 0.004 if params["optimizer"] == "adamw" else 0.0


_OF_AN_OPTIMIZER = ("learning_rate", "momentum", "nesterov", "weight_decay", *CLIPS)


def without_effect(params):
    """Return the names of parameters that an optimizer or a schedule has of its own."""
    if not isinstance(params["optimizer"], str):
        return {*_OF_AN_OPTIMIZER}
    return {"learning_rate"} if callable(params["learning_rate_schedule"]) else set()


def check_optimizer(params, defaults):
    """Check an optimizer instance, and the parameters that it overrides.

    Raises
    ------
    ValueError
        If it is not a Keras optimizer, or a parameter that it overrides was set.
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
    # The configuration of Keras' LossScaleOptimizer has that of another one instead.
    if "learning_rate" not in optimizer.get_config():
        raise ValueError(
            f"optimizer={type(optimizer).__name__} wraps another optimizer: pass that "
            "one instead. Networks of skdl compute in single precision, and need no "
            "loss scaling."
        )
    rate = optimizer.get_config()["learning_rate"]
    if isinstance(rate, dict) and rate.get("class_name") == "function":
        raise ValueError(
            f"optimizer={type(optimizer).__name__} has a function as its "
            "learning_rate: give a number, or learning_rate_schedule=."
        )
    for name in _OF_AN_OPTIMIZER:
        # Refused and not ignored: a search over it would compare equal fits.
        is_none = name == "weight_decay" and not params[name]
        if params[name] != defaults[name] and not is_none:
            raise ValueError(
                f"{name}={params[name]!r} has no effect if the optimizer is an "
                f"instance: set it in the instance, or pass the optimizer by name "
                f"({type(optimizer).__name__.lower()!r})."
            )
    if params["weight_decay"] and not optimizer.weight_decay:
        warnings.warn(
            f"weight_decay={params['weight_decay']!r} is not used: an optimizer that "
            "is an instance has its own, and this one has none. Set it in the "
            "instance, or set weight_decay=None.",
            UserWarning,
            stacklevel=2,
        )


def check_schedule(params, defaults):
    """Check the name and the settings of a learning rate schedule.

    Raises
    ------
    ValueError
        If they are not known, or out of range, or the rate of a schedule of Keras' was
        set beside it.
    """
    from skdl.training._schedules import check_settings

    schedule, rate = params["learning_rate_schedule"], params["learning_rate"]
    check_settings(schedule)
    if callable(schedule) and rate != defaults["learning_rate"]:
        raise ValueError(
            f"learning_rate={rate!r} has no effect beside "
            f"learning_rate_schedule={schedule!r}, which has its own: set it there."
        )
