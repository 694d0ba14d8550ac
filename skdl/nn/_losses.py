"""The losses of numbers: their values and gradients in a graph, and in Keras.

Targets are scaled (``skdl/estimators/_number_targets.py``), and the losses are those of
the scaled targets: up to a factor the same as in the units of the target, or, with a
log link, half the deviance.
"""

from __future__ import annotations

from skdl.nn._head import Head, count_columns
from skdl.nn._own_loss import OwnLoss

__all__ = ["LOSSES"]


class _Numbers(Head):
    """A loss of numbers, one column for each target."""

    def outputs(self, logits):
        """Return the scaled predictions, in a graph."""
        return logits

    def logits(self, outputs):
        """Return the logits of scaled predictions, in a graph."""
        return outputs

    def value(self, logits, y, settings):
        """Return losses and their derivatives, each of the shape of the logits."""
        raise NotImplementedError

    def score(self, logits, y, settings):
        from skdl.nn._backend import tf

        losses, slopes = self.value(logits, y, settings)
        errors = self.middle(self.outputs(logits) - y, settings)
        metrics = tf.reduce_mean(self.square(errors, settings), axis=1)
        return tf.reduce_mean(losses, axis=1), metrics, slopes / count_columns(y)

    def middle(self, errors, settings):
        """Return the columns that ``predict`` returns."""
        return errors

    def square(self, errors, settings):
        """Return the squared errors of the metric."""
        from skdl.nn._backend import tf

        return tf.square(errors)

    def public_metrics(self, target):
        from skdl.nn._backend import keras

        # Keras compares columns one by one, and several quantiles have no target each.
        return [] if target.n_quantiles > 1 else [keras.metrics.R2Score(name="r2")]

    def training_loss(self, target):
        scored = self._scored(target)

        def loss(y_true, y_pred):
            return scored(y_true, y_pred)[0]

        return loss

    def training_metric(self, target):
        scored = self._scored(target)

        def r2(y_true, y_pred):
            return 1 - scored(y_true, y_pred)[1] / target.variance

        return r2

    def _scored(self, target):
        """Return ``score`` as a function of scaled targets and public outputs."""
        from skdl.nn._backend import tf

        factor, offset = target.scaling

        def scored(y_true, y_pred):
            # The Keras model ends in the units of the target; losses are of scaled
            # ones.
            logits = self.logits((y_pred - offset) / factor)
            y_true = tf.cast(y_true, logits.dtype)
            return self.score(logits, y_true, tf.constant(target.loss_settings))

        return scored


class _SquaredError(_Numbers):
    """The squared error: the mean of the target is learned."""

    def score(self, logits, y, settings):
        from skdl.nn._backend import tf

        errors = logits - y
        losses = tf.reduce_mean(tf.square(errors), axis=1)
        # The metric is the loss: `score` of the base would compute it twice.
        return losses, losses, 2 * errors / count_columns(y)

    def public_loss(self, target):
        return "mean_squared_error"


class _AbsoluteError(_Numbers):
    """The absolute error: the median is learned."""

    def value(self, logits, y, settings):
        from skdl.nn._backend import tf

        errors = logits - y
        return tf.abs(errors), tf.sign(errors)

    def public_loss(self, target):
        return "mean_absolute_error"


class _Huber(_Numbers):
    """Half the squared error near zero, and linear beyond delta (Huber, 1964).

    A delta that is small beside the deviation of the targets would make the loss so
    small that the penalties outweigh it. So the loss is divided by it: far beyond delta
    it is the absolute error.
    """

    def value(self, logits, y, settings):
        from skdl.nn._backend import tf

        errors = logits - y
        near = tf.clip_by_value(errors, -settings, settings)
        # near = errors within delta: errors^2 / 2; beyond: delta |errors| - delta^2 / 2
        slopes = near / tf.minimum(settings, 1)
        return slopes * (errors - near / 2), slopes

    def public_loss(self, target):
        from skdl.nn._backend import keras

        return keras.losses.Huber(delta=target.delta)


class _LogLink(_Numbers):
    """A deviance whose logits are logarithms of the mean.

    The settings weigh the squared errors of the columns by their variances.
    """

    activation = "exponential"

    def square(self, errors, settings):
        return super().square(errors, settings) * settings

    def outputs(self, logits):
        from skdl.nn._backend import tf

        return tf.exp(logits)

    def logits(self, outputs):
        from skdl.nn._backend import tf

        return tf.math.log(outputs)


class _Poisson(_LogLink):
    """Half the deviance of a Poisson distribution: counts, and other targets >= 0."""

    def value(self, logits, y, settings):
        from skdl.nn._backend import tf

        means = tf.exp(logits)
        # y log(y / m) - y + m with m = exp(z); xlogy(0, 0) is 0, and 0 log 0 NaN.
        losses = means - y + tf.math.xlogy(y, y) - y * logits
        return losses, means - y

    def public_loss(self, target):
        return "poisson"


class _Gamma(_LogLink):
    """Half the deviance of a gamma distribution: targets above 0, such as costs."""

    def value(self, logits, y, settings):
        from skdl.nn._backend import tf

        # y / m - 1 - log(y / m) with m = exp(z)
        ratios = y * tf.exp(-logits)
        return ratios - 1 - tf.math.log(y) + logits, 1 - ratios

    def public_loss(self, target):
        from skdl.nn._keras_losses import gamma_deviance

        return gamma_deviance


class _Quantile(_Numbers):
    """The pinball loss of one level or several (Koenker & Bassett, 1978).

    The settings are the level of each column.
    """

    def value(self, logits, y, settings):
        from skdl.nn._backend import tf

        errors = y - logits
        below = tf.cast(errors < 0, errors.dtype)
        # With e = y - z the loss is e (q - [e < 0]), and de / dz = -1.
        slopes = below - settings
        return -errors * slopes, slopes

    def middle(self, errors, settings):
        from skdl.nn._backend import tf

        # The columns of the level that is nearest to one half; of two, of the first.
        nearest = tf.argmin(tf.round(1e6 * tf.abs(settings - 0.5)))
        chosen = tf.equal(settings, settings[nearest])
        return tf.boolean_mask(errors, chosen, axis=1)

    def public_loss(self, target):
        from skdl.nn._keras_losses import Pinball

        return Pinball(target.levels)


class _OwnNumbers(OwnLoss, _Numbers):
    """A function of targets and predictions in their own units.

    The settings are factor and offset of each column.
    """

    def in_units(self, logits, y, settings):
        from skdl.nn._backend import tf

        factor, offset = tf.split(settings, 2)
        return y * factor + offset, logits * factor + offset

    def _metrics(self, logits, y):
        from skdl.nn._backend import tf

        return tf.reduce_mean(tf.square(logits - y), axis=1)

    def training_loss(self, target):
        return _Numbers.training_loss(self, target)


LOSSES = {
    "identity": _SquaredError(),  # the name that the first saved files have
    "absolute_error": _AbsoluteError(),
    "huber": _Huber(),
    "poisson": _Poisson(),
    "gamma": _Gamma(),
    "quantile": _Quantile(),
    "own_identity": _OwnNumbers(),
}
