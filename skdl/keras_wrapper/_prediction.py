"""The predictions and the loss of a wrapped model."""

import numpy as np
import scipy.sparse
from sklearn.utils.validation import check_is_fitted

from skdl.keras_wrapper._arguments import choose_batch_size, fit_arguments
from skdl.keras_wrapper._input import CheckedData, arrays_kept, count_rows
from skdl.keras_wrapper._scikeras import route_params

__all__ = ["PredictingModel"]


class PredictingModel(CheckedData):
    """Gives the outputs and the loss of the model of a wrapper."""

    _predict_callbacks: list
    _predict_kwargs: set

    def _predict_raw(self, X, **kwargs):
        check_is_fitted(self)
        X, _ = self._validate_data(X)
        with arrays_kept():
            X = self.feature_encoder_.transform(X)
        self._check_input(X)
        arguments = route_params(
            self.get_params(),
            destination="predict",
            pass_filter=self._predict_kwargs,
            strict=True,
        )
        arguments.pop("callbacks", None)
        arguments = {**arguments, **kwargs}
        model = self._built
        # A subclass may have a predict_step of its own.
        is_plain = type(model).__module__.startswith("keras.")
        # A model with a fixed batch size takes no chunks of another.
        is_plain &= getattr(model, "inputs", None) is not None and all(
            tensor.shape[0] is None for tensor in model.inputs
        )
        is_array = isinstance(X, np.ndarray) or scipy.sparse.issparse(X)
        asked = self._predict_callbacks or arguments.get("steps") is not None
        if is_plain and is_array and not asked:
            from skdl.training._inference import infer_model

            return infer_model(model, X)
        if arguments.get("batch_size") == -1:
            arguments["batch_size"] = count_rows(X)
        arguments["verbose"] = 0
        if scipy.sparse.issparse(X):
            from skdl.training._inference import DenseBatches

            X = DenseBatches(X, arguments.pop("batch_size", None) or 32)
        return model.predict(X, callbacks=self._predict_callbacks, **arguments)

    def _mean_loss(self, X, y, weight=None):
        """Return the loss of some rows as Keras defines it, with the penalties."""
        from skdl.training._inference import mean_loss

        X, y = self._encode(*self._validate_data(X, y))
        size = choose_batch_size(fit_arguments(self, {}))
        size = count_rows(X) if size == -1 else size
        return mean_loss(self._built, X, y, weight, batch_size=size)
