"""Compiled training: programs, their cache, and the loop over epochs."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"skdl trains through TensorFlow, but Keras runs on {keras.backend.backend()}: "
        "set KERAS_BACKEND=tensorflow in the environment before Keras is imported."
    )

from skdl.training._cache import ProgramCache, programs  # noqa: E402

__all__ = ["ProgramCache", "programs"]
