"""The activations of the table."""

import numpy as np
import onnxruntime
import pytest

import skdl
from skdl import MLPClassifier
from skdl.nn._activations import ACTIVATIONS


@pytest.mark.slow
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_keras_and_onnx_compute_what_numpy_does(iris, activation, tmp_path):
    X = 3 * iris[0]
    network = MLPClassifier((9, 5), activation=activation, epochs=5, random_state=0)
    network.fit(*iris)
    expected = network.predict_proba(X)
    skdl.export_onnx(network, tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    for found in (
        network.model_.predict(X, verbose=0),
        session.run(None, {"X": np.float32(X)})[1],
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_silu_is_another_name_of_swish(iris):
    first, second = (
        MLPClassifier(8, activation=name, epochs=2, random_state=0).fit(*iris)
        for name in ("silu", "swish")
    )
    assert np.array_equal(first.predict_proba(iris[0]), second.predict_proba(iris[0]))


def test_an_unknown_activation_is_answered_with_the_nearest(iris):
    with pytest.raises(ValueError, match="leaky_relu"):
        MLPClassifier(activation="leakyrelu").fit(*iris)
