"""The order that a source gives its classes: its names of the numbers 0, 1, 2, …, or the numbers.

Two orders agree where the longer begins as the shorter: no class has two numbers then, and no
number two classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from notmnist_store.errors import SourceError

_MOST_UNNAMED = 10_000
"""Numbers without names are an order as long as all are below this."""


@dataclass
class Classes:
    """Names of the classes 0, 1, …; where there are none, the numbers that were seen."""

    names: Sequence[str] | None = None
    seen: int = 0

    @property
    def order(self) -> tuple[str, ...] | None:
        """The labels by their numbers; null where nothing gives them an order."""
        if self.names is not None:
            return tuple(self.names)
        return tuple(map(str, range(self.seen))) if 0 < self.seen <= _MOST_UNNAMED else None

    def see(self, least: int, most: int) -> None:
        """Take notice of numbers without names; a negative one is no number of a class."""
        self.seen = max(self.seen, most + 1) if least >= 0 else _MOST_UNNAMED + 1

    def labels(self, numbers: npt.NDArray[np.integer], what: str) -> pa.Array:
        """Labels as text, one a number.

        Raises:
            SourceError: a number is negative or has no name.
        """
        least, most = int(numbers.min()), int(numbers.max())
        if least < 0:
            raise SourceError(f"{what} has the label {least}", advice="labels are counted from 0")
        if self.names is None:
            self.see(least, most)
            return pa.array(numbers.astype(numbers.dtype.newbyteorder("="))).cast(pa.string())
        if most >= len(self.names):
            raise SourceError(
                f"{what} has the label {most}, but only {len(self.names)} classes have names (0 to "
                f"{len(self.names) - 1})",
                advice="give a name to every class with --labels, or leave it out",
            )
        return pa.array(self.names, pa.string()).take(pa.array(numbers.astype(np.int64)))


@dataclass(frozen=True)
class GivenOrder:
    """An order, and in words who gives it."""

    labels: tuple[str, ...]
    giver: str

    def against(self, other: GivenOrder) -> str | None:
        """How the two contradict each other, in words that name both; null where they agree."""
        pairs = enumerate(zip(self.labels, other.labels, strict=False))
        for number, (mine, its) in pairs:
            if mine != its:
                return (
                    f"{self.giver} says that class {number} is {mine!r}, and {other.giver} says "
                    f"that it is {its!r}"
                )
        return None

    def or_longer(self, other: GivenOrder | None) -> GivenOrder:
        """The longer one of two that agree.

        Raises:
            SourceError: they contradict each other.
        """
        if other is None:
            return self
        if wrong := self.against(other):
            raise SourceError(wrong, advice="one order is wanted")
        return max(self, other, key=lambda order: len(order.labels))
