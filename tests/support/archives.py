"""Class-folder sources made on the spot: PNG files by path, packed as tar, zip or folder."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["class_files", "pack", "picture", "png"]

Files = Iterable[tuple[str, bytes]]


def picture(number: int, height: int = 28, width: int = 28, channels: int = 1) -> np.ndarray:
    """Pixels of shape (height, width, channels), other ones for each number, cheap to compress."""
    rows, columns = np.arange(height)[:, None, None], np.arange(width)[None, :, None]
    wave = rows * (number % 31 + 1) + columns * (number // 31 + 1)
    return np.broadcast_to(wave % 256, (height, width, channels)).astype(np.uint8)


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A PNG file of pixels of shape (height, width, 1 or 3)."""
    sink = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(sink, "PNG")
    return sink.getvalue()


def class_files(
    labels: Sequence[str] = ("A", "B", "C"), each: int = 4, root: str = "set", start: int = 0
) -> list[tuple[str, bytes]]:
    """(path, PNG) of different images, `each` a label, in folders root/label."""
    return [
        (f"{root}/{label}/{number:05d}.png", png(picture(start + place * each + number)))
        for place, label in enumerate(labels)
        for number in range(each)
    ]


def pack(target: Path, files: Files) -> Path:
    """Write the files, in this order, as what the suffix says: .tar.gz, .tar, .zip or a folder.

    The same files make the same bytes, whenever. A folder stands for the first component of the
    paths, as when an archive is unpacked.
    """
    if target.name.endswith((".tar.gz", ".tar")):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path, content in files:
                member = tarfile.TarInfo(path)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        plain = packed.getvalue()
        target.write_bytes(gzip.compress(plain, mtime=0) if target.suffix == ".gz" else plain)
    elif target.suffix == ".zip":
        with zipfile.ZipFile(target, "w") as zipped:
            for path, content in files:
                zipped.writestr(zipfile.ZipInfo(path), content)
    else:
        for path, content in files:
            file = target / path.partition("/")[2]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return target
