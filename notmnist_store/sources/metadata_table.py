"""A table of labels as people write it: rows under the names of columns that the store knows.

CSV may be parted by commas, semicolons, tabs or bars, and be UTF-8, UTF-16 or what Excel calls
ANSI. Columns are known by the names in ``_ALIASES``, in any case and with blanks, hyphens or
underscores between the words; what is read other than by its plain name is noted.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import shlex
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from notmnist_store.errors import SourceError
from notmnist_store.sources.base import AskedColumns
from notmnist_store.sources.foreign_parquet import foreign_parquet
from notmnist_store.sources.given_texts import MOST_ATTRIBUTES
from notmnist_store.sources.image_columns import (
    LABEL_WORDS,
    attribute_column,
    bare_name,
    check_text_type,
    is_scalar,
    text_column,
)

FILE_NAME = "file_name"
LABEL = "label"
ATTRIBUTES = "\0attributes"
"""Under this, rows have the values of all further columns, by their names."""

_ALIASES: dict[str, tuple[str, ...]] = {
    FILE_NAME: (
        *("filename", "file", "filepath", "path", "image", "imagename", "imagefile", "imagepath"),
        *("imagefilename", "img", "imgname", "imgpath", "imageid", "idcode", "id"),
    ),
    LABEL: LABEL_WORDS,
    "split": ("split", "subset"),
    "group": ("group",),
    "image_id": ("imageid",),
}
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_WIDE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_NO_METADATA = "--no-metadata"


Rows = Iterator[Mapping[str, Any]]


@dataclass
class _Read:
    """A table: its columns, the rows of some and of further ones, and notes on how it was read.

    ``keeps`` says whether a further column has texts, or what becomes one.
    """

    header: Sequence[str]
    rows: Callable[[Sequence[str], Sequence[str]], Rows]
    said: list[str] = field(default_factory=list)
    keeps: Callable[[str], bool] = lambda name: True


def read_table(
    name: str, data: bytes, what: str, asked: AskedColumns, *, needs_label: bool = True
) -> tuple[Rows, list[str]]:
    """The rows of a file of this name, by file_name, label, split, group and image_id, and notes.

    Further columns stand under ``ATTRIBUTES``.

    Raises:
        SourceError: it cannot be read, or which column has the files or the labels is not known.
    """
    reader = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}[name.rpartition(".")[2]]
    table = reader(data, what)
    columns = _columns(table.header, what, asked, needs_label=needs_label)
    found = {known: column for known, column in columns.items() if column != known}
    if found:
        named = ", ".join(f"{known} in {column!r}" for known, column in found.items())
        table.said.insert(0, f"has the {named}")
    others = [name for name in table.header if name and name not in columns.values()]
    others = [name for name in others if table.keeps(name)][:MOST_ATTRIBUTES]
    rows = table.rows(list(columns.values()), others)
    return _known_rows(rows, columns, others, what), table.said


def _known_rows(rows: Rows, columns: Mapping[str, str], others: Sequence[str], what: str) -> Rows:
    for number, row in enumerate(rows, 1):
        for known in (FILE_NAME, LABEL):
            if known in columns and columns[known] not in row:
                raise SourceError(
                    f"{what}: row {number:,} has no {columns[known]}",
                    advice=f"add the {columns[known]}",
                )
        said = {known: row.get(column) for known, column in columns.items()}
        yield said | {ATTRIBUTES: {name: row.get(name) for name in others}}


def _columns(
    header: Sequence[str], what: str, asked: AskedColumns, *, needs_label: bool
) -> dict[str, str]:
    """The column of each known name."""
    chosen: dict[str, str] = {}
    for known, column in ((FILE_NAME, asked.file), (LABEL, asked.label)):
        if column is not None:
            if column not in header:
                raise _not_known(header, what, f"none of them is {column!r}", _NO_METADATA)
            chosen[known] = column
    for known, aliases in _ALIASES.items():
        free = {bare_name(column): column for column in header if column not in chosen.values()}
        alike = next((free[alias] for alias in aliases if alias in free), None)
        found = known if known in free.values() else alike
        if found is not None:
            chosen.setdefault(known, found)
    wanted = (FILE_NAME, LABEL) if needs_label else (FILE_NAME,)
    lacking = [known for known in wanted if known not in chosen]
    if lacking:
        others = [column for column in header if column not in chosen.values()]
        flag = {FILE_NAME: "--file-column", LABEL: "--label-column"}[lacking[0]]
        guess = f"{flag} {shlex.quote(others[0])}" if len(lacking) == 1 and others else _NO_METADATA
        words = {FILE_NAME: "the files", LABEL: "the labels"}
        told = " and ".join(words[known] for known in lacking)
        raise _not_known(header, what, f"which of them has {told} is not known", guess)
    return chosen


def _not_known(header: Sequence[str], what: str, told: str, option: str) -> SourceError:
    shown = ", ".join(header)[:500]
    return SourceError(
        f"{what} has the columns {shown}; {told}",
        advice=f"--file-column and --label-column name them, {_NO_METADATA} reads class folders",
        option=option,
    )


def _csv(data: bytes, what: str) -> _Read:
    text, said = _decoded(data)
    first = text.partition("\n")[0].rstrip("\r")
    if re.fullmatch("(?i)sep=.", first):  # how Excel is told
        delimiter, text = first[-1], text.partition("\n")[2]
    else:
        delimiter = max(_DELIMITERS, key=lambda mark: len(_fields(first, mark)))
    if delimiter != ",":
        said.append(f"is parted by {_DELIMITERS.get(delimiter, repr(delimiter))}")
    blanks = bool(re.search(f"{re.escape(delimiter)} ", first))
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=blanks)
    broken = f"{what} is no CSV file"
    try:
        header = [column.strip() for column in next(reader, [])]
    except csv.Error as error:
        raise SourceError(f"{broken}: {error}", advice="save it anew") from None

    def rows(columns: Sequence[str], others: Sequence[str]) -> Rows:
        try:
            for fields in reader:
                if fields and len(fields) != len(header):
                    raise SourceError(
                        f"{what}: line {reader.line_num:,} has not as many fields as the first",
                        advice="quote fields that hold commas",
                    )
                if fields:
                    yield dict(zip(header, fields, strict=True))
        except csv.Error as error:
            raise SourceError(f"{broken}: {error}", advice="save it anew") from None

    return _Read(header, rows, said)


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _decoded(data: bytes) -> tuple[str, list[str]]:
    """The text of a file, and a note on its encoding where that is none of UTF-8."""
    head = data[:64]
    wide = _WIDE.get(head[:2])
    if wide is None and b"\0" in head:
        wide = "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
    for encoding in (wide or "utf-8-sig", "cp1252", "latin-1"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text, [] if encoding == "utf-8-sig" else [f"is read as {_SHOWN[encoding]}"]
    raise AssertionError("every byte is a letter of Latin-1")


_SHOWN = dict.fromkeys(("utf-16", "utf-16-le", "utf-16-be"), "UTF-16")
_SHOWN |= dict.fromkeys(("cp1252", "latin-1"), "Latin-1")


def _jsonl(data: bytes, what: str) -> _Read:
    header: dict[str, None] = {}
    rows = []
    for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise SourceError(
                f"{what}: line {number:,} is no JSON: {error}", advice="write one object a line"
            ) from None
        if not isinstance(row, dict):
            raise SourceError(
                f"{what}: line {number:,} is no object", advice="write one object a line"
            )
        header.update(dict.fromkeys(row))
        rows.append(row)
    return _Read(list(header), lambda columns, others: iter(rows))


def _parquet(data: bytes, what: str) -> _Read:
    reading = _parquet_reading(data, what)

    def rows(columns: Sequence[str], others: Sequence[str]) -> Rows:
        reading.send((columns, others))
        return reading

    schema = next(reading)
    return _Read(schema.names, rows, keeps=lambda name: is_scalar(schema.field(name).type))


def _parquet_reading(data: bytes, what: str) -> Generator[Any, Any, None]:
    """The schema; and when the columns to read are sent, nothing, and then their rows."""
    with foreign_parquet(data, what) as parquet:
        columns, others = yield parquet.schema
        yield None
        for name in columns:
            check_text_type(parquet.schema.field(name).type, f"{what}, {name},")
        sizes = [1_024] * len(parquet.group_rows)
        every = [*columns, *others]
        for batch, _ in parquet.batches(every, sizes, dictionaries=every):
            texts = {name: text_column(batch[name], f"{what}, {name}") for name in columns}
            texts |= {name: attribute_column(batch[name]) for name in others}
            yield from pa.RecordBatch.from_pydict(texts).to_pylist()
