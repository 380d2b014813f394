"""What the command review does: serve the page until one leaves, and store what was judged."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

import pyarrow as pa

from notmnist_store.audits.audit import find_audits
from notmnist_store.audits.verdicts import Scope
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.split_sets import find_split_set
from notmnist_store.decisions.decide import check_name
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.evidence import check_radius, check_transforms
from notmnist_store.progress import Progress
from notmnist_store.review.queues import AUDIT, SQL
from notmnist_store.review.session import Session
from notmnist_store.schema.tables import columns
from notmnist_store.storage.tables import Tables

_SCHEMA = columns("split_set text, decided_by text, decisions int, judgements int")
_LARGEST_PORT = 65_535
_HEED_SECONDS = 0.5


def review(
    tables: Tables,
    scope: Scope,
    *,
    sql: str | None,
    audit: str | None,
    port: int,
    browser: bool,
    by: str,
    progress: Progress,
    ready: Callable[[str], None] = lambda address: None,
) -> pa.Table:
    """Serve the page on this store until Ctrl-C; `ready` is told its address.

    Returns one row: split_set, decided_by, and how many decisions and judgements were stored.
    """
    _check_installed()
    from notmnist_store.review.server import bound, serving

    check_name(by)
    if sql is not None and audit is not None:
        raise UsageError("--sql and --audit are two queues", "notmnist-store review")
    if not 0 <= port <= _LARGEST_PORT:
        raise UsageError(
            f"a port is a number up to {_LARGEST_PORT:,}", "notmnist-store review --port 0"
        )
    if audit is not None:
        find_audits([audit])
    catalog = Catalog(tables)
    find_split_set(catalog, scope.split_set)
    check_radius(catalog, scope.radius)
    check_transforms(catalog, scope.transforms)
    del catalog
    first = (SQL, sql) if sql is not None else (f"{AUDIT}{audit}" if audit else "", None)
    session = Session(tables, scope, by, first, progress)
    listening = bound(port)
    try:
        with serving(session, listening) as (address, ended):
            session.start()
            progress.say(address)
            ready(address)
            if browser and not _opened(address):
                progress.note("no browser was found on this machine: open the address in one")
            progress.note("Ctrl-C stores what was judged, and ends")
            while not ended.wait(_HEED_SECONDS):  # a signal just before a wait would wake nobody
                pass
    except KeyboardInterrupt:
        progress.note("storing what was judged")
    while session.keeper.is_at_work:
        with suppress(KeyboardInterrupt):
            session.keeper.leave()
    desk = session.desk
    row = {
        "split_set": scope.split_set,
        "decided_by": by,
        "decisions": desk.decisions,
        "judgements": desk.judgements,
    }
    return pa.Table.from_pylist([row], schema=_SCHEMA)


def _check_installed() -> None:
    """Raise StoreError where the extra is missing."""
    try:
        for name in ("starlette", "uvicorn"):
            import_module(name)
    except ImportError as error:
        raise StoreError(
            "review needs starlette and uvicorn, which are not installed",
            "python -m pip install 'notmnist-store[review]'",
        ) from error


def _opened(address: str) -> bool:
    """Whether a browser took the address: one with windows, for another would fill the terminal."""
    import webbrowser

    named = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform != "darwin" and not any(os.environ.get(name) for name in named):
        return False
    try:
        return webbrowser.open(address)
    except (webbrowser.Error, OSError):
        return False
