"""What a trial has given, as the study keeps it."""

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Outcome", "main_name"]


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


@dataclass
class Outcome:
    """What a trial has given; lists have one entry for each fold that was finished.

    Parameters
    ----------
    scores, train_scores : dict of list of float
        By the names of the scores.
    fit_time, score_time : list of float
        In seconds.
    epochs : list of int
        Epochs that the network ran.
    curves : list of list of float
        The score of the test rows after each epoch, also of a fold that was not
        finished.
    max_epochs : int
        How many epochs a fold has at most.
    pruned : bool
        Whether the trial was pruned.
    exception : Exception or None
        Why it failed, if it did.
    error : str
        The same in words, also of a trial that was run elsewhere.
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

    def value(self, objective):
        """Return the mean over the folds of the score that is maximized."""
        return float(np.mean(self.scores[main_name(self.scores, objective)]))

    def report(self, fold, epoch, objective):
        """Return the step of an epoch, and what is reported there to the pruner.

        That is the mean of the scores of the folds before, and of this one as it is
        after this epoch. Where a fold has ended early, its last step has its score.
        """
        finished = self._main_scores(objective)
        if epoch < len(self.curves[fold]):
            value = np.mean([*finished[:fold], self.curves[fold][epoch]])
        else:
            value = np.mean(finished[: fold + 1])
        return fold * self.max_epochs + epoch, float(value)

    def reports(self, objective):
        """Return all that was reported, by steps."""
        n_finished = len(self._main_scores(objective))
        found = {}
        for fold, curve in enumerate(self.curves):
            epochs = list(range(len(curve)))
            if fold < n_finished and len(curve) < self.max_epochs:
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
            "curves": self.curves,
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
            curves=attributes.get("curves", []),
            max_epochs=epochs.get("at_most", 0),
            error=attributes.get("error", ""),
        )
