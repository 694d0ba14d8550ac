"""A network of ours in one training: its data, its program, its Keras model."""

from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from skdl.nn._backend import keras
from skdl.nn._dropout import DropoutPlan
from skdl.nn._initializers import initial_weights
from skdl.nn._keras_model import build_model, compile_for_training, compile_model
from skdl.nn._own_loss import explain_loss, find_loss
from skdl.training._cache import check_process
from skdl.training._keras_fit import KerasFit
from skdl.training._kernels import kernel_for
from skdl.training._learner import Learner
from skdl.training._network_step import NetworkSpec, NetworkStep
from skdl.training._optimizers import (
    Flowing,
    make_optimizer,
    rate_of,
    spec_for,
)
from skdl.training._program import Program
from skdl.training._sparse import as_sparse_tensors
from skdl.training._tensors import to_tensor

__all__ = ["NetworkLearner", "make_mean_model", "make_model"]


class NetworkLearner(Learner):
    """A network of ours in one training.

    Parameters
    ----------
    job : Job
        Its ``learner`` is a ``Network``.
    batch_hooks : bool
        Whether a callback wants to see each batch: then Keras trains.
    """

    scores_observed = True

    def __init__(self, job, batch_hooks):
        self.job, self._network = job, job.learner
        network = self._network
        # Each use has a stream of its own: dropout does not change the order of the
        # rows, and one layer more does not change the dropout of the others.
        init_seed, self.order_seed, dropout_seed, *seeds = job.seed.spawn(5)
        self._model_seed, self._augment_seed = seeds
        self.compiled = not batch_hooks
        self.path = "compiled: layers of ours"
        if batch_hooks:
            self.path = (
                "keras.Model.fit: a callback wants to see each batch or validation"
            )
            if sparse.issparse(job.train.X):
                raise ValueError(
                    "X is sparse, and a callback wants to see each batch or "
                    "validation, so Keras would train on dense rows: give "
                    "X.toarray(), or leave out that callback."
                )
        self.n_rows = len(job.train.y)
        self._total_weight = self.n_rows  # where their mean is 1
        if job.train.weight is not None and job.mean_weight is not None:
            self._total_weight = (job.train.weight / job.mean_weight).sum()
        self.multiply_adds_per_row = network.plan.multiply_adds
        self.rows_per_chunk = network.plan.rows_at_once
        self.rate, self.schedule, momentum = resolve_rate(network)
        self.schedule_epochs, self.warmup = network.epochs, network.warmup
        self.flowing = Flowing(momentum, network.clip[1] if network.clip else 0.0)
        self._sites = tuple(k for k, rate in enumerate(network.dropout) if rate)
        self._dropout = DropoutPlan(
            [network.dropout[site] for site in self._sites],
            [network.plan.widths[site] for site in self._sites],
            dropout_seed,
        )
        self._weights = network.weights or initial_weights(
            network.structure, network.plan, network.initializer, init_seed
        )

    @cached_property
    def spec(self):
        network = self._network
        optimizer = spec_for(
            network.optimizer, self.flowing.momentum, network.nesterov, network.clip
        )
        shapes = None
        if kernel_for(optimizer) is None:
            shapes = tuple(weight.shape for weight in self._weights)
        target = network.target
        own_loss: tuple = ()
        if target.own_loss is not None:
            # A name may be registered anew: programs are known by the function.
            own_loss = find_loss(target.own_loss), target.n_logits
        return NetworkSpec(
            structure=network.structure,
            optimizer=optimizer,
            dropout=self._sites,
            penalties=(network.l1 > 0, network.l2 > 0),
            weighted=self.job.train.weight is not None,
            sparse=sparse.issparse(self.job.train.X),
            shapes=shapes,
            decayed=network.weight_decay > 0,
            averaged=network.averaging is not None,
            own_loss=own_loss,
        )

    def make_program(self, spec):
        return Program(spec, NetworkStep(spec, self._make_optimizer))

    @property
    def states_of(self):
        spec, averaged = self.spec.optimizer, self.spec.averaged
        way = "compiled" if self.compiled else "keras"
        return (
            f"{way} {spec.kind.__name__} {spec.config} {spec.has_momentum} {averaged}"
        )

    def load(self, program):
        program.step.load(
            self._weights,
            self.states,
            multiply_adds_per_row=self.multiply_adds_per_row,
            seed=self._augment_seed,
        )

    def inputs(self, steps):
        network = self._network
        penalties = np.array([network.l1, network.l2, network.weight_decay], np.float32)
        settings = network.target.loss_settings
        constants = self._dropout.constants(), penalties, settings
        columns = self._dropout.columns(steps + 1)
        if network.averaging is not None:
            columns = (*columns, self._average_momenta(steps).astype(np.float32))
        return columns, constants

    def _average_momenta(self, steps):
        network, steps_per_epoch = self._network, self.job.count_steps(self.n_rows)
        return network.averaging.momenta(steps, steps_per_epoch, network.epochs)

    def name_scores(self, results, training):
        target = self._network.target
        sums = results.steps[:, :2].sum(axis=0, dtype=np.float64)
        parts = []
        if len(results.after):
            parts = training.scored.mean_scores(results.after)
        scored = {"": sums / self._total_weight}
        if training.validation is not None:
            scored["val_"] = parts.pop(0)
        logs = {}
        for prefix, (loss, metric) in scored.items():
            logs[f"{prefix}loss"] = float(loss)
            logs[prefix + target.metric] = target.to_metric(float(metric))
        return logs, parts[0] if parts else None

    def make_keras_model(self):
        return self._make_model(is_ranked=False)

    def _make_model(self, *, is_ranked):
        seed = int(self._model_seed.generate_state(1)[0] >> 1)
        return make_model(self._network, self._weights, seed=seed, is_ranked=is_ranked)

    def keras_fit(self, training):
        # The targets of ordered classes are their ranks.
        model = self._make_model(is_ranked=True)
        network = self._network
        compile_for_training(model, network.target)
        states = self.states
        if states is not None:
            self._resume_by_keras(model, states)
        columns = [column.numpy() for column in training.data]
        fit = KerasFit(model, columns, validation=training.validation, sets_rates=True)
        if network.averaging is not None:
            fit.averages, fit.average_momenta = self._weights, self._average_momenta
        return fit

    def _resume_by_keras(self, model, states):
        n_states = len(model.optimizer.variables)
        states, trained = states[:n_states], states[n_states:]
        for variable, value in zip(model.optimizer.variables, states, strict=True):
            variable.assign(value)
        if trained:  # the weights are averages
            model.set_weights(trained)

    def read_keras_states(self, fit):
        return [v.numpy() for v in fit.model.optimizer.variables] + fit.trained

    def explain(self, error):
        own = self._network.target.own_loss
        return None if own is None else explain_loss(own, error)

    def to_tensors(self, part):
        if sparse.issparse(part.X):
            X = as_sparse_tensors(part.X, part.rows)
        else:
            X = to_tensor(part.X, np.float32, part.rows)
        tensors = (X, to_tensor(part.y, self._network.target.dtype))
        if part.weight is None:
            return tensors
        mean = part.weight.mean()
        if part is self.job.train and self.job.mean_weight is not None:
            mean = self.job.mean_weight
        return (*tensors, to_tensor(part.weight / mean, np.float32))

    def _make_optimizer(self):
        # Without the decay, which is a part of the step.
        network, momentum = self._network, self.flowing.momentum
        return make_optimizer(
            network.optimizer, self.rate, momentum, network.nesterov, network.clip
        )


def resolve_rate(network):
    """Return the learning rate of a network, its schedule and the momentum."""
    optimizer, schedule = network.optimizer, network.schedule
    if isinstance(optimizer, str):
        return network.learning_rate, schedule, network.momentum
    rate, own, momentum = rate_of(optimizer)
    if own is None:
        return rate, schedule, momentum
    if schedule is not None:
        raise ValueError(
            f"learning_rate_schedule={schedule!r} and a schedule in the optimizer "
            "exclude each other: leave one of them out."
        )
    return rate, own, momentum


def make_model(network, weights, *, seed=0, input_shape=None, is_ranked=False):
    """Return the ordinary Keras model of a network, compiled.

    Parameters
    ----------
    network : Network
        The network, and how it is trained.
    weights : list of ndarray
        Its weights.
    seed : int, default=0
        Seed of the random numbers of dropout.
    input_shape : tuple of int or None
        Shape of a row; None is flat.
    is_ranked : bool, default=False
        Whether ordered classes have their outputs from the lowest to the highest, as in
        the training, and not in the order of ``classes_``.

    Returns
    -------
    keras.Model
    """
    model = _build(network, weights, seed, input_shape, is_ranked=is_ranked)
    return _with_optimizer(model, network)


def make_mean_model(network, all_weights, *, input_shape=None):
    """Return the Keras model of the mean of several networks, compiled.

    Parameters
    ----------
    network : Network
        The network that they all are, and how they are trained.
    all_weights : list of list of ndarray
        The weights of each.
    input_shape : tuple of int or None
        Shape of a row; None is flat.

    Returns
    -------
    keras.Model
        Each network is a layer of it.
    """
    outputs, inputs = [], None
    for k, weights in enumerate(all_weights, 1):
        member = _build(network, weights, k, input_shape)
        member.name = f"member_{k}"
        if inputs is None:
            inputs = keras.Input(member.input_shape[1:], name="features")
        outputs.append(member(inputs))
    mean = keras.layers.Average(name="mean")(outputs)
    kind = f"ensemble_{network.structure.head}"
    return _with_optimizer(keras.Model(inputs, mean, name=kind), network)


def _build(network, weights, seed, input_shape, *, is_ranked=False):
    check_process()
    ranks: Any = getattr(network.target, "ranks", None)
    moves = ranks is not None and not is_ranked and (np.diff(ranks) != 1).any()
    return build_model(
        network.structure,
        network.plan,
        weights,
        rates=network.dropout,
        l1=network.l1,
        l2=network.l2,
        scaling=network.target.scaling,
        ranks=ranks.tolist() if moves else None,
        seed=seed,
        input_shape=input_shape,
    )


def _with_optimizer(model, network):
    rate, _, momentum = resolve_rate(network)
    optimizer = make_optimizer(
        network.optimizer,
        rate,
        momentum,
        network.nesterov,
        network.clip,
        network.weight_decay,
    )
    compile_model(model, network.target, optimizer)
    optimizer.build(model.trainable_variables)
    return model
