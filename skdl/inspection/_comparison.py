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

from skdl._utils._description import describe
from skdl._utils._fingerprint import Fingerprint, describe_data, describe_estimator
from skdl._utils._numbers import draw_seed
from skdl.inspection._comparison_display import ComparisonDisplay
from skdl.inspection._figures import draw_hidden
from skdl.inspection._ledger import open_ledger
from skdl.inspection._markdown import table, version_section
from skdl.inspection._runs import train_run
from skdl.inspection._splits import draw_seeds, make_splits
from skdl.inspection._table import describe_runs, p_value
from skdl.inspection._tracking import open_tracker
from skdl.inspection._trained_run import TrainedRun
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
        The estimator to vary: a network of skdl, a pipeline that ends in one, or any
        other estimator (which has no learning curves).
    variants : dict
        Either named changes of parameters, such as ``{"SGD": {"optimizer": "sgd"},
        "Adam": {}}``, or the values of one parameter, such as ``{"dropout": [0.0, 0.2,
        0.5]}``. The other variants are tested against the first.
    X : array-like of shape (n_samples, ...)
        The data.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The labels, or the numbers to predict.
    validation : float, splitter, list or tuple of (X_val, y_val), default=0.2
        The validation set that the variants are scored on. A float is a share of the
        rows, above 0 and below 1, drawn anew for each repeat and stratified for a
        classifier. With a splitter of scikit-learn, or a list of (train, validation)
        pairs of row indices, each split is one run. A tuple is a separate validation
        set. A network is evaluated on the validation set after each epoch, and
        ``early_stopping=True`` uses it.
    scoring : str, callable, list, dict or None, default=None
        As in ``GridSearchCV``; with several scores, the first one is tested. None uses
        the estimator's own score.
    groups : array-like of shape (n_samples,), default=None
        Groups of the rows, passed to a splitter that needs them. If ``validation`` is a
        share, no group is split between training and validation.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows, for the fits and the scores.
    repeats : int, default=1
        How many times each variant is trained, each time with a different seed and, if
        ``validation`` is a share, on a different split. Two or more repeats give a
        standard deviation and a test.
    n_jobs : int or None, default=None
        Number of runs that are trained in parallel, in threads. Each run's time is then
        affected by the runs beside it.
    random_state : int, RandomState or None, default=None
        Seeds the splits, and every ``random_state`` of the estimator that a variant
        does not set itself.
    folder : str or path or None, default=None
        Folder in which each run is saved as soon as it is finished: the same call, even
        with more variants or repeats, resumes where it was stopped. None keeps the runs
        in memory if the call is interrupted, so that it can resume in this process.
    tracking : {"mlflow"} or None, default=None
        Where each run is logged. ``"mlflow"`` uses MLflow's tracking URI and
        experiment if they are set, else the SQLite file ``mlflow.db`` and the
        experiment ``skdl``; it needs the extra ``skdl[mlflow]``.
    verbose : int, default=0
        If above 0, show a progress bar.

    Returns
    -------
    Comparison
        The runs, with methods for a table, curves and a report.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, ``folder`` holds another comparison, or all fits
        fail. If only some fail, there is a ``FitFailedWarning``, and the figures of
        their variant are those of its other fits, if it has any.

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
        raise ValueError(f"repeats={repeats!r} must be an integer >= 1.")
    X, y = indexable(X, y)
    if isinstance(scoring, dict) and "loss" in scoring:
        raise ValueError(
            "scoring must not name a score 'loss', which the table uses itself: give "
            "it another name."
        )
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
    # Variants innermost: the last cut is kept, so that all of them share one.
    planned = [
        TrainedRun(name, describe_changes(changed), repeat, fold)
        for repeat in range(repeats)
        for fold in range(splits.n_folds)
        for name, changed in changes.items()
    ]

    def train(run: Any, stopper: Any) -> Any:
        # The ledger's seed: a call that resumes without a random_state has to go on
        # with it.
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
    """The result of ``compare``.

    Parameters
    ----------
    runs : list of TrainedRun
        All runs, with the attributes ``variant``, ``repeat``, ``fold``,
        ``train_scores``, ``val_scores``, ``train_loss``, ``val_loss``, ``seconds``,
        ``n_epochs``, ``n_parameters``, ``history`` and ``error``.
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
        """Return a table with one row per variant: the means over its runs.

        Parameters
        ----------
        target_score : float, default=None
            If given, adds a column with the number of epochs until the accuracy or R²
            on the validation set reached this score, as ``history_`` has it: R² there
            is relative to the mean and the variance of the training targets. NaN if a
            run never reached it or has no such metric.

        Returns
        -------
        pandas.DataFrame
            Indexed by the names of the variants, with the columns ``train_score`` and
            ``val_score`` (with several scores, their names replace ``score``),
            ``val_score_std`` (standard deviation of the first score between runs),
            ``score_gap``, ``train_loss`` and ``val_loss`` (of the fitted estimator,
            with dropout off; defined as in ``history_``, and for an estimator without
            epochs as the mean cross-entropy or squared error), ``loss_gap`` (validation
            loss minus training loss), ``epochs``, ``seconds``, ``seconds_per_epoch``,
            ``n_parameters`` and ``p_value`` (of the difference from the first variant,
            two-sided, by the corrected resampled t-test over the splits; NaN with fewer
            than two splits, or where all differences are the same but 0).
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
        """Write the table, the curves, and a Markdown report that shows both.

        Parameters
        ----------
        folder : str or path
            Folder for ``comparison.csv``, ``curves.png`` and ``report.md``; created if
            it does not exist.
        target_score : float, default=None
            Passed to ``frame``.

        Returns
        -------
        pathlib.Path
            Path of the report.
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
        """Return the table as HTML, with the changes of each variant."""
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
