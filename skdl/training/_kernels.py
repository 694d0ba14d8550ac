"""TensorFlow's fused kernels: the whole update of a variable in one operation.

The cost of a small step is its number of operations. The formulas of the kernels are
those of Keras (the tests compare both over many steps).
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

__all__ = ["kernel_for"]

# Settings that no kernel supports, with the values that turn them off.
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


class _Operation(NamedTuple):
    """An operation of TensorFlow, by the names of its arguments.

    Parameters
    ----------
    apply : callable
        Takes ``var``, ``lr``, ``grad`` and what follows.
    slots : tuple of str
        Arguments that are states of the variable.
    constants : dict of str
        Arguments that are settings, and the names of these.
    powers : dict of str
        Arguments that are a setting to the power of the step's number.
    has_momentum : bool
        Whether the momentum flows in, in the place of powers.
    """

    apply: Callable
    slots: tuple[str, ...] = ()
    constants: dict[str, str] = {}
    powers: dict[str, str] = {}
    has_momentum: bool = False


def _descend(var, lr, grad):
    tf.raw_ops.ResourceApplyGradientDescent(var=var, alpha=lr, delta=grad)


_BETAS = {"beta1": "beta_1", "beta2": "beta_2", "epsilon": "epsilon"}
_RHO = {"rho": "rho", "epsilon": "epsilon"}
_ADAM = _Operation(
    tf.raw_ops.ResourceApplyAdam,
    ("m", "v"),
    _BETAS,
    {"beta1_power": "beta_1", "beta2_power": "beta_2"},
)
_OPERATIONS = {
    # v = momentum v - rate g, as in Keras. ResourceApplyMomentum has the rate outside
    # of v, which differs where a schedule changes it.
    keras.optimizers.SGD: _Operation(
        tf.raw_ops.ResourceApplyKerasMomentum,
        ("accum",),
        {"use_nesterov": "nesterov"},
        has_momentum=True,
    ),
    keras.optimizers.RMSprop: _Operation(
        tf.raw_ops.ResourceApplyRMSProp, ("ms", "mom"), _RHO, has_momentum=True
    ),
    keras.optimizers.Adam: _ADAM,
    keras.optimizers.AdamW: _ADAM,
    keras.optimizers.Adamax: _Operation(
        tf.raw_ops.ResourceApplyAdaMax, ("m", "v"), _BETAS, {"beta1_power": "beta_1"}
    ),
    keras.optimizers.Adagrad: _Operation(tf.raw_ops.ResourceApplyAdagrad, ("accum",)),
    keras.optimizers.Adadelta: _Operation(
        tf.raw_ops.ResourceApplyAdadelta, ("accum", "accum_update"), _RHO
    ),
}


def kernel_for(spec):
    """Return the kernel that implements ``spec``, or None if there is none."""
    settings = spec.settings
    if any(settings.get(key, plain) != plain for key, plain in _PLAIN_SETTINGS.items()):
        return None
    if spec.excluded is not None:
        return None  # kernels can't exclude variables by name
    operation = _OPERATIONS.get(spec.kind)
    if operation is None:
        return None
    if spec.kind is keras.optimizers.SGD and not spec.has_momentum:
        operation = _Operation(_descend)
    return _Kernel(operation, settings)


class _Kernel:
    """One fused update.

    Parameters
    ----------
    operation : _Operation
        What is done.
    settings : dict
        Those of the optimizer.

    Attributes
    ----------
    slots : list of float
        The first value of each state that a variable needs.
    """

    def __init__(self, operation, settings):
        self._operation, self._settings = operation, settings
        # Keras divides by sqrt(accumulator + epsilon), the kernel by
        # sqrt(accumulator): the epsilon goes into the first value.
        first = settings.get("initial_accumulator_value")
        first = 0.0 if first is None else first + settings["epsilon"]
        self.slots = [first] * len(operation.slots)

    def columns(self, steps, momentum):
        """Return the columns of scalars for the given steps, counted from 1."""
        if self._operation.has_momentum:
            return [np.full(len(steps), momentum)]
        powers = self._operation.powers.values()
        return [np.power(self._settings[name], steps) for name in powers]

    def update(self, variable, slots, gradient, rate, *scalars):
        """Apply one gradient to one variable."""
        # Decoupled and before the update, as Keras does it (Loshchilov & Hutter, 2019).
        if self._settings["weight_decay"]:
            decay = rate * self._settings["weight_decay"]
            variable.assign_sub(variable.read_value() * decay)
        kind = self._operation
        names = *kind.slots, *(["momentum"] if kind.has_momentum else kind.powers)
        flowing = *(slot.handle for slot in slots), *scalars
        kind.apply(
            var=variable.handle,
            lr=rate,
            grad=gradient,
            **dict(zip(names, flowing, strict=True)),
            **{name: self._settings[key] for name, key in kind.constants.items()},
        )
