"""The store's folder and its logs: made whole, committed once, never half."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from notmnist_store.errors import StoreError, UsageError
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.tables import FORMAT_REVISION, TABLES
from notmnist_store.storage.datafile import DataFile, check_footer, open_checked, run_of
from notmnist_store.storage.filesystem import create_exclusive, locked, put, replacing
from notmnist_store.storage.losses import row_number, summary
from notmnist_store.storage.marker import MARKER_NAME, Marker
from notmnist_store.storage.once import AlreadyDoneError, Once
from notmnist_store.storage.tables import Tables, new_run_id
from notmnist_store.store import Store

MARKER = Marker(shape=Shape(28, 28, 1), fractions=(("train", "0.8"), ("test", "0.2")), demo=False)


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables.create(tmp_path / "it's a store", MARKER)


def run_row(run_id: str) -> dict[str, Any]:
    counts = dict.fromkeys(
        ("members_seen", "members_stored", "members_rejected", "members_ignored"), 0
    )
    return {
        **counts,
        "run_id": run_id,
        "verb": "ingest",
        "arguments": "{}",
        "started_at": datetime(2011, 9, 8, tzinfo=UTC),
        "seconds": 0.0,
        "versions": "{}",
    }


def test_a_store_is_made_once_and_keeps_what_was_fixed(tables: Tables) -> None:
    again = Tables.create(tables.root, Marker(Shape(32, 32, 3), (("train", "1"),), demo=True))
    assert again.marker == MARKER
    assert Tables.open(tables.root).marker == MARKER
    assert [path.name for path in tables.root.iterdir()] == ["notmnist_store.json"]


def test_of_many_that_make_a_store_all_get_the_same_one(tmp_path: Path) -> None:
    markers = [Marker(Shape(n, n, 1), (("train", "1"),), demo=False) for n in range(1, 17)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda m: Tables.create(tmp_path / "store", m).marker, markers))
    assert len(set(made)) == 1
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["notmnist_store.json"]


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        '{"format": "x"}',
        '{"format": 0, "shape": [28, 28, 1], "fractions": {}, "demo": false}',
        '{"format": 1, "shape": [28, 28, 1], "fractions": {}, "demo": false, "checksum": ""}',
        MARKER.to_json().replace("0.8", "0.9"),
        MARKER.to_json().replace('"format": 1', '"format": 3'),
        MARKER.to_json().replace("checksum", "checksun"),
    ],
)
def test_a_damaged_marker_is_an_error(tables: Tables, content: str) -> None:
    (tables.root / MARKER_NAME).write_text(content)
    with pytest.raises(StoreError, match="is damaged"):
        Tables.open(tables.root)


def test_no_flipped_bit_reads_as_another_marker(tables: Tables) -> None:
    marker = tables.root / MARKER_NAME
    text = marker.read_bytes()
    for place in range(len(text)):
        for bit in range(8):
            flipped = bytearray(text)
            flipped[place] ^= 1 << bit
            marker.write_bytes(flipped)
            with suppress(StoreError):
                assert Tables.open(tables.root).marker == MARKER


def test_a_store_of_an_older_program_is_refused(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tables.root / MARKER_NAME
    first = '{"format": 1, "shape": [28, 28, 1], "fractions": {"train": "1"}, "demo": false}'
    with monkeypatch.context() as older:
        older.setattr("notmnist_store.storage.marker.FORMAT_REVISION", 0)
        earlier = MARKER.to_json()
    for text in (first, earlier):
        marker.write_text(text)
        with pytest.raises(StoreError, match="older program: ingest its sources anew"):
            Tables.open(tables.root)


def test_the_revision_is_raised_with_every_change_of_a_table() -> None:
    """Where this fails: raise FORMAT_REVISION, and write the new hash here."""
    columns = [f"{name} {column}" for name, table in TABLES.items() for column in table]
    digest = hashlib.sha256("\n".join(columns).encode()).hexdigest()[:16]
    assert (FORMAT_REVISION, digest) == (11, "5405bb54f1f43f3d")


def test_a_run_exists_from_its_last_commit_on(tables: Tables) -> None:
    run_id = new_run_id()
    rows = pa.table({name: pa.nulls(0, t) for name, t in _types("reject")}, TABLES["reject"])
    written = tables.write_rows("reject", run_id, rows)
    tables.append("reject", [written])
    assert [file.state for file in tables.files("reject")] == ["unfinished"]
    assert tables.live("reject") == []
    wrote = json.dumps({"reject": summary([written])})
    assert tables.finish(run_row(run_id) | {"wrote": wrote}) == 1
    assert [file.state for file in tables.files("reject")] == ["live"]
    assert len(tables.live("reject", run_id)) == 1
    assert tables.live("reject", "another") == []


def _types(table: str) -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in TABLES[table]]


def test_what_may_be_done_once_is_done_once(tables: Tables) -> None:
    once = Once("source/abc", 1, "it came too late", "")
    assert not tables.is_done(once)
    tables.finish(run_row(new_run_id()), once=once)
    assert tables.is_done(once)
    with pytest.raises(AlreadyDoneError, match="it came too late"):
        tables.finish(run_row(new_run_id()), once=once)
    assert tables.finish(run_row(new_run_id()), once=Once("source/abc", 2, "", "")) == 2
    assert tables.runs()["sequence"].to_pylist() == [1, 2]
    assert len(list(tables.path("run").glob("*.parquet"))) == 2


def test_runs_that_finish_at_once_all_get_a_number(tables: Tables) -> None:
    def finish(number: int) -> str:
        try:
            tables.finish(run_row(new_run_id()), once=Once(f"source/{number % 6}", 1, "", ""))
        except AlreadyDoneError:
            return "late"
        return "landed"

    with ThreadPoolExecutor(6) as pool:
        ended = list(pool.map(finish, range(12)))
    assert ended.count("landed") == 6
    assert tables.runs()["sequence"].to_pylist() == [1, 2, 3, 4, 5, 6]
    assert len(list(tables.path("run").glob("*.parquet"))) == 6


@pytest.mark.parametrize("before", [0, 1, 63, 64])
@pytest.mark.parametrize("runs", [1, 64, 130])
def test_runs_land_together_in_files_of_64(tables: Tables, before: int, runs: int) -> None:
    if before:
        tables.finish_together([(run_row(new_run_id()), None) for _ in range(before)])
    first = tables.log("run")
    ids = [new_run_id() for _ in range(runs)]
    ends = [(run_row(run_id), Once(f"source/{run_id}", 1, "", "")) for run_id in ids]
    assert tables.finish_together(ends) == list(range(before + 1, before + runs + 1))
    assert tables.finish_together(ends) == [None] * runs  # they are there
    after = tables.log("run")
    assert after is not None
    assert after.version() == (0 if first is None else first.version()) + 1
    rows = sorted((row_number(file.name), file.rows) for file in tables.logged("run"))
    ends_of_files = [*range(64, before + runs, 64), before + runs]
    assert rows == [(end, min(64, end - (end - 1) // 64 * 64)) for end in ends_of_files]
    assert tables.runs()["run_id"].to_pylist()[before:] == ids
    later = tables.finish_together([*ends[:1], (run_row(new_run_id()), None)])
    assert later == [None, before + runs + 1]


def test_what_a_log_names_is_never_discarded(tables: Tables) -> None:
    run_id = new_run_id()
    rows = TABLES["reject"].empty_table()
    logged = tables.write_rows("reject", run_id, rows)
    tables.append("reject", [logged])
    tables.write_rows("ledger", run_id, TABLES["ledger"].empty_table())
    tables.discard(run_id)
    assert tables.path("reject", logged.name).exists()
    assert not list(tables.path("ledger").glob("*.parquet"))


def test_an_unused_store_is_removed_and_a_used_one_is_not(tables: Tables, store: Store) -> None:
    tables.remove_if_unused()
    assert not tables.root.exists()
    used = Tables.open(store.path)
    used.remove_if_unused()
    assert used.runs().num_rows == 1


def test_data_files_are_portable_parquet(store: Store) -> None:
    """Plain types, zstd, page checksums, and a log that any Delta reader reads."""
    tables = Tables.open(store.path)
    for table, schema in TABLES.items():
        for file in tables.files(table):
            path = tables.path(table, file.name)
            with open_checked(path) as parquet:
                assert parquet.schema_arrow.remove_metadata().equals(schema)
                metadata = parquet.metadata
                assert metadata.num_rows == file.rows
                assert path.stat().st_size == file.bytes
                column = metadata.row_group(0).column(0)
                assert column.compression == "ZSTD"
            names = [
                json.loads(line)["add"]["path"]
                for log in tables.path(table).glob("_delta_log/*.json")
                for line in log.read_text().splitlines()
                if "add" in json.loads(line)
            ]
            assert names == [file.name]
            assert deltalake.DeltaTable(str(tables.path(table))).version() == 1


def test_the_name_of_a_data_file_holds_its_run_and_the_hash_of_its_footer(store: Store) -> None:
    path = next(store.path.glob("image/*.parquet"))
    run_id = store.sql("select run_id from run").rows()[0]["run_id"]
    assert run_of(path.name) == run_id
    check_footer(path)
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    for offset in (*range(len(content) - 8 - length, len(content), 97), len(content) - 1):
        damaged = bytearray(content)
        damaged[offset] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match="footer"):
            check_footer(path)
    path.write_bytes(content)
    other = Path(shutil.copy(path, path.with_name("a-b-c-0.parquet")))
    with pytest.raises(StoreError, match="is damaged"):
        check_footer(other)
    assert pq.read_metadata(other).num_rows == 13


def test_a_log_that_names_a_missing_file_is_an_error_not_a_smaller_table(tables: Tables) -> None:
    tables.finish(run_row(new_run_id()))
    tables.finish(run_row(new_run_id()))
    [named] = tables.logged("run")  # the row of the first stands in it, too
    tables.path("run", named.name).unlink()
    with pytest.raises(StoreError, match="is missing"):
        tables.runs()


def test_a_commit_that_fails_is_an_error(tables: Tables) -> None:
    with pytest.raises(StoreError, match="No such file"):
        tables.append("image", [DataFile("image", "x-y-0.parquet", 1, 1)])


# Files


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a file"
    put(target, b"old")
    with pytest.raises(KeyboardInterrupt), replacing(target) as beside:  # noqa: PT012
        beside.write_text("ha")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    put(target, b"new")
    assert target.read_text() == "new"
    assert not create_exclusive(target, "other")
    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "a pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    put(pipe, b"rows")
    assert os.read(reader, 10) == b"rows"
    os.close(reader)
    assert pipe.is_fifo()


def test_a_lock_is_shared_or_alone(tmp_path: Path) -> None:
    target = tmp_path / "lock"
    assert locked(target, alone=False) is None
    target.touch()
    one, two = locked(target, alone=False), locked(target, alone=False)
    assert one is not None
    assert two is not None
    assert locked(target, alone=True) is None
    one.close()
    two.close()
    alone = locked(target, alone=True)
    assert alone is not None
    alone.close()


def test_too_few_file_descriptors_are_not_called_damage(tables: Tables) -> None:
    tables.finish(run_row(new_run_id()))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    (path,) = tables.path("run").glob("*.parquet")
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(StoreError, match="cannot be read: Too many open files") as refused:
            check_footer(path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert refused.value.hint == "ulimit -n 1024"


@pytest.mark.parametrize("name", ["x%20y", "x%2Fy", "a\\b", "a\nb", "a\tb", "a\udcffb"])
def test_a_path_that_delta_reads_as_another_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    for use in (Tables.open, lambda root: Tables.create(root, MARKER)):
        with pytest.raises(UsageError, match="a store cannot be at"):
            use(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x y", "100%", "it's", "a#b?c", "Bücher", "\u3042"])
def test_other_paths_work(tmp_path: Path, name: str) -> None:
    tables = Tables.create(tmp_path / name, MARKER)
    tables.finish(run_row(new_run_id()))
    assert Tables.open(tables.root).runs().num_rows == 1
