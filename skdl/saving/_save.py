"""``skdl.save`` and ``skdl.load``."""

import importlib.metadata
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from skdl.saving._archive import ModelFileError, Reader
from skdl.saving._archive_writer import Writer
from skdl.saving._decoder import Decoder
from skdl.saving._encoder import Encoder
from skdl.saving._versions import lift

__all__ = ["load", "save"]

_RECORDED_LIBRARIES = ("skdl", "scikit-learn", "keras", "tensorflow", "numpy")


def save(estimator: Any, path: Any) -> None:
    """Save an estimator or a pipeline to a file that runs no code when it is loaded.

    The file is a zip archive with a manifest (the parameters and fitted attributes as
    plain data, with the versions of the libraries and a checksum of each member) and
    arrays. It is written completely or not at all.

    Parameters
    ----------
    estimator : estimator
        An estimator of skdl, fitted or not, or one of scikit-learn that holds plain
        data: pipelines, column transformers, scalers, encoders, ``SimpleImputer``, PCA,
        ``SelectKBest``, linear models such as ``Ridge``, voting, stacking. The
        callbacks of a network can't be saved: set ``callbacks=None`` first.
    path : str or path
        The file to write. An existing file is replaced atomically.

    Raises
    ------
    ValueError
        If a part of the estimator can't be saved; the message names it. Nothing is
        written then.

    See Also
    --------
    load : Load a saved estimator.

    Notes
    -----
    Trees, support vector machines and nearest neighbours can't be saved, since their
    compiled code does not check its data. ``joblib.dump`` saves everything, in files
    that run code when they are loaded.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import skdl
    >>> X, y = load_iris(return_X_y=True)
    >>> network = skdl.MLPClassifier(epochs=2, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), network).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skdl.save(pipeline, f"{folder}/iris.skdl")
    ...     loaded = skdl.load(f"{folder}/iris.skdl")
    >>> bool((loaded.predict(X) == pipeline.predict(X)).all())
    True
    """
    if not isinstance(estimator, BaseEstimator):
        raise ValueError(f"save takes an estimator or a pipeline, got {estimator!r}.")
    writer = Writer()
    encoder = Encoder(writer, _model_to_bytes)
    root = encoder.encode(estimator, type(estimator).__name__)
    manifest = {
        "format": "skdl",
        "libraries": {name: _version(name) for name in _RECORDED_LIBRARIES},
        "classes": sorted(encoder.classes),
        "root": root,
    }
    writer.write(path, manifest)


def load(path: Any, *, trusted: bool = False) -> Any:
    """Load an estimator that ``save`` has written.

    The file is checked before it is used: its members, their sizes, checksums, dtypes
    and shapes, the names of the classes, and that the weights of networks are finite
    and have matching shapes.

    Parameters
    ----------
    path : str or path
        The file.
    trusted : bool, default=False
        Whether to load Keras models (those of ``KerasClassifier`` and
        ``KerasRegressor``). Keras reads them in its safe mode, but their layers may
        still do anything when they predict. Set it only for files that you trust.

    Returns
    -------
    estimator
        The estimator as it was saved. Where the parameter ``model`` of a
        ``KerasClassifier`` or ``KerasRegressor`` was a function, it builds the same
        layers with new weights now.

    Raises
    ------
    ModelFileError
        If the file is incomplete, not a file of skdl, made by a newer version, or holds
        anything that is not allowed.
    FileNotFoundError
        If there is no such file.

    See Also
    --------
    save : Save an estimator; has an example.
    """
    try:
        with Reader(path) as reader:
            if reader.has_models and not trusted:
                raise ModelFileError(
                    f"{path} can't be loaded: it holds a Keras model, which may run "
                    "code. If you trust its source, load it with trusted=True."
                )
            root = lift(reader.manifest["root"], reader.manifest["version"])
            found = Decoder(reader, _model_from_bytes).decode(root)
        if not isinstance(found, BaseEstimator):
            raise ModelFileError(
                f"{path} can't be loaded: it holds an object of type "
                f"{type(found).__name__}, not an estimator."
            )
        return found
    except ModelFileError:
        raise
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
        ImportError,
        LookupError,
        MemoryError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise ModelFileError(f"{path} can't be loaded: {error}") from error


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None  # TensorFlow's other builds have other names


def _model_to_bytes(model: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def _model_from_bytes(content: bytes) -> Any:
    import keras

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(content)
        try:
            model = keras.saving.load_model(path, safe_mode=True)
        except Exception as error:  # Keras raises what its parts raise
            raise ValueError(f"Keras refuses the model in it: {error}") from error
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise ValueError("the weights of the Keras model in it are not finite.")
    return model
