"""The heads of a network: the losses of labels, and the table of all heads.

Each loss is one class: its value, its metric and its gradient in a graph, and what
corresponds to it in Keras.
"""

from __future__ import annotations

from skdl.nn._head import CodesHead, Head, count_columns
from skdl.nn._losses import LOSSES
from skdl.nn._ordinal import Ordinal
from skdl.nn._own_loss import OwnLoss

__all__ = ["HEADS", "PLAIN_LOSS", "find_head"]

# The loss without penalties, as the programs report it: Keras adds them to its own.
PLAIN_LOSS = "loss_without_penalties"


class _Softmax(CodesHead):
    """Classes, by their cross-entropy."""

    activation = "softmax"

    def score(self, logits, y, settings):
        from skdl.nn._backend import tf

        # The fused kernel gives the loss and its gradient at once, and is stable for
        # logits of any size.
        losses, gradient = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(
            features=logits, labels=y
        )
        return losses, self._metrics(logits, y), gradient

    def _metrics(self, logits, y):
        from skdl.nn._backend import tf

        right = tf.raw_ops.InTopKV2(predictions=logits, targets=y, k=1)
        return tf.cast(right, tf.float32)


class _Sigmoid(Head):
    """Independent labels, by the mean of their cross-entropies."""

    activation = "sigmoid"

    def public_loss(self, target):
        return "binary_crossentropy"

    def score(self, logits, y, settings):
        from skdl.nn._backend import tf

        # -log(sigmoid(z)) for y = 1 and -log(1 - sigmoid(z)) for y = 0, without
        # overflow.
        losses = tf.reduce_mean(tf.nn.softplus(logits) - logits * y, axis=1)
        metrics = self._metrics(logits, y)
        gradient = (tf.math.sigmoid(logits) - y) / count_columns(y)
        return losses, metrics, gradient

    def _metrics(self, logits, y):
        from skdl.nn._backend import tf

        right = tf.reduce_all((logits > 0) == (y > 0.5), axis=1)
        return tf.cast(right, tf.float32)

    def _is_right(self, y_true, y_pred):
        from skdl.nn._backend import keras

        return keras.ops.all((y_pred > 0.5) == (y_true > 0.5), axis=-1)


class _SmoothSoftmax(_Softmax):
    """Classes, by the cross-entropy with smoothed labels (Szegedy et al., 2016).

    The setting is the share of each label that goes to all classes alike.
    """

    def score(self, logits, y, settings):
        from skdl.nn._backend import tf

        n_classes = tf.shape(logits)[1]
        rest = settings[0] / tf.cast(n_classes, tf.float32)
        shares = tf.one_hot(y, n_classes) * (1 - settings[0]) + rest
        losses, gradient = tf.raw_ops.SoftmaxCrossEntropyWithLogits(
            features=logits, labels=shares
        )
        return losses, self._metrics(logits, y), gradient

    def public_loss(self, target):
        from skdl.nn._keras_losses import SmoothedCrossentropy

        return SmoothedCrossentropy(target.loss_settings[0])


class _SmoothSigmoid(_Sigmoid):
    """Independent labels, smoothed: 0 and 1 become s/2 and 1 - s/2."""

    def score(self, logits, y, settings):
        smoothed = y * (1 - settings[0]) + settings[0] / 2
        losses, _, gradient = super().score(logits, smoothed, settings)
        return losses, self._metrics(logits, y), gradient

    def public_loss(self, target):
        from skdl.nn._backend import keras

        smoothing = float(target.loss_settings[0])
        return keras.losses.BinaryCrossentropy(label_smoothing=smoothing)


class _FocalSoftmax(_Softmax):
    """Classes, by the focal loss (Lin et al., 2017), whose gamma is the setting."""

    def score(self, logits, y, settings):
        from skdl.nn._backend import tf

        hot = tf.one_hot(y, tf.shape(logits)[1])
        logs = tf.nn.log_softmax(logits)
        losses, slopes = _focal(tf.reduce_sum(hot * logs, axis=1), settings[0])
        # d log p_y / d z_k = (k == y) - p_k
        gradient = slopes[:, tf.newaxis] * (hot - tf.exp(logs))
        return losses, self._metrics(logits, y), gradient

    def public_loss(self, target):
        from skdl.nn._keras_losses import SparseFocal

        return SparseFocal(target.loss_settings[0])


class _FocalSigmoid(_Sigmoid):
    """Independent labels, by the mean of their focal losses."""

    def score(self, logits, y, settings):
        from skdl.nn._backend import tf

        signs = 2 * y - 1
        logs = -tf.nn.softplus(-signs * logits)
        losses, slopes = _focal(logs, settings[0])
        # d log sigmoid(s z) / dz = s (1 - sigmoid(s z))
        gradient = slopes * signs * (1 - tf.exp(logs)) / count_columns(y)
        return tf.reduce_mean(losses, axis=1), self._metrics(logits, y), gradient

    def public_loss(self, target):
        from skdl.nn._backend import keras

        gamma = float(target.loss_settings[0])
        return keras.losses.BinaryFocalCrossentropy(gamma=gamma)


def _focal(logs, gamma):
    """Return the focal losses of log-probabilities, and their derivatives by them."""
    from skdl.nn._backend import tf

    # -(1 - p)^gamma log p, and what goes to 0 with 1 - p stays a number for gamma < 1.
    shares = tf.exp(logs)
    missing = tf.maximum(1 - shares, 1e-7)
    weights = missing**gamma
    losses = -weights * logs
    # By l = log p, where dp / dl = p: gamma (1 - p)^(gamma - 1) p log p - (1 - p)^gamma
    slopes = gamma * weights * shares * logs / missing - weights
    return losses, slopes


class _OwnSoftmax(OwnLoss, _Softmax):
    """Classes, by a function of their codes and their probabilities."""

    gives_probabilities = True

    def in_units(self, logits, y, settings):
        from skdl.nn._backend import tf

        return y, tf.nn.softmax(logits)


class _OwnSigmoid(OwnLoss, _Sigmoid):
    """Independent labels, by a function of 0 and 1 and of probabilities."""

    gives_probabilities = True

    def in_units(self, logits, y, settings):
        from skdl.nn._backend import tf

        return y, tf.math.sigmoid(logits)


HEADS = {
    "softmax": _Softmax(),
    "sigmoid": _Sigmoid(),
    "smooth_softmax": _SmoothSoftmax(),
    "smooth_sigmoid": _SmoothSigmoid(),
    "focal_softmax": _FocalSoftmax(),
    "focal_sigmoid": _FocalSigmoid(),
    "ordinal": Ordinal(),
    "own_softmax": _OwnSoftmax(),
    "own_sigmoid": _OwnSigmoid(),
    **LOSSES,
}


def find_head(name, own_loss=None, n_logits=None):
    """Return the head of a name, with the loss of the user's own if that is its."""
    head = HEADS[name]
    return head.bound(own_loss, n_logits) if isinstance(head, OwnLoss) else head
