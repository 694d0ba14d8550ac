"""What is kept of each epoch, who hears of it, and who stops a training."""

import numpy as np
import pytest

from skdl._utils._diverged import Diverged
from skdl.training._job import Stopping
from skdl.training._recorder import EarlyStopper, EpochKeeper, Recorder
from skdl.training._schedules import make_schedule


class Listener:
    def __init__(self, stride=1, stop_at=None):
        self.stride, self.stop_at, self.heard = stride, stop_at, []

    def begin(self, read):
        self.read = read
        self.heard.append("begin")

    def epoch_begin(self, epoch):
        self.heard.append(epoch)

    def epoch_end(self, epoch, logs):
        self.heard.append(logs["loss"])
        return epoch == self.stop_at

    def end(self):
        self.heard.append("end")


def recorder(*watchers, stopper=None, history=None, schedule=None):
    schedule = make_schedule(schedule, 0.1, 1, 10)
    made = Recorder(schedule, history or {}, stopper, watchers)
    return made.reading(lambda: [np.zeros(2)])


def test_watchers_hear_of_begin_epochs_and_end():
    listener = Listener(stop_at=1)
    with recorder(listener) as kept:
        for epoch, loss in enumerate([3.0, 2.0]):
            kept.epoch_begin(epoch)
            stops = kept.epoch_end(epoch, {"loss": loss})
    assert listener.heard == ["begin", 0, 3.0, 1, 2.0, "end"]
    assert stops
    assert kept.history == {"loss": [3.0, 2.0]}
    assert kept.n_epochs == 2
    assert listener.read()[0].tolist() == [0, 0]


class Failing(Listener):
    def __init__(self, hook):
        super().__init__()
        setattr(self, hook, self.fail)

    def fail(self, *_):
        raise OSError("the disk is full")


def test_who_has_begun_is_ended_where_another_fails_to_begin():
    first, last = Listener(), Listener()
    with pytest.raises(OSError, match="full"), recorder(first, Failing("begin"), last):
        pytest.fail("the training begins")
    assert first.heard == ["begin", "end"]
    assert last.heard == []


def test_all_are_ended_where_one_fails_to_end():
    first, last = Listener(), Listener()
    with pytest.raises(OSError, match="full"), recorder(first, Failing("end"), last):
        pass
    assert first.heard == last.heard == ["begin", "end"]


def test_the_history_goes_on_and_is_not_that_of_before():
    before = {"loss": [5.0]}
    kept = recorder(history=before)
    kept.epoch_end(1, {"loss": 4.0})
    assert kept.history == {"loss": [5.0, 4.0]}
    assert before == {"loss": [5.0]}


@pytest.mark.parametrize(
    ("watchers", "schedule", "stride"),
    [
        ([], None, None),
        ([Listener(4), Listener(6)], None, 2),
        ([Listener(4)], "plateau", 1),
        ([], "plateau", 1),
    ],
)
def test_somebody_has_to_see_every_so_many_epochs(watchers, schedule, stride):
    assert recorder(*watchers, schedule=schedule).stride == stride


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_ends_the_training(loss):
    kept = recorder()
    with pytest.raises(Diverged, match="in epoch 3: the training diverged.*now 0.1"):
        kept.epoch_end(2, {"loss": loss})
    assert kept.history == {}


def test_the_best_weights_are_kept_until_patience_ends():
    weights = iter([["a"], ["b"]])
    stopper = EarlyStopper(Stopping(patience=2, min_delta=0.1, restore=True))
    losses = [1.0, 0.5, 0.45, 0.44]
    stops = [
        stopper.observe(epoch, {"val_loss": loss}, lambda: next(weights))
        for epoch, loss in enumerate(losses)
    ]
    assert stops == [False, False, False, True]
    assert stopper.best_weights == ["b"]


def test_an_interrupted_training_keeps_its_whole_epochs():
    keeper = EpochKeeper()
    assert keeper.keep(recorder()) is None
    with recorder(keeper) as kept:
        kept.epoch_end(0, {"loss": 1.0})
        kept.history["loss"].append(0.5)  # the epoch that was interrupted
        with pytest.warns(UserWarning, match="1 epochs are kept"):
            (weights,) = keeper.keep(kept)
    assert weights.tolist() == [0, 0]
    assert kept.history == {"loss": [1.0]}


def test_an_epoch_whose_watcher_was_interrupted_does_not_count():
    keeper = EpochKeeper()
    with recorder(keeper, history={"loss": [3.0]}) as kept:
        kept.epoch_end(1, {"loss": 2.0})
        kept.watchers.insert(0, Failing("epoch_end"))
        with pytest.raises(OSError, match="full"):
            kept.epoch_end(2, {"loss": 1.0})
        with pytest.warns(UserWarning, match="2 epochs are kept"):
            keeper.keep(kept)
    assert kept.history == {"loss": [3.0, 2.0]}
    assert kept.n_epochs == 1


def test_a_plateau_goes_on_with_the_losses_that_it_has_seen():
    nan = float("nan")
    seen = []

    class Schedule:
        needs_feedback, learning_rate = True, 0.1

        def observe(self, loss):
            seen.append(loss)

    history = {"loss": [5.0, 4.0, 3.0], "val_loss": [nan, 6.0]}  # of an older file
    Recorder(Schedule(), history)
    assert seen == [5.0, 6.0, 3.0]
