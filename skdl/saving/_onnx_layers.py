"""Networks as operators of ONNX: the layers of ours, and of Keras models."""

import numpy as np

from skdl.nn._networks import BATCH_NORM

__all__ = ["OPSETS", "Graph", "write_keras_model", "write_network"]

# The operators of opset 18 are known to every runtime since 2023.
OPSETS = {"": 18, "ai.onnx.ml": 3}


class Graph:
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
            op_version=OPSETS[""],
            **attributes,
        )
        return output


def write_network(graph, network, x):
    """Write the layers of a network of ours; return the name of its logits."""
    structure = network._network
    weights = iter(network._weights)
    if structure.n_blocks:
        x = _as_channels_first(graph, graph.add("Reshape", x, _image(structure)))
    for layer, names in enumerate(structure.layers):
        parts = {name: np.float64(next(weights)) for name in names}
        if layer < structure.n_blocks:
            x = _write_block(graph, structure, layer, parts, x)
            continue
        if layer == structure.n_blocks and structure.n_blocks:
            x = _flatten_blocks(graph, structure, x)
        kernel, bias = _fold(parts, "kernel")
        x = _write_dense(graph, x, kernel, bias)
        if layer < structure.n_blocks + structure.depth:
            x = _ACTIVATIONS[structure.activation](graph, x)
    return x


def _image(structure):
    return np.array([-1, *structure.image_shape])


def _write_block(graph, structure, block, parts, x):
    kernel, bias = _fold(parts, "conv_kernel")
    x = _write_convolution(graph, x, kernel, bias, auto_pad="SAME_UPPER")
    x = _ACTIVATIONS[structure.activation](graph, x)
    if structure.pooling is None:
        return x
    size = [structure.pool_size] * 2
    return _write_pooling(graph, x, structure.pooling, size, size, "SAME_UPPER")


def _flatten_blocks(graph, structure, x):
    if structure.global_pooling is None:
        return _add_flatten(graph, x)
    return _write_global_pooling(graph, x, structure.global_pooling)


def _fold(parts, name):
    """Return the kernel and the bias of a layer, its normalization in them."""
    if "gamma" not in parts:
        return parts[name], parts["bias"]
    deviation = np.sqrt(parts["moving_variance"] + BATCH_NORM["epsilon"])
    scale = parts["gamma"] / deviation
    return parts[name] * scale, parts["beta"] - parts["moving_mean"] * scale


# Pieces that both kinds of network are made of. Images are (n, c, h, w) here.


def _write_dense(graph, x, kernel, bias=None):
    x = graph.add("MatMul", x, np.float32(kernel))
    return x if bias is None else graph.add("Add", x, np.float32(bias))


def _write_convolution(graph, x, kernel, bias=None, **attributes):
    # (h, w, c, filters) -> (filters, c, h, w)
    kernel = np.float32(np.transpose(kernel, (3, 2, 0, 1)))
    bias = () if bias is None else (np.float32(bias),)
    return graph.add("Conv", x, kernel, *bias, **attributes)


def _write_pooling(graph, x, kind, size, strides, auto_pad):
    name = {"max": "MaxPool", "average": "AveragePool"}[kind]
    return graph.add(name, x, kernel_shape=size, strides=strides, auto_pad=auto_pad)


def _write_global_pooling(graph, x, kind):
    name = {"max": "GlobalMaxPool", "average": "GlobalAveragePool"}[kind]
    return graph.add("Flatten", graph.add(name, x), axis=1)


def _as_channels_first(graph, x):
    return graph.add("Transpose", x, perm=[0, 3, 1, 2])


def _add_flatten(graph, x):
    """Make rows of images, the channels last in each as Keras has them."""
    return graph.add("Flatten", graph.add("Transpose", x, perm=[0, 2, 3, 1]), axis=1)


# Keras models


class _Chain:
    """Writes a Keras model layer by layer, where one follows the other.

    Parameters
    ----------
    graph : Graph
        Where.
    x : str
        The name of the rows.
    rank : int
        Dimensions of the rows with that of the samples.
    """

    def __init__(self, graph, x, rank):
        self._graph = graph
        self._x = _as_channels_first(graph, x) if rank == 4 else x
        self._is_image = rank == 4

    def write(self, layer):
        """Write a layer."""
        kind = type(layer).__name__
        if hasattr(layer, "layers"):
            for inner in layer.layers:
                self.write(inner)
            return
        if kind in _NOTHING_TO_DO:
            return
        writer = getattr(self, f"_{kind}", None)
        if writer is None or not type(layer).__module__.startswith("keras."):
            known = sorted(name[1:] for name in dir(type(self)) if name[1:2].isupper())
            raise ValueError(
                f"the layer {layer.name!r} is a {kind}, and those that can be written "
                f"are {', '.join(known)}, and layers that only train"
            )
        self._x = writer(self._graph, self._x, layer)
        activation = getattr(layer, "activation", None)
        if activation is not None and kind != "Activation":
            self._x = self._activate(activation)

    def end(self):
        """Return the name of what the last layer gives."""
        return self._x

    def _activate(self, activation):
        name = {"linear": "identity", "silu": "swish"}.get(
            activation.__name__, activation.__name__
        )
        if name == "softmax":
            return self._graph.add("Softmax", self._x, axis=-1)
        if name not in _ACTIVATIONS:
            raise ValueError(f"the activation {name!r} can't be written")
        return _ACTIVATIONS[name](self._graph, self._x)

    def _Dense(self, graph, x, layer):
        return _write_dense(graph, x, *map(_numpy, layer.weights))

    def _Conv2D(self, graph, x, layer):
        if layer.groups != 1 or layer.data_format != "channels_last":
            raise ValueError(f"the layer {layer.name!r} has groups, or channels first")
        return _write_convolution(
            graph,
            x,
            *map(_numpy, layer.weights),
            strides=list(layer.strides),
            dilations=list(layer.dilation_rate),
            auto_pad=_pad(layer),
        )

    def _MaxPooling2D(self, graph, x, layer):
        sizes = list(layer.pool_size), list(layer.strides)
        return _write_pooling(graph, x, "max", *sizes, _pad(layer))

    def _AveragePooling2D(self, graph, x, layer):
        sizes = list(layer.pool_size), list(layer.strides)
        return _write_pooling(graph, x, "average", *sizes, _pad(layer))

    def _GlobalMaxPooling2D(self, graph, x, layer):
        self._is_image = False
        return _write_global_pooling(graph, x, "max")

    def _GlobalAveragePooling2D(self, graph, x, layer):
        self._is_image = False
        return _write_global_pooling(graph, x, "average")

    def _Flatten(self, graph, x, layer):
        was_image, self._is_image = self._is_image, False
        return _add_flatten(graph, x) if was_image else graph.add("Flatten", x, axis=1)

    def _Activation(self, graph, x, layer):
        return self._activate(layer.activation)

    def _ReLU(self, graph, x, layer):
        if (layer.max_value, layer.negative_slope, layer.threshold) != (None, 0, 0):
            raise ValueError(f"the layer {layer.name!r} has settings of its own")
        return _relu(graph, x)

    def _Softmax(self, graph, x, layer):
        return graph.add("Softmax", x, axis=-1)

    def _Rescaling(self, graph, x, layer):
        x = graph.add("Mul", x, np.float32(layer.scale))
        return graph.add("Add", x, np.float32(layer.offset))

    def _BatchNormalization(self, graph, x, layer):
        n = layer.moving_mean.shape[0]
        gamma = _numpy(layer.gamma) if layer.scale else np.ones(n)
        beta = _numpy(layer.beta) if layer.center else np.zeros(n)
        scale = gamma / np.sqrt(_numpy(layer.moving_variance) + layer.epsilon)
        offset = beta - _numpy(layer.moving_mean) * scale
        shape = (1, n, 1, 1) if self._is_image else (1, n)
        x = graph.add("Mul", x, np.float32(scale).reshape(shape))
        return graph.add("Add", x, np.float32(offset).reshape(shape))


_NOTHING_TO_DO = {
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "InputLayer",
    "SpatialDropout2D",
}


def _numpy(variable):
    return np.float64(variable.numpy())


def _pad(layer):
    return {"same": "SAME_UPPER", "valid": "VALID"}[layer.padding]


def write_keras_model(graph, model, x):
    """Write a Keras model; return the name of its output.

    Raises
    ------
    ValueError
        If a layer can't be written, or does not follow on the one before.
    """
    if getattr(model, "inputs", None) is None or len(model.inputs) != 1:
        raise ValueError("the model has no single input that is known")
    steps = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    for layer in steps:
        if len(getattr(layer, "_inbound_nodes", ())) > 1:
            raise ValueError(f"the layer {layer.name!r} is used more than once")
    for before, layer in zip(steps, steps[1:]):
        if layer.input is not before.output:
            raise ValueError(
                f"the layer {layer.name!r} does not follow on {before.name!r} alone"
            )
    chain = _Chain(graph, x, len(model.inputs[0].shape))
    for layer in steps:
        chain.write(layer)
    return chain.end()


# Activations


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
