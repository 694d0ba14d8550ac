"""The convolutions of a network in onnxruntime, for its predictions."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import joblib
import numpy as np

from skdl.nn._forward import split_weights
from skdl.nn._image import Flatten
from skdl.nn._inference import tail_of
from skdl.nn._onnx_graph import OPSETS, Graph
from skdl.nn._pooling import GlobalPooling

__all__ = ["OnnxSession"]

# Of opset 18: a newer one would ask for a newer onnxruntime.
_IR_VERSION = 8
# So many are computed in one thread at once: the outputs of a layer take few megabytes.
_IMAGES_PER_CHUNK = 32


class OnnxSession:
    """A network whose convolutions are computed by onnxruntime, in single precision.

    It computes an image alone, whatever the others are, and the dense layers after
    them are computed in double precision by NumPy.

    Parameters
    ----------
    structure : CNNStructure
        The network.
    weights : list of ndarray of float32
        Its weights.
    n_features : int
        Values of a row.
    """

    def __init__(self, structure, weights, n_features):
        from onnx import TensorProto, helper

        nodes = _Nodes(helper)
        graph, x = Graph(nodes, nodes), "X"
        n_layers = n_weights = 0
        for layer, values in split_weights(structure, weights):
            # In double: what a normalization folds into one factor is rounded once.
            x = layer.write_onnx(graph, x, [np.float64(value) for value in values])
            n_layers, n_weights = n_layers + 1, n_weights + len(values)
            if isinstance(layer, (Flatten, GlobalPooling)):
                break
        self._dense_weights = weights[n_weights:]
        self._tail = tail_of(structure, n_layers)
        kind = TensorProto.FLOAT
        model = helper.make_model(
            helper.make_graph(
                nodes.nodes,
                "convolutions",
                [helper.make_tensor_value_info("X", kind, [None, n_features])],
                [helper.make_tensor_value_info(x, kind, None)],
                nodes.constants,
            ),
            opset_imports=[helper.make_opsetid("", OPSETS[""])],
            ir_version=_IR_VERSION,
        )
        self._session = _open_session(model.SerializeToString())

    def infer(self, X, stride):
        """Return the logits of rows, computed for ``stride`` of them at once."""
        parts = [
            self._tail(self._dense_weights, self._run(X[start : start + stride]))
            for start in range(0, len(X), stride)
        ]
        return np.concatenate(parts)

    def _run(self, X):
        """Return the features of some images, computed in as many threads as cores."""
        starts = range(0, len(X), _IMAGES_PER_CHUNK)
        if len(starts) == 1:
            return self._run_chunk(X)
        with ThreadPoolExecutor(min(joblib.cpu_count(), len(starts))) as pool:
            chunks = [X[start : start + _IMAGES_PER_CHUNK] for start in starts]
            return np.concatenate(list(pool.map(self._run_chunk, chunks)))

    def _run_chunk(self, X):
        with np.errstate(over="ignore"):  # infinite, and then NaN, as in Keras
            X = X.astype(np.float32)
        return self._session.run(None, {"X": X})[0]


class _Nodes:
    """Collects the nodes of a graph, as a scope and a container of skl2onnx do."""

    def __init__(self, helper):
        self.nodes, self.constants = [], []
        self._helper, self._numbers = helper, count(1)

    def get_unique_variable_name(self, name):
        return f"{name}_{next(self._numbers)}"

    get_unique_operator_name = get_unique_variable_name

    def add_initializer(self, name, kind, shape, values):
        self.constants.append(self._helper.make_tensor(name, kind, shape, values))

    def add_node(self, kind, inputs, outputs, *, name, op_version, **attributes):
        node = self._helper.make_node(kind, inputs, outputs, name=name, **attributes)
        self.nodes.append(node)


def _open_session(content):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Threads of its own are missing in a forked process, which would wait for them
    # forever, also where it only drops the session. So it has none.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"]
    )
