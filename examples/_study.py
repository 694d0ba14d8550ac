"""What the studies share: options, data, and how a comparison is shown."""

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from _quiet import import_tensorflow
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdl import datasets
from skdl.inspection import compare

IMAGES = {"mnist": datasets.load_mnist, "cifar10": datasets.load_cifar10}
QUICK_ROWS = 400

pd.set_option("display.width", 200, "display.max_columns", 30)


def make_parser(doc, *, epochs, data=None):
    """Return the parser of a study; ``data`` is the image set of the report."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    if data is not None:
        add(
            "--data",
            choices=[*IMAGES, "digits"],
            default=data,
            help="default: %(default)s; digits (8 x 8) ship with scikit-learn",
        )
        add(
            "--data-file",
            metavar="FILE",
            help="a local .npz file of the image set, where there is no network",
        )
        add("--rows", type=int, help="train on so many rows only (default: all)")
    add("--epochs", type=int, default=epochs, help="default: %(default)s")
    add("--jobs", type=int, default=1, help="fits at the same time (default: 1)")
    add("--seed", type=int, default=0, help="of all random numbers (default: 0)")
    add(
        "--quick",
        action="store_true",
        help=f"{QUICK_ROWS} rows and 2 epochs: shows that it runs, and no more",
    )
    add(
        "--output",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="folder for tables, pictures and reports (default: %(default)s)",
    )
    return parser


def parse(parser, arguments=None):
    """Return the options; ``--quick`` has set rows and epochs."""
    options = parser.parse_args(arguments)
    import_tensorflow()
    if options.epochs < 1:
        parser.error(f"--epochs {options.epochs}: it must be 1 or more")
    if getattr(options, "rows", None) is not None and options.rows < 100:
        parser.error(f"--rows {options.rows}: it must be 100 or more")
    if options.quick:
        options.epochs = 2
        options.rows = QUICK_ROWS
        if not getattr(options, "data_file", None):
            options.data = "digits"
    options.output.mkdir(parents=True, exist_ok=True)
    return options


def load_images(options):
    """Return images and labels to train and to test on, as numbers from 0 to 1."""
    if options.data == "digits":
        X, y = load_digits(return_X_y=True)
        images = X.reshape(-1, 8, 8) / 16
        parts = train_test_split(images, y, test_size=0.25, stratify=y, random_state=0)
        X_train, X_test, y_train, y_test = parts
    else:
        try:
            found = IMAGES[options.data](options.data_file)
        except (OSError, ValueError) as error:
            raise SystemExit(f"--data {options.data}: {error}") from error
        X_train, y_train, X_test, y_test = found
        X_train, X_test = X_train / np.float32(255), X_test / np.float32(255)
    if options.rows and options.rows < len(X_train):
        X_train, _, y_train, _ = train_test_split(
            X_train,
            y_train,
            train_size=options.rows,
            stratify=y_train,
            random_state=options.seed,
        )
    print(f"{options.data}: {len(X_train)} images to train on, {len(X_test)} to test")
    return X_train.astype(np.float32), y_train, X_test.astype(np.float32), y_test


def flat(X):
    """Return images as rows."""
    return X.reshape(len(X), -1)  # (n, height, width, ...) -> (n, features)


def run(title, estimator, variants, X, y, options, *, target_score=None, **settings):
    """Compare variants, show the table, and save table, curves and report.

    Runs that are finished are kept beside the report: interrupt it, and start it again.
    """
    print(f"\n{title}")
    folder = options.output / title.lower().replace(" ", "_")
    start = time.perf_counter()
    try:
        comparison = compare(
            estimator,
            variants,
            X,
            y,
            n_jobs=options.jobs,
            random_state=options.seed,
            folder=folder / "runs",
            verbose=1,
            **settings,
        )
    except KeyboardInterrupt:
        raise SystemExit(
            f"\ninterrupted: finished runs are in {folder}; the same command goes on"
        ) from None
    except ValueError as error:
        raise SystemExit(f"{error}\nOr give another --output.") from error
    frame = comparison.frame(target_score)
    print(frame.dropna(axis=1, how="all").to_string(float_format="{:.4f}".format))
    report = comparison.save(folder, target_score)
    print(f"Report: {report} ({time.perf_counter() - start:.0f} s)")
    return comparison
