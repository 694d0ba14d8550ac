"""Random augmentation of images: as Keras layers, and in a compiled step."""

import json
from dataclasses import dataclass

import numpy as np

from skdl.nn._augmentation import AUGMENTERS, LAYOUT
from skdl.nn._layer import Layer

__all__ = ["Augmentation", "augment", "make_augmenters", "reset_augmenters"]


@dataclass(frozen=True)
class Augmentation(Layer):
    """The random layers of a Keras model; a program augments whole batches itself.

    Parameters
    ----------
    name : str
        Not used: each random layer has its own.
    settings : str
        Names and settings of the layers, as JSON.
    """

    settings: str

    def add_to_keras(self, x, width, settings):
        for layer in make_augmenters(self.settings, settings.seed):
            x = layer(x)
        return x


def make_augmenters(augmentation, seed=0):
    """Return the Keras layers that change images at random in training.

    Parameters
    ----------
    augmentation : str
        Names and settings of layers, as JSON.
    seed : int, default=0
        Where their random numbers begin.

    Returns
    -------
    list of keras.layers.Layer
    """
    from skdl.nn._backend import keras

    made = []
    for number, (name, settings) in enumerate(json.loads(augmentation)):
        if name not in AUGMENTERS:
            raise ValueError(f"{name!r} is not one of the layers {AUGMENTERS}.")
        # Noise layers have no data_format.
        own = {} if name.startswith("Gaussian") else {"data_format": LAYOUT}
        # Dropout layers add 0, 1, 2, ... and 100, 101, ... to the same seed.
        own.update(dtype="float32", seed=seed + 1000 + number)
        layer = getattr(keras.layers, name)
        made.append(layer(**settings, **own, name=f"augment_{number}"))
    return made


def augment(layers, x, image_shape):
    """Return flat rows with their images augmented at random."""
    from skdl.nn._backend import tf

    # (m, h * w * c) -> (m, h, w, c) -> (m, h * w * c)
    images = tf.reshape(x, [-1, *image_shape])
    for layer in layers:
        images = layer(images, training=True)
    return tf.reshape(images, tf.shape(x))


def reset_augmenters(layers, seeds):
    """Reset the random number generators of layers.

    Parameters
    ----------
    layers : list of keras.layers.Layer
        From ``make_augmenters``.
    seeds : ndarray of uint32, shape (n_layers,)
        One for each layer.
    """
    for layer, seed in zip(layers, seeds, strict=True):
        for variable in layer.variables:  # the state of a seed generator
            # As in Keras' SeedGenerator: the seed, and how many draws were made.
            variable.assign(np.array([seed, 0], np.uint32))
