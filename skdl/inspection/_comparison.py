"""Named changes of one estimator, trained side by side."""

import threading
import warnings
from collections import deque
from datetime import datetime
from numbers import Integral
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from scipy import stats
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring
from sklearn.utils import indexable
from tqdm import tqdm

from skdl._checks import draw_seed
from skdl._fingerprint import Fingerprint, describe, describe_data, describe_estimator
from skdl._markdown import table, version_section
from skdl._threads import work_in_threads
from skdl.inspection._comparison_display import ComparisonDisplay
from skdl.inspection._figures import hidden_figure
from skdl.inspection._ledger import open_ledger
from skdl.inspection._runs import Run, train_run
from skdl.inspection._splits import draw_seeds, make_splits
from skdl.inspection._tracking import open_tracker
from skdl.inspection._variants import describe_changes, name_variants

__all__ = ["Comparison", "compare"]


def compare(
    estimator,
    variants,
    X,
    y,
    *,
    validation=0.2,
    scoring=None,
    repeats=1,
    n_jobs=None,
    random_state=None,
    folder=None,
    tracking=None,
    verbose=0,
):
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
    validation : float, splitter or tuple of (X_val, y_val), default=0.2
        The part that the variants are judged by: a share of the rows, above 0 and below
        1, drawn anew for each repeat, of a classifier with the shares of its classes; a
        splitter of scikit-learn, of which each split is a run; or data of its own. A
        network sees this part after each epoch, so ``early_stopping=True`` goes by it.
    scoring : str, callable, list, dict or None, default=None
        As in ``GridSearchCV``; of several scores the first is the one that is tested.
        None is the estimator's own.
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
    splits = make_splits(estimator, X, y, validation)
    fingerprint = Fingerprint(
        **describe_data({"X": X, "y": y}),
        **splits.subjects,
        scoring=describe(scoring),
        estimator=describe_estimator(estimator),
    )
    seed = None if random_state is None else draw_seed(random_state)
    ledger = open_ledger(folder, fingerprint, seed)
    planned = [
        Run(name, describe_changes(changed), repeat, fold)
        for repeat in range(repeats)
        for fold in range(splits.n_folds)
        for name, changed in changes.items()
    ]

    def train(run, observer):
        split_seed, seed = draw_seeds(ledger.seed, run.repeat)
        split = splits.cut(run.fold, split_seed)
        change = changes[run.variant]
        return train_run(run, estimator, change, split, seed, scorer, observer)

    runs = _Runs(planned, ledger, tracker, train, verbose)
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
    runs : list of Run
        All runs: with ``variant``, ``repeat``, ``fold``, ``train_scores``,
        ``val_scores``, ``train_loss``, ``val_loss``, ``seconds``, ``n_epochs``,
        ``n_parameters``, ``history`` and ``error``.
    variants : dict of dict
        The parameters that each variant changes.
    facts : dict
        What else the report tells.
    """

    def __init__(self, runs, variants, facts):
        self.runs = runs
        self.variants = variants
        self.facts = facts

    def frame(self, target_score=None):
        """Return a table with a row for each variant; means over its runs.

        Parameters
        ----------
        target_score : float, default=None
            Adds the number of epochs after which the metric of the validation part
            (accuracy or R², or the first of your own) had reached it; NaN where a run
            never did.

        Returns
        -------
        pandas.DataFrame
            By the name of the variant: ``train_score`` and ``val_score`` (with several
            scores their names in the place of ``score``), ``val_score_std`` (between
            the runs, of the first score), ``score_gap``, ``train_loss`` and
            ``val_loss`` (mean cross-entropy or squared error of the fitted estimator,
            without penalties), ``loss_gap`` (validation less training), ``epochs``,
            ``seconds``, ``seconds_per_epoch``, ``n_parameters``, ``p_value`` (of the
            difference to the first variant, two-sided, by the corrected resampled
            t-test over the splits; NaN with fewer than two, or where all differences
            are the same).
        """
        rows = {}
        first = self._of(next(iter(self.variants)))
        for name in self.variants:
            runs = self._of(name)
            rows[name] = _describe_runs(runs, target_score)
            rows[name]["p_value"] = _test(first, runs)
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("variant")
        # A variant that failed lacks columns, and it may be the first.
        frame = frame[list(max(rows.values(), key=len))]
        if (frame["n_parameters"] % 1 == 0).all():  # they may differ between splits
            frame["n_parameters"] = frame["n_parameters"].astype(int)
        return frame

    def plot(self, ax=None):
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

    def histories(self):
        """Return the curves of all networks.

        Returns
        -------
        dict of list of dict
            Loss and metrics of each epoch, of each run of each variant.
        """
        found = {}
        for run in self.runs:
            if run.history:
                found.setdefault(run.variant, []).append(run.history)
        return found

    def save(self, folder, target_score=None):
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

    def _of(self, name):
        return [run for run in self.runs if run.variant == name]

    def _curves_section(self, folder):
        histories = self.histories()
        if not histories:
            return None
        display = ComparisonDisplay(histories)
        figure, axes = hidden_figure(*display.layout())
        display.plot(axes)
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


class _Runs:
    """Does the runs that the ledger lacks.

    Parameters
    ----------
    planned : list of Run
        All runs, without what they give.
    ledger : Ledger
        Those that are finished.
    tracker : object
        Logs each run that is finished.
    train : callable
        ``train(run, observer)`` trains and scores; it returns the fitted estimator.
    verbose : int
        Above 0 shows a line.
    """

    def __init__(self, planned, ledger, tracker, train, verbose):
        self.done = [ledger.find(run.key) or run for run in planned]
        self._todo = deque(
            place for place, run in enumerate(self.done) if run is planned[place]
        )
        self._ledger = ledger
        self._tracker = tracker
        self._train = train
        self._observer = None
        self._stopped = threading.Event()
        self._line = tqdm(
            desc="compare",
            total=len(planned),
            initial=len(planned) - len(self._todo),
            unit="run",
            disable=not verbose,
        )

    def finish(self, n_threads):
        """Do them.

        Parameters
        ----------
        n_threads : int
            How many at a time.

        Raises
        ------
        ValueError
            If all fits failed.
        """
        if n_threads > 1:
            self._observer = _Stopper(self._stopped)
        try:
            work_in_threads(self._work, n_threads, self._stopped)
        except BaseException:
            self._ledger.interrupt()
            raise
        finally:
            self._line.close()
        self._warn_of_failures()

    def _work(self):
        while not self._stopped.is_set():
            try:
                place = self._todo.popleft()
            except IndexError:
                return
            run = self.done[place]
            kept = self._ledger.find(run.key)  # by another process, meanwhile
            if kept is not None:
                self.done[place] = kept
            else:
                fitted = self._train(run, self._observer)
                if self._stopped.is_set():
                    return
                if not run.error:
                    self._ledger.add(run)
                self._tracker.log_run(run, fitted)
            self._line.set_postfix_str(run.variant, refresh=False)
            self._line.update()

    def _warn_of_failures(self):
        failed = [run for run in self.done if run.error]
        if not failed:
            return
        text = f"The first, {failed[0].variant!r}, failed with: {failed[0].error}"
        if len(failed) == len(self.done):
            raise ValueError(f"All {len(failed)} fits failed. {text}")
        warnings.warn(
            f"{len(failed)} of {len(self.done)} fits failed. {text}",
            FitFailedWarning,
            stacklevel=4,
        )


class _Stopper:
    """Stops the fits of other threads where the comparison is interrupted."""

    def __init__(self, stopped):
        self._stopped = stopped

    @property
    def stopped(self):
        """Whether the comparison was interrupted."""
        return self._stopped.is_set()

    def find_rows(self, encode):
        """Return that no rows are scored in the compiled loop."""
        return

    def take_means(self, epoch, loss, metric):
        """Return whether to stop."""
        return self.stopped

    def take_estimator(self, epoch, network):
        """Return whether to stop."""
        return self.stopped


def _describe_runs(runs, target_score):
    """Return a row of the table."""
    runs = [run for run in runs if not run.error]
    if not runs:
        return {}
    main = next(iter(runs[0].val_scores))
    row = {}
    for name in runs[0].val_scores:
        row[f"train_{name}"] = _mean(run.train_scores[name] for run in runs)
        row[f"val_{name}"] = _mean(run.val_scores[name] for run in runs)
    if len(runs) > 1:
        row[f"val_{main}_std"] = np.std([r.val_scores[main] for r in runs], ddof=1)
    row[f"{main}_gap"] = row[f"train_{main}"] - row[f"val_{main}"]
    row["train_loss"] = _mean(run.train_loss for run in runs)
    row["val_loss"] = _mean(run.val_loss for run in runs)
    row["loss_gap"] = row["val_loss"] - row["train_loss"]
    row["epochs"] = _mean(run.n_epochs for run in runs)
    if target_score is not None:
        reached = _mean(run.epochs_to(target_score) for run in runs)
        row[f"epochs_to_{target_score:g}"] = reached
    row["seconds"] = _mean(run.seconds for run in runs)
    row["seconds_per_epoch"] = row["seconds"] / row["epochs"]
    row["n_parameters"] = _mean(run.n_parameters for run in runs)
    return row


def _mean(values):
    """Return the mean; NaN if a value is missing."""
    return float(np.mean([np.nan if value is None else value for value in values]))


def _test(first, others):
    """Return the p-value of the corrected resampled t-test of the first score.

    With differences d on J splits, n rows to train and m to validate:
    t = mean(d) / sqrt((1 / J + m / n) * var(d)), with J - 1 degrees of freedom. Of a
    splitter with several splits, repeats are averaged: they are no new splits.
    """
    if first[0].variant == others[0].variant:
        return np.nan
    partners = {(run.repeat, run.fold): run for run in first if not run.error}
    differences = {}
    ratio = []
    by_fold = len({run.fold for run in others}) > 1
    for run in others:
        partner = partners.get((run.repeat, run.fold))
        if run.error or partner is None:
            continue
        main = next(iter(run.val_scores))
        split = run.fold if by_fold else run.repeat
        difference = run.val_scores[main] - partner.val_scores[main]
        differences.setdefault(split, []).append(difference)
        ratio.append(run.n_val / run.n_train)
    if len(differences) < 2:
        return np.nan
    means = [np.mean(values) for values in differences.values()]
    mean, variance = np.mean(means), np.var(means, ddof=1)
    if variance == 0:
        return 1.0 if mean == 0 else np.nan
    t = mean / np.sqrt((1 / len(means) + np.mean(ratio)) * variance)
    return float(2 * stats.t.sf(abs(t), len(means) - 1))


def _table_section(frame):
    rows = frame.reset_index()
    text = table(rows.itertuples(index=False), rows.columns)
    return (
        "## Variants\n\n" + text + "\n\nMeans over the runs. Scores and losses are of "
        "the fitted estimators, without dropout and penalties; p_value is that of the "
        "corrected resampled t-test (Nadeau & Bengio, 2003) against the first variant."
    )
