"""The activations of the table."""

import numpy as np
import pytest

from skdl import MLPClassifier
from skdl.nn._activations import ACTIVATIONS


@pytest.mark.slow
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_activation_is_that_of_the_keras_model(iris, activation):
    network = MLPClassifier((8, 4), activation=activation, epochs=2, random_state=0)
    network.fit(*iris)
    np.testing.assert_allclose(
        network.predict_proba(iris[0]),
        network.model_.predict(iris[0], verbose=0),
        atol=1e-6,
    )


def test_silu_is_another_name_of_swish(iris):
    first, second = (
        MLPClassifier(8, activation=name, epochs=2, random_state=0).fit(*iris)
        for name in ("silu", "swish")
    )
    assert np.array_equal(first.predict_proba(iris[0]), second.predict_proba(iris[0]))


def test_an_unknown_activation_is_answered_with_the_nearest(iris):
    with pytest.raises(ValueError, match="leaky_relu"):
        MLPClassifier(activation="leakyrelu").fit(*iris)
