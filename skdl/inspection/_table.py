"""The numbers of a comparison: means over the runs of a variant, and a test."""

import numpy as np
from scipy import stats

__all__ = ["describe_runs", "p_value"]

# Equal differences of scores differ by so little of the scores, by rounding.
_ROUNDING = 1e-12


def describe_runs(runs, target_score):
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


def p_value(first, others):
    """Return the p-value of the corrected resampled t-test of the first score.

    With differences d on J splits, n rows to train and m to validate:
    t = mean(d) / sqrt((1 / J + m / n) * var(d)), with J - 1 degrees of freedom. Of a
    splitter with several splits, repeats are averaged: they are no new splits.
    """
    if first[0].variant == others[0].variant:
        return np.nan
    partners = {(run.repeat, run.fold): run for run in first if not run.error}
    differences: dict = {}
    ratio = []
    largest = 0.0
    by_fold = len({run.fold for run in others}) > 1
    for run in others:
        partner = partners.get((run.repeat, run.fold))
        if run.error or partner is None:
            continue
        main = next(iter(run.val_scores))
        split = run.fold if by_fold else run.repeat
        scores = run.val_scores[main], partner.val_scores[main]
        difference = scores[0] - scores[1]
        largest = max(largest, *map(abs, scores))
        differences.setdefault(split, []).append(difference)
        ratio.append(run.n_val / run.n_train)
    if len(differences) < 2:
        return np.nan
    means = [np.mean(values) for values in differences.values()]
    mean, variance = np.mean(means), np.var(means, ddof=1)
    rounding = _ROUNDING * largest
    if np.sqrt(variance) <= rounding:
        return 1.0 if abs(mean) <= rounding else np.nan
    t = mean / np.sqrt((1 / len(means) + np.mean(ratio)) * variance)
    return float(2 * stats.t.sf(abs(t), len(means) - 1))
