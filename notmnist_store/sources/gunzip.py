"""Bytes of a gzip file as they come out, counted before they are kept, in a thread of their own.

The decompressor (ISA-L, or zlib where the package ``isal`` is missing) releases the interpreter
lock, so reading ahead overlaps with whatever the consumer does.
"""

from __future__ import annotations

import queue
import threading
import zlib
from collections.abc import Callable, Generator, Iterator
from types import ModuleType
from typing import BinaryIO

from notmnist_store.sources.damage import damaged
from notmnist_store.sources.limits import Meter

_READ = 256 << 10
_PIECE = 1 << 20
_WITH_GZIP_HEADER = 31


def plain(file: BinaryIO, meter: Meter, progress: Callable[[int], None]) -> Iterator[bytes]:
    """Yield the bytes of ``file`` as they are; ``progress`` gets the bytes read so far."""
    done = 0
    while piece := file.read(_PIECE):
        done += len(piece)
        progress(done)
        meter.count_bytes(len(piece))
        yield piece


def _fastest() -> ModuleType:
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib
    return isal_zlib


def gunzip(
    file: BinaryIO,
    meter: Meter,
    progress: Callable[[int], None],
    inflater: ModuleType | None = None,
) -> Iterator[bytes]:
    """Yield the decompressed bytes of ``file``, at most 1 MiB at a time.

    Concatenated gzip streams and zeros after the last one are taken as gzip takes them. ``meter``
    counts each piece before the next is made, so a bomb costs one piece. ``progress`` gets the
    compressed bytes read so far. ``inflater`` is a module with zlib's interface.

    Raises:
        SourceError: a wrong checksum, bytes that are no deflate stream, or an early end.
        BudgetError: from ``meter``.
    """
    module = inflater or _fastest()
    read = 0
    inflate = None
    try:
        while compressed := file.read(_READ):
            read += len(compressed)
            progress(read)
            while compressed:
                if inflate is None:
                    compressed = compressed.lstrip(b"\0")
                    if not compressed:
                        break
                    if not compressed.startswith(b"\x1f"):
                        raise damaged(
                            f"{meter.name} is damaged: at byte {read - len(compressed):,} no gzip "
                            "stream begins, but the file goes on"
                        )
                    inflate = module.decompressobj(_WITH_GZIP_HEADER)
                piece = inflate.decompress(compressed, _PIECE)
                if inflate.eof:
                    compressed, inflate = inflate.unused_data, None
                else:
                    compressed = inflate.unconsumed_tail
                if piece:
                    meter.count_bytes(len(piece), read - len(compressed))
                    yield piece
    except (zlib.error, getattr(module, "error", zlib.error)) as error:
        raise damaged(f"{meter.name} is damaged near byte {read:,} of the file: {error}") from None
    if inflate is not None:
        raise damaged(f"{meter.name} is cut off: it ends at byte {read:,}, inside its gzip stream")


def read_ahead(pieces: Iterator[bytes], depth: int = 4) -> Generator[bytes, None, None]:
    """Yield what ``pieces`` yields, up to ``depth`` pieces ahead, made by a background thread.

    An exception of ``pieces`` is raised here in its place. Closing this iterator ends the thread.
    """
    ready: queue.Queue[bytes | BaseException | None] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: bytes | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            for piece in pieces:
                if not put(piece):
                    return
        except BaseException as error:  # it is raised again in the consumer's thread
            put(error)
        else:
            put(None)

    thread = threading.Thread(target=produce, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
