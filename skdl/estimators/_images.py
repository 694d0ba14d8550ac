"""Images as rows: their shape, and the sizes of the kernels."""

import math
import warnings
from collections.abc import Iterable
from numbers import Integral

from skdl._utils._numbers import is_count

__all__ = [
    "check_given_shape",
    "check_same_images",
    "expand_kernel_size",
    "find_image_shape",
]


def find_image_shape(shape, given):
    """Return height, width and channels of the images in X.

    Parameters
    ----------
    shape : tuple of int
        Shape of X: rows, or images with or without channels.
    given : sequence of int or None
        Height, width and perhaps channels, as given by the user.

    Returns
    -------
    tuple of int
        Flat rows of unknown shape are squares of one channel, else of three, else
        images of height 1. Warns if the channels seem to come first.

    Raises
    ------
    ValueError
        If ``given`` is not a valid shape, or not that of X.
    """
    if len(shape) > 4:
        raise ValueError(
            f"X has {len(shape)} dimensions, {tuple(shape)}: images are (n_samples, "
            "height, width) or (n_samples, height, width, channels)."
        )
    if len(shape) in (3, 4):
        found = _shape_of_images(shape)
        check_given_shape(given, found)
        _warn_of_channels_first(found)
        return found
    if given is None:
        return _infer(shape[1] if len(shape) == 2 else 1)
    found = _check_image_shape(given)
    if len(shape) == 2 and math.prod(found) != shape[1]:
        raise ValueError(
            f"image_shape={given!r} has {math.prod(found)} values, and a row of X has "
            f"{shape[1]} features."
        )
    return found


def check_given_shape(given, found):
    """Check that the shape given by the user is that of the images.

    Raises
    ------
    ValueError
        If it is not a valid shape, or differs.
    """
    if given is not None and _check_image_shape(given) != found:
        raise ValueError(
            f"image_shape={given!r} is not the shape of the images in X, {found}."
        )


def _shape_of_images(shape):
    return (*map(int, shape[1:]), 1)[:3]  # (n, h, w) or (n, h, w, c) -> (h, w, c)


def _warn_of_channels_first(found):
    height, width, channels = found
    # (n, channels, side, side), read as (n, height, width, channels).
    if height in (1, 3) and channels not in (1, 3) and width == channels:
        warnings.warn(
            f"The images have shape {found}: height, width and channels. If their "
            "channels come first, give np.moveaxis(X, 1, -1).",
            stacklevel=2,
        )


def check_same_images(estimator, shape, name="X"):
    """Check that images are of the shape that an estimator was fitted on.

    Parameters
    ----------
    estimator : estimator
        Its ``image_shape_`` is None if that is not known.
    shape : tuple of int
        Shape of the data; flat rows are not checked.
    name : str, default="X"
        Name of the data.

    Raises
    ------
    ValueError
        If their shape differs, or the data are a single image.
    """
    expected, is_image = estimator.image_shape_, len(shape) in (3, 4)
    if expected is None:
        return
    row = (math.prod(expected),)
    if (_shape_of_images(shape) if is_image else tuple(shape[1:])) in (expected, row):
        return
    if tuple(shape) in (expected, expected[:2]):
        raise ValueError(
            f"{name} is a single image of shape {tuple(shape)}: give "
            f"{name}[np.newaxis]."
        )
    if is_image:
        raise ValueError(
            f"{name} holds images of shape {_shape_of_images(shape)} (height, width, "
            f"channels), but {type(estimator).__name__} was fitted on {expected}."
        )


def _check_image_shape(given):
    shape = tuple(given) if isinstance(given, Iterable) else ()
    if len(shape) not in (2, 3) or not all(map(is_count, shape)):
        raise ValueError(
            f"image_shape={given!r} must be (height, width) or (height, width, "
            "channels), of integers >= 1."
        )
    return (*map(int, shape), 1)[:3]


def _infer(n_features):
    # No number above 0 is a square and three times a square: the order decides nothing.
    for channels in (1, 3):
        side = math.isqrt(n_features // channels)
        # Three features are a row of three pixels, not one pixel of three colours.
        if side * side * channels == n_features and side > 1:
            return side, side, channels
    return 1, max(n_features, 1), 1


def expand_kernel_size(size, n_blocks):
    """Return the height and the width of the kernels of each convolution.

    Raises
    ------
    ValueError
        If there are more or fewer sizes than convolutions, or one is not an int >= 1.
    """
    sizes = [size] * n_blocks if isinstance(size, Integral) else list(size)
    if len(sizes) != n_blocks:
        raise ValueError(
            f"kernel_size={size!r} has {len(sizes)} sizes for {n_blocks} convolutions: "
            "give one int, or one for each."
        )
    for index, one in enumerate(sizes):
        if not is_count(one):
            raise ValueError(f"kernel_size[{index}]={one!r} must be an integer >= 1.")
    return tuple((int(one), int(one)) for one in sizes)
