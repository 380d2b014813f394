"""SQL kept in files: one statement a file, described by a header that programs read too.

A header line is ``-- key: value``; keys are title, grain, ``column NAME`` and ``param NAME``
(value: type, or type = default); of an audit severity, tolerance, total, needs, next, why and do,
too, and suspects: a SELECT of one number; where it is 0, the audit's statement need not run.
Comment lines that follow an empty ``--`` line are prose for the reader. The name of the query is
the name of the file.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from notmnist_store.errors import QueryError, UsageError
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.shape import DEFAULT_SHAPE, Shape
from notmnist_store.schema.transforms import Transforms
from notmnist_store.text import closest

_READ = re.compile(r"\b(?:from|join)\s+\"?([a-z_][a-z0-9_]*)", re.I)
_HEADER = re.compile(r"--\s*(?P<key>(?:column |param )?[a-z0-9_]+):\s*(?P<value>.*)")
_TYPES: dict[str, Callable[[Any], Any]] = {
    "string": str,
    "int": int,
    "float": float,
    "radius": lambda given: Radius(given).squared,
    "split_set": str,
    "transforms": lambda given: Transforms.of(given).text,
}


@dataclass(frozen=True)
class Parameter:
    """A value a query takes as ``$name``; `default` is None where it must be given.

    One of type ``radius`` is given as a distance and bound as the squared one: see `Radius`.
    One of type ``transforms`` is given in words, and bound as the fewest of the same set.
    One of type ``split_set`` names a split set, or a version of one: see `show_versions`.
    """

    name: str
    type: str
    default: str | None


@dataclass(frozen=True)
class Query:
    """One SQL file: its name, its statement without the header, and what the header says."""

    name: str
    path: Path
    sql: str
    title: str
    description: str
    header: dict[str, str]
    columns: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)


@cache
def sql_folder() -> Path:
    """The folder of the package's own SQL files: inside the wheel, or beside it in a checkout."""
    inside = Path(__file__).parent.parent / "sql"
    return inside if inside.is_dir() else Path(__file__).parent.parent.parent / "sql"


def _parse(path: Path) -> Query:
    """Read one SQL file.

    Raises:
        QueryError: the file cannot be read, or has no title or no statement.
    """
    if not path.is_file():  # a pipe would be waited for
        raise QueryError(f"{path} is no file", f"ls -l {shlex.quote(str(path))}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QueryError(
            f"{path} cannot be read: {error}", f"ls -l {shlex.quote(str(path))}"
        ) from error
    header: dict[str, str] = {}
    columns: dict[str, str] = {}
    parameters: dict[str, Parameter] = {}
    prose: list[str] = []
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
    for line in lines[:start]:
        match = _HEADER.fullmatch(line) if not prose else None
        if match is None:
            prose.append(line.removeprefix("--").strip())
        elif match["key"].startswith("column "):
            columns[match["key"].removeprefix("column ")] = match["value"]
        elif match["key"].startswith("param "):
            name = match["key"].removeprefix("param ")
            kind, _, default = (part.strip() for part in match["value"].partition("="))
            parameters[name] = Parameter(name, kind, default or None)
        else:
            header[match["key"]] = match["value"]
    statement = "\n".join(lines[start:]).strip().removesuffix(";").strip()
    if not header.get("title") or not statement:
        raise QueryError(
            f"{path} needs a first line '-- title: …' and one SELECT below its header",
            "notmnist-store sql --list",
        )
    unknown = [p.type for p in parameters.values() if p.type not in _TYPES]
    if unknown:
        raise QueryError(
            f"{path}: unknown parameter type {unknown[0]!r}; known are {', '.join(_TYPES)}",
            "notmnist-store sql --list",
        )
    return Query(
        name=path.stem,
        path=path,
        sql=statement,
        title=header["title"],
        description=" ".join(prose).strip(),
        header=header,
        columns=columns,
        parameters=parameters,
    )


def load_queries(kind: str, extra: Path | None = None) -> dict[str, Query]:
    """All queries of a kind (views, reports, …) by name; files in `extra` go before ours.

    Raises:
        QueryError: `extra` is not a folder, or a file in it cannot be read as a query.
    """
    if extra is not None and not extra.is_dir():
        raise QueryError(
            f"--sql-dir {extra} is not a folder", f"mkdir -p {shlex.quote(str(extra))}"
        )
    paths = {path.stem: path for path in sorted((sql_folder() / kind).glob("*.sql"))}
    if extra is not None:
        paths |= {path.stem: path for path in sorted(extra.glob("*.sql"))}
    return {name: _parse(path) for name, path in sorted(paths.items())}


def find_query(kind: str, name: str, extra: Path | None = None) -> Query:
    """The query of this name; the error for an unknown one says which name was perhaps meant."""
    queries = load_queries(kind, extra)
    if name in queries:
        return queries[name]
    close = closest(name, queries)
    meant = f"; did you mean {close}?" if close else ""
    hint = f"notmnist-store sql {close or '--list'}"
    raise QueryError(f"there is no report {name!r}{meant}", hint)


def bind(query: Query, given: dict[str, Any], shape: Shape = DEFAULT_SHAPE) -> dict[str, Any]:
    """The values to bind: what was given, cast to the declared types, and the defaults.

    A default of type radius is that for 28x28x1; images of another `shape` have their own.

    Raises:
        UsageError: an undeclared parameter, one that is missing, or a value of the wrong type.
    """
    declared = query.parameters
    for name in given:
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise UsageError(
                f"{query.name} takes no parameter {name!r} (it takes: {known})",
                f"notmnist-store sql {query.name}",
            )
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        value = given.get(name, parameter.default)
        if parameter.type == "radius" and name not in given and parameter.default is not None:
            value = Radius(parameter.default).scaled(shape)
        if value is None:
            raise UsageError(
                f"{query.name} needs a value for {name} ({parameter.type})",
                "notmnist-store sql --list",
            )
        try:
            values[name] = _TYPES[parameter.type](value)
        except ValueError as error:
            raise UsageError(
                f"{name} of {query.name} takes a value of type {parameter.type}, not {value!r}",
                f"notmnist-store sql {query.name}"
                if parameter.default
                else "notmnist-store sql --list",
            ) from error
    return values


def names_read(sql: str) -> set[str]:
    """Names of tables, views and common table expressions behind FROM and JOIN."""
    return set(_READ.findall(sql))


def views_read(sql: str) -> set[str]:
    """The names of `names_read`, and those that our own views among them read."""
    return reached_by(names_read(sql), load_queries("views"))


def reached_by(names: Iterable[str], views: Mapping[str, Query]) -> set[str]:
    """These names, and those that what is among `views` of them reads."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        found |= waiting
        waiting = set().union(*(names_read(views[v].sql) for v in waiting & views.keys())) - found
    return found
