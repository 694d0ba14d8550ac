"""The dense layer."""

from dataclasses import dataclass

from skdl.nn._layer import Layer

__all__ = ["Dense", "add_bias"]


@dataclass(frozen=True)
class Dense(Layer):
    """A product with a kernel, and perhaps a bias.

    Parameters
    ----------
    name : str
        Name of the Keras layer.
    initializer : str
        What ``kernel_initializer="auto"`` stands for here.
    has_bias : bool
        Whether a bias is added; a normalization that follows has one of its own.
    """

    initializer: str = "glorot_uniform"
    has_bias: bool = True

    @property
    def weights(self):
        """Names of the weights."""
        return ("kernel", "bias") if self.has_bias else ("kernel",)

    def output_shape(self, shape, width):
        return (width,)

    def weight_shapes(self, shape, width):
        return [(*shape, width), (width,)][: len(self.weights)]

    def multiply_adds(self, shape, width):
        return shape[0] * width

    def apply(self, x, values, mode):
        from skdl.nn._backend import tf

        kernel, *bias = values
        x = tf.matmul(x, kernel)
        return add_bias(tf, x, *bias) if bias else x

    def infer(self, x, values):
        kernel, *bias = values
        x = x @ kernel
        if bias:
            x += bias[0]
        return x

    def add_to_keras(self, x, width, settings):
        from skdl.nn._backend import keras

        layer = keras.layers.Dense(
            width,
            use_bias=self.has_bias,
            kernel_initializer="zeros",
            kernel_regularizer=settings.regularizer,
            name=self.name,
        )
        return layer(x)

    def write_onnx(self, graph, x, values):
        return graph.add_dense(x, *values)


def add_bias(tf, x, bias):
    """Add a bias to a batch, without ``BiasAdd``.

    TensorFlow would fuse ``BiasAdd`` with the preceding product into a oneDNN kernel,
    which is compiled anew, and cached, for each width and batch size.
    """
    # Only predictions run eagerly: nothing is fused, and no gradient is asked for.
    if tf.executing_eagerly():
        return x + bias

    @tf.custom_gradient
    def add(x, bias):
        return x + bias, lambda gradient: (
            gradient,
            # A sum over all axes but the last. Of open shapes, the gradient of x + bias
            # would first have to find these axes in the graph.
            tf.raw_ops.BiasAddGrad(out_backprop=gradient),
        )

    return add(x, bias)
