"""Reads the file: an uncompressed zip archive of a manifest, arrays and models."""

import hashlib
import io
import json
import math
import os
import struct
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from skdl.saving._versions import VERSION

__all__ = ["MANIFEST", "MAX_MANIFEST", "ModelFileError", "Reader"]

MANIFEST = "manifest.json"
# Bytes. Each member is named there, so that it limits their number, too.
MAX_MANIFEST = 2**24
_MAX_HEADER = 4096  # characters; of an array
_MAX_INFLATION = 20  # of a Keras model, which may be compressed
_CHUNK = 2**20


class ModelFileError(ValueError):
    """Raised for a file that is not a model of skdl, is damaged, or can't be read."""


class Reader:
    """Checks a whole file, and then reads its members.

    Nothing is decompressed: members are stored uncompressed, so that none is larger
    than the file, and each must have the size, the checksum, the dtype and the shape
    that the manifest gives.

    Parameters
    ----------
    path : str or path
        The file.

    Raises
    ------
    ModelFileError
        If any check fails.
    """

    def __init__(self, path):
        self._path = Path(path)
        self._taken = set()
        # One handle for all: the file may be replaced meanwhile.
        self._stream = self._path.open("rb")
        try:
            with self._refusing():
                self._archive = zipfile.ZipFile(self._stream)
                infos = self._archive.infolist()
                self._check_members(infos)
                self.manifest = self._read_manifest()
                self._described = self._check_described(infos)
                for name in self._described:
                    self._check_content(name)
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._archive.close()
        self._stream.close()

    @property
    def has_models(self):
        """Whether there are Keras models in it."""
        return any(name.startswith("models/") for name in self._described)

    def array(self, name):
        """Return an array; each only once, so that no file is larger in memory."""
        described = self._described_as(name, "arrays/")
        if name in self._taken:
            self._refuse(f"it uses {name} twice")
        self._taken.add(name)
        with self._refusing(), self._archive.open(name) as stream:
            array = np.lib.format.read_array(
                stream, allow_pickle=False, max_header_size=_MAX_HEADER
            )
        if [array.dtype.str, list(array.shape)] != [
            described["dtype"],
            described["shape"],
        ]:
            self._refuse(f"{name} is not the array that the manifest describes")
        return array

    def model(self, name):
        """Return the bytes of a ``.keras`` file."""
        self._described_as(name, "models/")
        with self._refusing():
            content = self._archive.read(name)
            with zipfile.ZipFile(io.BytesIO(content)) as inner:
                size = sum(info.file_size for info in inner.infolist())
        if size > _MAX_INFLATION * len(content) + MAX_MANIFEST:
            self._refuse(f"{name} unpacks to {size} bytes")
        return content

    def _described_as(self, name, folder):
        if not isinstance(name, str) or not name.startswith(folder):
            self._refuse(f"{name!r} is no member of {folder}")
        if name not in self._described:
            self._refuse(f"it has no member {name!r}")
        return self._described[name]

    @contextmanager
    def _refusing(self):
        """Turn what a damaged file may raise in the block into one error."""
        try:
            yield
        except ModelFileError:
            raise
        except (zipfile.BadZipFile, EOFError) as error:
            self._refuse(f"it is not a complete zip archive ({error})", error)
        except (
            AttributeError,
            LookupError,
            MemoryError,
            NotImplementedError,
            OSError,
            OverflowError,
            RecursionError,
            RuntimeError,
            SyntaxError,
            TypeError,
            ValueError,
            struct.error,
        ) as error:
            self._refuse(f"it is damaged ({type(error).__name__}: {error})", error)

    def _refuse(self, why, error=None):
        raise ModelFileError(
            f"{self._path} can't be loaded: {why}. Save the model again, or get a new "
            "copy of the file."
        ) from error

    def _check_members(self, infos):
        names = [info.filename for info in infos]
        if len(set(names)) != len(names) or names[:1] != [MANIFEST]:
            self._refuse("it does not begin with one manifest")
        whole = os.fstat(self._stream.fileno()).st_size
        # The entries of a zip may all point to the same bytes.
        if sum(info.file_size for info in infos) > whole:
            self._refuse("its members are larger than the file")
        for info in infos:
            # Bit 0 of the flags: the member is encrypted.
            plain = info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1
            if not plain or info.compress_size != info.file_size:
                self._refuse(f"member {info.filename!r} is compressed or encrypted")
        if infos[0].file_size > MAX_MANIFEST:
            self._refuse(f"its manifest has {infos[0].file_size} bytes")

    def _read_manifest(self):
        text = self._archive.read(MANIFEST)
        if hashlib.sha256(text).hexdigest().encode() != self._archive.comment:
            self._refuse("its manifest does not have its checksum")
        manifest = json.loads(text)
        version = manifest.get("version")
        if manifest.get("format") != "skdl" or not isinstance(version, int):
            self._refuse("it is not a model of skdl")
        if version > VERSION:
            made_by = manifest.get("libraries", {}).get("skdl")
            self._refuse(
                f"it has format {version}, made by skdl {made_by}, but this version of "
                f"skdl reads formats up to {VERSION}: upgrade skdl"
            )
        return manifest

    def _check_described(self, infos):
        described = self.manifest["members"]
        if set(described) != {info.filename for info in infos[1:]}:
            self._refuse("its members are not those of its manifest")
        for info in infos[1:]:
            folder, _, name = info.filename.partition("/")
            if folder not in ("arrays", "models") or not name or set(name) & set("/\\"):
                self._refuse(f"the member name {info.filename!r} is not allowed")
            if described[info.filename]["size"] != info.file_size:
                self._refuse(f"{info.filename} does not have the size in the manifest")
        return described

    def _check_content(self, name):
        """Check the checksum of a member and, of an array, its header."""
        described = self._described[name]
        digest = hashlib.sha256()
        with self._archive.open(name) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        if digest.hexdigest() != described["sha256"]:
            self._refuse(f"{name} does not have its checksum")
        if name.startswith("arrays/"):
            with self._archive.open(name) as stream:
                self._check_header(stream, name, described)

    def _check_header(self, stream, name, described):
        if np.lib.format.read_magic(stream) != (1, 0):
            self._refuse(f"{name} is not an array in NumPy's format 1.0")
        # NumPy reads it by ast.literal_eval, which a long text can crash.
        shape, _, dtype = np.lib.format.read_array_header_1_0(
            stream, max_header_size=_MAX_HEADER
        )
        # An array of objects is a pickle, which runs code when it is read.
        if dtype.hasobject or dtype.kind not in "biufcSUmM":
            self._refuse(f"{name} holds {dtype}, which is not allowed")
        if [list(shape), dtype.str] != [described["shape"], described["dtype"]]:
            self._refuse(f"{name} does not have the shape and dtype in the manifest")
        # Two negative lengths have a positive product, which would pass below.
        if any(length < 0 for length in shape):
            self._refuse(f"{name} has the shape {shape}")
        expected = math.prod(shape) * dtype.itemsize
        if described["size"] != stream.tell() + expected:
            self._refuse(f"{name} does not have the size that its shape needs")
