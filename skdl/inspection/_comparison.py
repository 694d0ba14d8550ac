"""Named changes of one estimator, trained side by side."""

from __future__ import annotations

from datetime import datetime
from numbers import Integral
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.metrics import check_scoring
from sklearn.utils import indexable

from skdl._utils._fingerprint import (
    Fingerprint,
    describe,
    describe_data,
    describe_estimator,
)
from skdl._utils._numbers import draw_seed
from skdl.inspection._comparison_display import ComparisonDisplay
from skdl.inspection._figures import draw_hidden
from skdl.inspection._ledger import open_ledger
from skdl.inspection._markdown import table, version_section
from skdl.inspection._runs import TrainedRun, train_run
from skdl.inspection._splits import draw_seeds, make_splits
from skdl.inspection._table import describe_runs, p_value
from skdl.inspection._tracking import open_tracker
from skdl.inspection._variants import describe_changes, name_variants
from skdl.inspection._work import PlannedRuns

__all__ = ["Comparison", "compare"]


def compare(
    estimator: Any,
    variants: Any,
    X: Any,
    y: Any,
    *,
    validation: Any = 0.2,
    scoring: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    repeats: int = 1,
    n_jobs: int | None = None,
    random_state: Any = None,
    folder: Any = None,
    tracking: str | None = None,
    verbose: int = 0,
) -> Comparison:
    """Train variants of an estimator on the same splits with the same seeds.

    Parameters
    ----------
    estimator : estimator
        What is varied: a network of skdl, a pipeline that ends in one, or any other
        estimator, which then has no curves.
    variants : dict
        Named changes of parameters, as ``{"SGD": {"optimizer": "sgd"}, "Adam": {}}``;
        or the values of one parameter, as ``{"dropout": [0.0, 0.2, 0.5]}``. The first
        is the one that the others are tested against.
    X : array-like of shape (n_samples, ...)
        The data.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The labels, or the numbers to predict.
    validation : float, splitter, list or tuple of (X_val, y_val), default=0.2
        The part that the variants are judged by: a share of the rows, above 0 and below
        1, drawn anew for each repeat, of a classifier with the shares of its classes; a
        splitter of scikit-learn or a list of pairs of rows, of which each split is a
        run; or data of its own. A network sees this part after each epoch, so
        ``early_stopping=True`` goes by it.
    scoring : str, callable, list, dict or None, default=None
        As in ``GridSearchCV``; of several scores the first is the one that is tested.
        None is the estimator's own.
    groups : array-like of shape (n_samples,), default=None
        Groups of rows: for a splitter that wants them; a share takes whole groups.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows, for the fits and the scores.
    repeats : int, default=1
        How many times each variant is trained, with another seed and, if ``validation``
        is a share, on another split. Two or more give a spread and a test.
    n_jobs : int or None, default=None
        Runs that are trained at the same time, in threads. Their times are then those
        of runs beside others.
    random_state : int, RandomState or None, default=None
        Seeds the splits, and every ``random_state`` of the estimator that a variant
        does not set itself.
    folder : str or path or None, default=None
        Where each run is kept as soon as it is finished: the same call goes on where it
        was stopped, also with more variants or repeats. None keeps them in this process
        if it is interrupted: the same call goes on.
    tracking : {"mlflow"} or None, default=None
        Where each run is logged. ``"mlflow"`` uses MLflow's tracking URI and
        experiment if they are set, else the SQLite file ``mlflow.db`` and the
        experiment ``skdl``; it needs the extra ``skdl[mlflow]``.
    verbose : int, default=0
        Above 0 shows a line of progress.

    Returns
    -------
    Comparison
        A table, curves, and a report.

    Raises
    ------
    TypeError, ValueError
        If a parameter can't be used, ``folder`` holds another comparison, or all fits
        fail. Where some fail, there is a ``FitFailedWarning``, and their row is empty.

    References
    ----------
    Nadeau & Bengio, "Inference for the Generalization Error", Machine Learning 52
    (2003), for the corrected resampled t-test.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdl import MLPClassifier
    >>> from skdl.inspection import compare
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier(16, epochs=20, batch_size=16)
    >>> comparison = compare(
    ...     network,
    ...     {"SGD": {"optimizer": "sgd"}, "Adam": {"optimizer": "adam"}},
    ...     X,
    ...     y,
    ...     repeats=3,
    ...     random_state=0,
    ... )
    >>> list(comparison.frame().index)
    ['SGD', 'Adam']
    """
    changes = name_variants(estimator, variants)
    if not isinstance(repeats, Integral) or isinstance(repeats, bool) or repeats < 1:
        raise ValueError(f"repeats={repeats!r} must be an int from 1.")
    X, y = indexable(X, y)
    if isinstance(scoring, dict) and "loss" in scoring:
        raise ValueError("scoring has a score 'loss': the table has one, rename it.")
    scorer = check_scoring(estimator, scoring=scoring)
    tracker = open_tracker(tracking)
    splits = make_splits(estimator, X, y, validation, groups, sample_weight)
    given = {"X": X, "y": y, "groups": groups, "sample_weight": sample_weight}
    fingerprint = Fingerprint(
        **describe_data(given),
        **splits.subjects,
        scoring=describe(scoring),
        **describe_estimator(estimator),
    )
    seed = None if random_state is None else draw_seed(random_state)
    ledger = open_ledger(folder, fingerprint, seed)
    planned = [
        TrainedRun(name, describe_changes(changed), repeat, fold)
        for repeat in range(repeats)
        for fold in range(splits.n_folds)
        for name, changed in changes.items()
    ]

    def train(run: Any, stopper: Any) -> Any:
        split_seed, seed = draw_seeds(ledger.seed, run.repeat)
        split = splits.cut(run.fold, split_seed)
        change = changes[run.variant]
        return train_run(run, estimator, change, split, seed, scorer, stopper)

    runs = PlannedRuns(planned, ledger, tracker, train, verbose)
    runs.finish(joblib.effective_n_jobs(n_jobs))
    facts = {
        "estimator": " ".join(repr(estimator).split()),
        "rows": np.shape(y)[0],
        "validation": splits.text,
        "repeats": repeats,
        "seed": ledger.seed,
    }
    return Comparison(runs.done, changes, facts)


class Comparison:
    """What ``compare`` has found.

    Parameters
    ----------
    runs : list of TrainedRun
        All runs: with ``variant``, ``repeat``, ``fold``, ``train_scores``,
        ``val_scores``, ``train_loss``, ``val_loss``, ``seconds``, ``n_epochs``,
        ``n_parameters``, ``history`` and ``error``.
    variants : dict of dict
        The parameters that each variant changes.
    facts : dict
        What else the report tells.
    """

    def __init__(self, runs: Any, variants: Any, facts: Any) -> None:
        self.runs = runs
        self.variants = variants
        self.facts = facts

    def frame(self, target_score: float | None = None) -> pd.DataFrame:
        """Return a table with a row for each variant; means over its runs.

        Parameters
        ----------
        target_score : float, default=None
            Adds the number of epochs after which the accuracy or R² of the validation
            part had reached it; NaN where a run never did, or has no such metric.

        Returns
        -------
        pandas.DataFrame
            By the name of the variant: ``train_score`` and ``val_score`` (with several
            scores their names in the place of ``score``), ``val_score_std`` (between
            the runs, of the first score), ``score_gap``, ``train_loss`` and
            ``val_loss`` (of the fitted estimator: what ``history_`` means by it, with
            dropout off; of an estimator without epochs the mean cross-entropy or
            squared error), ``loss_gap`` (validation less training), ``epochs``,
            ``seconds``, ``seconds_per_epoch``, ``n_parameters``, ``p_value`` (of the
            difference to the first variant, two-sided, by the corrected resampled
            t-test over the splits; NaN with fewer than two, or where all differences
            are the same).
        """
        rows = {}
        first = self._of(next(iter(self.variants)))
        for name in self.variants:
            runs = self._of(name)
            rows[name] = describe_runs(runs, target_score)
            rows[name]["p_value"] = p_value(first, runs)
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("variant")
        # A variant that failed lacks columns, and it may be the first.
        longest = max(len(row) for row in rows.values())
        whole = next(row for row in rows.values() if len(row) == longest)
        frame = frame[list(whole)]
        if (frame["n_parameters"] % 1 == 0).all():  # they may differ between splits
            frame["n_parameters"] = frame["n_parameters"].astype(int)
        return frame

    def plot(self, ax: Any = None) -> ComparisonDisplay:
        """Draw the curves of all variants on shared axes.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, default=None
            One for the loss and one for each metric; None makes a figure.

        Returns
        -------
        ComparisonDisplay
            The display, drawn.
        """
        return ComparisonDisplay.from_comparison(self, ax=ax)

    def histories(self) -> dict[str, list[dict]]:
        """Return the curves of all networks.

        Returns
        -------
        dict of list of dict
            Loss and metrics of each epoch, of each run of each variant.
        """
        found: dict[str, list] = {}
        for run in self.runs:
            if run.history:
                found.setdefault(run.variant, []).append(run.history)
        return found

    @property
    def penalized(self) -> bool:
        """Whether losses hold penalties: those of wrapped Keras models do."""
        return any(run.penalized for run in self.runs)

    def save(self, folder: Any, target_score: float | None = None) -> Path:
        """Write table, curves, and a report in Markdown that shows both.

        Parameters
        ----------
        folder : str or path
            Where ``comparison.csv``, ``curves.png`` and ``report.md`` go; made if need
            be.
        target_score : float, default=None
            As ``frame`` takes it.

        Returns
        -------
        pathlib.Path
            The report.
        """
        folder = Path(folder).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        frame = self.frame(target_score)
        frame.to_csv(folder / "comparison.csv")
        sections = [
            "# Comparison",
            f"Written on {datetime.now():%Y-%m-%d %H:%M}.",
            _table_section(frame),
            self._curves_section(folder),
            self._facts_section(),
            version_section(),
        ]
        report = folder / "report.md"
        report.write_text("\n\n".join(filter(None, sections)) + "\n", encoding="utf-8")
        return report

    def _repr_html_(self):
        """Return the table as notebooks show it, with what each variant changes."""
        frame = self.frame()
        changes = {
            k: describe_changes(v) or "nothing" for k, v in self.variants.items()
        }
        frame.insert(0, "changes", [changes[name] for name in frame.index])
        return frame.to_html(float_format="{:.4g}".format)

    def _of(self, name):
        return [run for run in self.runs if run.variant == name]

    def _curves_section(self, folder):
        histories = self.histories()
        if not histories:
            return None
        figure = draw_hidden(ComparisonDisplay(histories, self.penalized))
        figure.savefig(folder / "curves.png", dpi=110)
        return "## Curves\n\n![Curves](curves.png)"

    def _facts_section(self):
        changes = [
            (name, describe_changes(changed) or "nothing")
            for name, changed in self.variants.items()
        ]
        return (
            "## Settings\n\n"
            + table(self.facts.items(), ("", ""))
            + "\n\n"
            + table(changes, ("variant", "changes"))
        )


def _table_section(frame):
    rows = frame.reset_index()
    text = table(rows.itertuples(index=False), rows.columns)
    return (
        "## Variants\n\n" + text + "\n\nMeans over the runs. Scores and losses are of "
        "the fitted estimators, with dropout off; p_value is that of the "
        "corrected resampled t-test (Nadeau & Bengio, 2003) against the first variant."
    )
