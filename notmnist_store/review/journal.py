"""What was judged and is in no table yet, kept in the store: a journal for each session.

On this machine it is a file to which each verdict is appended and flushed before it counts as
said; the session holds its lock. In a bucket it is an object for each batch. Who takes verdicts out
of a journal commits their run under `Journal.once`, so they get into the tables once, whoever does
it and whenever it is killed.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from notmnist_store.errors import StoreError
from notmnist_store.location.bucket import BucketPath
from notmnist_store.location.location import Location
from notmnist_store.storage.filesystem import disk_errors, flush, locked
from notmnist_store.storage.once import Once
from notmnist_store.storage.tables import Tables, new_run_id

FOLDER = "review"
"""The folder of the journals in a store."""

_SUFFIX = ".jsonl"


class Entry(NamedTuple):
    """The `number`-th thing that was said in a session, from 1, as JSON."""

    number: int
    said: dict[str, Any]


class Journal:
    """The journal of one session; nothing is in the store until something is said.

    Its methods are called by one thread at a time.
    """

    def __init__(self, tables: Tables, session: str | None = None) -> None:
        self.session = session or new_run_id()
        self._root = tables.root / FOLDER
        self._is_taken_over = False
        self._held: int | None = None
        self._last = 0

    @property
    def _file(self) -> Path:
        assert isinstance(self._root, Path)
        return self._root / f"{self.session}{_SUFFIX}"

    def once(self, what: str, number: int) -> Once:
        """What makes a run the only one that has the entries of a kind up to this one."""
        return Once(f"{FOLDER}/{self.session}/{what}", number, "they are stored", "")

    def add(self, said: Sequence[Mapping[str, Any]]) -> list[Entry]:
        """Write these down, all or none; when this returns they survive whatever is killed.

        Raises:
            StoreError: the store cannot be written.
        """
        entries = [Entry(self._last + n, dict(one)) for n, one in enumerate(said, 1)]
        data = "".join(f"{json.dumps([e.number, e.said])}\n" for e in entries).encode()
        if isinstance(self._root, BucketPath):
            (self._root / self.session / f"{self._last + 1:09d}{_SUFFIX}").put(data)
        else:
            self._append(data)
        self._last += len(entries)
        return entries

    def _append(self, data: bytes) -> None:
        with disk_errors(self._file):
            if self._held is None:
                self._file.parent.mkdir(exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                self._held = os.open(self._file, flags, 0o666)
                if not self._is_taken_over:  # else its lock is held already
                    with suppress(OSError):  # a file system without locks
                        fcntl.flock(self._held, fcntl.LOCK_SH)
                flush(self._file)
            before = os.fstat(self._held).st_size
            try:
                written = os.write(self._held, data)
                if written != len(data):
                    raise OSError(28, "No space left on device")
                os.fsync(self._held)
            except OSError:
                os.ftruncate(self._held, before)
                raise

    def read(self) -> list[Entry]:
        """What is written down, in its order; a line that was cut was never said.

        Raises:
            StoreError: a line amid others is damaged.
        """
        found = []
        for path in self._parts():
            try:
                lines = path.read_bytes().split(b"\n")
            except FileNotFoundError:
                continue
            for place, line in enumerate(lines[:-1]):
                try:
                    number, said = json.loads(line)
                    found.append(Entry(int(number), dict(said)))
                except (ValueError, TypeError) as error:
                    if place == len(lines) - 2:  # the disk got its end, not what stands before
                        continue
                    raise StoreError(
                        f"{path} is damaged in line {place + 1}; what stands there was not stored",
                        f"head -n {place + 1} {path}",
                    ) from error
        return sorted(found)

    def _parts(self) -> list[Location]:
        if isinstance(self._root, BucketPath):
            return sorted((self._root / self.session).glob(f"*{_SUFFIX}"), key=str)
        return [self._file]

    def clear(self, number: int) -> None:
        """Forget the entries up to this one, which are in the tables; later ones may keep them."""
        if isinstance(self._root, BucketPath):
            parts = self._parts()
            starts = [int(part.name.removesuffix(_SUFFIX)) for part in parts]
            for part, following in zip(parts, [*starts[1:], self._last + 1], strict=True):
                if following <= number + 1:
                    part.unlink(missing_ok=True)
        elif number >= self._last:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)
                self._file.parent.rmdir()
            if self._held is not None:
                os.close(self._held)
                self._held = None

    @classmethod
    def left(cls, tables: Tables) -> Iterator[Journal]:
        """Journals of sessions that ended before all they said was stored, each while it is held.

        In a bucket nothing tells whether a session has ended: all are among them.
        """
        root = tables.root / FOLDER
        if isinstance(root, BucketPath):
            parts: Iterator[Location] = root.glob(f"*/*{_SUFFIX}")
            for session in sorted({part.parent.name for part in parts}):
                yield cls(tables, session)._taken_over()
            return
        for path in sorted(root.glob(f"*{_SUFFIX}")):
            file = locked(path, alone=True)
            if file is None:
                continue
            with file:
                yield cls(tables, path.name.removesuffix(_SUFFIX))._taken_over()

    def _taken_over(self) -> Journal:
        self._is_taken_over = True
        self._last = max((entry.number for entry in self.read()), default=0)
        return self
