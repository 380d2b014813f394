"""Views that many statements read, computed once for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import views_read

_WORTH_HOLDING = ("image", "duplicate_image", "split_image", "leak")
_BY_SPLIT_SET = ("split_image", "leak")
_READERS = 3


def hold_shared(catalog: Catalog, statements: Sequence[str], split_set: str) -> Catalog:
    """Hold the large views that at least three of these statements read; returns `catalog`.

    Of views that have a column split_set the rows of this one are held.
    """
    read = [views_read(statement) for statement in statements]
    for view in _WORTH_HOLDING:
        if sum(view in names for names in read) < _READERS:
            continue
        if view not in _BY_SPLIT_SET:
            catalog.hold(view)
        else:
            catalog.hold(view, split_set=split_set)
    return catalog
