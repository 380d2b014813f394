"""What every export format is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.split_sets import SplitSet
from notmnist_store.loading.split import Batch, Split
from notmnist_store.progress import Progress
from notmnist_store.schema.shape import Shape


@dataclass
class ExportPlan:
    """The splits to write, in the order train, valid, test, unused.

    Without labels, nothing that tells them is written beside the pixels: no label, no path, and no
    image id, whose low bits are the image's place in an archive sorted by class.
    """

    split_set: SplitSet
    splits: dict[str, Split]
    with_labels: bool
    progress: Progress
    key: bytes | None = None
    told: dict[str, str] = field(default_factory=dict, init=False)
    _done: int = field(default=0, init=False)

    @property
    def labels(self) -> list[str]:
        """Names of the labels; a label's place is its label_id."""
        return list(self.split_set.labels)

    @property
    def shape(self) -> Shape:
        """Of every image."""
        return self.splits[self.first].shape

    @property
    def first(self) -> str:
        """The first split, for examples."""
        return next(iter(self.splits))

    def windows(self, split: str) -> Iterator[Batch]:
        """The images of a split in order, in pieces of bounded memory."""
        for window in self.splits[split].windows():
            yield window
            self._advance(len(window.ids))

    def tables(self, split: str) -> Iterator[pa.Table]:
        """The rows of a split in order, in such pieces; see `Split.to_arrow`."""
        for table in self.splits[split].arrow_windows():
            yield (
                table
                if self.with_labels
                else table.drop_columns(["image_id", "label", "label_id", "path"])
            )
            self._advance(table.num_rows)

    def label_rows(self, split: str) -> Iterator[tuple[Any, ...]]:
        """(split, position, image_id, label, label_id) of a split's images in order."""
        labels = self.labels
        ids, label_ids = self.splits[split].ids.tolist(), self.splits[split].label_ids.tolist()
        for position, (image_id, label_id) in enumerate(zip(ids, label_ids, strict=True)):
            yield split, position, image_id, labels[label_id], label_id

    def _advance(self, images: int) -> None:
        self._done += images
        self.progress.advance(self._done)


Writer = Callable[[Path, ExportPlan], None]
"""Writes the files of a format into a folder; what README.md needs of them goes to `told`."""
