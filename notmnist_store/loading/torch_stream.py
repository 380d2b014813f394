"""A split for torch without a copy of its pixels: an iterable data set that workers share.

Imported where a stream is asked for, since torch is no dependency, and a data set is of its class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import IterableDataset, get_worker_info

from notmnist_store.loading.split_pixels import SplitPixels
from notmnist_store.loading.torch_split import tensors_of
from notmnist_store.schema.arrays import Ints, Pixels

_PIECE_BYTES = 8 << 20


class TorchStream(IterableDataset):  # type: ignore[misc]
    """(image, label) one after the other, for ``torch.utils.data.DataLoader``, from the store.

    Images, labels and `transform` are those of `TorchSplit`. Each of DataLoader's workers reads
    its share: together every image once an epoch. Without `shuffle_seed` a worker has a stretch of
    the split in its order; with one, its images are shuffled as `Split.batches` does it, in another
    order each epoch, which `set_epoch` names before the epoch begins, also for workers that stay.
    """

    def __init__(
        self,
        pixels: SplitPixels,
        label_ids: Ints,
        dtype: str,
        transform: Callable[[Any], Any] | None,
        shuffle_seed: int | None,
        buffer: int,
    ) -> None:
        self._pixels = pixels
        self._label_ids = label_ids
        self._dtype = dtype
        self._transform = transform
        self._seed = shuffle_seed
        self._buffer = buffer
        # In memory that all processes see: a worker may outlive an epoch.
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next; the first is 0."""
        self._epoch[0] = epoch

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        worker = get_worker_info()
        share, shares = (0, 1) if worker is None else (worker.id, worker.num_workers)
        shape = self._pixels.tables.marker.shape
        for places, flat in self._pieces(share, shares):
            pixels = flat.reshape(-1, shape.height, shape.width, shape.channels)
            images = tensors_of(pixels, self._dtype, self._transform)
            yield from zip(images, self._label_ids[places].tolist(), strict=True)

    def _pieces(self, share: int, shares: int) -> Iterator[tuple[Ints, Pixels]]:
        rows = max(1, _PIECE_BYTES // self._pixels.tables.marker.shape.size)
        if self._seed is None:
            yield from self._pixels.in_order(rows, share, shares)
            return
        epoch = int(self._epoch[0])
        for places, flat in self._pixels.shuffled(self._seed, epoch, self._buffer, share, shares):
            for at in range(0, len(places), rows):
                yield places[at : at + rows], flat[at : at + rows]
