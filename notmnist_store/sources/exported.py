"""What an export says of itself beside its files: the order of its labels."""

from __future__ import annotations

import json

from notmnist_store.location.location import Location

EXPORT_MARK = "export.json"
"""A folder with this file in it is an export."""

_LARGEST = 64 << 20


def exported_labels(folder: Location) -> tuple[str, ...] | None:
    """Labels in their order of the export that this folder is; null where it is none."""
    mark = folder / EXPORT_MARK
    try:
        if not mark.is_file() or mark.is_symlink() or mark.stat().st_size > _LARGEST:
            return None
        said = json.loads(mark.read_text(encoding="utf-8"))
        labels = said["labels"] if said["made_by"] == "notmnist-store" else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return None
    return tuple(labels) if len(set(labels)) == len(labels) else None
