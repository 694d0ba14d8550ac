"""Keras, on TensorFlow: whoever imports this module has made sure of that."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"skdl trains through TensorFlow, but Keras runs on {keras.backend.backend()}: "
        "set KERAS_BACKEND=tensorflow in the environment before Keras is imported."
    )
