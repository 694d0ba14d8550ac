import numpy as np
import pytest
import tensorflow as tf

from skdl.nn._dropout import DropoutPlan, dropout_in_graph


def masks(rates, widths, n_steps, seed=0, rows=50):
    plan = DropoutPlan(rates, widths, np.random.SeedSequence(seed))
    constants = [tf.constant(part) for part in plan.constants()]
    places = tuple(range(len(rates)))
    for counter, thresholds in zip(*plan.columns(np.arange(1, n_steps + 1))):
        drop = dropout_in_graph(
            places,
            tf.constant([rows], tf.int32),
            constants,
            tf.constant(counter),
            tf.constant(thresholds),
        )
        yield [drop(tf.ones((rows, w)), k).numpy() for k, w in enumerate(widths)]


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.35, 0.5, 0.9])
def test_the_rate_is_met_and_the_mean_is_kept(rate):
    values = np.concatenate([mask for (mask,) in masks([rate], [101], 256)])
    dropped = (values == 0).mean()
    # 256 * 50 * 101 draws: five standard deviations
    slack = 5 * np.sqrt(rate * (1 - rate) / values.size)
    assert dropped == pytest.approx(rate, abs=slack)
    assert values.max() == pytest.approx(1 / (1 - rate), rel=1e-6)


def test_steps_places_and_seeds_are_independent():
    steps = list(masks([0.5, 0.5], [64, 64], 2))
    (first, second), (third, _) = steps
    (other, _), *_ = masks([0.5, 0.5], [64, 64], 2, seed=1)
    for one, two in ((first, second), (first, third), (first, other)):
        together = np.corrcoef(one.ravel(), two.ravel())[0, 1]
        assert abs(together) < 5 / np.sqrt(one.size)


def test_places_without_dropout_are_left_alone():
    plan = DropoutPlan([0.5], [4], np.random.SeedSequence(0))
    counters, thresholds = plan.columns(np.array([1]))
    constants = [tf.constant(part) for part in plan.constants()]
    drop = dropout_in_graph(
        (1,), tf.constant([2], tf.int32), constants, counters[0], thresholds[0]
    )
    values = tf.ones((2, 3))
    assert drop(values, 0) is values
