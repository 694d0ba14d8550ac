"""Optimizers of Keras: made from names, and described for the compiled step."""

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import keras

from skdl._utils._exclusions import copy_exclusions, find_exclusions
from skdl.training._kernels import kernel_for

__all__ = [
    "Flowing",
    "OptimizerSpec",
    "make_optimizer",
    "rate_of",
    "spec_for",
]

_FLOWING = ("name", "learning_rate", "momentum")


@dataclass(frozen=True)
class OptimizerSpec:
    """The settings of an optimizer that change the graph.

    The learning rate, the momentum and the limit of the gradients are inputs of each
    step; whether there is a momentum, and which kind of limit, is part of the graph.
    """

    kind: type
    config: str
    has_momentum: bool
    excluded: str | None = None  # from weight decay: a pattern of names
    clip: str | None = None  # Keras' name

    @property
    def settings(self):
        """The constants of the optimizer, as a dict."""
        return json.loads(self.config)


class Flowing(NamedTuple):
    """Scalars that are fed into each step besides the learning rate.

    Parameters
    ----------
    momentum : float, default=0.0
        Momentum of the optimizers that have one.
    limit : float, default=0.0
        Limit of the gradients, if they are clipped.
    """

    momentum: float = 0.0
    limit: float = 0.0


def make_optimizer(
    optimizer, learning_rate, momentum, nesterov, clip=None, weight_decay=0.0
):
    """Return a new Keras optimizer for a name, or a copy of an instance.

    Parameters
    ----------
    optimizer : str or keras.optimizers.Optimizer
        Its name, or an instance to copy.
    learning_rate, momentum : float
        Initial values; only some optimizers have a momentum.
    nesterov : bool
        Whether to use Nesterov momentum.
    clip : (str, float) or None, default=None
        Kind of gradient clipping, by Keras' name, and its limit.
    weight_decay : float, default=0.0
        Decoupled decay of the kernels.
    """
    if not isinstance(optimizer, str):
        config = optimizer.get_config() | {"learning_rate": float(learning_rate)}
        return copy_exclusions(optimizer, optimizer.from_config(config))
    config = {"learning_rate": float(learning_rate), "name": optimizer}
    if optimizer in ("sgd", "rmsprop"):
        config["momentum"] = float(momentum)
    if optimizer == "sgd":
        config["nesterov"] = bool(nesterov)
    if clip is not None:
        config[clip[0]] = float(clip[1])
    if weight_decay or optimizer == "adamw":  # which has a decay of its own
        config["weight_decay"] = float(weight_decay)
    found = keras.optimizers.get({"class_name": optimizer, "config": config})
    if weight_decay:
        found.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return found


def rate_of(optimizer):
    """Return the learning rate of a Keras optimizer, its schedule and its momentum.

    Returns
    -------
    rate : float
        If there is a schedule, its first rate.
    schedule : keras.optimizers.schedules.LearningRateSchedule or None
        It computes the rate of each step.
    momentum : float
        0 for an optimizer that has none.
    """
    settings = optimizer.get_config()
    rate, schedule = settings["learning_rate"], None
    if isinstance(rate, dict):
        schedule = keras.optimizers.schedules.deserialize(rate)
        rate = schedule(0)
    return float(rate), schedule, settings.get("momentum") or 0.0


def spec_for(optimizer, momentum=0.0, nesterov=False, clip=None, *, sparse=False):
    """Return the ``OptimizerSpec`` of a name or of a Keras optimizer."""
    if not isinstance(optimizer, str):
        spec = _spec_of(optimizer)
        if not sparse and kernel_for(spec) is not None:
            return spec
        # A momentum flows into kernels alone: in Keras' optimizer it is a constant.
        momentum = optimizer.get_config().get("momentum")
        return replace(
            spec, config=_settings_text({**spec.settings, "momentum": momentum})
        )
    spec = _spec_of_name(optimizer, float(momentum > 0), bool(nesterov))
    if clip is None:
        return spec
    spec = replace(spec, clip=clip[0])
    if kernel_for(spec) is not None:
        return spec
    # A limit flows into kernels alone, too.
    return replace(spec, config=_settings_text({**spec.settings, clip[0]: clip[1]}))


@cache
def _spec_of_name(name, momentum, nesterov):
    return _spec_of(make_optimizer(name, 1.0, momentum, nesterov))


def _spec_of(optimizer):
    config = optimizer.get_config()
    settings = {key: value for key, value in config.items() if key not in _FLOWING}
    return OptimizerSpec(
        kind=type(optimizer),
        config=_settings_text(settings),
        has_momentum=bool(config.get("momentum", 0)),
        excluded=find_exclusions(optimizer),
    )


def _settings_text(settings):
    # A configuration has lists, and a key has to be hashable; numbers may be NumPy's.
    return json.dumps(settings, sort_keys=True, default=lambda number: number.item())
