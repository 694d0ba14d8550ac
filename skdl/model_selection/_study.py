"""Opening the study of a search: its storage, and whether it is the same search."""

import hashlib
import json
import os
import re
import weakref
from contextlib import contextmanager

import numpy as np
import optuna
import pandas as pd
from optuna.storages import RDBStorage
from optuna.storages.journal import (
    JournalFileBackend,
    JournalFileSymlinkLock,
    JournalStorage,
)
from optuna.study import StudyDirection
from scipy import sparse
from sqlalchemy.exc import NoSuchModuleError

__all__ = [
    "Fingerprint",
    "open_storage",
    "open_study",
    "quiet_optuna",
    "take_fingerprint",
]

# Seconds to wait for a lock that another process holds on an SQLite file.
LOCK_TIMEOUT = 20
# Seconds after which the lock of a journal file is taken from a process that has died.
LOCK_GRACE = 10
_KEY = "skdl:search"
# Parameters of estimators that do not change what a fit gives.
_CHANGES_NOTHING = {"memory", "n_jobs", "verbose"}


@contextmanager
def quiet_optuna():
    """Keep Optuna from telling of studies and trials that are none of the user's."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(verbosity, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def open_storage(storage):
    """Return the Optuna storage of a parameter ``storage``.

    Parameters
    ----------
    storage : None, str or optuna.storages.BaseStorage
        None for the memory; a database URL; the path of a journal file; or a storage.

    Raises
    ------
    ConnectionError
        If it can't be reached.
    """
    if storage is None:
        return optuna.storages.InMemoryStorage()
    if isinstance(storage, optuna.storages.BaseStorage):
        return storage
    if not isinstance(storage, str) or not storage:
        raise TypeError(
            f"storage={storage!r} must be a database URL such as "
            "'sqlite:///study.db', the path of a journal file, or a storage of Optuna."
        )
    try:
        if "://" not in storage:
            return JournalStorage(_MendingJournal(storage))
        database = RDBStorage(storage, engine_kwargs=_engine_settings(storage))
        weakref.finalize(database, database.engine.dispose)
        return database
    except Exception as error:
        raise ConnectionError(
            f"storage={_hide_password(storage)!r} can't be used: "
            f"{_first_line(error)} {_advise(storage, error)}"
        ) from error


def _engine_settings(url):
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": LOCK_TIMEOUT}}
    return {"pool_pre_ping": True}


def _hide_password(url):
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)


def _first_line(error):
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {_hide_password(str(cause)).splitlines()[0]}"


def _advise(storage, error):
    if isinstance(error, (ImportError, NoSuchModuleError)):
        return "Install the database's driver, for example skdl[postgresql]."
    if "locked" in str(error.__cause__ or error):
        return "Another process holds the file: wait for it, or end it."
    if "://" not in storage:
        return "It is read as the path of a journal file: check folder and rights."
    if storage.startswith("sqlite"):
        return "Check that the folder exists and the file is an Optuna study."
    return "Check that the server runs, and the name, port, user and password."


class _MendingJournal(JournalFileBackend):
    """A journal file whose last line may have been torn by a kill or a power failure.

    What is appended to a torn line can't be read any more. So such a line is cut off
    before anything is written: its writer did not live to rely on it.

    Parameters
    ----------
    path : str
        Of the file.
    """

    def __init__(self, path):
        self._path = path
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


class Fingerprint(dict):
    """What makes two searches the same: short texts by the names of their subjects."""

    def differences(self, other):
        """Return what differs, in words."""
        return [
            f"{subject} ({other.get(subject, 'none')} in the study, {text} here)"
            for subject, text in self.items()
            if other.get(subject) != text
        ]

    def short(self):
        """Return eight characters that stand for all of it."""
        return _digest(repr(sorted(self.items())).encode())[:8]


def take_fingerprint(estimator, space, scoring, folds, data):
    """Return the fingerprint of a search.

    Parameters
    ----------
    estimator : estimator
        What is tuned.
    space : DictSpace or FunctionSpace
        What is searched.
    scoring : object
        The parameter ``scoring``.
    folds : list of tuple of ndarray
        Rows to train and to test on.
    data : dict
        X, y and what else came with ``fit``, by name.
    """
    searched = space.draw_example()
    settings = {
        name: _describe(value)
        for name, value in estimator.get_params(deep=True).items()
        if name not in searched and name.split("__")[-1] not in _CHANGES_NOTHING
    }
    found = Fingerprint()
    for name, value in data.items():
        if value is not None:
            found[name] = f"{_shape(value)}{_hash_data(value)}"
    found["folds"] = f"{len(folds)} folds {_hash_data(np.concatenate(folds[0]))}"
    found["folds"] += _hash_data(np.concatenate([test for _, test in folds]))
    found["space"] = _digest(space.describe().encode())
    found["scoring"] = _describe(scoring)
    found["estimator"] = f"{type(estimator).__name__} "
    found["estimator"] += _digest(repr(sorted(settings.items())).encode())
    return found


def _describe(value):
    if hasattr(value, "get_params"):
        return type(value).__qualname__
    if callable(value) and hasattr(value, "__qualname__"):
        return value.__qualname__
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _shape(value):
    shape = getattr(value, "shape", None)
    return f"{' x '.join(map(str, shape))} " if shape else ""


def _hash_data(value):
    if isinstance(value, (pd.DataFrame, pd.Series)):
        rows = pd.util.hash_pandas_object(value, index=False).to_numpy()
        names = getattr(value, "columns", [getattr(value, "name", None)])
        return _digest(rows.tobytes(), repr(list(names)).encode())
    if sparse.issparse(value):
        value = value.tocoo()
        parts = (value.data, value.row, value.col)
        return _digest(*(np.ascontiguousarray(part).tobytes() for part in parts))
    array = np.asarray(value)
    if array.dtype.kind in "OUST":
        rows = pd.util.hash_array(array.astype(object).ravel(), categorize=False)
        return _digest(rows.tobytes())
    return _digest(str(array.dtype).encode(), np.ascontiguousarray(array).data)


def _digest(*parts):
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def open_study(storage, name, resume, fingerprint, sampler, pruner):
    """Return the study of a search: the one that is there, or a new one.

    Parameters
    ----------
    storage : optuna.storages.BaseStorage
        Where it is.
    name : str or None
        Of the study; None takes one from the fingerprint.
    resume : bool or "auto"
        Whether it must be there (True), must not be (False), or either is well.
    fingerprint : Fingerprint
        Of the search.
    sampler, pruner : object
        Of the study, from now on.

    Raises
    ------
    ValueError
        If the study is that of another search.
    """
    name = name or f"skdl-{fingerprint.short()}"
    there = name in optuna.get_all_study_names(storage)
    if there and resume is False:
        raise ValueError(
            f"resume=False, but the storage has a study {name!r} already: choose "
            "another study_name, or resume='auto' to go on with it."
        )
    if not there and resume is True:
        names = optuna.get_all_study_names(storage)
        raise ValueError(
            f"resume=True, but the storage has no study {name!r}. It has: "
            f"{', '.join(map(repr, names)) or 'none'}."
        )
    if there:
        _check_study(optuna.load_study(study_name=name, storage=storage), fingerprint)
    with quiet_optuna():
        study = optuna.create_study(
            study_name=name,
            storage=storage,
            sampler=sampler,
            pruner=pruner,
            direction="maximize",
            load_if_exists=True,
        )
    if _KEY not in study.user_attrs:
        study.set_user_attr(_KEY, dict(fingerprint))
    return study


def _check_study(study, fingerprint):
    name = study.study_name
    if study.directions != [StudyDirection.MAXIMIZE]:
        directions = ", ".join(d.name.lower() for d in study.directions)
        raise ValueError(
            f"The study {name!r} has the direction {directions}; a search maximizes "
            "its score. Choose another study_name."
        )
    known = study.user_attrs.get(_KEY)
    if known is None and not study.get_trials(deepcopy=False):
        return
    if known is None:
        raise ValueError(
            f"The study {name!r} was not made by OptunaSearchCV: whether it has the "
            "same data can't be known. Choose another study_name."
        )
    differences = fingerprint.differences(known)
    if differences:
        raise ValueError(
            f"The study {name!r} is one of another search; what differs: "
            f"{'; '.join(differences)}. Choose another study_name, or give the search "
            "what it had (folds: a splitter with a random_state)."
        )
