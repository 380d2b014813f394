"""What a statement reads, asked of DuckDB's own parser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import duckdb

_GAP = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
EXPLAIN = re.compile(rf"{_GAP}explain\b{_GAP}(?:\([^)]*\)|analyze\b)?", re.I | re.S)
"""What stands before the statement that an EXPLAIN is about."""
_OF_THE_CLOCK = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
_TODAY = ("age", 1)  # counted from today, whatever DuckDB says of it
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


def unsteady(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """What in one SELECT gives another answer each time, as DuckDB knows its functions.

    Nothing where DuckDB does not read it.
    """
    (text,) = connection.execute("select json_serialize_sql($1::varchar)", [sql]).fetchall()[0]
    nodes = list(_nodes(json.loads(text)))
    called = {
        (node["function_name"].lower(), len(node.get("arguments") or node.get("children") or ()))
        for node in nodes
        if "function_name" in node
    }
    known = connection.execute(
        "select function_name, len(parameters), varargs is not null, stability"
        " from duckdb_functions() where list_contains($1, function_name)",
        [[name for name, _ in called]],
    ).fetchall()
    found = set()
    for name, given in called:
        stable = {
            stability
            for function, parameters, more, stability in known
            if function == name and (more or parameters == given)
        }
        if (stable - {None} and "CONSISTENT" not in stable) or (name, given) == _TODAY:
            found.add(f"{name}()")
    for node in nodes:
        if node.get("sample"):
            found.add("a sample")
        columns = node.get("column_names", ())
        if len(columns) == 1 and str(columns[0]).lower() in _OF_THE_CLOCK:
            found.add(str(columns[0]).lower())
    return sorted(found)


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
