"""Files of skdl, forged: whole zip archives with right checksums and a wrong inside."""

import hashlib
import io
import json
import zipfile

import numpy as np


def read(path):
    """Return the manifest and the members of a file."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(members.pop("manifest.json")), members


def write(path, manifest, members, *, describe=True, compressed=(), names=None):
    """Write a file whose checksums are right, whatever is in it."""
    if describe:
        for name, content in members.items():
            known = manifest["members"].setdefault(name, {})
            known["sha256"] = hashlib.sha256(content).hexdigest()
            known["size"] = len(content)
    text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = hashlib.sha256(text).hexdigest().encode()
        for name, content in {"manifest.json": text, **members}.items():
            how = zipfile.ZIP_DEFLATED if name in compressed else zipfile.ZIP_STORED
            archive.writestr((names or {}).get(name, name), content, how)
    return path


def array_bytes(array, allow_pickle=False):
    """Return an array as the bytes of an ``.npy`` file."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=allow_pickle)
    return stream.getvalue()


def replace_array(manifest, members, name, array):
    """Put another array in the place of one, described as it is."""
    members[name] = array_bytes(array)
    manifest["members"][name].update(dtype=array.dtype.str, shape=list(array.shape))


def find(node, key, of=2):
    """Return a pair somewhere in a manifest: its key is ``key``, or its class."""
    if isinstance(node, list):
        if len(node) == of and node[of - 2] == key:
            return node
        for part in node:
            found = find(part, key, of)
            if found:
                return found
    return None
