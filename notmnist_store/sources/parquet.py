"""Parquet with images in a column, as the Hugging Face hub has them: one file, or a folder of them.

The column of images is a struct of ``bytes`` and ``path`` (the type of their Image feature), or
plain binary under the name ``image`` or ``img``. The labels are in ``label`` or ``labels``: text,
or numbers whose names stand in the schema's metadata (their ClassLabel feature, where -1 is no
label). Columns ``split`` and ``group`` are taken where they are; without ``split``, a word of a
file's name (``train-00000-of-00001.parquet``) or a folder's name may tell it.

Files are read by row groups in small batches. Values are kept by dictionary until they are cut
into batches, so that one large value named a million times does not become a million copies.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.errors import SourceError
from notmnist_store.sources.base import FilesSource, Request, Source, SourceFile
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS, member_batch, rows_that_fit
from notmnist_store.sources.class_order import Classes, GivenOrder
from notmnist_store.sources.damage import damaged
from notmnist_store.sources.kernels.provenance import (
    BY_COLUMN,
    BY_FOLDER,
    BY_NAME,
    nearest_split,
    split_of_name,
    split_word,
)
from notmnist_store.sources.limits import Limits, Meter

_SUFFIX = ".parquet"
_IMAGE_NAMES = ("image", "img")
_LABEL_NAMES = ("label", "labels")
_DATA_FOLDER = "data"
_METADATA = "metadata.parquet"
_LONGEST_TEXT = 1_024
_DAMAGE = (pa.ArrowException, OSError)


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files of a folder that is a data set of them, relative and sorted; else none.

    They stand in the folder itself, in ``data``, or in folders named by a split; beside and in
    those there is no other folder, whose files would be overlooked.

    Raises:
        SourceError: one of them is a link, as in the cache of the `datasets` library.
        OSError: the folder cannot be listed.
    """
    found, folders = _listed(folder)
    if any(inner.name != _DATA_FOLDER and not split_word(inner.name) for inner in folders):
        return []
    for inner in folders:
        files, deeper = _listed(inner)
        if deeper:
            return []
        found += files
    for file in found:
        if file.is_symlink():
            quoted = shlex.quote(str(folder))
            raise SourceError(
                f"{file} is a link, and those are not followed", f"cp -RL {quoted} copy"
            )
    return sorted(file.relative_to(folder) for file in found)


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """Parquet files and folders in a folder; hidden ones and metadata files are left out."""
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    folders = [Path(entry) for entry in visible if entry.is_dir(follow_symlinks=False)]
    named = [entry for entry in visible if entry.name.endswith(_SUFFIX) and entry.is_file()]
    return [Path(entry) for entry in named if entry.name != _METADATA], folders


@dataclass(frozen=True)
class _Columns:
    """Which columns of a file are what; ``read`` has the names of their leaves."""

    image: str
    label: str
    class_names: tuple[str, ...] | None
    split: str | None
    group: str | None
    read: tuple[str, ...]


class ParquetSource(FilesSource):
    """One Parquet file, or a folder of them."""

    kind = "Parquet"
    gives_labels = True

    def __init__(
        self, path: Path, name: str, limits: Limits, files: Sequence[Path] | None = None
    ) -> None:
        """``files`` are those of a folder, relative to it; a file alone needs none."""
        words = {path.name: path} if files is None else {str(file): path / file for file in files}
        super().__init__(path, name, limits, words)
        self._root = "" if files is None else path.resolve().name + "/"
        self._order: GivenOrder | None = None

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``."""
        self.bytes_read, self._order = 0, None
        meter = Meter(self.name, self.limits)
        position = 0
        for word, file in self.files.items():
            stem = self._root + word.removesuffix(_SUFFIX)
            row, told = 0, _split_of(stem)
            for rows in self._rows(file, meter, batch_members, max_batch_bytes):
                while len(rows):
                    batch = self._batch(
                        rows, (stem, row, told), position, batch_members, max_batch_bytes
                    )
                    meter.check_members(position + len(batch))
                    meter.count_bytes(pc.sum(batch["size"]).as_py(), self.bytes_read)
                    yield batch
                    position += len(batch)
                    row += len(batch)
                    rows = rows.slice(len(batch))
        self.label_order = self._order.labels if self._order else None

    def _take_order(self, classes: Classes, path: Path) -> None:
        """Keep the order that a file gives; ``SourceError`` where another file contradicts it."""
        if classes.order is not None:
            self._order = GivenOrder(classes.order, str(path)).or_longer(self._order)

    def _rows(
        self, source_file: SourceFile, meter: Meter, batch_members: int, max_batch_bytes: int
    ) -> Iterator[pa.RecordBatch]:
        """Batches of columns bytes (by dictionary), path, label, split and group."""
        import pyarrow.parquet as pq

        before = self.bytes_read
        with source_file.open() as file:
            try:
                columns = _find_columns(pq.read_schema(file), source_file.path)
                classes = Classes(columns.class_names)
                self._take_order(classes, source_file.path)
                parquet = pq.ParquetFile(
                    file,
                    read_dictionary=list(columns.read),
                    buffer_size=1 << 20,
                    page_checksum_verification=True,
                )
                meter.check_members(parquet.metadata.num_rows)
                for group in range(parquet.num_row_groups):
                    about = parquet.metadata.row_group(group)
                    each = about.total_byte_size // max(about.num_rows, 1)
                    self.bytes_read = min(
                        self.bytes_read + _compressed(about), before + source_file.size
                    )
                    batches = parquet.iter_batches(
                        batch_size=rows_that_fit(0, each, batch_members, max_batch_bytes),
                        row_groups=[group],
                        columns=list(columns.read),
                    )
                    for batch in batches:
                        yield _renamed(batch, columns, classes, str(source_file.path))
                self._take_order(classes, source_file.path)
            except _DAMAGE as error:
                raise damaged(f"{source_file.path} is damaged: {error}") from None
        self.bytes_read = before + source_file.size

    def _batch(
        self,
        rows: pa.RecordBatch,
        place: tuple[str, int, tuple[str | None, str | None]],
        position: int,
        batch_members: int,
        max_batch_bytes: int,
    ) -> pa.RecordBatch:
        """The first of these rows that make up one member batch; at least one."""
        stem, first, (split, rule) = place
        files = rows["bytes"]
        lengths = pc.binary_length(files.dictionary).take(files.indices).fill_null(0)
        sizes = lengths.to_numpy(zero_copy_only=False).astype(np.int64)
        count = min(len(rows), rows_that_fit(position, 0, batch_members, max_batch_bytes))
        within = np.cumsum(np.minimum(sizes[:count], self.limits.max_member_bytes))
        count = max(1, int(np.searchsorted(within, max_batch_bytes, side="right")))
        sizes, rows = sizes[:count], rows.slice(0, count)
        kept = pa.array(sizes <= self.limits.max_member_bytes)
        indices = pc.if_else(kept, rows["bytes"].indices, None)
        data = files.dictionary.take(indices).cast(pa.binary())
        missing = pc.and_(pc.is_null(rows["bytes"]), kept)
        if pc.any(pc.and_(missing, pc.is_valid(rows["path"]))).as_py():
            raise SourceError(
                f"{stem}{_SUFFIX} has only the paths of some images, not the images",
                advice="ingest the folder that those paths lead to",
            )
        written = enumerate(rows["path"].to_pylist(), first)
        names = (f"{stem}/{row:05d}{_last_part(path)}" for row, path in written)
        return member_batch(
            position,
            paths=pa.array([os.fsencode(name) for name in names], pa.binary()),
            sizes=sizes,
            data=pc.if_else(missing, pa.scalar(b""), data),
            labels=rows["label"],
            splits=rows["split"].fill_null(split) if split else rows["split"],
            split_rules=pc.if_else(
                pc.is_valid(rows["split"]), BY_COLUMN, pa.scalar(rule, pa.string())
            ),
            groups=rows["group"],
        )


def open_parquet(request: Request) -> Source | None:
    """A Parquet file or a folder of them, if it is one."""
    files = parquet_files(request.path) if request.is_folder else None
    if not files and not request.begins(b"PAR1"):
        return None
    return ParquetSource(request.path, request.named(_SUFFIX), request.limits, files)


def _find_columns(schema: pa.Schema, path: Path) -> _Columns:
    found = [f for f in schema if _is_binary(_types(f).get("bytes"))]
    found += [f for f in schema if f.name in _IMAGE_NAMES and _is_binary(f.type)]
    image = next((f for f in found if f.name in _IMAGE_NAMES), found[0] if found else None)
    label = next((name for name in _LABEL_NAMES if name in schema.names), None)
    unclear = image is not None and len(found) > 1 and image.name not in _IMAGE_NAMES
    program = f"import pyarrow.parquet as p; print(p.read_schema({str(path)!r}))"
    if image is None or label is None or unclear or len(set(schema.names)) < len(schema):
        raise SourceError(
            f"{path} has the columns {', '.join(schema.names)[:500]}; wanted are one column of "
            "images (a struct of bytes and path, or binary under the name image) and one of labels "
            "(label)",
            f"python -c {shlex.quote(program)}",
        )
    others = [name for name in (label, "split", "group") if name in schema.names]
    for name in others:
        check_text_type(schema.field(name).type, f"{path}, {name},")
    leaves = [image.name]
    if pa.types.is_struct(image.type):
        leaves = [f"{image.name}.{name}" for name in ("bytes", "path") if name in _types(image)]
    return _Columns(
        image=image.name,
        label=label,
        class_names=_class_names(schema, label),
        split="split" if "split" in others else None,
        group="group" if "group" in others else None,
        read=(*leaves, *others),
    )


def _types(field: pa.Field) -> dict[str, pa.DataType]:
    """Types of a struct's own fields by name; none where it is no struct."""
    return (
        {inner.name: inner.type for inner in field.type} if pa.types.is_struct(field.type) else {}
    )


def _is_binary(kind: pa.DataType | None) -> bool:
    if kind is None:
        return False
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    return any(test(kind) for test in tests)


def check_text_type(kind: pa.DataType, what: str) -> None:
    """``SourceError`` where a column of this type holds neither text nor integers."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not any(test(kind) for test in (*tests, pa.types.is_integer, pa.types.is_null)):
        raise SourceError(f"{what} is of type {kind}", advice="write it as text or as integers")


def _class_names(schema: pa.Schema, label: str) -> tuple[str, ...] | None:
    """Names of the ClassLabel feature that the `datasets` library writes beside a schema."""
    try:
        about = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        feature = about["info"]["features"][label]
        return tuple(str(name) for name in feature["names"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _compressed(about: pa.parquet.RowGroupMetaData) -> int:
    return sum(about.column(i).total_compressed_size for i in range(about.num_columns))


def _renamed(
    batch: pa.RecordBatch, columns: _Columns, classes: Classes, what: str
) -> pa.RecordBatch:
    """A batch as the file has it, under the names bytes, path, label, split, group; all as text."""
    rows = len(batch)
    image = batch[columns.image]
    paths = pa.nulls(rows, pa.string())
    if pa.types.is_struct(image.type):
        names = [field.name for field in image.type]
        children = dict(zip(names, image.flatten(), strict=True))
        image = children["bytes"]
        if "path" in children:
            paths = _ends_of_paths(children["path"])
    if not pa.types.is_dictionary(image.type):
        image = image.dictionary_encode()
    labels = text_column(batch[columns.label], f"{what}, {columns.label}", classes)
    splits = groups = pa.nulls(rows, pa.string())
    if columns.split:
        splits = _split_column(text_column(batch[columns.split], f"{what}, split"), what)
    if columns.group:
        groups = text_column(batch[columns.group], f"{what}, group")
    names = ["bytes", "path", "label", "split", "group"]
    return pa.RecordBatch.from_arrays([image, paths, labels, splits, groups], names=names)


def text_column(column: pa.Array, what: str, classes: Classes | None = None) -> pa.StringArray:
    """Values of a column as text: numbers as they are or as names of classes, '' as null.

    ``classes`` have the names, or take notice of the numbers.

    Raises:
        SourceError: neither text nor integers, a text of more than 1,024 bytes, or a number without
            a name.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_integer(kind) and classes is not None:
        if classes.names is not None:
            return _named(column, classes.names, what)
        bounds = pc.min_max(column.cast(kind)).as_py()
        if bounds["min"] is not None:
            classes.see(bounds["min"], bounds["max"])
    if pa.types.is_null(kind):
        return pa.nulls(len(column), pa.string())
    if pa.types.is_dictionary(column.type):
        return text_column(column.dictionary, what).take(column.indices)
    check_text_type(kind, what)
    text = _valid_text(column)
    longest = pc.max(pc.binary_length(text)).as_py() or 0
    if longest > _LONGEST_TEXT:
        raise SourceError(
            f"{what} has a text of {longest:,} bytes, more than {_LONGEST_TEXT:,}",
            advice="write it shorter",
        )
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _valid_text(column: pa.Array) -> pa.StringArray:
    """The column as text that is valid UTF-8, which Parquet readers do not look at."""
    return column.cast(pa.string()).cast(pa.binary()).cast(pa.string())


def _ends_of_paths(column: pa.Array) -> pa.StringArray:
    """At least as much of the end of each path as a member's name may have."""
    if pa.types.is_dictionary(column.type):
        return _ends_of_paths(column.dictionary).take(column.indices)
    return pc.utf8_slice_codeunits(_valid_text(column), start=-_LONGEST_TEXT)


def _named(column: pa.Array, names: Sequence[str], what: str) -> pa.StringArray:
    numbers = column.cast(pa.int64())
    bounds = pc.min_max(numbers).as_py()
    if bounds["max"] is not None and not (bounds["min"] >= -1 and bounds["max"] < len(names)):
        raise SourceError(
            f"{what} has the numbers {bounds['min']} to {bounds['max']}, but names of "
            f"{len(names)} classes",
            advice="write it anew with a name for every class",
        )
    return pa.array(names, pa.string()).take(pc.if_else(pc.equal(numbers, -1), None, numbers))


def _split_column(words: pa.StringArray, what: str) -> pa.StringArray:
    known = {word: split_word(word) for word in pc.unique(words).to_pylist() if word is not None}
    for word, split in known.items():
        if split is None:
            raise SourceError(
                f"{what} has the split {word!r}; known are train, valid and test",
                advice="name it train, valid or test, or leave it empty",
            )
    return pa.array([known.get(word) for word in words.to_pylist()], pa.string())


def _last_part(path: str | None) -> str:
    """A slash and the name of the file that an image was made from; nothing where none is known."""
    name = re.split(r"[/\\]", path or "")[-1]
    return f"/{name}" if name else ""


def _split_of(stem: str) -> tuple[str | None, str | None]:
    """The split by a word of the file's name, or by a folder above it, and the rule."""
    *folders, name = stem.split("/")
    if split := split_of_name(name):
        return split, BY_NAME
    split = nearest_split(folders)
    return split, split and BY_FOLDER
