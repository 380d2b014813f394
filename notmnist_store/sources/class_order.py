"""The order that a source gives its classes: its names of the numbers 0, 1, 2, …, or the numbers.

Two orders agree where the longer begins as the shorter: no class has two numbers then, and no
number two classes.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from notmnist_store.errors import SourceError

_MOST_UNNAMED = 10_000
"""Numbers without names are an order as long as all are below this."""


Names = Sequence[str] | Mapping[int, str]
"""Names of the classes 0, 1, …, or of the numbers that they stand beside."""


@dataclass
class Classes:
    """Names of classes by their numbers; where there are none, the numbers that were seen.

    In their order, classes are counted from 0, wherever their numbers begin.
    """

    names: Names | None = None
    seen: int = 0

    def __post_init__(self) -> None:
        if self.names is not None:
            self.names = numbered(self.names)
            self._numbers = np.fromiter(self.names, np.int64, len(self.names))
            self._texts = pa.array(self.names.values(), pa.string())

    @property
    def order(self) -> tuple[str, ...] | None:
        """The labels by their numbers; null where nothing gives them an order."""
        if self.names is not None:
            return tuple(self._texts.to_pylist())
        return tuple(map(str, range(self.seen))) if 0 < self.seen <= _MOST_UNNAMED else None

    def see(self, least: int, most: int) -> None:
        """Take notice of numbers without names; a negative one is no number of a class."""
        self.seen = max(self.seen, most + 1) if least >= 0 else _MOST_UNNAMED + 1

    def labels(self, numbers: npt.NDArray[np.integer], what: str) -> pa.Array:
        """Labels as text, one a number; there is at least one.

        Raises:
            SourceError: a number is negative or has no name.
        """
        least, most = int(numbers.min()), int(numbers.max())
        if least < 0:
            raise SourceError(f"{what} has the label {least}", advice="labels are counted from 0")
        if self.names is None:
            self.see(least, most)
            return pa.array(numbers.astype(numbers.dtype.newbyteorder("="))).cast(pa.string())
        last = len(self._numbers) - 1
        places = np.minimum(np.searchsorted(self._numbers, numbers), last)
        unnamed = numbers[self._numbers[places] != numbers]
        if len(unnamed):
            raise self._unnamed(int(unnamed.max()), least, what)
        return self._texts.take(pa.array(places))

    def _unnamed(self, number: int, least: int, what: str) -> SourceError:
        """The error for a number without a name, which a count from 1 may be the reason of."""
        known = self._numbers.tolist()
        told = f"{len(known)} classes have names ({known[0]} to {known[-1]})"
        option = ""
        if known == [*range(len(known))] and number == len(known) and least:
            by_number = ",".join(f"{n}={name}" for n, name in enumerate(self._texts.to_pylist(), 1))
            option = f"--labels {shlex.quote(by_number)}"
        return SourceError(
            f"{what} has the label {number}, but only {told}",
            advice="give a name to every class with --labels, or leave it out; names with numbers, "
            "1=A,2=B, are for labels that do not start at 0",
            option=option,
        )


def numbered(names: Names) -> dict[int, str]:
    """Names by their numbers, in the order of these."""
    if isinstance(names, Mapping):
        return dict(sorted(names.items()))
    return dict(enumerate(names))


def agreed(names: Names | None, giver: str, given: Names | None) -> Names | None:
    """The names that ``giver`` gives and those of ``--labels``: the longer ones of two that agree.

    Raises:
        SourceError: they contradict each other.
    """
    if names is None or given is None:
        return names if given is None else given
    own, asked = numbered(names), numbered(given)
    shorter, longer = sorted((own, asked), key=len)
    if not shorter.keys() <= longer.keys():
        raise SourceError(
            f"{giver} numbers its classes {_span(own)}, and --labels {_span(asked)}",
            advice="--labels may give each its number: 1=A,2=B",
        )
    for number, name in shorter.items():
        if longer[number] != name:
            raise SourceError(
                f"{giver} says that class {number} is {own[number]!r}, and --labels says that it "
                f"is {asked[number]!r}",
                advice="one order is wanted",
            )
    return longer


def _span(names: Mapping[int, str]) -> str:
    return f"{min(names)} to {max(names)}"


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
