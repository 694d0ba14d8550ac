"""A journal file that survives a torn last line."""

import json
import os

from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

__all__ = ["MendingJournal", "check_journal"]

# Optuna writes this key first in each entry.
_BEGIN = b'{"op_code"'

# Seconds after which the lock of a journal file is taken from a process that has died.
LOCK_GRACE = 10


class MendingJournal(JournalFileBackend):
    """A journal file whose last line may have been torn by a kill or a power failure.

    Anything appended to a torn line could not be read. So such a line is cut off before
    anything is written: the process that wrote it died before it could rely on it.

    Parameters
    ----------
    path : str
        Path of the file.
    """

    def __init__(self, path):
        self._path = path
        # Optuna's default kind of lock, so that programs without this class wait, too.
        self._file_lock = JournalFileSymlinkLock(path, grace_period=LOCK_GRACE)
        super().__init__(path, lock_obj=self._file_lock)

    def append_logs(self, logs):
        """Append some entries, after cutting off a torn one."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self._file_lock.acquire()
        try:
            with open(self._path, "rb+") as file:
                file.seek(_end_of_lines(file))
                file.truncate()
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())
        finally:
            self._file_lock.release()


def _end_of_lines(file):
    """Return where the last whole line of a file ends."""
    end = file.seek(0, os.SEEK_END)
    while end:
        begin = max(0, end - 4096)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def check_journal(path):
    """Check that a file is a journal, or that there is none yet.

    Parameters
    ----------
    path : str
        Of the file.

    Raises
    ------
    ValueError
        If it is a folder, another file, or is called like one of SQLite.
    """
    if path.endswith((".db", ".sqlite", ".sqlite3")):
        raise ValueError(
            f"storage={path!r} is called like a file of SQLite: give "
            f"'sqlite:///{path}', or another name for a journal file."
        )
    if os.path.isdir(path):
        raise ValueError(
            f"storage={path!r} is a folder: give the path of a journal file in it."
        )
    if not os.path.exists(path):
        return
    with open(path, "rb") as file:
        begin = file.read(len(_BEGIN))
    # An empty file, and one whose only line was torn early, are journals too.
    if not _BEGIN.startswith(begin):
        raise ValueError(
            f"storage={path!r} is a file, but not an Optuna journal; it was not "
            "changed. Give another path, or the URL of a database."
        )
