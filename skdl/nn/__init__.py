"""The layers of a network: their graph, first weights and Keras model."""
