"""SQL statements that set a connection up: views, their comments, and a schema a split set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import Template

import pyarrow as pa

from notmnist_store.catalog.queries import Query, load_queries, names_read
from notmnist_store.errors import QueryError
from notmnist_store.schema.tables import TABLES
from notmnist_store.schema.words import SPLITS

_SQL_TYPES = {
    pa.string(): "varchar",
    pa.int64(): "bigint",
    pa.int32(): "integer",
    pa.bool_(): "boolean",
    pa.float64(): "double",
    pa.binary(): "blob",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}


def ordered_views() -> list[Query]:
    """The views of ``sql/views``, each after the views it reads."""
    waiting = load_queries("views")
    done: list[Query] = []
    while waiting:
        ready = [
            query
            for query in waiting.values()
            if not (names_read(query.sql) & waiting.keys()) - {query.name}
        ]
        if not ready:
            raise QueryError(f"views read each other in a circle: {', '.join(waiting)}")
        done += ready
        for query in ready:
            del waiting[query.name]
    return done


def quoted_name(identifier: str) -> str:
    """An identifier as SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def quoted_text(value: str) -> str:
    """A string as SQL."""
    return "'" + value.replace("'", "''") + "'"


def no_rows(table: str) -> str:
    """A SELECT of no rows. DuckDB knows that before it runs, so joins with them read nothing."""
    nulls = ", ".join(
        f"cast(null as {_SQL_TYPES[column.type]}) as {quoted_name(column.name)}"
        for column in TABLES[table]
    )
    return f"select * from (select {nulls}) where false"


def view_statement(view: Query) -> str:
    """The statement that makes a view."""
    return f"create or replace view {quoted_name(view.name)} as\n{view.sql}"


def versions_shown(table: str, rows: str, versions: Mapping[str, tuple[str, int]]) -> str:
    """A SELECT of all rows of a table, and of those of some versions under other names, too.

    `rows` is where the rows are; `versions` are split set and version by the name they get.
    """
    parts = [f"select * from {quoted_name(rows)}"]
    for name, (split_set, version) in versions.items():
        columns = ", ".join(
            f"{_renamed(column, split_set, name)} as {quoted_name(column)}"
            for column in TABLES[table].names
        )
        parts.append(
            f"select {columns} from {quoted_name(rows)}"
            f" where split_set = {quoted_text(split_set)} and version = {version}"
        )
    return " union all ".join(parts)


def _renamed(column: str, split_set: str, name: str) -> str:
    """A column, with a split set under another name where it names that."""
    if column == "split_set":
        return quoted_text(name)
    if column in ("eval_set", "versus_set"):
        given = f"{column} = {quoted_text(split_set)}"
        return f"case when {given} then {quoted_text(name)} else {column} end"
    return quoted_name(column)


def split_set_schemas(made: Iterable[tuple[str, int, bool]]) -> dict[str, list[str]]:
    """Statements for a schema of each split set, by its name; old versions as NAME_v1.

    Each schema has a view for each split.
    """
    members = load_queries("split_sets")["members"].sql
    schemas = {}
    for name, version, is_current in [("ingest", 0, True), *sorted(made)]:
        plain = name if is_current else f"{name}_v{version}"
        schema = quoted_name(plain)
        schemas[plain] = [f"create schema if not exists {schema}"]
        source = "split_image" if name == "ingest" else "stored_split_image"
        for split in SPLITS:
            body = Template(members.replace("split_rows", source)).substitute(
                split_set=quoted_text(name), version=version, split=quoted_text(split)
            )
            schemas[plain].append(
                f"create or replace view {schema}.{quoted_name(split)} as\n{body}"
            )
    return schemas


def comment_statements(view: Query) -> list[str]:
    """The statements that give a view and its columns the comments of its header."""
    name = quoted_name(view.name)
    return [
        f"comment on view {name} is {quoted_text(view.title)}",
        *(
            f"comment on column {name}.{quoted_name(column)} is {quoted_text(comment)}"
            for column, comment in view.columns.items()
        ),
    ]
