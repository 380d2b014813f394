"""The errors for a source that did not arrive as it was made, and for one that is never read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from notmnist_store.errors import SourceError, StoreError
from notmnist_store.location.location import Location

_PICKLE_PROTOCOLS = b"\2\3\4\5"


def damaged(message: str) -> SourceError:
    """A source that is damaged or cut off, as `message` says: it is to be fetched anew."""
    return SourceError(message, advice="copy or download it again")


@contextmanager
def reader_errors(what: str) -> Iterator[None]:
    """Turn whatever a reader raises at a damaged source into a SourceError that names it."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:  # OSError, IndexError, struct.error, RuntimeError and others
        raise damaged(f"{what} is damaged: {str(error) or type(error).__name__}") from error


def is_pickle(head: bytes) -> bool:
    """Whether a file that begins so is a pickle of protocol 2 or later."""
    return head[:1] == b"\x80" and head[1:2] in [bytes([n]) for n in _PICKLE_PROTOCOLS]


def pickled(path: Location, what: str = "is a pickle") -> SourceError:
    """The error for a pickle; `what` says how the file at `path` holds one."""
    return SourceError(
        f"{path} {what}, and no pickle is ever read, since it can run any program",
        "notmnist-store download notMNIST_small" if "notmnist" in path.name.lower() else "",
        advice="give what it was made from, or its arrays as train_images and train_labels by "
        "numpy.savez",
    )
