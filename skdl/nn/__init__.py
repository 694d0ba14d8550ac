"""The layers of a network: their graph, initial weights and Keras model."""
