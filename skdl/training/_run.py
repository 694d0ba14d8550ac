"""One training from its job to its outcome."""

from copy import deepcopy
from dataclasses import dataclass

import keras
import numpy as np
from scipy import sparse

from skdl._utils._callbacks import EpochCallback, EpochWatcher
from skdl._utils._diverged import Diverged
from skdl.nn._networks import build_model, initial_weights
from skdl.training._cache import programs
from skdl.training._data import to_tensor
from skdl.training._dropout import DropoutPlan
from skdl.training._keras import (
    KerasCallbacks,
    compile_for_training,
    compile_model,
    has_batch_hooks,
    release,
    train_model,
)
from skdl.training._loop import (
    EarlyStopper,
    EpochKeeper,
    Recorder,
    Training,
    explain_interrupt,
    train_program,
)
from skdl.training._optimizers import kernel_for, make_optimizer, spec_for
from skdl.training._program import Program, ProgramSpec, rows_at_once
from skdl.training._schedules import make_schedule
from skdl.training._sparse import as_sparse_tensors

__all__ = ["Outcome", "Run", "make_model"]


@dataclass
class Outcome:
    """What one training has given.

    Parameters
    ----------
    weights : list of ndarray
        Of the network.
    states : list of ndarray or None
        Of its optimizer, where they were wanted.
    history : dict of list
        The scores of each epoch.
    n_steps : int
        Steps that were done, with those of earlier trainings that this one went on.
    callbacks : list
        The copies of the callbacks that it worked on.
    """

    weights: list
    states: list | None
    history: dict
    n_steps: int
    callbacks: list


class Run:
    """One training.

    Parameters
    ----------
    job : Job
        What to do.

    Attributes
    ----------
    compiled : bool
        Whether a compiled program does it; else ``keras.Model.fit`` does, for callbacks
        that want to see each batch.
    """

    def __init__(self, job):
        self.job = job
        settings = job.settings
        seeds = job.seed.spawn(5)
        self._init_seed, order_seed, dropout_seed, self._model_seed = seeds[:4]
        self._augment_seed = seeds[4]
        self._rate, schedule, momentum = _resolve_optimizer(settings)
        data = _to_tensors(job.train, job.target)
        n_rows = len(job.train.y)
        batch_size = settings["batch_size"]
        batch_size = n_rows if batch_size == -1 else min(batch_size, n_rows)
        steps_per_epoch = -(-n_rows // batch_size)
        self._places = tuple(place for place, rate in enumerate(job.dropout) if rate)
        self._training = Training(
            data=data,
            n_rows=n_rows,
            validation=job.validation and _to_tensors(job.validation, job.target),
            observed=job.observed and _to_tensors(job.observed, job.target),
            epochs=job.n_epochs,
            batch_size=int(batch_size),
            schedule=make_schedule(
                schedule, self._rate, steps_per_epoch, settings["epochs"]
            ),
            dropout=DropoutPlan(
                [job.dropout[place] for place in self._places],
                [job.plan.widths[place] for place in self._places],
                dropout_seed,
            ),
            momentum=momentum,
            penalties=np.array([settings["l1"], settings["l2"]], np.float32),
            order_seed=order_seed,
            first_step=job.first_step,
            first_epoch=job.first_epoch,
            rows_per_piece=rows_at_once(job.plan),
        )
        self._weights = job.weights or initial_weights(
            job.network,
            job.plan.shapes,
            settings["kernel_initializer"],
            self._init_seed,
        )
        self._callbacks = [deepcopy(callback) for callback in settings["callbacks"]]
        self.compiled = not has_batch_hooks(self._callbacks)
        if not self.compiled and sparse.issparse(job.train.X):
            raise ValueError(
                "X is sparse, and a callback wants to see each batch: Keras trains "
                "then, on dense rows. Give X.toarray(), or leave that callback out."
            )

    @property
    def steps_per_epoch(self):
        """Steps of one epoch."""
        return self._training.steps_per_epoch

    def train(self, watchers):
        """Train and return the outcome.

        Parameters
        ----------
        watchers : callable
            ``watchers(read)`` returns who wants to see each epoch, given a function
            that reads the weights of the moment.

        Returns
        -------
        Outcome

        Raises
        ------
        ValueError
            If the training diverges.
        """
        job, training = self.job, self._training
        recorder = Recorder(
            training,
            (job.target.metric, job.target.to_metric),
            _make_stopper(job.settings) if training.validation else None,
            job.history,
        )
        train = self._train_compiled if self.compiled else self._train_by_keras
        keeper = None

        def all_watchers(read):
            nonlocal keeper
            found = watchers(read)
            if job.keep_on_interrupt:
                keeper = EpochKeeper(read)
                found.append(keeper)
            return found

        try:
            weights, states = train(recorder, all_watchers)
        except KeyboardInterrupt as interrupt:
            weights, states = keeper and keeper.keep(recorder), None
            if weights is None:
                explain_interrupt(interrupt)
                raise
        release(self._callbacks)
        if not all(np.isfinite(weight).all() for weight in weights):
            raise Diverged(
                "The weights became NaN or infinite in the last steps: the training "
                f"diverged. Lower learning_rate (now {self._rate:g}) or scale X "
                "(StandardScaler in a pipeline)."
            )
        n_steps = recorder.n_epochs * training.steps_per_epoch
        return Outcome(
            weights, states, recorder.history, job.first_step + n_steps, self._callbacks
        )

    def _train_compiled(self, recorder, watchers):
        job, training = self.job, self._training
        settings = job.settings
        optimizer = settings["optimizer"]
        spec = spec_for(optimizer, training.momentum, settings["nesterov"])
        shapes = None
        if kernel_for(spec) is None:
            shapes = tuple(weight.shape for weight in self._weights)
        program_spec = ProgramSpec(
            network=job.network,
            optimizer=spec,
            dropout=self._places,
            penalties=(settings["l1"] > 0, settings["l2"] > 0),
            weighted=len(training.data) == 3,
            sparse=sparse.issparse(job.train.X),
            shapes=shapes,
        )

        def make_program():
            return Program(program_spec, self._make_optimizer)

        with programs.lend(program_spec, make_program) as program:
            program.load(
                self._weights,
                job.states,
                work_per_row=job.plan.work,
                seed=self._augment_seed,
            )
            light = [c for c in self._callbacks if isinstance(c, EpochCallback)]
            others = [c for c in self._callbacks if c not in light]
            recorder.watchers = watchers(program.read)
            recorder.watchers[:0] = map(EpochWatcher, light)
            if others:
                bridge = KerasCallbacks(others, self._make_model, program, training)
                recorder.watchers.insert(0, bridge)
            if job.observed:
                recorder.observer = job.observe
            weights = train_program(program, training, recorder)
            return weights, program.read_states() if job.keep_states else None

    def _train_by_keras(self, recorder, watchers):
        model = self._make_model()
        recorder.watchers = watchers(model.get_weights)
        compile_for_training(model, self.job.network.head, self.job.target)
        return train_model(model, self._training, recorder, self._callbacks), None

    def _make_model(self):
        """Return the ordinary model with the first weights."""
        job = self.job
        return make_model(
            job.network,
            self._weights,
            target=job.target,
            settings=job.settings,
            dropout=job.dropout,
            seed=int(self._model_seed.generate_state(1)[0] >> 1),
        )

    def _make_optimizer(self):
        settings = self.job.settings
        return make_optimizer(
            settings["optimizer"],
            self._rate,
            self._training.momentum,
            settings["nesterov"],
        )


def _resolve_optimizer(settings):
    """Return the learning rate, its schedule and the momentum."""
    optimizer, schedule = settings["optimizer"], settings["learning_rate_schedule"]
    if isinstance(optimizer, str):
        return settings["learning_rate"], schedule, settings["momentum"]
    config = optimizer.get_config()
    rate, momentum = config["learning_rate"], config.get("momentum") or 0.0
    if not isinstance(rate, dict):
        return rate, schedule, momentum
    if schedule is not None:
        raise ValueError(
            f"learning_rate_schedule={schedule!r} and a schedule in the optimizer "
            "exclude each other: leave one of them out."
        )
    rate = keras.optimizers.schedules.deserialize(rate)
    return rate(0), rate, momentum


def _make_stopper(settings):
    if not settings["early_stopping"]:
        return None
    return EarlyStopper(
        settings["patience"], settings["min_delta"], settings["restore_best_weights"]
    )


def _to_tensors(part, target):
    if sparse.issparse(part.X):
        X = as_sparse_tensors(part.X, part.rows)
    else:
        X = to_tensor(part.X, np.float32, part.rows)
    tensors = (X, to_tensor(part.y, target.dtype))
    if part.weight is None:
        return tensors
    return (*tensors, to_tensor(part.weight / part.weight.mean(), np.float32))


def make_model(
    network, weights, *, target, settings, dropout, seed=0, input_shape=None
):
    """Return the ordinary Keras model of an estimator, compiled.

    Parameters
    ----------
    network : MLPStructure
        The network.
    weights : list of ndarray
        Its weights.
    target : object
        The target: its ``scaling`` and ``metric``.
    settings : dict
        The parameters of the estimator.
    dropout : list of float
        Rates of dropout: of the input, and of each hidden layer.
    seed : int, default=0
        Of the random numbers of dropout.
    input_shape : tuple of int or None
        Shape of a row; None is flat.

    Returns
    -------
    keras.Model
    """
    rate, _, momentum = _resolve_optimizer(settings)
    model = build_model(
        network,
        weights,
        dropout=dropout,
        l1=settings["l1"],
        l2=settings["l2"],
        scaling=target.scaling,
        seed=seed,
        input_shape=input_shape,
    )
    optimizer = make_optimizer(
        settings["optimizer"], rate, momentum, settings["nesterov"]
    )
    compile_model(model, network.head, optimizer)
    optimizer.build(model.trainable_variables)
    return model
