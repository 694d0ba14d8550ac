"""The error of a training whose numbers became NaN or infinite."""

__all__ = ["Diverged"]


class Diverged(ValueError):
    """The loss or the weights of a training became NaN or infinite."""
