"""Files that are written whole, or not at all."""

import os
import tempfile
from contextlib import contextmanager

__all__ = ["replaced"]


@contextmanager
def replaced(path):
    """Open a file beside ``path`` that takes its place when the block has ended."""
    descriptor, temporary = tempfile.mkstemp(
        prefix=f".{path.name}.", suffix=".part", dir=path.parent
    )
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            os.fchmod(descriptor, 0o666 & ~_umask())
            yield stream
            stream.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder):
    """Make the new name of a file last, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
