"""An export in the words of Croissant: its files, and the records that tools read from them.

Croissant knows columns of tables and files of pictures. Of formats that are arrays it says which
files there are and what they hold, and has no records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from notmnist_store.export.croissant import (
    INTEGER,
    JSON,
    PICTURE,
    TEXT,
    column,
    dataset,
    enumeration,
    file_object,
    file_set,
    of_file,
    record_set,
    split_of_file,
)
from notmnist_store.export.plan import ExportPlan
from notmnist_store.export.quality import Measured

_IMAGES, _FILES = "images", "image-files"
_POSITION = "Place in the order of the split, from 0."
_LABEL_ID = "The label's place in record set labels."
_IMAGE_ID = "The image's id in the store that exported it."
_PIXEL_HASH = "XXH3-128 of height, width, channels and pixels; equal pixels have equal hashes."
_PIXELS = "{} bytes, height by width by channels, row by row."


def described_export(
    plan: ExportPlan,
    about: Mapping[str, Any],
    sums: Mapping[str, str],
    folder: Path,
    *,
    measured: tuple[Sequence[Measured], Sequence[str]],
    given: Mapping[str, Sequence[str]],
) -> JSON:
    """What croissant.json says; `about` is export.json, `sums` the sha256 of each file."""
    form = about["format"]
    told = [path for path in sums if form != "image-folder" or not path.endswith(".png")]
    sets, records = _RECORDS.get(form, _no_records)(plan)
    splits = [{"name": name, "images": images} for name, images in about["splits"].items()]
    described = [enumeration("splits", "cr:Split", "The splits.", splits)]
    if about.get("labels"):
        labels = [{"label_id": place, "label": name} for place, name in enumerate(about["labels"])]
        described.append(enumeration("labels", "sc:Enumeration", "The labels.", labels))
    if about.get("labels_file"):
        records = [*records, _labels(about["labels_file"])]
    images = sum(about["splits"].values())
    return dataset(
        about["split_set"],
        f"{images:,} images of {about['shape']} bytes (height, width, channels), split set "
        f"{about['split_set']} version {about['version']}, exported as {form} by notmnist-store. "
        "README.md says how the files are opened.",
        about["version"],
        [
            *(file_object(path, (folder / path).stat().st_size, sums[path]) for path in told),
            *sets,
        ],
        [*described, *records],
        given=given,
        measured=measured[0],
        limitations=measured[1],
    )


_Described = tuple[list[JSON], list[JSON]]
"""Sets of files, and sets of records."""


def _no_records(plan: ExportPlan) -> _Described:
    return [], []


def _parquet(plan: ExportPlan) -> _Described:
    includes = [f"{name}.parquet" for name in plan.splits]
    files = file_set(_FILES, includes, "A file a split, a row an image.")
    told = [
        column(_FILES, "label", TEXT, "The label."),
        column(_FILES, "path", TEXT, "The image's path in its source."),
    ]
    fields = [
        split_of_file(_FILES, plan.splits),
        column(_FILES, "position", INTEGER, _POSITION),
        *_told(plan, label_id="label_id"),
        *(told if plan.with_labels else []),
        column(_FILES, "pixel_hash", TEXT, _PIXEL_HASH),
        column(_FILES, "source", TEXT, "The source that the image was read from."),
        column(_FILES, "pixels", TEXT, _PIXELS.format(plan.shape)),
    ]
    return [files], [record_set(_IMAGES, "An image a record.", fields)]


def _told(plan: ExportPlan, label_id: str) -> list[JSON]:
    """What tells the label, where that may be told."""
    if not plan.with_labels:
        return []
    label = column(_FILES, label_id, INTEGER, _LABEL_ID)
    return [column(_FILES, "image_id", INTEGER, _IMAGE_ID), {**label, "name": "label_id"}]


def _huggingface(plan: ExportPlan) -> _Described:
    includes = [f"data/{name}.parquet" for name in plan.splits]
    files = file_set(_FILES, includes, "A file a split, a row an image.")
    fields = [
        split_of_file(_FILES, plan.splits, before="data/"),
        column(_FILES, "image", PICTURE, "The image, a PNG file.", json_path="bytes"),
        *_told(plan, label_id="label"),
        column(_FILES, "pixel_hash", TEXT, _PIXEL_HASH),
    ]
    return [files], [record_set(_IMAGES, "An image a record.", fields)]


def _image_folder(plan: ExportPlan) -> _Described:
    within = "*/*.png" if plan.with_labels else "*.png"
    includes = [f"{name}/{within}" for name in plan.splits]
    files = file_set(_FILES, includes, "A PNG file an image; SHA256SUMS has their sha256.")
    image = of_file(_FILES, "image", "content", PICTURE, "The image.")
    file_name = of_file(_FILES, "file_name", "fullpath", TEXT, "Its path, which begins with split.")
    if not plan.with_labels:
        fields = [split_of_file(_FILES, plan.splits), image]
        return [files], [record_set(_IMAGES, "An image a record.", fields)]
    listing = "metadata.jsonl"
    told = [
        column(listing, "label", TEXT, "The label.", file=True),
        column(listing, "split", TEXT, "The split.", file=True),
        column(listing, "image_id", INTEGER, _IMAGE_ID, file=True),
    ]
    file_name["source"]["transform"] = {"regex": "^(.*)$"}  # a text, to be found among texts
    same = {"fileObject": {"@id": listing}, "extract": {"column": "file_name"}}
    fields = [{**file_name, "references": same}, image, *told]
    return [files], [record_set(_IMAGES, "An image a record.", fields)]


def _hashes(plan: ExportPlan) -> _Described:
    file = "hashes.parquet"
    fields = [
        column(file, "split", TEXT, "The split.", file=True),
        column(file, "keyed_hash", TEXT, "BLAKE2b-256 of the image under a key.", file=True),
    ]
    return [], [record_set("hashes", "An image a record.", fields)]


def _labels(file: str) -> JSON:
    fields = [
        column(file, "split", TEXT, "The split.", file=True),
        column(file, "position", INTEGER, _POSITION, file=True),
        column(file, "image_id", INTEGER, _IMAGE_ID, file=True),
        column(file, "label", TEXT, "The label.", file=True),
        column(file, "label_id", INTEGER, _LABEL_ID, file=True),
    ]
    text = "The label of each image, which stands nowhere else."
    return record_set("image_labels", text, fields)


_RECORDS: dict[str, Callable[[ExportPlan], _Described]] = {
    "parquet": _parquet,
    "huggingface": _huggingface,
    "image-folder": _image_folder,
    "hashes": _hashes,
}
