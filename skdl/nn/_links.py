"""The mean of what several networks predict, as the logits of one network.

Probabilities, or numbers behind a log link, are averaged, and not their logits. The
result is given as logits, so that all that is done with the logits of one network can
be done with those of several.
"""

import numpy as np
from scipy.special import log_expit, log_softmax, logsumexp

__all__ = ["average_logits", "write_average"]


def average_logits(link, parts):
    """Return the logits of the mean of what networks predict.

    Parameters
    ----------
    link : {"exponential", "sigmoid", "softmax", None}
        What turns logits into what is averaged; None averages the logits themselves.
    parts : list of ndarray of shape (n_samples, n_logits)
        The logits of each network.

    Returns
    -------
    ndarray of shape (n_samples, n_logits)
    """
    if link == "exponential":
        return _log_mean(parts)
    if link == "softmax":
        return _log_mean([log_softmax(part, axis=1) for part in parts])
    if link == "sigmoid":
        # By logarithms: a probability that rounds to 1 still has a finite logit.
        there, missing = (
            _log_mean([log_expit(sign * part) for part in parts]) for sign in (1, -1)
        )
        return there - missing
    return np.mean(parts, axis=0)


def _log_mean(logs):
    return logsumexp(logs, axis=0) - np.log(len(logs))


_OPERATORS = {"exponential": "Exp", "sigmoid": "Sigmoid", "softmax": "Softmax"}


def write_average(graph, link, parts):
    """Write the same as operators of ONNX; return the name of the logits."""
    if link is None:
        return graph.add("Mean", *parts)
    settings = {"axis": 1} if link == "softmax" else {}
    kind = _OPERATORS[link]
    mean = graph.add("Mean", *(graph.add(kind, part, **settings) for part in parts))
    logs = graph.add("Log", mean)
    if link != "sigmoid":
        return logs
    rest = graph.add("Sub", np.float32(1), mean)
    return graph.add("Sub", logs, graph.add("Log", rest))
