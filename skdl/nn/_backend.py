"""Keras and TensorFlow: importing this module checks the backend."""

import keras
import tensorflow as tf

__all__ = ["keras", "tf"]

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"skdl trains through TensorFlow, but Keras runs on {keras.backend.backend()}: "
        "set KERAS_BACKEND=tensorflow in the environment before Keras is imported."
    )
