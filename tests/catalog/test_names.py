"""What a statement reads: DuckDB's parser and the pattern for our own files say the same."""

from __future__ import annotations

import ast
from pathlib import Path

import duckdb
import pytest

import notmnist_store
from notmnist_store.catalog.names import Named, named_in
from notmnist_store.catalog.queries import names_read, sql_folder
from notmnist_store.schema.tables import TABLES

pytestmark = pytest.mark.sql

PACKAGE = Path(notmnist_store.__file__).parent
MADE = {path.stem for path in (sql_folder() / "views").glob("*.sql")}
MADE |= {f"stored_{table}" for table in TABLES} | {"stored_file"}


def inline_statements() -> list[str]:
    """Every text of the package that is a whole SELECT."""
    texts = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.strip()
                is_select = text.startswith(("select ", "select\n", "with ")) and " from " in text
                if is_select and "describe" not in text:  # DESCRIBE names what it reads, too
                    texts.append(text)
    return texts


OURS = {path.relative_to(sql_folder()).as_posix(): path for path in sql_folder().rglob("*.sql")}


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@pytest.mark.parametrize("name", sorted(OURS))
def test_parser_and_pattern_agree_on_our_files(
    name: str, connection: duckdb.DuckDBPyConnection
) -> None:
    sql = OURS[name].read_text(encoding="utf-8")
    body = "\n".join(line for line in sql.splitlines() if not line.startswith("--"))
    named = named_in(connection, body)
    assert named is not None
    assert {each.name for each in named} & MADE == names_read(body) & MADE
    assert not any(each.schema for each in named)


def test_they_agree_on_statements_in_the_code(connection: duckdb.DuckDBPyConnection) -> None:
    compared = 0
    for sql in inline_statements():
        named = named_in(connection, sql)
        if named is not None:  # a part of a statement is put together elsewhere
            assert {each.name for each in named} & MADE == names_read(sql) & MADE
            compared += 1
    assert compared > 20


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("from image", {("", "image")}),
        ('select (select count(*) from "Image")', {("", "image")}),
        ("select 1 from clean.train join main.label using (label)", "clean.train main.label"),
        ("with image as (select 1 from pair) select * from image", "pair"),
        ("with x as (select 1) select * from X, other.x", "other.x"),
        ("describe image", "image"),
        ("summarize select * from leak", "leak"),
        ("select image from label where 'from pair' <> label -- from leak", "label"),
        ("from range(3), run", "run"),
        ("unpivot label on images into name n value v", "label"),
        ("select 1", ""),
    ],
)
def test_what_a_statement_names(
    sql: str, named: str | set[Named], connection: duckdb.DuckDBPyConnection
) -> None:
    if isinstance(named, str):
        named = {Named(*(["", *name.split(".")])[-2:]) for name in named.split()}
    assert named_in(connection, sql) == named


@pytest.mark.parametrize(
    "sql",
    [
        "show tables",
        "show all tables",
        "select * from duckdb_views()",
        "explain select 1 from image",
        "pivot image on label using count(*)",
        "select * from query_table('image')",
        "select * from query('from image')",
    ],
)
def test_what_may_read_anything(sql: str, connection: duckdb.DuckDBPyConnection) -> None:
    assert named_in(connection, sql) is None
