"""Graphs of ONNX: operators and constants, from the layers of a network."""

import numpy as np

__all__ = ["DOUBLE", "FLOAT", "OPSETS", "Graph"]

# ONNX's numbers of the types.
FLOAT, DOUBLE = 1, 11

# Every runtime released since 2023 supports opset 18.
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
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        output = output or self._scope.get_unique_variable_name(kind.lower())
        self._container.add_node(
            kind,
            names,
            [output],
            name=self._scope.get_unique_operator_name(kind),
            op_version=OPSETS[""],
            **attributes,
        )
        return output

    def add_lookup(self, x, keys, places, default):
        """Add a table from strings to integers; return the name of its output."""
        output = self._scope.get_unique_variable_name("place")
        self._container.add_node(
            "LabelEncoder",
            [x],
            [output],
            name=self._scope.get_unique_operator_name("LabelEncoder"),
            op_domain="ai.onnx.ml",
            op_version=2,
            keys_strings=keys,
            values_int64s=places,
            default_int64=default,
        )
        return output

    # Parts that both kinds of network use. Images have the shape (n, c, h, w) here.

    def add_dense(self, x, kernel, bias=None):
        """Add a product, and perhaps a bias; return the name of its output."""
        x = self.add("MatMul", x, np.float32(kernel))
        return x if bias is None else self.add("Add", x, np.float32(bias))

    def add_convolution(self, x, kernel, bias=None, **attributes):
        """Add a convolution whose kernel is as Keras has it."""
        # (h, w, c, filters) -> (filters, c, h, w)
        kernel = np.float32(np.transpose(kernel, (3, 2, 0, 1)))
        bias = () if bias is None else (np.float32(bias),)
        return self.add("Conv", x, kernel, *bias, **attributes)

    def add_pooling(self, x, kind, size, strides, auto_pad):
        """Add a pooling: the "max" or the "average" of squares."""
        name = {"max": "MaxPool", "average": "AveragePool"}[kind]
        # The average leaves out the padding by default, as TensorFlow's does.
        return self.add(name, x, kernel_shape=size, strides=strides, auto_pad=auto_pad)

    def add_global_pooling(self, x, kind):
        """Add a global pooling layer, which turns images into flat rows."""
        name = {"max": "GlobalMaxPool", "average": "GlobalAveragePool"}[kind]
        return self.add("Flatten", self.add(name, x), axis=1)

    def add_flatten(self, x):
        """Flatten images into rows, with the channels last as in Keras."""
        return self.add("Flatten", self.add("Transpose", x, perm=[0, 2, 3, 1]), axis=1)

    def add_scaling(self, x, factor, offset, *, is_image=False):
        """Multiply and shift each feature, or each channel of images."""
        shape = (1, -1, 1, 1) if is_image else (1, -1)
        x = self.add("Mul", x, np.float32(factor).reshape(shape))
        return self.add("Add", x, np.float32(offset).reshape(shape))
