"""The finished runs of a comparison, so that the same call resumes."""

import hashlib
import json
import threading
from pathlib import Path

from skdl._utils._files import created, replaced
from skdl._utils._fingerprint import Fingerprint
from skdl._utils._numbers import draw_seed
from skdl.inspection._trained_run import TrainedRun

__all__ = ["Ledger", "open_ledger"]

_HEAD = "comparison.json"

# The ledger of the last comparison that was interrupted in this process, if it had no
# folder: the next call of the same comparison resumes from it.
_interrupted: list = []


class Ledger:
    """Keeps finished runs, in a folder or in this process.

    Each run is a file of its own, written whole or not at all. Several processes may
    share a folder: none begins a run that another has finished.

    Parameters
    ----------
    folder : Path or None
        The folder; None keeps the runs in memory.
    fingerprint : Fingerprint
        Identifies the comparison: two with the same fingerprint are the same.
    seed : int
        Seed of all random numbers.
    """

    def __init__(self, folder, fingerprint, seed):
        self.seed = seed
        self.fingerprint = fingerprint
        self._folder = folder
        self._runs = {}
        self._lock = threading.Lock()

    def find(self, key):
        """Return a finished run, or None."""
        with self._lock:
            if key in self._runs:
                return self._runs[key]
        path = None if self._folder is None else self._path(key)
        if path is None or not path.exists():
            return None
        try:
            return TrainedRun(**_read_json(path))
        except TypeError as error:
            raise ValueError(f"{path} is not a comparison file: {error}") from error

    def add(self, run):
        """Keep a finished run."""
        with self._lock:
            self._runs[run.key] = run
        if self._folder is not None:
            with replaced(self._path(run.key)) as stream:
                stream.write(_encode(run.to_dict()))

    def interrupt(self):
        """Remember the runs in this process, if they are in no folder."""
        if self._folder is None:
            _interrupted[:] = [self]

    def _path(self, key):
        # A digest: names of variants may have characters that no file name takes.
        name = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
        return self._folder / f"run-{name}.json"


def open_ledger(folder, fingerprint, seed):
    """Open the ledger of a comparison, or a new one.

    Parameters
    ----------
    folder : str or path or None
        Where the runs are kept; created if it does not exist.
    fingerprint : Fingerprint
        Identifies the comparison: two with the same fingerprint are the same.
    seed : int or None
        The seed of the comparison; None uses that of the ledger, or draws one.

    Returns
    -------
    Ledger

    Raises
    ------
    ValueError
        If the folder is that of another comparison.
    """
    drawn = draw_seed(None) if seed is None else seed
    if folder is None:
        for kept in _interrupted:
            if kept.fingerprint == fingerprint and seed in (None, kept.seed):
                _interrupted.clear()
                return kept
        return Ledger(None, fingerprint, drawn)
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    head = folder / _HEAD
    # Of processes that begin at once one writes its seed; the others read it below.
    if created(head, _encode({"seed": drawn, "fingerprint": fingerprint})):
        return Ledger(folder, fingerprint, drawn)
    found = _read_json(head)
    if not {"seed", "fingerprint"} <= set(found):
        raise ValueError(f"{head} is not a comparison file.")
    differences = fingerprint.differences(Fingerprint(found["fingerprint"]))
    if seed not in (None, found["seed"]):
        differences.append(f"random_state ({found['seed']} there, {seed} here)")
    if not differences:
        return Ledger(folder, fingerprint, found["seed"])
    if not any(folder.glob("run-*.json")):  # of a call that has finished nothing
        head.unlink()
        return open_ledger(folder, fingerprint, seed)
    raise ValueError(
        f"folder={str(folder)!r} holds the runs of another comparison; what differs: "
        f"{', '.join(differences)}. Give another folder, or delete it."
    )


def _encode(content):
    return json.dumps(content, indent=1).encode()


def _read_json(path):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not a comparison file: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a comparison file.")
    return content
