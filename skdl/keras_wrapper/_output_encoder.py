"""The encoder of labels that the outputs of a user's model need."""

from copy import copy

import keras
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from skdl.keras_wrapper._output_kinds import loss_name, loss_of, show_loss

__all__ = ["adapt_encoder", "check_width"]

# Losses by the names of their Keras classes.
_ONE_HOT_ONLY = {
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
}
# These take the numbers of classes, whatever their names say.
_SPARSE = {
    "CategoricalGeneralizedCrossEntropy",
    "Circle",
    "SparseCategoricalCrossentropy",
}
# With a column of numbers it compares each row with all others (Keras 3.15).
_FLAT = {"CategoricalGeneralizedCrossEntropy"}
_SINGLE_LABEL = ("binary", "multiclass")


def check_width(model, encoder):
    """Check that a model has as many outputs as the labels need.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    encoder : ClassifierLabelEncoder
        Fitted.

    Raises
    ------
    ValueError
        If it has more or fewer.
    """
    units = _count_units(model)
    kind, n_classes = encoder._target_type, encoder.n_classes_
    if units is None or n_classes is None or n_classes < 2:
        return
    name = loss_name(loss_of(model))
    accepted = [n_classes]
    # Losses of class numbers, or of one-hot rows, need two outputs.
    if kind == "binary" and name not in _SPARSE and name not in _ONE_HOT_ONLY:
        accepted = [1, 2]
    if units in accepted:
        return
    labels = ", ".join(map(repr, encoder.classes_.tolist()[:10]))
    if n_classes > 10:
        labels += ", ..."
    what = "labels" if kind == "multilabel-indicator" else "classes"
    raise ValueError(
        f"The model has {units} output{'s' * (units > 1)} for the {n_classes} {what} "
        f"of y ({labels}) with loss={show_loss(loss_of(model))}: its last layer needs "
        f"{' or '.join(map(str, accepted))} units. A function that builds it gets the "
        "number as meta['n_classes_']; if this part of the data lacks some classes, "
        "use stratified folds."
    )


def adapt_encoder(model, encoder):
    """Return the encoder that the loss of a model with several outputs needs.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    encoder : ClassifierLabelEncoder
        Fitted: it encodes labels as integers, unless its own loss says otherwise.

    Returns
    -------
    ClassifierLabelEncoder
        The same; or one that returns a column for each class, for Keras losses that
        compare outputs one by one with as many targets; or one that returns a flat
        array, for a loss that treats columns as several targets.
    """
    units, name = _count_units(model), loss_name(loss_of(model))
    if name in _FLAT and encoder._target_type in _SINGLE_LABEL:
        found = copy(encoder)
        flat = FunctionTransformer(np.ravel)  # and nothing on the way back
        found._final_encoder = make_pipeline(*encoder._final_encoder, flat)
        return found
    labels = encoder._target_type in _SINGLE_LABEL and encoder.n_classes_ > 1
    if not labels or units != encoder.n_classes_ or (name is None or name in _SPARSE):
        return encoder
    # SciKeras' encoder goes by its loss when it makes labels of columns.
    found = copy(encoder).set_params(loss="categorical_crossentropy")
    columns = OneHotEncoder(
        sparse_output=False,
        dtype=np.dtype(keras.config.floatx()),
        categories=[encoder.classes_],
    )
    reshaper = encoder._final_encoder[0]
    columns.fit(encoder.classes_.reshape(-1, 1))
    found._final_encoder = make_pipeline(reshaper, columns)
    found._target_type = "multiclass"  # also of two classes: they have two columns
    return found


def _count_units(model):
    """Return the width of a model's only output, or None if there is no such."""
    found = getattr(model, "outputs", None)
    if found is None or len(found) != 1 or len(found[0].shape) != 2:
        return None
    return found[0].shape[1]
