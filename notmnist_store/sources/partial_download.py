"""A file that arrives in pieces: ``NAME.part`` beside its target, locked, and moved there whole.

The part outlives its process, so that the next one goes on where this one stopped.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from notmnist_store.errors import StoreError
from notmnist_store.storage.filesystem import disk_errors


class Part:
    """What has come so far of one file. Its open file is locked: nobody else writes to it.

    ``inherited`` says that it holds bytes of an earlier process, ``resumed`` that it was put
    together from several answers.
    """

    def __init__(self, path: Path, file: FileIO) -> None:
        self.path = path
        self.inherited = self.resumed = os.fstat(file.fileno()).st_size > 0
        self._file = file

    @property
    def size(self) -> int:
        """Bytes it holds now."""
        return os.fstat(self._file.fileno()).st_size

    def append(self, chunk: bytes) -> None:
        """Write `chunk` behind what is there; what fits on a full disk stays."""
        with disk_errors(self.path):
            self._file.seek(0, os.SEEK_END)
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._file.write(rest) :]

    def discard(self) -> None:
        """Throw away all that came."""
        with disk_errors(self.path):
            self._file.truncate(0)
        self.inherited = self.resumed = False

    def sha256(self) -> str:
        """The sha256 of what is in the file, in hex."""
        with disk_errors(self.path):
            self._file.seek(0)
            return hashlib.file_digest(self._file, "sha256").hexdigest()

    def put_in_place(self, target: Path) -> None:
        """Give the part its target's name, once it is on the disk itself."""
        with disk_errors(target):
            os.fsync(self._file.fileno())
            self.path.replace(target)
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


@contextmanager
def locked_part(target: Path) -> Iterator[Part]:
    """The part beside `target`; what it holds stays there on a failure, Ctrl-C included.

    Raises:
        StoreError: it cannot be written, or another process has it.
    """
    path = target.with_name(f"{target.name}.part")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _open_locked(path)
    with file:
        part = Part(path, file)
        try:
            yield part
        finally:
            if not part.size:
                path.unlink(missing_ok=True)


def _open_locked(path: Path) -> FileIO:
    while True:
        file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its last owner may have moved it away between our opening and our locking it.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except BlockingIOError as error:
            file.close()
            raise StoreError(
                f"another process is downloading {path.with_suffix('')}",
                f"ls -l {shlex.quote(str(path))}",
            ) from error
        except BaseException:
            file.close()
            raise
        file.close()
