"""The base class of the estimators: what happens during one fit."""

from abc import abstractmethod
from copy import deepcopy
from dataclasses import replace
from typing import Any, Self
from weakref import ref

import numpy as np
from scipy import sparse

from skdl._utils._attributes import unchanged_on_failure
from skdl._utils._hints import NamesWithHints, with_hints
from skdl._utils._needed import keras_needed
from skdl._utils._numbers import draw_seed
from skdl._utils._observer import ShownPredictions
from skdl._utils._pipelines import warn_if_raw, warn_of_raw_targets
from skdl._utils._sklearn import CallbackSupportMixin, with_callbacks
from skdl._utils._tasks import EpochTasks
from skdl._utils._validation_part import check_groups, split_validation
from skdl.estimators._defaults import resolve
from skdl.estimators._fitted import FittedNetwork
from skdl.estimators._input import check_data, kept_rows
from skdl.estimators._limits import check_memory, warn_of_rate, warn_of_scales
from skdl.estimators._members import check_same_number, fit_members
from skdl.estimators._monitor import add_monitor
from skdl.training._job import Job, Part

__all__ = ["BaseNetwork", "can_fit_partially"]


class BaseNetwork(CallbackSupportMixin, FittedNetwork, metaclass=NamesWithHints):
    """The base class of the networks: what happens during one fit.

    A subclass adds an ``__init__`` that only stores, ``_make_target``,
    ``_weigh_classes``, ``_make_structure`` and ``_dropout_rates``. A fitted estimator
    owns plain arrays; the program that trained it goes back into the cache.
    """

    # Set by partial_fit: the state that its next call resumes from.
    _seed: int
    _states: list | None = None
    _states_of: str | None = None  # the optimizer that they belong to
    _steps_done: int = 0
    # The rows of all its calls, and the mean of their weights.
    _rows_seen: int = 0
    _mean_weight: float = 1.0

    @abstractmethod
    def _make_target(self, y, weight, classes, *, partial):
        """Return the target that encodes the labels ``y``."""

    def _check_same_target(self, target):
        """Check that resumed training learns what the last fit has learned."""

    @abstractmethod
    def _make_structure(self, target):
        """Return the structure of the network, and the widths of its layers."""

    @abstractmethod
    def _weigh_classes(self, target, part, *, partial):
        """Return the part with its rows also weighted by their classes."""

    def _check_fits_partially(self):
        """Check that it has ``partial_fit``; the AttributeError says why not."""
        if self.early_stopping:
            raise AttributeError(
                "early_stopping=True can't be combined with partial_fit, which trains "
                "one epoch: set early_stopping=False."
            )

    def _check_partial(self):
        """Check that nothing is asked for that one epoch of some rows can't give."""
        if self.swa_start is not None:
            raise ValueError(
                f"swa_start={self.swa_start!r} is a share of the epochs of a fit, and "
                "partial_fit does not know how many there will be: use ema=0.99."
            )
        if getattr(self.optimizer, "use_ema", False):
            raise ValueError(
                f"{type(self.optimizer).__name__}(use_ema=True) puts its averages into "
                "the weights at the end of each call, and partial_fit would train on "
                "from them: leave it out, and use the parameter ema=0.99."
            )

    def _check_held_back(self, job):
        """Check that rows are held back if something needs them."""

    def _calibrate(self, job):
        """Learn from the rows that were held back, where there are some."""

    @with_hints
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        validation_groups: Any = None,
    ) -> Self:
        """Fit the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The labels, or the numbers to predict.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts. A row of weight zero is left out.
        X_val : array-like of shape (n_val, n_features), default=None
            Data to validate on after each epoch. In a ``Pipeline`` with
            ``transform_input=["X_val"]`` the earlier steps transform it.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            The labels or numbers of the validation set.
        sample_weight_val : array-like of shape (n_val,), default=None
            The weights of its rows; ``class_weight`` does not apply to them.
        validation_groups : array-like of shape (n_samples,), default=None
            Groups of rows: ``early_stopping`` splits off whole groups, so that no group
            is used both for training and for validation.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        TypeError, ValueError
            If a parameter or the data can't be used, or the training diverges. The
            estimator is then unchanged.
        MemoryError
            If the network is too large for the memory; it is not made then.
        """
        validation = (X_val, y_val, sample_weight_val)
        if X_val is not None:
            warn_if_raw(self, "X_val")
            warn_of_raw_targets(self, y, y_val)
        resuming = self.warm_start and self.__sklearn_is_fitted__()
        # A fit that fails or is interrupted leaves the estimator of before, fitted or
        # not.
        with unchanged_on_failure(self):
            return self._fit(
                X,
                y,
                sample_weight,
                validation,
                groups=validation_groups,
                resuming=resuming,
            )

    def _partial_fit(self, X, y, sample_weight, classes=None):
        """Train one epoch, and keep the state that the next one needs."""
        resuming = self.__sklearn_is_fitted__()
        with unchanged_on_failure(self):
            return self._fit(
                X, y, sample_weight, resuming=resuming, partial=True, classes=classes
            )

    @with_callbacks
    def _fit(
        self,
        X,
        y,
        sample_weight,
        validation=(None, None, None),
        *,
        resuming,
        groups=None,
        partial=False,
        classes=None,
    ):
        self._ensure_parameters()
        if partial:
            self._check_partial()
        given = X
        X = self._training_rows(X, sample_weight, reset=not resuming)
        X, y, weight = check_data(
            self, X, y, sample_weight, reset=not resuming, names=_TRAINING_NAMES
        )
        if not resuming:
            warn_of_scales(X, getattr(self, "feature_names_in_", None))
            warn_of_rate(self.learning_rate, self.optimizer)
        # A weight of 0 does what removing the row does, in batches and splits as well:
        # scikit-learn's checks compare the two.
        rows = kept_rows(weight)
        y_kept, weight_kept = (y, weight) if rows is None else (y[rows], weight[rows])
        if resuming:
            target = self._target
            target.check_same(y_kept, classes, partial=partial)
            self._check_same_target(target)
        else:
            target = self._make_target(y_kept, weight_kept, classes, partial=partial)
        shown = self._shown_rows(given, X)
        part = Part(X, rows, target.encode(y_kept), weight_kept, y_kept, shown)
        # Before anything is split off: the validation part is weighted alike.
        part = self._weigh_classes(target, part, partial=partial)
        mean_weight = None
        if not (resuming and partial):
            for name in ("_rows_seen", "_mean_weight"):
                self.__dict__.pop(name, None)
        if partial:
            part, mean_weight = self._count_weights(part)
        structure, widths = self._make_structure(target)
        plan = structure.plan(X.shape[1], widths)
        check_memory(plan.kernels)
        settings = self._settings()
        resolved = resolve(self, settings, len(part.y))
        settings |= resolved
        network = self._make_network(structure, plan, target, settings)
        if resuming:
            self._check_same_network(network)
            check_same_number(self)
        job = Job(
            network,
            part,
            n_epochs=1 if partial else settings["epochs"],
            batch_size=settings["batch_size"],
            callbacks=settings["callbacks"],
            mean_weight=mean_weight,
            keep_states=partial,
            # A search handles the interrupt itself.
            keep_on_interrupt=self.on_interrupt == "keep" and self._observer is None,
        )
        seed = self._seed if resuming and partial else draw_seed(self.random_state)
        self.resolved_ = resolved
        job.validation = _of_kind(self._check_validation(target, validation), X)
        if not resuming:
            self._split_seed = seed
        if job.validation is None and self.early_stopping:
            groups = check_groups(groups, X.shape[0])
            # A resumed fit holds the same rows back: it has learned from the others.
            _, split_seed = _seeds_of(vars(self).get("_split_seed", seed), 0)
            self._split_validation(job, split_seed, groups)
        self._check_held_back(job)
        data = {"X": shown, "y": y, "metadata": _metadata(weight)}
        if self.n_ensemble > 1:
            fit_members(self, job, seed, data, resuming=resuming)
        else:
            # Before the training: copies of this network are scored after its epochs.
            self.__dict__.pop("estimators_", None)
            self._train(self._own_job(job, seed, resuming=resuming), data)
        self._seed = seed
        self._calibrate(job)
        return self

    def _count_weights(self, part):
        """Return the rows of a call of ``partial_fit``, and what divides their weights.

        That is the mean of all calls: rows also count beside those of other calls.
        """
        weight = part.weight
        if weight is None:
            # Without weights in any call there is nothing to compare.
            mean, is_weighted = 1.0, self._mean_weight != 1
            weight = np.ones(len(part.y)) if is_weighted else None
        else:
            mean, is_weighted = float(weight.mean()), True
        self._rows_seen += len(part.y)
        step = len(part.y) / self._rows_seen
        self._mean_weight += (mean - self._mean_weight) * step
        if step == 1:  # without its rounding
            self._mean_weight = mean
        return part._replace(weight=weight), self._mean_weight if is_weighted else None

    def _training_rows(self, X, weight, *, reset):
        """Return the training data as one row for each sample."""
        return self._as_rows(X, reset=reset)

    def _shown_rows(self, given, rows):
        """Return the data as callbacks of scikit-learn, and monitors, see them."""
        return rows

    def _own_job(self, job, seed, *, resuming):
        """Return the job of this network, from that of all networks of an ensemble."""
        own = replace(
            job,
            learner=replace(job.learner),
            # Keras' callbacks keep what they have seen, and a fit must not change a
            # parameter.
            callbacks=[deepcopy(callback) for callback in job.callbacks],
            watchers=[],
        )
        if resuming:
            own.learner.weights = self._trained_weights()
        if resuming and own.keep_states:
            own.first_step, own.first_epoch = self._steps_done, self.n_iter_
            own.states, own.states_of = self._states, self._states_of
            own.history = self.history_
        # The steps that were done are part of the seed: each call of partial_fit draws
        # its own order and dropout, and the same sequence of calls gives the same
        # weights.
        own.seed, _ = _seeds_of(seed, own.first_step)
        return own

    def _train(self, job, data):
        """Run the job, and set the fitted attributes."""
        with keras_needed("fit a network"):
            from skdl.training._run import Run

        network, observer = job.learner, self._observer
        score_name = network.target.metric

        def fitted_attributes(weights):
            # Copies that watchers get have the history so far.
            done = running().recorder
            history = {name: [*values] for name, values in done.history.items()}
            attributes = {
                "_network": network.structure,
                "_target": network.target,
                "_weights": weights,
                "_rates": network.dropout,
                "_model": None,
                "n_outputs_": network.target.n_outputs,
                "history_": history,
                "n_iter_": len(history.get("loss", ())),
                "best_epoch_": done.best_epoch,
                "_score_name": score_name,
            }
            if network.target.classes is not None:
                attributes["classes_"] = network.target.classes
            return attributes

        if job.validation is not None:
            score_name = add_monitor(job, self, fitted_attributes)
        if EpochTasks.wanted_by(self):
            job.watchers.append(EpochTasks(self, job.n_epochs, data, fitted_attributes))
        if self.verbose:
            from skdl._utils._progress_line import ProgressLine

            job.watchers.append(ProgressLine(type(self).__name__, job.n_epochs))
        if observer is not None:
            job.observed = observer.find_rows(
                lambda *part: self._check_validation(network.target, part)
            )
            job.observe = observer.take_means
        # All checks are done: from here on the time is the training's.
        run = Run(job)
        running: Any = ref(run)  # the run holds the rows, and its watchers
        if observer is not None:
            observer.begin(
                job.n_epochs,
                run.steps_per_epoch,
                run.multiply_adds,
                run.observed_multiply_adds,
            )
            job.observe_every = observer.every
            if observer.wants_epochs and not run.scores_observed:
                job.watchers.append(ShownPredictions(self, fitted_attributes))
        outcome = run.train()
        self.__dict__.update(fitted_attributes(outcome.weights))
        self._states, self._states_of = outcome.states, outcome.states_of
        self._steps_done = outcome.n_steps
        # Of the last fit, which may have had other columns, and callbacks where this
        # has none.
        for name in ("_seen_columns", "callbacks_"):
            self.__dict__.pop(name, None)
        if job.callbacks:
            self.callbacks_ = job.callbacks

    def _check_validation(self, target, validation):
        """Return the validation part that was given to ``fit``, or None."""
        X, y, weight = validation
        if X is None and y is None and weight is None:
            found = None
            if self._observer is not None:
                found = self._observer.find_validation()
            if found is None:
                return None
            X, y, weight = (*found, None)[:3]
        if X is None or y is None:
            raise ValueError(
                "X_val and y_val belong together: give both of them, or none."
            )
        given, X = X, self._as_rows(X, name="X_val")
        X, y, weight = check_data(self, X, y, weight, names=_VALIDATION_NAMES)
        shown = self._shown_rows(given, X)
        rows = kept_rows(weight)
        if rows is not None:
            y, weight = y[rows], weight[rows]
        return Part(X, rows, target.encode(y, "y_val"), weight, y, shown)

    def _split_validation(self, job, seed, groups):
        kept = job.train.rows
        train, validation = split_validation(
            len(job.train.y),
            job.learner.target.stratify(job.train.y),
            self.validation_fraction,
            seed,
            # Groups are those of all rows, targets those of the rows that were kept.
            groups if groups is None or kept is None else groups[kept],
        )
        job.validation = job.train.take(validation)
        job.train = job.train.take(train)

    def _check_same_network(self, network):
        before = {**self._network.fixed(), "kernels": self._plan().kernels}
        now = {**network.structure.fixed(), "kernels": network.plan.kernels}
        changed = [
            f"{name} {before[name]!r}, got {now[name]!r}"
            for name in before
            if before[name] != now[name]
        ]
        if changed:
            raise ValueError(
                "A resumed fit needs the same network as the last fit: "
                f"{'; '.join(changed)}. Set warm_start=False, or clone the estimator, "
                "to start afresh."
            )


_TRAINING_NAMES = ("X", "y", "sample_weight")
_VALIDATION_NAMES = ("X_val", "y_val", "sample_weight_val")


def can_fit_partially(estimator: Any) -> bool:
    """Return whether an estimator has ``partial_fit``.

    Raises
    ------
    AttributeError
        If it does not have it; the message gives the reason.
    """
    estimator._check_fits_partially()
    return True


def _of_kind(part, X):
    """Return a validation part whose rows are sparse if those of the training are."""
    if part is None or sparse.issparse(part.X) == sparse.issparse(X):
        return part
    rows = sparse.csr_matrix(part.X) if sparse.issparse(X) else part.X.toarray()
    return part._replace(X=rows)


def _seeds_of(seed, first_step):
    """Return the seed of a training, and that of the split of its rows."""
    return np.random.SeedSequence([seed, first_step]).spawn(2)


def _metadata(weight):
    return {} if weight is None else {"sample_weight": weight}
