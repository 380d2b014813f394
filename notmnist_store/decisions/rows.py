"""What a person decided, as read: rows of a CSV file or of a query, checked one by one.

Columns are image_id or pixel_hash, action, value and note; others are passed over. What is wrong is
collected, so that one error names the first few lines of it.
"""

from __future__ import annotations

import csv
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from notmnist_store.errors import UsageError
from notmnist_store.schema.tables import columns
from notmnist_store.schema.words import ACTIONS
from notmnist_store.text import closest, without_apostrophe

COLUMNS = ("image_id", "pixel_hash", "action", "value", "note")

DUPLICATE = "duplicate"
"""The value with which `keep` takes back that a picture is no duplicate."""

MOST_ROWS = 1_000_000
"""Decisions that are taken at once."""

_MOST_LINE = 1 << 20
_LONGEST_TEXT = 1_024
_SHOWN = 5
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_HASH = re.compile(r"[0-9a-f]{32}")
_EXAMPLE = "notmnist-store decide --help"
_GIVEN = columns(
    "line int, image_id int?, pixel_hash text?, action text, value text?, other_id int?",
    "other_hash text?, note text?",
)


@dataclass(frozen=True)
class Defaults:
    """What stands in for empty cells, and for columns that are not there."""

    action: str | None = None
    value: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class GivenDecisions:
    """Rows that can be meant, what their lines are called, and columns that were passed over.

    Of a row image_id or pixel_hash is there. `value` is the text of a relabel or a keep; the other
    picture of a not_duplicate is an id, a hash, or neither.
    """

    rows: pa.Table
    line: str
    ignored: tuple[str, ...]


class Problems:
    """What is wrong with rows: all are counted, the first few are told."""

    def __init__(self, where: str, line: str) -> None:
        self.where, self.line = where, line
        self._told: list[str] = []
        self._count = 0

    def add(self, line: int, what: str) -> None:
        """One more, in this line."""
        self._count += 1
        if len(self._told) < _SHOWN:
            self._told.append(f"{self.line} {line}: {what}")

    def check(self, hint: str = _EXAMPLE) -> None:
        """Raise UsageError if there was any."""
        if self._count:
            more = self._count - len(self._told)
            told = self._told + ([f"and {more:,} more"] if more else [])
            raise UsageError(
                f"{self.where} holds decisions that cannot be meant:\n" + "\n".join(told), hint
            )


def read_csv(path: Path, defaults: Defaults) -> GivenDecisions:
    """Decisions of a CSV file, `-` for stdin: UTF-8, with commas, its first line names the columns.

    A byte order mark and any line ends are taken, and the apostrophes that our own CSV sets before
    what a spreadsheet would run are taken away.
    """
    where = "stdin" if str(path) == "-" else str(path)
    problems = Problems(where, "line")
    try:
        with _opened(path) as file:
            lines = _lines(TextIOWrapper(file, "utf-8-sig", newline=""), where)
            reader = csv.reader(lines, strict=True)
            names = [name.strip() for name in next(reader, [])]
            _check_columns(names, where, defaults)
            given = (
                (reader.line_num, [without_apostrophe(cell) for cell in cells])
                for cells in reader
                if cells
            )
            return _given(names, given, defaults, problems)
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{where} is no text in UTF-8: {error}", f"file {_quoted(path)}"
        ) from error
    except csv.Error as error:
        raise UsageError(
            f"{where} is no CSV: line {reader.line_num}: {error}", f"file {_quoted(path)}"
        ) from error
    except OSError as error:
        raise UsageError(f"{where} cannot be read: {error}", f"ls -l {_quoted(path)}") from error


def read_rows(table: pa.Table, defaults: Defaults, where: str) -> GivenDecisions:
    """Decisions of a table with such columns, `where` it is from; lines are its rows, from 1."""
    _check_columns(table.column_names, where, defaults)
    table = table.slice(0, MOST_ROWS + 1)
    read = [
        ["" if cell is None else str(cell) for cell in column.to_pylist()]
        if name in COLUMNS
        else [""] * table.num_rows
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    cells = enumerate(zip(*read, strict=True), 1)
    return _given(table.column_names, cells, defaults, Problems(where, "row"))


def _given(
    names: Sequence[str],
    lines: Iterable[tuple[int, Sequence[str]]],
    defaults: Defaults,
    problems: Problems,
) -> GivenDecisions:
    """The decisions of numbered lines of cells in columns of these names."""
    rows: list[dict[str, Any]] = []
    for line, cells in lines:
        if len(rows) == MOST_ROWS:
            raise UsageError(
                f"{problems.where} has more than {MOST_ROWS:,} decisions; give them in several "
                "parts",
                _EXAMPLE,
            )
        if len(cells) != len(names):
            problems.add(line, f"{len(cells)} fields, where the header has {len(names)}")
        elif row := _read(dict(zip(names, cells, strict=True)), defaults, line, problems):
            rows.append(row)
    problems.check()
    ignored = tuple(name for name in names if name not in COLUMNS)
    return GivenDecisions(pa.Table.from_pylist(rows, schema=_GIVEN), problems.line, ignored)


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb")


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _lines(file: TextIOWrapper, where: str) -> Iterator[str]:
    """Its lines, none of which fills the memory."""
    while line := file.readline(_MOST_LINE):
        if len(line) == _MOST_LINE and line[-1] not in "\r\n":
            raise UsageError(f"{where} has a line of over {_MOST_LINE:,} characters", _EXAMPLE)
        yield line
    file.detach()  # else stdin would be closed with it


def _check_columns(names: Sequence[str], where: str, defaults: Defaults) -> None:
    if not any(names):
        raise UsageError(
            f"{where} is empty; its first line names the columns {', '.join(COLUMNS)}", _EXAMPLE
        )
    twice = [name for name in COLUMNS if list(names).count(name) > 1]
    if twice:
        raise UsageError(f"{where} has two columns {twice[0]}", _EXAMPLE)
    if "image_id" not in names and "pixel_hash" not in names:
        raise UsageError(
            f"{where} has no column image_id or pixel_hash{_meant('image_id', names)}", _EXAMPLE
        )
    if "action" not in names and defaults.action is None:
        raise UsageError(
            f"{where} has no column action{_meant('action', names)}; --action says it for all rows",
            _EXAMPLE,
        )


def _meant(name: str, names: Sequence[str]) -> str:
    """What a column that is missing may be called there, and where the commas may be."""
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        return ": commas are wanted between the columns"
    close = closest(name, names)
    return f" (is it {close!r}?)" if close else ""


def _read(
    cells: dict[str, str], defaults: Defaults, line: int, problems: Problems
) -> dict[str, Any] | None:
    """One row of _GIVEN, or None where it cannot be meant."""
    image_id, pixel_hash = (cells.get(name, "").strip() for name in ("image_id", "pixel_hash"))
    action = cells.get("action", "").strip() or defaults.action or ""
    note = cells.get("note", "") or defaults.note or None
    value = cells.get("value", "") or defaults.value or None
    found = [*_picture(image_id, pixel_hash), *_action(action), *_text(note or "", "note")]
    if found or (found := [*_value(action, value)]):
        problems.add(line, "; ".join(found))
        return None
    other = value.strip() if action == "not_duplicate" and value is not None else None
    is_hash = other is not None and _HASH.fullmatch(other) is not None
    return {
        "line": line,
        "image_id": int(image_id) if image_id else None,
        "pixel_hash": pixel_hash or None,
        "action": action,
        "value": value if other is None else None,
        "other_id": None if other is None or is_hash else int(other),
        "other_hash": other if is_hash else None,
        "note": note,
    }


def _picture(image_id: str, pixel_hash: str) -> Iterator[str]:
    if not image_id and not pixel_hash:
        yield "neither image_id nor pixel_hash"
    if image_id and not _is_id(image_id):
        yield (
            f"image_id {image_id[:40]!r} is no whole number of 64 bits (spreadsheets round "
            "long numbers; pixel_hash will do, too)"
        )
    if pixel_hash and not _HASH.fullmatch(pixel_hash):
        yield f"pixel_hash {pixel_hash[:40]!r} is not 32 of 0-9 and a-f"


def _is_id(text: str) -> bool:
    return bool(_WHOLE.fullmatch(text)) and -(2**63) <= int(text) < 2**63


def _action(action: str) -> Iterator[str]:
    if not action:
        yield "no action"
    elif action not in ACTIONS:
        close = closest(action.lower(), ACTIONS)
        meant = f"is it {close}?" if close else f"there are {', '.join(ACTIONS)}"
        yield f"there is no action {action[:40]!r}; {meant}"


def _text(text: str, what: str) -> Iterator[str]:
    """What ingest asks of a label, too: Unicode of at most 1,024 bytes, without NUL."""
    length = len(text.encode("utf-8", "surrogatepass"))
    if length > _LONGEST_TEXT:
        yield f"a {what} of {length:,} bytes; it has at most {_LONGEST_TEXT:,}"
    elif "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        yield f"a {what} with NUL in it, or that is no Unicode"


def _value(action: str, value: str | None) -> Iterator[str]:
    if value is None:
        if action == "relabel":
            yield "relabel without its value, the new label"
    elif action == "relabel":
        yield from _text(value, "label")
    elif action == "drop":
        yield f"drop takes no value, and this has {value[:40]!r}"
    elif action == "keep":
        if value != DUPLICATE:
            yield f"keep takes no value but {DUPLICATE!r}"
    elif not _HASH.fullmatch(value.strip()) and not _is_id(value.strip()):
        yield f"the other of a not_duplicate is an image_id or a pixel_hash, not {value[:40]!r}"


def given_decisions(
    decisions: object, sql: str | None, defaults: Defaults, query: Callable[[str], pa.Table]
) -> tuple[str, GivenDecisions]:
    """Where decisions are from, and they: a CSV file, rows of any Arrow kind, or a SELECT's."""
    if (decisions is None) == (sql is None):
        raise UsageError(
            "decisions come from a CSV file or from --sql: give one of the two",
            "notmnist-store decide --help",
        )
    if sql is not None:
        return "the query", read_rows(query(sql), defaults, "the query")
    if isinstance(decisions, str | Path):
        return str(decisions), read_csv(Path(decisions), defaults)
    return "the table", read_rows(pa.table(decisions), defaults, "the table")
