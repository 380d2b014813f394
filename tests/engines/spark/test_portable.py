"""SQL that runs on both engines: each rule finds what it is for, and our files break none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlglot
from sqlglot import exp

from notmnist_store.catalog.queries import load_queries, sql_folder
from notmnist_store.engines.spark.portable import LARGE, PARTS, TYPES, differences, tables_read

KINDS = sorted(path.name for path in sql_folder().iterdir() if path.is_dir())
STANDS_FOR = {"$group_key": "image.family", "$condition": "true"}
SMALL_ROWS = {"given", "match", "theirs"}
"""What Python gives to statements of commands that are DuckDB's on any engine."""


def statements() -> Iterator[tuple[str, str]]:
    """Every statement of sql/ that Spark may be asked, and what it is called."""
    for kind in KINDS:
        for name, query in load_queries(kind).items():
            for part in ("sql", "total", "suspects"):
                sql = query.sql if part == "sql" else query.header.get(part)
                if sql is not None and is_asked(kind, sql):
                    for word, meaning in STANDS_FOR.items():
                        sql = sql.replace(word, meaning)
                    yield f"{kind}/{name} {part}", sql


def is_asked(kind: str, sql: str) -> bool:
    read = tables_read(_tables(sql))
    if kind == "views":
        return bool(read & LARGE)
    known = read & load_queries("views").keys() | {each for each in read if "stored_" in each}
    return bool(read & LARGE) or not (known or read & SMALL_ROWS)


def _tables(sql: str) -> set[str]:
    for word, meaning in STANDS_FOR.items():
        sql = sql.replace(word, meaning)
    tree = sqlglot.parse_one(sql, read="duckdb")
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    return {table.name for table in tree.find_all(exp.Table)} - own


STATEMENTS = dict(statements())


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_of_ours_is_made_of_what_both_engines_know(name: str) -> None:
    assert differences(STATEMENTS[name]) == []


def test_what_is_allowed_is_what_our_statements_use() -> None:
    trees = [sqlglot.parse_one(sql, read="duckdb") for sql in STATEMENTS.values()]
    nodes = [node for tree in trees for node in tree.walk()]
    used = {node.name if isinstance(node, exp.Anonymous) else node.key for node in nodes}
    assert used - {"anonymous"} == PARTS
    assert {node.to.sql("duckdb") for node in nodes if isinstance(node, exp.Cast)} == TYPES


REFUSED = {
    "select string_split(image.path, '/')[-1] as name from image": "no test holds it",
    "select nfc_normalize(image.label) as word from image": "no test holds it",
    "select list(image.image_id order by image.path) as ids from image": "no test holds it",
    "select image.label from image qualify row_number() over (order by image.path) = 1": (
        "no test holds it"
    ),
    "select image.label from image using sample 3": "no test holds it",
    "select cast(image.label as hugeint) as number from image": "a cast to none of",
    "select cast(image.ink_mean as float) as ink from image": "a cast to none of",
    "select image.label from image inner join label using (label)": "a kind of join",
    "select image.label from image asof join run on run.sequence >= image.image_id": (
        "a kind of join"
    ),
    "select image.label from image semi join label on label.label = image.label": "a kind of join",
    "select * replace (1 as label_id) from label": "EXCLUDE or REPLACE",
    "select * exclude (label_id) from label": "EXCLUDE or REPLACE",
    "select regexp_replace(image.path, '/', '-') as path from image": "without 'g'",
    "select image.label from image where regexp_matches(image.path, 'png$')": "$ in a pattern",
    "select image.label from image group by image.label order by count(*)": (
        "an aggregate in ORDER BY"
    ),
    "select sum(part.images) as images from part group by part.label having images > 0": (
        "an alias in HAVING"
    ),
    (
        "select sum(image.file_bytes) over (partition by image.label) as bytes,"
        " row_number() over (order by case when image.label = 'A' then 0 else 1 end) as place"
        " from image"
    ): "CASE in one of several windows",
}


@pytest.mark.parametrize("sql", REFUSED)
def test_what_differs_is_refused_by_the_one_rule_for_it(sql: str) -> None:
    found = {difference.reason for difference in differences(sql)}
    assert [REFUSED[sql] in reason for reason in found] == [True]


ALLOWED = [
    "select count(*) as images from image group by image.label order by images",
    "select label.label from label having count(*) > 0",
    "select row_number() over (order by count(*) desc) as place from image group by image.label",
    "select regexp_replace(image.path, '^.*/', '', 'g') as name from image",
    "select image.label from image order by (select max(label.label_id) from label)",
]


@pytest.mark.parametrize("sql", ALLOWED)
def test_what_looks_like_it_is_not(sql: str) -> None:
    assert differences(sql) == []
