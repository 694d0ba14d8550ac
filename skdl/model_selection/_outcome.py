"""The results of a trial, as the study stores them."""

from dataclasses import dataclass, field

import numpy as np

__all__ = ["TrialOutcome", "main_name"]


def main_name(scores, objective):
    """Return the name of the score that the study maximizes.

    Parameters
    ----------
    scores : dict
        By their names.
    objective : str or None
        The parameter ``refit`` if it is a name.
    """
    return objective if objective in scores else next(iter(scores))


def _plain_curve(curve):
    """Return a curve as a list of all epochs, or as a dict where some are missing."""
    if list(curve) == list(range(len(curve))):
        return list(curve.values())
    # Storages keep attributes as JSON, whose keys are text.
    return {str(epoch): value for epoch, value in curve.items()}


def _read_curve(curve):
    pairs = curve.items() if isinstance(curve, dict) else enumerate(curve)
    return {int(epoch): value for epoch, value in pairs}


@dataclass
class TrialOutcome:
    """The results of a trial; lists have one entry for each finished fold.

    Parameters
    ----------
    scores, train_scores : dict of list of float
        Scores of the test and the training rows, by name.
    fit_time, score_time : list of float
        Times in seconds.
    epochs : list of int
        Epochs that the network ran, including those of an unfinished fold.
    curves : list of dict of int to float
        The score of the test rows after some epochs, counted from 0, including those of
        an unfinished fold.
    max_epochs : int
        The largest number of epochs of a fold.
    pruned : bool
        Whether the trial was pruned.
    exception : Exception or None
        The error, if the trial failed.
    error : str
        The error as text, which is also known if another process ran the trial.
    """

    scores: dict = field(default_factory=dict)
    train_scores: dict = field(default_factory=dict)
    fit_time: list = field(default_factory=list)
    score_time: list = field(default_factory=list)
    epochs: list = field(default_factory=list)
    curves: list = field(default_factory=list)
    max_epochs: int = 0
    pruned: bool = False
    exception: Exception | None = None
    error: str = ""

    @property
    def n_epochs(self):
        """Epochs that were run in all folds."""
        # A fit that failed has a curve, but nobody recorded its number of epochs.
        unfinished = self.curves[len(self.epochs) :]
        return sum(self.epochs) + sum(
            max(curve, default=-1) + 1 for curve in unfinished
        )

    def value(self, objective):
        """Return the mean over the folds of the score that is maximized."""
        return float(np.mean(self.scores[main_name(self.scores, objective)]))

    def values(self):
        """Return the means over the folds of all scores, in their order."""
        return [float(np.mean(scores)) for scores in self.scores.values()]

    def report(self, fold, epoch, objective):
        """Return the step of an epoch, and the value reported there to the pruner.

        The value is the mean of the scores of the finished folds and of the current one
        after this epoch. If a fold has ended early, its score is used for its last
        step.
        """
        finished = self._main_scores(objective)
        if epoch in self.curves[fold]:
            value = np.mean([*finished[:fold], self.curves[fold][epoch]])
        else:
            value = np.mean(finished[: fold + 1])
        return fold * self.max_epochs + epoch, float(value)

    def reports(self, objective):
        """Return all that was reported, by steps."""
        n_finished = len(self._main_scores(objective))
        found: dict[int, float] = {}
        for fold, curve in enumerate(self.curves):
            epochs = list(curve)
            if fold < n_finished and self.max_epochs - 1 not in curve:
                epochs.append(self.max_epochs - 1)
            found.update(self.report(fold, epoch, objective) for epoch in epochs)
        return found

    def _main_scores(self, objective):
        if not self.scores:
            return []
        return self.scores[main_name(self.scores, objective)]

    def to_attributes(self):
        """Return the attributes of a trial, which a dashboard shows.

        They are few, since each of them is a write to the storage.
        """
        found = {
            "scores": {"test": self.scores, "train": self.train_scores},
            "seconds": {"fit": self.fit_time, "score": self.score_time},
            "epochs": {"run": self.epochs, "at_most": self.max_epochs},
            "curves": list(map(_plain_curve, self.curves)),
            "error": self.error,
        }
        if not self.max_epochs:
            del found["epochs"], found["curves"]
        if not self.error:
            del found["error"]
        return found

    @classmethod
    def from_attributes(cls, attributes):
        """Return the outcome of a trial that is in the study."""
        scores = attributes.get("scores", {})
        seconds = attributes.get("seconds", {})
        epochs = attributes.get("epochs", {})
        return cls(
            scores=scores.get("test", {}),
            train_scores=scores.get("train", {}),
            fit_time=seconds.get("fit", []),
            score_time=seconds.get("score", []),
            epochs=epochs.get("run", []),
            curves=list(map(_read_curve, attributes.get("curves", []))),
            max_epochs=epochs.get("at_most", 0),
            error=attributes.get("error", ""),
        )
