"""Writes the file: an uncompressed zip archive of a manifest, arrays and models."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from skdl._utils._files import replaced
from skdl.saving._archive import MANIFEST, MAX_MANIFEST
from skdl.saving._versions import VERSION

__all__ = ["Writer"]

# A fixed time: the same model gives the same file.
_TIME = (1980, 1, 1, 0, 0, 0)


class Writer:
    """Collects what goes into a file, and writes it.

    Attributes
    ----------
    members : dict of str to bytes-like
        Content of the members beside the manifest.
    """

    def __init__(self):
        self.members = {}
        self._described = {}

    def add_array(self, array):
        """Take an array; return the name of its member."""
        name = f"arrays/{len(self.members)}.npy"
        content = io.BytesIO()
        np.lib.format.write_array(content, array, version=(1, 0), allow_pickle=False)
        shape = {"dtype": array.dtype.str, "shape": list(array.shape)}
        return self._add(name, content.getbuffer(), shape)

    def add_model(self, content):
        """Take the bytes of a ``.keras`` file; return the name of its member."""
        return self._add(f"models/{len(self.members)}.keras", content, {})

    def _add(self, name, content, described):
        self.members[name] = content
        digest = hashlib.sha256(content).hexdigest()
        self._described[name] = {"sha256": digest, "size": len(content), **described}
        return name

    def write(self, path, manifest):
        """Write the file, whole or not at all.

        Parameters
        ----------
        path : str or path
            The file; if it exists, it is replaced atomically.
        manifest : dict
            The manifest, without its version and the members, which are added.
        """
        manifest = {**manifest, "version": VERSION, "members": self._described}
        text = json.dumps(manifest, sort_keys=True).encode()
        if len(text) > MAX_MANIFEST:
            raise ValueError(
                f"The estimator needs {len(text)} bytes besides its arrays, but a file "
                f"may have at most {MAX_MANIFEST}: too many columns or networks, or "
                "lists that should be arrays. Use joblib.dump, whose files run code "
                "when they are loaded."
            )
        with (
            replaced(Path(path)) as stream,
            zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive,
        ):
            # The manifest can't hold its own checksum.
            archive.comment = hashlib.sha256(text).hexdigest().encode()
            for name, content in {MANIFEST: text, **self.members}.items():
                archive.writestr(zipfile.ZipInfo(name, _TIME), bytes(content))
