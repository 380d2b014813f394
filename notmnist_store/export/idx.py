"""MNIST's own format: a file of images and a file of labels a split, gzipped IDX arrays.

IDX (Y. LeCun, the page of the MNIST database): two zero bytes, 8 for unsigned bytes, the number of
dimensions, the dimensions as 32-bit integers, the data; all big-endian and row-major.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from notmnist_store.errors import UsageError
from notmnist_store.export.plan import ExportPlan

_MOST_LABELS = 256
_LEVEL = 6


def write_idx(folder: Path, plan: ExportPlan) -> None:
    """``train-images-idx3-ubyte.gz``, ``train-labels-idx1-ubyte.gz``, …, and ``train-ids.npy``.

    Raises:
        UsageError: what the format cannot hold: colour, or more than 256 labels.
    """
    shape = plan.shape
    if shape.channels != 1 or len(plan.labels) > _MOST_LABELS:
        what = "colour" if shape.channels != 1 else f"{len(plan.labels):,} labels"
        raise UsageError(
            f"MNIST's format cannot hold {what}: it has grey images and at most 256 labels",
            f"notmnist-store export {plan.split_set.name} exported --as npz",
        )
    for name, split in plan.splits.items():
        with _gzipped(folder / f"{name}-images-idx3-ubyte.gz") as file:
            file.write(struct.pack(">4B3I", 0, 0, 8, 3, len(split), shape.height, shape.width))
            for window in plan.windows(name):
                file.write(window.images.data)
        if plan.with_labels:
            with _gzipped(folder / f"{name}-labels-idx1-ubyte.gz") as file:
                file.write(struct.pack(">4BI", 0, 0, 8, 1, len(split)))
                file.write(split.label_ids.astype(np.uint8).tobytes())
            np.save(folder / f"{name}-ids.npy", split.ids)
    plan.told["commands"] = "\n".join(
        f"notmnist-store ingest {name}-images-idx3-ubyte.gz" for name in plan.splits
    )


@contextmanager
def _gzipped(path: Path) -> Iterator[gzip.GzipFile]:
    """A gzip file that bears no name and no time: the same content gives the same bytes."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as file:
        yield file
