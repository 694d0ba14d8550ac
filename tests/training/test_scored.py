"""Rows that are scored at the end of each epoch, in chunks."""

import numpy as np
import pytest
from keras.callbacks import LambdaCallback

from skdl import MLPClassifier, MLPRegressor
from skdl._utils._observer import Observer
from skdl.nn._structure import Plan
from skdl.training import _loop
from tests.conftest import equal_weights


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("size", [1, 7, 60])
def test_the_size_of_the_pieces_changes_no_score(binary, monkeypatch, kind, size):
    X, y = binary
    weight = np.linspace(0.5, 2, 60)
    validation = dict(X_val=X[:60], y_val=y[:60], sample_weight_val=weight)

    def histories():
        network = kind(4, epochs=3, l2=0.1, random_state=0)
        return network.fit(X[60:], y[60:], **validation).history_

    whole = histories()
    monkeypatch.setattr(Plan, "rows_at_once", size)
    for name, values in histories().items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-5, err_msg=name)


class Scores(Observer):
    """Keeps the scores of all rows of a data set, and stops at an epoch."""

    def __init__(self, data, every=1, last=None):
        super().__init__(None)
        self.seen = []
        self.every = every
        self._data, self._last = data, last

    def find_rows(self, encode):
        return encode(*self._data, None)

    def take_means(self, epoch, loss, metric):
        self.seen.append((epoch, float(loss), float(metric)))
        return epoch == self._last


def fit_observed(observer, data, **params):
    network = MLPClassifier(4, batch_size=50, dropout=0.2, random_state=0, **params)
    network._observer = observer
    return network.fit(*data)


@pytest.mark.parametrize("steps", [1, 9, 10_000])
def test_epochs_that_are_observed_are_the_same_however_many_are_in_a_call(
    iris, monkeypatch, steps
):
    first, second = Scores(iris, last=5), Scores(iris, last=5)
    expected = fit_observed(first, iris, epochs=9)
    monkeypatch.setattr(_loop, "OBSERVED_STEPS_PER_CALL", steps)
    fitted = fit_observed(second, iris, epochs=9)
    assert second.seen == first.seen
    assert [epoch for epoch, *_ in second.seen] == list(range(6))
    assert fitted.n_iter_ == 6
    assert fitted.history_ == expected.history_


@pytest.mark.parametrize("steps", [1, 18, 10_000])
@pytest.mark.parametrize("every", [2, 3, 4, 11, 20])
@pytest.mark.parametrize("watched", [False, True])
def test_where_not_each_epoch_is_scored_the_scores_and_the_fit_are_the_same(
    iris, monkeypatch, steps, every, watched
):
    def watch():
        seen: list = []
        note = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
        return seen, dict(callbacks=note, epochs=11) if watched else dict(epochs=11)

    monkeypatch.setattr(_loop, "OBSERVED_STEPS_PER_CALL", steps)
    all_epochs, some = Scores(iris), Scores(iris, every)
    expected = fit_observed(all_epochs, iris, **watch()[1])
    seen, params = watch()
    fitted = fit_observed(some, iris, **params)
    assert [epoch for epoch, *_ in some.seen] == list(range(every - 1, 11, every))
    assert set(some.seen) <= set(all_epochs.seen)
    assert fitted.history_ == expected.history_
    assert equal_weights(fitted, expected)
    assert seen == (list(range(11)) if watched else [])


def test_each_epoch_is_observed_where_a_validation_set_is_scored_anyway(iris):
    observer = Scores(iris, every=3)
    fitted = fit_observed(observer, iris, epochs=4, early_stopping=True, patience=9)
    assert [epoch for epoch, *_ in observer.seen] == [0, 1, 2, 3]
    assert len(fitted.history_["val_loss"]) == 4
