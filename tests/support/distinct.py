"""Archives of given pictures, and the different pictures that a store has of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from notmnist_store.store import Store
from tests.support.archives import pack, png

__all__ = ["archive_of", "distinct_pictures"]


def archive_of(path: Path, images: Iterable[npt.NDArray[np.uint8]], root: str = "set") -> Path:
    """An archive of pictures (height, width, channels) under the labels A, B and C in turn."""
    files = [
        (f"{root}/{'ABC'[number % 3]}/{number:04d}.png", png(image))
        for number, image in enumerate(images)
    ]
    return pack(path, files)


def distinct_pictures(store: Store) -> dict[int, npt.NDArray[np.uint8]]:
    """Each different picture (d,), by the image ingested first, in that order."""
    rows = store.sql(
        "select image_pixels.image_id, image_pixels.pixels from image_pixels"
        " inner join image on image.image_id = image_pixels.image_id"
        " inner join run on run.run_id = image.run_id"
        " order by run.sequence, image.image_id % 4294967296"
    ).rows()
    first: dict[bytes, int] = {}
    for row in rows:
        first.setdefault(row["pixels"], row["image_id"])
    return {image_id: np.frombuffer(pixels, np.uint8) for pixels, image_id in first.items()}
