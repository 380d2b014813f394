"""The verb decide: what a person decided about pictures, as rows of table `decision`.

A decision is about pixels: about every image of them, those ingested later and those of another
store included. Nothing is changed or deleted. The last word of a picture counts (see view
``decision``), and views show labels and drops after decisions.
"""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.run import Run, show_runs
from notmnist_store.decisions.rows import GivenDecisions, Problems
from notmnist_store.errors import UsageError
from notmnist_store.progress import Progress
from notmnist_store.schema.tables import columns
from notmnist_store.storage.once import Once
from notmnist_store.storage.tables import Tables
from notmnist_store.text import printable

NO_CHANGE = "no change"
_SCHEMA = columns(
    "image_id int?, pixel_hash text?, label text?, action text?, value text?, note text?",
    "images int?, effect text?",
)
_SHOW_IMAGES = 'notmnist-store sql "select image_id, pixel_hash, label from image limit 5"'
_LONGEST_NAME = 200
_SHOWN_LABELS = 5

_Row = dict[str, Any]


def login_name() -> str:
    """The name of the user who runs this."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise UsageError(
            f"the system does not know who decides: {error}; --by says it",
            "notmnist-store decide decisions.csv --by ada",
        ) from error


def check_name(by: str) -> None:
    """Raise UsageError unless this is the name of somebody who decides."""
    if not by.strip() or len(by) > _LONGEST_NAME or printable(by) != by:
        raise UsageError(
            f"--by is a name of at most {_LONGEST_NAME} printable characters",
            "notmnist-store decide decisions.csv --by ada",
        )


def decide(
    tables: Tables,
    given: GivenDecisions,
    *,
    where: str,
    by: str,
    yes: bool,
    progress: Progress,
    once: Once | None = None,
) -> pa.Table:
    """Say what decisions would do, and with `yes` take them: one run, or none if nothing changes.

    `where` they come from is for messages. The same decision twice is one. Of two that are taken
    under the same `once`, the second is an AlreadyDoneError.

    Returns one row a decision: image_id, pixel_hash, label (now), action, value, note, images
    (which it touches), effect (new, no change, new note, or "replaces drop").
    """
    check_name(by)
    started = datetime.now(UTC)
    catalog = Catalog(tables)
    lines = _checked(catalog, given, where)
    decisions = [row for row in lines if row["is_new"]]
    if given.ignored:
        progress.note(f"columns not used: {printable(', '.join(given.ignored))}")
    if merged := len(lines) - len(decisions):
        progress.note(f"{merged:,} {given.line}s repeat another; they count once")
    for note in _notes(catalog, decisions, lines):
        progress.note(note)
    changes = [row for row in decisions if row["effect"] != NO_CHANGE]
    if yes and changes:
        columns = {"decided_by": by, "decided_at": started}
        rows = [
            {**row, "place": place, "image_id": row["given_id"]}
            for place, row in enumerate(changes)
        ]
        arguments = {"by": by, "decisions": len(rows)}
        with Run(
            tables,
            "decide",
            arguments,
            once=once,
            columns=columns,
            started=started,
            progress=progress,
        ) as run:
            run.write("decision", rows)
    elif yes:
        show_runs(tables, progress)
    return pa.Table.from_pylist(decisions, schema=_SCHEMA)


def _checked(catalog: Catalog, given: GivenDecisions, where: str) -> list[_Row]:
    """Rows of sql/decisions/given.sql, one a decision that was given."""
    sql = load_queries("decisions")["given"].sql
    lines: list[_Row] = catalog.query(sql, rows={"given": given.rows}).to_pylist()
    by_line = {row["line"]: row for row in lines}
    problems = Problems(where, given.line)
    for row in lines:
        if row["problem"] is not None:
            problems.add(row["line"], row["problem"])
        for line in map(int, filter(None, (row["against"] or "").split(","))):
            problems.add(
                row["line"],
                f"{_in_words(row)} contradicts {given.line} {line}: {_in_words(by_line[line])}, "
                f"of the same picture ({row['pixel_hash']})",
            )
    problems.check(_SHOW_IMAGES)
    return lines


def _in_words(row: _Row) -> str:
    value = row["given_value"]
    return f"{row['action']}{'' if value is None else f' {printable(value)[:40]!r}'}"


def _notes(catalog: Catalog, decisions: Sequence[_Row], lines: Sequence[_Row]) -> list[str]:
    """What a person may not have meant, or does not see in the rows."""
    notes = []
    images = {row["pixel_hash"]: row["images"] for row in decisions}
    changed = {row["pixel_hash"] for row in decisions if row["action"] in ("drop", "relabel")}
    touched = sum(images[picture] for picture in changed)
    named = {row["given_id"] for row in lines if row["is_there"] and row["pixel_hash"] in changed}
    named |= {row["other_id"] for row in lines if row["is_other_there"] and row["value"] in changed}
    if touched > len(named) and named:
        notes.append(
            f"drop and relabel touch {touched:,} images, {touched - len(named):,} of which are not "
            "named: a decision is about all copies of a picture"
        )
    if away := sum(not count for count in images.values()):
        notes.append(f"{away:,} pictures are not in this store; decisions about them wait for them")
    known = set(catalog.query("select label from label")["label"].to_pylist())
    relabels = (row["value"] for row in decisions if row["action"] == "relabel")
    fresh = Counter(label for label in relabels if label not in known)
    shown = [
        f"{printable(label)[:40]!r} ({n:,} pictures)"
        for label, n in fresh.most_common(_SHOWN_LABELS)
    ]
    if shown:
        more = f", and {len(fresh) - len(shown):,} more" if len(fresh) > len(shown) else ""
        notes.append(f"new labels: {', '.join(shown)}{more}")
    return notes
