"""The words that say how a near copy may have moved, and what a search under some answers for.

Words multiply: `flip,shift1` is every flip, every shift, and every flip that is shifted. The sets
that words can name are ordered by two levels, how far one shifts and how much one turns; a set
contains another where both of its levels are as high.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from notmnist_store.errors import UsageError
from notmnist_store.schema.shape import Shape
from notmnist_store.text import did_you_mean

TURNS = ("flip", "flips", "turns")
"""Words for turning, each of which contains those before it."""

_SHIFTS = (("shift1",), ("shift2",), ("shift1", "shift2"))
_NONE = "none"
_WORDS = (_NONE, *TURNS, "shift1", "shift2")
_HINT = "notmnist-store near-duplicates --transforms shift1"


@dataclass(frozen=True)
class Transforms:
    """A set of transforms under which copies are looked for; the identity is always one of them.

    turns   0, or 1 to 3: as far as that word of TURNS goes
    shifts  0, or 1 for shift1, 2 for shift2, 3 for both, one after the other
    """

    turns: int = 0
    shifts: int = 0

    @classmethod
    def read(cls, given: str | Transforms | None) -> Transforms | None:
        """What was given, in words with commas between them; None where nothing was.

        Raises:
            UsageError: a word that is none.
        """
        if given is None or isinstance(given, Transforms):
            return given
        words = {word.strip() for word in given.split(",")}
        for word in sorted(words - set(_WORDS)):
            raise UsageError(did_you_mean("transform", word[:40], _WORDS), _HINT)
        turns = max((n for n, word in enumerate(TURNS, 1) if word in words), default=0)
        shifts = sum(n for word, n in (("shift1", 1), ("shift2", 2)) if word in words)
        return cls(turns, shifts)

    @classmethod
    def of(cls, given: str | Transforms | None) -> Transforms:
        """What was given, as `read` takes it; none where nothing was."""
        return cls.read(given) or NONE

    @property
    def option(self) -> list[str]:
        """The words of a command line that ask for these; no words for none."""
        return [] if self == NONE else ["--transforms", self.text]

    @property
    def said(self) -> str:
        """How a sentence about pairs ends that were found under these: not at all for none."""
        return "" if self == NONE else f", under {self}"

    @property
    def text(self) -> str:
        """Its words, the fewest that name it, in one order: none, or those of TURNS first."""
        words = [*TURNS[self.turns - 1 : self.turns]] if self.turns else []
        words += _SHIFTS[self.shifts - 1] if self.shifts else ()
        return ",".join(words) or _NONE

    def covers(self, other: Transforms) -> bool:
        """Whether all transforms of the other set are in this one."""
        return self.turns >= other.turns and self.shifts >= other.shifts

    @property
    def within(self) -> list[Transforms]:
        """All sets that this one covers, itself the last: lesser ones come before greater ones."""
        return [
            Transforms(turns, shifts)
            for turns, shifts in product(range(self.turns + 1), range(self.shifts + 1))
        ]

    @property
    def between(self) -> list[Transforms]:
        """Those of them that are neither empty nor all of it."""
        return self.within[1:-1]

    def check(self, shape: Shape) -> None:
        """Refuse what images of this shape cannot do.

        Raises:
            UsageError: quarter turns of images that are no squares.
        """
        if self.turns == len(TURNS) and shape.height != shape.width:
            raise UsageError(
                f"turns are for square images, not for {shape}: flips are its half",
                "notmnist-store near-duplicates --transforms flips",
            )

    def __str__(self) -> str:
        return self.text


NONE = Transforms()
"""No transform but the identity: plain near copies."""
