"""Arguments of fit through pipelines and metadata routing; names looked at once."""

import inspect

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import validation

from skdl import KerasClassifier, MLPClassifier
from tests.keras_models import build_classifier

SPARSE = "sparse_categorical_crossentropy"


def wrapped(**params):
    return KerasClassifier(build_classifier, loss=SPARSE, random_state=0, **params)


def test_what_keras_takes_by_fit_is_routed(iris):
    X, y = iris
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=10)
    with sklearn.config_context(enable_metadata_routing=True):
        last = wrapped().set_fit_request(
            epochs=True, callbacks=True, validation_data=True, batch_size=True
        )
        pipeline = make_pipeline(StandardScaler(), last)
        pipeline.fit(X, y, epochs=9, callbacks=[stop], batch_size=50)
        assert pipeline[-1].n_iter_ == 2
        with pytest.warns(UserWarning, match="validation_data of KerasClassifier"):
            pipeline.fit(X, y, epochs=3, validation_data=(X, y))
        assert len(pipeline[-1].history_["val_loss"]) == 3


def test_validation_data_of_a_wrapper_go_through_the_pipeline(iris):
    X, y = 1000 * iris[0][::2], iris[1][::2]
    X_val, y_val = 1000 * iris[0][1::2], iris[1][1::2]
    scaler = StandardScaler().fit(X)
    expected = wrapped().fit(
        scaler.transform(X), y, validation_data=(scaler.transform(X_val), y_val)
    )
    with sklearn.config_context(enable_metadata_routing=True):
        last = wrapped().set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler(), last, transform_input=["X_val"])
        pipeline.fit(X, y, X_val=X_val, y_val=y_val)
    found = pipeline[-1].history_
    assert found["val_loss"] == pytest.approx(expected.history_["val_loss"], rel=1e-6)


def test_the_signature_of_fit_shows_what_it_takes():
    names = list(inspect.signature(MLPClassifier.fit).parameters)
    assert names[:4] == ["self", "X", "y", "sample_weight"]
    assert {"X_val", "y_val", "sample_weight_val"} < set(names)
    assert "validation_groups" in inspect.signature(KerasClassifier.fit).parameters


def test_names_of_columns_are_compared_once_for_a_frame(iris, monkeypatch):
    calls = []
    compare = validation._check_feature_names

    def counted(*args, **kwargs):
        calls.append(args)
        return compare(*args, **kwargs)

    frame = pd.DataFrame(iris[0], columns=list("abcd"))
    network = MLPClassifier(4, epochs=2, random_state=0).fit(frame, iris[1])
    monkeypatch.setattr(validation, "_check_feature_names", counted)
    expected = network.predict_proba(frame.copy())
    for k in range(5):
        found = network.predict_proba(frame.iloc[[k]])
        np.testing.assert_allclose(found, expected[k : k + 1], rtol=1e-9)
    assert len(calls) == 1
    with pytest.raises(ValueError, match="feature names"):
        network.predict(frame[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="NaN"):
        network.predict(frame.mask(frame > 0))
    network.fit(frame.rename(columns={"a": "z"}), iris[1])
    with pytest.raises(ValueError, match="feature names"):
        network.predict(frame)
