"""A split for torch: a map-style data set over a memory-mapped copy of its pixels.

torch is no dependency: it is imported when a data set is made, and only then.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from notmnist_store.errors import StoreError
from notmnist_store.schema.arrays import Ints, Pixels
from notmnist_store.storage.filesystem import disk_errors
from notmnist_store.storage.gather import to_notebook_scale
from notmnist_store.storage.placed_folder import placed_folder

_IMAGES, _LABELS = "images.npy", "labels.npy"


def cached_arrays(
    cache: Path | None,
    name: str,
    shape: tuple[int, int, int, int],
    labels: Ints,
    images: Callable[[], Iterable[Pixels]],
) -> Path:
    """The folder `cache`/`name` with images.npy, uint8 of `shape`, and labels.npy, int64 (n,).

    It is made where it is not there yet, whole or not at all; `images` gives the pieces of the
    array in order. `name` stands for the content. The default of `cache` is ``notmnist_store``
    in ``$XDG_CACHE_HOME`` or ``~/.cache``.

    Raises:
        StoreError: the folder cannot be written.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "notmnist_store"
    folder = (cache or home) / name
    if folder.is_dir():
        return folder
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with placed_folder(folder) as beside:
            with (beside / _IMAGES).open("wb") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                for piece in images():
                    file.write(piece.data)
            np.save(beside / _LABELS, labels)
    except StoreError:
        if not folder.is_dir():  # else another process has made the same meanwhile
            raise
    return folder


class TorchSplit:
    """(image, label) by index, for ``torch.utils.data.DataLoader``; indices as in the split.

    An image is a tensor (channels, height, width): uint8 as stored, or float32 in the notebook's
    scale, (x - 127.5) / 255; `transform`, as those of torchvision, gives what takes its place. A
    label is an int. ``__getitems__`` reads a whole batch at once, which DataLoader uses by itself.
    Worker processes open the memory map anew, so nothing is copied to them.
    """

    def __init__(
        self,
        folder: Path,
        dtype: str = "uint8",
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        import_torch()
        self._folder = folder
        self._dtype = dtype
        self._transform = transform
        self._images: Pixels = np.load(folder / _IMAGES, mmap_mode="r")
        self._labels: Ints = np.load(folder / _LABELS)

    def __reduce__(self) -> tuple[type[TorchSplit], tuple[Path, str, Callable[[Any], Any] | None]]:
        return TorchSplit, (self._folder, self._dtype, self._transform)

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """The image at `index` and its label; IndexError beyond the end."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, int]]:
        """The images at `indices` and their labels, as a list of pairs."""
        images = tensors_of(self._images[indices], self._dtype, self._transform)
        return list(zip(images, self._labels[indices].tolist(), strict=True))


def import_torch() -> Any:
    """The module torch; StoreError where it is not installed."""
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise StoreError("torch is not installed", "python -m pip install torch") from error


def tensors_of(pixels: Pixels, dtype: str, transform: Callable[[Any], Any] | None) -> Iterable[Any]:
    """Images (n, height, width, channels) uint8 as tensors (channels, height, width) of `dtype`.

    float32 is in the notebook's scale; what `transform` gives for one takes its place.
    """
    turned = pixels.transpose(0, 3, 1, 2)
    images: npt.NDArray[Any] = np.empty(turned.shape, dtype)
    if dtype == "float32":
        to_notebook_scale(turned, images)
    else:
        images[:] = turned
    tensors: Iterable[Any] = import_torch().from_numpy(images)
    return tensors if transform is None else map(transform, tensors)
