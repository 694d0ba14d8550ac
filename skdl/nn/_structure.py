"""The structure of a network, as plain data: no TensorFlow here."""

import math
from dataclasses import asdict, dataclass

import numpy as np

__all__ = ["CNNStructure", "MLPStructure", "Plan", "dense_shapes"]


@dataclass(frozen=True)
class MLPStructure:
    """What of a multilayer perceptron changes its graph.

    The widths of its layers do not: the graph is traced with open shapes, so that
    networks of any width share one program.

    Parameters
    ----------
    depth : int
        Number of hidden layers.
    activation : str
        Activation of the hidden layers, by its Keras name.
    batch_norm : bool
        Whether the hidden layers are normalized before their activation.
    head : {"softmax", "sigmoid", "identity"}
        What turns the logits into the output.
    """

    depth: int
    activation: str
    batch_norm: bool
    head: str

    @property
    def n_blocks(self):
        """Number of convolutional blocks in front."""
        return 0

    @property
    def layers(self):
        """Names of the weights of each layer, in Keras' order."""
        hidden = ("kernel", *(_NORMALIZED if self.batch_norm else ("bias",)))
        return (hidden,) * self.depth + (("kernel", "bias"),)

    @property
    def weights(self):
        """Names of all weights, in the order of ``keras.Model.get_weights``."""
        return tuple(name for layer in self.layers for name in layer)

    def what_stays(self):
        """Return by name what must stay as it is where training goes on."""
        return asdict(self)

    def kernels_of(self, weights):
        """Return those of the weights that are kernels."""
        pairs = zip(self.weights, weights, strict=True)
        return [weight for name, weight in pairs if name.endswith("kernel")]

    def plan(self, shapes):
        """Return the sizes of the network whose kernels have the given shapes."""
        shapes = [tuple(shape) for shape in shapes]
        work = sum(map(math.prod, shapes))
        return Plan(shapes, [shape[0] for shape in shapes], work)


def dense_shapes(widths):
    """Return the shapes of the kernels between layers of the given widths."""
    return list(zip(widths, widths[1:]))


_VALUES_AT_ONCE = 2**24
_NORMALIZED = ("gamma", "beta", "moving_mean", "moving_variance")


@dataclass(frozen=True)
class CNNStructure(MLPStructure):
    """What of a convolutional network changes its graph.

    The numbers of filters do not.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels of an image.
    kernel_sizes : tuple of tuple of int
        Height and width of the kernels of each block.
    pooling : {"max", "average", None}
        What follows each convolution.
    pool_size : int
        Side of the square that is pooled.
    conv_batch_norm : bool
        Whether the convolutions are normalized before their activation.
    global_pooling : {"max", "average", None}
        What makes one number of each channel at the end; None keeps all places.
    augmentation : str
        Names and settings of the Keras layers that change images, as JSON.
    """

    image_shape: tuple[int, int, int]
    kernel_sizes: tuple[tuple[int, int], ...]
    pooling: str | None
    pool_size: int
    conv_batch_norm: bool
    global_pooling: str | None
    augmentation: str = "[]"

    @property
    def n_blocks(self):
        """Number of convolutional blocks in front."""
        return len(self.kernel_sizes)

    @property
    def layers(self):
        """Names of the weights of each layer, in Keras' order."""
        normalized = _NORMALIZED if self.conv_batch_norm else ("bias",)
        return (("conv_kernel", *normalized),) * self.n_blocks + super().layers

    @property
    def places(self):
        """Height and width of what each block gets, and of what the last one gives."""
        step = self.pool_size if self.pooling else 1
        height, width, _ = self.image_shape
        found = [(height, width)]
        for _ in range(self.n_blocks):
            height, width = -(-height // step), -(-width // step)
            found.append((height, width))
        return found

    def what_stays(self):
        """Return by name what must stay as it is where training goes on."""
        return {**super().what_stays(), "augmentation": None}

    def n_found(self, filters):
        """Return how many numbers of an image the dense layers get."""
        places = 1 if self.global_pooling else math.prod(self.places[-1])
        return places * filters[-1]

    def conv_shapes(self, filters):
        """Return the shapes of the kernels of the blocks."""
        channels = (self.image_shape[2], *filters)
        return [
            (*size, before, after)
            for size, before, after in zip(self.kernel_sizes, channels, filters)
        ]

    def plan(self, shapes):
        """Return the sizes of the network whose kernels have the given shapes."""
        dense = super().plan(shapes[self.n_blocks :])
        blocks = [tuple(shape) for shape in shapes[: self.n_blocks]]
        places = [math.prod(place) for place in self.places]
        work = sum(n * math.prod(shape) for n, shape in zip(places, blocks))
        found = [n * shape[-1] for n, shape in zip(places[1:], blocks)]
        widths = [math.prod(self.image_shape), *found, *dense.widths[1:]]
        return Plan(blocks + dense.shapes, widths, work + dense.work)


@dataclass(frozen=True)
class Plan:
    """The sizes of a network.

    Parameters
    ----------
    shapes : list of tuple of int
        Of the kernel of each layer.
    widths : list of int
        Values of a row: of the input, and of the output of each hidden layer.
    work : int
        Multiply-adds of the forward pass of one row.
    """

    shapes: list
    widths: list
    work: int

    @property
    def rows_at_once(self):
        """For how many rows the outputs of a layer are some megabytes."""
        return int(np.clip(_VALUES_AT_ONCE // max(self.widths), 16, 8_192))
