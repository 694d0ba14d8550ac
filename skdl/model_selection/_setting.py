"""What all trials of a search have in common, and the rows of a fold."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from skdl._utils._candidates import take_scores
from skdl._utils._sklearn import check_params, cut_rows
from skdl.model_selection._outcome import main_name

__all__ = ["FoldRows", "Setting", "score_rows"]


@dataclass
class Setting:
    """What all trials of a search have in common.

    Parameters
    ----------
    estimator : estimator
        The estimator that is tuned.
    X, y : array-like
        The data.
    splits : list of tuple of ndarray
        Training rows and test rows of each fold.
    scorer : callable
        Returns a number, or a dict of numbers.
    objective : str or None
        Which of several scores the study maximizes; None is the first.
    fit_params, score_params : dict
        Parameters for ``fit`` and for the scorer.
    train_scores : bool
        Whether the training rows are scored, too.
    is_pruned : bool
        Whether a pruner is asked after each score.
    directions : list of str or None
        Of all scores, where the study has several objectives.
    """

    estimator: object
    X: object
    y: object
    splits: list
    scorer: Callable
    objective: str | None
    fit_params: dict
    score_params: dict
    train_scores: bool
    is_pruned: bool
    directions: list | None = None

    def optimized(self, scores):
        """Return the names of the scores that the study looks at."""
        if self.directions is not None:
            return list(scores)
        return [main_name(scores, self.objective)]


class FoldRows(NamedTuple):
    """Some rows, with what goes to ``fit`` and to the scorer beside them."""

    X: object
    y: object
    fit_params: dict
    score_params: dict

    @classmethod
    def cut(cls, setting, candidate, rows, train_rows):
        """Cut rows out of all; a precomputed kernel is cut to the training columns."""
        X, y = cut_rows(candidate, setting.X, setting.y, rows, train_rows)
        return cls(
            X,
            y,
            check_params(setting.X, setting.fit_params, rows),
            check_params(setting.X, setting.score_params, rows),
        )


def score_rows(scorer, estimator, rows, choose=None):
    """Return the scores of some rows, by name; those that are chosen are finite."""
    return take_scores(
        scorer, estimator, rows.X, rows.y, rows.score_params, choose=choose
    )
