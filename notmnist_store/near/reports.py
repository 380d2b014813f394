"""Reports by name, and free queries: a radius beyond what was searched would give too few rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import bind, find_query, load_queries
from notmnist_store.catalog.split_sets import show_versions
from notmnist_store.near.evidence import check_radius, check_transforms
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.transforms import Transforms

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def list_reports(folder: Path | None) -> pa.Table:
    """Names, titles and parameters of the reports; those in `folder` go before ours."""
    rows = [
        {"name": one.name, "title": one.title, "parameters": ", ".join(one.parameters)}
        for one in load_queries("reports", folder).values()
    ]
    return pa.Table.from_pylist(rows)


def run_query(
    open_catalog: Callable[[], Catalog],
    query: str,
    given: Mapping[str, Any],
    folder: Path | None,
    timeout: float | None,
) -> pa.Table:
    """The rows of a SELECT, or of a report by its name, found before the store is opened."""
    if not _NAME.fullmatch(query.strip()):
        return open_catalog().query(query, dict(given), timeout=timeout)
    report = find_query("reports", query.strip(), folder)
    catalog = open_catalog()
    values = bind(report, dict(given), catalog.shape)
    show_versions(catalog, report, values)
    for name, parameter in report.parameters.items():
        if parameter.type == "radius":
            check_radius(catalog, Radius.read(given.get(name)))
        elif parameter.type == "transforms":
            check_transforms(catalog, Transforms.read(given.get(name)))
    return catalog.query(report.sql, values, timeout=timeout)
