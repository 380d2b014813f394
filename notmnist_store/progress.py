"""What a long verb says while it works. The face that shows it decides how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

_Part = TypeVar("_Part", bound=Sized)


class Progress:
    """Receives stages, steps and notes; this base class keeps them to itself."""

    def stage(self, title: str, total: int, unit: str) -> None:
        """A stage of `total` units begins (0 where the total is not known)."""

    def advance(self, done: int) -> None:
        """`done` units of the stage are done, counted from its start."""

    def counted(self, parts: Iterable[_Part]) -> Iterator[_Part]:
        """The same parts of a stage; what each holds is done when the next is asked for."""
        done = 0
        for part in parts:
            yield part
            done += len(part)
            self.advance(done)

    def end(self) -> None:
        """The stage is over, successfully or not."""

    @contextmanager
    def during(self, title: str, total: int, unit: str) -> Iterator[None]:
        """A stage that lasts as long as the block."""
        self.stage(title, total, unit)
        try:
            yield
        finally:
            self.end()

    def say(self, message: str) -> None:
        """One line that nobody can do without, and that stays whole."""

    def note(self, message: str) -> None:
        """One line the user should read."""
