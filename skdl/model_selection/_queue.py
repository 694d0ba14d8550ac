"""Handing out the trials of a study, to threads and to processes."""

import os
import socket
import threading
import time
import uuid
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import optuna
import psutil
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import TrialState, create_trial

from skdl.model_selection._space import StoredTrial

__all__ = ["LOST", "TrialQueue", "counts"]

# Seconds between two heartbeats of a trial, and without one until it counts as lost.
PULSE = 15.0
GRACE = 90.0
# Seconds between two checks of a study whose last trials run in other processes.
WAIT = 0.5

# An attribute of each trial that a search has run.
RESULT = "seconds"
OWNER, ALIVE, LOST, RETRY = "skdl:owner", "skdl:alive", "skdl:lost", "skdl:retry_of"
DIED, INTERRUPTED, DISCARDED = "its process has died", "interrupted", "not needed"
_GRID = ("grid_id", "search_space")  # attributes of a trial by Optuna's GridSampler
_open_queues: set[str] = set()  # of this process
# What it may raise to tell of a trial that another process has ended.
_UPDATE_ERRORS = (UpdateFinishedTrialError, ValueError)


def counts(trial):
    """Return whether a trial counts, which means that a search has finished it.

    Trials of a killed process, and trials that somebody else has added, do not count.
    """
    # LOST is written before the state: a trial that its process completes in between
    # has the mark, and counts.
    lost = trial.state == TrialState.FAIL and LOST in trial.user_attrs
    ours = RESULT in trial.user_attrs or OWNER in trial.user_attrs
    return trial.state.is_finished() and not lost and ours


class TrialQueue:
    """Hands out the trials of a study until the study has ``n_trials``.

    Several processes may work on one study. A trial whose process has died is run again
    by the first process that notices: at once if the dead process ran on this machine,
    else when the trial has had no heartbeat for ``GRACE`` seconds. The heartbeats are
    attributes of the trials, so that they work in journal files too, unlike Optuna's
    own heartbeat, which needs a database.

    Parameters
    ----------
    study : optuna.Study
        The study.
    storage : optuna.storages.BaseStorage
        Its storage.
    n_trials : int
        How many trials the study shall have in all.
    timeout : float or None
        Seconds after which no trial is begun.
    make_sampler : callable or None
        ``make_sampler(index)`` returns the sampler of the trial with that index; None
        leaves the study's.
    space : object
        Its ``suggest`` takes a trial and returns its parameters, ``recall`` one that is
        in the study; ``notes`` returns attributes that a new one gets.
    enqueued : list of dict, default=()
        What the search has put into the queue, each once: of processes that begin at
        the same time, each may have.
    """

    def __init__(
        self, study, storage, n_trials, timeout, make_sampler, space, enqueued=()
    ):
        self._study = study
        self._storage = storage
        self._study_id = storage.get_study_id_from_name(study.study_name)
        self._n_trials = n_trials
        self._end = None if timeout is None else time.monotonic() + timeout
        self._make_sampler = make_sampler
        self._space = space
        self._enqueued = enqueued
        self._owner = _this_process()
        # No other process sees a study in memory: no owners, and no signs of life.
        self._shared = not isinstance(storage, optuna.storages.InMemoryStorage)
        self._lock = threading.Lock()
        self._mine = {}
        self._last_seen = {}
        self._is_exhausted = False
        self._has_begun = False
        self.stopped = threading.Event()

    def take(self):
        """Return the next trial and its parameters, or None if there is none."""
        while not self.stopped.is_set():
            with self._lock:
                self._retry_lost()
                if self._has_ended():
                    return None
                waiting, is_full = self._look()
                if waiting or not is_full:
                    taken = self._take(waiting)
                    if taken is not None:
                        return taken
                    continue  # another process was quicker
                if not self._running_elsewhere():
                    self._take_back()
                    return None
            self.stopped.wait(WAIT)
        return None

    def finish(self, trial, state, value=None):
        """Tell the study how a trial ended; return whether it was still ours."""
        try:
            # An exhausted GridSampler stops the study in `tell`.
            with self._stopping():
                self._study.tell(trial, value, state)
        except _UPDATE_ERRORS:
            return False
        finally:
            with self._lock:
                self._mine.pop(trial.number, None)
        return True

    def call(self, callbacks, trial):
        """Call the callbacks of the study with a trial that has ended."""
        if callbacks:
            frozen = self._study.get_trials(deepcopy=False)[trial.number]
            for callback in callbacks:
                with self._stopping():
                    callback(self._study, frozen)

    @contextmanager
    def _stopping(self):
        """Let a sampler or a callback stop the study in the block.

        They call ``Study.stop``, which raises outside of Optuna's own loop: so the
        block is in it, as far as the study knows.
        """
        loop = self._study._thread_local
        before, loop.in_optimize_loop = loop.in_optimize_loop, True
        try:
            yield
        finally:
            loop.in_optimize_loop = before
            if self._study._stop_flag:
                self._is_exhausted = True

    def give_back(self, trial):
        """Give up a trial that was interrupted, so that it is run again."""
        with self._lock:
            self._mine.pop(trial.number, None)
            frozen = self._study.get_trials(deepcopy=False)[trial.number]
            self._retry(frozen, INTERRUPTED)

    def counted(self):
        """Return the trials that count."""
        return [t for t in self._study.get_trials(deepcopy=False) if counts(t)]

    @contextmanager
    def open(self):
        """Send heartbeats of the running trials while the block runs."""
        ended = threading.Event()

        def beat():
            while not ended.wait(PULSE):
                self._beat()

        thread = threading.Thread(target=beat, name="skdl-pulse", daemon=True)
        _open_queues.add(self._owner["queue"])
        try:
            if self._shared:
                with self._lock:
                    self._retry_lost()
                    self._repair()
                thread.start()
            yield self
        except KeyboardInterrupt:
            # Those that were interrupted after they were taken, before they began.
            for trial in list(self._mine.values()):
                self.give_back(trial)
            raise
        finally:
            _open_queues.remove(self._owner["queue"])
            ended.set()
            if thread.is_alive():
                thread.join()

    def _beat(self):
        with self._lock:
            running = list(self._mine.values())
        for trial in running:
            try:
                trial.set_user_attr(ALIVE, datetime.now().isoformat(timespec="seconds"))
            except (*_UPDATE_ERRORS, RuntimeError, OSError, StorageInternalError):
                continue  # it has just ended; or the storage is away, and may come back

    def _look(self):
        """Return whether a trial waits in the queue, and whether the study is full."""
        waiting, n_places = False, 0
        for trial in self._study.get_trials(deepcopy=False):
            # What waits behind the last place is left to a search with more trials.
            if trial.state == TrialState.WAITING and n_places < self._n_trials:
                waiting = True
            n_places += _takes_a_place(trial)
        return waiting, n_places >= self._n_trials

    def _take(self, waiting):
        if self._shared and not waiting:
            self._put_into_queue({}, {}, {}, {})
        trial = self._study.ask()
        self._mine[trial.number] = trial  # at once: an interrupt may come in any line
        taken = self._draw(trial)
        if taken is None:
            del self._mine[trial.number]
        return taken

    def _draw(self, trial):
        """Return a trial and its parameters, or None if it is not ours."""
        self._set_sampler(trial)
        if self._shared and not self._make_mine(trial):
            return None
        try:
            self._space.suggest(trial)
            for name, note in self._space.notes(self._stored(trial)).items():
                trial.set_user_attr(name, note)
            # As it will be recalled: a storage may convert values.
            params = self._space.recall(self._stored(trial))
        except UpdateFinishedTrialError:
            return None  # another process considered it lost
        except Exception:
            self._discard(trial)
            raise
        return trial, params

    def _stored(self, trial):
        return self._study.get_trials(deepcopy=False)[trial.number]

    def _set_sampler(self, trial):
        if self._make_sampler is not None:
            trials = self._study.get_trials(deepcopy=False)
            # One sampler for all threads: `take` holds the lock until all is drawn.
            self._study.sampler = self._make_sampler(_index(trial.number, trials))
        elif trial.number > 0 and not self._has_begun:
            # Another process, or an earlier one, began with the same random numbers.
            self._study.sampler.reseed_rng()
        self._has_begun = True

    def _put_into_queue(self, params, distributions, attributes, system_attributes):
        """Add a trial with its owner, so that it has one even if this process dies."""
        self._study.add_trial(
            create_trial(
                state=TrialState.WAITING,
                params=params,
                distributions=distributions,
                user_attrs={OWNER: self._owner, **attributes},
                system_attrs=system_attributes,
            )
        )

    def _make_mine(self, trial):
        """Make a trial ours; return whether that succeeded and the trial is needed."""
        try:
            # `ask` may have taken what another process, or the user, had enqueued.
            if trial.user_attrs.get(OWNER) != self._owner:
                trial.set_user_attr(OWNER, self._owner)
            if self._is_surplus(trial) or self._is_repeated(trial):
                self._discard(trial)
                return False
        except _UPDATE_ERRORS:
            return False  # another process considered it lost
        return True

    def _is_surplus(self, trial):
        """Return whether other processes began the last trials in the meantime."""
        before = self._study.get_trials(deepcopy=False)[: trial.number]
        return sum(map(_takes_a_place, before)) >= self._n_trials

    def _is_repeated(self, trial):
        """Return whether another process has put the same into the queue before."""
        before = self._study.get_trials(deepcopy=False)
        fixed = before[trial.number].system_attrs.get("fixed_params")
        return fixed in self._enqueued and any(
            fixed == other.system_attrs.get("fixed_params")
            for other in before[: trial.number]
        )

    def _discard(self, trial):
        # The mark first: Optuna takes no attributes of a trial that has ended.
        trial.set_user_attr(LOST, DISCARDED)
        self._study.tell(trial, state=TrialState.FAIL)

    def _has_ended(self):
        if self._is_exhausted:
            return True
        return self._end is not None and time.monotonic() >= self._end

    def _running_elsewhere(self):
        if not self._shared:
            return []
        return [
            trial
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state == TrialState.RUNNING and trial.number not in self._mine
        ]

    def _take_back(self):
        """Discard what this queue has put behind the last place, and nobody took.

        Of two processes that put a trial at once, one may take that of the other, which
        had looked for trials before the second was put.
        """
        if not self._shared:
            return
        for trial in self._study.get_trials(deepcopy=False):
            is_waiting = trial.state == TrialState.WAITING
            is_own = trial.user_attrs.get(OWNER) == self._owner
            # One that is put again has parameters, which a longer search wants.
            if is_waiting and is_own and RETRY not in trial.user_attrs:
                self._fail(trial, DISCARDED)

    def _retry_lost(self):
        for trial in self._running_elsewhere():
            if self._is_lost(trial):
                self._retry(trial, DIED)

    def _repair(self):
        """Retry the trials of a process that died between giving up and retrying."""
        trials = self._study.get_trials(deepcopy=False)
        if any(trial.state == TrialState.RUNNING for trial in trials):
            return  # another process may be about to do it
        retried = {trial.user_attrs.get(RETRY) for trial in trials}
        for trial in trials:
            given_up = trial.user_attrs.get(LOST) in (DIED, INTERRUPTED)
            if given_up and not counts(trial) and trial.number not in retried:
                self._put_again(trial)

    def _is_lost(self, trial):
        owner = trial.user_attrs.get(OWNER)
        # A trial that we put into the queue is being taken by another process.
        is_known = owner is not None and owner != self._owner
        if is_known and owner["machine"] == self._owner["machine"]:
            return not _is_alive(owner)
        sign = trial.user_attrs.get(ALIVE)
        # Clocks of machines differ, so no two are compared: what counts is for how long
        # this process has seen no new sign.
        known, since = self._last_seen.get(trial.number, (None, None))
        if since is None or known != sign:
            self._last_seen[trial.number] = sign, time.monotonic()
            return False
        return time.monotonic() - since > GRACE

    def _retry(self, trial, reason):
        """End a lost trial, and put one with the same parameters into the queue."""
        # One that came too late, and whose process ended before another had discarded
        # it, would wait for ever behind the last place.
        is_surplus = self._is_surplus(trial)
        if self._fail(trial, DISCARDED if is_surplus else reason) and not is_surplus:
            self._put_again(trial)

    def _fail(self, trial, reason):
        """End a trial that may be another's; return whether it was not ended before."""
        try:
            trial_id = self._storage.get_trial_id_from_study_id_trial_number(
                self._study_id, trial.number
            )
            self._storage.set_trial_user_attr(trial_id, LOST, reason)
            # A trial ends once: of the processes that end it, one gets past this.
            self._storage.set_trial_state_values(trial_id, state=TrialState.FAIL)
        except _UPDATE_ERRORS:
            return False
        return True

    def _put_again(self, trial):
        """Put a trial into the queue with the parameters of another, if all are known.

        If it was lost before all were drawn, all are drawn again, since the state of
        its random numbers is lost.
        """
        params, distributions = trial.params, trial.distributions
        try:
            self._space.suggest(StoredTrial(params, trial.number))
        except ValueError:
            params, distributions = {}, {}
        # The place of a GridSampler's, which would count as visited.
        place = {k: v for k, v in trial.system_attrs.items() if k in _GRID}
        self._put_into_queue(params, distributions, {RETRY: trial.number}, place)


def _takes_a_place(trial):
    return counts(trial) or trial.state in (TrialState.RUNNING, TrialState.WAITING)


def _index(number, trials):
    """Return how many trials were drawn before this one, or the one that it repeats."""
    while RETRY in trials[number].user_attrs:
        number = trials[number].user_attrs[RETRY]
    # Without the repeats: later draws are seeded as if no trial had been lost.
    return sum(RETRY not in trial.user_attrs for trial in trials[:number])


def _this_process():
    process = psutil.Process()
    return {
        "machine": _this_machine(),
        "process": process.pid,
        "started": process.create_time(),
        "queue": uuid.uuid4().hex,
    }


def _this_machine():
    """Return a text that is the same for processes that can see each other."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # Containers of one machine do not see each other's processes.
        boot += f" {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        # No /proc here. The time follows a clock that is adjusted: rounded to 100 s.
        boot = str(round(psutil.boot_time(), -2))
    return f"{socket.gethostname()} {boot}"


def _is_alive(owner):
    # This process, a notebook say, outlives its searches.
    if owner["process"] == os.getpid() and owner["queue"] not in _open_queues:
        return False
    try:
        process = psutil.Process(owner["process"])
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        started = process.create_time()
    except psutil.Error:
        return False
    # Seconds since 1970: the default of rtol would accept a difference of hours.
    return bool(np.isclose(started, owner["started"], atol=1.0, rtol=0))
