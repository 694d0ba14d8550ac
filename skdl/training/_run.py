"""One training from its job to its outcome."""

import numpy as np
import tensorflow as tf

from skdl._utils._callbacks import EpochCallback, EpochWatcher
from skdl._utils._diverged import Diverged
from skdl.training._cache import check_process, programs
from skdl.training._job import Outcome
from skdl.training._keras_callbacks import KerasCallbacks, has_batch_hooks, release
from skdl.training._keras_fit import fit_by_keras
from skdl.training._learned import Network
from skdl.training._loop import Training, train_program
from skdl.training._model_learner import ModelLearner
from skdl.training._network_learner import NetworkLearner
from skdl.training._recorder import (
    EarlyStopper,
    EpochKeeper,
    Recorder,
    explain_interrupt,
)

__all__ = ["Run"]


class Run:
    """One training: of a network of ours or of a user's model, compiled or by Keras.

    Parameters
    ----------
    job : Job
        What to do.
    """

    recorder: Recorder  # of a training that has begun: what it has done so far

    def __init__(self, job):
        check_process()  # before the first weights: TensorFlow may draw them
        self._job = job
        self._light = [c for c in job.callbacks if isinstance(c, EpochCallback)]
        self._callbacks = [c for c in job.callbacks if c not in self._light]
        kind = NetworkLearner if isinstance(job.learner, Network) else ModelLearner
        self._learner = kind(job, has_batch_hooks(self._callbacks))
        self._training = Training(job, self._learner)

    @property
    def steps_per_epoch(self):
        """Steps of one epoch."""
        return self._training.steps_per_epoch

    @property
    def multiply_adds(self):
        """Multiply-adds of the forward pass of all rows."""
        return self._learner.n_rows * self._learner.multiply_adds_per_row

    @property
    def scores_observed(self):
        """Whether the observed rows are scored in the compiled loop."""
        job, learner = self._job, self._learner
        return bool(job.observed) and learner.compiled and learner.scores_observed

    @property
    def observed_multiply_adds(self):
        """Multiply-adds of scoring these rows once in the loop; 0 for another way."""
        if not self.scores_observed:
            return 0
        return len(self._job.observed.y) * self._learner.multiply_adds_per_row

    def train(self):
        """Train and return the outcome.

        Returns
        -------
        Outcome

        Raises
        ------
        ValueError
            If the training diverges.
        """
        job, training, learner = self._job, self._training, self._learner
        watchers = [*map(EpochWatcher, self._light), *job.watchers]
        keeper = EpochKeeper()
        if job.keep_on_interrupt:
            watchers.append(keeper)
        stopper = job.stopping and job.validation and EarlyStopper(job.stopping)
        recorder = self.recorder = Recorder(
            training.schedule,
            job.history,
            stopper,
            watchers,
            job.observe if self.scores_observed else None,
            job.observe_every if self.scores_observed and not job.validation else 1,
            job.score,
        )
        train = self._train_program if learner.compiled else self._train_by_keras
        try:
            n_steps, states = train(recorder)
            weights = recorder.choose_weights()
        except tf.errors.OpError as error:
            explained = learner.explain(error)
            if explained is None:
                raise
            raise explained from error
        # An interrupt may stop a program in the middle of a step: the cache drops it,
        # and only whole epochs are kept.
        except KeyboardInterrupt as interrupt:
            weights, states = keeper.keep(recorder), None
            if weights is None:
                explain_interrupt(interrupt)
                raise
            learner.take_back(weights)
            n_steps = self._count_steps(recorder)
        release(self._callbacks)
        recorder.warn_of_no_best()
        # Losses are computed before each update: the last update may have diverged
        # unnoticed.
        if not all(np.isfinite(weight).all() for weight in weights):
            rate = training.schedule.learning_rate
            raise Diverged(
                "The weights became NaN or infinite in the last steps: the training "
                f"diverged. Lower learning_rate (now {rate:g}) or scale X "
                "(StandardScaler in a pipeline)."
            )
        return Outcome(
            weights,
            states,
            recorder.history,
            n_steps,
            learner.path,
            recorder.best_epoch,
            learner.states_of,
        )

    def _train_program(self, recorder):
        """Train by a compiled program; return the steps, and the states at the end."""
        learner, job = self._learner, self._job
        spec = learner.spec
        with programs.lend(spec, lambda: learner.make_program(spec)) as program:
            learner.load(program)
            if self._callbacks:
                bridge = KerasCallbacks(
                    self._callbacks,
                    learner.make_keras_model,
                    program.step,
                    self._training,
                )
                # First: the others read weights, which a callback may have changed.
                recorder.watchers.insert(0, bridge)
            recorder.reading(program.step.read)
            train_program(program, learner, self._training, recorder)
            weights = recorder.choose_weights()
            recorder.reading(lambda: weights)  # the program goes back
            learner.store(program)
            states = program.step.read_states() if job.keep_states else None
        return self._count_steps(recorder), states

    def _train_by_keras(self, recorder):
        """Train by ``keras.Model.fit``; return the steps, and the states at the end."""
        learner = self._learner
        fit = learner.keras_fit(self._training)
        recorder.reading(fit.model.get_weights)
        fit_by_keras(fit, self._training, recorder, self._callbacks)
        states = None
        if self._job.keep_states:
            states = learner.read_keras_states(fit)
        return learner.count_keras_steps(self._count_steps(recorder)), states

    def _count_steps(self, recorder):
        done = recorder.n_epochs * self._training.steps_per_epoch
        return self._job.first_step + done
