"""A folder a split and a class, a PNG file an image, as image folders are."""

from __future__ import annotations

import io
import json
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from notmnist_store.errors import UsageError
from notmnist_store.export.plan import ExportPlan
from notmnist_store.schema.arrays import Pixels

_LONGEST_NAME = 255
_PACKED_AWAY = "__MACOSX"
_SAFE_ANYWHERE = frozenset(string.ascii_lowercase + string.digits + "_-~.")
_SAFE = _SAFE_ANYWHERE | frozenset(string.ascii_uppercase)


def folder_names(labels: Sequence[str]) -> list[str]:
    """A folder's name for each label, from which ``urllib.parse.unquote`` gives the label again.

    All but ASCII letters, digits, ``_``, ``-``, ``~`` and ``.`` is percent-encoded (UTF-8), and so
    is what would hide a folder (a leading ``.``, ``__MACOSX``), and the capitals of labels that
    differ in nothing else: not every file system tells them apart.

    Raises:
        UsageError: an empty label, or one whose name is longer than a file system takes.
    """
    names = [_folder_name(label, _SAFE) for label in labels]
    folded = Counter(name.lower() for name in names)
    return [
        name if folded[name.lower()] == 1 else _folder_name(label, _SAFE_ANYWHERE)
        for label, name in zip(labels, names, strict=True)
    ]


def _folder_name(label: str, safe: frozenset[str]) -> str:
    hides = label.startswith(".") or label == _PACKED_AWAY
    name = "".join(
        c if c in safe and not (hides and place == 0) else _percent(c)
        for place, c in enumerate(label)
    )
    if not name or len(name) > _LONGEST_NAME:
        raise UsageError(
            f"no folder can be named after the label {label[:40]!r}",
            "notmnist-store export ingest exported --as parquet",
        )
    return name


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def png_file(image: Pixels) -> bytes:
    """An image, (height, width) or (height, width, 3), as a PNG file of the same pixels."""
    from PIL import Image

    sink = io.BytesIO()
    Image.fromarray(image).save(sink, "PNG")
    return sink.getvalue()


def write_image_folder(folder: Path, plan: ExportPlan) -> None:
    """``train/A/000000-1234.png``: position and image id; and all of it in ``metadata.jsonl``.

    Without labels ``test/000000.png``, and no such file.
    """
    if not plan.with_labels:
        for name in plan.splits:
            (folder / name).mkdir()
            for position, image in enumerate(_images(plan, name)):
                (folder / name / f"{position:06d}.png").write_bytes(png_file(image))
        return
    folders = folder_names(plan.labels)
    with (folder / "metadata.jsonl").open("w", encoding="utf-8") as listing:
        for name in plan.splits:
            for label_folder in folders:
                (folder / name / label_folder).mkdir(parents=True)
            rows = plan.label_rows(name)
            for image, row in zip(_images(plan, name), rows, strict=True):
                split, position, image_id, label, label_id = row
                file_name = f"{split}/{folders[label_id]}/{position:06d}-{image_id}.png"
                (folder / file_name).write_bytes(png_file(image))
                line = {"file_name": file_name, "label": label, "split": split}
                listing.write(json.dumps({**line, "image_id": image_id}) + "\n")


def _images(plan: ExportPlan, split: str) -> Iterator[Pixels]:
    return (image for window in plan.windows(split) for image in window.images)
