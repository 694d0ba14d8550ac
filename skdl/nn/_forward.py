"""The forward pass of a network."""

from skdl.nn._layer import INFERENCE

__all__ = ["forward", "split_weights"]


def forward(structure, weights, x, mode=INFERENCE):
    """Return the logits of a batch, in a graph or eagerly.

    Parameters
    ----------
    structure : MLPStructure
        The network.
    weights : sequence of tf.Tensor
        Its weights, in the order of ``structure.weights``.
    x : tf.Tensor of shape (n_samples, n_features)
        The batch.
    mode : Mode, default=INFERENCE
        Whether the network is trained.

    Returns
    -------
    tf.Tensor of shape (n_samples, n_outputs)
        The logits.
    """
    for layer, values in split_weights(structure, weights):
        x = layer.apply(x, values, mode)
    return x


def split_weights(structure, weights):
    """Yield each layer of a network with its own weights."""
    values = iter(weights)
    for layer in structure.layers:
        yield layer, [next(values) for _ in layer.weights]
