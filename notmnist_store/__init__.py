"""notMNIST and other image class folders as a columnar store that one queries with DuckDB.

>>> import notmnist_store
>>> store = notmnist_store.open("store")
>>> store.sql("select label, count(*) as images from image group by label order by label")
"""

from __future__ import annotations

from pathlib import Path

from notmnist_store.errors import (
    BudgetError,
    ChecksError,
    QueryError,
    SourceError,
    StoreError,
    UsageError,
)
from notmnist_store.store import Store, download, glyphs

__all__ = [
    "BudgetError",
    "ChecksError",
    "QueryError",
    "SourceError",
    "StoreError",
    "UsageError",
    "__version__",
    "download",
    "glyphs",
    "open",
]

__version__ = "0.1.0"


def open(path: str | Path = "store") -> Store:
    """Open the store at `path`. Nothing is read yet; `Store.ingest` makes one where none is."""
    return Store(path)
