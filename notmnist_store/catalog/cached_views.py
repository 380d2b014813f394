"""Views that many statements read, computed once for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import views_read

_READERS = {"pair": 1, "image": 3, "duplicate_image": 3, "split_image": 3, "leak": 3}
"""How many statements must read a view to make it worth holding.

Of pairs one is enough: DuckDB knows how many rows it holds, and else builds its joins on millions.
"""

_BY_SPLIT_SET = ("split_image", "leak")


def hold_shared(catalog: Catalog, statements: Sequence[str], split_set: str) -> Catalog:
    """Hold the large views that enough of these statements read; returns `catalog`.

    Of views that have a column split_set the rows of this one are held.
    """
    read = [views_read(statement) for statement in statements]
    for view, readers in _READERS.items():
        if sum(view in names for names in read) < readers:
            continue
        if view not in _BY_SPLIT_SET:
            catalog.hold(view)
        else:
            catalog.hold(view, split_set=split_set)
    return catalog
