"""A layer whose outputs increase: quantiles that never cross."""

from dataclasses import dataclass

import numpy as np

from skdl.nn._layer import Layer

__all__ = ["Increasing"]


@dataclass(frozen=True)
class Increasing(Layer):
    """Turns the values of each group into increasing ones.

    The value in the middle stays as it is; from there on each one adds the softplus of
    its input, upwards, or subtracts it, downwards. So the quantiles of a target are in
    order by construction, whatever the weights are.

    Parameters
    ----------
    name : str
        Name of the Keras layer.
    size : int
        Values in a group: the quantiles of one target.
    """

    size: int

    def apply(self, x, values, mode):
        from skdl.nn._backend import tf

        # (m, groups * size) -> (m * groups, size)
        groups = tf.reshape(x, [-1, self.size])
        found = self._increase(groups, tf.nn.softplus, tf.cumsum, tf.concat)
        return tf.reshape(found, tf.shape(x))

    def infer(self, x, values):
        groups = x.reshape(-1, self.size)
        found = self._increase(groups, _softplus, np.cumsum, np.concatenate)
        return found.reshape(x.shape)

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        ops, n_values = keras.ops, x.shape[-1]
        groups = ops.reshape(x, (-1, self.size))
        found = self._increase(groups, ops.softplus, ops.cumsum, ops.concatenate)
        return ops.reshape(found, (-1, n_values))

    def _increase(self, x, softplus, cumsum, concatenate):
        """Compute the outputs of groups, one in each row, by a library's functions."""
        middle = self.size // 2
        center = x[:, middle : middle + 1]
        # Downwards the steps are added up from the middle on: in reversed order.
        below = cumsum(softplus(x[:, :middle])[:, ::-1], axis=1)[:, ::-1]
        above = cumsum(softplus(x[:, middle + 1 :]), axis=1)
        return concatenate([center - below, center, center + above], axis=1)

    def write_onnx(self, graph, x, values):
        middle, shape = self.size // 2, graph.add("Shape", x)
        groups = graph.add("Reshape", x, np.array([-1, self.size]))

        def cut(start, end):
            bounds = (np.array([position]) for position in (start, end, 1))
            return graph.add("Slice", groups, *bounds)

        def steps(start, end, **order):
            return graph.add(
                "CumSum", graph.add("Softplus", cut(start, end)), one, **order
            )

        one = np.array(1)
        center = cut(middle, middle + 1)
        parts = [graph.add("Sub", center, steps(0, middle, reverse=1)), center]
        if middle + 1 < self.size:  # the middle of two is the upper one
            parts.append(graph.add("Add", center, steps(middle + 1, self.size)))
        return graph.add("Reshape", graph.add("Concat", *parts, axis=1), shape)


def _softplus(x):
    return np.logaddexp(0, x)
