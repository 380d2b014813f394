"""The one result type: an Arrow table that prints, converts and writes itself."""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from notmnist_store.errors import UsageError
from notmnist_store.location.location import local_path
from notmnist_store.schema.words import RESULT_FORMATS
from notmnist_store.storage.filesystem import replacing
from notmnist_store.text import number_text, printable, side_by_side, with_apostrophe

if TYPE_CHECKING:
    import pandas
    import polars

_SHOWN_IN_REPR = 20
_WHOLE_IN_REPR = 40
_SHOWN_IN_HTML = 50
_WIDEST_CELL = 80
_Thumbnails = Callable[[Sequence[int]], dict[int, bytes]]


class Result:
    """Rows of a query or a verb.

    Prints as a table; anything that takes an Arrow stream (polars, pandas, DuckDB, pyarrow) takes
    it as it is. In a notebook, rows with an ``image_id`` are shown with their pictures.
    """

    suffixes: ClassVar[Mapping[str, str]] = {
        ".csv": "csv",
        ".json": "json",
        ".md": "markdown",
        ".arrow": "arrow",
        ".parquet": "parquet",
        ".txt": "table",
    }
    """The format that a file is written in, by its name's end."""

    def __init__(self, table: pa.Table, thumbnails: _Thumbnails | None = None) -> None:
        self._table = _uniquely_named(table)
        self._thumbnails = thumbnails

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as an Arrow C stream (the PyCapsule interface)."""
        return self._table.__arrow_c_stream__(requested_schema)

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self._table.column_names)

    def arrow(self) -> pa.Table:
        """The rows as a pyarrow table."""
        return self._table

    def df(self) -> pandas.DataFrame:
        """The rows as a pandas data frame (pandas must be installed)."""
        frame: pandas.DataFrame = self._table.to_pandas()
        return frame

    def pl(self) -> polars.DataFrame:
        """The rows as a polars data frame (polars must be installed)."""
        import polars

        frame = polars.from_arrow(self._table)
        assert isinstance(frame, polars.DataFrame)
        return frame

    def rows(self) -> list[dict[str, Any]]:
        """The rows as a list of dictionaries."""
        return list(self._table.to_pylist())

    def __repr__(self) -> str:
        whole = len(self) <= _WHOLE_IN_REPR
        shown = self._table if whole else self._table.slice(0, _SHOWN_IN_REPR)
        more = len(self) - len(shown)
        text = _text_table(shown)
        return f"{text}\n… and {more:,} more rows" if more > 0 else text

    def _repr_html_(self) -> str:
        shown = self._table.slice(0, _SHOWN_IN_HTML)
        pictures = self._pictures(shown)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        if pictures:
            head = f"<th>image</th>{head}"
        body = []
        for row in shown.to_pylist():
            cells = [f"<td>{html.escape(cell(value))}</td>" for value in row.values()]
            if pictures:
                png = pictures.get(row["image_id"])
                picture = f'<img alt="" src="data:image/png;base64,{png}">' if png else ""
                cells.insert(0, f"<td>{picture}</td>")
            body.append(f"<tr>{''.join(cells)}</tr>")
        more = len(self) - len(shown)
        note = f"<p>… and {more:,} more rows</p>" if more > 0 else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>{note}"

    def _pictures(self, shown: pa.Table) -> dict[int, str]:
        if self._thumbnails is None or "image_id" not in self.columns:
            return {}
        if not pa.types.is_integer(shown.schema.field("image_id").type):
            return {}
        ids = [i for i in shown["image_id"].to_pylist() if i is not None and abs(i) < 2**63]
        return {
            image_id: base64.b64encode(png).decode()
            for image_id, png in self._thumbnails(ids).items()
        }

    def to_bytes(self, form: str) -> bytes:
        """The rows in one of RESULT_FORMATS; text is UTF-8 and ends with a newline."""
        if form in ("arrow", "parquet"):
            return _binary(self._table, form)
        if form == "csv":
            return _csv(self._table).encode()
        if form == "json":
            return (json.dumps(_plain(self.rows()), ensure_ascii=False) + "\n").encode()
        if form not in RESULT_FORMATS:
            raise UsageError(
                f"unknown format {form!r}; known are {', '.join(RESULT_FORMATS)}",
                "notmnist-store sql --help",
            )
        return (_text_table(self._table, markdown=form == "markdown") + "\n").encode()

    def write(self, path: str | Path, form: str | None = None) -> None:
        """Write the rows to a file: whole or not at all. The suffix tells the format."""
        target = local_path(path, "a table")
        chosen = form or self.suffixes.get(target.suffix.lower(), "table")
        content = self.to_bytes(chosen)
        with replacing(target) as beside:
            beside.write_bytes(content)


class Document(Result):
    """One row about a document that was made; `content` is the document itself."""

    def __init__(self, content: bytes, output: Path | None, **row: object) -> None:
        """Write the content to `output` where there is one; `row` is told beside where it is."""
        if output is not None:
            with replacing(output) as beside:
                beside.write_bytes(content)
        said = {"path": None if output is None else str(output), **row}
        said |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        super().__init__(pa.Table.from_pylist([said]))
        self.content = content


def _uniquely_named(table: pa.Table) -> pa.Table:
    """`table` with `_1`, `_2`, … behind names of columns that stand there already."""
    names: list[str] = []
    for name in table.column_names:
        copies = (f"{name}_{n}" for n in count(1))
        names.append(name if name not in names else next(c for c in copies if c not in names))
    return table if names == table.column_names else table.rename_columns(names)


def _binary(table: pa.Table, form: str) -> bytes:
    sink = io.BytesIO()
    if form == "arrow":
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    else:
        import pyarrow.parquet as pq

        try:
            pq.write_table(table, sink, store_schema=False)
        except pa.ArrowException as error:
            raise UsageError(
                f"Parquet cannot hold these rows: {error}", "notmnist-store sql --help"
            ) from error
    return sink.getvalue()


def _plain(value: object) -> object:
    """A value as JSON holds it: bytes as hex, times as ISO 8601, NaN and infinity as null."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _csv(table: pa.Table) -> str:
    """CSV; text that a spreadsheet would run as a formula gets a leading apostrophe.

    So does such text behind apostrophes, for `without_apostrophe` to know what was added.
    """
    lines = _Lines()
    writer = csv.writer(lines, lineterminator=_Lines.END)
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        values = [_plain(value) for value in row.values()]
        writer.writerow(
            with_apostrophe(value) if isinstance(value, str) else value for value in values
        )
    return "".join(lines.written)


class _Lines:
    """Takes the lines of a csv.writer: only text with characters of its line ends is quoted."""

    END = "\r\n"

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, line: str) -> None:
        """Keep a line, ended by a line feed alone."""
        self.written.append(line.removesuffix(self.END) + "\n")


def cell(value: object) -> str:
    """A value as a table shows it, in one line."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    text = printable(str(value))
    return text if len(text) <= _WIDEST_CELL else text[: _WIDEST_CELL - 1] + "…"


def is_number(kind: pa.DataType) -> bool:
    """Whether values of this type stand on the right of their column."""
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _text_table(table: pa.Table, *, markdown: bool = False) -> str:
    columns = []
    for name, values in zip(table.column_names, table.columns, strict=True):
        texts = [cell(value).strip() for value in values.to_pylist()]
        columns.append((printable(name), texts, is_number(values.type) and bool(texts)))
    return side_by_side(columns, markdown=markdown)
