"""Rows that are scored at the end of each epoch, in chunks."""

import numpy as np
import pytest

from skdl import MLPClassifier, MLPRegressor
from skdl._utils._observer import Observer
from skdl.nn._structure import Plan
from skdl.training import _loop


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


@pytest.mark.parametrize("steps", [1, 9, 10_000])
def test_epochs_that_are_observed_are_the_same_however_many_are_in_a_call(
    iris, monkeypatch, steps
):
    class Scores(Observer):
        def find_rows(self, encode):
            return encode(*iris, None)

        def take_means(self, epoch, loss, metric):
            seen.append((epoch, float(loss), float(metric)))
            return epoch == 5

    def fit():
        network = MLPClassifier(4, epochs=9, batch_size=50, dropout=0.2, random_state=0)
        network._observer = Scores(network)
        return network.fit(*iris)

    seen: list = []
    expected = fit()
    first, seen = seen, []
    monkeypatch.setattr(_loop, "OBSERVED_STEPS_PER_CALL", steps)
    fitted = fit()
    assert seen == first
    assert [epoch for epoch, *_ in seen] == list(range(6))
    assert fitted.n_iter_ == 6
    assert fitted.history_ == expected.history_
