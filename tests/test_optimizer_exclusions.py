"""What an optimizer excludes from weight decay stays excluded in its copies."""

import copy
import pickle

import keras
import numpy as np
import pytest
from sklearn.base import clone

import skdl
from skdl import KerasClassifier, MLPClassifier
from tests.conftest import equal_weights
from tests.keras_models import build_classifier

SPARSE = "sparse_categorical_crossentropy"


def optimizer(*, excluded=True):
    found = keras.optimizers.AdamW(0.01, weight_decay=0.5)
    if excluded:
        found.exclude_from_weight_decay(var_names=["bias"])
    return found


def biases(network):
    layer = next(layer for layer in network.model_.layers if hasattr(layer, "bias"))
    return np.mean(np.abs(layer.bias.numpy()))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["MLP", "Keras"])
def test_biases_that_are_excluded_do_not_decay(iris, kind):
    def make(given):
        if kind == "MLP":
            return MLPClassifier(
                16, dropout=0.0, optimizer=given, epochs=40, random_state=0
            )
        return KerasClassifier(
            build_classifier, loss=SPARSE, optimizer=given, epochs=40, random_state=0
        )

    network = make(optimizer()).fit(*iris)
    decayed = make(optimizer(excluded=False)).fit(*iris)
    assert biases(network) > 1.2 * biases(decayed)
    expected = network.predict_proba(iris[0])
    for other in (
        clone(network),
        copy.deepcopy(network),
        pickle.loads(pickle.dumps(clone(network))),
    ):
        np.testing.assert_array_equal(other.fit(*iris).predict_proba(iris[0]), expected)


def test_a_saved_network_excludes_what_it_did(iris, tmp_path):
    network = MLPClassifier(8, optimizer=optimizer(), epochs=10, random_state=0)
    skdl.save(network, tmp_path / "m.skdl")
    loaded = skdl.load(tmp_path / "m.skdl")
    assert equal_weights(loaded.fit(*iris), network.fit(*iris))
    plain = MLPClassifier(
        8, optimizer=optimizer(excluded=False), epochs=10, random_state=0
    )
    assert not equal_weights(loaded, plain.fit(*iris))


def test_single_variables_cannot_be_excluded_in_a_copy(iris):
    given = keras.optimizers.AdamW(0.01)
    given.exclude_from_weight_decay(var_list=[keras.Variable([1.0])])
    words = "excludes single variables.*var_names=.'bias'."
    with pytest.raises(ValueError, match=words):
        MLPClassifier(8, optimizer=given).fit(*iris)
    network = KerasClassifier(build_classifier, loss=SPARSE, optimizer=given)
    with pytest.raises(ValueError, match=words):
        network.fit(*iris)
