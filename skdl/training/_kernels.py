"""TensorFlow's fused kernels: the whole update of a variable in one operation.

The cost of a small step is its number of operations. The formulas of the kernels are
those of Keras (the tests compare both over many steps).
"""

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


def kernel_for(spec):
    """Return the kernel that implements ``spec``, or None if there is none."""
    settings = spec.settings
    if any(settings.get(key, plain) != plain for key, plain in _PLAIN_SETTINGS.items()):
        return None
    if spec.excluded is not None:
        return None  # kernels can't exclude variables by name
    kernel = _KERNELS.get(spec.kind)
    return kernel(spec) if kernel else None


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
        # v = momentum v - rate g, as in Keras. ResourceApplyMomentum has the rate
        # outside of v, which differs where a schedule changes it.
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
