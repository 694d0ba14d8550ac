"""Opening the study of a search, and its storage."""

import os
import re
import time
import weakref
from contextlib import contextmanager

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.storages.journal import JournalStorage
from optuna.trial import TrialState
from sqlalchemy.exc import IntegrityError, NoSuchModuleError

from skdl.model_selection._journal import MendingJournal, check_journal

__all__ = ["open_storage", "open_study", "quiet_optuna"]

# Seconds to wait for a lock that another process holds on an SQLite file.
LOCK_TIMEOUT = 20
_FINGERPRINT_KEY = "skdl:search"
# What databases say in a race for a table or a row.
_SIGNS_OF_A_RACE = ("already exists", "duplicate key", "UNIQUE constraint", "version")


@contextmanager
def quiet_optuna():
    """Keep Optuna from logging internal studies and trials."""
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
    storage : None, str, path-like or optuna.storages.BaseStorage
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
    if isinstance(storage, os.PathLike):
        storage = os.fspath(storage)
    if not isinstance(storage, str) or not storage:
        raise TypeError(
            f"storage={storage!r} must be a database URL such as "
            "'sqlite:///study.db', the path of a journal file, or a storage of Optuna."
        )
    is_url = "://" in storage
    try:
        if not is_url:
            check_journal(storage)
    except OSError as error:
        raise _say_what_to_do(storage, error) from error
    try:
        if not is_url:
            return JournalStorage(MendingJournal(storage))
        return _open_database(storage)
    except Exception as error:
        raise _say_what_to_do(storage, error) from error


def _open_database(url):
    """Open a database; try again while another process is creating its tables."""
    for pause in (0.2, 0.5, 1.0, 2.0):
        try:
            return _connect(url)
        except Exception as error:
            if not _is_race(error):
                raise
        time.sleep(pause)
    return _connect(url)


def _connect(url):
    database = RDBStorage(url, engine_kwargs=_engine_settings(url))
    # The pool of SQLAlchemy keeps its connections open until it is disposed of.
    weakref.finalize(database, database.engine.dispose)
    return database


def _is_race(error):
    """Return whether another process was quicker to make a table or a row."""
    text = f"{error} {error.__cause__}"
    return any(sign in text for sign in _SIGNS_OF_A_RACE)


def _say_what_to_do(storage, error):
    text = _hide_password(storage) if isinstance(storage, str) else repr(storage)
    return ConnectionError(
        f"storage={text!r} can't be used: {_first_line(error)} "
        f"{_advise(str(storage), error)}"
    )


def _engine_settings(url):
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": LOCK_TIMEOUT}}
    # A server may close a connection that rests while a trial trains.
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
        return (
            "It is read as the path of a journal file: check that the folder exists "
            "and that you may write to it."
        )
    if storage.startswith("sqlite"):
        return "Check that the folder exists and the file is an Optuna study."
    return "Check that the server runs, and the name, port, user and password."


def open_study(
    storage, where, name, resume, fingerprint, sampler, pruner, directions=None
):
    """Return the study of a search: the existing one, or a new one.

    Parameters
    ----------
    storage : optuna.storages.BaseStorage
        The storage of the study.
    where : object
        The user's value of the parameter ``storage``.
    name : str or None
        Name of the study; None makes one from the fingerprint.
    resume : bool or "auto"
        Whether the study must exist (True), must not exist (False), or either.
    fingerprint : Fingerprint
        Fingerprint of the search.
    sampler, pruner : object
        The sampler and the pruner of the study from now on.
    directions : list of str, default=None
        Directions of several objectives; None maximizes one.

    Raises
    ------
    ConnectionError
        If the storage can't be used, or is locked.
    ValueError
        If the study is that of another search.
    """
    directions = directions or ["maximize"]
    arguments = storage, name, resume, fingerprint, sampler, pruner, directions
    try:
        return _open_study(*arguments)
    except (StorageInternalError, IntegrityError) as error:
        if not _is_race(error):
            raise _say_what_to_do(where, error) from error
    return _open_study(*arguments)  # another process has just made it


def _open_study(storage, name, resume, fingerprint, sampler, pruner, directions):
    name = name or f"skdl-{fingerprint.short()}"
    there = name in optuna.get_all_study_names(storage)
    if there and resume is False:
        raise ValueError(
            f"resume=False, but the storage has a study {name!r} already: choose "
            "another study_name, or resume='auto' to resume it."
        )
    if not there and resume is True:
        names = optuna.get_all_study_names(storage)
        raise ValueError(
            f"resume=True, but the storage has no study {name!r}. It has: "
            f"{', '.join(map(repr, names)) or 'none'}."
        )
    if there:
        found = optuna.load_study(study_name=name, storage=storage)
        _check_study(found, fingerprint, directions)
    with quiet_optuna():
        study = optuna.create_study(
            study_name=name,
            storage=storage,
            sampler=sampler,
            pruner=pruner,
            directions=directions,
            # Another process may have made it since; and a storage keeps neither
            # sampler nor pruner, which a found study gets here.
            load_if_exists=True,
        )
    if _FINGERPRINT_KEY not in study.user_attrs:
        study.set_user_attr(_FINGERPRINT_KEY, dict(fingerprint))
    return study


def _check_study(study, fingerprint, directions):
    name = study.study_name
    found = [direction.name.lower() for direction in study.directions]
    if found != list(directions):
        raise ValueError(
            f"The study {name!r} has the direction {', '.join(found)}; this search has "
            f"{', '.join(directions)}. Choose another study_name."
        )
    known = study.user_attrs.get(_FINGERPRINT_KEY)
    trials = study.get_trials(deepcopy=False)
    if known is None and all(trial.state == TrialState.WAITING for trial in trials):
        return  # it is new, perhaps with trials that its user has put into the queue
    if known is None:
        raise ValueError(
            f"The study {name!r} was not made by OptunaSearchCV, so it can't be "
            "checked whether it used the same data. Choose another study_name."
        )
    differences = fingerprint.differences(known)
    if differences:
        raise ValueError(
            f"The study {name!r} belongs to another search; what differs: "
            f"{'; '.join(differences)}. Choose another study_name, or use the settings "
            "and data of that search (for the folds: a splitter with a random_state)."
        )
