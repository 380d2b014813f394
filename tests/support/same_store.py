"""Two stores held against each other, row by row, but for what is another one in every run."""

from __future__ import annotations

from typing import Any

from notmnist_store.store import Store

ROWS = {
    "image": "select * exclude (run_id) from stored_image",
    "attribute": "select * exclude (run_id) from stored_attribute",
    "reject": "select * exclude (run_id) from stored_reject",
    "ledger": "select * exclude (run_id) from stored_ledger",
    "label_order": "select * exclude (run_id) from stored_label_order",
    "run": "select verb, sequence, source, source_sha256, source_bytes, members_seen,"
    " members_stored, members_rejected, members_ignored, arguments, state from run"
    " where verb <> 'certify'",
    "pair": "select * exclude (run_id) from stored_pair",
    "pair_step": "select * exclude (run_id) from stored_pair_step",
    "star": "select * exclude (run_id) from stored_star",
    "radius_join": "select * exclude (run_id) from stored_radius_join",
    "contrast_pair": "select * exclude (run_id) from stored_contrast_pair",
    "certificate": "select * exclude (run_id, join_run) from stored_certificate",
    "duplicate_image": "select * from duplicate_image",
}
"""What is compared, by its name; order does not count."""


def rows_of(store: Store) -> dict[str, list[dict[str, Any]]]:
    """All rows of a store that an ingest and a search give it."""
    return {name: store.sql(f"{sql} order by all").rows() for name, sql in ROWS.items()}


def assert_same_store(one: Store, other: Store) -> None:
    """The two hold the same rows."""
    expected, found = rows_of(one), rows_of(other)
    for name in ROWS:
        assert found[name] == expected[name], name
