"""The verb export: a split set as a folder of files that other programs read.

The folder holds the images in one format, README.md, export.json, croissant.json and SHA256SUMS.
The same version of a split set gives the same bytes again, as long as as much is known of copies.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.split_sets import SplitSet, find_split_set, split_rows, unlabelled_note
from notmnist_store.decisions.effects import decision_note
from notmnist_store.errors import UsageError
from notmnist_store.export import arrays, columns, huggingface, idx, notebook, pictures
from notmnist_store.export.croissant import CROISSANT
from notmnist_store.export.described import described_export
from notmnist_store.export.folder import check_target, file_sums, target_folder, write_sums
from notmnist_store.export.hashes import read_key, write_hashes
from notmnist_store.export.plan import ExportPlan, Writer
from notmnist_store.export.quality import given_texts, quality
from notmnist_store.export.readme import readme
from notmnist_store.loading.split import Split
from notmnist_store.location.location import Location
from notmnist_store.progress import Progress
from notmnist_store.schema.words import SPLITS, USED
from notmnist_store.sources.exported import ATTRIBUTES_FILE, EXPORT_MARK
from notmnist_store.splits.make import split_digest
from notmnist_store.storage.filesystem import file_sha256
from notmnist_store.storage.tables import Tables
from notmnist_store.text import did_you_mean

WRITERS: dict[str, Writer] = {
    "npz": arrays.write_npz,
    "npy": arrays.write_npy,
    "arrow": columns.write_arrow,
    "parquet": columns.write_parquet,
    "notebook-pickle": notebook.write_notebook_pickle,
    "idx": idx.write_idx,
    "huggingface": huggingface.write_huggingface,
    "image-folder": pictures.write_image_folder,
    "hashes": write_hashes,
}
"""Formats by the name that --as takes."""

LABELS_FILE = "labels.csv"
_CSV_ROWS = 65_536


def export(
    tables: Tables,
    name: str,
    out: Location,
    progress: Progress,
    *,
    form: str,
    splits: str | Sequence[str] | None = None,
    with_labels: bool = True,
    key_file: Path | None = None,
    force: bool = False,
) -> pa.Table:
    """Write splits of a split set to the folder `out` in the format `form` of WRITERS.

    `splits` (text with commas, or names) are train, valid and test by default. `with_labels` false
    puts the labels into a file of their own; `key_file` goes with hashes; `force` replaces an
    export.

    Returns one row a split: split_set, version, format, split, images, digest.
    """
    write = _writer(form, with_labels=with_labels, has_key=key_file is not None)
    check_target(out, tables.root, force=force)
    key = read_key(key_file) if key_file is not None else None
    catalog = Catalog(tables)
    split_set = find_split_set(catalog, name)
    chosen = {
        split: Split(tables, catalog, split_set, split, split_rows(catalog, split_set, split))
        for split in _chosen(split_set, splits)
    }
    for note in (decision_note(catalog, split_set), *unlabelled_note(catalog)):
        if note:
            progress.note(note)
    has_labels = form != "hashes"
    if has_labels and not with_labels and split_set.is_ingest:
        raise UsageError(
            "the order of ingest is by class, so it would tell the labels that are left out",
            "notmnist-store split my_split",
        )
    sql = load_queries("export")
    plan = ExportPlan(split_set, chosen, has_labels and with_labels, progress, key)
    digest = split_set.digest or split_digest(catalog.query(sql["ingest_rows"].sql))
    sources = catalog.query(sql["sources"].sql, {"runs": list(split_set.image_runs)}).to_pylist()
    images = sum(map(len, chosen.values()))
    attributes = {split: members.attributes() for split, members in chosen.items() if has_labels}
    given = given_texts(sources if has_labels else [])
    measured = quality(tables, name) if has_labels else ([], [])
    with progress.during("exporting", images, "images"), target_folder(out) as folder:
        write(folder, plan)
        has_attributes = any(len(rows) for rows in attributes.values())
        about = _about(plan, form, digest, has_attributes=has_attributes)
        if about.get("labels_file"):
            _write_labels(folder / LABELS_FILE, plan)
        if about.get("attributes_file"):
            _write_attributes(folder / ATTRIBUTES_FILE, attributes)
        text = json.dumps(about, indent=2, ensure_ascii=True) + "\n"
        (folder / EXPORT_MARK).write_text(text, encoding="utf-8")
        page = readme(plan, about, sources)
        (folder / "README.md").write_text(page, encoding="utf-8")
        sums = file_sums(folder)
        described = described_export(plan, about, sums, folder, measured=measured, given=given)
        text = json.dumps(described, indent=1, ensure_ascii=False) + "\n"
        (folder / CROISSANT).write_text(text, encoding="utf-8")
        write_sums(folder, sums | {CROISSANT: file_sha256(folder / CROISSANT)})
    rows = [
        {
            "split_set": split_set.name,
            "version": split_set.version,
            "format": form,
            "split": split,
            "images": len(members),
            "digest": digest,
        }
        for split, members in chosen.items()
    ]
    return pa.Table.from_pylist(rows)


def _writer(form: str, *, with_labels: bool, has_key: bool) -> Writer:
    example = "notmnist-store export ingest exported --as npz"
    if form not in WRITERS:
        raise UsageError(did_you_mean("format", form, WRITERS), example)
    if form == "hashes" and not has_key:
        raise UsageError(
            "hashes need a key that only the partners have; make one and give it with --key-file",
            "head -c 32 /dev/urandom > partners.key",
        )
    if form != "hashes" and has_key:
        raise UsageError("--key-file goes with --as hashes", example)
    if form == "notebook-pickle" and not with_labels:
        raise UsageError("the notebook's file always holds labels", example)
    return WRITERS[form]


def _chosen(split_set: SplitSet, asked: str | Sequence[str] | None) -> list[str]:
    """The splits to write in their order; without `asked`, train, valid and test that have images.

    An unknown or empty one is kept, for `split_rows` to refuse.
    """
    if isinstance(asked, str):
        asked = [name.strip() for name in asked.split(",")]
    if asked is None:
        asked = [split for split in USED if split_set.counts[split]]
    if not asked:
        raise UsageError(
            f"{split_set.name} has no images in {', '.join(USED)}",
            f"notmnist-store split-show {split_set.name}",
        )
    unknown = [split for split in asked if split not in SPLITS]
    return unknown + [split for split in SPLITS if split in asked]


def _about(plan: ExportPlan, form: str, digest: str, *, has_attributes: bool) -> dict[str, Any]:
    """What export.json says."""
    split_set = plan.split_set
    about = {
        "made_by": "notmnist-store",
        "format": form,
        "split_set": split_set.name,
        "version": split_set.version,
        "splits": {split: len(images) for split, images in plan.splits.items()},
        "shape": str(plan.shape),
    }
    if form == "hashes":
        return about  # it goes to those who are to learn nothing else
    return about | {
        "recipe": split_set.recipe,
        "arguments": json.loads(split_set.arguments),
        "digest": digest,
        "labels": plan.labels,
        "labels_file": None if plan.with_labels else LABELS_FILE,
        "attributes_file": ATTRIBUTES_FILE if has_attributes else None,
    }


def _write_labels(target: Path, plan: ExportPlan) -> None:
    rows = chain.from_iterable(map(plan.label_rows, plan.splits))
    _write_csv(target, ("split", "position", "image_id", "label", "label_id"), rows)


def _write_attributes(target: Path, attributes: Mapping[str, pa.Table]) -> None:
    rows = (
        (split, *row)
        for split, table in attributes.items()
        for batch in table.to_batches(_CSV_ROWS)
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    )
    _write_csv(target, ("split", "position", "image_id", "name", "value"), rows)


def _write_csv(target: Path, header: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
