"""What a step does with its gradients: clips them, and updates the variables."""

import numpy as np
import tensorflow as tf

from skdl.training._clipping import CLIP_FUNCTIONS
from skdl.training._kernels import kernel_for
from skdl.training._tensors import assign_all, read_all

__all__ = ["make_update"]


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
        self._kernel, self._clip = kernel, clip
        self._variables = variables
        self._slots = [
            # An open shape stays open: networks of other widths share the program.
            [tf.Variable(tf.zeros_like(v), shape=v.shape) for _ in kernel.slots]
            for v in variables
        ]
        # Of these states: a training that goes on may have new ones.
        self._n_steps = 0

    def columns(self, n_steps, flowing):
        steps = self._n_steps + np.arange(1, n_steps + 1)
        self._n_steps += n_steps
        columns = self._kernel.columns(steps, flowing.momentum)
        if self._clip is not None:
            columns = [*columns, np.full(n_steps, flowing.limit)]
        return columns

    def apply(self, gradients, rate, *scalars):
        if self._clip is not None:
            gradients = CLIP_FUNCTIONS[self._clip](gradients, scalars[-1])
            scalars = scalars[:-1]
        updated = zip(self._variables, self._slots, gradients, strict=True)
        for variable, slots, gradient in updated:
            self._kernel.update(variable, slots, gradient, rate, *scalars)

    def reset(self, shapes, states):
        if states is None:
            first = [
                np.full(shape, value, np.float32)
                for shape in shapes
                for value in self._kernel.slots
            ]
            states = [0, *first]
        n_steps, *values = states
        self._n_steps = int(n_steps)
        assign_all([slot for slots in self._slots for slot in slots], values)

    def finish(self):
        """Do nothing: no kernel averages the weights."""

    def read(self):
        slots = [slot for slots in self._slots for slot in slots]
        return [np.array(self._n_steps), *read_all(slots)]


class _KerasUpdate:
    """Updates variables by Keras' own optimizer."""

    def __init__(self, optimizer, variables):
        self._optimizer = optimizer
        # It divides the gradients by what Keras' own fit has multiplied the loss by.
        optimizer.loss_scale_factor = None
        self._variables = variables
        # The first states are kept: a program is lent to many fits, each of which
        # begins with them.
        optimizer.build(variables)
        self._first = self.read()

    def columns(self, n_steps, flowing):
        return []

    def apply(self, gradients, rate):
        self._optimizer.learning_rate.assign(rate)
        # The shapes that gradients lose in a loop: Muon looks at them as it is traced.
        for gradient, variable in zip(gradients, self._variables, strict=True):
            if isinstance(gradient, tf.Tensor):
                gradient.set_shape(variable.shape)
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
