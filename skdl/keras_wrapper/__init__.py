"""The estimators around a Keras model of the user's own."""
