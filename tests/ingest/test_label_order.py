"""The numbers that a source gives its classes are the store's; nothing contradicts them."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

import notmnist_store
from notmnist_store.errors import SourceError, StoreError
from notmnist_store.progress import Progress
from notmnist_store.storage.datafile import DataFile
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import class_files, pack
from tests.support.numbered import FASHION, idx, npz, parquet

ANIMALS = ["zebra", "ant", "cow"]


def order(store: Store) -> list[tuple[Any, ...]]:
    """(label, label_id, images, is_numbered) of view label, in its order."""
    sql = "select label, label_id, images, is_numbered from label order by label_id"
    return [tuple(row.values()) for row in store.sql(sql).rows()]


def numbers(store: Store, split: str = "train", split_set: str = "ingest") -> list[int]:
    """label_ids of the images of a split, in the order in which they were ingested."""
    loaded = store.load(split_set, split)
    return [int(n) for n in np.array(loaded.label_ids)[np.argsort(loaded.ids)]]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return notmnist_store.open(tmp_path / "store")


@pytest.mark.slow
@pytest.mark.parametrize("packing", ["idx", "npz", "npz with --labels", "parquet"])
def test_labels_keep_their_numbers(tmp_path: Path, store: Store, packing: str) -> None:
    given = [9, 2, 1, 1, 6]
    if packing == "idx":
        store.ingest(idx(tmp_path, given), labels=FASHION, split="train")
    elif packing == "npz":
        store.ingest(npz(tmp_path / "a.npz", given, FASHION))
    elif packing == "parquet":
        store.ingest(parquet(tmp_path / "train.parquet", given, FASHION))
    else:
        store.ingest(npz(tmp_path / "a.npz", given), labels=",".join(FASHION))
    assert numbers(store) == given
    images = [given.count(number) for number in range(10)]
    known = zip(FASHION, range(10), images, [True] * 10, strict=True)
    assert order(store) == list(known)
    assert store.load("ingest").labels == FASHION


def test_what_is_sorted_stays_sorted_where_no_source_numbers(tmp_path: Path, store: Store) -> None:
    store.ingest(pack(tmp_path / "set.zip", class_files(labels=("10", "9", "2"))))
    assert order(store) == [("2", 0, 4, False), ("9", 1, 4, False), ("10", 2, 4, False)]
    store.ingest(pack(tmp_path / "more.zip", class_files(labels=("b", "B"), root="more")))
    assert [row[0] for row in order(store)] == ["10", "2", "9", "B", "b"]


@pytest.mark.parametrize("write", [npz, parquet])
def test_numbers_without_names_are_the_numbers_of_their_labels(
    tmp_path: Path, store: Store, write: Callable[..., Path]
) -> None:
    suffix = "npz" if write is npz else "parquet"
    store.ingest(write(tmp_path / f"train.{suffix}", [1, 3, 3, 1]))
    assert numbers(store) == [1, 3, 3, 1]
    assert [row[:3] for row in order(store)] == [("0", 0, 0), ("1", 1, 2), ("2", 2, 0), ("3", 3, 2)]


@pytest.mark.parametrize("given", [[2020, 10_000], [-1, 0, 1]])
def test_what_is_no_number_of_a_class_is_sorted(
    tmp_path: Path, store: Store, given: list[int]
) -> None:
    store.ingest(parquet(tmp_path / "train.parquet", given))
    expected = sorted(given)
    assert [row[:2] for row in order(store)] == [(str(n), at) for at, n in enumerate(expected)]


def test_labels_that_no_source_numbers_follow_sorted(tmp_path: Path, store: Store) -> None:
    files = class_files(labels=("yak", "cow", "bee"), start=20)
    store.ingest(pack(tmp_path / "folders.zip", files))
    assert [row[0] for row in order(store)] == ["bee", "cow", "yak"]
    run = store.ingest(parquet(tmp_path / "train.parquet", [0, 2, 0], ANIMALS))
    assert order(store) == [
        ("zebra", 0, 2, True),
        ("ant", 1, 0, True),
        ("cow", 2, 5, True),
        ("bee", 3, 4, False),
        ("yak", 4, 4, False),
    ]
    assert [row["label"] for row in run.rows()] == ["zebra", "cow"]
    store.undo()
    assert [row[0] for row in order(store)] == ["bee", "cow", "yak"]


def test_classes_without_images_are_told(tmp_path: Path) -> None:
    class Said(Progress):
        notes: ClassVar[list[str]] = []

        def note(self, text: str) -> None:
            self.notes.append(text)

    store = Store(tmp_path / "store", progress=Said())
    store.ingest(parquet(tmp_path / "train.parquet", [0, 2], ANIMALS))
    wanted = (
        "1 of the 3 classes that train numbers have no image in it, and keep their numbers: ant"
    )
    assert wanted in Said.notes


def test_decisions_leave_numbers_as_they_are(tmp_path: Path, store: Store) -> None:
    store.ingest(parquet(tmp_path / "train.parquet", [0, 1, 2, 2], ANIMALS))
    for label, action, value in (("ant", "relabel", "bee"), ("zebra", "drop", None)):
        sql = f"select image_id from image where label = '{label}'"
        store.decide(sql=sql, action=action, value=value, by="ada", yes=True)
    assert [row[:3] for row in order(store)] == [
        ("zebra", 0, 0),
        ("ant", 1, 0),
        ("cow", 2, 2),
        ("bee", 3, 1),
    ]
    assert numbers(store) == [3, 2, 2]


@pytest.mark.slow
def test_split_sets_keep_numbers(tmp_path: Path, store: Store) -> None:
    names = [*ANIMALS[:1], "mule", *ANIMALS[1:]]
    store.ingest(parquet(tmp_path / "train.parquet", [0, 2, 3] * 8, names))
    assert store.audit("label_missing", fail_on="never").rows() == []
    assert store.audit("label_imbalance", fail_on="never").rows() == []
    store.split("even", train=12, valid=6, test=6)
    store.split("two", where="label in ('ant', 'cow')", train="0.5", valid="0.25", test="0.25")
    for name, known in (("even", {0, 2, 3}), ("two", {2, 3})):
        loaded = store.load(name)
        assert loaded.labels == names
        assert set(loaded.label_ids.tolist()) == known
    assert store.audit("label_missing", split_set="even", fail_on="never").rows() == []
    counts = store.sql("split_counts", params={"split_set": "even"}).rows()
    assert [row["label"] for row in counts if row["split"] == "train"] == ["zebra", "ant", "cow"]
    deviations = [row["deviation"] for row in store.sql("label_counts").rows()]
    assert deviations == [0, -1, 0, 0]


# Contradictions


def test_one_order_begins_as_the_other(tmp_path: Path, store: Store) -> None:
    store.ingest(parquet(tmp_path / "train.parquet", [0, 1], ANIMALS[:2]))
    store.ingest(npz(tmp_path / "more.npz", [2], ANIMALS, start=5))
    assert [row[0] for row in order(store)] == ANIMALS


def test_another_order_is_refused_with_both_names(tmp_path: Path, store: Store) -> None:
    first = store.ingest(parquet(tmp_path / "first.parquet", [0, 1, 2], ANIMALS))
    assert first.rows()[0]["source"] == "first"
    second = npz(tmp_path / "second.npz", [0, 1], ["zebra", "cow"], start=9)
    with pytest.raises(
        SourceError, match=r"second.npz says that class 1 is 'cow', and first"
    ) as no:
        store.ingest(second)
    assert no.value.hint == f"notmnist-store ingest --store store_2 {second}"
    assert store.sql("select count(*) as n from image").rows() == [{"n": 3}]
    assert len(store.sql("select run_id from run").rows()) == 1
    store.undo()
    store.ingest(second)
    assert [row[0] for row in order(store)] == ["zebra", "cow"]


def test_numbers_beside_names_are_refused_and_the_hint_names_them(
    tmp_path: Path, store: Store
) -> None:
    store.ingest(idx(tmp_path, [9, 2, 1]), labels=FASHION)
    again = idx(tmp_path, [0, 5], stem="t10k", start=7)
    with pytest.raises(SourceError, match=r"class 0 is '0', and train .run .* 'T-shirt/top'") as no:
        store.ingest(again)
    command = shlex.split(no.value.hint)
    assert command == ["notmnist-store", "ingest", "--labels", ",".join(FASHION), str(again)]
    store.ingest(again, labels=command[3])
    assert numbers(store, "test") == [0, 5]


def test_files_of_one_source_have_one_order(tmp_path: Path, store: Store) -> None:
    folder = tmp_path / "hub"
    parquet(folder / "test.parquet", [0, 1], ANIMALS[:2])
    parquet(folder / "train.parquet", [0, 1], sorted(ANIMALS), start=5)
    with pytest.raises(SourceError, match=r"train.parquet says .* 'ant', and .*test.parquet says"):
        store.ingest(folder)
    assert not store.path.exists()


def test_names_of_a_file_are_not_overruled(tmp_path: Path, store: Store) -> None:
    named = npz(tmp_path / "a.npz", [0, 2], ANIMALS)
    with pytest.raises(SourceError, match=r"a.npz, array label_names, says .* and --labels says"):
        store.ingest(named, labels="ant,cow,zebra")
    store.ingest(named, labels="zebra,ant")
    assert numbers(store) == [0, 2]


@pytest.mark.parametrize("names", [["a", "a"], ["a", ""], ["a"], ["\ud800", "b"]])
def test_names_that_cannot_be(tmp_path: Path, store: Store, names: list[str]) -> None:
    source = npz(tmp_path / "a.npz", [0, 1], names)
    with pytest.raises(SourceError, match=r"label_names, has no name|only 1 classes have names"):
        store.ingest(source)


def test_of_two_at_once_one_lands(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other comes after this one has looked, and before it commits."""
    mine = parquet(tmp_path / "mine.parquet", [0, 1], ANIMALS)
    other = parquet(tmp_path / "other.parquet", [0, 1], sorted(ANIMALS), start=5)
    append = Tables.append

    def appended(self: Tables, table: str, files: list[DataFile]) -> None:
        append(self, table, files)
        if table == "label_order":
            monkeypatch.undo()
            store.ingest(other)

    monkeypatch.setattr(Tables, "append", appended)
    with pytest.raises(SourceError, match=r"mine.parquet says .* 'zebra', and other .run"):
        store.ingest(mine)
    assert [row[0] for row in order(store)] == sorted(ANIMALS)
    assert not [row for row in store.verify().rows() if row["status"] == "damaged"]


def test_a_run_is_not_restored_against_another_order(tmp_path: Path, store: Store) -> None:
    store.ingest(parquet(tmp_path / "first.parquet", [0, 1], ANIMALS))
    undone = store.undo().rows()[0]["run_id"]
    store.ingest(parquet(tmp_path / "second.parquet", [0, 1], sorted(ANIMALS), start=5))
    newer = store.sql("select run_id from run where source = 'second'").rows()[0]["run_id"]
    with pytest.raises(StoreError, match=r"first .run .* 'zebra', and second .run") as no:
        store.undo(undone)
    assert no.value.hint == f"notmnist-store undo {newer}"
    store.undo(newer)
    store.undo(undone)
    assert [row[0] for row in order(store)] == ANIMALS


def test_the_numbers_are_stored_one_row_a_class(tmp_path: Path, store: Store) -> None:
    store.ingest(parquet(tmp_path / "train.parquet", [2], ANIMALS))
    (file,) = Tables.open(store.path).live("label_order")
    rows = pa.parquet.read_table(file).select(["label", "label_id"]).to_pylist()
    assert rows == [{"label": label, "label_id": n} for n, label in enumerate(ANIMALS)]
