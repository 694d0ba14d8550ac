"""Threads that share some work, and end together."""

from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

import sklearn

__all__ = ["work_in_threads"]


def work_in_threads(work, n_threads, stopped):
    """Run a function in threads until all have returned, one raises, or Ctrl-C is hit.

    Parameters
    ----------
    work : callable
        Takes pieces of work, one after the other, until there are none.
    n_threads : int
        Number of threads; 1 runs it in this thread.
    stopped : threading.Event
        Set when they are to end; ``work`` checks it.
    """
    if n_threads == 1:
        work()
        return
    config = sklearn.get_config()  # scikit-learn has one for each thread
    failures: list[BaseException] = []

    def work_configured():
        with sklearn.config_context(**config):
            try:
                work()
            except BaseException as error:
                failures.append(error)
                raise

    with ThreadPoolExecutor(n_threads, "skdl") as pool:
        try:
            futures = [pool.submit(work_configured) for _ in range(n_threads)]
            _wait_for_all_or_a_failure(futures)
        finally:
            # All have ended by now, or one has failed, or Ctrl-C was pressed.
            stopped.set()
    if failures:  # the first: others may have failed because it ended them
        raise failures[0]


def _wait_for_all_or_a_failure(futures):
    running = futures
    while running:
        # In short pieces: the signal of Ctrl-C may wake another thread than this one.
        done, running = wait(futures, timeout=0.5, return_when=FIRST_EXCEPTION)
        if any(future.exception() for future in done):
            return
