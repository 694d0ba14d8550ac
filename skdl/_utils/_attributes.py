"""The attributes of an estimator, as one whole."""

from contextlib import contextmanager

__all__ = ["unchanged_on_failure"]


@contextmanager
def unchanged_on_failure(estimator):
    """Restore the estimator's attributes if the block fails or is interrupted."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
