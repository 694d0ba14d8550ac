"""Random augmentation of images, as plain data."""

import json
from numbers import Real

from skdl._utils._numbers import is_count

__all__ = ["AUGMENTERS", "LAYOUT", "plain_augmentation", "plain_settings"]

LAYOUT = "channels_last"  # whatever Keras' own default is

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
# Those that need red, green and blue.
_OF_COLOR = {
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomGrayscale",
    "RandomHue",
    "RandomSaturation",
}


def _flip(value, shape):
    modes = ("horizontal", "vertical", "horizontal_and_vertical")
    if value not in modes:
        raise ValueError(f"augmentation['flip']={value!r} must be one of {modes}.")
    return "RandomFlip", {"mode": value}


def _shift(value, shape):
    value = _check_range("shift", value, 0, 1)
    settings = {"height_factor": value, "width_factor": value}
    return "RandomTranslation", {**settings, "fill_mode": "constant"}


def _crop(value, shape):
    height, width, _ = shape
    if not is_count(value) or value >= min(height, width):
        raise ValueError(
            f"augmentation['crop']={value!r} must be a number of pixels, >= 1 and "
            f"below the sides of the images, {(height, width)}."
        )
    # A shift is uniform, then rounded: half a pixel more makes all equally likely.
    most = int(value) + 0.499
    settings = {"height_factor": most / height, "width_factor": most / width}
    # Keras would reflect images at their borders, and blur them between two pixels.
    fill = {"fill_mode": "constant", "interpolation": "nearest"}
    return "RandomTranslation", {**settings, **fill}


def _rotation(value, shape):
    value = _check_range("rotation", value, 0, 180)
    # Degrees -> shares of a full turn, which is Keras' unit.
    return "RandomRotation", {"factor": value / 360, "fill_mode": "constant"}


def _zoom(value, shape):
    value = _check_range("zoom", value, 0, 1)
    # Without a factor for the width Keras zooms both sides alike: shapes stay.
    return "RandomZoom", {"height_factor": value, "fill_mode": "constant"}


def _contrast(value, shape):
    value = _check_range("contrast", value, 0, 1)
    # Keras takes one number for the upper bound, with 0 below.
    factor = (value, value)
    # Keras clips to this range, by default 0 to 255: scaled images go below 0.
    return "RandomContrast", {"factor": factor, "value_range": (-1e6, 1e6)}


def _noise(value, shape):
    value = _check_range("noise", value, 0, 1)
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
    return float(value)


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
    several = isinstance(augmentation, (list, tuple))
    made = []
    for part in augmentation if several else [augmentation]:
        if isinstance(part, dict):
            made += _plain_settings_of(part, image_shape)
        else:
            made.append(_plain_layer(part, image_shape))
    return json.dumps(made, sort_keys=True)


def _plain_settings_of(augmentation, image_shape):
    unknown = set(augmentation) - set(_KINDS)
    if unknown:
        raise ValueError(
            f"augmentation has the unknown names {sorted(map(str, unknown))}; accepted "
            f"are {list(_KINDS)}."
        )
    return [_KINDS[name](value, image_shape) for name, value in augmentation.items()]


def _plain_layer(layer, image_shape):
    name = type(layer).__name__
    if not type(layer).__module__.startswith("keras.") or name not in AUGMENTERS:
        raise ValueError(
            f"augmentation: {layer!r} is not one of Keras' random layers that keep the "
            f"shape of images: {', '.join(AUGMENTERS)}. Give several as a list."
        )
    settings = plain_settings(layer)
    # The text is part of the key of a program, and both differ for equal layers.
    settings = {k: v for k, v in settings.items() if k not in ("name", "seed")}
    if settings.pop("data_format", "channels_last") != "channels_last":
        raise ValueError(
            f"augmentation: {name} has data_format='channels_first', but the channels "
            "of images must come last."
        )
    if name in _OF_COLOR and image_shape[2] != 3:
        raise ValueError(
            f"augmentation: {name} needs images of three channels, got {image_shape}."
        )
    return name, settings


def plain_settings(layer):
    """Return the settings from which a random layer can be built again.

    Parameters
    ----------
    layer : keras.layers.Layer
        One of ``AUGMENTERS``.

    Returns
    -------
    dict
        As plain data, without the types of its numbers.
    """
    dropped = ("dtype", "trainable")
    return {
        name: list(value) if isinstance(value, list) else value  # Keras has its own
        for name, value in layer.get_config().items()
        if name not in dropped
    }
