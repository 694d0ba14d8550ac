"""Transformers of images, tables and numbers."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import scipy.linalg
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skdl._utils._numbers import refuse_times
from skdl._utils._site import LinkedToSite
from skdl._utils._sklearn import Interval, StrOptions
from skdl.estimators._images import check_same_images, find_image_shape
from skdl.tables._encoder import TableEncoder
from skdl.tables._piecewise import PiecewiseLinearEncoder

__all__ = ["ImageScaler", "PiecewiseLinearEncoder", "TableEncoder", "ZCAWhitening"]


def _takes_rows(transformer):
    """Return whether a transformer gives flat rows; images have no columns to name."""
    return transformer._flat


class _ImageTransformer(
    LinkedToSite, OneToOneFeatureMixin, TransformerMixin, BaseEstimator
):
    """Accepts images or flat rows, and returns the same shape."""

    _documented_in = "skdl.preprocessing"

    # Set by a fit.
    image_shape_: tuple | None
    _flat = True

    # Without it scikit-learn leaves arrays of images as they are, and makes no frame.
    @available_if(_takes_rows)
    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the features, where rows are flat.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            The names of the features; None: those of the fit, or ``x0`` and so on.

        Returns
        -------
        ndarray of str
            The same names.
        """
        return super().get_feature_names_out(input_features)

    def _as_rows(self, X, *, reset=False):
        """Return X as flat rows of floats, checked, and the shape that it had."""
        # Frames stay frames: validate_data reads the names of their columns.
        X = X if hasattr(X, "shape") else np.asarray(X)
        refuse_times(X)
        shape = X.shape
        if reset:
            self._flat = len(shape) not in (3, 4)
        else:
            check_same_images(self, shape)
        if len(shape) in (3, 4):
            # (n, h, w) or (n, h, w, c) -> (n, h * w * c)
            X = np.reshape(np.asarray(X), (shape[0], math.prod(shape[1:])))
        X = validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])
        return X, shape

    @staticmethod
    def _as_given(rows, shape):
        return rows.reshape(shape) if len(shape) in (3, 4) else rows

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class ImageScaler(_ImageTransformer):
    """Scale images to mean 0 and standard deviation 1, per channel or per pixel.

    Parameters
    ----------
    per : {"channel", "pixel"}, default="channel"
        Whether to use one mean and deviation for each channel, over all pixels and
        images, or for each pixel of each channel, over all images (as in
        ``StandardScaler``).
    image_shape : tuple of int or None, default=None
        Height, width and channels of the images in flat rows. None infers square images
        with one or else three channels, and treats other rows as images of height 1.

    Attributes
    ----------
    mean_, scale_ : ndarray of shape (n_features_in_,)
        Mean and deviation of each feature; 1 where nothing varies.
    image_shape_ : tuple of int
        Height, width and channels of an image.
    n_features_in_ : int
        Number of pixels times channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where all of them are strings.

    See Also
    --------
    ZCAWhitening : Makes pixels uncorrelated too.

    Examples
    --------
    >>> import numpy as np
    >>> from skdl.preprocessing import ImageScaler
    >>> X = np.random.default_rng(0).integers(256, size=(50, 8, 8, 3))
    >>> scaled = ImageScaler().fit_transform(X)
    >>> scaled.shape, np.allclose(scaled.mean(axis=(0, 1, 2)), 0)
    ((50, 8, 8, 3), True)
    """

    _parameter_constraints = {
        "per": [StrOptions({"channel", "pixel"})],
        "image_shape": ["array-like", None],
    }

    def __init__(
        self, per: str = "channel", *, image_shape: Sequence[int] | None = None
    ) -> None:
        self.per = per
        self.image_shape = image_shape

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn means and deviations.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels) or \
                (n_samples, height, width) or (n_samples, n_features)
            The training images.
        y : None
            Not used.

        Returns
        -------
        self
            The fitted transformer.
        """
        self._validate_params()
        rows, shape = self._as_rows(X, reset=True)
        self.image_shape_ = find_image_shape(shape, self.image_shape)
        # (n, h * w * c) -> (n * h * w, c)
        channels = self.image_shape_[2]
        columns = rows.reshape(-1, channels) if self.per == "channel" else rows
        # A sum of single floats over all pixels of all images loses digits.
        mean = columns.mean(axis=0, dtype=np.float64)
        scale = columns.std(axis=0, dtype=np.float64)
        tiny = 10 * np.finfo(rows.dtype).eps * np.abs(mean)  # what rounding leaves
        scale = np.where(scale > tiny, scale, 1.0)
        times = rows.shape[1] // len(mean)
        # (c,) -> (h * w * c,): channels are last. (h * w * c,) stays as it is.
        self.mean_, self.scale_ = (np.tile(part, times) for part in (mean, scale))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Scale images.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The images, as in ``fit``.

        Returns
        -------
        ndarray of the shape of X
            With mean 0 and deviation 1, on the training images.
        """
        check_is_fitted(self)
        rows, shape = self._as_rows(X)
        scaled = (rows - self.mean_) / self.scale_
        return self._as_given(scaled.astype(rows.dtype, copy=False), shape)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Undo the scaling of images.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Scaled images.

        Returns
        -------
        ndarray of the shape of X
            The images.
        """
        check_is_fitted(self)
        rows, shape = self._as_rows(X)
        back = rows * self.scale_ + self.mean_
        return self._as_given(back.astype(rows.dtype, copy=False), shape)


class ZCAWhitening(_ImageTransformer):
    """Make features uncorrelated, of variance 1, and change them as little as possible.

    With the eigenvectors V and the eigenvalues s of the covariance, an image x becomes
    ``V (s + epsilon)^(-1/2) V' (x - mean)``: rotated, scaled, and rotated back, so that
    it still looks like an image.

    Parameters
    ----------
    epsilon : float, default=0.01
        Added to the eigenvalues, above 0: damps the weakest directions, which are
        mostly noise. Choose it to match the scale of the pixels in X.
    n_components : int or None, default=None
        Number of directions to keep, the strongest first; None keeps all directions in
        which the training images vary.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features_in_,)
        Mean of each feature.
    components_ : ndarray of shape (n_components_, n_features_in_)
        The eigenvectors of the covariance, the strongest first.
    explained_variance_ : ndarray of shape (n_components_,)
        The eigenvalues: the variance along each.
    scale_ : ndarray of shape (n_components_,)
        Square roots of the eigenvalues with ``epsilon``.
    n_components_ : int
        Number of directions.
    image_shape_ : tuple of int or None
        Height, width and channels, if it was fitted on images.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where all of them are strings.

    See Also
    --------
    ImageScaler : Only means and deviations.
    sklearn.decomposition.PCA : With ``whiten=True``, rotated and not rotated back.

    References
    ----------
    Bell & Sejnowski, "The 'independent components' of natural scenes are edge filters"
    (1997); Krizhevsky, "Learning multiple layers of features from tiny images" (2009).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skdl.preprocessing import ZCAWhitening
    >>> X, _ = load_digits(return_X_y=True)
    >>> white = ZCAWhitening(epsilon=1e-6, n_components=40).fit_transform(X)
    >>> values = np.linalg.eigvalsh(np.cov(white.T))
    >>> np.allclose(values[-40:], 1), np.allclose(values[:-40], 0)
    (True, True)
    """

    _parameter_constraints = {
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(self, epsilon: float = 0.01, *, n_components: Any = None) -> None:
        self.epsilon = epsilon
        self.n_components = n_components

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the mean and the directions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            The training images, two or more.
        y : None
            Not used.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        ValueError
            If there are fewer directions than ``n_components``.
        """
        self._validate_params()
        rows, shape = self._as_rows(X, reset=True)
        n_samples, n_features = rows.shape
        if n_samples < 2:
            raise ValueError(
                f"ZCAWhitening needs two images or more, got n_samples = {n_samples}."
            )
        mean = rows.mean(axis=0, dtype=np.float64)
        # Centred rows sum to 0, so that n of them span n - 1 directions at most.
        wanted = min(self.n_components or n_features, n_samples - 1, n_features)
        values, vectors = _strongest(rows - mean, wanted)
        if self.n_components not in (None, len(values)):
            raise ValueError(
                f"n_components={self.n_components} must be at most {len(values)}: "
                f"these {n_samples} images of {n_features} features vary in no more "
                "directions."
            )
        self.mean_ = mean
        self.explained_variance_ = values
        self.scale_ = np.sqrt(values + self.epsilon)
        self.components_ = np.ascontiguousarray(vectors)
        self.n_components_ = len(values)
        is_image = len(shape) in (3, 4)
        self.image_shape_ = find_image_shape(shape, None) if is_image else None
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Whiten images.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The images, as in ``fit``.

        Returns
        -------
        ndarray of the shape of X
            The whitened images.
        """
        check_is_fitted(self)
        rows, shape = self._as_rows(X)
        found = self._turn(rows - self.mean_, 1 / self.scale_)
        return self._as_given(found.astype(rows.dtype, copy=False), shape)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Undo the whitening of images.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Whitened images.

        Returns
        -------
        ndarray of the shape of X
            The images, without their parts in the directions that were left out.
        """
        check_is_fitted(self)
        rows, shape = self._as_rows(X)
        found = self._turn(rows, self.scale_) + self.mean_
        return self._as_given(found.astype(rows.dtype, copy=False), shape)

    def _turn(self, rows, factors):
        """Project rows onto the directions, scale them, and project them back."""
        # (n, d) -> (n, k) -> (n, d)
        return ((rows @ self.components_.T) * factors) @ self.components_


def _strongest(centered, n_components):
    """Return the largest eigenvalues of the covariance, and their eigenvectors.

    There are fewer than ``n_components`` if the images vary in fewer directions. The
    smaller one of the two products of the data with their transpose is decomposed,
    features by features or images by images.
    """
    n_samples, n_features = centered.shape
    tall = n_samples >= n_features
    product = centered.T @ centered if tall else centered @ centered.T
    size = len(product)
    values, vectors = scipy.linalg.eigh(
        product,
        overwrite_a=True,
        check_finite=False,
        subset_by_index=(size - n_components, size - 1),
    )
    values, vectors = values[::-1], vectors[:, ::-1].T
    # Eigenvalues that are only rounding errors are not directions.
    kept = values > size * np.finfo(values.dtype).eps * values[0]
    values, vectors = values[kept], vectors[kept]
    if not tall:  # of the images: (k, n) -> (k, d)
        # If (A A') u = s u, then (A' A) (A' u) = s (A' u): the same eigenvalues.
        vectors = vectors @ centered
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return values / (n_samples - 1), vectors
