"""What SQL may be made of where it is to give one result in DuckDB and on Spark.

That a statement is carried over without an error says nothing: sqlglot passes on what it does not
know, and writes some of it as something else. So only that is taken which the tests hold to both
engines, and of that a few rules refuse what is known to differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple

import sqlglot
from sqlglot import exp

from notmnist_store.catalog.queries import Query, load_queries, reached_by

PARTS = frozenset(
    {
        *("select", "with", "cte", "from", "table", "tablealias", "subquery", "union"),
        *("join", "where", "group", "having", "order", "ordered", "limit", "distinct", "star"),
        *("alias", "column", "identifier", "placeholder", "literal", "boolean", "null", "tuple"),
        *("and", "or", "not", "paren", "case", "if", "in", "is", "cast", "datatype", "neg"),
        *("eq", "neq", "lt", "lte", "gt", "gte", "nullsafeneq", "coalesce", "nullif"),
        *("add", "sub", "mul", "div", "mod", "abs", "exp", "floor", "pi", "pow", "round", "sqrt"),
        *("greatest", "least", "bitwiseand", "bitwisexor", "bit_count"),
        *("dpipe", "lower", "md5", "regexplike", "regexpreplace", "array", "explode"),
        *("anyvalue", "ignorenulls", "argmax", "argmin", "avg", "count", "covarsamp"),
        *("groupconcat", "logicaland", "max", "median", "min", "sum", "variance"),
        *("window", "windowspec", "firstvalue", "lag", "rownumber"),
    }
)
"""Clauses, operators and functions, as sqlglot names them, that the tests hold to both engines."""

TYPES = frozenset({"BIGINT", "DOUBLE", "TEXT"})
"""Types that a value may be cast to."""

LARGE = frozenset(
    {
        *("stored_image", "stored_reject", "stored_pair", "stored_pair_step", "stored_star"),
        *("stored_contrast_pair", "stored_split_image", "stored_split_drop"),
        *("stored_prediction", "stored_outlier", "stored_attribute"),
    }
)
"""Tables with a row an image, or a pair: what reads none of them is DuckDB's on any engine."""

ONCE = frozenset({"label"})
"""Views over large tables that have few rows: computed there once, and read here from then on."""

_JOINS = ("", "INNER", "OUTER", "CROSS", "ANTI")


class Difference(NamedTuple):
    """A part of a statement that may give another result on Spark, and why."""

    part: str
    reason: str


class Rule(NamedTuple):
    """What it finds in a statement is not to be there, for this reason."""

    finds: Callable[[exp.Expr], Iterable[exp.Expr]]
    reason: str


def _untried(tree: exp.Expr) -> Iterator[exp.Expr]:
    for node in tree.walk():
        name = node.name.lower() if isinstance(node, exp.Anonymous) else node.key
        if name not in PARTS:
            yield node


def _other_types(tree: exp.Expr) -> Iterator[exp.Expr]:
    return (node for node in tree.find_all(exp.Cast) if node.to.sql("duckdb") not in TYPES)


def _other_joins(tree: exp.Expr) -> Iterator[exp.Expr]:
    for join in tree.find_all(exp.Join):
        if join.kind not in _JOINS or join.args.get("method") or join.args.get("using"):
            yield join


def _changed_star(tree: exp.Expr) -> Iterator[exp.Expr]:
    return (star for star in tree.find_all(exp.Star) if any(star.args.values()))


def _first_only(tree: exp.Expr) -> Iterator[exp.Expr]:
    for node in tree.find_all(exp.RegexpReplace):
        modifiers = node.args.get("modifiers")
        if modifiers is None or modifiers.name != "g":
            yield node


def _end_of_line(tree: exp.Expr) -> Iterator[exp.Expr]:
    for node in tree.find_all(exp.RegexpLike, exp.RegexpReplace):
        if "$" in node.expression.name:
            yield node


def _own(select: exp.Expr, clause: str, *kinds: type[exp.Expr]) -> Iterator[exp.Expr]:
    """Parts of these kinds in a clause of this SELECT: not in windows, nor in SELECTs below it."""
    waiting = [part for part in (select.args.get(clause),) if part is not None]
    while waiting:
        node = waiting.pop()
        if isinstance(node, exp.Window | exp.Query):
            continue
        if isinstance(node, kinds):
            yield node
        waiting += node.iter_expressions()


def _ordered_by_aggregate(tree: exp.Expr) -> Iterator[exp.Expr]:
    for select in tree.find_all(exp.Select):
        yield from _own(select, "order", exp.AggFunc)


def _bare_in_having(tree: exp.Expr) -> Iterator[exp.Expr]:
    for select in tree.find_all(exp.Select):
        made = {each.alias for each in select.expressions if isinstance(each, exp.Alias)}
        for column in _own(select, "having", exp.Column):
            if not column.args.get("table") and column.name in made:
                yield column


def _case_in_window(tree: exp.Expr) -> Iterator[exp.Expr]:
    for select in tree.find_all(exp.Select):
        windows = [
            window
            for each in select.expressions
            for window in each.find_all(exp.Window)
            if window.find_ancestor(exp.Select) is select
        ]
        if len(windows) > 1:
            yield from (window for window in windows if window.find(exp.Case))


RULES = (
    Rule(_untried, "no test holds it to both engines (sqlglot writes [-1] as [-2], for one)"),
    Rule(_other_types, f"a cast to none of {', '.join(sorted(TYPES))}: Spark has no hugeint"),
    Rule(_other_joins, "a kind of join that no test holds to both engines"),
    Rule(_changed_star, "* with EXCLUDE or REPLACE: Spark has no REPLACE"),
    Rule(_first_only, "regexp_replace without 'g': Spark replaces all matches"),
    Rule(_end_of_line, r"$ in a pattern: Java matches before a last line end, too; write \z"),
    Rule(_ordered_by_aggregate, "an aggregate in ORDER BY: name it in the select list"),
    Rule(_bare_in_having, "an alias in HAVING: Spark takes it for the aggregate; name its table"),
    Rule(_case_in_window, "CASE in one of several windows: DataFusion cannot plan it"),
)
"""Each has a statement in the tests that it alone refuses."""


def differences(sql: str) -> list[Difference]:
    """What in one SELECT of DuckDB's may give another result on Spark."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    return [
        Difference(node.sql("duckdb"), rule.reason) for rule in RULES for node in rule.finds(tree)
    ]


def tables_read(names: Iterable[str]) -> set[str]:
    """These names, and what views among them read; views of `ONCE` are as tables are."""
    return reached_by(names, _views_as_views())


@cache
def _views_as_views() -> dict[str, Query]:
    return {name: view for name, view in load_queries("views").items() if name not in ONCE}
