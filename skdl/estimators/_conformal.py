"""Intervals of predictions, from the rows that a fit has held back."""

import numpy as np

__all__ = ["conformal_width"]


def conformal_width(residuals, weight, coverage):
    """Return how wide intervals are that cover a share of new rows.

    Parameters
    ----------
    residuals : ndarray of shape (n_held_back, n_outputs)
        How far the targets held back are from what is predicted.
    weight : ndarray of shape (n_held_back,) or None
        How much each of these rows counts.
    coverage : float
        The share, in (0, 1).

    Returns
    -------
    ndarray of shape (n_outputs,)

    Raises
    ------
    ValueError
        If too few rows were held back for the coverage, or too many of them have an
        infinite prediction.

    References
    ----------
    Papadopoulos et al., "Inductive confidence machines for regression", ECML (2002).
    """
    weight = np.ones(len(residuals)) if weight is None else weight / weight.mean()
    # The new row counts as one more, whose residual may be larger than all of them.
    needed = coverage * (weight.sum() + 1)
    if needed > weight.sum():
        # Rounded down, so that it is enough.
        most = np.floor(1000 * weight.sum() / (weight.sum() + 1)) / 1000
        raise ValueError(
            f"coverage={coverage!r} needs more rows than the {len(residuals)} that the "
            f"fit held back: ask for at most {most:.3g}, or hold back more "
            "(validation_fraction, X_val)."
        )
    order = np.argsort(residuals, axis=0)
    reached = np.cumsum(weight[order], axis=0) >= needed * (1 - 1e-12)
    ranks = np.argmax(reached, axis=0)
    widths = np.take_along_axis(residuals, order, axis=0)[ranks, np.arange(len(ranks))]
    if not np.isfinite(widths).all():
        n_far = int(np.isinf(residuals).any(axis=1).sum())
        raise ValueError(
            f"coverage={coverage!r} asks for infinite intervals: what is predicted for "
            f"{n_far} of the {len(residuals)} rows that the fit held back is infinite. "
            "Ask for less, or look for rows of X_val that lie far from those of the "
            "training."
        )
    return widths
