"""What a statement reads, asked of DuckDB's own parser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import duckdb

_MAKES_ROWS = {"range", "generate_series", "unnest", "repeat", "repeat_row"}


class Named(NamedTuple):
    """A table or view as a statement names it, in lower case; without a schema, '' or main."""

    schema: str
    name: str


def named_in(connection: duckdb.DuckDBPyConnection, sql: str) -> set[Named] | None:
    """The tables and views that one SELECT names, its common table expressions not among them.

    None where it may read any: it lists them, or DuckDB does not say (as of EXPLAIN and PIVOT).
    """
    (text,) = connection.execute("select json_serialize_sql($1::varchar)", [sql]).fetchall()[0]
    tree = json.loads(text)
    if tree["error"]:
        return None
    nodes = list(_nodes(tree["statements"]))
    lists = any(
        (node.get("type") == "SHOW_REF" and node["table_name"])
        or (
            node.get("type") == "TABLE_FUNCTION"
            and node["function"]["function_name"] not in _MAKES_ROWS
        )
        for node in nodes
    )
    if lists:
        return None
    own = {
        entry["key"].lower() for node in nodes for entry in node.get("cte_map", {}).get("map", ())
    }
    named = {
        Named(node["schema_name"].lower(), node["table_name"].lower())
        for node in nodes
        if node.get("type") == "BASE_TABLE"
    }
    return {each for each in named if each.schema or each.name not in own}


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a syntax tree."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
