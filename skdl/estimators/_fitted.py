"""A fitted network: what it has learned, and what it gives."""

from copy import copy
from typing import Any

import numpy as np
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from skdl._utils._exclusions import add_exclusions, carry_over, take_exclusions
from skdl._utils._hints import parameters_of
from skdl._utils._lost_settings import refuse_lost_settings
from skdl._utils._needed import keras_needed
from skdl._utils._observer import Observer
from skdl._utils._site import LinkedToSite
from skdl.estimators._defaults import SOME_ROWS, resolve
from skdl.estimators._inference import infer_logits
from skdl.estimators._input import are_plain, are_plain_targets, validate_rows
from skdl.estimators._optimizer_parameters import choose_clip, choose_decay
from skdl.estimators._protocols import Target
from skdl.estimators._settings import CheckedParameters
from skdl.nn._heads import HEADS, find_head
from skdl.nn._links import average_logits
from skdl.nn._structure import MLPStructure
from skdl.training._averaging import Averaging
from skdl.training._learned import Network

__all__ = ["FittedNetwork"]


class FittedNetwork(LinkedToSite, CheckedParameters):
    """What a network gives once it is fitted; ``BaseNetwork`` fits it."""

    # Set by a fit.
    _network: MLPStructure
    _target: Target
    _weights: list
    _rates: list | None = None  # of dropout; missing in the first saved files
    _score_name: str | None = None
    best_epoch_: int | None
    n_features_in_: int
    # Set by model_.
    _model: Any = None
    # Set by a search while it fits: it sees the score of each epoch.
    _observer: Observer | None = None

    def _as_rows(self, X, *, reset=False, name="X"):
        """Return the data as one flat row for each sample; errors have the name."""
        return X

    @property
    def _members(self):
        """The networks of an ensemble, or this one."""
        return vars(self).get("estimators_") or [self]

    def _input_shape(self):
        """Return the shape of a sample as the Keras model takes it; None is flat."""
        return

    @property
    def loss_curve_(self) -> list[float]:
        """The training loss of each epoch, as scikit-learn's networks name it."""
        check_is_fitted(self)
        return self.history_["loss"]

    @property
    def validation_scores_(self) -> list[float] | None:
        """The validation score of each epoch; None without a validation part."""
        check_is_fitted(self)
        return self.history_.get(f"val_{self._score_name or self._target.metric}")

    @property
    def best_score_(self) -> float | None:
        """The validation score of the best epoch; None without early stopping."""
        scores, best = self.validation_scores_, self.best_epoch_
        return None if scores is None or best is None else scores[best - 1]

    @property
    def model_(self) -> Any:
        """An ordinary ``keras.Model`` with the weights of this estimator, compiled.

        It is built on first access. Training it further in Keras does not
        change the estimator.
        """
        check_is_fitted(self)
        if self._model is None:
            with keras_needed("build model_"):
                from skdl.training._network_learner import make_mean_model, make_model

            settings = self._settings()
            # Parameters may have been set since, to "auto" and to other rates: the
            # model has the rates that it was fitted with.
            settings |= resolve(self, settings, SOME_ROWS) | self._resolved()
            network = self._make_network(
                self._network, self._plan(), self._target, settings, self._rates
            )
            weights, shape = [m._weights for m in self._members], self._input_shape()
            if len(weights) == 1:
                self._model = make_model(network, weights[0], input_shape=shape)
            else:
                self._model = make_mean_model(network, weights, input_shape=shape)
        return self._model

    def _make_network(self, structure, plan, target, settings, rates=None):
        """Return the network, with the training settings from the parameters."""
        averaging = Averaging(settings["ema"], settings["swa_start"])
        return Network(
            structure=structure,
            plan=plan,
            dropout=rates or self._dropout_rates(),
            target=target,
            optimizer=settings["optimizer"],
            learning_rate=settings["learning_rate"],
            momentum=settings["momentum"],
            nesterov=settings["nesterov"],
            clip=choose_clip(settings),
            schedule=settings["learning_rate_schedule"],
            epochs=settings["epochs"],
            l1=settings["l1"],
            l2=settings["l2"],
            initializer=settings["kernel_initializer"],
            weight_decay=choose_decay(settings),
            warmup=settings["warmup"],
            averaging=averaging if any(v is not None for v in averaging) else None,
        )

    def _plan(self):
        """Return the sizes of the fitted network."""
        widths = self._network.widths_of(self._members[0]._weights)
        return self._network.plan(self._n_inputs(), widths)

    def _n_inputs(self):
        """Return how many numbers the network takes for each sample."""
        return self.n_features_in_

    def _validate(self, X, y, *, reset):
        """Return rows and targets as arrays, as scikit-learn checks them."""
        n_features = None if reset else self.n_features_in_
        if are_plain(self, X, n_features) and are_plain_targets(y, len(X)):
            self.n_features_in_ = X.shape[1]
            return X, y
        # CSR, since a batch is some of the rows, made dense one batch at a time.
        accepted = "csr" if get_tags(self).input_tags.sparse else False
        return validate_data(
            self, X, y, reset=reset, multi_output=True, accept_sparse=accepted
        )

    def _checked_rows(self, X):
        """Return the rows to predict as the network takes them."""
        return validate_rows(self, self._as_rows(X))

    def _taking_rows(self):
        """Return a copy that predicts from checked rows, which have no names."""
        shown = copy(self)
        shown.__dict__.pop("feature_names_in_", None)
        return shown

    def _monitored(self, part, *, is_plain):
        """Return an estimator and the rows of a part, as a monitor gets them.

        A plain monitor scores the estimator's predictions, and sees nothing else.
        """
        X = part.X if part.rows is None else part.X[part.rows]
        shape = self._input_shape()
        return self._taking_rows(), X if shape is None else X.reshape(-1, *shape)

    def _trained_weights(self):
        """Return the weights that resumed training begins with."""
        return self._weights

    def _logits(self, X):
        """Return the logits of the network for the rows of ``X``."""
        if not self.__sklearn_is_fitted__():
            check_is_fitted(self)  # it takes as long as a row, and says what is missing
        return self._logits_of(self._checked_rows(X))

    def _logits_of(self, X):
        """Return the logits for checked rows: of an ensemble, those of the means."""
        parts = [infer_logits(member, X) for member in self._members]
        if len(parts) == 1:
            return parts[0]
        return average_logits(HEADS[self._target.head].link, parts)

    def _mean_loss(self, X, y, weight=None):
        """Return the weighted mean loss of rows, as ``history_`` defines it."""
        from skdl.nn._backend import tf

        target, logits = self._target, self._logits(X)
        head = find_head(target.head, target.own_loss, target.n_logits)
        losses, *_ = head.score(
            tf.constant(logits, tf.float32),
            tf.constant(target.encode(np.asarray(y))),
            tf.constant(target.loss_settings),
        )
        return float(np.average(losses, weights=weight))

    def _get_fitted_attr_html(self, doc_link=""):
        # For its HTML view scikit-learn asks for each property: Keras would build
        # model_ for it.
        shown = copy(self)
        if shown._model is None:
            shown._model = "a keras.Model, built on first access"
        return super(FittedNetwork, shown)._get_fitted_attr_html(doc_link)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "history_")

    def __sklearn_clone__(self):
        refuse_lost_settings("loss", getattr(self, "loss", None))
        return carry_over(self, super().__sklearn_clone__())

    def __getstate__(self):
        state = dict(super().__getstate__())
        # The model is made again when needed; the observer is that of a search here;
        # pandas tells columns by their identity, which a pickle loses.
        for name in ("_model", "_observer", "_seen_columns"):
            state.pop(name, None)
        return add_exclusions(state)

    def __setstate__(self, state):
        super().__setstate__(take_exclusions(state))
        # What an older version has kept lacks the parameters that were added since: it
        # was fitted as if they had their defaults.
        known = parameters_of(type(self).__init__)
        for name in self._get_param_names():
            self.__dict__.setdefault(name, known[name].default)
        if self.__sklearn_is_fitted__():
            self.__dict__.setdefault("best_epoch_", None)
