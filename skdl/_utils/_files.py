"""Files that are written whole, or not at all."""

import os
import uuid
from contextlib import contextmanager, suppress

__all__ = ["created", "replaced"]


@contextmanager
def replaced(path):
    """Open a file beside ``path`` that takes its place when the block has ended."""
    with _written_beside(path) as temporary:
        with open(temporary, "w+b") as stream:
            yield stream
            stream.flush()
            # Before the rename: else a power cut may leave an empty file of the new
            # name.
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    _sync_folder(path.parent)


def created(path, content):
    """Write a file unless it exists already; return whether it was written.

    Of several processes that try at once, one succeeds.
    """
    with _written_beside(path) as temporary:
        temporary.write_bytes(content)
        try:
            # Unlike a rename, a link fails where the name exists.
            os.link(temporary, path)
        except FileExistsError:
            return False
    _sync_folder(path.parent)
    return True


@contextmanager
def _written_beside(path):
    """Give the name of a file beside ``path``, and leave none of that name behind."""
    # In the same folder, since a rename can't cross file systems; and not by tempfile,
    # whose files only their owner can read.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.part")
    try:
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _sync_folder(folder):
    """Make the new name of a file durable, if the system can."""
    # Windows opens no folders.
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
