"""The verb info: what a store holds, in one table."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import find_query
from notmnist_store.catalog.split_sets import split_sets
from notmnist_store.storage.tables import Tables

_LAST_RUNS = 5


def info(tables: Tables, catalog: Catalog) -> pa.Table:
    """Settings, tables, sources, split sets and last runs: rows of what, name, rows, detail."""
    marker = tables.marker
    rows: list[dict[str, Any]] = []

    def add(what: str, name: str, count: int | None = None, detail: str = "") -> None:
        rows.append({"what": what, "name": name, "rows": count, "detail": detail})

    kind = "demo: the offline set, not notMNIST" if marker.demo else "real data"
    shares = ", ".join(f"{split} {share}" for split, share in marker.fractions)
    add("store", str(tables.root), None, f"{kind}; images {marker.shape}; split by hash {shares}")
    for row in catalog.query(find_query("reports", "storage").sql).to_pylist():
        state = "" if row["state"] == "live" else f" ({row['state']}, in no view)"
        detail = f"{row['files']} files, {row['bytes']:,} bytes{state}"
        add("table", row["table_name"], row["rows"], detail)
    for row in catalog.query(find_query("reports", "sources").sql).to_pylist():
        add("source", row["source"], row["images"], f"{row['labels']} labels")
    for made in split_sets(catalog):
        counted = ", ".join(f"{split} {n:,}" for split, n in made.counts.items() if n)
        how = "" if made.is_ingest else f"; version {made.version}, recipe {made.recipe}"
        add("split set", made.name, sum(made.counts.values()), f"{counted}{how}")
    decided = "select action, count(*) as n from decision where is_current group by 1 order by 1"
    for row in catalog.query(decided).to_pylist():
        add("decision", row["action"], row["n"], "that count; see report decisions")
    runs = tables.runs()
    earlier = max(len(runs) - _LAST_RUNS, 0)
    if earlier:
        add("runs", "earlier ones", earlier, "not shown; all: select * from run")
    for run in runs.slice(earlier).to_pylist():
        detail = f"{run['verb']} {run['source'] or ''} in {run['seconds']:.1f} s"
        add("run", run["run_id"], run["members_stored"], detail)
    schema = pa.schema(
        [
            ("what", pa.string()),
            ("name", pa.string()),
            ("rows", pa.int64()),
            ("detail", pa.string()),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)
