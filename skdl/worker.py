"""A worker of a study: ``python -m skdl.worker --help``.

Any number of workers, on any machines, run the trials of one study until it has all of
its ``n_trials``. Each worker reads the search and the data from files, and the study
from a storage that all of them can reach.
"""

import argparse
import signal
import sys
from pathlib import Path

import joblib
import pandas as pd
from optuna.exceptions import StorageInternalError

from skdl.model_selection import OptunaSearchCV

__all__ = ["main"]


def main(arguments=None):
    """Run trials until the study has them all.

    Parameters
    ----------
    arguments : list of str, default=None
        The command line; None takes that of the process.

    Returns
    -------
    int
        The exit status: 0, 1 if trials failed and none is complete, 2 if something
        can't be used, 130 after Ctrl-C or SIGTERM.
    """
    options = _make_parser().parse_args(arguments)
    # Schedulers send SIGTERM: as after Ctrl-C, the interrupted trials are run again.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        search, data = _read_search(options), _read_data(options)
        counts = search.run_trials(**data)
    except KeyboardInterrupt:
        print("Interrupted: the trials that ran will be run again.", file=sys.stderr)
        return 130
    except (ImportError, OSError, TypeError, ValueError) as error:
        print(f"skdl.worker: {error}", file=sys.stderr)
        return 2
    except StorageInternalError as error:
        print(f"skdl.worker: the storage was lost: {error.__cause__}", file=sys.stderr)
        print(
            "Start the worker again when it is back: finished trials are kept.",
            file=sys.stderr,
        )
        return 2
    print(f"Study {options.study!r}: {counts}")
    return 1 if counts["failed"] and not counts["complete"] else 0


def _make_parser():
    parser = argparse.ArgumentParser(
        prog="python -m skdl.worker",
        description="Run trials of a study, alongside other workers, until it is done.",
    )
    parser.add_argument(
        "--storage",
        required=True,
        help="where the study is: the URL of a database that all workers reach, or the "
        "path of a journal file on this machine",
    )
    parser.add_argument("--study", required=True, help="the name of the study")
    parser.add_argument(
        "--search",
        required=True,
        type=Path,
        help="a joblib file with an OptunaSearchCV: pipeline, space and settings",
    )
    parser.add_argument(
        "--data",
        required=True,
        type=Path,
        help="a parquet file, or a joblib file with (X, y) or a dict of fit arguments",
    )
    parser.add_argument("--target", help="the column of the parquet file to use as y")
    parser.add_argument(
        "--jobs", type=int, help="threads of this worker (default: those of the search)"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="show a line of progress"
    )
    return parser


def _load_file(option, path):
    try:
        return joblib.load(path)
    except OSError:
        raise
    except Exception as error:  # whatever a file that is no joblib file leads to
        raise ValueError(
            f"{option} {path} can't be loaded: {type(error).__name__}: {error}. It "
            "must be written by joblib.dump, and its classes must be importable here."
        ) from error


def _read_search(options):
    search = _load_file("--search", options.search)
    if not isinstance(search, OptunaSearchCV):
        raise TypeError(
            f"--search {options.search} must hold an OptunaSearchCV, but holds "
            f"{type(search).__name__}. Write one with joblib.dump(search, FILE)."
        )
    search.set_params(storage=options.storage, study_name=options.study)
    if options.jobs is not None:
        search.set_params(n_jobs=options.jobs)
    return search.set_params(verbose=int(options.verbose))


def _read_data(options):
    if options.data.suffix == ".parquet":
        return _read_table(options)
    if options.target is not None:
        raise ValueError(f"--target is for parquet files; --data is {options.data}.")
    found = _load_file("--data", options.data)
    if isinstance(found, dict):
        return found
    if not isinstance(found, tuple) or len(found) != 2:
        raise TypeError(
            f"--data {options.data} must hold (X, y) or a dict of fit arguments, but "
            f"holds {type(found).__name__}."
        )
    return dict(zip("Xy", found))


def _read_table(options):
    table = pd.read_parquet(options.data)
    if options.target not in table:
        raise ValueError(
            f"--target {options.target!r} must be a column of {options.data}, which "
            f"has {', '.join(map(repr, table))}."
        )
    return {"X": table.drop(columns=options.target), "y": table[options.target]}


if __name__ == "__main__":
    sys.exit(main())
