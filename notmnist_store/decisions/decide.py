"""The verb decide: what a person decided about pictures, as rows of table `decision`.

A decision is about pixels: about every image of them, those ingested later and those of another
store included. Nothing is changed or deleted. The last word of a picture counts (see view
``decision``), and views show labels and drops after decisions.
"""

from __future__ import annotations

import getpass
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.run import Run, show_runs
from notmnist_store.decisions.rows import GivenDecision, GivenDecisions, Problems
from notmnist_store.errors import UsageError
from notmnist_store.progress import Progress
from notmnist_store.storage.tables import Tables
from notmnist_store.text import printable

NEW, NO_CHANGE = "new", "no change"
_SCHEMA = pa.schema(
    [
        ("image_id", pa.int64()),
        ("pixel_hash", pa.string()),
        ("label", pa.string()),
        ("action", pa.string()),
        ("value", pa.string()),
        ("note", pa.string()),
        ("images", pa.int64()),
        ("effect", pa.string()),
    ]
)
_CURRENT = "select lane, pixel_hash, action, value, note from decision where is_current"
_SHOW_IMAGES = 'notmnist-store sql "select image_id, pixel_hash, label from image limit 5"'
_LONGEST_NAME = 200
_SHOWN_LABELS = 5

_Pair = tuple[str, str | None]


@dataclass(frozen=True)
class _Decision:
    """A row whose picture is known; `value` is as table decision holds it."""

    given: GivenDecision
    pixel_hash: str
    value: str | None

    @property
    def action(self) -> str:
        return self.given.action

    @property
    def pair(self) -> _Pair | None:
        """The two pictures of a not_duplicate in order, the second null for all others."""
        return _pair(self.pixel_hash, self.value) if self.action == "not_duplicate" else None

    @property
    def takes_back(self) -> bool:
        """Whether it is a `keep` that takes not_duplicate back."""
        return self.action == "keep" and self.value is not None


def login_name() -> str:
    """The name of the user who runs this.

    Raises:
        UsageError: the system has none.
    """
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise UsageError(
            f"the system does not know who decides: {error}; --by says it",
            "notmnist-store decide decisions.csv --by ada",
        ) from error


def decide(
    tables: Tables,
    given: GivenDecisions,
    *,
    where: str,
    by: str,
    yes: bool,
    progress: Progress,
) -> pa.Table:
    """Say what decisions would do, and with `yes` take them: one run, or none if nothing changes.

    `where` they come from is for messages. The same decision twice is one.

    Returns one row a decision: image_id, pixel_hash, label (now), action, value, note, images
    (which it touches), effect (new, no change, new note, or "replaces drop").

    Raises:
        UsageError: an image that is not in the store, two decisions that contradict each other, or
            a name of the decider that cannot be meant.
    """
    if not by.strip() or len(by) > _LONGEST_NAME or printable(by) != by:
        raise UsageError(
            f"--by is a name of at most {_LONGEST_NAME} printable characters",
            "notmnist-store decide decisions.csv --by ada",
        )
    started = datetime.now(UTC)
    catalog = Catalog(tables)
    images = _images(catalog, given.rows)
    decisions, merged = _resolved(given, where, images)
    pictures = _pictures(catalog, decisions)
    before = _Before(catalog)
    rows = [_row(decision, images, pictures, before) for decision in decisions]
    if given.ignored:
        progress.note(f"columns not used: {printable(', '.join(given.ignored))}")
    if merged:
        progress.note(f"{merged:,} {given.line}s repeat another; they count once")
    for note in _notes(catalog, decisions, images, rows, pictures):
        progress.note(note)
    changes = [
        decision
        for decision, row in zip(decisions, rows, strict=True)
        if row["effect"] != NO_CHANGE
    ]
    if yes and changes:
        _commit(tables, changes, by, started, progress)
    elif yes:
        show_runs(tables, progress)
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _pair(one: str, other: str | None) -> _Pair:
    return (one, other) if other is None or one < other else (other, one)


def _images(catalog: Catalog, given: list[GivenDecision]) -> dict[int, tuple[str, str]]:
    """(pixel_hash, label) of the images that are named and that are there."""
    wanted = {i for row in given for i in (row.image_id, row.other_id) if i is not None}
    table = pa.table({"image_id": pa.array(sorted(wanted), pa.int64())})
    found = catalog.query(load_queries("decisions")["images"].sql, rows={"wanted_image": table})
    columns = (found[name].to_pylist() for name in ("image_id", "pixel_hash", "label"))
    return {
        image_id: (pixel_hash, label) for image_id, pixel_hash, label in zip(*columns, strict=True)
    }


def _resolved(
    given: GivenDecisions, where: str, images: dict[int, tuple[str, str]]
) -> tuple[list[_Decision], int]:
    """The decisions by their pixels, and how many rows said the same again.

    Raises:
        UsageError: images that are not there, or rows that contradict each other.
    """
    problems = Problems(where, given.line)
    said = _Said(problems, given.line)
    decisions, merged = [], 0
    for row in given.rows:
        if (decision := _decision(row, images, problems)) is None:
            continue
        if said.add(decision):
            decisions.append(decision)
        else:
            merged += 1
    problems.check(_SHOW_IMAGES)
    return decisions, merged


def _decision(
    row: GivenDecision, images: dict[int, tuple[str, str]], problems: Problems
) -> _Decision | None:
    pixel_hash, value = row.pixel_hash, row.value
    if row.image_id in images:
        found, _ = images[row.image_id]
        if pixel_hash not in (None, found):
            problems.add(row.line, f"image {row.image_id} has the pixel_hash {found} here")
            return None
        pixel_hash = found
    if pixel_hash is None:
        problems.add(row.line, f"there is no image {row.image_id} in the store")
        return None
    if row.other_id is not None and row.other_id not in images:
        problems.add(row.line, f"there is no image {row.other_id} in the store")
        return None
    if row.action == "not_duplicate":
        value = row.other_hash if row.other_id is None else images[row.other_id][0]
        if value == pixel_hash:
            problems.add(row.line, "its two pictures have equal pixels, so they are one picture")
            return None
    return _Decision(row, pixel_hash, value)


class _Said:
    """What was decided in these rows so far: the same again, or a contradiction, is found."""

    def __init__(self, problems: Problems, line: str) -> None:
        self._problems, self._line = problems, line
        self._pictures: dict[str, _Decision] = {}
        self._pairs: dict[_Pair, _Decision] = {}
        self._named: dict[str, _Decision] = {}
        self._back: dict[str, _Decision] = {}

    def add(self, decision: _Decision) -> bool:
        """False where an earlier row says the same; a contradiction becomes a problem."""
        if decision.pair is not None:
            is_new = self._pairs.setdefault(decision.pair, decision) is decision
            for picture in filter(None, decision.pair):
                self._named.setdefault(picture, decision)
                self._check(decision, self._back.get(picture))
        elif decision.takes_back:
            is_new = self._back.setdefault(decision.pixel_hash, decision) is decision
            self._check(decision, self._named.get(decision.pixel_hash))
        else:
            earlier = self._pictures.setdefault(decision.pixel_hash, decision)
            is_new = earlier is decision
            if (earlier.action, earlier.value) != (decision.action, decision.value):
                self._check(decision, earlier)
        return is_new

    def _check(self, decision: _Decision, earlier: _Decision | None) -> None:
        if earlier is not None:
            self._problems.add(
                decision.given.line,
                f"{_told(decision)} contradicts {self._line} {earlier.given.line}: "
                f"{_told(earlier)}, of the same picture ({decision.pixel_hash})",
            )


def _told(decision: _Decision) -> str:
    given = decision.given
    value = f" {printable(given.value)[:40]!r}" if given.value is not None else ""
    return f"{decision.action}{value}"


class _Before:
    """The decisions that count so far."""

    def __init__(self, catalog: Catalog) -> None:
        self._pictures: dict[str, dict[str, Any]] = {}
        self._pairs: dict[_Pair, dict[str, Any]] = {}
        self._named: set[str] = set()
        for row in catalog.query(_CURRENT).to_pylist():
            if row["lane"] == "picture":
                self._pictures[row["pixel_hash"]] = row
            elif row["action"] == "not_duplicate":
                pair = _pair(row["pixel_hash"], row["value"])
                self._pairs[pair] = row
                self._named.update(filter(None, pair))

    def effect(self, decision: _Decision) -> str:
        """What this one would do."""
        if decision.takes_back:
            found = decision.pixel_hash in self._named
            return "replaces not_duplicate" if found else NO_CHANGE
        earlier = (
            self._pictures.get(decision.pixel_hash)
            if decision.pair is None
            else self._pairs.get(decision.pair)
        )
        if earlier is None:
            return NEW
        if decision.pair is None and (decision.action, decision.value) != (
            earlier["action"],
            earlier["value"],
        ):
            return f"replaces {earlier['action']}"
        note = decision.given.note
        return NO_CHANGE if note in (None, earlier["note"]) else "new note"


def _pictures(catalog: Catalog, decisions: list[_Decision]) -> dict[str, dict[str, Any]]:
    """Of each picture that is there: images, and image_id and label of the one ingested first."""
    wanted = sorted({decision.pixel_hash for decision in decisions})
    table = pa.table({"pixel_hash": pa.array(wanted, pa.string())})
    found = catalog.query(load_queries("decisions")["pictures"].sql, rows={"wanted_picture": table})
    return {row["pixel_hash"]: row for row in found.to_pylist()}


def _row(
    decision: _Decision,
    images: dict[int, tuple[str, str]],
    pictures: dict[str, dict[str, Any]],
    before: _Before,
) -> dict[str, Any]:
    given, picture = decision.given, pictures.get(decision.pixel_hash)
    image_id, label = given.image_id, None
    if image_id in images:
        label = images[image_id][1]
    elif picture is not None:
        image_id, label = picture["image_id"], picture["label"]
    return {
        "image_id": image_id,
        "pixel_hash": decision.pixel_hash,
        "label": label,
        "action": decision.action,
        "value": decision.value,
        "note": given.note,
        "images": 0 if picture is None else picture["images"],
        "effect": before.effect(decision),
    }


def _notes(
    catalog: Catalog,
    decisions: list[_Decision],
    images: dict[int, tuple[str, str]],
    rows: list[dict[str, Any]],
    pictures: dict[str, dict[str, Any]],
) -> list[str]:
    """What a person may not have meant, or does not see in the rows."""
    notes = []
    changed = {row["pixel_hash"] for row in rows if row["action"] in ("drop", "relabel")}
    touched = sum(pictures[picture]["images"] for picture in changed & set(pictures))
    named = {i for i, (pixel_hash, _) in images.items() if pixel_hash in changed}
    if touched > len(named) and named:
        notes.append(
            f"drop and relabel touch {touched:,} images, {touched - len(named):,} of which are not "
            "named: a decision is about all copies of a picture"
        )
    away = len({d.pixel_hash for d in decisions} - set(pictures))
    if away:
        notes.append(f"{away:,} pictures are not in this store; decisions about them wait for them")
    known = set(catalog.query("select label from label")["label"].to_pylist())
    fresh = Counter(d.value for d in decisions if d.action == "relabel" and d.value not in known)
    told = [
        f"{printable(str(label))[:40]!r} ({n:,} pictures)"
        for label, n in fresh.most_common(_SHOWN_LABELS)
    ]
    if told:
        more = f", and {len(fresh) - len(told):,} more" if len(fresh) > len(told) else ""
        notes.append(f"new labels: {', '.join(told)}{more}")
    return notes


def _commit(
    tables: Tables,
    decisions: list[_Decision],
    by: str,
    started: datetime,
    progress: Progress,
) -> None:
    arguments = {"by": by, "decisions": len(decisions)}
    columns = {"decided_by": by, "decided_at": started}
    rows = [
        {
            "place": place,
            "pixel_hash": decision.pixel_hash,
            "image_id": decision.given.image_id,
            "action": decision.action,
            "value": decision.value,
            "note": decision.given.note,
        }
        for place, decision in enumerate(decisions)
    ]
    with Run(
        tables, "decide", arguments, columns=columns, started=started, progress=progress
    ) as run:
        run.write("decision", rows)
