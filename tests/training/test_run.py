"""One training from its job to its outcome, on either way."""

import keras
import numpy as np
import pytest

from skdl import KerasClassifier, MLPClassifier
from skdl._utils._diverged import Diverged
from skdl.training._run import Run
from tests.keras_models import build_classifier


class Bad(keras.callbacks.Callback):
    """Makes a weight infinite after the last epoch, when no loss shows it."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            weights = self.model.get_weights()
            weights[0][0, 0] = np.inf
            self.model.set_weights(weights)


class Batches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


def networks(**settings):
    settings = {"epochs": 2, "random_state": 0, "batch_size": 50} | settings
    own = KerasClassifier(
        build_classifier, loss="sparse_categorical_crossentropy", **settings
    )
    return {"MLP": MLPClassifier(4, **settings), "Keras": own}


@pytest.fixture
def outcomes(monkeypatch):
    """The outcomes of the runs of a test."""
    kept, train = [], Run.train
    monkeypatch.setattr(Run, "train", lambda run: kept.append(train(run)) or kept[-1])
    return kept


@pytest.mark.parametrize("kind", ["MLP", "Keras"])
@pytest.mark.parametrize("way", ["compiled", "keras.Model.fit"])
def test_an_outcome_has_weights_history_steps_and_the_way(iris, outcomes, kind, way):
    callbacks = [Batches()] if way != "compiled" else None
    network = networks(callbacks=callbacks)[kind].fit(*iris)
    (outcome,) = outcomes
    assert outcome.path.startswith(way)
    assert outcome.n_steps == 2 * 3
    assert len(outcome.history["loss"]) == 2
    weights = network.model_.get_weights()
    assert all(map(np.array_equal, outcome.weights, weights))


@pytest.mark.parametrize("kind", ["MLP", "Keras"])
@pytest.mark.parametrize("more", [[], [Batches()]], ids=["compiled", "keras.Model.fit"])
def test_weights_that_are_not_finite_at_the_end_are_an_error(iris, kind, more):
    network = networks(callbacks=[Bad(), *more])[kind]
    with pytest.raises(Diverged, match="The weights became NaN or infinite"):
        network.fit(*iris)
    assert not hasattr(network, "history_")


@pytest.mark.parametrize("kind", ["MLP", "Keras"])
def test_a_run_knows_its_steps_and_its_work(iris, monkeypatch, kind):
    seen = []
    train = Run.train
    monkeypatch.setattr(
        Run,
        "train",
        lambda run: seen.append((run.steps_per_epoch, run.multiply_adds)) or train(run),
    )
    networks()[kind].fit(*iris)
    width = 4 if kind == "MLP" else 16
    assert seen == [(3, 150 * (4 * width + width * 3))]
