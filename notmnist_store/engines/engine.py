"""An engine: where statements and kernels run. This one is the local machine.

What another engine does is the same by the same methods: never another result.
"""

from __future__ import annotations

from notmnist_store.catalog.connection import Catalog
from notmnist_store.storage.tables import Tables


class Engine:
    """This machine: DuckDB for the statements, its cores for the kernels."""

    def catalog(self, tables: Tables, memory: float | None = None) -> Catalog:
        """A catalog that shows the store as it is now; `memory` is DuckDB's, in GiB."""
        return Catalog(tables, memory)
