"""What a user's model is: a key that models of one architecture share, or a reason."""

import keras
import pytest

from skdl.training._model_key import (
    NotCompilable,
    describe_architecture,
    multiply_adds_per_row,
    rows_at_once,
)

layers = keras.layers


class Doubling(layers.Layer):
    def call(self, x):
        return 2 * x


def compiled(*middle, optimizer="adam", loss="mse", **settings):
    model = keras.Sequential([keras.Input((4,)), *middle, layers.Dense(1)])
    model.compile(optimizer, loss, **settings)
    return model


def test_names_and_seeds_are_not_part_of_the_key():
    first = compiled(layers.Dense(8, name="a"), layers.Dropout(0.1, seed=1))
    second = compiled(layers.Dense(8, name="b"), layers.Dropout(0.1, seed=2))
    assert describe_architecture(first) == describe_architecture(second)


@pytest.mark.parametrize(
    "other",
    [
        compiled(layers.Dense(9)),
        compiled(layers.Dense(8, activation="relu")),
        compiled(layers.Dense(8), loss="mae"),
        compiled(layers.Dense(8), metrics=["mae"]),
    ],
    ids=["width", "activation", "loss", "metric"],
)
def test_what_changes_the_step_is_part_of_the_key(other):
    assert describe_architecture(compiled(layers.Dense(8))) != describe_architecture(
        other
    )


def test_the_optimizer_has_a_key_of_its_own():
    first, second = compiled(optimizer="adam"), compiled(optimizer="sgd")
    assert describe_architecture(first) == describe_architecture(second)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (compiled(Doubling()), "Doubling is a class of your own"),
        (compiled(layers.Lambda(abs)), "is a function of your own"),
        (compiled(loss=lambda a, b: keras.ops.mean(a - b)), "function of your own"),
        (compiled(run_eagerly=True), "run_eagerly=True"),
        (compiled(layers.Dense(2, dtype="float64")), "computes in float64"),
        (compiled(layers.Normalization()), "keeps what it has learned"),
    ],
    ids=["layer", "lambda", "loss", "eager", "double", "learning"],
)
def test_what_is_not_keras_own_is_a_reason(model, reason):
    with pytest.raises(NotCompilable, match=reason):
        describe_architecture(model)


def test_the_work_of_a_row_counts_the_places_of_a_convolution():
    assert multiply_adds_per_row(compiled(layers.Dense(8))) == 4 * 8 + 8
    images = keras.Sequential([keras.Input((6, 5, 2)), layers.Conv2D(3, 3)])
    assert (
        multiply_adds_per_row(images) == 6 * 5 * 3 * 3 * 2 * 3
    )  # of input or output places


def test_rows_are_scored_in_pieces_of_some_megabytes():
    assert rows_at_once(compiled(layers.Dense(8))) == 8_192
    assert rows_at_once(compiled(layers.Dense(4_096))) == 2**22 // 4_096
