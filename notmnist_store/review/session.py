"""A session: one store seen through one split set, the queues that are open, and what is judged."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from notmnist_store.audits.verdicts import Scope
from notmnist_store.catalog.connection import Catalog
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.kernels.transforms import Moves
from notmnist_store.progress import Progress
from notmnist_store.review.calibration import proposed
from notmnist_store.review.cards import Card, CardMaker, Facts
from notmnist_store.review.desk import Desk
from notmnist_store.review.keeper import MEMORY_GIB, Keeper
from notmnist_store.review.queues import (
    CALIBRATION,
    NEAR_PAIRS,
    QUEUES,
    SQL,
    Rows,
    Source,
    audit_queues,
    open_queue,
)
from notmnist_store.review.verdicts import Verdict
from notmnist_store.schema.words import JUDGEMENTS
from notmnist_store.storage.tables import Tables

_MOST_OPEN = 8
_MOST_CARDS = 200
_MOST_SERVED = 5_000
_NEAR_END = 100


@dataclass
class Lens:
    """The catalog that cards and queues are read through, and when it was made: after how many
    runs, how many of them of this session, and up to which number of what was said. What takes time
    and can wait is asked `beside` it; queues that were `opened` before open at once.
    """

    catalog: Catalog
    facts: Facts
    runs: int
    own_runs: int
    stored: int
    beside: Catalog | None = None
    opened: dict[str, Rows] = field(default_factory=dict)


@dataclass
class OpenQueue:
    """A queue that a page looks at, and the cards of it that were shown, by their places."""

    name: str
    rows: Rows
    served: dict[int, Card] = field(default_factory=dict)


class Session:
    """What the pages of one server share. Its methods may be called by any thread."""

    def __init__(
        self,
        tables: Tables,
        scope: Scope,
        by: str,
        first: tuple[str, str | None],
        progress: Progress,
    ) -> None:
        self.tables = tables
        self.scope = scope
        self.first = first
        self.desk = Desk(tables, by)
        self.keeper = Keeper(tables, scope, self.desk, progress)
        self._moves = Moves(scope.transforms, tables.marker.shape)
        self._asking = threading.RLock()
        self._asking_beside = threading.Lock()
        self._lens: Lens | None = None
        self._open: dict[int, OpenQueue] = {}
        self._numbers = itertools.count(1)
        self._left = self.desk.left_behind()

    def start(self) -> None:
        """Look at the store, so that queues open at once, and audit and store in the background.

        Raises:
            StoreError: the store cannot be read.
        """
        self._seen()
        with suppress(StoreError):  # no search yet: the queue says so
            self.open(NEAR_PAIRS, None)
        self.keeper.start()

    def _seen(self) -> Lens:
        """The store as it was at the last look."""
        with self._asking:
            if self._lens is None:
                stored, own = self.desk.stored, self.desk.runs
                runs = self.tables.runs().num_rows
                catalog = Catalog(self.tables, MEMORY_GIB)
                facts = Facts(catalog, self.scope.split_set)
                self._lens = Lens(catalog, facts, runs, own, stored)
            return self._lens

    def _maker(self) -> CardMaker:
        return CardMaker(self.tables, self._seen().facts, self._moves)

    def _look_again(self) -> None:
        """Show the store as it is now where others wrote to it, or we took back what was stored."""
        lens, runs = self._lens, self.tables.runs().num_rows
        if lens is not None and runs - lens.runs != self.desk.runs - lens.own_runs:
            self._lens = None
            if self.keeper.has_taken_over:
                self._left = []

    def _source(self) -> Source:
        lens = self._seen()
        found = self.keeper.found if self.keeper.standing.runs >= lens.runs else {}
        return Source(lens.catalog, self.scope, lens.facts.decided, found)

    def queues(self) -> list[dict[str, str]]:
        """The queues that can be opened, with what is missing for some, and the command for it."""
        listed = []
        with self._asking:
            source = self._source()
            needs = {queue.need for queue in QUEUES}
            missing = {need: source.missing(need) or ("", "") for need in needs}
        for queue in (*QUEUES, *audit_queues()):
            what, command = missing[queue.need]
            listed.append(
                {
                    "name": queue.name,
                    "title": queue.title,
                    "about": queue.about,
                    "missing": what,
                    "command": command,
                }
            )
        return listed

    def open(self, name: str, sql: str | None) -> dict[str, Any]:
        """Open a queue: its number, and how many rows it has at least."""
        with self._asking:
            self._look_again()
            opened = self._seen().opened
            if name in opened:
                rows = opened[name]
            else:
                rows = open_queue(self._source(), name, sql)
                if name != SQL:
                    opened[name] = rows
        known = self._known()
        rows = rows.without(
            {v.image_id for v in known if v.about[0] == "picture"},
            {(v.image_id, v.twin_id or 0) for v in known if v.about[0] == "parted"}
            | {
                (v.image_id, v.twin_id or 0)
                for v in known
                if v.is_judgement and name == CALIBRATION
            },
        )
        number = next(self._numbers)
        self._open[number] = OpenQueue(name, rows)
        for old in sorted(self._open)[:-_MOST_OPEN]:
            self._open.pop(old, None)
        return {"queue": number, "rows": len(rows), "more": rows.more is not None}

    def cards(self, number: int, start: int, count: int) -> dict[str, Any]:
        """Cards of an open queue, with what this session said of their pictures."""
        queue = self._queue(number)
        rows = queue.rows
        if rows.more is not None and start + count + _NEAR_END > len(rows):
            with self._asking:
                while start + count + _NEAR_END > len(rows) and rows.extend():
                    pass
        cards, sprite = self._maker().cards(rows, start, start + min(count, _MOST_CARDS))
        queue.served |= {card["place"]: card for card in cards}
        for old in list(queue.served)[:-_MOST_SERVED]:
            queue.served.pop(old, None)
        return {
            "cards": self._marked(cards),
            "sprite": sprite,
            "rows": len(rows),
            "more": rows.more is not None,
        }

    def neighbours(self, ids: Sequence[int]) -> dict[str, Any]:
        """The nearest pictures of these images."""
        lens = self._seen()
        with self._asking_beside:
            if lens.beside is None:
                lens.beside = Catalog(self.tables, MEMORY_GIB)
            near, sprite = self._maker().neighbours(lens.beside, ids)
        return {"neighbours": near, "sprite": sprite}

    def _queue(self, number: int) -> OpenQueue:
        if number not in self._open:
            raise UsageError("this queue is closed; choose it again")
        return self._open[number]

    def _known(self) -> list[Verdict]:
        """What was said and the catalog may not know: all of pairs, of pictures what came since."""
        stored = 0 if self._lens is None else self._lens.stored
        return [
            *self._left,
            *(v for n, v in self.desk.standing() if n > stored or v.about[0] != "picture"),
        ]

    def _marked(self, cards: Sequence[Card]) -> list[Card]:
        """The cards with what was said and their catalog may not know."""
        about = {verdict.about: verdict for verdict in self._known()}
        marked = []
        for card in cards:
            sides = [side for side in ("image", "twin") if side in card]
            hashes = tuple(sorted(card[side]["pixel_hash"] or "" for side in sides))
            said = {side: about.get(("picture", card[side]["pixel_hash"] or "")) for side in sides}
            judged = about.get(("judged", *hashes)) if len(sides) == 2 else None
            now = dict(card)
            for side, verdict in said.items():
                now[side] = {**card[side], "said": verdict and _in_short(verdict)}
            now["parted"] = len(sides) == 2 and ("parted", *hashes) in about
            now["judged"] = judged and judged.action
            marked.append(now)
        return marked

    def judge(self, number: int, said: Sequence[Mapping[str, Any]]) -> list[int]:
        """Take verdicts on rows of an open queue: place, side (image or twin), action, value."""
        verdicts = [self._verdict(number, one) for one in said]
        numbers = self.desk.judge(verdicts)
        self.keeper.judged()
        return numbers

    def _verdict(self, number: int, one: Mapping[str, Any]) -> Verdict:
        queue, place = self._queue(number), int(one["place"])
        if place not in queue.served:
            self.cards(number, place, 1)
        card = queue.served.get(place)
        if card is None:
            raise UsageError("there is no such card")
        image, twin = card["image"], card.get("twin")
        if one.get("side") == "twin" and twin is not None:
            image, twin = twin, image
        if image["pixel_hash"] is None or (twin is not None and twin["pixel_hash"] is None):
            raise UsageError("the picture is no more in the store")
        action, value = str(one["action"]), one.get("value")
        judged = action in JUDGEMENTS
        return Verdict(
            queue=queue.name,
            action=action,
            image_id=int(image["id"]),
            pixel_hash=image["pixel_hash"],
            value=None if value is None else str(value),
            twin_id=None if twin is None else int(twin["id"]),
            twin_hash=None if twin is None else twin["pixel_hash"],
            squared_distance=card.get("squared_distance") if judged else None,
            transforms=self.scope.transforms.text if judged else None,
            transform=card.get("transform") if judged else None,
        )

    def take_back(self, numbers: Sequence[int]) -> list[str]:
        """Undo what was said under these numbers; the images it was about."""
        undone = self.desk.take_back(numbers)
        self.keeper.judged()
        return [str(verdict.image_id) for verdict in undone]

    def state(self) -> dict[str, Any]:
        """What the top of the page says."""
        self.keeper.watched()
        standing = self.keeper.standing
        return {
            "waiting": self.desk.waiting,
            "stored": self.desk.decisions + self.desk.judgements,
            "last": self.desk.last,
            "labels": standing.labels,
            "counts": standing.counts,
            "fresh": standing.is_fresh,
            "trouble": standing.trouble,
            "audits": [
                {
                    "name": audit.name,
                    "severity": audit.severity,
                    "status": audit.status,
                    "violating": audit.violating,
                }
                for audit in standing.audits
            ],
        }

    def precision(self, wanted: float) -> dict[str, Any]:
        """What the verdicts that are stored say of radii, and the one for a precision wanted."""
        rows = self.keeper.standing.precision
        return {"rows": rows, "proposed": proposed(rows, wanted)}


def _in_short(verdict: Verdict) -> str:
    return f"relabel {verdict.value}" if verdict.action == "relabel" else verdict.action
