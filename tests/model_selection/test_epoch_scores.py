"""The scores of epochs: what a search shows of a network that is still in training."""

import gc
import weakref

import numpy as np
import optuna
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdl import KerasClassifier, MLPClassifier, MLPRegressor
from skdl.model_selection import OptunaSearchCV
from skdl.training._run import Run
from tests.keras_models import InterruptOnce, build_classifier


def search(estimator, space, **params):
    plain = dict(n_trials=1, cv=2, random_state=0)
    return OptunaSearchCV(estimator, space, **{**plain, **params})


def wrapped():
    loss = "sparse_categorical_crossentropy"
    return KerasClassifier(build_classifier, loss=loss, epochs=64, random_state=0)


def curves_of(found):
    """Return the scores of the test rows of each fold, and what epochs gave."""
    trial = found.study_.trials[0].user_attrs
    return trial["scores"]["test"], [list(c.values()) for c in map(dict, _plain(trial))]


def _plain(trial):
    return [c if isinstance(c, dict) else dict(enumerate(c)) for c in trial["curves"]]


def test_an_epoch_that_has_no_score_is_passed_over():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2))
    y = np.exp(X[:, 0]) + 1
    # The deviance needs predictions above 0, which the first epochs do not give.
    calls = []

    def deviance(estimator, X, y):
        calls.append(estimator.n_iter_)
        if estimator.n_iter_ < 9:
            raise ValueError("y_pred must be above 0")
        return estimator.score(X, y)

    params = dict(epochs=12, batch_size=1, hidden_layer_sizes=4, random_state=0)
    network = MLPRegressor(**params)
    found = search(network, {"dropout": [0.1]}, scoring=deviance).fit(X, y)
    assert min(calls) < 9
    expected = GridSearchCV(network, {"dropout": [0.1]}, scoring=deviance, cv=2)
    assert found.best_score_ == expected.fit(X, y).best_score_
    _, curves = curves_of(found)
    assert all(curves)


@pytest.mark.parametrize("kind", ["ours", "wrapped"])
def test_what_a_scorer_sees_has_the_history_so_far(iris, kind):
    network = MLPClassifier(8, epochs=64, random_state=0)
    if kind == "wrapped":
        network = wrapped()
    seen = []

    def cost(estimator, X, y):
        network = estimator[-1]
        seen.append(network.n_iter_)
        assert len(network.history_["loss"]) == network.n_iter_
        return -0.001 * network.n_iter_ - network.history_["loss"][-1]

    pipeline = make_pipeline(StandardScaler(), network)
    space = {f"{pipeline.steps[-1][0]}__batch_size": [1]}
    found = search(pipeline, space, scoring=cost).fit(*iris)
    assert len({*seen}) > 1
    assert max(seen) == 64
    expected = GridSearchCV(pipeline, space, scoring=cost, cv=2).fit(*iris)
    assert found.best_score_ == pytest.approx(expected.best_score_)


class ByError(MLPRegressor):
    """Its score is an error."""

    def score(self, X, y, sample_weight=None):
        return -mean_absolute_error(y, self.predict(X))


def test_an_estimator_with_a_score_of_its_own_is_judged_by_that(diabetes):
    network = ByError(4, epochs=3, random_state=0)
    for estimator in (network, make_pipeline(network)):
        scores, curves = curves_of(search(estimator, [{}]).fit(*diabetes))
        assert [curve[-1] for curve in curves] == scores["score"]


def test_epochs_are_scored_with_the_metadata_of_the_objective(binary):
    X, y = binary
    weight = np.where(y == 1, 0.01, 10.0)
    with sklearn.config_context(enable_metadata_routing=True):
        plain = make_scorer(accuracy_score).set_score_request(sample_weight=False)
        weighted = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        network = MLPClassifier(4, epochs=4, random_state=0)
        network.set_fit_request(sample_weight=True)
        for others in ({}, {"weighted": weighted}):
            found = search(
                network,
                {"dropout": [0.1]},
                scoring={"plain": plain, **others},
                refit="plain",
            ).fit(X, y, sample_weight=weight)
            scores, curves = curves_of(found)
            ends = [curve[-1] for curve in curves]
            assert ends == pytest.approx(scores["plain"])


def test_an_interrupt_ends_the_search_whatever_holds_the_network(iris):
    once = InterruptOnce()
    network = MLPClassifier(8, epochs=3, on_interrupt="keep", callbacks=[once])
    holder = CalibratedClassifierCV(network, cv=2, ensemble=False)
    pruner = optuna.pruners.NopPruner()
    found = search(holder, {"method": ["sigmoid"]}, pruner=pruner)
    with pytest.raises(KeyboardInterrupt):
        found.fit(*iris)
    assert once.pressed
    assert holder.estimator.on_interrupt == "keep"


def test_a_network_that_is_frozen_stays_as_it_is(iris):
    X, y = iris
    network = MLPClassifier(8, epochs=1, on_interrupt="keep").fit(X, y)
    holder = StackingClassifier([("frozen", FrozenEstimator(network))], cv="prefit")
    pruner = optuna.pruners.NopPruner()
    search(holder, {"passthrough": [False]}, pruner=pruner).fit(X, y)
    assert network.on_interrupt == "keep"


@pytest.mark.parametrize("kind", ["monitored", "searched", "wrapped"])
def test_a_training_leaves_nothing_behind(iris, monkeypatch, kind):
    kept = []
    begin = Run.__init__

    def remember(self, job):
        begin(self, job)
        kept.append(weakref.ref(self))

    monkeypatch.setattr(Run, "__init__", remember)
    gc.collect()
    gc.disable()
    try:
        network = MLPClassifier(4, epochs=64, random_state=0)
        if kind == "monitored":
            network.set_params(early_stopping=True, monitor="f1_macro", epochs=2)
            network.fit(*iris)
        else:
            if kind == "wrapped":
                network = wrapped()
            scoring = make_scorer(accuracy_score, normalize=True)
            search(network, {"batch_size": [1]}, scoring=scoring).fit(*iris)
        assert kept
        assert [reference() for reference in kept] == [None] * len(kept)
    finally:
        gc.enable()
