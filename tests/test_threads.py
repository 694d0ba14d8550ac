"""Threads that share work."""

import threading

import pytest

from skdl._utils._threads import work_in_threads


def test_the_first_error_is_raised_not_those_that_it_caused():
    stopped, begun = threading.Event(), threading.Event()
    numbers = iter(range(2))

    def work():
        if next(numbers) == 0:  # the thread that is asked first
            begun.set()
            assert stopped.wait(60)
            raise RuntimeError("it was stopped")
        assert begun.wait(60)
        raise ValueError("the cause")

    with pytest.raises(ValueError, match="the cause"):
        work_in_threads(work, 2, stopped)
