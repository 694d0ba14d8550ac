"""Averages of the weights over the steps of a training."""

from skdl.training._tensors import assign_all, read_all

__all__ = ["WeightAverages"]


class WeightAverages:
    """The averages of variables, which a program updates after each step.

    Parameters
    ----------
    variables : list of tf.Variable
        The weights; the moving statistics of a normalization are averaged, too.
    make_variable : callable
        Returns a variable of any shape like one of these.
    """

    def __init__(self, variables, make_variable):
        self._variables = variables
        self.variables = [make_variable(variable) for variable in variables]

    def update(self, momentum):
        """Move the averages, in a graph."""
        for average, variable in zip(self.variables, self._variables, strict=True):
            kept, value = average.read_value(), variable.read_value()
            average.assign(value + momentum * (kept - value))

    def write(self, values):
        """Set the averages."""
        assign_all(self.variables, values)

    def read(self):
        """Return the averages as a list of arrays."""
        return read_all(self.variables)
