"""A way back: undo withdraws and restores, gc removes what no log names, and nothing else."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import duckdb
import pytest

import notmnist_store
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import class_files, pack

VIEWS = ("image", "image_pixels", "reject", "ledger", "label")


def contents(store: Store) -> dict[str, object]:
    return {view: store.sql(f"select * from {view} order by all").arrow() for view in VIEWS}


def images(store: Store) -> list[int]:
    return [row["image_id"] for row in store.sql("select image_id from image order by all").rows()]


def last_run(store: Store) -> str:
    rows = store.sql("select run_id from run order by sequence desc limit 1").rows()
    return str(rows[0]["run_id"])


def files(store: Store) -> set[Path]:
    return {path for path in store.path.rglob("*") if path.is_file()}


def states(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Column `state` of view `run`: the same in the store's own catalog and by views.sql."""
    query = "select state from run order by sequence"
    ours = [row["state"] for row in store.sql(query).rows()]
    with monkeypatch.context() as here, duckdb.connect(":memory:") as plain:
        here.chdir(store.path)
        plain.execute((store.path / "views.sql").read_text())
        theirs = [row[0] for row in plain.sql(query).fetchall()]
        shown = plain.sql("select image_id from image order by all").fetchall()
    assert theirs == ours
    assert [row[0] for row in shown] == images(store)
    return ours


# undo


@pytest.mark.slow
@pytest.mark.sql
def test_undo_and_the_undo_of_that_and_of_that(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, there = contents(store), files(store)
    first = last_run(store)
    said = store.undo().rows()[0]
    assert (said["withdraws"], said["restores"]) == (first, None)
    assert images(store) == []
    assert all(len(store.sql(f"select * from {view}")) == 0 for view in VIEWS)
    assert states(store, monkeypatch) == ["withdrawn", "live"]
    back = store.undo(said["run_id"]).rows()[0]
    assert (back["withdraws"], back["restores"]) == (None, first)
    assert contents(store) == before
    assert states(store, monkeypatch) == ["live", "live", "live"]
    again = store.undo(back["run_id"]).rows()[0]
    assert (again["withdraws"], again["restores"]) == (first, None)
    assert states(store, monkeypatch) == ["withdrawn", "live", "live", "live"]
    assert there <= files(store)  # nothing was deleted


def test_undo_takes_the_newest_that_is_shown_or_the_one_that_is_named(
    store: Store, tmp_path: Path
) -> None:
    small = last_run(store)
    store.ingest(pack(tmp_path / "more.zip", class_files(start=60)))
    more = last_run(store)
    assert store.undo().rows()[0]["withdraws"] == more
    assert len(images(store)) == 13
    assert store.undo().rows()[0]["withdraws"] == small
    with pytest.raises(UsageError, match="no run to undo"):
        store.undo()
    other = notmnist_store.open(tmp_path / "other")
    other.ingest(pack(tmp_path / "one.zip", class_files()))
    one = last_run(other)
    other.ingest(tmp_path / "more.zip")
    other.undo(one)
    assert {row["source"] for row in other.sql("select source from image").rows()} == {"more"}


def test_what_is_withdrawn_is_not_withdrawn_again(store: Store) -> None:
    first = last_run(store)
    said = store.undo().rows()[0]["run_id"]
    with pytest.raises(StoreError, match="is withdrawn already") as refused:
        store.undo(first)
    assert refused.value.hint == f"notmnist-store undo {said}"
    store.undo(said)
    with pytest.raises(StoreError, match="is shown already"):
        store.undo(said)
    with pytest.raises(UsageError, match="there is no run nosuch"):
        store.undo("nosuch")


@pytest.mark.slow
def test_a_source_that_was_withdrawn_comes_back_under_the_same_ids(
    store: Store, small_archive: Path
) -> None:
    ids, before = images(store), contents(store)
    said = store.undo().rows()[0]["run_id"]
    store.ingest(small_archive)
    assert images(store) == ids
    now = contents(store)
    unlike = {"run_id"}
    for view in VIEWS:
        old, new = before[view], now[view]
        same = [name for name in old.column_names if name not in unlike]  # type: ignore[attr-defined]
        assert old.select(same) == new.select(same)  # type: ignore[attr-defined]
    second = last_run(store)
    with pytest.raises(StoreError, match=f"run {second} has ingested a source named") as refused:
        store.undo(said)
    assert images(store) == ids
    assert refused.value.hint == f"notmnist-store undo {second}"
    store.undo(second)  # the hint, and then what was wanted
    store.undo(said)
    assert contents(store) == before


def test_a_name_is_free_again_once_its_run_is_withdrawn(store: Store, tmp_path: Path) -> None:
    said = store.undo().rows()[0]["run_id"]
    store.ingest(pack(tmp_path / "small.zip", class_files(start=60)))
    with pytest.raises(StoreError, match="has ingested a source named small since"):
        store.undo(said)


def test_split_sets_say_what_is_withdrawn(store: Store, tmp_path: Path) -> None:
    store.split("clean")
    digest = store.split_sets().rows()[0]["digest"]
    ingest = store.sql("select run_id from run where verb = 'ingest'").rows()[0]["run_id"]
    said = store.undo(ingest).rows()[0]["run_id"]
    for use in (
        lambda: store.load("clean"),
        lambda: store.export("clean", tmp_path / "out", form="npz"),
    ):
        with pytest.raises(StoreError, match=f"{ingest}.*was withdrawn by run {said}") as refused:
            use()
        assert refused.value.hint == f"notmnist-store undo {said}"
    assert not (tmp_path / "out").exists()
    store.undo(said)
    assert store.export("clean", tmp_path / "out", form="npz").rows()[0]["digest"] == digest


def test_dead_rows_are_counted(store: Store) -> None:
    store.undo()
    rows = {(row["table_name"], row["state"]): row["rows"] for row in store.sql("storage").rows()}
    assert rows[("image", "withdrawn")] == 13
    assert ("image", "live") not in rows
    [live] = Tables.open(store.path).files("run")[:1]
    file = Tables.open(store.path).files("image")[0]
    name = f"20990101T000000Z-0123456789-{file.name.split('-', 2)[2]}"
    tables = Tables.open(store.path)
    shutil.copy(tables.path("image", file.name), tables.path("image", name))
    tables.append("image", [type(file)("image", name, file.rows, file.bytes)])
    rows = {(row["table_name"], row["state"]): row["rows"] for row in store.sql("storage").rows()}
    assert rows[("image", "unfinished")] == 13
    assert live.rows == 2  # the runs share a file


# gc


def aged(path: Path, hours: float) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"left behind")
    then = time.time() - hours * 3600
    os.utime(path, (then, then))
    return path


def test_gc_removes_only_what_no_log_names_and_is_old(store: Store) -> None:
    logged = files(store)
    for path in logged:  # however old what is logged may be
        os.utime(path, (1, 1))
    store.undo()  # nor what is withdrawn
    logged = files(store)
    old = [aged(store.path / table / "20990101T0-x.parquet", 30) for table in TABLES]
    old.append(aged(store.path / ".views.sql.tmp", 30))
    [rewritten] = store.path.glob(
        "run/*-000001-*.parquet"
    )  # its row stands in a later file as well
    logged -= {rewritten}
    old.append(aged(rewritten, 30))
    young = aged(store.path / "image" / "young.parquet", 23)
    foreign = aged(store.path / "notes.txt", 3_000)
    listed = store.gc().rows()
    assert [row["path"] for row in listed] == sorted(
        str(path.relative_to(store.path)) for path in old
    )
    assert all(row["bytes"] == 11 and 29.9 < row["hours_old"] < 30.1 for row in listed)
    assert not any(row["removed"] for row in listed)
    assert files(store) == logged | {*old, young, foreign}
    assert len(store.gc(older_than=31)) == 0
    assert len(store.gc(older_than=20)) == len(old) + 1
    removed = store.gc(yes=True).rows()
    assert [row["path"] for row in removed] == [row["path"] for row in listed]
    assert all(row["removed"] for row in removed)
    assert files(store) == logged | {young, foreign}
    assert len(store.gc()) == 0
    store.gc(older_than=0, yes=True)
    assert files(store) == logged | {foreign}
    assert {row["status"] for row in store.verify(full=True).rows()} <= {"ok", "note"}
    with pytest.raises(UsageError, match="number of hours"):
        store.gc(older_than=-1)


def test_gc_keeps_the_rows_of_a_run_that_was_committed_but_not_finished(store: Store) -> None:
    tables = Tables.open(store.path)
    file = tables.files("image")[0]
    name = f"20990101T000000Z-0123456789-{file.name.split('-', 2)[2]}"
    copy = Path(shutil.copy(tables.path("image", file.name), tables.path("image", name)))
    os.utime(copy, (1, 1))
    assert [row["path"] for row in store.gc().rows()] == [f"image/{name}"]
    tables.append("image", [type(file)("image", name, file.rows, file.bytes)])
    assert len(store.gc(yes=True)) == 0
    assert copy.exists()
