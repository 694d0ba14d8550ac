"""Losses that Keras lacks, registered under their names for saved Keras models."""

from collections.abc import Sequence
from typing import Any

from skdl.nn._backend import keras

__all__ = ["Pinball", "SmoothedCrossentropy", "SparseFocal", "gamma_deviance"]


@keras.saving.register_keras_serializable("skdl")
def gamma_deviance(y_true: Any, y_pred: Any) -> Any:
    """Return half the deviance of a gamma distribution, up to terms of ``y_true``.

    Parameters
    ----------
    y_true, y_pred : tensor of shape (n_samples, n_outputs)
        Targets and predicted means, above 0.

    Returns
    -------
    tensor of shape (n_samples,)
        The mean of each row over the outputs.
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

    def __init__(
        self,
        levels: Sequence[float],
        name: str = "pinball",
        reduction: str = "sum_over_batch_size",
    ) -> None:
        super().__init__(name=name, reduction=reduction)
        self.levels = [float(level) for level in levels]

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the losses of a batch.

        Parameters
        ----------
        y_true : tensor of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        y_pred : tensor of shape (n_samples, n_outputs * n_levels)
            Predicted quantiles, those of a target side by side.

        Returns
        -------
        tensor of shape (n_samples,)
            The mean of each row over targets and levels.
        """
        n_outputs = y_pred.shape[-1] // len(self.levels)
        # (n,) or (n, outputs) -> (n, outputs * levels)
        y_true = keras.ops.reshape(y_true, (-1, n_outputs))
        y_true = keras.ops.repeat(y_true, len(self.levels), axis=-1)
        # A list times a number: the levels once more for each target.
        levels = keras.ops.convert_to_tensor(self.levels * n_outputs, y_pred.dtype)
        errors = y_true - y_pred
        losses = keras.ops.maximum(levels * errors, (levels - 1) * errors)
        return keras.ops.mean(losses, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the settings of the loss.

        Returns
        -------
        dict
            What the constructor takes.
        """
        return {**super().get_config(), "levels": self.levels}


@keras.saving.register_keras_serializable("skdl")
class SmoothedCrossentropy(keras.losses.Loss):
    """The cross-entropy of classes as integers, with smoothed labels.

    Parameters
    ----------
    label_smoothing : float
        Share of each label that goes to all classes alike, in [0, 1).
    name : str, default="smoothed_crossentropy"
        Name of the loss.
    reduction : str, default="sum_over_batch_size"
        How the losses of a batch become one.

    References
    ----------
    Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR
    (2016).
    """

    def __init__(
        self,
        label_smoothing: float,
        name: str = "smoothed_crossentropy",
        reduction: str = "sum_over_batch_size",
    ) -> None:
        super().__init__(name=name, reduction=reduction)
        self.label_smoothing = float(label_smoothing)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the losses of a batch.

        Parameters
        ----------
        y_true : tensor of int, shape (n_samples,) or (n_samples, 1)
            Classes.
        y_pred : tensor of shape (n_samples, n_classes)
            Probabilities.

        Returns
        -------
        tensor of shape (n_samples,)
            The loss of each row.
        """
        hot = _one_hot(y_true, y_pred)
        shares = hot * (1 - self.label_smoothing)
        shares = shares + self.label_smoothing / y_pred.shape[-1]
        return -keras.ops.sum(shares * _log(y_pred), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the settings of the loss.

        Returns
        -------
        dict
            What the constructor takes.
        """
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable("skdl")
class SparseFocal(keras.losses.Loss):
    """The focal loss of classes as integers.

    Parameters
    ----------
    gamma : float
        How much less the rows count that are right already, at least 0.
    name : str, default="sparse_focal"
        Name of the loss.
    reduction : str, default="sum_over_batch_size"
        How the losses of a batch become one.

    References
    ----------
    Lin et al., "Focal loss for dense object detection", ICCV (2017).
    """

    def __init__(
        self,
        gamma: float,
        name: str = "sparse_focal",
        reduction: str = "sum_over_batch_size",
    ) -> None:
        super().__init__(name=name, reduction=reduction)
        self.gamma = float(gamma)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the losses of a batch.

        Parameters
        ----------
        y_true : tensor of int, shape (n_samples,) or (n_samples, 1)
            Classes.
        y_pred : tensor of shape (n_samples, n_classes)
            Probabilities.

        Returns
        -------
        tensor of shape (n_samples,)
            The loss of each row.
        """
        shares = keras.ops.sum(_one_hot(y_true, y_pred) * y_pred, axis=-1)
        return -((1 - shares) ** self.gamma) * _log(shares)

    def get_config(self) -> dict[str, Any]:
        """Return the settings of the loss.

        Returns
        -------
        dict
            What the constructor takes.
        """
        return {**super().get_config(), "gamma": self.gamma}


def _one_hot(y_true, y_pred):
    codes = keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32")
    return keras.ops.one_hot(codes, y_pred.shape[-1], dtype=y_pred.dtype)


def _log(shares):
    return keras.ops.log(keras.ops.maximum(shares, keras.config.epsilon()))
