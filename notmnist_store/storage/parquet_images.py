"""Parquet with images in a column, as the Hugging Face hub has them: one file, or a folder of them.

The column of images is a struct of ``bytes`` and ``path`` (the type of their Image feature), or
plain binary under the name ``image`` or ``img``. The labels are in ``label`` or ``labels``: text,
or numbers whose names stand in the schema's metadata (their ClassLabel feature, where -1 is no
label). Columns ``split`` and ``group`` are taken where they are; without ``split``, the first word
of a file's name (``train-00000-of-00001.parquet``) or a folder's name may tell it.

Files are read by row groups in small batches. Values are kept by dictionary until they are cut
into batches, so that one large value named a million times does not become a million copies.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.errors import SourceError
from notmnist_store.kernels.provenance import split_word
from notmnist_store.storage.arrays import member_batch, rows_that_fit
from notmnist_store.storage.members import (
    BATCH_BYTES,
    BATCH_MEMBERS,
    FilesSource,
    Limits,
    Meter,
    SourceFile,
)

__all__ = ["ParquetSource", "parquet_files", "text_column"]

_SUFFIX = ".parquet"
_IMAGE_NAMES = ("image", "img")
_LABEL_NAMES = ("label", "labels")
_DATA_FOLDER = "data"
_METADATA = "metadata.parquet"
_LONGEST_TEXT = 1_024
_DAMAGE = (pa.ArrowException, OSError)


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files of a folder that is a data set of them, relative and sorted; else none.

    They stand in the folder itself, in ``data``, or in folders named by a split; beside those there
    is no other folder, whose files would be overlooked.
    """
    inner = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
    folders = [entry for entry in inner if entry.is_dir()]
    if any(entry.name != _DATA_FOLDER and not split_word(entry.name) for entry in folders):
        return []
    listed = [*inner, *(file for entry in folders for file in sorted(entry.iterdir()))]
    return [
        file.relative_to(folder)
        for file in listed
        if file.suffix == _SUFFIX and file.name != _METADATA and not file.name.startswith(".")
        if file.is_file() and not file.is_symlink()
    ]


@dataclass(frozen=True)
class _Columns:
    """Which columns of a file are what; ``nested`` where the image is a struct."""

    image: str
    nested: bool
    label: str
    class_names: tuple[str, ...] | None
    split: str | None
    group: str | None

    @property
    def read(self) -> list[str]:
        """Names of the leaves to read."""
        image = [f"{self.image}.bytes", f"{self.image}.path"] if self.nested else [self.image]
        return [*image, *(name for name in (self.label, self.split, self.group) if name)]


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

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``."""
        self.bytes_read = 0
        meter = Meter(self.name, self.limits)
        position = 0
        for word, file in self.files.items():
            stem = self._root + word.removesuffix(_SUFFIX)
            row, split = 0, _split_of(stem)
            for rows in self._rows(file, meter, batch_members, max_batch_bytes):
                while len(rows):
                    batch = self._batch(
                        rows, (stem, row, split), position, batch_members, max_batch_bytes
                    )
                    meter.check_members(position + len(batch))
                    meter.count_bytes(sum(batch["size"].to_pylist()), self.bytes_read)
                    yield batch
                    position += len(batch)
                    row += len(batch)
                    rows = rows.slice(len(batch))

    def _rows(
        self, source_file: SourceFile, meter: Meter, batch_members: int, max_batch_bytes: int
    ) -> Iterator[pa.RecordBatch]:
        """Batches of columns bytes (by dictionary), path, label, split and group."""
        import pyarrow.parquet as pq

        before = self.bytes_read
        with source_file.open() as file:
            try:
                columns = _find_columns(pq.read_schema(file), source_file.path)
                parquet = pq.ParquetFile(
                    file,
                    read_dictionary=columns.read,
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
                        columns=columns.read,
                    )
                    for batch in batches:
                        yield _renamed(batch, columns, str(source_file.path))
            except _DAMAGE as error:
                raise SourceError(
                    f"{source_file.path} is damaged: {error}", "copy or download it again"
                ) from None
        self.bytes_read = before + source_file.size

    def _batch(
        self,
        rows: pa.RecordBatch,
        place: tuple[str, int, str | None],
        position: int,
        batch_members: int,
        max_batch_bytes: int,
    ) -> pa.RecordBatch:
        """The first of these rows that make up one member batch; at least one."""
        stem, first, split = place
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
                "ingest the folder that those paths lead to",
            )
        names = (
            f"{stem}/{row:05d}/{re.split(r'[/\\\\]', name)[-1]}" if name else f"{stem}/{row:05d}"
            for row, name in enumerate(rows["path"].to_pylist(), first)
        )
        return member_batch(
            position,
            paths=pa.array([name.encode() for name in names], pa.binary()),
            sizes=sizes,
            data=pc.if_else(missing, pa.scalar(b""), data),
            labels=rows["label"],
            splits=rows["split"].fill_null(split) if split else rows["split"],
            groups=rows["group"],
        )


def _find_columns(schema: pa.Schema, path: Path) -> _Columns:
    found = [f for f in schema if pa.types.is_struct(f.type) and _has_bytes(f.type)]
    found += [f for f in schema if f.name in _IMAGE_NAMES and _is_binary(f.type)]
    image = next((f for f in found if f.name in _IMAGE_NAMES), found[0] if found else None)
    label = next((name for name in _LABEL_NAMES if name in schema.names), None)
    if image is None or label is None or (len(found) > 1 and image.name not in _IMAGE_NAMES):
        raise SourceError(
            f"{path} has the columns {', '.join(schema.names)[:500]}; wanted are one column of "
            "images (a struct of bytes and path, or binary under the name image) and one of labels "
            "(label)",
            f"python -c 'import pyarrow.parquet as p; print(p.read_schema({str(path)!r}))'",
        )
    return _Columns(
        image=image.name,
        nested=pa.types.is_struct(image.type),
        label=label,
        class_names=_class_names(schema, label),
        split="split" if "split" in schema.names else None,
        group="group" if "group" in schema.names else None,
    )


def _has_bytes(kind: pa.StructType) -> bool:
    names = {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
    return "bytes" in names and _is_binary(names["bytes"])


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


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


def _renamed(batch: pa.RecordBatch, columns: _Columns, what: str) -> pa.RecordBatch:
    """A batch as the file has it, under the names bytes, path, label, split, group; all as text."""
    rows = len(batch)
    image = batch[columns.image]
    paths = pa.nulls(rows, pa.string())
    if columns.nested:
        fields = {image.type.field(i).name: i for i in range(image.type.num_fields)}
        children = image.flatten()
        image = children[fields["bytes"]]
        if "path" in fields:
            paths = text_column(children[fields["path"]], f"{what}, path")
    if not pa.types.is_dictionary(image.type):
        image = image.dictionary_encode()
    labels = text_column(batch[columns.label], f"{what}, {columns.label}", columns.class_names)
    splits = groups = pa.nulls(rows, pa.string())
    if columns.split:
        splits = _split_column(text_column(batch[columns.split], f"{what}, split"), what)
    if columns.group:
        groups = text_column(batch[columns.group], f"{what}, group")
    names = ["bytes", "path", "label", "split", "group"]
    return pa.RecordBatch.from_arrays([image, paths, labels, splits, groups], names=names)


def text_column(
    column: pa.Array, what: str, class_names: Sequence[str] | None = None
) -> pa.StringArray:
    """Values of a column as text: numbers as they are or as names of classes, '' as null.

    Raises:
        SourceError: neither text nor integers, a text of more than 1,024 bytes, or a number without
            a name.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_integer(kind) and class_names is not None:
        return _named(column, class_names, what)
    if pa.types.is_null(kind):
        return pa.nulls(len(column), pa.string())
    if pa.types.is_dictionary(column.type):
        return text_column(column.dictionary, what).take(column.indices)
    if not (pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise SourceError(f"{what} is of type {kind}", "write it as text or as integers")
    longest = pc.max(pc.binary_length(column.cast(pa.string()))).as_py() or 0
    if longest > _LONGEST_TEXT:
        raise SourceError(
            f"{what} has a text of {longest:,} bytes, more than {_LONGEST_TEXT:,}",
            "write it shorter",
        )
    text = column.cast(pa.string())
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _named(column: pa.Array, names: Sequence[str], what: str) -> pa.StringArray:
    numbers = column.cast(pa.int64())
    bounds = pc.min_max(numbers).as_py()
    if bounds["max"] is not None and not (bounds["min"] >= -1 and bounds["max"] < len(names)):
        raise SourceError(
            f"{what} has the numbers {bounds['min']} to {bounds['max']}, but names of "
            f"{len(names)} classes",
            "write it anew with a name for every class",
        )
    return pa.array(names, pa.string()).take(pc.if_else(pc.equal(numbers, -1), None, numbers))


def _split_column(words: pa.StringArray, what: str) -> pa.StringArray:
    known = {word: split_word(word) for word in pc.unique(words).to_pylist() if word is not None}
    for word, split in known.items():
        if split is None:
            raise SourceError(
                f"{what} has the split {word!r}; known are train, valid and test",
                "name it train, valid or test, or leave it empty",
            )
    return pa.array([known.get(word) for word in words.to_pylist()], pa.string())


def _split_of(stem: str) -> str | None:
    """The split by the first word of the file's name, or by a folder above it."""
    *folders, name = stem.split("/")
    words = [re.split("[-_.]", name)[0], *reversed(folders)]
    return next((split for word in words if (split := split_word(word))), None)
