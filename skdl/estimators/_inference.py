"""Predictions of a fitted network: which library computes them."""

from functools import cache
from importlib.util import find_spec
from weakref import WeakKeyDictionary

from skdl.nn._inference import DOUBLE_PRECISION_MULTIPLY_ADDS, infer_network
from skdl.nn._onnx_session import OnnxSession

__all__ = ["infer_logits"]

# The weights of networks, and the sessions that were made for them.
_sessions: WeakKeyDictionary = WeakKeyDictionary()


def infer_logits(fitted, X):
    """Return the logits of a fitted network for checked rows.

    Dense layers are computed by NumPy. Convolutions are computed by onnxruntime if that
    is installed: it takes the least time for one image and for many. Else NumPy
    computes those of up to a million multiply-adds, and TensorFlow, if it is installed,
    the larger ones.

    Parameters
    ----------
    fitted : BaseNetwork
        The network.
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        The rows.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_outputs)
        The logits.
    """
    structure, weights = fitted._network, fitted._weights
    if not structure.n_blocks:
        return infer_network(structure, weights, X)
    plan = fitted._plan()
    if _are_installed("onnx", "onnxruntime"):
        # Not an attribute of the network: a prediction must not change it.
        learned, session = _sessions.get(fitted, (None, None))
        if session is None or learned is not weights:
            session = OnnxSession(structure, weights, X.shape[1])
            _sessions[fitted] = weights, session
        return session.infer(X, plan.rows_at_once)
    is_small = plan.multiply_adds <= DOUBLE_PRECISION_MULTIPLY_ADDS
    if not is_small and _are_installed("tensorflow", "keras"):
        from skdl.training._inference import infer_by_tensorflow

        return infer_by_tensorflow(structure, weights, X, plan.rows_at_once)
    return infer_network(structure, weights, X, plan.widest)


@cache
def _are_installed(*names):
    try:
        return all(find_spec(name) for name in names)
    except ImportError:  # what keeps a package away may say so in this way
        return False
