"""Several networks fitted by one fit, whose predictions are averaged."""

import warnings
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, nullcontext
from copy import copy
from threading import Event

import joblib
import numpy as np
from sklearn import config_context, get_config

from skdl._utils._callbacks import Watcher
from skdl._utils._numbers import draw_seed
from skdl._utils._tasks import EpochTasks

__all__ = ["check_same_number", "fit_members"]

# A member checks about every this many steps whether to stop: within about a second.
_STEPS_PER_LOOK = 2_000


def fit_members(whole, job, seed, data, *, resuming):
    """Fit the networks of an ensemble, and set its fitted attributes.

    Each of them is what a fit of one network with its ``random_state`` would be on the
    same training and validation rows.

    Parameters
    ----------
    whole : BaseNetwork
        The ensemble.
    job : Job
        What each member does, with a seed of its own.
    seed : int
        Where the seeds of the members come from.
    data : dict
        X, y and metadata, as callbacks of scikit-learn take them.
    resuming : bool
        Whether to resume the members of the last fit.
    """
    members = _resumed(whole) if resuming else _new_members(whole, seed)
    stop, tasks = Event(), None
    done: list = []

    def show(_):
        return _attributes(done) if done else {}

    ends = ExitStack()
    if EpochTasks.wanted_by(whole):
        tasks = EpochTasks(whole, len(members), data, show)
        tasks.begin(list)
        ends.callback(tasks.end)
    observer = whole._observer
    if observer is not None:
        observer.begin(job.n_epochs, 1, 1)  # it sees no epoch of a member
    stride = max(1, _STEPS_PER_LOOK // job.count_steps(len(job.train.y)))
    line = _make_line(whole, len(members) * job.n_epochs)
    # scikit-learn's configuration is that of the thread.
    config = get_config()

    def fit_one(index, member):
        goes_on = resuming and job.keep_states
        own_seed = member._seed if goes_on else draw_seed(member.random_state)
        own = member._own_job(job.of_member(index), own_seed, resuming=resuming)
        own.keep_on_interrupt = False  # the ensemble keeps its members
        own.watchers.append(_Stopper(stop, observer, line, stride))
        with config_context(**config):
            member._train(own, data)
        member._seed = own_seed
        return member

    # Each small step runs on one thread: as many members as cores run side by side.
    n_threads = min(len(members), joblib.cpu_count())
    with ends, ThreadPoolExecutor(n_threads) as pool, line or nullcontext():
        futures = [pool.submit(fit_one, *each) for each in enumerate(members)]
        try:
            for future in as_completed(futures):
                done.append(future.result())
                if tasks is not None:
                    tasks.epoch_begin(len(done) - 1)
                    tasks.epoch_end(len(done) - 1, {})
        except BaseException as error:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            is_kept = isinstance(error, KeyboardInterrupt) and job.keep_on_interrupt
            if not is_kept:
                raise
            # Those that are running stop at their next epoch, and count with it.
            done = [
                f.result() for f in futures if not f.cancelled() and not f.exception()
            ]
            _warn_of_interrupt(len(done), len(members))
    done.sort(key=members.index)
    # An interrupted fit has not kept all of them.
    if job.folds:
        kept = [members.index(member) for member in done]
        job.folds = [job.folds[index % len(job.folds)] for index in kept]
    for name in (*_OF_ONE, "_seen_columns"):
        vars(whole).pop(name, None)
    vars(whole).update(_attributes(done))


# What a network alone has.
_OF_ONE = ("_weights", "_states", "_states_of", "_steps_done", "callbacks_")
# What an ensemble has learned with all of its members.
_OF_ALL = ("estimators_", "temperature_", "_residuals", "_residual_weight")


def _new_members(whole, seed):
    seeds = np.random.SeedSequence(seed).generate_state(whole.n_ensemble)
    return [_member_of(whole, int(own), {}) for own in seeds]


def check_same_number(whole):
    """Check that a resumed fit has as many networks as the last fit.

    Raises
    ------
    ValueError
        If not.
    """
    n_before = len(whole._members)
    if n_before != whole.n_ensemble:
        raise ValueError(
            f"A resumed fit needs as many networks as the last fit: n_ensemble was "
            f"{n_before}, got {whole.n_ensemble}. Set warm_start=False, or clone the "
            "estimator, to start afresh."
        )


def _resumed(whole):
    parameters = whole.get_params(deep=False)
    return [
        _member_of(
            whole,
            member.random_state,
            {k: v for k, v in vars(member).items() if k not in parameters},
        )
        for member in whole._members
    ]


def _member_of(whole, random_state, fitted):
    member = copy(whole)
    # Callbacks of scikit-learn see the members of the whole, and not their epochs.
    for name in ("_skl_callbacks", "_parent_callback_ctx", "_observer", *_OF_ALL):
        vars(member).pop(name, None)
    vars(member).update(fitted)
    member.n_ensemble, member.random_state, member.verbose = 1, random_state, 0
    return member


def _attributes(members):
    """Return the fitted attributes of an ensemble."""
    first = members[0]
    names = ("_network", "_target", "_rates", "n_outputs_", "classes_", "_score_name")
    found = {name: vars(first)[name] for name in names if name in vars(first)}
    return found | {
        "estimators_": members,
        "_model": None,
        "history_": _mean_history(members),
        "n_iter_": max(member.n_iter_ for member in members),
        "best_epoch_": None,
    }


def _mean_history(members):
    """Return the means over the members.

    One that has ended counts with the epoch whose weights it kept.
    """
    n_epochs = max(len(member.history_["loss"]) for member in members)
    means = {}
    for name in members[0].history_:
        rows = []
        for member in members:
            values = member.history_[name]
            best = member.best_epoch_ if member.restore_best_weights else None
            kept = values[(best or 0) - 1]  # the last, where that of none is kept
            rows.append([*values, *[kept] * (n_epochs - len(values))])
        means[name] = np.mean(rows, axis=0).tolist()
    return means


class _Stopper(Watcher):
    """Ends a member where the others have ended by an error or an interrupt.

    Parameters
    ----------
    stop : Event
        Whether it ends.
    observer : Observer or None
        It may ask to stop.
    line : ProgressLine or None
        Is told of each epoch.
    stride : int
        Of how many epochs it is told at once.
    """

    def __init__(self, stop, observer, line, stride):
        self._stop, self._observer, self._line = stop, observer, line
        self.stride = 1 if line else stride

    def epoch_end(self, epoch, logs):
        if self._line is not None:
            self._line.epoch_end(epoch, logs)
        if self._observer is not None and self._observer.asks_to_stop():
            return True
        return self._stop.is_set()


def _make_line(whole, n_epochs):
    if not whole.verbose:
        return None
    from skdl._utils._progress_line import ProgressLine

    return ProgressLine(type(whole).__name__, n_epochs)


def _warn_of_interrupt(n_done, n_members):
    if not n_done:
        raise KeyboardInterrupt
    warnings.warn(
        f"The fit was interrupted: {n_done} of {n_members} networks are kept, with the "
        "epochs that they have done (on_interrupt='keep').",
        UserWarning,
        stacklevel=2,
    )
