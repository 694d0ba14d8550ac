"""Convert older formats of the file to the current one."""

__all__ = ["VERSION", "lift"]

# Format 2 has fixed names for private classes, where format 1 had their modules; and
# its networks name their normalization, where format 1 had a flag.
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
    """Return the content of an older file in the current format.

    Parameters
    ----------
    root : object
        The estimator as plain data.
    version : int
        Version of the file, at most ``VERSION``.
    """
    return _lift_1(root) if version < 2 else root


def _lift_1(value):
    if not isinstance(value, list):
        return value
    lifted = [_lift_1(part) for part in value]
    if len(value) == 3 and value[0] == "object" and isinstance(value[1], str):
        lifted[1] = _NAMES_OF_1.get(value[1], value[1])
        if lifted[1] in ("CNN", "MLP"):
            lifted[2][1] = [_say_what_normalizes(pair) for pair in lifted[2][1]]
    return lifted


def _say_what_normalizes(pair):
    name, value = pair
    return (
        ["normalization", "batch" if value else None] if name == "batch_norm" else pair
    )
