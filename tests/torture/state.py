"""What a store shows: the rows of its tables and views, by the program and by a plain DuckDB.

Two stores that went through the same commands show the same here, whenever that was: runs are
called by their number, and times and the sizes and seals of files, in which run ids stand, are left
out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.location.bucket import BucketPath
from notmnist_store.location.location import Location
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.tables import Tables

RUN = re.compile(r"(\d{8}T\d{6}Z-[0-9a-f]{10})((?:-\d{6})?-[0-9a-f]{16}[.]parquet)?")
NAMES = re.compile(r', \\"names\\": \\"[0-9a-f]{16}\\"')
LEFT_OUT = {"seconds", "bytes"}
VIEWS = ("run", "data_file", "image", "label", "decision", "split_image", "certificate", "pair")
"""Views beside the stored tables, from which all views follow: some that join most of them."""

State = dict[str, tuple[str, ...]]


def shown(root: Location) -> State:
    """What the program shows of the store there."""
    catalog = Catalog(Tables.open(root))
    return _state(catalog.query)


def plainly_shown(root: Location, folder: Path) -> State:
    """What a plain DuckDB shows through views.sql; objects are fetched into `folder` for it."""
    text = (root / "views.sql").read_text(encoding="utf-8")
    if isinstance(root, BucketPath):
        for path in root.files():
            here = folder / str(path).removeprefix(f"{root}/")
            here.parent.mkdir(parents=True, exist_ok=True)
            here.write_bytes(path.read_bytes())
        text, root = text.replace(f"'{root}/", "'"), folder
    names = re.findall(r"(?<=')\w+/[^'/]*[.]parquet(?=')", text)
    key = sha256("\n".join([text, *_sums([root / name for name in names])]).encode()).digest()
    if key not in _plain:
        quoted = str(root).replace("'", "''")
        offline = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        with duckdb.connect(":memory:", config=offline) as plain:
            plain.execute(re.sub(r"'(?=\w+/[^'/]*[.]parquet')", lambda _: f"'{quoted}/", text))
            _plain[key] = _state(lambda sql: pa.table(plain.sql(sql).to_arrow_table()))
    return _plain[key]


_plain: dict[bytes, State] = {}
"""What was shown by the same views over the same files."""


def _sums(files: Iterable[Path]) -> list[str]:
    return [sha256(file.read_bytes()).hexdigest() for file in files]


@cache
def _columns(schema: pa.Schema) -> list[str]:
    return [
        column.name
        for column in schema
        if not pa.types.is_timestamp(column.type) and column.name not in LEFT_OUT
    ]


def _state(query: Callable[[str], pa.Table]) -> State:
    numbers = query("select run_id, sequence from stored_run").to_pylist()
    called = {row["run_id"]: f"run {row['sequence']}" for row in numbers}

    def name(found: re.Match[str]) -> str:
        return called.get(found[1], "run unfinished") + (found[2] or "")[:7]

    def rows(view: str) -> tuple[str, ...]:
        only = " where state <> 'unfinished'" if view == "data_file" else ""
        table = query(f"select * from {view}{only}")
        plain = table.select(_columns(table.schema)).to_pylist()
        texts = (RUN.sub(name, json.dumps(row, default=_text)) for row in plain)
        return tuple(sorted(NAMES.sub("", text) for text in texts))

    return {name: rows(name) for name in (*(f"stored_{table}" for table in TABLES), *VIEWS)}


def _text(value: Any) -> str:
    return sha256(value).hexdigest() if isinstance(value, bytes) else str(value)


def difference(found: State, wanted: State) -> str:
    """In which view two states differ first, and how."""
    for view in wanted:
        more, less = set(found[view]) - set(wanted[view]), set(wanted[view]) - set(found[view])
        if more or less or len(found[view]) != len(wanted[view]):
            return f"view {view}: {_few(more)} in place of {_few(less)}"
    return ""


def _few(rows: set[str]) -> str:
    return f"{len(rows)} rows" + "".join(f" {row[:200]}" for row in sorted(rows)[:1])


def content(place: Location) -> dict[str, str]:
    """What stands below a path, or in the file there: the sha256 of each file."""
    if isinstance(place, BucketPath):
        return {
            str(path).removeprefix(f"{place}/"): sha256(path.read_bytes()).hexdigest()
            for path in place.files()
        }
    files = [place] if place.is_file() else [p for p in place.rglob("*") if p.is_file()]
    return {str(p.relative_to(place)): sha256(p.read_bytes()).hexdigest() for p in files}
