"""Losses that Keras lacks, registered under their names for saved Keras models."""

from skdl.nn._backend import keras

__all__ = ["Pinball", "gamma_deviance"]


@keras.saving.register_keras_serializable("skdl")
def gamma_deviance(y_true, y_pred):
    """Return half the deviance of a gamma distribution, up to terms of ``y_true``.

    Parameters
    ----------
    y_true, y_pred : tensor of shape (n_samples, n_outputs)
        Targets and predicted means, above 0.

    Returns
    -------
    tensor of shape (n_samples,)
    """
    return keras.ops.mean(keras.ops.log(y_pred) + y_true / y_pred, axis=-1)


@keras.saving.register_keras_serializable("skdl")
class Pinball(keras.losses.Loss):
    """The pinball loss of quantiles.

    Parameters
    ----------
    levels : list of float
        Levels of the quantiles, in (0, 1): those of the columns of each target.
    name : str, default="pinball"
        Name of the loss.
    reduction : str, default="sum_over_batch_size"
        How the losses of a batch become one.

    References
    ----------
    Koenker & Bassett, "Regression quantiles", Econometrica 46 (1978).
    """

    def __init__(self, levels, name="pinball", reduction="sum_over_batch_size"):
        super().__init__(name=name, reduction=reduction)
        self.levels = [float(level) for level in levels]

    def call(self, y_true, y_pred):
        """Return the losses of a batch.

        Parameters
        ----------
        y_true : tensor of shape (n_samples, n_outputs)
            Targets.
        y_pred : tensor of shape (n_samples, n_outputs * n_levels)
            Predicted quantiles, those of a target side by side.
        """
        # (n, outputs) -> (n, outputs * levels)
        y_true = keras.ops.repeat(y_true, len(self.levels), axis=-1)
        n_outputs = y_pred.shape[-1] // len(self.levels)
        levels = keras.ops.convert_to_tensor(self.levels * n_outputs, y_pred.dtype)
        errors = y_true - y_pred
        losses = keras.ops.maximum(levels * errors, (levels - 1) * errors)
        return keras.ops.mean(losses, axis=-1)

    def get_config(self):
        """Return the settings of the loss."""
        return {**super().get_config(), "levels": self.levels}
