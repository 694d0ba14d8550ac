"""Images as rows: their shape, and how they are changed at random."""

import json
import math
from numbers import Integral, Real

__all__ = [
    "AUGMENTERS",
    "expand_kernel_size",
    "find_image_shape",
    "plain_augmentation",
]

# Keras' layers that change images at random and keep their shape.
AUGMENTERS = (
    "GaussianDropout",
    "GaussianNoise",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
)


def find_image_shape(shape, given):
    """Return height, width and channels of the images in X.

    Parameters
    ----------
    shape : tuple of int
        Shape of X: rows, or images with or without channels.
    given : sequence of int or None
        Height and width, perhaps channels, as the user has said.

    Returns
    -------
    tuple of int
        Flat rows of unknown shape are squares of one channel, else of three, else
        images of one line.

    Raises
    ------
    ValueError
        If that is no shape, or not the shape of X.
    """
    wanted = None if given is None else _check_image_shape(given)
    if len(shape) in (3, 4):
        found = (*map(int, shape[1:]), 1)[:3]
    elif wanted is not None:
        found = wanted
    else:
        found = _infer(shape[1] if len(shape) == 2 else 1)
    if wanted is not None and wanted != found:
        raise ValueError(
            f"image_shape={given!r} is not the shape of the images in X, {found}."
        )
    if wanted and len(shape) == 2 and math.prod(found) != shape[1]:
        raise ValueError(
            f"image_shape={given!r} has {math.prod(found)} values, and a row of X has "
            f"{shape[1]} features."
        )
    return found


def _check_image_shape(given):
    shape = tuple(given)
    if len(shape) not in (2, 3) or not all(
        isinstance(n, Integral) and not isinstance(n, bool) and n > 0 for n in shape
    ):
        raise ValueError(
            f"image_shape={given!r} must be (height, width) or (height, width, "
            "channels), of ints from 1."
        )
    return (*map(int, shape), 1)[:3]


def _infer(n_features):
    for channels in (1, 3):
        side = math.isqrt(n_features // channels)
        if side * side * channels == n_features and side > 1:
            return side, side, channels
    return 1, max(n_features, 1), 1


def expand_kernel_size(size, n_blocks):
    """Return the height and the width of the kernels of each convolution.

    Raises
    ------
    ValueError
        If there are more or fewer sizes than convolutions, or one is no int from 1.
    """
    sizes = [size] * n_blocks if isinstance(size, Integral) else list(size)
    if len(sizes) != n_blocks:
        raise ValueError(
            f"kernel_size={size!r} has {len(sizes)} sizes for {n_blocks} convolutions: "
            "give one int, or one for each."
        )
    for index, one in enumerate(sizes):
        if not isinstance(one, Integral) or isinstance(one, bool) or one < 1:
            raise ValueError(f"kernel_size[{index}]={one!r} must be an int from 1.")
    return tuple((int(one), int(one)) for one in sizes)


def _flip(value, shape):
    modes = ("horizontal", "vertical", "horizontal_and_vertical")
    if value not in modes:
        raise ValueError(f"augmentation['flip']={value!r} must be one of {modes}.")
    return "RandomFlip", {"mode": value}


def _shift(value, shape):
    _check_range("shift", value, 0, 1)
    settings = {"height_factor": value, "width_factor": value}
    return "RandomTranslation", {**settings, "fill_mode": "constant"}


def _crop(value, shape):
    height, width, _ = shape
    if not isinstance(value, Integral) or not 0 < value < min(height, width):
        raise ValueError(
            f"augmentation['crop']={value!r} must be a number of pixels, from 1 and "
            f"below the sides of the images, {(height, width)}."
        )
    settings = {"height_factor": value / height, "width_factor": value / width}
    fill = {"fill_mode": "constant", "interpolation": "nearest"}
    return "RandomTranslation", {**settings, **fill}


def _rotation(value, shape):
    _check_range("rotation", value, 0, 180)
    return "RandomRotation", {"factor": value / 360, "fill_mode": "constant"}


def _zoom(value, shape):
    _check_range("zoom", value, 0, 1)
    return "RandomZoom", {"height_factor": value, "fill_mode": "constant"}


def _contrast(value, shape):
    _check_range("contrast", value, 0, 1)
    return "RandomContrast", {"factor": value, "value_range": (-1e6, 1e6)}


def _noise(value, shape):
    _check_range("noise", value, 0, 1)
    return "GaussianNoise", {"stddev": value}


_KINDS = {
    "flip": _flip,
    "shift": _shift,
    "crop": _crop,
    "rotation": _rotation,
    "zoom": _zoom,
    "contrast": _contrast,
    "noise": _noise,
}


def _check_range(name, value, low, high):
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not low < value <= high:
        raise ValueError(
            f"augmentation[{name!r}]={value!r} must be above {low} and at most {high}."
        )


def plain_augmentation(augmentation, image_shape):
    """Return an augmentation as plain data: names and settings of Keras' layers.

    Parameters
    ----------
    augmentation : dict, keras.layers.Layer, list of them or None
        As the user gives it.
    image_shape : tuple of int
        Height, width and channels.

    Returns
    -------
    str
        As JSON, without seeds and names.

    Raises
    ------
    ValueError
        If a name or a setting is unknown, or a layer is not Keras' own.
    """
    if augmentation is None:
        return "[]"
    if not isinstance(augmentation, dict):
        several = isinstance(augmentation, (list, tuple))
        layers = augmentation if several else [augmentation]
        return json.dumps([_plain_layer(layer) for layer in layers], sort_keys=True)
    unknown = set(augmentation) - set(_KINDS)
    if unknown:
        raise ValueError(
            f"augmentation has {sorted(map(str, unknown))}; known are {list(_KINDS)}."
        )
    made = [_KINDS[name](value, image_shape) for name, value in augmentation.items()]
    return json.dumps(made, sort_keys=True)


def _plain_layer(layer):
    kind = type(layer)
    if not kind.__module__.startswith("keras.") or kind.__name__ not in AUGMENTERS:
        raise ValueError(
            f"augmentation: {layer!r} is none of Keras' random layers that keep the "
            f"shape of images: {', '.join(AUGMENTERS)}."
        )
    dropped = ("name", "seed", "dtype", "trainable")
    settings = {k: v for k, v in layer.get_config().items() if k not in dropped}
    return kind.__name__, settings
