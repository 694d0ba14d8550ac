"""Files that are damaged, or made to do harm: one error, and nothing else."""

import io
import os
import pickle
import tracemalloc
import zipfile

import keras
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skdl
from skdl import MLPClassifier
from tests.keras_models import build_classifier
from tests.saving import forge

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "good.skdl"
    X, y = load_iris(return_X_y=True)
    network = MLPClassifier((6,), batch_norm=True, epochs=2, random_state=0)
    skdl.save(make_pipeline(StandardScaler(), network).fit(X, y), path)
    return path, X, skdl.load(path).predict_proba(X)


def refused(path, words="can't be loaded", **options):
    """Load a bad file; assert that it is refused, within 200 MB."""
    tracemalloc.start()
    try:
        with pytest.raises(skdl.ModelFileError, match=words):
            skdl.load(path, **options)
        assert tracemalloc.get_traced_memory()[1] < 200 * MEGABYTE
    finally:
        tracemalloc.stop()


# Damage


def damage(content, rng):
    """Return the bytes of a file with some random fault."""
    content = bytearray(content)
    kind = rng.integers(7)
    at = int(rng.integers(len(content)))
    length = int(rng.integers(1, 200))
    if kind == 0:
        content[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        del content[at:]
    elif kind == 2:
        del content[at : at + length]
    elif kind == 3:
        content[at:at] = rng.bytes(length)
    elif kind == 4:
        content[at : at + length] = bytes(len(content[at : at + length]))
    elif kind == 5:
        content[at : at + length] = rng.bytes(len(content[at : at + length]))
    else:
        other = int(rng.integers(len(content)))
        content[at : at + length] = content[other : other + length]
    return bytes(content)


@pytest.mark.parametrize("block", range(10))
def test_a_damaged_file_never_predicts_something_else(good, tmp_path, block):
    path, X, expected = good
    content = path.read_bytes()
    n_refused = 0
    for seed in range(100 * block, 100 * (block + 1)):
        bad = tmp_path / "bad.skdl"
        bad.write_bytes(damage(content, np.random.default_rng(seed)))
        try:
            found = skdl.load(bad)
        except skdl.ModelFileError:
            n_refused += 1
            continue
        # What zip does not check is left: dates, rights, what stands before or behind.
        assert np.array_equal(found.predict_proba(X), expected)
    assert n_refused > 60


@pytest.mark.parametrize("share", np.linspace(0, 0.999, 12))
def test_a_file_that_was_cut_is_refused(good, tmp_path, share):
    content = good[0].read_bytes()
    bad = tmp_path / "cut.skdl"
    bad.write_bytes(content[: int(share * len(content))])
    refused(bad)


# Things that are no models


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("content", [b"", b"PK", b"\x00" * 5000, b"{}", b"skdl" * 999])
def test_a_file_that_is_no_zip_is_refused(tmp_path, content):
    bad = tmp_path / "bad.skdl"
    bad.write_bytes(content)
    refused(bad, "not a complete zip archive")


def test_a_pickle_is_refused_and_not_run(tmp_path):
    bad = tmp_path / "bad.skdl"
    bad.write_bytes(pickle.dumps(Payload(tmp_path / "harm")))
    refused(bad)
    assert not (tmp_path / "harm").exists()


def test_another_zip_is_refused(tmp_path):
    bad = tmp_path / "bad.skdl"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("config.json", "{}")
    refused(bad, "does not begin with one manifest")
    keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]).save(
        tmp_path / "model.keras"
    )
    refused(tmp_path / "model.keras")


# Whole archives with right checksums and a wrong inside


def forged(good, tmp_path, change, **options):
    manifest, members = forge.read(good[0])
    replaced = change(manifest, members)
    path = tmp_path / "forged.skdl"
    manifest = manifest if replaced is None else replaced
    return forge.write(path, manifest, members, **options)


def test_forging_nothing_gives_a_good_file(good, tmp_path):
    path = forged(good, tmp_path, lambda manifest, members: None)
    assert np.array_equal(skdl.load(path).predict_proba(good[1]), good[2])


def set_in(*path, to):
    """Return the change that sets an entry of the manifest."""

    def change(manifest, members):
        node = manifest
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = to

    return change


def set_state(key, to):
    """Return the change that sets an attribute of the network, or of its structure."""

    def change(manifest, members):
        network = forge.find(manifest["root"], "skdl.MLPClassifier", of=3)
        structure = forge.find(network, "_network")
        found = key in ("depth", "activation", "head")
        forge.find(structure if found else network, key)[1] = to

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_in("version", to=3), "format 3, made by skdl .*upgrade skdl"),
        (set_in("version", to="1"), "not a model of skdl"),
        (set_in("format", to="other"), "not a model of skdl"),
        (lambda manifest, members: b"[]", "damaged"),
        (lambda manifest, members: b"{", "damaged"),
        (lambda manifest, members: b"\xff\xfe", "damaged"),
        (lambda manifest, members: b"[" * 2_000_000, "damaged|recursion"),
        (lambda manifest, members: b" " * 20_000_000, "manifest has 20000000 bytes"),
        (set_in("members", to={}), "members are not those"),
        (set_in("members", to=3), "damaged"),
        (lambda manifest, members: manifest.pop("root") and None, "root"),
        (set_in("root", to=["object", "os.system", ["dict", []]]), "not allowed"),
        (set_in("root", to=["object", "builtins.eval", ["dict", []]]), "not allowed"),
        (set_in("root", to=["object", "sklearn.svm.SVC", ["dict", []]]), "not allowed"),
        (set_in("root", to=["object", {}, ["dict", []]]), ""),
        (set_in("root", to=["function", "os.system"]), "not allowed"),
        (set_in("root", to=["function", "numpy.load"]), "not allowed"),
        (
            set_in("root", to=["function", "numpy.ctypeslib.load_library"]),
            "not allowed",
        ),
        (set_in("root", to=["function", "keras.utils.get_file"]), "not allowed"),
        (set_in("root", to=["function", "keras.losses.__getattr__"]), "not allowed"),
        (set_in("root", to=["function", "keras.losses"]), "not allowed"),
        (set_in("root", to=["function", 5]), "not allowed"),
        (set_in("root", to=["pickle", "gASVBAAA"]), "no known kind"),
        (set_in("root", to=["list"]), ""),
        (set_in("root", to=[]), "no known kind"),
        (set_in("root", to={"a": 1}), "no known kind"),
        (set_in("root", to=["float", "1e5"]), "as a number"),
        (set_in("root", to=["dtype", "O,O"]), "dtype"),
        (set_in("root", to=["dtype", "x" * 50]), ""),
        (set_in("root", to=["scalar_type", "load"]), "type 'load'"),
        (set_in("root", to=["scalar_type", "ndarray"]), "type 'ndarray'"),
        (set_in("root", to=["array", "manifest.json"]), "no member of arrays"),
        (set_in("root", to=["array", "arrays/../manifest.json"]), "no member"),
        (set_in("root", to=["array", "/etc/passwd"]), "no member of arrays"),
        (set_in("root", to=["array", ["arrays/0.npy"]]), "no member of arrays"),
        (set_in("root", to=["objects", [10**12], [1]]), ""),
        (set_in("root", to=["objects", [-1, -1], [1]]), ""),
        (set_in("root", to=["csr", True, [10**9, 3], ["arrays/0.npy"] * 3]), ""),
        (
            set_in("root", to=["keras", "keras.losses.mse", ["dict", []]]),
            "not allowed",
        ),
        (
            set_in(
                "root",
                to=[
                    "keras",
                    "keras.optimizers.Adam",
                    ["dict", [["learning_rate", ["dict", [["module", "os"]]]]]],
                ],
            ),
            "keras.optimizers.Adam",
        ),
        (set_state("_weights", ["list", []]), "number of weights"),
        (set_state("_weights", None), "not a list"),
        (set_state("depth", -1), "number of weights"),
        (set_state("depth", 10**9), "number of weights"),
        (set_state("activation", "os.system"), "activation"),
        (set_state("head", "sigmoid"), "head .sigmoid."),
        (set_state("_rates", ["list", [0.0]]), "rates"),
        (set_state("_rates", ["list", [0.0, 7.0]]), "rates"),
        (set_state("_rates", 3), ""),
        (set_state("n_features_in_", 5), ""),
        (set_state("_network", 3), ""),
        (set_state("_target", None), ""),
    ],
)
def test_a_forged_manifest_is_refused(good, tmp_path, change, words):
    refused(forged(good, tmp_path, change, describe=False), words or "can't be loaded")


def test_an_attribute_with_underscores_is_refused(good, tmp_path):
    def change(manifest, members):
        manifest["root"][2][1].append(["__class__", 3])

    refused(forged(good, tmp_path, change), "__class__|Pipeline")


WEIGHT = "of the network|The weights of the network"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda a: np.full_like(a, np.nan), WEIGHT),
        (lambda a: np.where(a == a.max(), np.inf, a).astype(np.float32), WEIGHT),
        (lambda a: a.astype(np.float64), WEIGHT),
        (lambda a: a[:-1], WEIGHT),
        (lambda a: a[:, :-1], WEIGHT),
        (lambda a: a.T, WEIGHT),
        (lambda a: a[np.newaxis], WEIGHT),
        (lambda a: a.ravel(), WEIGHT),
        (lambda a: a.astype(str), WEIGHT),
        (lambda a: np.zeros((0, 0), np.float32), WEIGHT),
    ],
)
def test_forged_weights_are_refused(good, tmp_path, make, words):
    def change(manifest, members):
        name = forge.find(manifest["root"], "_weights")[1][1][0][1]
        array = np.load(io.BytesIO(members[name]))
        forge.replace_array(manifest, members, name, make(array))

    refused(forged(good, tmp_path, change), words)


def first_array(members):
    return next(name for name in members if name.startswith("arrays/"))


def pickled_array(manifest, members):
    members[first_array(members)] = forge.array_bytes(
        np.array([Payload("/tmp/harm")], dtype=object), allow_pickle=True
    )


def huge_shape(manifest, members):
    name = first_array(members)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    header = header.ljust(117) + b"\n"
    members[name] = b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header
    manifest["members"][name].update(dtype="<f8", shape=[10**12])


def code_in_header(manifest, members):
    name = first_array(members)
    header = b"__import__('os').mkdir('/tmp/harm')".ljust(117) + b"\n"
    members[name] = b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header


def long_header(manifest, members):
    name = first_array(members)
    header = b"{" + b" " * 60_000 + b"}\n"
    length = len(header).to_bytes(2, "little")
    members[name] = b"\x93NUMPY\x01\x00" + length + header


def not_an_array(manifest, members):
    members[first_array(members)] = b"PK" * 100


def other_shape(manifest, members):
    manifest["members"][first_array(members)]["shape"] = [1, 1, 1]


def negative_shape(manifest, members):
    manifest["members"][first_array(members)]["shape"] = [-1]


def longer_than_its_shape(manifest, members):
    members[first_array(members)] += b"more"


def missing_member(manifest, members):
    del members[first_array(members)]


def extra_member(manifest, members):
    members["arrays/extra.npy"] = forge.array_bytes(np.zeros(3))
    manifest["members"]["arrays/extra.npy"] = {}
    manifest["members"].pop(first_array(members))


def many_members(manifest, members):
    members.update({f"arrays/x{k}.npy": b"" for k in range(10_001)})


@pytest.mark.parametrize(
    "change",
    [
        pickled_array,
        huge_shape,
        code_in_header,
        long_header,
        not_an_array,
        other_shape,
        negative_shape,
        longer_than_its_shape,
        missing_member,
        extra_member,
        many_members,
    ],
)
def test_forged_members_are_refused(good, tmp_path, change):
    refused(forged(good, tmp_path, change))
    assert not os.path.exists("/tmp/harm")


@pytest.mark.parametrize(
    "name",
    [
        "../arrays/0.npy",
        "/arrays/0.npy",
        "arrays/../../0.npy",
        "arrays/..\\0.npy",
        "arrays/",
        "other/0.npy",
        "C:/arrays/0.npy",
        "arrays/a/b.npy",
    ],
)
def test_names_that_escape_are_refused(good, tmp_path, name):
    def change(manifest, members):
        first = first_array(members)
        members[name] = members.pop(first)
        manifest["members"][name] = manifest["members"].pop(first)

    refused(forged(good, tmp_path, change), "is not allowed|compressed|damaged")


def test_a_zip_bomb_is_refused(good, tmp_path):
    def change(manifest, members):
        members["arrays/bomb.npy"] = bytes(300 * MEGABYTE)

    path = forged(good, tmp_path, change, compressed=("arrays/bomb.npy",))
    assert path.stat().st_size < MEGABYTE
    refused(path, "larger than the file")


def test_a_compressed_member_is_refused(good, tmp_path):
    def change(manifest, members):
        members["arrays/bomb.npy"] = os.urandom(MEGABYTE)

    path = forged(good, tmp_path, change, compressed=("arrays/bomb.npy",))
    refused(path, "compressed or encrypted|larger than the file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_is_refused(good, tmp_path):
    def change(manifest, members):
        members["arrays/twice.npy"] = b""

    names = {"arrays/twice.npy": "arrays/0.npy"}
    refused(forged(good, tmp_path, change, names=names), "one manifest")


def test_a_changed_member_is_refused(good, tmp_path):
    manifest, members = forge.read(good[0])
    name = first_array(members)
    members[name] = members[name][:-1] + b"\x01"
    path = forge.write(tmp_path / "bad.skdl", manifest, members, describe=False)
    refused(path, "does not have its checksum")


def test_a_lambda_layer_is_refused_even_with_trust(iris, tmp_path):
    def build(meta):
        return keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Lambda(lambda x: x * 2),
                keras.layers.Dense(3, "softmax"),
            ]
        )

    network = skdl.KerasClassifier(build, loss="sparse_categorical_crossentropy")
    skdl.save(network.fit(*iris), tmp_path / "lambda.skdl")
    refused(tmp_path / "lambda.skdl", "trusted=True")
    refused(tmp_path / "lambda.skdl", "[Ll]ambda", trusted=True)


@pytest.mark.parametrize(
    ("root", "words"),
    [
        (["list", []], "holds an object of type list, not an estimator"),
        (3, "holds an object of type int, not an estimator"),
        (["list", [["array", "arrays/0.npy"]] * 3000], "uses arrays/0.npy twice"),
        (
            ["keras", "keras.metrics.MeanIoU", ["dict", [["num_classes", 25_000]]]],
            "makes a 'keras.metrics.MeanIoU'",
        ),
        (
            [
                "keras",
                "keras.metrics.MeanMetricWrapper",
                ["dict", [["fn", ["list", [["dict", []]]]]]],
            ],
            "makes a 'keras.metrics.MeanMetricWrapper'",
        ),
        (
            [
                "object",
                "skdl.KerasClassifier",
                ["dict", [["_kept", ["object", "sklearn.utils.Bunch", ["dict", []]]]]],
            ],
            "holds Bunch as a Keras model",
        ),
    ],
)
def test_a_root_that_is_no_estimator_or_too_large_is_refused(
    good, tmp_path, root, words
):
    change = set_in("root", to=root)
    refused(forged(good, tmp_path, change, describe=False), words)


def test_a_damaged_or_inflated_keras_model_is_refused(iris, tmp_path):
    network = skdl.KerasClassifier(
        build_classifier, loss="sparse_categorical_crossentropy"
    ).fit(*iris)
    path = tmp_path / "model.skdl"
    skdl.save(network, path)
    (name,) = [n for n in forge.read(path)[1] if n.startswith("models/")]

    def replaced(content):
        manifest, members = forge.read(path)
        members[name] = content
        return forge.write(tmp_path / "bad.skdl", manifest, members)

    def inner(change):
        with zipfile.ZipFile(io.BytesIO(forge.read(path)[1][name])) as archive:
            parts = {part: archive.read(part) for part in archive.namelist()}
        change(parts)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for part, content in parts.items():
                archive.writestr(part, content)
        return stream.getvalue()

    def damaged(parts):
        parts["model.weights.h5"] = bytes(len(parts["model.weights.h5"]))

    def inflated(parts):
        parts["config.json"] += b" " * 100 * MEGABYTE

    refused(replaced(inner(damaged)), "Keras refuses", trusted=True)
    refused(replaced(inner(inflated)), "unpacks to", trusted=True)
    refused(replaced(b"no zip"), trusted=True)
    network.model_.layers[0].kernel.assign(np.full((4, 16), np.nan))
    skdl.save(network, path)
    refused(path, "not finite", trusted=True)


def test_a_function_of_numpy_comes_back_and_no_other(tmp_path):
    path = tmp_path / "f.skdl"
    skdl.save(FunctionTransformer(np.log1p), path)
    assert skdl.load(path).func is np.log1p
    manifest, members = forge.read(path)
    forge.find(manifest["root"], "func")[1] = ["function", "numpy.fromfile"]
    refused(forge.write(path, manifest, members), "not allowed")
