"""Sources that number their classes: IDX pairs, `.npz` and Parquet files, made on the spot."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.archives import picture, png

__all__ = ["FASHION", "idx", "npz", "parquet", "pixels"]

FASHION = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


def pixels(count: int, start: int = 0) -> npt.NDArray[np.uint8]:
    """Grey images that differ, (count, 28, 28)."""
    return np.stack([picture(start + number)[:, :, 0] for number in range(count)])


def idx(folder: Path, labels: Sequence[int], stem: str = "train", start: int = 0) -> Path:
    """A pair of IDX files; returns that of the images."""
    folder.mkdir(parents=True, exist_ok=True)
    images = folder / f"{stem}-images-idx3-ubyte"
    content = pixels(len(labels), start)
    images.write_bytes(struct.pack(">4I", 0x803, *content.shape) + content.tobytes())
    written = struct.pack(">2I", 0x801, len(labels)) + bytes(labels)
    (folder / f"{stem}-labels-idx1-ubyte").write_bytes(written)
    return images


def npz(
    path: Path, labels: Sequence[int], names: Sequence[str] | None = None, start: int = 0
) -> Path:
    """An `.npz` of MedMNIST's keys, with names of the classes where they are given."""
    arrays = {"train_images": pixels(len(labels), start), "train_labels": np.array(labels)[:, None]}
    if names is not None:
        arrays["label_names"] = np.array(names)
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def parquet(
    path: Path, labels: Sequence[int], names: Sequence[str] | None = None, start: int = 0
) -> Path:
    """A Parquet file as the Hugging Face hub has it, with a ClassLabel where there are names."""
    files = [{"bytes": png(image[:, :, None])} for image in pixels(len(labels), start)]
    image = pa.array(files, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    table = pa.table({"image": image, "label": pa.array(labels, pa.int64())})
    if names is not None:
        features = {"label": {"names": list(names), "_type": "ClassLabel"}}
        about = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": about})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path
