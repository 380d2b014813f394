"""`--skip-known`: images whose pixels the store has are counted and not stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import notmnist_store
from notmnist_store.errors import ChecksError
from notmnist_store.store import Store
from tests.support.archives import pack, picture, png

COUNTS = "label, seen, stored, rejected, ignored, ignored_known, train"


def source(path: Path, **labels: list[int]) -> Path:
    """Pictures by their numbers, in class folders; a negative one is broken."""
    return pack(
        path,
        [
            (f"set/{label}/{place}.png", png(picture(n)) if n >= 0 else b"broken")
            for label, numbers in labels.items()
            for place, n in enumerate(numbers)
        ],
    )


def ledger(store: Store, of: str) -> list[tuple[Any, ...]]:
    query = f"select {COUNTS} from ledger where source = '{of}' order by label nulls last"
    return [tuple(row.values()) for row in store.sql(query).rows()]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(source(tmp_path / "first.tar", A=[1, 2], B=[3]), split="train", workers=1)
    return store


CASES: dict[str, tuple[dict[str, list[int]], list[tuple[Any, ...]], list[int]]] = {
    "some": ({"A": [2, 4], "B": [5]}, [("A", 2, 1, 0, 1, 1, 1), ("B", 1, 1, 0, 0, 0, 1)], [4, 5]),
    "under another label": ({"B": [1, 4]}, [("B", 2, 1, 0, 1, 1, 1)], [4]),
    "all": ({"A": [1, 1], "B": [2]}, [("A", 2, 0, 0, 2, 2, 0), ("B", 1, 0, 0, 1, 1, 0)], []),
    "none": ({"A": [7, 8]}, [("A", 2, 2, 0, 0, 0, 2)], [7, 8]),
    "copies within the source": ({"A": [9, 9, 3]}, [("A", 3, 2, 0, 1, 1, 2)], [9, 9]),
    "beside rejects": ({"A": [1, -1, 4]}, [("A", 3, 1, 1, 1, 1, 1)], [4]),
    "rejects and what is known": ({"A": [1, -1, -2]}, [("A", 3, 0, 2, 1, 1, 0)], []),
}


@pytest.mark.parametrize("packing", [".tar", ""])
@pytest.mark.parametrize("case", CASES)
def test_what_is_known_is_counted_and_not_stored(
    tmp_path: Path, store: Store, case: str, packing: str
) -> None:
    labels, counts, stored = CASES[case]
    before = store.sql("select image_id from image").rows()
    path = source(tmp_path / f"second{packing}", **labels)
    store.ingest(path, split="train", skip_known=True, name="second", workers=1)
    assert ledger(store, "second") == counts
    query = """
        select pixels from image_pixels inner join image using (image_id)
        where image.source = 'second' order by image_id
    """
    found = [row["pixels"] for row in store.sql(query).rows()]
    assert found == [picture(n).tobytes() for n in stored]
    (run,) = store.sql("select * from run where source = 'second'").rows()
    assert run["members_stored"] == len(stored)
    assert run["members_ignored"] == sum(row[5] for row in counts)
    assert json.loads(run["arguments"])["skip_known"] is True
    assert len(store.audit("ledger_conservation", fail_on="never")) == 0
    assert store.verify(full=True)
    store.undo(run["run_id"])
    assert store.sql("select image_id from image").rows() == before


def test_without_it_all_are_stored(tmp_path: Path, store: Store) -> None:
    store.ingest(source(tmp_path / "second.tar", A=[1, 4]), split="train", workers=1)
    assert ledger(store, "second") == [("A", 2, 2, 0, 0, 0, 2)]


def test_what_was_undone_is_not_known(tmp_path: Path, store: Store) -> None:
    (run,) = store.sql("select run_id from run").rows()
    store.undo(run["run_id"])
    store.ingest(source(tmp_path / "second.tar", A=[1, 4]), skip_known=True, workers=1)
    assert [row[2] for row in ledger(store, "second")] == [2]


@pytest.mark.slow
def test_labels_that_are_given_and_several_blocks(tmp_path: Path) -> None:
    """A block holds 1,024 images of 256x256: those that are known stand in two."""
    pixels = np.zeros((1_040, 256, 256), np.uint8)
    pixels[:, 0, :2] = np.arange(1_040, dtype="<u2").view(np.uint8).reshape(-1, 2)
    labels = np.arange(1_040) % 3
    np.savez(tmp_path / "first.npz", x_train=pixels[1_000:], y_train=labels[:40])
    np.savez(tmp_path / "second.npz", x_train=pixels, y_train=labels)
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(tmp_path / "first.npz", shape="256x256", workers=1)
    store.ingest(tmp_path / "second.npz", skip_known=True, workers=2)
    query = "select path, label from image where source = 'second' order by path"
    found = [tuple(row.values()) for row in store.sql(query).rows()]
    assert found == [(f"second/train/{n:05d}.pgm", str(n % 3)) for n in range(1_000)]
    assert sum(row[5] for row in ledger(store, "second")) == 40


def test_checks_count_what_is_known(tmp_path: Path, store: Store) -> None:
    path = source(tmp_path / "second.tar.gz", A=[1, 2], B=[3])
    with pytest.raises(ChecksError, match="fewer than 2 images of B"):
        store.ingest(path, skip_known=True, min_per_class=2, workers=1)
    store.ingest(path, skip_known=True, expect_classes=2, min_per_class=1, workers=1)
    assert [row[2] for row in ledger(store, "second")] == [0, 0]
