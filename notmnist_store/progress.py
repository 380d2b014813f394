"""What a long verb says while it works. The face that shows it decides how."""

from __future__ import annotations


class Progress:
    """Receives stages, steps and notes; this base class keeps them to itself."""

    def stage(self, title: str, total: int, unit: str) -> None:
        """A stage of `total` units begins (0 where the total is not known)."""

    def advance(self, done: int) -> None:
        """`done` units of the stage are done, counted from its start."""

    def end(self) -> None:
        """The stage is over, successfully or not."""

    def note(self, message: str) -> None:
        """One line the user should read."""
