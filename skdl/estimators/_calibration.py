"""What is learned from the rows that a fit has held back: a temperature."""

import numpy as np
from scipy.optimize import minimize_scalar

from skdl.nn._links import average_logits

__all__ = ["HeldBack", "find_temperature", "scaled_output"]

# The logarithm of the temperature has a prior of this deviation around 0. Without it,
# few rows held back from a small table can raise the loss of new ones by half.
_DEVIATION = 0.1
_LARGEST = 3.0


class HeldBack:
    """The rows that a fit has held back, and what its networks say of them.

    Parameters
    ----------
    network : BaseNetwork
        Fitted.
    job : Job
        What it was fitted by.

    Attributes
    ----------
    part : Part
        The rows: the validation part, or those of all folds one after the other, each
        fold once.
    logits : list of ndarray
        Of each network for its validation part.
    """

    def __init__(self, network, job):
        members = network._members
        self.parts = [part for _, part in job.folds] or [job.validation] * len(members)
        # Without folds, or with fewer of them than networks, some held back the same.
        same: dict[int, list[int]] = {}
        for k, part in enumerate(self.parts):
            same.setdefault(id(part), []).append(k)
        self._same = [*same.values()]
        distinct = [self.parts[some[0]] for some in self._same]
        self.part = distinct[0] if len(distinct) == 1 else _join_parts(distinct)
        self.logits = [
            member._logits_of(part.X if part.rows is None else part.X[part.rows])
            for member, part in zip(members, self.parts, strict=True)
        ]

    def whole(self, link, temperature=1.0):
        """Return the logits for the rows, divided by a temperature.

        Those of networks that were validated on the same rows are averaged: of folds,
        each row has those of the networks that were not trained on it.
        """
        logits = [each / temperature for each in self.logits]
        return np.vstack(
            [average_logits(link, [logits[k] for k in some]) for some in self._same]
        )


def _join_parts(parts):
    first = parts[0]
    has_weights = first.weight is not None
    return first._replace(
        rows=np.concatenate([part.rows for part in parts]),
        y=np.concatenate([part.y for part in parts]),
        weight=np.concatenate([part.weight for part in parts]) if has_weights else None,
        given=np.concatenate([part.given for part in parts]),
    )


def find_temperature(losses, n_rows):
    """Return the temperature of the least loss on the rows held back.

    Parameters
    ----------
    losses : callable
        It takes the temperature that logits are divided by, and returns the loss of
        each row.
    n_rows : int
        How many rows there are.

    Returns
    -------
    float

    References
    ----------
    Guo et al., "On calibration of modern neural networks", ICML (2017).
    """

    def penalized(logarithm):
        prior = (logarithm / _DEVIATION) ** 2 / 2
        return losses(np.exp(logarithm)) + prior / n_rows

    found = minimize_scalar(penalized, bounds=(-_LARGEST, _LARGEST), method="bounded")
    return float(np.exp(found.x))


def scaled_output(weights, temperature):
    """Return the weights of a network whose logits are divided by a temperature."""
    # The last two are the kernel and the bias of the output.
    last = [np.float32(weight / temperature) for weight in weights[-2:]]
    return [*weights[:-2], *last]
