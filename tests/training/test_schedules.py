"""The learning rate of each step."""

import keras
import numpy as np
import pytest

from skdl.training._schedules import SCHEDULES, check_settings, make_schedule

STEPS = np.arange(100)  # 10 epochs of 10 steps


def rates(schedule, steps=STEPS):
    return make_schedule(schedule, 0.1, 10, 10).rates(steps)


def test_none_keeps_the_rate():
    np.testing.assert_array_equal(rates(None), 0.1)


@pytest.mark.parametrize("warmup", [20, 0.2, np.int64(20), np.float32(0.2)])
@pytest.mark.parametrize("name", [None, *SCHEDULES])
def test_a_warmup_rises_to_the_schedule(name, warmup):
    plain = rates(name)
    found = make_schedule(name, 0.1, 10, 10, warmup).rates(STEPS)
    np.testing.assert_allclose(found[:20], plain[:20] * np.arange(1, 21) / 20)
    np.testing.assert_array_equal(found[20:], plain[20:])


def test_step_drops_after_its_epochs():
    found = rates({"name": "step", "drop": 0.5, "every": 4})
    np.testing.assert_allclose(
        found[[0, 39, 40, 79, 80]], [0.1, 0.1, 0.05, 0.05, 0.025]
    )


def test_exponential_falls_by_its_rate_in_each_epoch():
    found = rates({"name": "exponential", "rate": 0.9})
    np.testing.assert_allclose(found[::10], 0.1 * 0.9 ** np.arange(10))


def test_inverse_time_is_the_classic_decay():
    np.testing.assert_allclose(
        rates({"name": "inverse_time", "decay": 0.01}), 0.1 / (1 + 0.01 * STEPS)
    )


def test_cosine_ends_at_its_final_share():
    found = rates({"name": "cosine", "final": 0.1}, np.array([0, 50, 100, 250]))
    np.testing.assert_allclose(found, [0.1, 0.055, 0.01, 0.01])


def test_one_cycle_rises_and_falls():
    settings = {"name": "one_cycle", "warmup": 0.3, "start": 0.04, "final": 1e-4}
    found = rates(settings, np.array([0, 15, 30, 65, 100]))
    np.testing.assert_allclose(found, [0.004, 0.052, 0.1, 0.050005, 1e-5])


def test_plateau_lowers_the_rate_when_the_loss_stays():
    schedule = make_schedule(
        {"name": "plateau", "factor": 0.5, "patience": 2, "lowest": 0.03}, 0.1, 10, 10
    )
    seen = []
    for loss in (1.0, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8, 0.8, 0.8):
        schedule.observe(loss)
        seen.append(schedule.rates(STEPS[:1])[0])
    np.testing.assert_allclose(
        seen, [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.03, 0.03, 0.03]
    )


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_gives_positive_rates_up_to_the_first(name):
    found = rates(name)
    assert found.shape == STEPS.shape
    assert (found > 0).all()
    assert found.max() <= 0.1


def test_a_plateau_does_not_raise_a_rate_below_its_lowest():
    plateau = {"name": "plateau", "patience": 1, "lowest": 0.01}
    schedule = make_schedule(plateau, 0.001, 10, 10)
    for _ in range(5):
        schedule.observe(1.0)
    assert schedule.rates(STEPS[:1])[0] == 0.001


@pytest.mark.parametrize(
    "schedule",
    [print, keras.optimizers.schedules.ExponentialDecay, lambda: 1, lambda step: -1.0],
)
def test_what_gives_no_rate_is_no_schedule(schedule):
    with pytest.raises(
        ValueError, match="must give the learning rate of a step by its"
    ):
        check_settings(schedule)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"name": "cosine", "final": 5.0}, r"needs a float in \[0, 1\] as 'final'"),
        ({"name": "one_cycle", "final": 2.0}, r"needs a float in \[0, 1\] as 'final'"),
        ({"name": ["step"]}, r"\{'name': \['step'\]\} names no schedule"),
    ],
)
def test_settings_of_no_schedule_are_refused(schedule, message):
    with pytest.raises(ValueError, match=message):
        check_settings(schedule)


def test_rates_below_0_are_refused_where_they_come():
    schedule = make_schedule(lambda step: 0.01 - 0.02 * step, 0.1, 10, 10)
    with pytest.raises(ValueError, match="gives a rate of -1.97: rates must be finite"):
        schedule.rates(STEPS)
