"""The desk of a session: verdicts go into its journal at once, and in batches into the tables."""

from __future__ import annotations

import threading
from collections.abc import Sequence, Set
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.run import Run
from notmnist_store.decisions.decide import decide
from notmnist_store.decisions.rows import Defaults, read_rows
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.progress import Progress
from notmnist_store.review.journal import Entry, Journal
from notmnist_store.review.verdicts import Verdict, is_ours, queue_of, those_that_count
from notmnist_store.storage.once import AlreadyDoneError, Once
from notmnist_store.storage.tables import Tables
from notmnist_store.upkeep.history import undo

_MOST_AT_ONCE = 10_000
_DECIDED = """select * from decision
where is_current and action = $action
and ((pixel_hash = $pixel_hash and coalesce(value, '') = $value)
or (action = 'not_duplicate' and value = $pixel_hash and pixel_hash = $value))"""
_OF_RUN = "select * from decision where is_current and run_id = $run_id order by place"
_JUDGED = """select verdict.*, verdict.judgement as action, image.pixel_hash,
twin.pixel_hash as twin_hash
from verdict
inner join image on image.image_id = verdict.image_id
inner join image as twin on twin.image_id = verdict.twin_id
where verdict.is_current and verdict.run_id in (
    select run_id from verdict
    where is_current and image_id = $image_id and twin_id = $twin_id and judgement = $action
)
order by verdict.place"""


class Desk:
    """What one session says, what it takes back, and what of it is in no table yet.

    Any thread may call its methods. `by` is who judges.
    """

    def __init__(self, tables: Tables, by: str) -> None:
        self._tables = tables
        self._by = by
        self._lock = threading.Lock()
        self._draining = threading.Lock()
        self._journal = Journal(tables)
        self._waiting: list[Entry] = []
        self._said: dict[int, Verdict] = {}
        self._last = 0
        self.runs = 0
        self.decisions = 0
        self.judgements = 0

    def judge(self, verdicts: Sequence[Verdict]) -> list[int]:
        """Write verdicts down, all or none; the numbers by which they are taken back.

        Raises:
            UsageError: one that cannot be meant.
            StoreError: the journal cannot be written; then nothing was said.
        """
        if not 0 < len(verdicts) <= _MOST_AT_ONCE:
            raise UsageError(f"up to {_MOST_AT_ONCE:,} pictures are judged at once")
        for verdict in verdicts:
            verdict.check()
        with self._lock:
            entries = self._journal.add([{"verdict": one.to_json()} for one in verdicts])
            self._waiting += entries
            for entry, verdict in zip(entries, verdicts, strict=True):
                self._said[entry.number] = verdict
                self._last = entry.number
        return [entry.number for entry in entries]

    def take_back(self, numbers: Sequence[int]) -> list[Verdict]:
        """Undo what was said under these numbers, as far as that was not done; what it was."""
        with self._lock:
            known = [number for number in numbers if number in self._said]
            said = [{"undo": n, "verdict": self._said[n].to_json()} for n in known]
            if said:
                self._waiting += self._journal.add(said)
            return [self._said.pop(number) for number in known]

    def standing(self) -> list[tuple[int, Verdict]]:
        """All that this session said and did not take back, by number: the last word on a thing."""
        with self._lock:
            said = {verdict.about: (number, verdict) for number, verdict in self._said.items()}
        return list(said.values())

    @property
    def stored(self) -> int:
        """The number up to which all that was said is in the tables."""
        with self._lock:
            return self._waiting[0].number - 1 if self._waiting else self._last

    @property
    def waiting(self) -> int:
        """How much was said that is in no table yet."""
        return len(self._waiting)

    @property
    def last(self) -> list[int]:
        """Numbers of what was said and not taken back, the last of them last."""
        with self._lock:
            return list(self._said)[-100:]

    def drain(self) -> bool:
        """Put what was said into the tables; whether there was anything.

        Raises:
            StoreError: the store cannot be read or written; all stays in the journal.
        """
        with self._draining:
            with self._lock:
                entries = list(self._waiting)
            if not entries:
                return False
            entries = self._store(self._journal, entries)
            last = entries[-1].number
            with self._lock:
                self._waiting = [entry for entry in self._waiting if entry.number > last]
                self._journal.clear(last)
            return True

    def take_over(self) -> int:
        """Store what sessions that were killed had said; how much that was.

        Raises:
            StoreError: see `drain`.
        """
        stored = 0
        for journal in Journal.left(self._tables):
            if journal.session == self._journal.session:
                continue
            if entries := journal.read():
                entries = self._store(journal, entries)
                stored += sum("undo" not in entry.said for entry in entries)
                journal.clear(entries[-1].number)
        return stored

    def left_behind(self) -> list[Verdict]:
        """What sessions that were killed had said, before `take_over` stores it."""
        found: list[Verdict] = []
        for journal in Journal.left(self._tables):
            entries = journal.read()
            undone = {entry.said["undo"] for entry in entries if "undo" in entry.said}
            found += [
                Verdict.of_json(entry.said["verdict"])
                for entry in entries
                if "undo" not in entry.said and entry.number not in undone
            ]
        return list(those_that_count(found).values())

    def _store(self, journal: Journal, entries: list[Entry]) -> list[Entry]:
        """Store entries of a journal, each once; with those that an undo has added to them."""
        log = self._tables.log("run")
        decided, judged = (
            int((log.transaction_version(journal.once(what, 0).key) if log else None) or 0)
            for what in ("decide", "judge")
        )
        said = {e.number: Verdict.of_json(e.said["verdict"]) for e in entries}
        undone = {e.said["undo"] for e in entries if "undo" in e.said}
        alive = {
            e.number: said[e.number]
            for e in entries
            if "undo" not in e.said and e.number not in undone
        }
        stored = {n: judged if verdict.is_judgement else decided for n, verdict in said.items()}
        withdrawn = {
            e.said["undo"]: said[e.number]
            for e in entries
            if "undo" in e.said and e.said["undo"] <= stored[e.number] < e.number
        }
        since = {verdict.about for n, verdict in alive.items() if n > stored[n]}
        for _, verdict in sorted(
            withdrawn.items(), reverse=True
        ):  # what a later one hid comes back
            more = self._withdraw(journal, verdict, [*withdrawn.values()], since)
            entries = [*entries, *more]
            alive |= {e.number: Verdict.of_json(e.said["verdict"]) for e in more}
        last = entries[-1].number
        decisions = [v for n, v in alive.items() if n > decided and not v.is_judgement]
        judgements = [v for n, v in alive.items() if n > judged and v.is_judgement]
        try:
            self._decide(decisions, journal.once("decide", last))
            self._judge(judgements, journal.once("judge", last))
        except AlreadyDoneError:
            pass  # another process has taken them over
        return entries

    def _withdraw(
        self,
        journal: Journal,
        undone: Verdict,
        withdrawn: Sequence[Verdict],
        since: Set[tuple[str, ...]],
    ) -> list[Entry]:
        """Undo the run that has a verdict of ours; what else it says is said again first.

        But not what is `withdrawn` too, nor about what something was said `since`.
        """
        find = self._judged_with if undone.is_judgement else self._decided_with
        run_id, rest = find(Catalog(self._tables), undone)
        if run_id is None:
            return []
        gone = {(one.about, one.action, one.value) for one in withdrawn}
        left = [
            {"verdict": one.to_json()}
            for one in rest
            if one.about not in since and (one.about, one.action, one.value) not in gone
        ]
        with self._lock:
            entries = journal.add(left) if left else []
        undo(self._tables, run_id, Progress())
        return entries

    def _decided_with(self, catalog: Catalog, undone: Verdict) -> tuple[str | None, list[Verdict]]:
        """The run that has a decision of ours, and what else it decides."""
        row = undone.row
        values = {k: row[k] or "" for k in ("action", "pixel_hash", "value")}
        found = [r for r in catalog.query(_DECIDED, values).to_pylist() if is_ours(r["note"])]
        if not found:
            return None, []
        run_id = found[0]["run_id"]
        rows = catalog.query(_OF_RUN, {"run_id": run_id}).to_pylist()
        return run_id, [_verdict_of(r) for r in rows if r["place"] != found[0]["place"]]

    def _judged_with(self, catalog: Catalog, undone: Verdict) -> tuple[str | None, list[Verdict]]:
        """The run that has a judgement, and what else it says."""
        values = {k: getattr(undone, k) for k in ("image_id", "twin_id", "action")}
        found = [
            (row["run_id"], Verdict.of_json({"queue": "", **row}))
            for row in catalog.query(_JUDGED, values).to_pylist()
        ]
        run_id = found[0][0] if found else None
        return run_id, [one for _, one in found if one.about != undone.about]

    def _decide(self, verdicts: Sequence[Verdict], once: Once) -> None:
        counted = those_that_count(verdicts).values()
        if not counted:
            return
        for named in (("image_id", "pixel_hash"), ("pixel_hash",)):
            rows = [
                {k: v for k, v in one.row.items() if k in (*named, "action", "value", "note")}
                for one in counted
            ]
            given = read_rows(pa.Table.from_pylist(rows), Defaults(), "the review")
            try:
                decide(
                    self._tables,
                    given,
                    where="the review",
                    by=self._by,
                    yes=True,
                    progress=Progress(),
                    once=once,
                )
                self.runs += 1
                break
            except UsageError:  # an image that is no more there: its picture is what is decided
                if "image_id" not in named:
                    raise
        self.decisions += len(counted)

    def _judge(self, verdicts: Sequence[Verdict], once: Once) -> None:
        counted = those_that_count(verdicts).values()
        if not counted:
            return
        rows: list[dict[str, Any]] = [
            {
                "place": place,
                "image_id": one.image_id,
                "twin_id": one.twin_id,
                "squared_distance": one.squared_distance,
                "transforms": one.transforms,
                "transform": one.transform,
                "judgement": one.action,
                "judged_by": self._by,
                "judged_at": datetime.now(UTC),
            }
            for place, one in enumerate(counted)
        ]
        with Run(self._tables, "review", {"by": self._by, "verdicts": len(rows)}, once=once) as run:
            run.write("verdict", rows)
        self.runs += 1
        self.judgements += len(rows)


def _verdict_of(row: dict[str, Any]) -> Verdict:
    """The verdict that a row of view decision was made of."""
    parted = row["action"] == "not_duplicate"
    return Verdict(
        queue=queue_of(row["note"] or ""),
        action=row["action"],
        image_id=row["image_id"] or 0,
        pixel_hash=row["pixel_hash"],
        value=None if parted else row["value"],
        twin_id=0 if parted else None,
        twin_hash=row["value"] if parted else None,
    )


def unstored(error: StoreError) -> str:
    """What to say where verdicts could not be stored: they are safe, and where."""
    return f"{error.message}; the verdicts stay in the journal, and the next review stores them"
