"""What goes on behind the page: verdicts are stored when one pauses, and audits follow."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pyarrow as pa

from notmnist_store.audits.audit import audit_store, find_audits
from notmnist_store.audits.verdicts import Scope, Verdict
from notmnist_store.catalog.connection import Catalog
from notmnist_store.errors import StoreError
from notmnist_store.progress import Progress
from notmnist_store.review.calibration import Row, precision
from notmnist_store.review.desk import Desk, unstored
from notmnist_store.storage.tables import Tables

MEMORY_GIB = 0.35
"""What each of the two catalogs of a review may take."""

_PAUSE_SECONDS = 20.0
_LOOK_SECONDS = 5.0
_MOST_WAITING = 500
_COUNTS = """select count(case when action = 'drop' then 1 end) as dropped,
count(case when action = 'relabel' then 1 end) as relabelled,
count(case when action = 'keep' and lane = 'picture' then 1 end) as kept,
count(case when action = 'not_duplicate' then 1 end) as parted
from decision where is_current"""


@dataclass
class Standing:
    """What the top of the page says: audits as they were last run, and decisions that count."""

    audits: list[Verdict] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    is_fresh: bool = False
    precision: list[Row] = field(default_factory=list)
    trouble: str = ""
    runs: int = 0


class Keeper:
    """A thread that stores what waits on a desk when one pauses, and looks at the store anew.

    found           what the audits found at the last look, after `standing.runs` runs or more
    has_taken_over  what sessions before had left is stored
    is_at_work      it has not left yet
    """

    def __init__(self, tables: Tables, scope: Scope, desk: Desk, progress: Progress) -> None:
        self.standing = Standing()
        self.found: dict[str, pa.Table] = {}
        self.has_taken_over = False
        self.is_at_work = True
        self._tables = tables
        self._scope = scope
        self._desk = desk
        self._progress = progress
        self._wake = threading.Condition()
        self._is_paused = self._is_leaving = self._is_watched = False
        self._judged_at = 0.0
        self._thread = threading.Thread(target=self._work, name="review", daemon=True)
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def leave(self) -> None:
        """Store what waits, and end; where that was interrupted, it may be called again.

        Raises:
            StoreError: the store cannot be written; what waits stays in the journal.
        """
        with self._wake:
            self._is_leaving = True
            self._wake.notify_all()
        if self._thread.ident is not None:
            self._ended.wait()  # a join that was interrupted would not wait again
        self._desk.drain()
        self.is_at_work = False

    def pause(self) -> None:
        """Store what waits soon."""
        with self._wake:
            self._is_paused = self._desk.waiting > 0
            self._wake.notify_all()

    def judged(self) -> None:
        """Something was said: wait until one pauses."""
        with self._wake:
            self._judged_at = time.monotonic()
            self._wake.notify_all()

    def watched(self) -> None:
        """A page shows how things stand."""
        self._is_watched = True

    def check_at_work(self) -> None:
        """Raise LeftError where one has left."""
        if self._is_leaving:
            raise LeftError

    def _work(self) -> None:
        try:
            self._work_on()
        finally:
            self._ended.set()

    def _work_on(self) -> None:
        self._take_over()
        self._look()
        while not self._is_leaving:
            with self._wake:
                if not self._is_leaving and not self._is_due():
                    left = self._judged_at + _PAUSE_SECONDS - time.monotonic()
                    self._wake.wait(min(max(0.05, left), _LOOK_SECONDS))
                is_due = self._is_due() and not self._is_leaving
                self._is_paused = self._is_paused and not is_due
            if is_due:
                self._drain()
            elif self._is_watched and not self._is_leaving:
                self._is_watched = False
                self._look_where_others_wrote()

    def _is_due(self) -> bool:
        """Whether it is time to store what waits."""
        waiting = self._desk.waiting
        since = time.monotonic() - self._judged_at
        return bool(waiting) and (
            self._is_paused or waiting >= _MOST_WAITING or since >= _PAUSE_SECONDS
        )

    def _drain(self) -> None:
        self.standing.is_fresh = False
        try:
            self._desk.drain()
        except StoreError as error:
            self.standing.trouble = unstored(error)
            self._judged_at = time.monotonic()
        else:
            self.standing.trouble = ""
            self._look()

    def _take_over(self) -> None:
        try:
            stored = self._desk.take_over()
        except StoreError as error:
            self.standing.trouble = unstored(error)
            return
        self.has_taken_over = True
        if stored:
            self._progress.note(f"stored {stored:,} verdicts that a review before this one left")

    def _look_where_others_wrote(self) -> None:
        try:
            is_new = self._tables.runs().num_rows != self.standing.runs
        except StoreError as error:
            self.standing.trouble = error.message
        else:
            if is_new:
                self._look()

    def _look(self) -> None:
        """Run the audits on the store as it is now, and count what is decided."""
        standing, found, runs = self.standing, dict[str, pa.Table](), 0
        standing.is_fresh = False
        try:
            self.check_at_work()
            runs = self._tables.runs().num_rows
            catalog = Catalog(self._tables, MEMORY_GIB)
            labels = catalog.query("select label from label order by label_id")["label"]
            (standing.counts,) = catalog.query(_COUNTS).to_pylist()
            standing.labels = [label for label in labels.to_pylist() if label]
            if catalog.query("select 1 as there from verdict limit 1").num_rows:
                standing.precision = precision(catalog, self._scope)
            self.check_at_work()
            standing.audits = audit_store(
                catalog,
                find_audits([]),
                scope=self._scope,
                tolerances={},
                progress=_UntilOneLeaves(self),
                found=found.__setitem__,
            )
            self.found, standing.runs, standing.is_fresh = found, runs, True
        except StoreError as error:
            standing.trouble, standing.runs = error.message, runs
        except LeftError:
            pass


class LeftError(Exception):
    """One leaves while audits run."""


class _UntilOneLeaves(Progress):
    """Ends audits between two of them as soon as one leaves."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def advance(self, done: int) -> None:
        """Raise LeftError where one has left."""
        self._keeper.check_at_work()
