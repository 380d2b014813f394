"""WebDataset: tar archives in which the files of a sample follow each other, and bear one key.

The format (T. Breuel, the WebDataset library): a key is a path up to the first dot of its last
part, ``000123`` of ``000123.png`` and ``000123.cls``. A sample's label is its ``.cls``, a number or
a word, or what its ``.json`` has under a name of labels, with ``split``, ``group`` and further
attributes where it has those. A set is one archive, or a folder of shards, whose names may tell the
split (``train-000000.tar``). Files that are no pictures are none of the images.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from notmnist_store.errors import BudgetError, SourceError
from notmnist_store.schema.tables import KIND_FILE, MEMBER_SCHEMA
from notmnist_store.sources.base import FilesSource, Request, Source, SourceFile
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS, Member, batched
from notmnist_store.sources.class_order import Classes
from notmnist_store.sources.given_texts import given_attributes, given_split, given_text
from notmnist_store.sources.image_columns import LABEL_WORDS, bare_name
from notmnist_store.sources.kernels.provenance import (
    BY_COLUMN,
    BY_FOLDER,
    BY_NAME,
    is_picture_name,
    nearest_split,
    split_of_name,
    text_path,
)
from notmnist_store.sources.limits import Meter
from notmnist_store.sources.packed import first_files
from notmnist_store.sources.parquet import table_files, without_ending
from notmnist_store.sources.tar import TAR_SUFFIXES, TarSource

_CLASS, _JSON = "cls", "json"
_MOST_FILES = 64
"""Files of one sample; it is held whole, since its label may follow its image."""


class _Said(NamedTuple):
    """What is known of a file: a label that is a number is yet to get its name."""

    label: str | int | None = None
    split: str | None = None
    group: str | None = None
    split_rule: str | None = None
    attributes: str | None = None


class WebDatasetSource(FilesSource):
    """One archive of samples, or a folder of them."""

    kind = "WebDataset"
    gives_labels = takes_labels = takes_columns = True

    def __init__(self, request: Request, shards: Sequence[Path] | None = None) -> None:
        path = request.path
        words = {str(shard): path / str(shard) for shard in shards or ()} or {path.name: path}
        super().__init__(path, request.named(*TAR_SUFFIXES), request.limits, words)
        self._names = request.labels
        self._label_column = request.columns.label if request.columns else None
        self._many = shards is not None

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``."""
        self.bytes_read = 0
        classes, said = Classes(self._names), deque[_Said]()
        meter = Meter(self.name, self.limits)
        files = self._files(said)
        for batch in batched(files, meter, batch_members, max_batch_bytes):
            rows = [said.popleft() for _ in range(len(batch))]
            given = {
                "label": self._labels([row.label for row in rows], classes),
                "split": [row.split for row in rows],
                "group": [row.group for row in rows],
                "split_rule": [row.split_rule for row in rows],
                "attributes": [row.attributes for row in rows],
            }
            columns = dict(zip(batch.schema.names, batch.columns, strict=True)) | given
            yield pa.RecordBatch.from_pydict(columns, schema=MEMBER_SCHEMA)
        self.label_order = classes.order

    def _labels(self, labels: Sequence[str | int | None], classes: Classes) -> list[str | None]:
        numbers = [label for label in labels if isinstance(label, int)]
        if not numbers:
            return [str(label) if label is not None else None for label in labels]
        named = iter(classes.labels(np.array(numbers, np.int64), str(self.path)).to_pylist())
        return [next(named) if isinstance(label, int) else label for label in labels]

    def _files(self, said: deque[_Said]) -> Iterator[Member]:
        """All files in their order; what is known of each is put into ``said`` before."""
        before = 0
        for word, source_file in self.files.items():
            stem = without_ending(word, TAR_SUFFIXES)
            split = split_of_name(stem.rpartition("/")[2])
            place = (split, BY_NAME) if split else _folder_split(stem.split("/")[:-1])
            with source_file.open() as file:
                gzipped = file.peek(2).startswith(b"\x1f\x8b")
            shard = TarSource(source_file.path, self.name, self.limits, gzipped=gzipped)
            for path, kind, size, data, known in self._samples(shard, source_file, place):
                said.append(known)
                self.bytes_read = before + shard.bytes_read
                prefix = os.fsencode(f"{stem}/") if self._many else b""
                yield prefix + path, kind, size, data
            before += source_file.size

    def _samples(
        self, shard: TarSource, source_file: SourceFile, place: tuple[str | None, str | None]
    ) -> Iterator[tuple[bytes, int, int, bytes | None, _Said]]:
        for key, found in groupby(_rows(shard), lambda member: _key(text_path(member[0]))[0]):
            sample: list[Member] = []
            for member in found:
                sample.append(member)
                if len(sample) > _MOST_FILES:
                    raise BudgetError(
                        f"{source_file.path} has more than {_MOST_FILES} files of the key {key!r}",
                        advice="a sample is held in memory",
                    )
            known = self._known(sample, str(source_file.path), place)
            for member in sample:
                is_image = member[1] == KIND_FILE and is_picture_name(text_path(member[0]))
                yield *member, known if is_image else _Said()

    def _known(
        self, sample: Sequence[Member], what: str, place: tuple[str | None, str | None]
    ) -> _Said:
        """What the files of a sample say of its images."""
        files = {_key(text_path(path))[1]: (text_path(path), data) for path, _, _, data in sample}
        said = _Said(None, place[0], None, place[1])
        if _JSON in files and (content := files[_JSON][1]) is not None:
            said = self._of_json(content, f"{what}, {files[_JSON][0]},", said)
        if _CLASS in files and (content := files[_CLASS][1]) is not None:
            said = said._replace(label=_class(content, f"{what}, {files[_CLASS][0]},"))
        if said.split is None:
            split, rule = _folder_split(text_path(sample[0][0]).split("/")[:-1])
            said = said._replace(split=split, split_rule=rule)
        return said

    def _of_json(self, content: bytes, what: str, said: _Said) -> _Said:
        try:
            row = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{what} is no JSON: {error}", advice="write one object") from None
        if not isinstance(row, dict):
            return said
        named = _label_name(row, self._label_column)
        label = row.get(named) if named else None
        rest = {n: v for n, v in row.items() if n not in (named, "split", "group")}
        if isinstance(label, bool) or not isinstance(label, int):
            label = given_text(label, what)
        split = given_split(given_text(row.get("split"), what), what)
        if split is not None:
            said = said._replace(split=split, split_rule=BY_COLUMN)
        said = said._replace(attributes=given_attributes(rest))
        return said._replace(label=label, group=given_text(row.get("group"), what))


def open_webdataset(request: Request) -> Source | None:
    """An archive of samples, or a folder of them, if it is one."""
    if request.folder is None:
        return WebDatasetSource(request) if _has_samples(first_files(request)) else None
    shards: list[Path] = []
    with suppress(SourceError):  # links, which are not followed
        shards = table_files(request.folder, TAR_SUFFIXES)
    if not shards:
        return None
    first = SourceFile(request.folder / shards[0])
    with first.open() as file:
        one = replace(request, path=first.path, head=file.read(len(request.head or b"") or 4_096))
    return WebDatasetSource(request, shards) if _has_samples(first_files(one)) else None


def _has_samples(files: Sequence[tuple[str, int]]) -> bool:
    """Whether a picture stands beside a file of its key: .cls, or .json in no folder."""
    found = [_key(path) for path, _ in files]
    pictures = {
        key for (path, _), (key, _) in zip(files, found, strict=True) if is_picture_name(path)
    }
    return any(
        key in pictures and (ending == _CLASS or (ending == _JSON and "/" not in key))
        for key, ending in found
    )


def _rows(shard: TarSource) -> Iterator[Member]:
    for batch in shard.members():
        columns = (batch[name].to_pylist() for name in ("path", "kind", "size", "data"))
        yield from zip(*columns, strict=True)


def _key(path: str) -> tuple[str, str]:
    """The key of a file, and its ending in lower case."""
    folder, slash, name = path.rpartition("/")
    key, _, ending = name.partition(".")
    return folder + slash + key, ending.lower()


def _folder_split(folders: Sequence[str]) -> tuple[str | None, str | None]:
    split = nearest_split(folders)
    return split, split and BY_FOLDER


def _class(content: bytes, what: str) -> str | int | None:
    """A label of text, or a number."""
    try:
        text = given_text(content.decode().strip(), what)
    except UnicodeDecodeError:
        raise SourceError(f"{what} is no text in UTF-8", advice="write the label as text") from None
    if text is not None and text.removeprefix("-").isdecimal() and len(text) < 19:
        return int(text)
    return text


def _label_name(row: Mapping[str, Any], asked: str | None) -> str | None:
    """The name under which a sample has its label."""
    if asked is not None:
        return asked
    return next((name for name in row if bare_name(name) in ("cls", *LABEL_WORDS)), None)
