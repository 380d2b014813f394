"""Every statement of ours, on Spark and in DuckDB: the same rows, values and types."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import notmnist_store
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import Query, bind, load_queries
from notmnist_store.catalog.split_sets import find_split_set
from notmnist_store.engines.choice import choose_engine
from notmnist_store.errors import QueryError, StoreError
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store

pytestmark = pytest.mark.spark

FILES = [(kind, name) for kind in ("views", "reports", "audits") for name in load_queries(kind)]
"""Statements that run as they are; those of the verbs are taken from the verbs."""

QUICK = {
    *("attribute", "contrast_pair", "label", "outlier", "pair", "split_picture", "undropped_pair"),
    *("arrivals", "confusion", "distance_histogram", "image_sizes", "ingest_splits"),
    *("duplicates_by_label", "ink_by_label", "duplicate_exact", "split_label_imbalance"),
}
"""Of these, what Spark itself plans in seconds."""

VALUES: dict[str, dict[str, Any]] = {
    "split_empty": {"split_set": "no_valid"},
    "split_diff": {"a": "bad", "b": "fine"},
    "ingest_ledger": {},
}


@pytest.fixture(scope="module")
def far(spark_url: str, rich: Store) -> Catalog:
    return choose_engine("spark", spark_url).catalog(Tables.open(rich.path))


@pytest.fixture(scope="module")
def here(rich: Store) -> Catalog:
    return Catalog(Tables.open(rich.path))


def values_of(query: Query, catalog: Catalog) -> dict[str, Any]:
    run = catalog.query("select min(run_id) as run_id from run")["run_id"][0].as_py()
    given = {"split_set": "bad", "run_id": run, **VALUES.get(query.name, {})}
    taken = {name: value for name, value in given.items() if name in query.parameters}
    return bind(query, taken, catalog.shape)


def plain(value: object) -> object:
    """A float to the digits that no order of summing changes; a list by its members."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else float(f"{value:.12g}")
    return [plain(each) for each in value] if isinstance(value, list) else value


def rows_of(table: pa.Table, ordered: bool) -> list[tuple[object, ...]]:
    rows = [tuple(plain(value) for value in row.values()) for row in table.to_pylist()]
    return rows if ordered else sorted(rows, key=repr)


def is_ordered(sql: str) -> bool:
    return "order by" in sql.lower().rpartition(")")[2]


def assert_same(one: pa.Table, other: pa.Table, sql: str) -> None:
    assert other.schema == one.schema
    assert rows_of(other, is_ordered(sql)) == rows_of(one, is_ordered(sql))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, marks=[pytest.mark.spark_jvm] if name in QUICK else [])
        for kind, name in FILES
    ],
)
def test_a_file_gives_the_same(here: Catalog, far: Catalog, kind: str, name: str) -> None:
    query = load_queries(kind)[name]
    values = values_of(query, here)
    expected = here.query(query.sql, values)
    assert expected.num_rows, "no rows: equality would say nothing"
    assert_same(expected, far.query(query.sql, values), query.sql)
    for part in ("total", "suspects"):
        if part in query.header:
            sql = query.header[part]
            used = {name: value for name, value in values.items() if f"${name}" in sql}
            assert_same(here.query(sql, used), far.query(sql, used), sql)


# Statements that the verbs ask


DROP = "select image_id, 'drop' as action from image order by image_id limit 2"
Asked = tuple[str, dict[str, Any], Mapping[str, pa.Table]]


def verbs(store: Store, folder: Path) -> Iterator[Callable[[], object]]:
    """What asks the statements of the package; some write, and some refuse in the end."""
    pairs = "select a, b from pair order by squared_distance, a, b limit 3"
    image = store.sql("select group_id from duplicate_image where kind = 'exact'").rows()[0]
    yield lambda: store.decide(sql=DROP, by="a")
    yield lambda: store.undo()
    yield lambda: store.near_duplicates()
    yield lambda: store.near_components(radius="1")
    yield lambda: store.certify(sample=5)
    yield lambda: store.certify("bad")
    yield lambda: store.audit(split_set="bad", fail_on="never")
    yield lambda: store.audit("split_leak_near", split_set="s_v1", fail_on="never")
    yield lambda: store.split("new", train=0.5, valid=0.2, test=0.3, dry_run=True)
    yield lambda: store.split("new", train=9, test=9, group_by="near", dry_run=True)
    yield lambda: store.split("new", train=0.5, test=0.5, where="label = 'A'", dry_run=True)
    yield lambda: store.split("new", recipe="hash", train=0.5, test=0.5, dry_run=True)
    yield lambda: store.split(
        "new", recipe="notebook", train_source="first", test_source="more", train=9, dry_run=True
    )
    yield lambda: store.split("s", extend=True, dry_run=True)
    yield lambda: store.sanitize("new", base="bad")
    yield lambda: store.sanitize("new", base="ingest")
    yield lambda: store.split_sets()
    yield lambda: store.split_show("s")
    yield lambda: store.split_diff("bad", "s")
    yield lambda: store.info()
    yield lambda: store.peek(n=3)
    yield lambda: store.peek(image["group_id"], split_set="bad")
    yield lambda: store.peek(label="A", n=3)
    yield lambda: store.peek(pairs=True, n=3, label="B", split_set="bad")
    yield lambda: store.peek(pairs=True, sql=pairs)
    yield lambda: store.peek(audit="split_leak_near", split_set="bad")
    yield lambda: store.report(split_set="bad")
    yield lambda: store.export("ingest", folder / "npz", form="npz")
    yield lambda: store.load("s").description()
    yield lambda: store.baseline("bad", sizes=(10,))
    yield lambda: store.suspects("bad", folds=2)
    yield lambda: store.distinguish("bad", folds=2)


NO_ROWS = (
    "where state = 'withdrawn'",
    "state = 'withdrawn' order by",
    "limit 0",
    "where radius_join.split_set is not null",
)
"""Statements that look for what a sound store has not, or a search across splits; or for names."""


def test_what_the_verbs_ask_gives_the_same(
    spark_url: str, rich: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = notmnist_store.open(shutil.copytree(rich.path, tmp_path / "store"))
    asked: dict[str, Asked] = {}
    query = Catalog.query

    def listening(
        catalog: Catalog, sql: str, values: Any = None, *, rows: Any = None, **more: Any
    ) -> pa.Table:
        found = query(catalog, sql, values, rows=rows, **more)
        if sql not in asked or (found.num_rows and not had_rows[sql]):
            asked[sql] = (sql, dict(values or {}), rows or {})
            had_rows[sql] = found.num_rows > 0
        return found

    had_rows: dict[str, bool] = {}
    with monkeypatch.context() as during:
        during.setattr(Catalog, "query", listening)
        for verb in verbs(store, tmp_path):
            with suppress(StoreError):
                verb()
    for kind, name in FILES:
        asked.pop(load_queries(kind)[name].sql, None)
    assert len(asked) > 80
    # A statement may look for what a later verb has changed; then it finds that in the first store.
    stores = []
    for tables in (Tables.open(store.path), Tables.open(rich.path)):
        here, far = Catalog(tables), choose_engine("spark", spark_url).catalog(tables)
        for catalog in (here, far):
            find_split_set(catalog, "s_v1")
        stores.append((here, far))
    empty, other = [], []
    for sql, values, rows in asked.values():
        for here, far in stores:
            try:
                expected = here.query(sql, values, rows=rows)
            except QueryError:
                break  # a row that was given has gone since
            try:
                assert_same(expected, far.query(sql, values, rows=rows), sql)
            except (AssertionError, QueryError) as error:
                other.append(f"{sql}\n{error}")
            if expected.num_rows:
                break
        else:
            empty.append(sql)
    assert not other, "\n\n".join(other)
    assert not [sql for sql in empty if not any(each in sql for each in NO_ROWS)]
