"""Verdicts: what a person said of a picture or of a pair, and the one that counts of several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from notmnist_store.decisions.rows import Defaults, read_rows
from notmnist_store.errors import UsageError
from notmnist_store.schema.words import ACTIONS, JUDGEMENTS

_NOTE = "review: "


@dataclass(frozen=True)
class Verdict:
    """An action on a picture, or a judgement on the pair of it and its twin.

    value             the label of a relabel
    squared_distance  of a judgement: how far apart they are under `transforms`, by `transform`
    """

    queue: str
    action: str
    image_id: int
    pixel_hash: str
    value: str | None = None
    twin_id: int | None = None
    twin_hash: str | None = None
    squared_distance: int | None = None
    transforms: str | None = None
    transform: str | None = None

    @property
    def is_judgement(self) -> bool:
        """Whether it says what a pair is, for a radius to be chosen by, and decides nothing."""
        return self.action in JUDGEMENTS

    @property
    def about(self) -> tuple[str, ...]:
        """What it is about: of verdicts about the same thing the last one counts."""
        if self.is_judgement or self.action == "not_duplicate":
            kind = "judged" if self.is_judgement else "parted"
            return (kind, *sorted((self.pixel_hash, self.twin_hash or "")))
        return ("picture", self.pixel_hash)

    @property
    def row(self) -> dict[str, Any]:
        """The row that `decide` takes."""
        return {
            "image_id": self.image_id,
            "pixel_hash": self.pixel_hash,
            "action": self.action,
            "value": self.twin_hash if self.action == "not_duplicate" else self.value,
            "note": f"{_NOTE}{self.queue}",
        }

    def check(self) -> None:
        """Refuse what `decide` would not take.

        Raises:
            UsageError: an action that there is not, a label that is none, a pair of equal pixels.
        """
        if self.is_judgement or self.action == "not_duplicate":
            if self.twin_id is None or self.twin_hash is None:
                raise UsageError("this is about a pair, and here is one picture")
            if self.twin_hash == self.pixel_hash and not self.is_judgement:
                raise UsageError("their pixels are equal, so they are one picture")
        if self.is_judgement:
            return
        if self.action not in ACTIONS:
            raise UsageError(f"there is no action {self.action[:40]!r}")
        read_rows(pa.Table.from_pylist([self.row]), Defaults(), "the verdict")

    def to_json(self) -> dict[str, Any]:
        """All of it that is not None."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def of_json(cls, given: Mapping[str, Any]) -> Verdict:
        """The verdict that `to_json` gave; names it does not know are passed over."""
        known = cls.__dataclass_fields__
        return cls(**{name: value for name, value in given.items() if name in known})


def those_that_count(verdicts: Iterable[Verdict]) -> dict[tuple[str, ...], Verdict]:
    """The last verdict about each thing, by what it is about, in the order they were said."""
    found: dict[tuple[str, ...], Verdict] = {}
    for verdict in verdicts:
        found.pop(verdict.about, None)
        found[verdict.about] = verdict
    return found


def is_ours(note: str | None) -> bool:
    """Whether a decision with this note came from here."""
    return (note or "").startswith(_NOTE)


def queue_of(note: str) -> str:
    """The queue that a decision of ours was made in."""
    return note.removeprefix(_NOTE)
