"""What became of the members of a source: how many, by where they stand and what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

OUTCOMES = (
    "stored",
    "rejected",
    "ignored_hidden",
    "ignored_link",
    "ignored_device",
    "ignored_outside",
    "ignored_known",
)

Key = tuple[str | None, str | None, str | None]
"""Folder (None where labels are given), label and split rule that a member is tallied under."""


@dataclass
class Tally:
    """What became of the members seen, by key; all of a key is None for an unsafe name.

    ``splits`` parts the stored ones by their split, ``reasons`` counts the rejected ones, and
    ``other_shapes`` has those of another shape, by it. ``unlabelled`` has, by split, the files that
    were ignored since they have a split but no label.
    """

    seen: Counter[Key] = field(default_factory=Counter)
    outcomes: Counter[tuple[str | None, str | None, str | None, str]] = field(
        default_factory=Counter
    )
    splits: Counter[tuple[str | None, str | None, str | None, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    other_shapes: Counter[str] = field(default_factory=Counter)
    unlabelled: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.seen.update(other.seen)
        self.outcomes.update(other.outcomes)
        self.splits.update(other.splits)
        self.reasons.update(other.reasons)
        self.other_shapes.update(other.other_shapes)
        self.unlabelled.update(other.unlabelled)

    def store(self, keys: Sequence[Key], splits: Sequence[str]) -> None:
        """Count images that were stored: the key and the split of each."""
        for (key, split), count in Counter(zip(keys, splits, strict=True)).items():
            self.outcomes[*key, "stored"] += count
            self.splits[*key, split] += count
