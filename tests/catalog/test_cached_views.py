"""Views held in memory: the same rows as those computed each time."""

from __future__ import annotations

import pytest

from notmnist_store.catalog.cached_views import hold_shared
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import Query, bind, load_queries, views_read
from notmnist_store.storage.tables import Tables
from notmnist_store.testing import make_bad_store

SPLIT_SETS = ("ingest", "bad", "no_valid")
VALUES = {"a": "ingest", "b": "bad"}
STATEMENTS = [*load_queries("audits").values(), *load_queries("reports").values()]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    path = tmp_path_factory.mktemp("held") / "bad"
    make_bad_store(path)
    return Tables.open(path)


@pytest.fixture(scope="module")
def plain(tables: Tables) -> Catalog:
    return Catalog(tables)


@pytest.fixture(scope="module", params=SPLIT_SETS)
def held(request: pytest.FixtureRequest, tables: Tables) -> Catalog:
    return hold_shared(Catalog(tables), [query.sql for query in STATEMENTS], request.param)


def values_of(query: Query, catalog: Catalog, split_set: str) -> dict[str, object]:
    runs = catalog.query("select max(run_id) as run_id from run where verb = 'ingest'")
    known = {**VALUES, "split_set": split_set, "run_id": runs["run_id"][0].as_py()}
    return bind(query, {k: v for k, v in known.items() if k in query.parameters})


@pytest.mark.slow
def test_the_split_sets_are_there(plain: Catalog) -> None:
    known = plain.query("select distinct split_set from split_image")["split_set"].to_pylist()
    assert set(SPLIT_SETS) <= set(known)


@pytest.mark.slow
@pytest.mark.parametrize("query", STATEMENTS, ids=lambda query: query.name)
def test_every_audit_and_report_finds_the_same(plain: Catalog, held: Catalog, query: Query) -> None:
    for split_set in SPLIT_SETS if "split_set" in query.parameters else SPLIT_SETS[:1]:
        values = values_of(query, plain, split_set)
        wanted, found = (catalog.query(query.sql, values) for catalog in (plain, held))
        assert found.schema == wanted.schema
        assert found.to_pylist() == wanted.to_pylist()


@pytest.mark.parametrize("view", sorted(load_queries("views")))
def test_every_view_has_the_same_rows(plain: Catalog, held: Catalog, view: str) -> None:
    query = f"select * from {view} order by all"
    wanted, found = (catalog.query(query) for catalog in (plain, held))
    assert found.schema == wanted.schema
    assert found.to_pylist() == wanted.to_pylist()


def test_what_few_statements_read_is_not_held(tables: Tables) -> None:
    two = ["select * from image", "select * from duplicate_group", "select 1"]
    catalog = hold_shared(Catalog(tables), two, "bad")
    names = catalog.query("select table_name from duckdb_tables()")["table_name"].to_pylist()
    assert names == []
    hold_shared(catalog, [*two, "select * from leak"], "bad")
    names = catalog.query("select table_name from duckdb_tables()")["table_name"].to_pylist()
    assert names == ["held_image"]


def test_a_view_is_held_but_once(tables: Tables) -> None:
    catalog = Catalog(tables).hold("image").hold("image").hold("leak", split_set="bad")
    names = catalog.query("select table_name from duckdb_tables()")["table_name"].to_pylist()
    assert sorted(names) == ["held_image", "held_leak"]


def test_views_are_read_through_other_views() -> None:
    read = views_read("select 1 from duplicate_group inner join run on true")
    assert {"duplicate_group", "duplicate_image", "image", "stored_image", "run"} <= read
    assert "leak" not in read
