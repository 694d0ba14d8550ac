"""Losses that Keras lacks, under the names that saved Keras models have.

Importing this module registers them, so that ``keras.models.load_model`` finds them.
"""

from skdl.nn._keras_losses import (
    Pinball,
    SmoothedCrossentropy,
    SparseFocal,
    gamma_deviance,
)

__all__ = ["Pinball", "SmoothedCrossentropy", "SparseFocal", "gamma_deviance"]
