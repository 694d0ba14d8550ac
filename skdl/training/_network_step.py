"""How a program trains a network of ours on one batch."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skdl.nn._augmenters import augment, make_augmenters, reset_augmenters
from skdl.nn._dropout import dropout_in_graph
from skdl.nn._forward import forward
from skdl.nn._heads import find_head
from skdl.nn._layer import Mode, is_kernel, is_trained
from skdl.nn._structure import MLPStructure
from skdl.training._optimizers import OptimizerSpec
from skdl.training._sparse import SPARSE_SPEC
from skdl.training._tensors import assign_all, read_all
from skdl.training._update import make_update

__all__ = ["NetworkSpec", "NetworkStep"]


@dataclass(frozen=True)
class NetworkSpec:
    """What a program for a network of ours is compiled for.

    Parameters
    ----------
    structure : MLPStructure
        The network.
    optimizer : OptimizerSpec
        The optimizer.
    dropout : tuple of int
        The sites that have dropout: 0 is the input, k the k-th hidden layer.
    penalties : tuple of bool
        Whether there is an L1 and an L2 penalty.
    weighted : bool
        Whether rows have weights.
    shapes : tuple or None
        Shapes of the weights, for an optimizer that has no kernel: Keras makes its
        states for fixed shapes. None leaves all shapes open.
    sparse : bool
        Whether the rows are sparse.
    decayed : bool
        Whether kernels decay beside the optimizer.
    averaged : bool
        Whether the weights are averaged over the steps.
    own_loss : (callable or str, int) or ()
        A loss of the user's own, and how many logits there are.
    """

    structure: MLPStructure
    optimizer: OptimizerSpec
    dropout: tuple[int, ...]
    penalties: tuple[bool, bool]
    weighted: bool
    shapes: tuple | None = None
    sparse: bool = False
    decayed: bool = False
    averaged: bool = False
    own_loss: tuple[Any, int] | tuple[()] = ()


class NetworkStep:
    """Trains a network of ours on one batch.

    Parameters
    ----------
    spec : NetworkSpec
        What to trace.
    make_optimizer : callable
        Returns a new Keras optimizer, for the case that no kernel does its work.
    """

    # Sums of losses, of metrics, and of weights where rows are scored.
    results = tf.TensorSpec([3], tf.float32)
    ends_epochs = False
    multiply_adds_per_row = 0

    def __init__(self, spec, make_optimizer):
        self.spec = spec
        self._head = find_head(spec.structure.head, *spec.own_loss)
        names = spec.structure.weights
        # Open shapes let networks of all widths share the program. Keras' optimizers
        # make states of the shape of their variables, so with them the shapes are
        # fixed.
        if spec.shapes is None:
            self._weights = trained = [_open_variable(name) for name in names]
        else:
            trained = [_keras_variable(*pair) for pair in zip(names, spec.shapes)]
            self._weights = [variable.value for variable in trained]
        self.update = make_update(
            spec.optimizer, make_optimizer, self._trained_of(trained)
        )
        # Those of the moving statistics of a normalization, too.
        averaged = self._weights if spec.averaged else []
        self._averages = [_variable_like(variable) for variable in averaged]
        augmentation = getattr(spec.structure, "augmentation", "[]")
        self._augmenters = make_augmenters(augmentation)

    def load(self, weights, states=None, *, multiply_adds_per_row, seed):
        """Set the weights, the states of the optimizer, and the augmentation seed.

        Parameters
        ----------
        weights : list of ndarray
            Weights of the network.
        states : list of ndarray or None
            From ``read_states``; None for the initial ones.
        multiply_adds_per_row : int
            Multiply-adds of the forward pass of one row.
        seed : np.random.SeedSequence
            Seed of the augmentation.
        """
        self.write(weights)
        if self._averages and states is not None:
            # The weights are averages: those that are trained follow the states.
            assign_all(self._weights, states[-len(weights) :])
            states = states[: -len(weights)]
        shapes = [weight.shape for weight in self._trained_of(weights)]
        self.update.reset(shapes, states)
        self.multiply_adds_per_row = multiply_adds_per_row
        seeds = seed.generate_state(len(self._augmenters))
        reset_augmenters(self._augmenters, seeds)

    def write(self, weights):
        """Set the weights that are not None; the states of the optimizer stay."""
        assign_all(self._weights, weights)
        if self._averages:
            assign_all(self._averages, weights)

    def read(self):
        """Return the weights, or their averages, as a list of arrays."""
        return read_all(self._averages or self._weights)

    def read_states(self):
        """Return what resumed training needs beside the weights, as arrays."""
        trained = read_all(self._weights) if self._averages else []
        return [*self.update.read(), *trained]

    def signature(self):
        """Return the specs of the data, of the constants and of a step's columns."""
        floats, integers = tf.TensorSpec([None]), tf.TensorSpec([None], tf.int32)
        y = integers
        if not self._head.takes_codes:
            y = tf.TensorSpec([None, None])
        x = SPARSE_SPEC if self.spec.sparse else tf.TensorSpec([None, None])
        data = (x, y, floats) if self.spec.weighted else (x, y)
        words, key = tf.TensorSpec([1], tf.int32), tf.TensorSpec([1], tf.uint64)
        masks = (
            tf.TensorSpec([None, None, 2], tf.uint64),
            tf.TensorSpec([None, None, None], tf.uint8),
        )
        constants = (floats, integers, words, key), tf.TensorSpec([3]), floats
        columns = masks if self.spec.dropout else ()
        if self.spec.averaged:
            columns = (*columns, tf.TensorSpec([None, None]))
        return data, constants, columns

    def train_batch(self, batch, size, constants, row):
        """Train on one batch; return the sums of losses and metrics."""
        dropout, penalties, settings = constants
        drop = None
        if self.spec.dropout:
            counter, thresholds, *row = row
            drop = dropout_in_graph(
                self.spec.dropout, size, dropout, counter, thresholds
            )
        if self._averages:
            momentum, *row = row
        inverse, rate, *scalars = row
        x, y, *weight = batch
        if self._augmenters:
            x = augment(self._augmenters, x, self.spec.structure.image_shape)
        weights = [variable.read_value() for variable in self._weights]
        trained = self._trained_of(weights)
        # The tape ends at the logits. The gradient of the loss with respect to them is
        # a formula of the head, which saves the backward pass through the softmax.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(trained)
            mode = Mode(drop, self._mover(weights))
            logits = forward(self.spec.structure, weights, x, mode)
        losses, metrics, gradient = self._head.score(logits, y, settings)
        if weight:
            losses, metrics = losses * weight[0], metrics * weight[0]
            # Weights have the mean 1 over all rows, not over each batch: a batch of
            # heavy rows makes a larger step, as the repeated rows would that it stands
            # for.
            gradient = gradient * tf.expand_dims(weight[0] * inverse, 1)
        else:
            gradient = gradient * inverse
        gradients = tape.gradient(logits, trained, output_gradients=gradient)
        if any(self.spec.penalties):
            gradients = self._add_penalties(gradients, trained, penalties)
        if self.spec.decayed:
            self._decay(weights, rate * penalties[2])
        self.update.apply(gradients, rate, *scalars)
        if self._averages:
            self._average(momentum)
        return tf.stack([tf.reduce_sum(losses), tf.reduce_sum(metrics), 0.0])

    def score_chunk(self, part, constants):
        """Return the sums of losses, metrics and weights of some rows."""
        x, y, weight = part
        settings = constants[-1]
        read = self._averages or self._weights
        weights = [variable.read_value() for variable in read]
        logits = forward(self.spec.structure, weights, x)
        losses, metrics, _ = self._head.score(logits, y, settings)
        return tf.stack(
            [tf.reduce_sum(term * weight) for term in (losses, metrics, 1.0)]
        )

    def _mover(self, weights):
        """Return a function that adds to a weight that is not trained."""
        pairs = zip(weights, self._weights, strict=True)
        # By reference: a tensor has no hash, since == compares its values.
        variables = {weight.ref(): variable for weight, variable in pairs}
        return lambda weight, change: variables[weight.ref()].assign_add(change)

    def _add_penalties(self, gradients, trained, penalties):
        # The gradient of l1 |w| + l2 w^2, Keras' penalties; the loss is without.
        l1, l2, _ = tf.unstack(penalties, 3)
        names = self._trained_of(self.spec.structure.weights)
        added = []
        for gradient, weight, name in zip(gradients, trained, names, strict=True):
            if is_kernel(name) and self.spec.penalties[0]:
                gradient += l1 * tf.sign(weight)
            if is_kernel(name) and self.spec.penalties[1]:
                gradient += 2 * l2 * weight
            added.append(gradient)
        return added

    def _decay(self, weights, share):
        # Before the update, as Keras does it (Loshchilov & Hutter, 2019).
        names = self.spec.structure.weights
        for variable, value, name in zip(self._weights, weights, names, strict=True):
            if is_kernel(name):
                variable.assign(value - value * share)

    def _average(self, momentum):
        for average, variable in zip(self._averages, self._weights, strict=True):
            kept, value = average.read_value(), variable.read_value()
            average.assign(value + momentum * (kept - value))

    def _trained_of(self, values):
        """Return the values of the trained weights, from one value for each weight."""
        names = self.spec.structure.weights
        return [value for value, name in zip(values, names) if is_trained(name)]


def _open_variable(name):
    shape = [None] * {"conv_kernel": 4, "kernel": 2}.get(name, 1)
    return tf.Variable(tf.zeros([0] * len(shape)), shape=tf.TensorShape(shape))


def _variable_like(variable):
    return tf.Variable(tf.zeros_like(variable), shape=variable.shape)


def _keras_variable(name, shape):
    return keras.Variable(np.zeros(shape, np.float32), name=name)
