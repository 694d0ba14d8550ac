"""The activations of hidden layers."""

__all__ = ["ACTIVATIONS"]

ACTIVATIONS = ("relu", "tanh", "sigmoid", "elu", "gelu", "selu", "swish", "identity")
