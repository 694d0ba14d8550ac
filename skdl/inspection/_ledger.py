"""The runs of a comparison that are finished, so that a rerun goes on."""

import hashlib
import json
import threading
from pathlib import Path

from skdl._checks import draw_seed
from skdl._files import replaced
from skdl._fingerprint import Fingerprint
from skdl.inspection._runs import Run

__all__ = ["Ledger", "open_ledger"]

_HEAD = "comparison.json"

# The ledger of the last comparison of this process that was interrupted, if it had no
# folder: the next one that is the same goes on with it.
_interrupted: list = []


class Ledger:
    """Keeps finished runs, in a folder or in this process.

    Each run is a file of its own, written whole or not at all, so that several
    processes may share a folder.

    Parameters
    ----------
    folder : Path or None
        Where; None keeps them in this process.
    fingerprint : Fingerprint
        What makes two comparisons the same.
    seed : int
        Of all random numbers.
    runs : list of Run
        Those that are finished already.
    """

    def __init__(self, folder, fingerprint, seed, runs=()):
        self.seed = seed
        self.fingerprint = fingerprint
        self._folder = folder
        self._runs = {run.key: run for run in runs}
        self._lock = threading.Lock()

    def find(self, key):
        """Return a finished run, or None."""
        with self._lock:
            return self._runs.get(key)

    def add(self, run):
        """Keep a finished run."""
        with self._lock:
            self._runs[run.key] = run
        if self._folder is not None:
            name = hashlib.sha256(repr(run.key).encode()).hexdigest()[:16]
            _write(self._folder / f"run-{name}.json", run.to_dict())

    def interrupt(self):
        """Remember the runs in this process, if they are in no folder."""
        if self._folder is None:
            _interrupted[:] = [self]

    def __len__(self):
        return len(self._runs)


def open_ledger(folder, fingerprint, seed):
    """Open the ledger of a comparison, or a new one.

    Parameters
    ----------
    folder : str or path or None
        Where the runs are kept; made if need be.
    fingerprint : Fingerprint
        What makes two comparisons the same.
    seed : int or None
        The seed of the comparison; None takes that of the ledger, or draws one.

    Returns
    -------
    Ledger

    Raises
    ------
    ValueError
        If the folder is that of another comparison.
    """
    if folder is None:
        for kept in _interrupted:
            if kept.fingerprint == fingerprint and seed in (None, kept.seed):
                _interrupted.clear()
                return kept
        return Ledger(None, fingerprint, draw_seed(None) if seed is None else seed)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    head = folder / _HEAD
    if not head.exists():
        seed = draw_seed(None) if seed is None else seed
        _write(head, {"seed": seed, "fingerprint": fingerprint})
        return Ledger(folder, fingerprint, seed)
    found = _read(head)
    differences = fingerprint.differences(Fingerprint(found["fingerprint"]))
    if seed not in (None, found["seed"]):
        differences.append(f"random_state ({found['seed']} there, {seed} here)")
    if differences:
        raise ValueError(
            f"folder={str(folder)!r} holds the runs of another comparison; what "
            f"differs: {', '.join(differences)}. Give another folder, or delete it."
        )
    runs = [Run(**_read(path)) for path in sorted(folder.glob("run-*.json"))]
    return Ledger(folder, fingerprint, found["seed"], runs)


def _write(path, content):
    with replaced(path) as stream:
        stream.write(json.dumps(content, indent=1).encode())


def _read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no file of a comparison: {error}") from error
