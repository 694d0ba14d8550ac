"""Networks as operators of ONNX: the layers of ours, and of Keras models."""

import numpy as np

from skdl.nn._activations import write_activation
from skdl.nn._forward import split_weights
from skdl.nn._heads import HEADS
from skdl.nn._links import write_average

__all__ = ["write_keras_model", "write_network"]


def write_network(graph, network, x):
    """Write the layers of a network of ours; return the name of its logits."""
    parts = []
    for member in network._members:
        part = x
        for layer, values in split_weights(member._network, member._weights):
            part = layer.write_onnx(graph, part, [np.float64(v) for v in values])
        parts.append(part)
    if len(parts) == 1:
        return parts[0]
    return write_average(graph, HEADS[network._target.head].link, parts)


# Keras models


class _Chain:
    """Writes a sequential Keras model, layer by layer.

    Parameters
    ----------
    graph : Graph
        The graph to write to.
    x : str
        The name of the input.
    rank : int
        Number of dimensions of the input, with that of the samples.
    """

    def __init__(self, graph, x, rank):
        self._graph = graph
        # (n, h, w, c) -> (n, c, h, w), as ONNX wants images
        self._x = graph.add("Transpose", x, perm=[0, 3, 1, 2]) if rank == 4 else x
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
                f"the layer {layer.name!r} is a {kind}, but only the layers "
                f"{', '.join(known)}, and layers that act only in training, can be "
                "exported"
            )
        self._x = writer(self._graph, self._x, layer)
        activation = getattr(layer, "activation", None)
        if activation is not None and kind != "Activation":
            self._x = self._activate(activation)

    def end(self):
        """Return the name of what the last layer gives."""
        return self._x

    def _activate(self, activation):
        return write_activation(self._graph, self._x, activation.__name__)

    def _Dense(self, graph, x, layer):
        return graph.add_dense(x, *map(_numpy, layer.weights))

    def _Conv2D(self, graph, x, layer):
        if layer.groups != 1 or layer.data_format != "channels_last":
            raise ValueError(
                f"the layer {layer.name!r} must have groups=1 and "
                "data_format='channels_last'"
            )
        return graph.add_convolution(
            x,
            *map(_numpy, layer.weights),
            strides=list(layer.strides),
            dilations=list(layer.dilation_rate),
            auto_pad=_pad(layer),
        )

    def _MaxPooling2D(self, graph, x, layer):
        sizes = list(layer.pool_size), list(layer.strides)
        return graph.add_pooling(x, "max", *sizes, _pad(layer))

    def _AveragePooling2D(self, graph, x, layer):
        sizes = list(layer.pool_size), list(layer.strides)
        return graph.add_pooling(x, "average", *sizes, _pad(layer))

    def _GlobalMaxPooling2D(self, graph, x, layer):
        self._is_image = False
        return graph.add_global_pooling(x, "max")

    def _GlobalAveragePooling2D(self, graph, x, layer):
        self._is_image = False
        return graph.add_global_pooling(x, "average")

    def _Flatten(self, graph, x, layer):
        was_image, self._is_image = self._is_image, False
        return graph.add_flatten(x) if was_image else graph.add("Flatten", x, axis=1)

    def _Activation(self, graph, x, layer):
        return self._activate(layer.activation)

    def _ReLU(self, graph, x, layer):
        if (layer.max_value, layer.negative_slope, layer.threshold) != (None, 0, 0):
            raise ValueError(f"the layer {layer.name!r} has settings of its own")
        return graph.add("Relu", x)

    def _Softmax(self, graph, x, layer):
        return graph.add("Softmax", x, axis=-1)

    def _Rescaling(self, graph, x, layer):
        x = graph.add("Mul", x, np.float32(layer.scale))
        return graph.add("Add", x, np.float32(layer.offset))

    def _BatchNormalization(self, graph, x, layer):
        n = layer.moving_mean.shape[0]
        gamma = _numpy(layer.gamma) if layer.scale else np.ones(n)
        beta = _numpy(layer.beta) if layer.center else np.zeros(n)
        # gamma (x - mean) / sqrt(variance + epsilon) + beta = scale x + offset
        scale = gamma / np.sqrt(_numpy(layer.moving_variance) + layer.epsilon)
        offset = beta - _numpy(layer.moving_mean) * scale
        return graph.add_scaling(x, scale, offset, is_image=self._is_image)


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
    # Keras, too, puts the odd row of a padding at the end.
    return {"same": "SAME_UPPER", "valid": "VALID"}[layer.padding]


def write_keras_model(graph, model, x):
    """Write a Keras model; return the name of its output.

    Raises
    ------
    ValueError
        If a layer can't be written, or does not follow on the one before.
    """
    if getattr(model, "inputs", None) is None or len(model.inputs) != 1:
        raise ValueError("the model must be built and have exactly one input")
    steps = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    for layer in steps:
        if len(getattr(layer, "_inbound_nodes", ())) > 1:
            raise ValueError(f"the layer {layer.name!r} is used more than once")
    for before, layer in zip(steps, steps[1:]):
        if layer.input is not before.output:
            raise ValueError(
                f"the input of the layer {layer.name!r} must be the output of "
                f"{before.name!r}"
            )
    chain = _Chain(graph, x, len(model.inputs[0].shape))
    for layer in steps:
        chain.write(layer)
    return chain.end()
