"""Parquet with images in a column, as the Hugging Face hub has them: one file, or a folder of them.

What the columns are, `image_columns` says. Columns ``split`` and ``group`` are taken where they
are; without ``split``, a word of a file's name (``train-00000-of-00001.parquet``) or a folder's
name may tell it. Further columns are attributes. Arrow files (IPC, Feather 2) are read alike.

Files are read by row groups in small batches. Values are kept by dictionary until they are cut
into batches, so that one large value named a million times does not become a million copies.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.errors import SourceError
from notmnist_store.location.location import Location
from notmnist_store.sources.base import FilesSource, Request, Source, SourceFile
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS, member_batch, rows_that_fit
from notmnist_store.sources.class_order import Classes, GivenOrder, agreed
from notmnist_store.sources.damage import damaged
from notmnist_store.sources.foreign_parquet import foreign_parquet
from notmnist_store.sources.image_columns import Asked, Columns, find_columns, renamed
from notmnist_store.sources.kernels.provenance import (
    BY_COLUMN,
    BY_FOLDER,
    BY_NAME,
    nearest_split,
    split_of_name,
    split_word,
)
from notmnist_store.sources.limits import Meter

_DATA_FOLDER = "data"
_METADATA = "metadata.parquet"
_DAMAGE = (pa.ArrowException, OSError, KeyError)

Fitting = Callable[[int], int]
"""Of how many bytes an image how many rows may come at once."""

RowBatches = Iterator[tuple[pa.RecordBatch, int]]
Opened = tuple[pa.Schema, Callable[[Columns, Fitting], RowBatches]]
"""The schema of a file, and what reads columns of it, with the bytes of the file read by then."""


def table_files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """The files that end so in a folder that is a data set of them, sorted; else none.

    They stand in the folder itself, in ``data``, or in folders named by a split; beside and in
    those there is no other folder, whose files would be overlooked.

    Raises:
        SourceError: one of them is a link, as in the cache of the `datasets` library.
        OSError: the folder cannot be listed.
    """
    found, folders = _listed(folder, endings)
    if any(inner.name != _DATA_FOLDER and not split_word(inner.name) for inner in folders):
        return []
    for inner in folders:
        files, deeper = _listed(inner, endings)
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


def _listed(folder: Path, endings: tuple[str, ...]) -> tuple[list[Path], list[Path]]:
    """Files that end so and folders in a folder; hidden ones and metadata files are left out."""
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    folders = [Path(entry) for entry in visible if entry.is_dir(follow_symlinks=False)]
    named = [entry for entry in visible if entry.name.endswith(endings) and entry.is_file()]
    return [Path(entry) for entry in named if entry.name != _METADATA], folders


class ParquetSource(FilesSource):
    """One Parquet file, or a folder of them."""

    kind = "Parquet"
    endings: tuple[str, ...] = (".parquet",)
    gives_labels = takes_columns = takes_labels = takes_transpose = True

    def __init__(self, request: Request, files: Sequence[Path] | None = None) -> None:
        """``files`` are those of a folder, relative to it; a file alone needs none."""
        path = request.path
        words = {str(file): path / str(file) for file in files or ()} or {path.name: path}
        super().__init__(path, request.named(*self.endings), request.limits, words)
        label = request.columns.label if request.columns else None
        self._asked = Asked(label, request.shape, request.transpose)
        self._labels = request.labels
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
            stem = self._root + without_ending(word, self.endings)
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

    def _take_order(self, classes: Classes, path: Location) -> None:
        """Keep the order that a file gives; ``SourceError`` where another file contradicts it."""
        if classes.order is not None:
            self._order = GivenOrder(classes.order, str(path)).or_longer(self._order)

    def _rows(
        self, source_file: SourceFile, meter: Meter, batch_members: int, max_batch_bytes: int
    ) -> Iterator[pa.RecordBatch]:
        """Batches of the columns that ``renamed`` gives."""
        path, before = source_file.path, self.bytes_read
        fitting = partial(
            rows_that_fit, 0, batch_members=batch_members, max_batch_bytes=max_batch_bytes
        )
        try:
            with self._opened(source_file, meter) as (schema, read):
                columns = find_columns(schema, path, self._asked)
                self._check_options(schema, columns, path)
                classes = Classes(agreed(columns.class_names, str(path), self._labels))
                self._take_order(classes, path)
                for batch, done in read(columns, fitting):
                    self.bytes_read = min(before + done, before + source_file.size)
                    yield renamed(batch, columns, classes, str(path))
                self._take_order(classes, path)
        except _DAMAGE as error:
            raise damaged(f"{path} is damaged: {error}") from None
        self.bytes_read = before + source_file.size

    def _check_options(self, schema: pa.Schema, columns: Columns, path: Location) -> None:
        """``SourceError`` where a table has no use for an option that others of its kind have."""
        if self._asked.transpose and columns.pixels is None:
            raise SourceError(
                f"{path} has no use for --transpose: only pixels in columns are stored one by one",
                advice="leave it out",
            )
        label = columns.label and schema.field(columns.label).type
        kind = label.value_type if label and pa.types.is_dictionary(label) else label
        if self._labels is not None and kind and not pa.types.is_integer(kind):
            raise SourceError(
                f"{path} has no use for --labels: it has its labels in words", advice="leave it out"
            )

    @contextmanager
    def _opened(self, source_file: SourceFile, meter: Meter) -> Iterator[Opened]:
        path = source_file.path
        with source_file.open(), foreign_parquet(path, str(path)) as parquet:
            meter.check_members(sum(parquet.group_rows))

            def read(columns: Columns, fitting: Fitting) -> RowBatches:
                each = (
                    size // max(rows, 1)
                    for rows, size in zip(parquet.group_rows, parquet.group_bytes, strict=True)
                )
                texts = [*columns.others, *columns.attributes]
                leaves = [*columns.leaves, *texts]
                texts = texts if columns.pixels else leaves
                return parquet.batches(leaves, [*map(fitting, each)], dictionaries=texts)

            yield parquet.schema, read

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
                f"{stem}{self.endings[0]} has only the paths of some images, not the images",
                advice="ingest the folder that those paths lead to",
            )
        written = enumerate(rows["path"].to_pylist(), first)
        ends = rows["ending"].to_pylist()
        names = (f"{stem}/{row:05d}{_last_part(path)}{ends[row - first]}" for row, path in written)
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
            origins=rows["origin_image_id"],
            attributes=rows["attributes"],
        )


class ArrowSource(ParquetSource):
    """One Arrow file, or a folder of them."""

    kind = "Arrow"
    endings = (".arrow",)

    @contextmanager
    def _opened(self, source_file: SourceFile, meter: Meter) -> Iterator[Opened]:
        with source_file.open() as file:
            reader = pa.ipc.open_file(file)

            def read(columns: Columns, fitting: Fitting) -> RowBatches:
                images = columns.leaves if columns.pixels else [columns.image]
                names = [*images, *columns.others, *columns.attributes]
                seen = 0
                for number in range(reader.num_record_batches):
                    batch = reader.get_batch(number).select(names)
                    batch.validate(full=True)
                    meter.check_members(seen + len(batch))
                    step = fitting(batch.nbytes // max(len(batch), 1))
                    for start in range(0, len(batch), step):
                        yield batch.slice(start, step), file.tell()
                    seen += len(batch)

            yield reader.schema, read


def open_parquet(request: Request) -> Source | None:
    """Files of Parquet or of Arrow, or a folder of them, if it is such."""
    for kind, magic in ((ParquetSource, b"PAR1"), (ArrowSource, b"ARROW1")):
        files = table_files(request.folder, kind.endings) if request.folder else None
        if files or request.begins(magic):
            return kind(request, files)
    return None


def without_ending(name: str, endings: Sequence[str]) -> str:
    """A name without the ending that it has of these."""
    return name.removesuffix(next((end for end in endings if name.endswith(end)), ""))


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
