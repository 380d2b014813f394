"""The one exception tree: a wrong path, a damaged store, a bad query.

Exceptions are for the operator. Bad data is rows (table ``reject``), never an exception.
"""

from __future__ import annotations


class StoreError(Exception):
    """Base class of every error this package raises on purpose.

    ``message`` says what is wrong; ``hint`` is one command (or one step) that works when pasted.
    ``str()`` gives both, the hint last.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  try: {self.hint}" if self.hint else self.message


class UsageError(StoreError):
    """An option or argument that cannot be meant (exit code 2)."""


class SourceError(StoreError):
    """A source that cannot be read to its end: missing, cut, damaged, no images in it.

    Whoever reads a source does not know how it was named on the command line. So it may give an
    ``advice`` in prose, which ends the message, or an ``option`` that lets the source pass; the
    verb makes a command of it.
    """

    def __init__(self, message: str, hint: str = "", *, advice: str = "", option: str = "") -> None:
        super().__init__(f"{message}; {advice}" if advice else message, hint)
        self.advice, self.option = advice, option


class BudgetError(SourceError):
    """A source passed one of its limits; the hint names the option that raises it."""


class ChecksError(SourceError):
    """A source was read whole, but fails the counts it was asked to meet; nothing was stored."""


class DamageError(StoreError):
    """A store that has lost something: no command answers from what is left of it."""


class LimitError(StoreError):
    """The system lets this process go no further; the store is not to blame."""


class BucketError(LimitError):
    """A bucket that does not answer, or may not be used; what it holds is not to blame."""


class QueryError(StoreError):
    """A query that does not run: a syntax error, an unknown name, a statement that is no SELECT."""
