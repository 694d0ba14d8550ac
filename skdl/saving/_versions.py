"""Older formats of the file, lifted to the one that is written now."""

__all__ = ["VERSION", "lift"]

# Format 2 has names for private classes; format 1 had the modules where they stood.
VERSION = 2
_NAMES_OF_1 = {
    "skdl._scikeras.ClassifierLabelEncoder": "label_encoder",
    "skdl._scikeras.RegressorTargetEncoder": "target_encoder",
    "skdl._scikeras.TargetReshaper": "target_reshaper",
    "skdl._structure.CNNStructure": "CNN",
    "skdl._structure.MLPStructure": "MLP",
    "skdl._targets._BinaryTarget": "binary_target",
    "skdl._targets._ClassTarget": "class_target",
    "skdl._targets._LabelsTarget": "labels_target",
    "skdl._targets._RealTarget": "real_target",
}


def lift(root, version):
    """Return what a file of some version holds, as one of today would hold it.

    Parameters
    ----------
    root : object
        The estimator as plain data.
    version : int
        Of the file, at most ``VERSION``.
    """
    return _rename(root) if version < 2 else root


def _rename(value):
    if not isinstance(value, list):
        return value
    renamed = [_rename(part) for part in value]
    if len(value) == 3 and value[0] == "object" and isinstance(value[1], str):
        renamed[1] = _NAMES_OF_1.get(value[1], value[1])
    return renamed
