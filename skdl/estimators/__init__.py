"""The estimators: perceptrons and convolutional networks."""
