"""What every method of a store stands on: its path, its catalog, its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from notmnist_store.progress import Progress
from notmnist_store.result import Result
from notmnist_store.storage.tables import Tables

if TYPE_CHECKING:
    from notmnist_store.storage.catalog import Catalog

__all__ = ["StoreBase"]


class StoreBase:
    """A store at a path, without its commands."""

    def __init__(self, path: str | Path = "store", *, progress: Progress | None = None) -> None:
        self.path = Path(path)
        self._progress = progress or Progress()

    def __repr__(self) -> str:
        return f"notmnist_store.open({str(self.path)!r})"

    def thumbnails(self, ids: Sequence[int]) -> dict[int, bytes]:
        """PNG files of these images, by id; ids the store does not have are left out."""
        from notmnist_store.contact_sheet import png_thumbnail
        from notmnist_store.storage.pixels import pixels_by_id

        found = pixels_by_id(Tables.open(self.path), ids)
        return {image_id: png_thumbnail(picture) for image_id, picture in found.items()}

    def terminal_sheet(self, rows: Result, *, width: int, colour: bool) -> str:
        """The pictures of what `peek` gave, as text `width` columns wide."""
        from notmnist_store.contact_sheet import terminal_sheet
        from notmnist_store.peek_pictures import pictures_of

        strips, captions = pictures_of(Tables.open(self.path), rows.arrow())
        return terminal_sheet(strips, captions, width=width, colour=colour)

    def _catalog(self) -> Catalog:
        from notmnist_store.storage.catalog import Catalog

        return Catalog(Tables.open(self.path))

    def _result(self, table: pa.Table) -> Result:
        return Result(table, self.thumbnails)
