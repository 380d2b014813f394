"""What an export says of itself beside its files: the order of its labels, and attributes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.location.location import Location
from notmnist_store.schema.arrays import Ints
from notmnist_store.sources.base import Source, SourceFile
from notmnist_store.sources.damage import damaged
from notmnist_store.sources.given_texts import given_attributes
from notmnist_store.sources.limits import Meter

EXPORT_MARK = "export.json"
"""A folder with this file in it is an export."""

ATTRIBUTES_FILE = "attributes.csv"
"""A row an image and name: split, position, image_id, name and value."""

_LARGEST = 64 << 20
_COLUMNS = {"image_id": pa.int64(), "name": pa.string(), "value": pa.string()}


def exported_labels(folder: Location) -> tuple[str, ...] | None:
    """Labels in their order of the export that this folder is; null where it is none."""
    labels = _about(folder).get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return None
    return tuple(labels) if len(set(labels)) == len(labels) else None


def _about(folder: Location) -> Mapping[str, Any]:
    """What the mark of an export says; nothing where there is none."""
    mark = folder / EXPORT_MARK
    try:
        if not mark.is_file() or mark.is_symlink() or mark.stat().st_size > _LARGEST:
            return {}
        said = json.loads(mark.read_text(encoding="utf-8"))
        return said if said["made_by"] == "notmnist-store" else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


class ExportedAttributes:
    """Attributes that an export has of the images of a source that it is, or one file of it.

    They are found by the ids that images had in the store that exported them, and looked for when
    a first image bears one.
    """

    def __init__(self, source: Source) -> None:
        self._path = source.path
        self._limits = source.limits

    def added(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch of members, with what the export says of them beside what they say themselves.

        Raises:
            SourceError: the file of the attributes is damaged.
            BudgetError: it passed a limit.
        """
        origins = batch["origin_image_id"]
        if origins.null_count == len(batch) or not len(self._table):
            return batch
        ids = origins.fill_null(0).to_numpy()
        starts, stops = (np.searchsorted(self._ids, ids, side) for side in ("left", "right"))
        said = batch["attributes"].to_pylist()
        for row in np.flatnonzero((stops > starts) & origins.is_valid().to_numpy(False)).tolist():
            part = self._table.slice(starts[row], stops[row] - starts[row])
            names, values = (part[name].to_pylist() for name in ("name", "value"))
            own = json.loads(said[row] or "{}")
            said[row] = given_attributes({**dict(zip(names, values, strict=True)), **own})
        place = batch.schema.get_field_index("attributes")
        return batch.set_column(place, batch.schema.field(place), pa.array(said, pa.string()))

    @cached_property
    def _table(self) -> pa.Table:
        """The rows of the file, by image."""
        folder = self._path if self._path.is_dir() else self._path.parent
        file = folder / ATTRIBUTES_FILE
        if _about(folder).get("attributes_file") != ATTRIBUTES_FILE or file.is_symlink():
            return pa.table({name: pa.array([], kind) for name, kind in _COLUMNS.items()})
        from pyarrow.csv import ConvertOptions, ParseOptions, read_csv

        source_file = SourceFile(file)
        Meter(str(file), self._limits).count_bytes(source_file.size)
        with source_file.open() as opened:
            try:
                table = read_csv(
                    opened,
                    parse_options=ParseOptions(newlines_in_values=True),
                    convert_options=ConvertOptions(
                        column_types=_COLUMNS, include_columns=list(_COLUMNS)
                    ),
                )
            except (pa.ArrowException, KeyError) as error:
                raise damaged(f"{file} is damaged: {error}") from None
        order = pc.sort_indices(table["image_id"])
        return table.take(order).combine_chunks()

    @cached_property
    def _ids(self) -> Ints:
        ids: Ints = self._table["image_id"].to_numpy()
        return ids
