"""train_val_test_split."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from skdl.model_selection import train_val_test_split


def test_the_parts_are_all_rows_once_and_stratified(iris):
    X, y = iris
    parts = train_val_test_split(X, y, (0.6, 0.2, 0.2), stratify=y, random_state=0)
    assert [len(part) for part in parts] == [90, 30, 30] * 2
    rows = np.vstack(parts[:3])
    assert np.array_equal(np.sort(rows, axis=0), np.sort(X, axis=0))
    for part in parts[3:]:
        assert len(set(np.bincount(part))) == 1
    again = train_val_test_split(X, y, (0.6, 0.2, 0.2), stratify=y, random_state=0)
    assert all(map(np.array_equal, parts, again))


def test_rows_and_targets_stay_together_in_frames_and_lists():
    frame = pd.DataFrame({"a": range(50)}, index=range(100, 150))
    y = pd.Series(range(50), index=frame.index)
    parts = train_val_test_split(frame, y, (30, 10, 10), random_state=0)
    for rows, targets in zip(parts[:3], parts[3:]):
        assert isinstance(rows, pd.DataFrame)
        assert rows["a"].tolist() == targets.tolist()
        assert rows.index.equals(targets.index)
    lists = train_val_test_split(list("abcdefghij"), sizes=(5, 3, 2), random_state=0)
    assert [len(part) for part in lists] == [5, 3, 2]
    assert sorted(sum(lists, [])) == list("abcdefghij")


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((0.5, 0.5), "three parts"),
        (0.2, "sizes=0.2 must have three parts"),
        ((0.5, 0.5, 0.5), "with the sum 1"),
        ((1.0, 0.0, 0.0), "above 0"),
        ((20, 1, 0), "each >= 1"),
        ((19, 1, 1), "at most the 20 rows"),
        ((0.98, 0.01, 0.01), "part of 20 rows empty"),
    ],
)
def test_bad_sizes_are_refused(sizes, words):
    with pytest.raises(ValueError, match=words):
        train_val_test_split(np.arange(20), sizes=sizes)


def test_other_numbers_of_rows_are_refused():
    X = np.arange(100)
    for y in (np.arange(150), np.arange(90)):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            train_val_test_split(X, y)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            train_val_test_split(X, stratify=y)
    with pytest.raises(ValueError, match="stratify=True must be labels"):
        train_val_test_split(X, X, stratify=True)


def test_sparse_rows_stay_sparse():
    X = scipy.sparse.csr_array(np.random.default_rng(0).integers(3, size=(20, 3)))
    parts = train_val_test_split(X, np.arange(20), random_state=0)
    for rows, y in zip(parts[:3], parts[3:]):
        np.testing.assert_array_equal(rows.toarray(), X.toarray()[y])
