"""Files that are written whole, or not at all."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from skdl._utils._files import created, replaced


def test_a_file_is_replaced_whole_or_left_as_it_was(tmp_path):
    path = tmp_path / "file"
    with replaced(path) as stream:
        stream.write(b"first")

    def interrupted():
        with replaced(path) as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["file"]


def test_of_many_that_create_a_file_one_does(tmp_path):
    path = tmp_path / "file"
    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(lambda k: created(path, b"%d" % k), range(8)))
    assert sum(first) == 1
    assert path.read_bytes() == b"%d" % first.index(True)
    assert os.listdir(tmp_path) == ["file"]


def test_a_new_file_has_the_mode_that_the_process_gives(tmp_path):
    before = os.umask(0o027)
    try:
        with replaced(tmp_path / "file") as stream:
            stream.write(b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(tmp_path / "file").st_mode) == 0o640
