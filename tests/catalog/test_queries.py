"""SQL files: their headers, their parameters, and that each of ours runs and says what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

import notmnist_store
from notmnist_store.catalog.queries import bind, find_query, load_queries, sql_folder
from notmnist_store.errors import QueryError, UsageError
from notmnist_store.store import Store
from tests.support.archives import class_files, pack

HEADED = """-- title: Images of a label
-- param label: string
-- param least: int = 3
-- column images: images of the label
--
-- Prose: not a header line.
select count(*) as images from image where label = $label having count(*) >= $least;
"""


def test_a_file_is_read_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_text(HEADED)
    query = load_queries("reports", tmp_path)["mine"]
    assert (query.name, query.title) == ("mine", "Images of a label")
    assert query.description == "Prose: not a header line."
    assert query.columns == {"images": "images of the label"}
    assert query.sql.startswith("select")
    assert not query.sql.endswith(";")
    assert bind(query, {"label": "A"}) == {"label": "A", "least": 3}
    assert bind(query, {"label": "A", "least": "7"})["least"] == 7


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "needs a value for label"),
        ({"label": "A", "least": "x"}, "takes a value of type int"),
        ({"label": "A", "limit": "1"}, "takes no parameter 'limit'"),
    ],
)
def test_wrong_parameters_are_refused(tmp_path: Path, given: dict[str, str], message: str) -> None:
    (tmp_path / "mine.sql").write_text(HEADED)
    with pytest.raises(UsageError, match=message):
        bind(find_query("reports", "mine", tmp_path), given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select 1", "needs a first line"),
        ("-- title: x\n", "one SELECT below"),
        ("-- title: x\n-- param n: number\nselect 1", "unknown parameter type"),
        ("\udcff", "cannot be read"),
    ],
)
def test_a_file_that_is_no_query_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.sql").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(QueryError, match=message):
        load_queries("reports", tmp_path)


def test_an_unknown_report_names_the_one_that_was_meant(shared_store: Store) -> None:
    with pytest.raises(QueryError, match="did you mean label_counts") as refused:
        shared_store.sql("lable_counts")
    assert refused.value.hint == "notmnist-store sql label_counts"
    with pytest.raises(QueryError, match="is not a folder"):
        shared_store.sql("label_counts", sql_dir="/no/such/folder")


@pytest.mark.sql
def test_a_users_own_report_goes_before_ours(shared_store: Store, tmp_path: Path) -> None:
    (tmp_path / "label_counts.sql").write_text("-- title: mine\nselect 42 as mine\n")
    assert shared_store.sql("label_counts", sql_dir=tmp_path).rows() == [{"mine": 42}]
    listed = {row["name"]: row["title"] for row in shared_store.sql(sql_dir=tmp_path).rows()}
    assert listed["label_counts"] == "mine"
    assert "storage" in listed


@pytest.mark.slow
@pytest.mark.sql
@pytest.mark.parametrize("name", load_queries("reports"))
def test_every_report_runs_and_is_in_one_order(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, name: str
) -> None:
    """Two runs, then the same rows twice; the order is total, so no row can change its place."""
    store = notmnist_store.open(tmp_path / "store")
    files = [*class_files(each=3), ("set/A/bad.png", b""), ("set/B/bad.png", b"x")]
    store.ingest(pack(tmp_path / "one.zip", files))
    store.ingest(pack(tmp_path / "two.zip", class_files(each=4, start=2)))
    report = find_query("reports", name)
    run = store.sql("select min(run_id) as run_id from run").rows()[0]["run_id"]
    known = {"run_id": run, "a": "ingest", "b": "ingest"}
    values = {n: known[n] for n, p in report.parameters.items() if p.default is None}
    first = store.sql(name, params=values)
    assert first.columns
    assert first.arrow().equals(store.sql(name, params=values).arrow())
    assert "order by" in report.sql


def test_sql_files_are_one_select_with_a_title() -> None:
    for kind in ("views", "reports"):
        assert {path.stem for path in (sql_folder() / kind).glob("*.sql")} == set(
            load_queries(kind)
        )
        for query in load_queries(kind).values():
            assert query.sql.split()[0] in ("select", "with"), query.name
            assert ";" not in query.sql
            assert "select *" not in query.sql.replace("\n", " ")
