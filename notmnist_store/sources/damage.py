"""The error for a source that did not arrive as it was made."""

from __future__ import annotations

from notmnist_store.errors import SourceError


def damaged(message: str) -> SourceError:
    """A source that is damaged or cut off, as `message` says: it is to be fetched anew."""
    return SourceError(message, advice="copy or download it again")
