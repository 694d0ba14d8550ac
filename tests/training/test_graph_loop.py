"""Runs of steps inside a graph, and what comes after the steps of each."""

import numpy as np
import pytest
import tensorflow as tf

from skdl.training._graph_loop import (
    fits_on_one_thread,
    run_on_all_threads,
    run_on_one_thread,
)

RESULTS = tf.TensorSpec([2], tf.float32)
WAYS = [run_on_one_thread, run_on_all_threads]


def trace(way, counter):
    """Return a loop whose steps add to a counter, and whose ends read and reset it."""

    def step(value):
        counter.assign_add(value[0])
        return tf.stack([counter.read_value(), 1.0])

    def end(_):
        read = counter.read_value()
        counter.assign(0.0)
        return tf.stack([read, 2.0])

    @tf.function(autograph=False)
    def loop(values, ends):
        return way(step, (values,), [(end, (ends,))], RESULTS)

    return loop.get_concrete_function(
        tf.TensorSpec([None, None, 1]), tf.TensorSpec([None, 1], tf.int32)
    )


@pytest.mark.parametrize("way", WAYS)
def test_steps_and_what_comes_after_them_run_in_order(way):
    counter = tf.Variable(0.0)
    values = np.arange(1, 7, dtype=np.float32).reshape(2, 3, 1)  # two runs of three
    found = trace(way, counter)(values, np.zeros((1, 1), np.int32)).numpy()
    sums = [1, 3, 6, 6, 4, 9, 15, 15]
    assert found[:, 0].tolist() == sums
    assert found[:, 1].tolist() == [1, 1, 1, 2] * 2
    assert counter.numpy() == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_part_of_a_run_has_nothing_after_it(way):
    counter = tf.Variable(0.0)
    found = trace(way, counter)(np.ones((1, 4, 1), np.float32), np.zeros((0, 1), "i4"))
    assert found.numpy()[:, 0].tolist() == [1, 2, 3, 4]
    assert counter.numpy() == 4


def test_a_loop_inside_a_step_does_not_fit_on_one_thread():
    def step(value):
        total = tf.while_loop(lambda x: x[0] < 9, lambda x: x + 1, [value])[0]
        return tf.stack([total[0], 0.0])

    @tf.function(autograph=False)
    def loop(values):
        return run_on_all_threads(step, (values,), [], RESULTS)

    traced = loop.get_concrete_function(tf.TensorSpec([None, None, 1]))
    assert not fits_on_one_thread(traced)
    assert fits_on_one_thread(trace(run_on_one_thread, tf.Variable(0.0)))
