"""A reader of ``.skdl`` files without skdl, written by ``docs/file_format.md`` alone.

``python tests/read_skdl.py FILE.skdl`` prints what is in a file.
"""

import hashlib
import io
import json
import sys
import zipfile

import numpy as np

__all__ = ["predict_proba", "read"]


def read(path):
    """Return the manifest of a file, and its estimator as dicts and lists.

    An object is a dict of its attributes, with its class under ``"class"``; a kind of
    value that needs a library (a function, a sparse matrix) stays the list that it is.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert names[0] == "manifest.json", "the manifest is not the first member"
        stored = {info.compress_type for info in archive.infolist()}
        assert stored == {zipfile.ZIP_STORED}, "a member is compressed"
        text = archive.read("manifest.json")
        digest = hashlib.sha256(text).hexdigest().encode()
        assert archive.comment == digest, "the manifest is damaged"
        manifest = json.loads(text)
        assert manifest["format"] == "skdl"
        assert set(names[1:]) == set(manifest["members"])
        arrays = {
            name: _read_array(archive.read(name), described)
            for name, described in manifest["members"].items()
            if name.startswith("arrays/")
        }
    return manifest, _value(manifest["root"], arrays)


def _read_array(content, described):
    assert len(content) == described["size"], "a member has the wrong size"
    assert hashlib.sha256(content).hexdigest() == described["sha256"]
    array = np.load(io.BytesIO(content), allow_pickle=False)
    assert [array.dtype.str, list(array.shape)] == [
        described["dtype"],
        described["shape"],
    ]
    return array


def _value(value, arrays):
    if not isinstance(value, list):
        return value
    kind, *rest = value
    if kind == "object":
        name, attributes = rest
        return {"class": name, **_value(attributes, arrays)}
    if kind == "dict":
        return {_value(k, arrays): _value(v, arrays) for k, v in rest[0]}
    if kind in ("list", "set", "frozenset"):
        return [_value(v, arrays) for v in rest[0]]
    if kind == "tuple":
        return tuple(_value(v, arrays) for v in rest[0])
    if kind == "objects":
        values = [_value(v, arrays) for v in rest[1]]
        return np.array(values, object).reshape(rest[0])
    if kind in ("array", "floats_list", "floats_tuple"):
        return arrays[rest[0]]
    if kind == "scalar":
        return arrays[rest[0]][()]
    if kind == "float":
        return float(rest[0])
    return value


def predict_proba(pipeline, X):
    """Return what a pipeline of StandardScaler and MLPClassifier predicts.

    Parameters
    ----------
    pipeline : dict
        What ``read`` returns.
    X : array of shape (n_samples, n_features)
        The rows.

    Returns
    -------
    array of shape (n_samples, n_classes)
        Probabilities.
    """
    assert pipeline["class"] == "sklearn.pipeline.Pipeline"
    (_, scaler), (_, network) = pipeline["steps"]
    assert scaler["class"] == "sklearn.preprocessing.StandardScaler"
    assert network["class"] == "skdl.MLPClassifier"
    structure = network["_network"]
    assert [structure["activation"], structure["head"]] == ["swish", "softmax"]
    normalization = structure.get("normalization")
    if structure.get("batch_norm"):  # format 1
        normalization = "batch"
    weights = iter(network["_weights"])
    x = (np.asarray(X, float) - scaler["mean_"]) / scaler["scale_"]
    for _ in range(structure["depth"]):
        x = _normalized(x @ next(weights), weights, normalization)
        x = x / (1 + np.exp(-x))
    x = x @ next(weights) + next(weights)
    x = np.exp(x - x.max(axis=1, keepdims=True))
    return x / x.sum(axis=1, keepdims=True)


def _normalized(x, weights, normalization):
    if normalization is None:
        return x + next(weights)
    gamma, beta = next(weights), next(weights)
    if normalization == "batch":
        mean, variance = next(weights), next(weights)
    else:
        mean = x.mean(axis=1, keepdims=True)
        variance = x.var(axis=1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 0.001) * gamma + beta


if __name__ == "__main__":
    print(*read(sys.argv[1]), sep="\n")
