"""How the weights of the steps are averaged."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Averaging"]


class Averaging(NamedTuple):
    """How the weights of the steps are averaged.

    Parameters
    ----------
    ema : float or None
        Momentum of a moving average, in [0, 1).
    swa_start : float or None
        Share of the epochs after which those that follow count alike, in [0, 1).

    References
    ----------
    Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J.
    Control Optim. 30 (1992); Izmailov et al., "Averaging weights leads to wider optima
    and better generalization", UAI (2018).
    """

    ema: float | None
    swa_start: float | None

    def momenta(
        self, steps: np.ndarray, steps_per_epoch: int, n_epochs: int
    ) -> np.ndarray:
        """Return what each step keeps of the average; it adds the rest of its weights.

        Parameters
        ----------
        steps : ndarray of int
            Numbers of the steps, counted from 0.
        steps_per_epoch, n_epochs : int
            The length of the whole training.

        Returns
        -------
        ndarray of shape (n_steps,)
        """
        if self.ema is not None:
            # The weights after the first step, as in Keras, and not those before it.
            return np.where(steps == 0, 0.0, self.ema)
        # How many epochs of the average there are before that of the step.
        # Rounded first: 0.29 * 100 is less than 29.
        first = int(round((self.swa_start or 0) * n_epochs, 6))
        n_before = steps // steps_per_epoch - first
        is_end = (steps + 1) % steps_per_epoch == 0
        # Within an epoch the average stays; before the second one it is the weights.
        later = np.where(is_end, n_before / np.maximum(n_before + 1, 1), 1.0)
        return np.where(n_before <= 0, 0.0, later)
