"""A log that has lost an entry: every command says so, or its answer does not hang on it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import notmnist_store
from notmnist_store.errors import DamageError
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage import tables as tables_module
from notmnist_store.storage.losses import Shown, shown
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import class_files, pack
from tests.support.full_store import DROP, full_store
from tests.support.program import spawn, wait_for_pause

KEEP = "select max(image_id) as image_id, 'keep' as action from image"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with rows in every table, the newest run of each among them."""
    store = full_store(tmp_path_factory.mktemp("full"))
    found = {row["table_name"] for row in store.sql("select table_name from data_file").rows()}
    assert found >= set(TABLES) - {"label_order"}  # no source here numbers its classes
    return store


def empty(newest: Path) -> None:
    newest.write_bytes(b"")


def replace(newest: Path) -> None:
    older = newest.with_name(f"{int(newest.stem) - 1:020d}.json")
    shutil.copyfile(older, newest)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "emptied": empty,
    "deleted": Path.unlink,
    "replaced": replace,
    "folder gone": lambda newest: shutil.rmtree(newest.parent.parent),
}


def lose(full: Store, to: Path, table: str, damage: str) -> Store:
    store = notmnist_store.open(shutil.copytree(full.path, to / "store"))
    entries = sorted((store.path / table / "_delta_log").glob("*.json"))
    if not entries:
        pytest.skip(f"nothing is written to {table} here")
    DAMAGES[damage](entries[-1])
    return store


def content(store: Store) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("table", TABLES)
def test_whatever_happens_to_the_newest_entry_is_found(
    full: Store, tmp_path: Path, table: str, damage: str
) -> None:
    tables = Tables.open(lose(full, tmp_path, table, damage).path)
    with pytest.raises(DamageError, match=f"is damaged: .* {table}"):
        tables.files(table)
    with pytest.raises(DamageError, match=f"is damaged: .* {table}"):
        tables.check()


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_no_command_answers_from_what_a_log_has_left(
    full: Store, tmp_path: Path, table: str
) -> None:
    store = lose(full, tmp_path, table, "deleted")
    before = content(store)
    for command in (
        lambda: store.sql(f"select * from stored_{table}"),
        lambda: store.info(),
        lambda: store.gc(older_than=0, yes=True),
        lambda: store.decide(sql=KEEP, by="ada", yes=True),
        lambda: store.decide(sql=DROP, by="ada", yes=True),  # which is done already
        lambda: store.undo(),
    ):
        with pytest.raises(DamageError, match=f"is damaged: .* {table}"):
            command()
    damaged = {row["table"] for row in store.verify().rows() if row["status"] == "damaged"}
    assert table in damaged
    assert content(store) == before


READS: dict[str, Callable[[Store, Path], object]] = {
    "audit": lambda store, out: [
        (verdict.name, verdict.status, verdict.violating)
        for verdict in store.audit(split_set="s", fail_on="never").verdicts
    ],
    "report": lambda store, out: store.report(split_set="s").content,
    "load": lambda store, out: store.load("s").to_numpy()[0].tobytes(),
    "export": lambda store, out: store.export("s", out / "npz", form="npz").rows(),
    "peek": lambda store, out: store.peek(n=3).rows(),
    "pairs": lambda store, out: store.peek(pairs=True, n=3).rows(),
    "split_sets": lambda store, out: store.split_sets().rows(),
    "label_counts": lambda store, out: store.sql("label_counts").rows(),
}


@pytest.fixture(scope="module")
def answers(full: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("answers")
    return {name: read(full, folder) for name, read in READS.items()}


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_every_reader_says_so_or_is_right(
    full: Store, answers: dict[str, object], tmp_path: Path, table: str
) -> None:
    store = lose(full, tmp_path, table, "deleted")
    refused = set()
    for name, read in READS.items():
        try:
            assert read(store, tmp_path) == answers[name]
        except DamageError:
            refused.add(name)
    assert refused >= {"pair": {"audit", "pairs", "report"}, "run": set(READS)}.get(table, set())


# Beside a writer


def test_a_commit_under_way_is_no_loss(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What says how much a log names is read before it: a log that names more is right."""
    other = iter(range(100))

    def ingest() -> None:
        number = next(other)
        files = class_files(each=1, start=60 + 3 * number)
        store.ingest(pack(tmp_path / f"more{number}.tar.gz", files))

    tables = Tables.open(store.path)
    runs = tables.runs()
    ingest()
    assert {file.state for file in tables.files("image", runs)} == {"live", "unfinished"}
    with monkeypatch.context() as here:

        def shown_before_a_commit(root: Path) -> Shown | None:
            here.undo()
            found = shown(root)
            ingest()
            return found

        here.setattr(tables_module, "shown", shown_before_a_commit)
        assert tables.runs().num_rows == 3
    assert shown(store.path) == Shown(3, tables.runs()["run_id"][-1].as_py())


@pytest.mark.slow
@pytest.mark.parametrize("point", ["image committed", "run written", "run committed"])
def test_readers_and_gc_leave_a_writer_alone(store: Store, tmp_path: Path, point: str) -> None:
    more = pack(tmp_path / "more.tar.gz", class_files(start=60))
    program = "import sys, notmnist_store; notmnist_store.open(sys.argv[1]).ingest(sys.argv[2])"
    process = spawn([sys.executable, "-c", program, str(store.path), str(more)], point)
    wait_for_pause(process)
    stored = 13 + 12 * (point == "run committed")
    assert store.sql("select count(*) as n from image").rows() == [{"n": stored}]
    damaged = [row["table"] for row in store.verify().rows() if row["status"] == "damaged"]
    assert damaged == ["views.sql"] * (point == "run committed")
    noted = {row["check"] for row in store.verify().rows() if row["status"] == "note"}
    assert ("uncommitted run" in noted) == (point == "run written")
    store.gc(older_than=0, yes=True)
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert store.sql("select count(*) as n from image").rows() == [{"n": 25}]
    assert {row["status"] for row in store.verify(full=True).rows()} == {"ok"}


# What is left of a run


@pytest.mark.parametrize("evidence", ["views.sql", "a log", "its row"])
def test_gc_keeps_the_files_of_a_run_that_anything_names(store: Store, evidence: str) -> None:
    """The newest run's entry is gone, and of what names it all but one thing."""
    run_id = store.sql("select run_id from run").rows()[0]["run_id"]
    text = (store.path / "views.sql").read_text()
    shutil.rmtree(store.path / "run" / "_delta_log")
    if evidence == "views.sql":
        (store.path / "views.sql").write_text(text.replace("-- Shows", "-- shows"))
    else:
        (store.path / "views.sql").unlink()
    if evidence != "a log":
        for table in ("image", "reject", "ledger"):
            shutil.rmtree(store.path / table / "_delta_log")
    kept = {path for path in store.path.glob("*/*.parquet") if run_id in path.name}
    for path in kept:
        os.utime(path, (1, 1))
    store.gc(yes=True)
    left = set(store.path.glob("*/*.parquet"))
    assert left == (kept if evidence != "its row" else set(store.path.glob("run/*.parquet")))
    Tables.open(store.path).remove_if_unused()
    assert left <= set(store.path.glob("*/*.parquet"))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("Shows 1 runs", "Shows 9 runs", 1),
        lambda text: text.replace("Z-", "Z-0", 1),
        lambda text: text[3:],
        lambda text: "",
    ],
)
def test_a_damaged_views_file_is_not_taken_for_a_damaged_store(
    store: Store, change: Callable[[str], str]
) -> None:
    file = store.path / "views.sql"
    text = file.read_text()
    file.write_text(change(text))
    assert store.sql("select count(*) as n from image").rows() == [{"n": 13}]
    assert [row["table"] for row in store.verify().rows() if row["status"] == "damaged"] == [
        "views.sql"
    ]
    store.decide(sql=DROP, by="ada", yes=True)
    assert {row["status"] for row in store.verify().rows()} == {"ok"}
