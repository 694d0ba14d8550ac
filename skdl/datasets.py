"""Image data sets: downloaded, from Keras' cache folder, or from a local file."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["load_cifar10", "load_fashion_mnist", "load_mnist"]

_KEYS = ("x_train", "y_train", "x_test", "y_test")
_ERRORS_OF_READING = (
    KeyError,
    ValueError,
    OSError,
    EOFError,
    TypeError,  # of an .npy file NumPy returns an array
    zipfile.BadZipFile,
    zlib.error,
)


def load_mnist(
    path: Any = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Load MNIST: handwritten digits, 28 by 28 grey pixels.

    Parameters
    ----------
    path : str or Path, default=None
        A local ``.npz`` file with the arrays ``x_train``, ``y_train``, ``x_test`` and
        ``y_test``. None downloads Keras' copy once, into Keras' cache folder.

    Returns
    -------
    X_train : ndarray of uint8, shape (60000, 28, 28)
        Images to train on, 0 to 255.
    y_train : ndarray of uint8, shape (60000,)
        Their digits.
    X_test : ndarray of uint8, shape (10000, 28, 28)
        Images to test on.
    y_test : ndarray of uint8, shape (10000,)
        Their digits.

    Raises
    ------
    OSError
        If there is neither a network nor the file.
    ValueError
        If the file holds something else.

    References
    ----------
    LeCun et al., "Gradient-based learning applied to document recognition" (1998).
    """
    return _load_images("mnist", path, (28, 28))


def load_fashion_mnist(
    path: Any = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Load Fashion-MNIST: ten kinds of clothes, 28 by 28 grey pixels.

    Parameters
    ----------
    path : str or Path, default=None
        As for ``load_mnist``.

    Returns
    -------
    X_train : ndarray of uint8, shape (60000, 28, 28)
        Images to train on, 0 to 255.
    y_train : ndarray of uint8, shape (60000,)
        Their classes, 0 to 9.
    X_test : ndarray of uint8, shape (10000, 28, 28)
        Images to test on.
    y_test : ndarray of uint8, shape (10000,)
        Their classes.

    Raises
    ------
    OSError
        If there is neither a network nor the file.
    ValueError
        If the file holds something else.

    References
    ----------
    Xiao, Rasul & Vollgraf, "Fashion-MNIST" (2017).
    """
    return _load_images("fashion_mnist", path, (28, 28))


def load_cifar10(
    path: Any = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Load CIFAR-10: ten kinds of things, 32 by 32 pixels in colour.

    Parameters
    ----------
    path : str or Path, default=None
        As for ``load_mnist``.

    Returns
    -------
    X_train : ndarray of uint8, shape (50000, 32, 32, 3)
        Images to train on, 0 to 255.
    y_train : ndarray of uint8, shape (50000,)
        Their classes, 0 to 9.
    X_test : ndarray of uint8, shape (10000, 32, 32, 3)
        Images to test on.
    y_test : ndarray of uint8, shape (10000,)
        Their classes.

    Raises
    ------
    OSError
        If there is neither a network nor the file.
    ValueError
        If the file holds something else.

    References
    ----------
    Krizhevsky, "Learning multiple layers of features from tiny images" (2009).
    """
    return _load_images("cifar10", path, (32, 32, 3))


def _load_images(name, path, image_shape):
    arrays = _download(name) if path is None else _read_arrays(name, Path(path))
    X_train, y_train, X_test, y_test = arrays
    for part, X, y in (("train", X_train, y_train), ("test", X_test, y_test)):
        if X.shape[1:] != image_shape or len(X) != y.size:
            raise ValueError(
                f"{name}: x_{part} has shape {X.shape} and y_{part} {y.shape}; "
                f"expected (n, {', '.join(map(str, image_shape))}) and (n,)."
            )
    # Keras has the labels of CIFAR-10 as (n, 1).
    return X_train, y_train.reshape(-1), X_test, y_test.reshape(-1)


def _read_arrays(name, path):
    if not path.is_file():
        raise FileNotFoundError(f"{name}: there is no file {path}.")
    try:
        # A pickle in a file from elsewhere could run code.
        # Opened here, since NumPy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return [archive[key] for key in _KEYS]
    except _ERRORS_OF_READING as error:
        raise ValueError(
            f"{name}: {path} is not an .npz file with the arrays {', '.join(_KEYS)} "
            f"({error})."
        ) from error


def _download(name):
    import keras

    try:
        train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception where it can't fetch
        raise OSError(
            f"{name} could not be downloaded ({error}). Without a network, fetch it "
            f"elsewhere with keras.datasets.{name}.load_data(), save its arrays by "
            "np.savez(file, x_train=..., y_train=..., x_test=..., y_test=...), and "
            "give the path of that file."
        ) from error
    return [*train, *test]
