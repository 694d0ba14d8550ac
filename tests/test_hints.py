"""Names and values that do not exist are answered with those that do."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdl import (
    CNNClassifier,
    KerasClassifier,
    KerasRegressor,
    MLPClassifier,
    TabularClassifier,
)
from skdl.model_selection import OptunaSearchCV
from tests.keras_models import build_classifier, build_regressor


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("n_iter", "epochs"),
        ("max_iter", "epochs"),
        ("n_epochs", "epochs"),
        ("solver", "optimizer"),
        ("alpha", "l2"),
        ("learning_rate_init", "learning_rate"),
        ("lr", "learning_rate"),
        ("hidden_units", "hidden_layer_sizes"),
        ("n_iter_no_change", "patience"),
    ],
)
def test_names_of_other_libraries_are_translated(name, here):
    for call in (MLPClassifier, MLPClassifier().set_params):
        with pytest.raises((TypeError, ValueError), match=f"It is called {here} here"):
            call(**{name: 1})
    pipeline = make_pipeline(MLPClassifier())
    with pytest.raises(ValueError, match=f"It is called {here} here"):
        pipeline.set_params(**{f"mlpclassifier__{name}": 1})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("validation_data", "Validation data go to fit, as X_val and y_val"),
        ("module__hidden", "goes into KerasClassifier"),
        ("hiden", "The nearest that it has is 'hidden_layer_sizes'"),
        ("epoch", "The nearest that it has is 'epochs'"),
    ],
)
def test_other_names_get_the_nearest_or_a_sentence(name, words):
    with pytest.raises(TypeError, match=words):
        MLPClassifier(**{name: 1})
    with pytest.raises(TypeError, match="CNNClassifier has no parameter"):
        CNNClassifier(**{name: 1})


def test_a_search_says_what_it_calls_the_names_of_other_searches():
    with pytest.raises(TypeError, match="'n_iter'. It is called n_trials here"):
        OptunaSearchCV(LogisticRegression(), {}, n_iter=3)
    with pytest.raises(TypeError, match="It is called param_distributions here"):
        OptunaSearchCV(LogisticRegression(), param_grid={})


def test_fit_says_where_validation_data_go(iris):
    words = "fit has no argument 'validation_data'. It is called X_val and y_val here"
    with pytest.raises(TypeError, match=words):
        MLPClassifier().fit(*iris, validation_data=iris)


@pytest.mark.parametrize(
    ("name", "value", "nearest"),
    [
        ("activation", "Mish", "'mish'"),
        ("activation", "ReLU", "'relu'"),
        ("activation", "logistic", "'sigmoid'"),
        ("optimizer", "Adam", "'adam'"),
        ("optimizer", "lbfgs", "'adam'"),
        ("batch_size", None, "'auto'"),
        ("batch_size", "full", "-1"),
    ],
)
def test_values_get_the_nearest_that_is_known(iris, name, value, nearest):
    words = f"The {name!r} parameter.*The nearest accepted value is {nearest}"
    with pytest.raises(ValueError, match=words):
        MLPClassifier(**{name: value}).fit(*iris)


def test_images_in_an_mlp_get_the_hint_at_a_cnn(iris):
    X, y = iris
    with pytest.raises(ValueError, match=r"CNNClassifier.*X.reshape\(len\(X\), -1\)"):
        MLPClassifier().fit(X.reshape(150, 2, 2), y)


def test_fit_says_what_is_a_parameter(iris):
    with pytest.raises(TypeError, match=r"a parameter: MLPClassifier\(epochs=...\)"):
        MLPClassifier().fit(*iris, epochs=3)


def test_tables_say_how_normalization_is_spelled():
    with pytest.raises(TypeError, match="normalization here.*normalization='batch'"):
        TabularClassifier(batch_norm=True)


@pytest.mark.parametrize("name", ["learning_rate", "optimizer__lr", "lr"])
def test_a_wrapper_says_where_the_rate_belongs(iris, name):
    network = KerasClassifier(build_classifier, loss="mse", **{name: 0.1})
    with pytest.raises(ValueError, match="it has is 'optimizer__learning_rate'"):
        network.fit(*iris)


def test_a_wrapper_without_a_model_or_a_loss_says_so(iris):
    with pytest.raises(ValueError, match="KerasClassifier has no model: give model="):
        KerasClassifier().fit(*iris)
    with pytest.raises(ValueError, match="The model has no loss.*example 'mse'"):
        KerasRegressor(build_regressor).fit(*iris)


def test_gaps_are_said_by_column_with_what_takes_them(iris):
    X = pd.DataFrame(iris[0].copy(), columns=[*"abcd"])
    network = MLPClassifier(2, epochs=1, random_state=0).fit(X, iris[1])
    X.loc[3, "c"] = None
    words = r"X contains NaN in the columns \['c'\]. TabularClassifier"
    for frame in (X, pl.from_pandas(X, nan_to_null=False)):
        with pytest.raises(ValueError, match=words):
            MLPClassifier().fit(frame, iris[1])
    with pytest.raises(ValueError, match=words):
        network.predict(X)
    with pytest.raises(ValueError, match=r"X_val contains NaN in the columns \[2\]"):
        MLPClassifier(early_stopping=True).fit(*iris, X_val=X.to_numpy(), y_val=iris[1])


@pytest.mark.parametrize("kind", [MLPClassifier, TabularClassifier])
def test_gaps_in_labels_are_said_to_be_in_y(iris, kind):
    labels = np.array(["a", "b", np.nan] * 50, dtype=object)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        kind().fit(iris[0], labels)


def test_images_with_gaps_are_counted():
    X = np.zeros((6, 4, 4, 1))
    X[1:3, 0, 0] = np.nan
    with pytest.raises(ValueError, match="X contains NaN, in 2 of 6 images"):
        CNNClassifier().fit(X, [0, 1] * 3)


def test_images_of_five_dimensions_are_said_to_be_none():
    X = np.random.default_rng(0).normal(size=(6, 4, 4, 1))
    network = CNNClassifier((2,), epochs=1).fit(X, [0, 1] * 3)
    with pytest.raises(ValueError, match=r"shape \(1, 6, 4, 4, 1\): images have"):
        network.predict(X[np.newaxis])


def test_weights_without_a_sum_are_refused(iris):
    with pytest.raises(ValueError, match="sample_weight adds up to more than a float"):
        MLPClassifier().fit(*iris, np.full(150, 1e307))


def test_gaps_are_named_in_each_prediction():
    frame = pd.DataFrame(
        np.random.default_rng(0).normal(size=(40, 3)), columns=[*"abc"]
    )
    network = MLPClassifier(4, epochs=1).fit(frame, frame["a"] > 0)
    gaps = frame.copy()
    for _ in range(2):  # the columns are known from the second prediction on
        gaps.iloc[0, 2] = np.nan
        with pytest.raises(ValueError, match=r"X contains NaN in the columns \['c'\]"):
            network.predict(gaps)
        network.predict(frame)


@pytest.mark.parametrize("kind", [MLPClassifier, TabularClassifier])
def test_a_lazy_frame_is_to_be_collected(kind):
    frame = pl.DataFrame({"a": [0.0, 1.0] * 20, "b": [0.5, 2.0, 3.0, 1.0] * 10})
    network = kind(4, epochs=1)
    with pytest.raises(ValueError, match=r"X is a lazy frame.*X\.collect"):
        network.fit(frame.lazy(), frame["a"] > 0)
    network.fit(frame, frame["a"] > 0)
    with pytest.raises(ValueError, match=r"X is a lazy frame.*X\.collect"):
        network.predict(frame.lazy())
