"""The convolutional part of a network: graph, Keras layers, augmentation."""

import json

import keras
import numpy as np
import tensorflow as tf

import skdl.nn._backend  # noqa: F401
from skdl.nn._augmentation import AUGMENTERS

__all__ = [
    "add_convolutions",
    "augment",
    "convolve",
    "make_augmenters",
    "reset_augmenters",
]

LAYOUT = "channels_last"  # whatever Keras' own default is


def convolve(structure, values, x, finish, drop=None):
    """Return the features that the blocks of a network find in images.

    Parameters
    ----------
    structure : CNNStructure
        The network.
    values : iterator of tf.Tensor
        Its weights; those of the blocks are taken.
    x : tf.Tensor of shape (n_samples, n_features)
        The images, each as one row.
    finish : callable
        ``finish(x, values, layer, batch_norm)`` adds the bias or normalizes, and
        applies the activation.
    drop : callable or None
        ``drop(values, place)`` applies dropout.

    Returns
    -------
    tf.Tensor of shape (n_samples, n_found)
    """
    # (m, h * w * c) -> (m, h, w, c)
    x = tf.reshape(x, [-1, *structure.image_shape])
    for block in range(structure.n_blocks):
        x = tf.nn.conv2d(x, next(values), 1, "SAME")
        x = finish(x, values, block, structure.conv_batch_norm)
        if structure.pooling:
            pool = {"max": tf.nn.max_pool2d, "average": tf.nn.avg_pool2d}
            size = structure.pool_size
            x = pool[structure.pooling](x, size, size, "SAME")
        if drop:
            x = drop(x, block + 1)
    if structure.global_pooling == "average":
        return tf.reduce_mean(x, axis=[1, 2])
    if structure.global_pooling == "max":
        return tf.reduce_max(x, axis=[1, 2])
    # (m, h, w, c) -> (m, h * w * c)
    shape = tf.shape(x)
    return tf.reshape(x, [shape[0], shape[1] * shape[2] * shape[3]])


def add_convolutions(
    structure, x, filters, *, activation, batch_norm, dropout, regularizer, seed
):
    """Add the blocks of a network to a Keras model; return their features.

    Parameters
    ----------
    structure : CNNStructure
        The network.
    x : keras.KerasTensor
        Flat rows or images.
    filters : sequence of int
        Number of filters of each block.
    activation : str
        Its name in Keras.
    batch_norm : dict
        Settings of the normalization.
    dropout : sequence of float
        The rate after each block.
    regularizer : keras.regularizers.Regularizer or None
        Of the kernels.
    seed : int
        Of the random numbers of dropout and augmentation.
    """
    layers = keras.layers
    if len(x.shape) == 2:
        x = layers.Reshape(structure.image_shape, name="image")(x)
    for layer in make_augmenters(structure.augmentation, seed):
        x = layer(x)
    for block, n_filters in enumerate(filters):
        name = f"block_{block + 1}"
        x = layers.Conv2D(
            n_filters,
            structure.kernel_sizes[block],
            padding="same",
            data_format=LAYOUT,
            use_bias=not structure.conv_batch_norm,
            kernel_initializer="zeros",
            kernel_regularizer=regularizer,
            name=f"{name}_convolution",
        )(x)
        if structure.conv_batch_norm:
            x = layers.BatchNormalization(**batch_norm, name=f"{name}_norm")(x)
        x = layers.Activation(activation, name=f"{name}_{activation}")(x)
        if structure.pooling:
            pool = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}
            x = pool[structure.pooling](
                structure.pool_size,
                padding="same",
                data_format=LAYOUT,
                name=f"{name}_pooling",
            )(x)
        if dropout[block]:
            x = layers.Dropout(
                dropout[block], seed=seed + 100 + block, name=f"{name}_dropout"
            )(x)
    last = {
        "average": layers.GlobalAveragePooling2D,
        "max": layers.GlobalMaxPooling2D,
        None: layers.Flatten,
    }
    return last[structure.global_pooling](data_format=LAYOUT, name="features_found")(x)


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
    made = []
    for number, (name, settings) in enumerate(json.loads(augmentation)):
        if name not in AUGMENTERS:
            raise ValueError(f"{name!r} is no augmentation: known are {AUGMENTERS}.")
        # The layers of noise know no channels.
        own = {} if name.startswith("Gaussian") else {"data_format": LAYOUT}
        own.update(dtype="float32", seed=seed + 1000 + number)
        layer = getattr(keras.layers, name)
        made.append(layer(**settings, **own, name=f"augment_{number}"))
    return made


def augment(layers, x, image_shape):
    """Return flat rows whose images were changed at random."""
    # (m, h * w * c) -> (m, h, w, c) -> (m, h * w * c)
    images = tf.reshape(x, [-1, *image_shape])
    for layer in layers:
        images = layer(images, training=True)
    return tf.reshape(images, tf.shape(x))


def reset_augmenters(layers, seeds):
    """Let the random numbers of layers begin anew.

    Parameters
    ----------
    layers : list of keras.layers.Layer
        From ``make_augmenters``.
    seeds : ndarray of uint32, shape (n_layers,)
        One for each layer.
    """
    for layer, seed in zip(layers, seeds, strict=True):
        for variable in layer.variables:  # the state of a seed generator
            variable.assign(np.array([seed, 0], np.uint32))
