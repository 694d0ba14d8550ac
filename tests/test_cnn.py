"""The convolutional networks."""

import copy
import pickle

import keras
import numpy as np
import pytest
from joblib import Parallel, delayed
from scipy.stats import chisquare
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import make_scorer, top_k_accuracy_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdl
from skdl import CNNClassifier, CNNRegressor
from skdl.model_selection import OptunaSearchCV, default_space
from skdl.nn._augmentation import AUGMENTERS, plain_augmentation
from skdl.nn._augmenters import augment, make_augmenters, reset_augmenters
from skdl.training._cache import programs
from tests.conftest import equal_weights

SMALL = dict(conv_filters=(8, 8), hidden_layer_sizes=(16,), epochs=2, random_state=0)


@pytest.fixture(scope="module")
def images():
    X, y = load_digits(return_X_y=True)
    return (X[:600] / 16).reshape(-1, 8, 8, 1), y[:600]


def test_it_learns_images_better_than_chance_allows(images):
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    network = CNNClassifier((16, 32), epochs=12, random_state=0)
    assert network.fit(X_train, y_train).score(X_test, y_test) > 0.96


def test_a_regressor_learns(images):
    X, y = images
    network = CNNRegressor((8, 16), epochs=40, random_state=0).fit(X, y)
    assert network.score(X, y) > 0.9
    assert network.image_shape_ == (8, 8, 1)


def test_rows_and_images_give_the_same_network(images):
    X, y = images
    forms = [X, X[..., 0], X.reshape(600, -1), (X * 255).astype(np.uint8)[..., 0] / 255]
    fitted = [CNNClassifier(**SMALL).fit(form, y) for form in forms]
    for network, form in zip(fitted[1:3], forms[1:3]):
        assert equal_weights(fitted[0], network)
        assert np.array_equal(network.predict(form), fitted[0].predict(X))
    assert fitted[0].n_features_in_ == 64
    # Images may be predicted by what was fitted on rows, and the other way.
    assert np.array_equal(fitted[0].predict(forms[2]), fitted[2].predict(X))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_features", "given", "expected"),
    [
        (64, None, (8, 8, 1)),
        (27, None, (3, 3, 3)),
        (3072, None, (32, 32, 3)),
        (48, None, (4, 4, 3)),
        (10, None, (1, 10, 1)),
        (1, None, (1, 1, 1)),
        (64, (16, 4), (16, 4, 1)),
        (64, (4, 4, 4), (4, 4, 4)),
        (12, (2, 2, 3), (2, 2, 3)),
    ],
)
def test_the_shape_of_flat_images_is_inferred(n_features, given, expected):
    X = np.random.default_rng(0).random((20, n_features))
    settings = {**SMALL, "image_shape": given}
    network = CNNClassifier(**settings).fit(X, np.arange(20) % 2)
    assert network.image_shape_ == expected
    assert network.predict(X).shape == (20,)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (dict(image_shape=(8, 9)), r"image_shape=\(8, 9\) has 72 values.*64 features"),
        (dict(image_shape=(8,)), r"image_shape=\(8,\) must be \(height, width\)"),
        (dict(image_shape=(8, 8.0)), "must be"),
        (dict(conv_filters=(8, 0)), r"conv_filters\[1\]=0 must be an integer >= 1"),
        (dict(conv_filters=()), "conv_filters"),
        (dict(kernel_size=(3,)), r"kernel_size=\(3,\) has 1 sizes for 2 convolutions"),
        (dict(kernel_size=(3, 0)), r"kernel_size\[1\]=0"),
        (dict(kernel_size=0), "kernel_size"),
        (dict(pooling="min"), "pooling"),
        (dict(pooling=0), "pooling"),
        (dict(pooling=True), "pooling=True is a boolean"),
        (dict(conv_filters=True), "conv_filters=True is a boolean"),
        (dict(augmentation={"crop": True}), "must be a number of pixels"),
        (dict(global_pooling="sum"), "global_pooling"),
        (dict(conv_dropout=(0.1,)), r"conv_dropout=\(0.1,\) has 1 rates"),
        (dict(conv_dropout=1.0), "conv_dropout"),
        (dict(augmentation={"flop": 1}), r"unknown names \['flop'\]; accepted are"),
        (dict(augmentation={"flip": "left"}), r"augmentation\['flip'\]='left'"),
        (dict(augmentation={"shift": 2}), r"augmentation\['shift'\]=2 must be"),
        (dict(augmentation={"crop": 8}), r"augmentation\['crop'\]=8 must be a number"),
        (dict(augmentation=[keras.layers.Dense(3)]), "not one of Keras' random layers"),
        (dict(augmentation=[keras.layers.RandomCrop(4, 4)]), "keep the shape"),
    ],
)
def test_bad_parameters_are_named(images, params, words):
    X, y = images
    network = CNNClassifier(**{**SMALL, **params})
    with pytest.raises(ValueError, match=words):
        network.fit(X.reshape(600, -1), y)
    assert not hasattr(network, "image_shape_")


def test_images_of_another_shape_are_refused(images):
    X, y = images
    network = CNNClassifier(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match=r"shape \(4, 16, 1\).*fitted on \(8, 8, 1\)"):
        network.predict(X.reshape(-1, 4, 16, 1))
    with pytest.raises(ValueError, match=r"is not the shape of the images in X"):
        CNNClassifier(**SMALL, image_shape=(4, 16)).fit(X, y)
    with pytest.raises(ValueError, match="X_val holds images of shape"):
        network.set_params(early_stopping=True).fit(X, y, X_val=X[:, :4], y_val=y)


def test_a_single_image_no_images_and_too_many_dimensions(images):
    X, y = images
    network = CNNClassifier(**SMALL).fit(X, y)
    for single in (X[0], X[0, ..., 0]):
        with pytest.raises(ValueError, match=r"single image.*give X\[np.newaxis\]"):
            network.predict(single)
    np.testing.assert_array_equal(network.predict(X[0][None]), network.predict(X[:1]))
    with pytest.raises(ValueError, match="0 sample"):
        network.predict(X[:0])
    with pytest.raises(ValueError, match="X has 5 dimensions.*images are"):
        network.fit(X[None], y)


def test_images_of_one_pixel_and_of_one_line_are_no_single_image():
    rng, y = np.random.default_rng(0), np.arange(8) % 2
    for shape in ((8, 1, 1), (8, 8), (8, 8, 8)):
        X = rng.random(shape)
        network = CNNClassifier((2,), epochs=1, random_state=0).fit(X, y)
        assert network.predict(X[:1]).shape == (1,)


def test_channels_that_come_first_are_pointed_out():
    X = np.random.default_rng(0).random((20, 3, 8, 8))
    with pytest.warns(UserWarning, match="If their channels come first"):
        CNNClassifier(**SMALL).fit(X, np.arange(20) % 2)


def test_numbers_of_numpy_are_taken(images):
    X, y = images
    given = {"rotation": np.float32(10), "shift": np.int64(1), "crop": np.int64(1)}
    assert CNNClassifier(**SMALL, augmentation=given).fit(X, y).n_iter_ == 2


STRUCTURES = [
    dict(),
    dict(conv_batch_norm=True, batch_norm=True),
    dict(pooling=None),
    dict(pooling="average"),
    dict(pooling=3, kernel_size=(5, 1)),
    dict(global_pooling="max"),
    dict(global_pooling="average", hidden_layer_sizes=()),
    dict(conv_filters=6, activation="tanh", l1=1e-4, l2=1e-3),
]


@pytest.mark.slow
@pytest.mark.parametrize("params", STRUCTURES, ids=str)
def test_the_keras_model_predicts_the_same(images, params):
    X, y = images
    network = CNNClassifier(**{**SMALL, **params}).fit(X, y)
    shown = network.model_.predict(np.float32(X), verbose=0)
    np.testing.assert_allclose(shown, network.predict_proba(X), atol=1e-5)
    assert network.model_.input_shape == (None, 8, 8, 1)


class Batches(keras.callbacks.Callback):
    """Sends the fit through keras.Model.fit."""

    def on_train_batch_end(self, batch, logs=None):
        """Do nothing."""


@pytest.mark.slow
@pytest.mark.parametrize("params", STRUCTURES, ids=str)
def test_training_is_that_of_keras(images, params):
    X, y = images
    settings = {**SMALL, "dropout": 0.0, **params}
    compiled = CNNClassifier(**settings).fit(X, y)
    by_keras = CNNClassifier(**settings, callbacks=[Batches()]).fit(X, y)
    np.testing.assert_allclose(
        compiled.predict_proba(X), by_keras.predict_proba(X), atol=2e-3
    )
    np.testing.assert_allclose(
        compiled.history_["loss"], by_keras.history_["loss"], rtol=1e-3
    )


def test_what_a_search_tunes_flows_into_one_program(images):
    programs.clear()
    for filters, rate, dropout, size in ((8, 1e-3, 0.1, 32), (5, 1e-2, 0.3, 64)):
        CNNClassifier(
            (filters, 8),
            hidden_layer_sizes=(size,),
            conv_dropout=dropout,
            dropout=dropout,
            learning_rate=rate,
            batch_size=size,
            epochs=1,
        ).fit(*images)
    assert len(programs) == 1


# Augmentation

AUGMENTATION = {
    "flip": "horizontal",
    "shift": 0.1,
    "crop": 2,
    "rotation": 20,
    "zoom": 0.1,
    "contrast": 0.2,
    "noise": 0.05,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", AUGMENTATION)
def test_each_augmentation_changes_the_training_only(images, name):
    X, y = images
    plain = CNNClassifier(**SMALL).fit(X, y)
    network = CNNClassifier(**SMALL, augmentation={name: AUGMENTATION[name]})
    network.fit(X, y)
    assert network.history_["loss"] != plain.history_["loss"]
    assert np.array_equal(network.predict_proba(X), network.predict_proba(X))
    shown = network.model_.predict(np.float32(X), verbose=0)
    np.testing.assert_allclose(shown, network.predict_proba(X), atol=1e-5)


@pytest.mark.slow
def test_augmented_training_is_reproducible_and_goes_through_threads(images):
    def fit(seed):
        network = CNNClassifier(**{**SMALL, "random_state": seed})
        network.set_params(augmentation=AUGMENTATION)
        return network.fit(*images)

    alone = [fit(seed) for seed in (0, 1, 0)]
    assert equal_weights(alone[0], alone[2])
    assert not equal_weights(alone[0], alone[1])
    crowded = Parallel(2, prefer="threads")(delayed(fit)(seed) for seed in (0, 1))
    assert equal_weights(alone[0], crowded[0])
    assert equal_weights(alone[1], crowded[1])


def change(augmentation, X):
    """Return images as one step of training sees them."""
    shape = X.shape[1:]
    layers = make_augmenters(plain_augmentation(augmentation, shape))
    reset_augmenters(layers, np.arange(len(layers), dtype=np.uint32))
    return np.reshape(augment(layers, X.reshape(len(X), -1), shape), X.shape)


def test_a_crop_goes_to_all_places_alike():
    X = np.zeros((4000, 9, 7, 1), np.float32)
    X[:, 4, 3] = 1
    changed = change({"crop": 2}, X)
    assert set(np.unique(changed)) == {0, 1}
    counts = changed.sum(axis=0)[2:7, 1:6, 0]
    assert counts.sum() == 4000
    assert chisquare(counts.ravel()).pvalue > 0.001
    assert chisquare(counts.sum(axis=0)).pvalue > 0.001


def test_what_comes_in_from_outside_is_0():
    X = np.ones((500, 8, 8, 1), np.float32)
    for name in ("crop", "shift", "rotation"):
        changed = change({name: AUGMENTATION[name]}, X)
        assert changed.min() == pytest.approx(0, abs=0.1)
        assert changed.max() == pytest.approx(1)


def test_contrast_falls_and_rises():
    X = np.float32(np.random.default_rng(0).normal(size=(2000, 6, 6, 3)))
    changed = change({"contrast": 0.3}, X)
    ratios = changed.std(axis=(1, 2)) / X.std(axis=(1, 2))
    assert ratios.min() == pytest.approx(0.7, abs=0.01)
    assert ratios.max() == pytest.approx(1.3, abs=0.01)
    assert ratios.mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("name", ["flip", "shift", "zoom", "noise"])
def test_each_image_is_changed_by_as_much_as_it_is_told(name):
    ramp = np.tile(np.arange(100, dtype=np.float32), (400, 100, 1))[..., None]
    by = {"flip": "horizontal", "shift": 0.1, "zoom": 0.2, "noise": 0.5}
    changed = change({name: by[name]}, ramp)[:, 40:60, 40:60, 0]
    slopes = np.diff(changed.mean(axis=1), axis=1).mean(axis=1)
    moved = changed.mean(axis=(1, 2)) - 49.5
    if name == "flip":
        assert set(slopes.round(4)) == {-1, 1}
    if name == "shift":  # 10 of 100 pixels
        assert np.abs(moved).max() == pytest.approx(10, abs=0.3)
        assert np.abs(moved).mean() == pytest.approx(5, abs=0.5)
    if name == "zoom":
        assert slopes.min() == pytest.approx(0.8, abs=0.02)
        assert slopes.max() == pytest.approx(1.2, abs=0.02)
    if name == "noise":
        assert (changed - ramp[:, 40:60, 40:60, 0]).std() == pytest.approx(
            0.5, rel=0.02
        )


def test_defaults_of_keras_do_not_matter(images):
    X, y = images

    def fit():
        programs.clear()
        network = CNNClassifier(**SMALL, augmentation={"crop": 2, "noise": 0.1})
        return network.fit(X, y)

    expected = fit()
    try:
        keras.config.set_image_data_format("channels_first")
        keras.config.set_dtype_policy("mixed_float16")
        found = fit()
        keras.config.set_dtype_policy("float32")
        shown = found.model_.predict(np.float32(X), verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
        keras.config.set_image_data_format("channels_last")
    assert equal_weights(found, expected)
    np.testing.assert_allclose(shown, expected.predict_proba(X), atol=1e-5)


# Keras wants to be told how much by some of its layers.
TOLD = {
    "GaussianDropout": dict(rate=0.1),
    "GaussianNoise": dict(stddev=0.1),
    "RandomBrightness": dict(factor=0.1),
    "RandomColorDegeneration": dict(factor=0.2),
    "RandomContrast": dict(factor=0.1),
    "RandomHue": dict(factor=0.1),
    "RandomPosterization": dict(factor=4),
    "RandomRotation": dict(factor=0.1),
    "RandomSaturation": dict(factor=0.1),
    "RandomSharpness": dict(factor=0.1),
    "RandomShear": dict(x_factor=(0, 0.2)),
    "RandomTranslation": dict(height_factor=0.1, width_factor=0.1),
    "RandomZoom": dict(height_factor=0.1),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", AUGMENTERS)
def test_each_layer_of_keras_trains_and_is_kept(name, tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.random((40, 6, 6, 3)), np.arange(40) % 2
    layer = getattr(keras.layers, name)(**TOLD.get(name, {}), name="mine", seed=5)
    network = CNNClassifier((3,), epochs=1, augmentation=[layer], random_state=0)
    network.fit(X, y)
    skdl.save(network, tmp_path / "cnn.skdl")
    loaded = skdl.load(tmp_path / "cnn.skdl")
    assert loaded.augmentation[0].name == "mine"
    assert equal_weights(clone(loaded).fit(X, y), network)


def test_layers_that_do_not_fit_the_images_are_named(images):
    for layer, message in [
        (keras.layers.RandomFlip(data_format="channels_first"), "channels_first"),
        (keras.layers.RandomHue(0.1), "RandomHue needs images of three channels, got"),
        (keras.Sequential([keras.layers.RandomFlip()]), "Give several as a list"),
    ]:
        with pytest.raises(ValueError, match=message):
            CNNClassifier(**SMALL, augmentation=layer).fit(*images)


def test_each_epoch_sees_other_changes(images):
    X, y = images
    one = dict(batch_size=-1, optimizer="sgd", learning_rate=1e-12, dropout=0.0)
    network = CNNClassifier(**{**SMALL, **one, "random_state": 1})
    network.set_params(augmentation={"noise": 0.3})
    losses = network.set_params(epochs=3).fit(X, y).history_["loss"]
    assert len(set(losses)) == 3
    network.partial_fit(X, y)
    assert network.history_["loss"][:3] == losses
    assert network.history_["loss"][3] not in losses


def test_keras_layers_are_what_the_dict_makes(images):
    by_dict = CNNClassifier(**SMALL, augmentation={"flip": "vertical"}).fit(*images)
    layer = keras.layers.RandomFlip("vertical", seed=77)
    for given in (layer, [layer]):
        by_layer = CNNClassifier(**SMALL, augmentation=given)
        by_layer.set_params(augmentation=given)
        assert by_layer.fit(*images).history_["loss"] != []
    assert by_dict._network.augmentation.startswith('[["RandomFlip"')
    assert [type(x).__name__ for x in by_dict.model_.layers].count("RandomFlip") == 1


# The rest of the contract


def test_it_validates_stops_and_goes_on(images):
    X, y = images
    network = CNNClassifier(**SMALL).set_params(
        early_stopping=True, patience=1, min_delta=10, epochs=9
    )
    network.fit(X, y, X_val=X[:50], y_val=y[:50])
    assert network.n_iter_ == 2
    assert set(network.history_) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    resuming = CNNClassifier(**SMALL, warm_start=True).fit(X, y)
    first = resuming.history_["loss"][0]
    assert resuming.fit(X, y).history_["loss"][0] < first
    with pytest.raises(ValueError, match="needs the same network as the last"):
        resuming.set_params(conv_filters=(8, 9)).fit(X, y)
    with pytest.raises(ValueError, match=r"activation 'relu', got 'tanh'\. Set"):
        resuming.set_params(conv_filters=(8, 8), activation="tanh").fit(X, y)
    resuming.set_params(activation="relu", image_shape=(4, 16))
    with pytest.raises(ValueError, match=r"image_shape=\(4, 16\) is not the shape"):
        resuming.fit(X.reshape(600, -1), y)
    resuming.set_params(image_shape=None, augmentation={"noise": 0.01})
    assert resuming.fit(X, y).history_["loss"][0] < first


def test_its_model_is_that_of_the_fit(images):
    X, y = images
    network = CNNClassifier(**SMALL, dropout=0.5, conv_dropout=0.25).fit(X, y)
    for other in ((4,), (4, 4, 4)):
        network.set_params(conv_filters=other, hidden_layer_sizes=other)
        vars(network).pop("_model")
        rates = [
            layer.rate
            for layer in network.model_.layers
            if isinstance(layer, keras.layers.Dropout)
        ]
        assert rates == [0.25, 0.25, 0.5]


def test_it_can_be_kept(images, tmp_path):
    X, y = images
    network = CNNClassifier(**SMALL, augmentation=AUGMENTATION).fit(X, y)
    skdl.save(network, tmp_path / "cnn.skdl")
    kept = [
        pickle.loads(pickle.dumps(network)),
        copy.deepcopy(network),
        skdl.load(tmp_path / "cnn.skdl"),
    ]
    for one in kept:
        assert np.array_equal(one.predict_proba(X), network.predict_proba(X))
        assert equal_weights(clone(one).fit(X, y), network)


def test_it_stands_in_a_pipeline_and_is_searched(images):
    X, y = images
    network = CNNClassifier(**{**SMALL, "epochs": 6})
    pipeline = make_pipeline(StandardScaler(), network)
    space = {"cnnclassifier__learning_rate": [1e-6, 5e-3]}
    top = make_scorer(top_k_accuracy_score, k=2, response_method="predict_proba")
    search = GridSearchCV(
        pipeline, space, cv=2, scoring={"top": top, "one": "accuracy"}, refit="top"
    ).fit(X.reshape(600, -1), y)
    assert search.best_params_ == {"cnnclassifier__learning_rate": 5e-3}
    results, best = search.cv_results_, search.best_index_
    assert results["mean_test_top"][best] > results["mean_test_one"][best]


def test_a_study_prunes_it(images):
    network = CNNClassifier(**{**SMALL, "epochs": 4})
    assert {"learning_rate", "conv_dropout"} <= set(default_space(network))
    search = OptunaSearchCV(
        network,
        {"learning_rate": [1e-7, 1e-6, 1e-2]},
        n_trials=8,
        cv=2,
        random_state=0,
    ).fit(*images)
    assert search.best_params_ == {"learning_rate": 1e-2}
    assert "PRUNED" in [trial.state.name for trial in search.study_.trials]


def test_a_monitor_of_your_own_gets_images(images):
    def score(network, X, y):
        assert X.shape[1:] == images[0].shape[1:]
        return network.score(X[:, ::-1], y)

    settings = {**SMALL, "epochs": 2, "early_stopping": True, "monitor": score}
    network = CNNClassifier(**settings).fit(*images)
    assert len(network.history_["val_score"]) == 2
