"""What is read of objects, kept on this machine so that it is fetched once.

A source is read twice, first for its sha256, from which its run has its name, then for its rows. Of
what lies in a bucket the second reading is of what the first one fetched, byte for byte.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from typing import BinaryIO

BLOCK_BYTES = 8 << 20
_LEAVES = 2  # of the free space of the temporary folder an object takes at most a half

Fetch = Callable[[int, int], bytes]
"""Bytes [start, stop) of an object, from its server."""


class Copy:
    """The blocks of an object that were read, in a file that ends with this process."""

    def __init__(self, size: int, file: BinaryIO) -> None:
        self._size = size
        self._file = file
        self._there: set[int] = set()

    def read(self, start: int, stop: int, fetch: Fetch) -> bytes:
        """Bytes from `start` on, up to `stop` or the end of a block; one not there is fetched."""
        number = start // BLOCK_BYTES
        low = number * BLOCK_BYTES
        high = min(low + BLOCK_BYTES, self._size)
        if number in self._there:
            return os.pread(self._file.fileno(), min(stop, high) - start, start)
        block = fetch(low, high)
        with suppress(OSError):  # the disk is full: the next reader fetches it again
            if os.pwrite(self._file.fileno(), block, low) == len(block):
                self._there.add(number)
        return block[start - low : min(stop, high) - low]


class _Copies:
    def __init__(self, files: ExitStack) -> None:
        self._files = files
        self._of: dict[Hashable, Copy | None] = {}

    def of(self, what: Hashable, size: int) -> Copy | None:
        if what not in self._of:
            self._of[what] = self._made(size)
        return self._of[what]

    def _made(self, size: int) -> Copy | None:
        if size * _LEAVES > shutil.disk_usage(tempfile.gettempdir()).free:
            return None
        return Copy(size, self._files.enter_context(tempfile.TemporaryFile()))


_copies: ContextVar[_Copies | None] = ContextVar("copies", default=None)


@contextmanager
def keeping() -> Iterator[None]:
    """Under this block an object that is opened more than once is fetched once, if there is room.

    That is, where the temporary folder has twice its bytes free; else each reading fetches it.
    Copies stay until the outermost of such blocks ends.
    """
    if _copies.get() is not None:
        yield
        return
    with ExitStack() as files:
        token = _copies.set(_Copies(files))
        try:
            yield
        finally:
            _copies.reset(token)


def copy_of(what: Hashable, size: int) -> Copy | None:
    """The copy of an object, by what names these very bytes; None where none is kept."""
    copies = _copies.get()
    return None if copies is None else copies.of(what, size)
