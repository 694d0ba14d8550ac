"""``skdl.export_onnx``: a pipeline as one ONNX graph."""

from pathlib import Path

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skdl._mlp import MLPClassifier, MLPRegressor
from skdl.networks import BATCH_NORM

__all__ = ["export_onnx"]

# The operators of opset 18 are known to every runtime since 2023.
_OPSETS = {"": 18, "ai.onnx.ml": 3}


def export_onnx(estimator, path):
    """Write a fitted network, or a pipeline that ends in one, as one ONNX graph.

    The graph takes ``X``, a tensor of single floats of shape (n_samples, n_features).
    That of a classifier gives ``label`` and ``probabilities``, that of a regressor
    ``prediction``: what ``predict`` and ``predict_proba`` return, to 1e-5 where single
    floats tell the features apart that well.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or Pipeline
        Fitted. The steps before the network are transformers of numbers that skl2onnx
        knows: scalers, imputers, PCA, polynomial features and many more.
    path : str or path
        Where.

    Raises
    ------
    ValueError
        If a step can't be exported: its name is in the message. Nothing is written.
    ImportError
        If the extra ``skdl[onnx]`` is not installed.

    See Also
    --------
    save : To keep an estimator for scikit-learn.

    Examples
    --------
    >>> import tempfile
    >>> import onnxruntime
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import skdl
    >>> X, y = load_iris(return_X_y=True)
    >>> network = skdl.MLPClassifier(epochs=2, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), network).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skdl.export_onnx(pipeline, f"{folder}/iris.onnx")
    ...     session = onnxruntime.InferenceSession(f"{folder}/iris.onnx")
    >>> labels, probabilities = session.run(None, {"X": X.astype("float32")})
    >>> bool((labels == pipeline.predict(X)).all())
    True
    """
    check_is_fitted(estimator)
    steps = _flatten("estimator", estimator)
    for name, step in steps[:-1]:
        _convert(step, f"step {name!r}")
    name, network = steps[-1]
    if not isinstance(network, (MLPClassifier, MLPRegressor)):
        raise ValueError(
            f"export_onnx: step {name!r} is a {type(network).__name__}, and the last "
            "one must be an MLPClassifier or MLPRegressor. A Keras model has "
            "model_.export(path, format='onnx')."
        )
    # Numbered, since skl2onnx knows no "passthrough" and wants names without "__".
    whole = Pipeline([(f"step{k}", step) for k, (_, step) in enumerate(steps)])
    content = _convert(whole, "the pipeline").SerializeToString()
    Path(path).write_bytes(content)


def _flatten(name, estimator):
    """Return the steps of nested pipelines, one after the other, with their names."""
    if not isinstance(estimator, Pipeline):
        return [(name, estimator)]
    steps = [(n, step) for n, step in estimator.steps if hasattr(step, "fit")]
    return [found for step in steps for found in _flatten(*step)]


def _convert(estimator, what):
    """Return the ONNX model of a fitted estimator."""
    try:
        import skl2onnx
        from skl2onnx.common.data_types import FloatTensorType
    except ImportError as error:
        raise ImportError(
            "export_onnx needs skl2onnx: pip install skdl[onnx]"
        ) from error
    _register(skl2onnx)
    steps = [step for _, step in _flatten("", estimator)]
    kind, last = [("X", FloatTensorType([None, steps[0].n_features_in_]))], steps[-1]
    options = {id(last): {"zipmap": False}} if is_classifier(last) else None
    try:
        return skl2onnx.convert_sklearn(
            estimator, initial_types=kind, options=options, target_opset=_OPSETS
        )
    except Exception as error:  # skl2onnx raises what its parts raise
        raise ValueError(
            f"export_onnx: {what} ({type(estimator).__name__}) can't be exported: "
            f"{error}"
        ) from error


def _register(skl2onnx):
    """Tell skl2onnx how our networks are written."""
    for kind, options in ((MLPClassifier, {"zipmap": [False]}), (MLPRegressor, None)):
        skl2onnx.update_registered_converter(
            kind,
            f"Skdl{kind.__name__}",
            _declare_outputs,
            _write_network,
            options=options,
            parser=_name_outputs,
            overwrite=True,
        )


def _name_outputs(scope, network, inputs, custom_parsers=None):
    """Declare the operator of a network, with the names of its outputs."""
    from skl2onnx.common.data_types import FloatTensorType

    operator = scope.declare_local_operator(f"Skdl{type(network).__name__}", network)
    operator.inputs.append(inputs[0])
    names = ("label", "probabilities") if is_classifier(network) else ("prediction",)
    for name in names:
        operator.outputs.append(scope.declare_local_variable(name, FloatTensorType()))
    return operator.outputs


def _declare_outputs(operator):
    """Give the outputs of a network their types and shapes."""
    from skl2onnx.common import data_types as types

    network = operator.raw_operator
    target, rows = network._target, operator.inputs[0].get_first_dimension()
    if target.classes is None:
        shape = [rows] if target.n_dimensions == 1 else [rows, target.n_outputs]
        operator.outputs[0].type = types.FloatTensorType(shape)
        return
    kinds = {"U": types.StringTensorType, "O": types.StringTensorType}
    kinds |= {"f": types.FloatTensorType, "b": types.BooleanTensorType}
    kind = kinds.get(target.classes.dtype.kind, types.Int64TensorType)
    several = [rows, target.n_outputs] if target.n_outputs > 1 else [rows]
    operator.outputs[0].type = kind(several)
    operator.outputs[1].type = types.FloatTensorType([rows, len(target.classes)])


class _Graph:
    """Adds operators and constants to the graph of skl2onnx."""

    def __init__(self, scope, container):
        self._scope = scope
        self._container = container

    def constant(self, array):
        """Add a constant; return its name."""
        from onnx import TensorProto, helper

        name = self._scope.get_unique_variable_name("constant")
        array = np.asarray(array)
        kind, values = helper.np_dtype_to_tensor_dtype(array.dtype), array.ravel()
        if array.dtype.kind in "OU":
            kind, values = TensorProto.STRING, [str(v).encode() for v in values]
        self._container.add_initializer(name, kind, array.shape, list(values))
        return name

    def add(self, kind, *inputs, output=None, **attributes):
        """Add an operator; return the name of its output."""
        inputs = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        output = output or self._scope.get_unique_variable_name(kind.lower())
        self._container.add_node(
            kind,
            inputs,
            [output],
            name=self._scope.get_unique_operator_name(kind),
            op_version=_OPSETS[""],
            **attributes,
        )
        return output


def _write_network(scope, operator, container):
    """Write the operators of a network."""
    graph = _Graph(scope, container)
    network = operator.raw_operator
    outputs = [variable.full_name for variable in operator.outputs]
    logits = _write_layers(graph, network, operator.inputs[0].full_name)
    target = network._target
    if target.classes is None:
        factor, offset = (np.float32(part) for part in target.scaling)
        shape = np.array([-1] if target.n_dimensions == 1 else [-1, len(factor)])
        numbers = graph.add("Add", graph.add("Mul", logits, factor), offset)
        graph.add("Reshape", numbers, shape, output=outputs[0])
    elif target.n_outputs > 1:
        proba = graph.add("Sigmoid", logits, output=outputs[1])
        there = graph.add("Greater", proba, np.float32(0.5))
        graph.add("Cast", there, output=outputs[0], to=7)  # int64
    else:
        _write_labels(graph, target, logits, *outputs)


def _write_labels(graph, target, logits, label, probabilities):
    if target.head == "softmax":
        graph.add("Softmax", logits, output=probabilities, axis=1)
    else:
        second = graph.add("Sigmoid", logits)
        first = graph.add("Sigmoid", graph.add("Neg", logits))
        graph.add("Concat", first, second, output=probabilities, axis=1)
    codes = graph.add("ArgMax", probabilities, axis=1, keepdims=0)
    classes = target.classes
    if classes.dtype.kind in "iu":
        classes = classes.astype(np.int64)
    elif classes.dtype.kind == "f":
        classes = classes.astype(np.float32)
    graph.add("Gather", classes, codes, output=label)


def _write_layers(graph, network, x):
    """Write the layers of a network; return the name of its logits."""
    structure = network._network
    weights = iter(network._weights)
    for layer, names in enumerate(structure.layers):
        kernel, bias = _fold({name: np.float64(next(weights)) for name in names})
        x = graph.add("MatMul", x, np.float32(kernel))
        x = graph.add("Add", x, np.float32(bias))
        if layer < structure.depth:
            x = _ACTIVATIONS[structure.activation](graph, x)
    return x


def _fold(parts):
    """Return the kernel and the bias of a layer, its normalization in them."""
    if "gamma" not in parts:
        return parts["kernel"], parts["bias"]
    deviation = np.sqrt(parts["moving_variance"] + BATCH_NORM["epsilon"])
    scale = parts["gamma"] / deviation
    return parts["kernel"] * scale, parts["beta"] - parts["moving_mean"] * scale


def _relu(graph, x):
    return graph.add("Relu", x)


def _tanh(graph, x):
    return graph.add("Tanh", x)


def _sigmoid(graph, x):
    return graph.add("Sigmoid", x)


def _swish(graph, x):
    return graph.add("Mul", x, graph.add("Sigmoid", x))


def _identity(graph, x):
    return x


def _elu(graph, x, alpha=1.0, scale=1.0):
    below = graph.add("Min", x, np.float32(0))
    below = graph.add("Sub", graph.add("Exp", below), np.float32(1))
    below = graph.add("Mul", below, np.float32(scale * alpha))
    above = graph.add("Mul", graph.add("Relu", x), np.float32(scale))
    return graph.add("Add", above, below)


def _selu(graph, x):
    # Klambauer et al., "Self-normalizing neural networks" (2017)
    return _elu(graph, x, alpha=1.6732632423543772, scale=1.0507009873554805)


def _gelu(graph, x):
    share = graph.add("Erf", graph.add("Div", x, np.float32(np.sqrt(2))))
    share = graph.add("Add", share, np.float32(1))
    return graph.add("Mul", graph.add("Mul", x, share), np.float32(0.5))


_ACTIVATIONS = {
    "relu": _relu,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "elu": _elu,
    "gelu": _gelu,
    "selu": _selu,
    "swish": _swish,
    "identity": _identity,
}
