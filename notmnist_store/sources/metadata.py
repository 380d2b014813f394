"""Labels in a file of their own: ``metadata.csv``, ``.jsonl`` or ``.parquet`` beside the images.

As in Hugging Face's imagefolder it stands in the root of the folder or archive, or in a folder of
a split, and has a column ``file_name`` (relative to where it stands) and here a column ``label``;
``split`` and ``group`` are taken where they are, and other names of columns are known too (see
`metadata_table`). So are ``labels.csv``, ``annotations.csv``, ``train.csv`` and the like, whose
files may stand a folder below, or be listed without their suffix. Without ``split``, a folder above
the image may tell it, then the table's name. Files that are not listed are none of the images,
whatever folder they are in, and so are files whose label is empty; where they have a split, they
are its unlabelled images.

A folder is looked through for such a file before it is read. An archive cannot be without reading
it whole, so it is read as class folders until one turns up; then it is read again from its
beginning, once for the files with labels, which may be as large as a member, and once for the
images.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.errors import BudgetError, SourceError
from notmnist_store.schema.tables import KIND_FILE, MEMBER_SCHEMA
from notmnist_store.sources.base import AskedColumns, Request, Source
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS
from notmnist_store.sources.exported import exported_labels
from notmnist_store.sources.folder import FolderSource
from notmnist_store.sources.given_texts import given_attributes, given_split, given_text
from notmnist_store.sources.kernels.provenance import (
    BY_COLUMN,
    BY_FOLDER,
    BY_NAME,
    exact_split_word,
    is_picture_name,
    nearest_split,
    place,
    split_word,
    text_path,
    unsafe_reason,
)
from notmnist_store.sources.limits import Meter
from notmnist_store.sources.metadata_table import ATTRIBUTES, FILE_NAME, read_table

_STRICT = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_NAMES = (*_STRICT, "labels.csv", "annotations.csv")
_FOLDERS = ("images", "image", "imgs", "img", "data", "pictures", "photos", "jpg", "jpeg", "png")
"""Where a loose table, whose files are listed as it pleases, may have its images."""
_ARRAYS = (".parquet", ".arrow", ".npz", ".npy")
"""Files of images that have their labels otherwise: a table beside them is none of ours."""
_SUFFIXES = (".csv", ".jsonl", ".parquet")
_COLUMNS = ("label", "split", "group")
_BY_NAME = AskedColumns()
_NO_METADATA = "--no-metadata"


class _Given(NamedTuple):
    """What a metadata file says of one image."""

    label: str | None
    split: str | None
    group: str | None
    origin_image_id: int | None
    split_rule: str | None
    attributes: str | None


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

    gives_labels = takes_columns = True

    def __init__(self, inner: Source, asked: AskedColumns = _BY_NAME) -> None:
        super().__init__(inner)
        self._asked = asked

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``; ``SourceError`` also where a file that is listed is not there."""
        given, folders = self._given()
        missing = dict.fromkeys(given)
        for batch in self._inner.members(batch_members, max_batch_bytes):
            self.bytes_read, self.bytes_total = self._inner.bytes_read, self._inner.bytes_total
            paths = [text_path(raw) for raw in batch["path"].to_pylist()]
            found = [self._of(path, given, folders, missing) for path in paths]
            rows = zip(*found, strict=True)
            said = zip(rows, list(MEMBER_SCHEMA)[-len(_Given._fields) :], strict=True)
            columns = [pa.array(values, field.type) for values, field in said]
            columns = [*batch.columns[: -len(columns)], *columns]
            yield pa.RecordBatch.from_arrays(columns, schema=MEMBER_SCHEMA)
        if isinstance(self._inner, FolderSource):
            self.label_order = exported_labels(self._inner.folder)
        if missing:
            first = next(iter(missing))
            raise SourceError(
                f"{self.path} lists {first!r} in its metadata, but has no such file"
                + (f" ({len(missing):,} files are missing)" if len(missing) > 1 else ""),
                advice="add the files, or take them out of the metadata file",
            )

    def _of(
        self, path: str, given: dict[str, _Given], folders: set[str], missing: dict[str, None]
    ) -> _Given:
        """What is said of a file: by its path, or as `_other_names` of it."""
        listed, split = path, nearest_split(path.split("/")[:-1])
        if path not in given and is_picture_name(path):
            for other in _other_names(path, folders):
                if other in given and (split is None or given[other].split in (None, split)):
                    listed = other
                    break
        if listed not in given:
            split = split if is_picture_name(path) else None
            return _Given(None, split, None, None, split and BY_FOLDER, None)
        if listed != path and listed not in missing:
            raise SourceError(
                f"{self.path} has more than one file for {listed!r} in its metadata, {path!r} too",
                advice="list files by their paths from the metadata file on",
            )
        missing.pop(listed, None)
        row = given[listed]
        if split is not None and row.split_rule in (None, BY_NAME):
            return row._replace(split=split, split_rule=BY_FOLDER)
        return row

    def _given(self) -> tuple[dict[str, _Given], set[str]]:
        """What is said of each file, in the order of the metadata; and folders of loose tables."""
        given: dict[str, _Given] = {}
        folders: dict[str, str | None] = {}
        loose: set[str] = set()
        self.notes.clear()
        for path, data in self._metadata_files():
            folder, _, name = path.rpartition("/")
            what = f"{self.path}, {path}"
            split = _table_split(name)
            if folder in folders and (split is None or folders[folder] is None):
                raise SourceError(
                    f"{what}: there is another metadata file in the same folder",
                    advice="leave one of them",
                    option="--no-metadata",
                )
            folders[folder] = split
            needs_label = split in (None, "train")
            rows, said = read_table(name, data, what, self._asked, needs_label=needs_label)
            self.notes += [f"{path} {told}" for told in said]
            for number, row in enumerate(rows, 1):
                if number > self.limits.max_members:
                    raise BudgetError(
                        f"{what} has more than {self.limits.max_members:,} rows",
                        option=f"--max-members {self.limits.max_members * 4}",
                    )
                file_name = row[FILE_NAME]
                listed = _listed_path(folder, file_name, what)
                if listed in given:
                    raise SourceError(
                        f"{what} lists {file_name!r} twice", advice="leave one of the rows"
                    )
                given[listed] = _what_is_given(row, listed, what, split)
            if name not in _STRICT:
                loose.add(folder)
        return given, loose

    def _metadata_files(self) -> Iterator[tuple[str, bytes]]:
        """Path and content of each metadata file."""
        if isinstance(self._inner, FolderSource):
            meter = Meter(self.name, self.limits)
            folder = self._inner.folder
            root = os.fsencode(folder.resolve().name or "root")
            for file in metadata_in_folder(folder):
                relative = os.fsencode(file.relative_to(folder))
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
        yield path, data


def metadata_in_folder(folder: Path) -> list[Path]:
    """Metadata files that list files, where they belong in a folder; regular files only."""
    with os.scandir(folder) as entries:
        named = [entry for entry in entries if split_word(entry.name)]
    splits = sorted(entry.name for entry in named if entry.is_dir(follow_symlinks=False))
    found: list[Path] = []
    for inner in (folder, *(folder / name for name in splits)):
        there = sorted(inner.iterdir())
        beside = [*there, *(inner / "data").glob("*")]
        has_arrays = any(f.suffix in _ARRAYS and f.name not in _STRICT for f in beside)
        files = [f for f in there if f.name in _STRICT or (_is_table(f.name) and not has_arrays)]
        found += [file for file in files if file.is_file() and not file.is_symlink()]
    return found


def _is_table(name: str) -> bool:
    return name.lower() in _NAMES or _table_split(name) is not None


def _table_split(name: str) -> str | None:
    """The split of a table that is called so: train.csv."""
    stem, dot, suffix = name.rpartition(".")
    return exact_split_word(stem) if dot and suffix == "csv" else None


def _other_names(path: str, folders: set[str]) -> Iterator[str]:
    """As what else a loose table lists a file: without its suffix, or without a folder below it."""
    parts = path.split("/")
    for above in range(len(parts)):
        if "/".join(parts[:above]) not in folders:
            continue
        yield path.rpartition(".")[0]
        below = above < len(parts) - 1
        if below and (split_word(parts[above]) or parts[above].lower() in _FOLDERS):
            shorter = "/".join([*parts[:above], *parts[above + 1 :]])
            yield shorter
            yield shorter.rpartition(".")[0]


class _FoundError(Exception):
    """A source that was read as class folders has its labels in a file."""


class _UntilMetadata(_Inside):
    """A folder or archive that is read as class folders until metadata turns up in it."""

    def __init__(self, inner: Source, asked: AskedColumns) -> None:
        super().__init__(inner)
        self._asked = asked

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``."""
        for batch in self._inner.members(batch_members, max_batch_bytes):
            for path, *_ in _metadata_members(batch):
                raise _FoundError(f"the labels are in {path}")
            self.bytes_read = self._inner.bytes_read
            yield batch
        if self._asked.are_asked:
            raise SourceError(
                f"{self.path} has no metadata file for --file-column or --label-column",
                advice="leave those out, and its class folders are read",
                option=_NO_METADATA,
            )


def with_metadata(
    source: Source, note: Callable[[str], None], asked: AskedColumns | None = _BY_NAME
) -> Iterator[AbstractContextManager[Source]]:
    """What to read of a source, as ``for attempt in ...: with attempt as source: read it``.

    There is one attempt, but for an archive read as class folders until metadata turned up: that
    ends the first attempt, and the next one reads the archive with its metadata. Where ``asked``
    is null, metadata is not looked for.
    """
    found: list[str] = []

    @contextmanager
    def attempt(readable: Source) -> Iterator[Source]:
        try:
            yield readable
        except _FoundError as error:
            found.append(str(error))

    if source.gives_labels or asked is None:
        yield attempt(source)
        return
    yield attempt(_UntilMetadata(source, asked))
    if found:
        note(f"{found[0]}; reading from the beginning")
        yield attempt(MetadataSource(source, asked))


def open_folder_with_metadata(request: Request) -> Source | None:
    """A folder with metadata files in it, if it is one."""
    folder = request.folder
    if request.columns is None or folder is None or not metadata_in_folder(folder):
        return None
    source = FolderSource(folder, request.named(), request.limits)
    return MetadataSource(source, request.columns)


def _metadata_members(batch: pa.RecordBatch) -> Iterator[tuple[str, int, bytes | None]]:
    """Path, size and data of the members that have a metadata file's name, at its place."""
    named = [pc.ends_with(batch["path"], suffix) for suffix in _SUFFIXES]
    for row in pc.indices_nonzero(pc.or_(named[0], pc.or_(*named[1:]))).to_pylist():
        path = text_path(batch["path"][row].as_py())
        *folders, name = path.split("/")
        at_root = len(folders) < 2 or (len(folders) == 2 and split_word(folders[1]))
        is_file = batch["kind"][row].as_py() == KIND_FILE
        if _is_table(name) and at_root and is_file and not place(path).hidden:
            yield path, batch["size"][row].as_py(), batch["data"][row].as_py()


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


def _what_is_given(row: Mapping[str, Any], path: str, what: str, of_table: str | None) -> _Given:
    label, word, group = (given_text(row.get(column), f"{what}, {path!r}") for column in _COLUMNS)
    split, rule = of_table, BY_NAME
    if word is not None:
        split, rule = given_split(word, what), BY_COLUMN
    elif folder := nearest_split(path.split("/")[:-1]):
        split, rule = folder, BY_FOLDER
    origin = row.get("image_id")
    has_origin = isinstance(origin, int) and abs(origin) < 2**63
    attributes = given_attributes(row[ATTRIBUTES])
    kept = origin if has_origin else None
    return _Given(label, split, group, kept, split and rule, attributes)
