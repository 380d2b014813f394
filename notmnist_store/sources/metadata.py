"""Labels in a file of their own: ``metadata.csv``, ``.jsonl`` or ``.parquet`` beside the images.

As in Hugging Face's imagefolder it stands in the root of the folder or archive, or in a folder of
a split, and has a column ``file_name`` (relative to where it stands) and here a column ``label``;
``split`` and ``group`` are taken where they are. Without ``split``, a folder above the image may
tell it. Files that are not listed are none of the images, whatever folder they are in, and so
are files whose label is empty.

A folder is looked through for such a file before it is read. An archive cannot be without reading
it whole, so it is read as class folders until one turns up; then it is read again from its
beginning, once for the files with labels, which may be as large as a member, and once for the
images.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.errors import BudgetError, SourceError
from notmnist_store.schema.tables import KIND_FILE, MEMBER_SCHEMA
from notmnist_store.sources.base import Request, Source
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS
from notmnist_store.sources.exported import exported_labels
from notmnist_store.sources.folder import FolderSource
from notmnist_store.sources.foreign_parquet import foreign_parquet
from notmnist_store.sources.image_columns import check_text_type, text_column
from notmnist_store.sources.kernels.provenance import (
    BY_COLUMN,
    BY_FOLDER,
    nearest_split,
    place,
    said_split,
    split_word,
    text_path,
    unsafe_reason,
)
from notmnist_store.sources.limits import Meter

_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_FILE_NAME = "file_name"
_COLUMNS = ("label", "split", "group")
_LONGEST_TEXT = 1_024
_LONGEST_FIRST_LINE = 64 << 10


class _Given(NamedTuple):
    """What a metadata file says of one image."""

    label: str | None
    split: str | None
    group: str | None
    origin_image_id: int | None
    split_rule: str | None


class _Inside(Source):
    """A folder or archive read in another way; its identity stays the same."""

    def __init__(self, inner: Source) -> None:
        super().__init__(inner.path, inner.name, inner.limits)
        self.kind = inner.kind
        self.bytes_total = inner.bytes_total
        self.named_split = inner.named_split
        self._inner = inner

    def identity(self) -> tuple[str, int]:
        """See ``Source.identity``: that of the folder or archive."""
        return self._inner.identity()


class MetadataSource(_Inside):
    """A folder or archive whose labels are in metadata files in it."""

    gives_labels = True

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``; ``SourceError`` also where a file that is listed is not there."""
        given = self._given()
        missing = dict.fromkeys(given)
        for batch in self._inner.members(batch_members, max_batch_bytes):
            self.bytes_read, self.bytes_total = self._inner.bytes_read, self._inner.bytes_total
            paths = [text_path(raw) for raw in batch["path"].to_pylist()]
            for path in paths:
                missing.pop(path, None)
            nothing = _Given(None, None, None, None, None)
            rows = zip(*(given.get(path, nothing) for path in paths), strict=True)
            said = zip(rows, list(MEMBER_SCHEMA)[-len(nothing) :], strict=True)
            columns = [pa.array(values, field.type) for values, field in said]
            columns = [*batch.columns[: -len(columns)], *columns]
            yield pa.RecordBatch.from_arrays(columns, schema=MEMBER_SCHEMA)
        if isinstance(self._inner, FolderSource):
            self.label_order = exported_labels(self.path)
        if missing:
            first = next(iter(missing))
            raise SourceError(
                f"{self.path} lists {first!r} in its metadata, but has no such file"
                + (f" ({len(missing):,} files are missing)" if len(missing) > 1 else ""),
                advice="add the files, or take them out of the metadata file",
            )

    def _given(self) -> dict[str, _Given]:
        """What is said of each file, by its path in the source, in the order of the metadata."""
        given: dict[str, _Given] = {}
        folders = set()
        for path, data in self._metadata_files():
            folder, _, name = path.rpartition("/")
            what = f"{self.path}, {path}"
            if folder in folders:
                raise SourceError(
                    f"{what}: there is another metadata file in the same folder",
                    advice="leave one of them",
                )
            folders.add(folder)
            for row in _rows(name, data, what, self.limits.max_members):
                file_name = row.get(_FILE_NAME)
                listed = _listed_path(folder, file_name, what)
                if listed in given:
                    raise SourceError(
                        f"{what} lists {file_name!r} twice", advice="leave one of the rows"
                    )
                given[listed] = _what_is_given(row, listed, what)
        return given

    def _metadata_files(self) -> Iterator[tuple[str, bytes]]:
        """Path and content of each metadata file."""
        if isinstance(self._inner, FolderSource):
            meter = Meter(self.name, self.limits)
            root = os.fsencode(self._inner.path.resolve().name or "root")
            for file in metadata_in_folder(self._inner.path):
                relative = os.fsencode(file.relative_to(self._inner.path))
                size, data, _ = self._inner.content(relative, meter)
                yield from self._taken(text_path(root + b"/" + relative), size, data)
            return
        for batch in self._inner.members():
            for path, size, data in _metadata_members(batch):
                yield from self._taken(path, size, data)

    def _taken(self, path: str, size: int, data: bytes | None) -> Iterator[tuple[str, bytes]]:
        if data is None:
            raise BudgetError(
                f"{self.path}, {path}, has {size:,} bytes, more than the limit of "
                f"{self.limits.max_member_bytes:,} bytes a member",
                option=f"--max-member-bytes {size}",
            )
        if _lists_files(path, data):
            yield path, data


def metadata_in_folder(folder: Path) -> list[Path]:
    """Metadata files that list files, where they belong in a folder; regular files only."""
    with os.scandir(folder) as entries:
        named = [entry for entry in entries if split_word(entry.name)]
    splits = sorted(entry.name for entry in named if entry.is_dir(follow_symlinks=False))
    files = [folder / inner / name for inner in (".", *splits) for name in _NAMES]
    files = [file for file in files if file.is_file() and not file.is_symlink()]
    return [file for file in files if _lists_files(file.name, _first_line(file))]


def _first_line(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.readline(_LONGEST_FIRST_LINE)
    except OSError as error:
        raise SourceError(
            f"cannot read {file}: {error.strerror}", f"ls -l {shlex.quote(str(file))}"
        ) from None


class _FoundError(Exception):
    """A source that was read as class folders has its labels in a file."""


class _UntilMetadata(_Inside):
    """A folder or archive that is read as class folders until metadata turns up in it."""

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``."""
        for batch in self._inner.members(batch_members, max_batch_bytes):
            for path, _, data in _metadata_members(batch):
                if data is None or _lists_files(path, data):
                    raise _FoundError(f"the labels are in {path}")
            self.bytes_read = self._inner.bytes_read
            yield batch


def with_metadata(
    source: Source, note: Callable[[str], None]
) -> Iterator[AbstractContextManager[Source]]:
    """What to read of a source, as ``for attempt in ...: with attempt as source: read it``.

    There is one attempt, but for an archive read as class folders until metadata turned up: that
    ends the first attempt, and the next one reads the archive with its metadata.
    """
    found: list[str] = []

    @contextmanager
    def attempt(readable: Source) -> Iterator[Source]:
        try:
            yield readable
        except _FoundError as error:
            found.append(str(error))

    yield attempt(source if source.gives_labels else _UntilMetadata(source))
    if found:
        note(f"{found[0]}; reading from the beginning")
        yield attempt(MetadataSource(source))


def open_folder_with_metadata(request: Request) -> Source | None:
    """A folder with metadata files in it, if it is one."""
    if not request.is_folder or not metadata_in_folder(request.path):
        return None
    return MetadataSource(FolderSource(request.path, request.named(), request.limits))


def _metadata_members(batch: pa.RecordBatch) -> Iterator[tuple[str, int, bytes | None]]:
    """Path, size and data of the members that have a metadata file's name, at its place."""
    for row in pc.indices_nonzero(pc.match_substring(batch["path"], "metadata.")).to_pylist():
        path = text_path(batch["path"][row].as_py())
        *folders, name = path.split("/")
        at_root = len(folders) < 2 or (len(folders) == 2 and split_word(folders[1]))
        is_file = batch["kind"][row].as_py() == KIND_FILE
        if name in _NAMES and at_root and is_file and not place(path).hidden:
            yield path, batch["size"][row].as_py(), batch["data"][row].as_py()


def _lists_files(path: str, data: bytes) -> bool:
    """Whether it has a column file_name: other files of that name are none of ours."""
    if path.endswith(".parquet"):
        return True
    first = data.lstrip(b"\xef\xbb\xbf").partition(b"\n")[0]
    return _FILE_NAME.encode() in first


def _rows(name: str, data: bytes, what: str, max_rows: int) -> Iterator[dict[str, Any]]:
    """Rows of a metadata file, with at least file_name and label in each."""
    reader = {"csv": _csv_rows, "jsonl": _jsonl_rows, "parquet": _parquet_rows}
    rows = reader[name.rpartition(".")[2]](data, what)
    for number, row in enumerate(rows, 1):
        for column in (_FILE_NAME, "label"):
            if column not in row:
                raise SourceError(
                    f"{what}: row {number:,} has no {column}", advice=f"add the {column}"
                )
        if number > max_rows:
            raise BudgetError(
                f"{what} has more than {max_rows:,} rows",
                option=f"--max-members {max_rows * 4}",
            )
        yield row


def _csv_rows(data: bytes, what: str) -> Iterator[dict[str, Any]]:
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        for row in reader:
            if None in row or None in row.values():
                raise SourceError(
                    f"{what}: line {reader.line_num:,} has not as many fields as the first line",
                    advice="quote fields that hold commas",
                )
            yield row
    except (csv.Error, UnicodeDecodeError) as error:
        raise SourceError(
            f"{what} is no CSV file in UTF-8: {error}", advice="save it anew"
        ) from None


def _jsonl_rows(data: bytes, what: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(data.split(b"\n"), 1):
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
        yield row


def _parquet_rows(data: bytes, what: str) -> Iterator[dict[str, Any]]:
    with foreign_parquet(data, what) as parquet:
        columns = [name for name in (_FILE_NAME, *_COLUMNS) if name in parquet.schema.names]
        for name in columns:
            check_text_type(parquet.schema.field(name).type, f"{what}, {name},")
        sizes = [1_024] * len(parquet.group_rows)
        for batch, _ in parquet.batches(columns, sizes, dictionaries=columns):
            texts = {name: text_column(batch[name], f"{what}, {name}") for name in columns}
            yield from pa.RecordBatch.from_pydict(texts).to_pylist()


def _listed_path(folder: str, file_name: object, what: str) -> str:
    """Path in the source of a file that is listed; ``SourceError`` where it leads elsewhere."""
    if not isinstance(file_name, str) or not file_name:
        raise SourceError(
            f"{what} has the file_name {file_name!r}", advice="give each row its file_name"
        )
    try:
        unsafe = unsafe_reason(file_name.encode())
        path = (f"{folder}/" if folder else "") + text_path(file_name.encode())
    except UnicodeEncodeError:
        unsafe, path = "no text", ""
    if unsafe:
        raise SourceError(
            f"{what} lists {file_name[:100]!r}: {unsafe}",
            advice="list files below the metadata file",
        )
    return path


def _what_is_given(row: dict[str, Any], path: str, what: str) -> _Given:
    label, word, group = (_text(row.get(column), f"{what}, {path!r}") for column in _COLUMNS)
    split = nearest_split(path.split("/")[:-1]) if word is None else said_split(word)
    rule = BY_FOLDER if word is None else BY_COLUMN
    if word is not None and split is None:
        raise SourceError(
            f"{what} has the split {word!r}; known are train, valid and test",
            advice="name it train, valid or test, or leave it empty",
        )
    origin = row.get("image_id")
    has_origin = isinstance(origin, int) and abs(origin) < 2**63
    return _Given(label, split, group, origin if has_origin else None, split and rule)


def _text(value: object, what: str) -> str | None:
    """A value as text, null where it is empty: numbers as they are written, 3.0 as 3."""
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SourceError(
            f"{what} is given {value!r}, neither text nor number", advice="write it as text"
        )
    text = str(value)
    length = len(text.encode("utf-8", "surrogatepass"))
    if length > _LONGEST_TEXT or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise SourceError(
            f"{what} is given a text of {length:,} bytes that is too long, or is no Unicode",
            advice=f"write it as Unicode of at most {_LONGEST_TEXT:,} bytes",
        )
    return text
