"""Scores of epochs, one list for each name."""

import numpy as np

__all__ = ["gap_like", "joined_histories"]


def gap_like(score):
    """Return NaN in the shape of a score, which may be one number for each class."""
    return np.full(np.shape(score), np.nan) if np.ndim(score) else np.nan


def joined_histories(before, after):
    """Return the scores of some epochs and of those that followed them.

    Epochs with and without validation data may follow each other: where one has no
    score, its place is kept by NaN.

    Parameters
    ----------
    before, after : dict of str to list
        As ``history_`` has them; ``loss`` has a score for each epoch.
    """
    counts = len(before.get("loss", ())), len(after.get("loss", ()))
    joined: dict = {}
    for name in {**before, **after}:
        joined[name] = []
        known = [*before.get(name, ()), *after.get(name, ())]
        for scores, count in zip((before, after), counts, strict=True):
            found = [*scores.get(name, ())]
            gaps = [gap_like(known[0])] * (count - len(found)) if known else []
            joined[name] += found + gaps
    return joined
