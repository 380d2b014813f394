"""DuckDB's SQL as Spark's: carried over by sqlglot, bound values as literals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlglot
from sqlglot import exp


def spark_sql(sql: str, values: Mapping[str, Any]) -> str:
    """One SELECT of DuckDB's for Spark, with `values` where `$name` stands.

    Three things that sqlglot passes on mean something else there, and are written out: the hint
    MATERIALIZED, `arg_min` of null, and how `round` takes a binary fraction.
    """
    tree = sqlglot.parse_one(sql, read="duckdb")
    for given in list(tree.find_all(exp.Placeholder)):
        given.replace(literal(values[given.name]))
    for table in tree.find_all(exp.CTE):
        table.set("materialized", None)
    for chosen in tree.find_all(exp.ArgMin, exp.ArgMax):
        is_there = exp.Not(this=exp.Is(this=chosen.this.copy(), expression=exp.Null()))
        order = exp.case().when(is_there, chosen.expression.copy())
        chosen.set("expression", order)
    for rounded in list(tree.find_all(exp.Round)):
        rounded.replace(_rounded(rounded))
    return tree.sql("spark", comments=False)


def literal(value: Any) -> exp.Expr:
    """A value as an expression of the type that DuckDB takes it for."""
    if value is None:
        return exp.cast(exp.Null(), "text")
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int):
        return exp.cast(exp.Literal.number(value), "bigint")
    if isinstance(value, float):
        return exp.cast(exp.Literal.string(repr(value)), "double")
    if isinstance(value, str):
        return exp.Literal.string(value)
    if isinstance(value, Sequence):
        return exp.Array(expressions=[literal(each) for each in value])
    raise TypeError(f"no literal of {type(value).__name__}")


def _rounded(given: exp.Round) -> exp.Expr:
    """DuckDB's round of a float: of its product with a power of ten, halves away from 0.

    Spark's goes by the decimal digits that it would print.
    """
    digits = given.args.get("decimals") or exp.Literal.number(0)
    formula = sqlglot.parse_one(
        "(sign(x) * floor(abs(x) * power(10e0, n) + 0.5e0) / power(10e0, n))", read="spark"
    )
    for name in list(formula.find_all(exp.Column)):
        name.replace({"x": given.this, "n": digits}[name.name].copy())
    return formula
