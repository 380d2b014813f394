"""The verb croissant: a store as it lies, in the words of Croissant."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.split_sets import SplitSet, find_split_set
from notmnist_store.export.croissant import (
    INTEGER,
    JSON,
    TEXT,
    column,
    dataset,
    enumeration,
    file_object,
    file_set,
    record_set,
)
from notmnist_store.export.quality import given_texts, quality
from notmnist_store.location.location import Location, at_once
from notmnist_store.progress import Progress
from notmnist_store.result import Document
from notmnist_store.schema.words import USED
from notmnist_store.storage.filesystem import disk_errors
from notmnist_store.storage.tables import Tables

_CHUNK = 1 << 20
_TEXT_COLUMNS = ("source", "path", "label", "split", "pixel_hash")


def store_croissant(tables: Tables, name: str, output: Path | None, progress: Progress) -> Document:
    """The document on a store and one of its split sets, written to `output` where there is one.

    Addresses of files are paths beside the document, or beside the store's marker where it goes
    nowhere; those of a bucket are whole.

    Raises:
        StoreError: a data file cannot be read, or `output` not be written.
    """
    catalog = Catalog(tables)
    split_set = find_split_set(catalog, name)
    beside = None if output is None else output.resolve().parent
    if beside and isinstance(tables.root, Path) and beside not in _around(tables.root):
        progress.note("readers look for the files below the document: a folder around the store's")
    address = _addresses(tables.root, beside)
    images = tables.live("image")
    members = [] if split_set.run_id is None else tables.live("split_image", split_set.run_id)
    files = _hashed([*images, *members], address, progress)
    sets, records = [], []
    if images:
        includes = [address(path) for path in images]
        sets.append(file_set("image-files", includes, "The images' rows."))
        records.append(_images(str(tables.marker.shape)))
    if members:
        includes = [address(path) for path in members]
        sets.append(file_set("split-files", includes, "The rows of a split set."))
        records.append(_members(split_set))
    described = _document(tables, catalog, name, split_set, [*files, *sets], records)
    content = (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode()
    return Document(content, output, split_set=name)


def _document(
    tables: Tables,
    catalog: Catalog,
    name: str,
    split_set: SplitSet,
    distribution: list[JSON],
    records: list[JSON],
) -> JSON:
    values = {"runs": list(split_set.image_runs)}
    sources = catalog.query(load_queries("export")["sources"].sql, values).to_pylist()
    measured, limitations = quality(tables, name)
    counts = {split: images for split, images in split_set.counts.items() if images}
    used = sum(split_set.counts[split] for split in USED)
    splits = [{"name": split, "images": images} for split, images in counts.items()]
    labels = [{"label_id": at, "label": label} for at, label in enumerate(split_set.labels)]
    return dataset(
        ", ".join(source["source"] for source in sources) or "an empty store",
        f"A store of images of {tables.marker.shape} bytes (height, width, channels). "
        f"{split_set.line[:1].upper()}{split_set.line[1:]}, has {used:,} images in train, valid "
        "and test.",
        split_set.version,
        distribution,
        [
            *([enumeration("splits", "cr:Split", "The splits.", splits)] if splits else []),
            *([enumeration("labels", "sc:Enumeration", "The labels.", labels)] if labels else []),
            *records,
        ],
        given=given_texts(sources),
        measured=measured,
        limitations=limitations,
    )


def _around(root: Path) -> list[Path]:
    where = root.resolve()
    return [where, *where.parents]


def _addresses(root: Location, beside: Path | None) -> Callable[[Location], str]:
    def address(path: Location) -> str:
        if not isinstance(path, Path):
            return str(path)
        start = beside or str(root.resolve())
        return Path(os.path.relpath(path.resolve(), start)).as_posix()

    return address


def _hashed(
    paths: list[Location], address: Callable[[Location], str], progress: Progress
) -> list[JSON]:
    def describe(path: Location) -> JSON:
        digest = hashlib.sha256()
        with disk_errors(path), path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return file_object(address(path), path.stat().st_size, digest.hexdigest())

    progress.note(f"hashing {len(paths):,} files")
    return at_once(describe, paths)


def _images(shape: str) -> JSON:
    of = "image-files"
    says = {
        "source": "The source that the image was read from.",
        "path": "Its path there.",
        "label": "The label it came with.",
        "split": "Its split in split set ingest.",
        "pixel_hash": "XXH3-128 of height, width, channels and pixels.",
    }
    fields = [
        column(of, "image_id", INTEGER, "Its low 32 bits are the image's place in its source."),
        *(column(of, name, TEXT, says[name]) for name in _TEXT_COLUMNS),
        column(of, "pixels", TEXT, f"{shape} bytes, height by width by channels, row by row."),
    ]
    return record_set("images", "An image a record.", fields, key="image_id")


def _members(split_set: SplitSet) -> JSON:
    of = "split-files"
    image = column(of, "image_id", INTEGER, "The image.")
    fields = [
        {**image, "references": {"field": {"@id": "images/image_id"}}},
        column(of, "split", TEXT, "Its split."),
        column(of, "position", INTEGER, "Its place in the order of the split, from 0."),
        column(of, "label", TEXT, "Its label."),
        column(of, "label_id", INTEGER, "The label's place in record set labels."),
    ]
    return record_set("members", f"An image of split set {split_set.name} a record.", fields)
