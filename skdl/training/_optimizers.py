"""Optimizers: Keras' own, run by TensorFlow's fused kernels where one exists.

The cost of a small step is its number of operations. The kernels do the whole
update of one variable in a single operation, and their formulas are those of
Keras (the tests compare both over many steps).
"""

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from skdl._utils._exclusions import copy_exclusions, find_exclusions
from skdl.training._tensors import assign_all, read_all

__all__ = [
    "Flowing",
    "OptimizerSpec",
    "kernel_for",
    "make_optimizer",
    "make_update",
    "rate_of",
    "spec_for",
]

_PLAIN_SETTINGS = {
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
    "amsgrad": False,
    "centered": False,
}
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
    clip: str | None = None  # a name in _CLIPS

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


def make_optimizer(optimizer, learning_rate, momentum, nesterov, clip=None):
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
    return keras.optimizers.get({"class_name": optimizer, "config": config})


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


def spec_for(optimizer, momentum=0.0, nesterov=False, clip=None):
    """Return the ``OptimizerSpec`` of a name or of a Keras optimizer."""
    if not isinstance(optimizer, str):
        return _spec_of(optimizer)
    spec = _spec_of_name(optimizer, float(momentum > 0), bool(nesterov))
    return spec if clip is None else replace(spec, clip=clip[0])


@cache
def _spec_of_name(name, momentum, nesterov):
    return _spec_of(make_optimizer(name, 1.0, momentum, nesterov))


def _spec_of(optimizer):
    # As text: a configuration has lists, and a key has to be hashable.
    config = optimizer.get_config()
    settings = {key: value for key, value in config.items() if key not in _FLOWING}
    return OptimizerSpec(
        kind=type(optimizer),
        config=json.dumps(settings, sort_keys=True),
        has_momentum=bool(config.get("momentum", 0)),
        excluded=find_exclusions(optimizer),
    )


def kernel_for(spec):
    """Return the kernel that implements ``spec``, or None if there is none."""
    settings = spec.settings
    if any(settings.get(key, plain) != plain for key, plain in _PLAIN_SETTINGS.items()):
        return None
    if spec.excluded is not None:
        return None  # a kernel does not know names
    kernel = _KERNELS.get(spec.kind)
    return kernel(spec) if kernel else None


def make_update(spec, make_optimizer, variables, *, sparse=False):
    """Return an updater of ``variables``: a kernel, or else Keras' optimizer.

    Parameters
    ----------
    spec : OptimizerSpec
        The optimizer.
    make_optimizer : callable
        Returns a new Keras optimizer, for the case that no kernel does its work.
    variables : list of tf.Variable or keras.Variable
        What it updates: Keras' variables for Keras' optimizer.
    sparse : bool, default=False
        Whether gradients may be slices, which only Keras' optimizer takes as they are.
    """
    kernel = None if sparse else kernel_for(spec)
    if kernel is None:
        return _KerasUpdate(make_optimizer(), variables)
    return _KernelUpdate(kernel, variables, spec.clip)


class _KernelUpdate:
    """Updates variables by one fused operation each."""

    def __init__(self, kernel, variables, clip):
        self._kernel = kernel
        self._variables = variables
        self._clip = clip
        self._slots = [
            [tf.Variable(tf.zeros_like(v), shape=v.shape) for _ in kernel.slots]
            for v in variables
        ]

    def columns(self, steps, flowing):
        columns = self._kernel.columns(steps, flowing.momentum)
        if self._clip is not None:
            columns = [*columns, np.full(len(steps), flowing.limit)]
        return columns

    def apply(self, gradients, rate, *scalars):
        if self._clip is not None:
            gradients = _CLIPS[self._clip](gradients, scalars[-1])
            scalars = scalars[:-1]
        for variable, slots, gradient in zip(
            self._variables, self._slots, gradients, strict=True
        ):
            self._kernel.update(variable, slots, gradient, rate, *scalars)

    def reset(self, shapes, states):
        if states is None:
            states = [
                np.full(shape, value, np.float32)
                for shape in shapes
                for value in self._kernel.slots
            ]
        assign_all([slot for slots in self._slots for slot in slots], states)

    def finish(self):
        """Do nothing: no kernel averages the weights."""

    def read(self):
        return read_all([slot for slots in self._slots for slot in slots])


class _KerasUpdate:
    """Updates variables by Keras' own optimizer."""

    def __init__(self, optimizer, variables):
        self._optimizer = optimizer
        self._variables = variables
        # The first states are kept: a program is lent to many fits, each of which
        # begins with them.
        optimizer.build(variables)
        self._first = self.read()

    def columns(self, steps, flowing):
        return []

    def apply(self, gradients, rate):
        self._optimizer.learning_rate.assign(rate)
        self._optimizer.apply(gradients, self._variables)

    def reset(self, shapes, states):
        states = self._first if states is None else states
        for variable, value in zip(self._optimizer.variables, states, strict=True):
            variable.assign(value)

    def finish(self):
        """Put the moving averages into the weights, where the optimizer keeps some."""
        self._optimizer.finalize_variable_values(self._variables)

    def read(self):
        return [variable.numpy() for variable in self._optimizer.variables]


def _clip_norms(gradients, limit):
    """Scale down each gradient whose norm exceeds the limit."""
    return [gradient * _shortening([gradient], limit) for gradient in gradients]


def _clip_global_norm(gradients, limit):
    """Scale down all gradients alike if their global norm exceeds the limit."""
    factor = _shortening(gradients, limit)
    return [gradient * factor for gradient in gradients]


def _shortening(gradients, limit):
    squares = tf.add_n([tf.reduce_sum(tf.square(one)) for one in gradients])
    return limit / tf.maximum(tf.sqrt(squares), limit)


def _clip_values(gradients, limit):
    """Clip each value to the limits."""
    return [tf.clip_by_value(gradient, -limit, limit) for gradient in gradients]


# By Keras' names.
_CLIPS = {
    "clipnorm": _clip_norms,
    "clipvalue": _clip_values,
    "global_clipnorm": _clip_global_norm,
}


class _Kernel:
    """One fused update.

    ``slots`` holds the first value of each state that a variable needs, and
    ``columns`` the scalars of each step that follow the learning rate.
    """

    slots: tuple[float, ...] = ()

    def __init__(self, spec):
        self.settings = spec.settings
        self.has_momentum = spec.has_momentum
        self.weight_decay = self.settings.get("weight_decay")

    def columns(self, steps, momentum):
        """Return the columns of scalars for the given steps, counted from 1."""
        return []

    def update(self, variable, slots, gradient, rate, *scalars):
        """Apply one gradient to one variable."""
        # Decoupled and before the update, as Keras does it (Loshchilov & Hutter, 2019).
        if self.weight_decay:
            decay = rate * self.weight_decay
            variable.assign_sub(variable.read_value() * decay)
        handles = [slot.handle for slot in slots]
        self.apply(variable.handle, handles, gradient, rate, *scalars)

    def apply(self, var, slots, grad, lr, *scalars):
        """Do the update by handles of resources."""
        raise NotImplementedError

    def _powers(self, steps, *names):
        return [np.power(self.settings[name], steps) for name in names]

    def _constants(self, *names):
        return {name.replace("_", ""): self.settings[name] for name in names}


class _SGD(_Kernel):
    def __init__(self, spec):
        super().__init__(spec)
        self.slots = (0.0,) if spec.has_momentum else ()

    def columns(self, steps, momentum):
        return [np.full(len(steps), momentum)] if self.has_momentum else []

    def apply(self, var, slots, grad, lr, *momentum):
        if not momentum:
            tf.raw_ops.ResourceApplyGradientDescent(var=var, alpha=lr, delta=grad)
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=var,
            accum=slots[0],
            lr=lr,
            grad=grad,
            momentum=momentum[0],
            use_nesterov=self.settings["nesterov"],
        )


class _RMSprop(_Kernel):
    slots = (0.0, 0.0)

    def columns(self, steps, momentum):
        return [np.full(len(steps), momentum)]

    def apply(self, var, slots, grad, lr, momentum):
        tf.raw_ops.ResourceApplyRMSProp(
            var=var,
            ms=slots[0],
            mom=slots[1],
            lr=lr,
            momentum=momentum,
            grad=grad,
            **self._constants("rho", "epsilon"),
        )


class _Adam(_Kernel):
    slots = (0.0, 0.0)

    def columns(self, steps, momentum):
        return self._powers(steps, "beta_1", "beta_2")

    def apply(self, var, slots, grad, lr, beta1_power, beta2_power):
        tf.raw_ops.ResourceApplyAdam(
            var=var,
            m=slots[0],
            v=slots[1],
            beta1_power=beta1_power,
            beta2_power=beta2_power,
            lr=lr,
            grad=grad,
            **self._constants("beta_1", "beta_2", "epsilon"),
        )


class _Adamax(_Kernel):
    slots = (0.0, 0.0)

    def columns(self, steps, momentum):
        return self._powers(steps, "beta_1")

    def apply(self, var, slots, grad, lr, beta1_power):
        tf.raw_ops.ResourceApplyAdaMax(
            var=var,
            m=slots[0],
            v=slots[1],
            beta1_power=beta1_power,
            lr=lr,
            grad=grad,
            **self._constants("beta_1", "beta_2", "epsilon"),
        )


class _Adagrad(_Kernel):
    def __init__(self, spec):
        super().__init__(spec)
        # Keras divides by sqrt(accumulator + epsilon), the kernel by
        # sqrt(accumulator): the epsilon goes into the first value.
        start = self.settings["initial_accumulator_value"] + self.settings["epsilon"]
        self.slots = (start,)

    def apply(self, var, slots, grad, lr):
        tf.raw_ops.ResourceApplyAdagrad(var=var, accum=slots[0], lr=lr, grad=grad)


class _Adadelta(_Kernel):
    slots = (0.0, 0.0)

    def apply(self, var, slots, grad, lr):
        tf.raw_ops.ResourceApplyAdadelta(
            var=var,
            accum=slots[0],
            accum_update=slots[1],
            lr=lr,
            grad=grad,
            **self._constants("rho", "epsilon"),
        )


_KERNELS = {
    keras.optimizers.SGD: _SGD,
    keras.optimizers.RMSprop: _RMSprop,
    keras.optimizers.Adam: _Adam,
    keras.optimizers.AdamW: _Adam,
    keras.optimizers.Adamax: _Adamax,
    keras.optimizers.Adagrad: _Adagrad,
    keras.optimizers.Adadelta: _Adadelta,
}
