"""The lens over a store: what it shows, what it never reaches, and the same views for everyone."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

import notmnist_store
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.statements import ordered_views
from notmnist_store.catalog.views_file import views_text
from notmnist_store.errors import QueryError, StoreError, UsageError
from notmnist_store.machine import machine_memory
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import class_files, pack
from tests.support.escapes import check_escape, escapes
from tests.support.program import start

VIEWS = list(load_queries("views"))


def snapshot(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


# What it shows


@pytest.mark.sql
def test_every_view_and_column_has_a_comment_and_every_comment_a_column(
    shared_store: Store,
) -> None:
    described = {
        (row["view"], row["column"]): row["comment"]
        for row in shared_store.sql(
            """select table_name as view, column_name as column, comment from duckdb_columns()
            where table_name in (select view_name from duckdb_views() where not internal)
            and not starts_with(table_name, 'stored_') and schema_name = 'main'"""
        ).rows()
    }
    commented = {(view.name, column) for view in ordered_views() for column in view.columns}
    assert set(described) == commented
    assert all(described.values())
    titles = shared_store.sql(
        """select view_name, comment from duckdb_views()
        where not internal and not starts_with(view_name, 'stored_') and schema_name = 'main'"""
    ).rows()
    assert {row["view_name"]: row["comment"] for row in titles} == {
        view.name: view.title for view in ordered_views()
    }


def test_views_come_after_the_views_they_read() -> None:
    names = [view.name for view in ordered_views()]
    assert set(names) == set(VIEWS)
    assert names.index("label") < names.index("image")


@pytest.mark.sql
def test_values_are_bound_not_pasted(shared_store: Store) -> None:
    value = "A' or 1 = 1 --"
    query = "select count(*) as n from image where label = $label"
    assert shared_store.sql(query, params={"label": value}).rows() == [{"n": 0}]
    assert shared_store.sql(query, params={"label": "A"}).rows() == [{"n": 5}]


def test_duckdb_draws_no_bar_of_its_own(shared_store: Store) -> None:
    """It does by itself where there is no main file: in notebooks, at a prompt, and with -c."""
    program = (
        "import sys, notmnist_store\n"
        "bar = \"select current_setting('enable_progress_bar') as bar\"\n"
        "print(notmnist_store.open(sys.argv[1]).sql(bar).rows())\n"
    )
    command = [sys.executable, "-c", program, str(shared_store.path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "[{'bar': False}]\n"


@pytest.mark.sql
def test_explain_is_allowed(shared_store: Store) -> None:
    assert len(shared_store.sql("explain select * from image"))


@pytest.mark.sql
def test_a_statement_opens_no_table_that_it_does_not_name(store: Store) -> None:
    (store.path / "image" / "_delta_log").rename(store.path / "image" / "hidden")
    (store.path / "image" / "_delta_log").mkdir()
    (store.path / "image" / "_delta_log" / "00000000000000000000.json").write_text("no log")
    assert store.sql("select sum(stored) as images from ledger").rows() == [{"images": 13}]
    with pytest.raises(StoreError, match="log of table image"):
        store.sql("select count(*) from image")


@pytest.mark.sql
def test_a_catalog_shows_the_runs_of_its_time(store: Store, tmp_path: Path) -> None:
    catalog = Catalog(Tables.open(store.path))
    store.ingest(pack(tmp_path / "more.tar.gz", class_files(start=60)))
    assert catalog.query("select count(*) as n from image")["n"].to_pylist() == [13]
    assert catalog.query("select count(*) as n from run")["n"].to_pylist() == [1]
    assert store.sql("select count(*) as n from image").rows() == [{"n": 13 + 12}]


@pytest.mark.sql
@pytest.mark.parametrize(
    ("query", "meant"),
    [("select * from imagee", "image"), ("select * from ingest.trian", "train")],
)
def test_an_unknown_name_is_answered_with_the_nearest(
    shared_store: Store, query: str, meant: str
) -> None:
    with pytest.raises(QueryError, match=f"Did you mean.*{meant}"):
        shared_store.sql(query)


@pytest.mark.sql
@pytest.mark.parametrize("name", ["ingest.train", "INGEST.Train", '"ingest" . "train"'])
def test_splits_are_found_however_they_are_written(shared_store: Store, name: str) -> None:
    counted = shared_store.sql(f"select count(*) as n from {name}").rows()[0]["n"]
    query = "select count(*) as n from image where split = 'train'"
    assert counted == shared_store.sql(query).rows()[0]["n"] > 0


# What it may take


LARGE = (
    "select range as a from range(200000000)",  # rows that are handed over
    "select list(range) as a from range(200000000)",  # what DuckDB computes with
)


@pytest.mark.sql
@pytest.mark.parametrize("query", LARGE)
def test_a_query_has_so_much_memory_and_no_more(shared_store: Store, query: str) -> None:
    """In a process of its own, whose memory is its own."""
    program = (
        "import resource, sys, notmnist_store\n"
        "from notmnist_store.errors import QueryError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    notmnist_store.open(sys.argv[1]).sql(sys.argv[2], memory=0.1)\n"
        "except QueryError as error:\n"
        "    print(error.message)\n"
        "assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000\n"
    )
    command = [sys.executable, "-c", program, str(shared_store.path), query]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert "takes more than 0.1 GiB of memory; --memory gives it more" in done.stdout, done.stderr
    assert done.returncode == 0


@pytest.mark.slow
@pytest.mark.sql
def test_a_function_that_heeds_no_interrupt_ends_with_the_program(shared_store: Store) -> None:
    """One call of it is one part of DuckDB's work, and would take the machine's memory."""
    query = "select unnest(generate_series(1, 2000000000))"
    process = start("sql", "--store", shared_store.path, "--memory", "0.1", query)
    out, said = process.communicate(timeout=120)
    assert process.returncode == 3
    assert out == ""
    assert "takes more than 0.1 GiB of memory; --memory gives it more" in said


@pytest.mark.sql
def test_by_default_it_is_half_of_what_the_machine_has(shared_store: Store) -> None:
    rows = shared_store.sql("select current_setting('memory_limit') as m").rows()
    number, unit = rows[0]["m"].split()
    given = float(number) * {"MiB": 2**20, "GiB": 2**30, "TiB": 2**40}[unit]
    assert abs(given - machine_memory() / 2) < 0.01 * given
    with pytest.raises(UsageError, match="number of GiB"):
        shared_store.sql("select 1", memory=0)


@pytest.mark.sql
@pytest.mark.parametrize(
    "query",
    [
        "explain analyze create table mine as select 1",
        "EXPLAIN /* a */ ANALYZE -- b\n insert into image select 1",
        "explain (analyze, format json) delete from image",
        "explain (format json) copy (select 1) to 'x'",
        "explain analyze set threads = 1",
        "explain explain select 1",
        "-- a\nexplain\nanalyze pragma version",
        "explain analyze select 1; drop view image",
    ],
)
def test_explain_is_of_a_select(shared_store: Store, query: str) -> None:
    with pytest.raises(QueryError, match=r"SELECT|Parser Error|Binder Error"):
        shared_store.sql(query)


@pytest.mark.sql
@pytest.mark.parametrize(
    "query",
    [
        "explain analyze select count(*) from image",
        "explain (analyze, format json) from image",
        "/* x */ EXPLAIN (format json) with a as (select 1 as b) select * from a",
        "explain analyze (select 1)",
        "with explain as (select 1 as a) select * from explain",
    ],
)
def test_a_select_is_explained(shared_store: Store, query: str) -> None:
    assert len(shared_store.sql(query))


@pytest.mark.sql
@pytest.mark.parametrize(
    "condition",
    [
        "random() < 0.5",
        "RANDOM() < 0.5",
        "uuid() > 'a'",
        "gen_random_uuid() > uuid()",
        "now() > '2020-01-01'::timestamptz",
        "current_date > '2020-01-01'",
        "current_timestamp > '2020-01-01'::timestamptz",
        "today() > '2020-01-01'",
        "age('2020-01-01'::timestamp) > interval 1 day",
        "image_id in (select image_id from image order by random() limit 3)",
        "image_id in (select image_id from image using sample 3)",
        "list_transform([1], lambda x: x + random())[1] > 1",
    ],
)
def test_a_condition_that_is_another_each_time_is_refused(
    shared_store: Store, condition: str
) -> None:
    with pytest.raises(QueryError, match="something else each time"):
        Catalog(Tables.open(shared_store.path)).check_steady(condition)


def test_split_refuses_such_a_condition(shared_store: Store) -> None:
    with pytest.raises(QueryError, match=r"something else each time .*: random\(\)"):
        shared_store.split("s", where="random() < 0.5")


@pytest.mark.sql
@pytest.mark.parametrize(
    "condition",
    [
        "image_id % 2 = 0 and label like 'A%'",
        "hash(image_id) % 3 = 1 -- a third",
        "date_part('year', '2020-01-01'::date) = 2020",
        "age('2020-01-01'::timestamp, '2019-01-01'::timestamp) > interval 1 day",
        "image_id in (select image_id from image where ink_mean between 0 and 1)",
    ],
)
def test_other_conditions_are_steady(shared_store: Store, condition: str) -> None:
    Catalog(Tables.open(shared_store.path)).check_steady(condition)


def test_a_pipe_among_sql_files_is_not_waited_for(shared_store: Store, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.sql")
    for use in (
        lambda: shared_store.sql(listing=True, sql_dir=tmp_path),
        lambda: shared_store.audit(sql_dir=tmp_path, fail_on="never"),
    ):
        with pytest.raises(QueryError, match="is no file"):
            use()


# What it never reaches


@pytest.mark.sql
@pytest.mark.parametrize(("escape", "tries"), escapes())
def test_the_connection_cannot_write_or_reach_out(
    shared_store: Store, tmp_path: Path, escape: str, tries: str
) -> None:
    assert tries
    check_escape(shared_store.path, tmp_path, escape)


def test_the_list_of_escapes_is_long() -> None:
    assert len(escapes()) > 60


@pytest.mark.sql
@pytest.mark.parametrize(
    "query", ["", ";", "-- nothing", "selec 1", "select nothing", "select 1 /"]
)
def test_what_is_no_query_says_so(shared_store: Store, query: str) -> None:
    with pytest.raises(StoreError) as refused:
        shared_store.sql(query)
    assert refused.value.hint


@pytest.mark.sql
@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_a_query_stops_when_its_time_is_up(shared_store: Store, seconds: float) -> None:
    started = time.monotonic()
    with pytest.raises(QueryError, match="was stopped after"):
        shared_store.sql(
            "select count(*) from range(100000000) a, range(100000) b", timeout=seconds
        )
    assert time.monotonic() - started < 20


@pytest.mark.sql
def test_a_query_in_time_is_not_stopped(shared_store: Store) -> None:
    assert shared_store.sql("select 1 as x", timeout=60).rows() == [{"x": 1}]


# Damage

QUERIES = (
    "select * from image order by image_id",
    "select * from image_pixels order by image_id",
    "select count(*) as n from image where image_id > (select min(image_id) from image)",
    "select label, count(*) as n from image where label > 'A' group by label order by label",
)


@pytest.mark.slow
@pytest.mark.sql
def test_flipped_bits_never_give_a_wrong_answer(store: Store) -> None:
    """In pages, page headers and the footer: an error, or the very same rows."""
    file = next(store.path.glob("image/*.parquet"))
    content = file.read_bytes()
    wanted = [store.sql(query).arrow() for query in QUERIES]
    chance = random.Random(3)
    said = []
    for _ in range(24):
        damaged = bytearray(content)
        damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        file.write_bytes(damaged)
        for query, rows in zip(QUERIES, wanted, strict=True):
            try:
                assert store.sql(query).arrow().equals(rows)
            except QueryError as error:
                said.append(error.message)
    assert len(said) > 24
    assert all("damaged" in message for message in said)


@pytest.mark.slow
@pytest.mark.sql
@pytest.mark.parametrize("damage", ["cut", "gone", "empty"])
def test_a_file_that_is_not_whole_is_an_error_for_its_table_only(store: Store, damage: str) -> None:
    file = next(store.path.glob("image/*.parquet"))
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1_000] if damage == "cut" else b"")
    for query in ("select * from image", "select count(*) from image"):
        with pytest.raises(QueryError) as refused:
            store.sql(query)
        assert refused.value.hint == "notmnist-store verify"
    with pytest.raises(StoreError):
        store.peek(n=1)
    assert len(store.sql("select * from reject")) == 1


# views.sql


@pytest.mark.slow
@pytest.mark.sql
def test_plain_duckdb_sees_the_same_rows_through_views_sql(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.ingest(pack(tmp_path / "more.zip", class_files(each=2, start=60)))
    monkeypatch.chdir(store.path)
    offline = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    with duckdb.connect(":memory:", config=offline) as plain:
        plain.execute((store.path / "views.sql").read_text())
        for view in VIEWS:
            wanted = store.sql(f"select * from {view} order by all").arrow()
            query = f"select * from {view} order by all"
            assert plain.sql(query).to_arrow_table().to_pylist() == wanted.to_pylist(), view
        comments = plain.sql(
            "select count(*), count(comment) from duckdb_columns() where not internal "
            "and not starts_with(table_name, 'stored_') and schema_name = 'main'"
        ).fetchall()[0]
        assert comments[0] == comments[1] == sum(len(v.columns) for v in ordered_views())


@pytest.mark.slow
def test_the_duckdb_program_reads_views_sql(shared_store: Store) -> None:
    program = Path(sys.executable).parent / "duckdb"
    if not program.exists():
        pytest.skip("the package duckdb-cli is not installed")
    for view in VIEWS:
        wanted = shared_store.sql(f"select count(*) as n from {view}").rows()[0]["n"]
        done = subprocess.run(
            [program, "-init", "views.sql", "-csv", "-c", f"select count(*) as n from {view}"],
            cwd=shared_store.path,
            env={"HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["n", str(wanted)], done.stderr


def test_views_sql_has_relative_paths_of_finished_runs_only(store: Store, tmp_path: Path) -> None:
    tables = Tables.open(store.path)
    before = (store.path / "views.sql").read_text()
    assert before == views_text(tables)
    assert str(store.path.parent) not in before
    file = tables.files("image")[0]
    name = f"20990101T000000Z-0123456789-{file.name.split('-', 2)[2]}"
    shutil.copy(tables.path("image", file.name), tables.path("image", name))
    tables.append("image", [type(file)("image", name, file.rows, file.bytes)])
    assert name not in views_text(tables).split("stored_file")[0]
    assert store.sql("select count(*) as n from image").rows() == [{"n": 13}]
    states = {row["state"] for row in store.sql("select state from data_file").rows()}
    assert states == {"live", "unfinished"}
    moved = notmnist_store.open(shutil.move(store.path, tmp_path / "moved"))
    assert moved.sql("select count(*) as n from image").rows() == [{"n": 13}]


def test_an_empty_store_has_all_views(
    shared_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = Tables.open(shared_store.path).marker
    store = notmnist_store.open(Tables.create(tmp_path / "empty", marker).root)
    assert store.sql("select * from image").rows() == []
    monkeypatch.chdir(store.path)
    with duckdb.connect() as plain:
        plain.execute(views_text(Tables.open(store.path)))
        for view in VIEWS:
            empty = store.sql(f"select * from {view}").arrow()
            assert plain.sql(f"select * from {view}").fetchall() == []
            assert empty.num_rows == 0
            described = plain.sql(f"describe {view}").fetchall()
            assert [row[0] for row in described] == empty.column_names
