"""The score of the validation part that early stopping looks at."""

import math
from copy import copy
from inspect import signature

from sklearn.metrics import check_scoring, get_scorer_names

from skdl._utils._hints import hint_at_value
from skdl._utils._scorers import is_plain_scorer, plain_score_name
from skdl.training._job import Stopping

__all__ = ["add_monitor", "check_monitor"]

# What the program computes itself.
_IN_PROGRAM = ("loss", "score")


def check_monitor(monitor):
    """Check the name of the score to monitor.

    Raises
    ------
    ValueError
        If it is not known.
    """
    if isinstance(monitor, type):
        raise ValueError(f"monitor={monitor!r} is a class: give a scorer.")
    if callable(monitor) or monitor in _IN_PROGRAM:
        return
    names = get_scorer_names()
    if monitor not in names:
        raise ValueError(
            f"monitor={monitor!r} is not known: use 'loss', 'score', a name of "
            "sklearn.metrics.get_scorer_names(), or a scorer. "
            f"{hint_at_value('monitor', monitor, [*_IN_PROGRAM, *names])}".rstrip()
        )


def add_monitor(job, estimator, attributes):
    """Let a job compute the monitored score, and stop by it where it stops early.

    Parameters
    ----------
    job : Job
        It has a validation part.
    estimator : BaseNetwork
        Its parameters say what is monitored.
    attributes : callable
        Returns the attributes that its fit would set if it ended with some weights.

    Returns
    -------
    str
        Name of the score in the history, without ``val_``.
    """
    monitor = estimator.monitor
    name, rises = job.learner.target.metric, monitor != "loss"
    if monitor not in _IN_PROGRAM:
        scorer = check_scoring(estimator, scoring=monitor)
        if not _is_in_program(scorer, job, estimator):
            name = monitor if isinstance(monitor, str) else _name_of(monitor)
            if name in ("loss", job.learner.target.metric):
                name += "_score"  # the history has another one of that name
            job.score = f"val_{name}", _make_score(scorer, job, estimator, attributes)
    if estimator.early_stopping:
        job.stopping = Stopping(
            estimator.patience,
            estimator.min_delta,
            estimator.restore_best_weights,
            f"val_{name}" if rises else "val_loss",
            rises,
        )
    return name


def _is_in_program(scorer, job, estimator):
    # Scores of several outputs are averaged in another way.
    one_output = job.validation.y.ndim == 1 or job.validation.y.shape[1] == 1
    plain = plain_score_name(scorer, None, estimator)
    return one_output and plain == job.learner.target.metric


def _make_score(scorer, job, estimator, attributes):
    part = job.validation
    # A scorer of your own may look at the rows.
    monitored, X = estimator._monitored(part, is_plain=is_plain_scorer(scorer))
    weights = {}
    if part.weight is not None and _takes_weights(scorer):
        weights["sample_weight"] = part.weight

    def score(network_weights):
        shown = copy(monitored)
        vars(shown).update(attributes(network_weights))
        try:
            found = float(scorer(shown, X, part.given, **weights))
        except Exception as error:
            raise ValueError(
                f"monitor={estimator.monitor!r} failed on the validation part: {error}"
            ) from error
        if not math.isfinite(found):
            raise ValueError(
                f"monitor={estimator.monitor!r} gave {found} on the validation part, "
                f"which has {len(part.given)} rows: monitor another score, or validate "
                "on more rows (validation_fraction, X_val)."
            )
        return found

    return score


def _takes_weights(scorer):
    if not is_plain_scorer(scorer):
        return False  # a function of the user's own
    metric = getattr(scorer, "_score_func", None)
    if getattr(scorer, "_kwargs", {}).get("multi_class") == "ovo":
        return False  # of one class against one, scikit-learn takes none
    return metric is None or "sample_weight" in signature(metric).parameters


def _name_of(scorer):
    # A function's own, or that of the metric which a scorer was made of.
    metric = getattr(scorer, "_score_func", scorer)
    return getattr(metric, "__name__", "score")
