"""The members of a source as rows, held to what every source promises of its batches."""

from __future__ import annotations

from typing import Any

from notmnist_store.sources.base import Source


def rows(
    source: Source, batch_members: int = 4096, batch_bytes: int = 1 << 20
) -> list[dict[str, Any]]:
    """All members, with batches that are valid, not empty and not too long, and places in order."""
    found: list[dict[str, Any]] = []
    for batch in source.members(batch_members, batch_bytes):
        batch.validate(full=True)
        assert 0 < batch.num_rows <= batch_members
        data = batch["data"].to_pylist()
        assert len(data) == 1 or sum(len(file or b"") for file in data) <= batch_bytes
        found += batch.to_pylist()
    assert [row["position"] for row in found] == list(range(len(found)))
    return found
