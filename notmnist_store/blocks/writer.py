"""Data files of an ingest, one a block of member positions.

Blocks and row groups are cut by position alone, so files, rows and values are the same for any
number of workers and any size of the batches that come in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from notmnist_store.blocks.kernels.rows import RowRules, Rows, make_rows
from notmnist_store.blocks.kernels.tally import Tally
from notmnist_store.errors import BudgetError
from notmnist_store.location.location import Location
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.datafile import DataFile, DataFileWriter
from notmnist_store.storage.filesystem import take_back
from notmnist_store.storage.pause import reached

BLOCK_TABLES = ("image", "reject", "attribute")
"""Tables of which a block has a data file, where it has rows of them."""


@dataclass(frozen=True)
class Block:
    """One finished block: its data files, its tally, and keys of its paths to find copies by."""

    number: int
    files: tuple[DataFile, ...]
    tally: Tally
    path_keys: npt.NDArray[np.uint64]


def block_stem(run_id: str, number: int) -> str:
    """How the name of a block's data file begins, the same in every table's folder."""
    return f"{run_id}-{number:06d}"


def split_by_block(batch: pa.RecordBatch, members: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Cut a batch of consecutive positions at multiples of `members`: (number, part) pairs."""
    if not len(batch):
        return
    first = batch.column("position")[0].as_py()
    start = 0
    while start < len(batch):
        number = (first + start) // members
        stop = min(len(batch), (number + 1) * members - first)
        yield number, batch.slice(start, stop - start)
        start = stop


class BlockWriter:
    """Turns member batches, in order of position, into data files of one run."""

    def __init__(self, root: Location, rules: RowRules) -> None:
        self._root = root
        self._rules = rules
        self._shape: Shape = rules.shape
        self._open: _OpenBlock | None = None
        self._labels: set[str] = set()
        self.blocks: list[Block] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next batch.

        Raises:
            BudgetError: there are more labels than the rules allow.
            StoreError: its rows cannot be written.
        """
        for group, part in split_by_block(batch, self._shape.group_members):
            number = group * self._shape.group_members // self._shape.block_members
            if self._open is not None and self._open.number != number:
                self._finish()
            if self._open is None:
                self._open = _OpenBlock(number, self._root, self._rules.run_id)
            self._open.add(group, make_rows(part, self._rules))

    def close(self) -> list[Block]:
        """Finish the last block, and give all blocks written; raises what `add` does."""
        self._finish()
        return self.blocks

    def abandon(self) -> None:
        """Delete every file written: this run will not be finished."""
        for block in self.blocks:
            for file in block.files:
                take_back(self._root / file.table / file.name)

    def _finish(self) -> None:
        if self._open is not None:
            block = self._open.close()
            self._open = None
            self.blocks.append(block)
            self._check_labels(block)

    def _check_labels(self, block: Block) -> None:
        """Stop where a source is made of labels: they are kept in memory until its end."""
        self._labels.update(label for _, label, _ in block.tally.seen if label is not None)
        found, most = len(self._labels), self._rules.max_labels
        if found > most:
            raise BudgetError(
                f"{self._rules.source} has at least {found:,} labels, more than {most:,}",
                option=f"--max-labels {found * 4}",
            )


class _OpenBlock:
    """A block being written: rows of one row group as they came, earlier ones as Parquet."""

    def __init__(self, number: int, root: Location, run_id: str) -> None:
        self.number = number
        self._root = root
        self._stem = block_stem(run_id, number)
        self._writers: dict[str, DataFileWriter] = {}
        self._waiting: dict[str, list[pa.Table]] = {name: [] for name in BLOCK_TABLES}
        self._group = -1
        self._tally = Tally()
        self._keys: list[npt.NDArray[np.uint64]] = []

    def add(self, group: int, rows: Rows) -> None:
        if group != self._group:
            self._write_group()
            self._group = group
        self._tally.add(rows.tally)
        self._keys.append(rows.path_keys)
        parts = (rows.images, rows.rejects, rows.attributes)
        for table, part in zip(BLOCK_TABLES, parts, strict=True):
            if part.num_rows:
                self._waiting[table].append(part)

    def close(self) -> Block:
        self._write_group()
        files = [
            writer.put(self._root / table, self._stem) for table, writer in self._writers.items()
        ]
        return Block(self.number, tuple(files), self._tally, np.concatenate(self._keys))

    def _write_group(self) -> None:
        for table, parts in self._waiting.items():
            if not parts:
                continue
            if table not in self._writers:
                self._writers[table] = DataFileWriter(TABLES[table])
                reached(f"{table} begun")
            # One chunk a column: else the pages would be cut where the batches were.
            group = pa.concat_tables(parts).combine_chunks()
            self._writers[table].write(group, max(1, group.num_rows))
            parts.clear()
