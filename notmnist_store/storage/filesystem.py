"""Files that are whole or absent: written beside and moved in place, or put into a bucket."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from notmnist_store.errors import StoreError
from notmnist_store.location.bucket import BucketPath
from notmnist_store.location.location import Location
from notmnist_store.storage.pause import reached

TOO_MANY_OPEN = os.strerror(errno.EMFILE)
MORE_OPEN = "ulimit -n 1024"


@contextmanager
def disk_errors(target: Location) -> Iterator[None]:
    """Turn an OSError under this block into a StoreError that names `target` and the way out."""
    if isinstance(target, BucketPath):  # its errors say this by themselves
        yield
        return
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        folder = shlex.quote(str(target.parent))
        hint = (
            MORE_OPEN
            if too_many_open(error)
            else (
                f"df -h {folder}; ls -ld {folder}"
                if target.parent.is_dir()
                else f"mkdir -p {folder}"
            )
        )
        raise StoreError(f"cannot write {target}: {reason}", hint) from error


def too_many_open(error: BaseException) -> bool:
    """Whether this is what the system says where a process may open no further file."""
    codes = (errno.EMFILE, errno.ENFILE)
    return getattr(error, "errno", None) in codes or any(
        os.strerror(code) in str(error) for code in codes
    )


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a path beside `target`; on success it takes the target's place in one step.

    On any failure, Ctrl-C included, the target is as it was and the file beside it is gone. A
    device or a pipe, as /dev/null, is written to as it is.
    """
    if target.exists() and not target.is_file() and not target.is_dir():
        with disk_errors(target):
            yield target
        return
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with disk_errors(target):
            yield beside
            reached("file written")
            beside.replace(target)
            reached("file placed")
    finally:
        with suppress(OSError):
            beside.unlink()


def put(target: Location, data: bytes | memoryview) -> None:
    """Write `data`: readers see the old file or the new one, never a part."""
    if isinstance(target, BucketPath):
        target.put(data)
        return
    with replacing(target) as beside:
        beside.write_bytes(data)


def flush(*files: Location) -> None:
    """Have the disk hold these files and their names; folders where the file system can.

    A bucket holds them as soon as they are put.
    """
    paths = [file for file in files if isinstance(file, Path)]
    for path in (*paths, *{path.parent for path in paths}):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)


def held_folder(make: Callable[[], Path]) -> tuple[Path, int]:
    """A new folder, and its lock, which ends when it is closed or this process dies."""
    while True:
        folder = make()
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # another process took it for one that was left
            continue
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_SH)
        if folder.exists():
            return folder, lock
        os.close(lock)  # the same, later


def remove_unheld(folder: Path) -> None:
    """Remove a folder that no living process holds, and that may be removed."""
    with suppress(OSError):
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def create_exclusive(target: Location, text: str) -> bool:
    """Create `target` with `text`, whole; False where it exists already (nothing is changed)."""
    if isinstance(target, BucketPath):
        return target.create(text.encode())
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    with disk_errors(target):
        try:
            beside.write_text(text, encoding="utf-8")
            reached("file written")
            os.link(beside, target)
        except FileExistsError:
            return False
        finally:
            with suppress(OSError):
                beside.unlink()
    return True


def take_back(file: Location) -> None:
    """Remove a file that nothing names, where the disk lets it be removed.

    Else `gc` does that, as it does in a bucket, where no lock says who is at work.
    """
    if isinstance(file, Path):
        with suppress(OSError):
            file.unlink()


def locked(target: Path, *, alone: bool) -> BinaryIO | None:
    """Open `target` under an advisory lock, which ends when the file is closed or the process dies.

    Any number of processes hold it together, or one holds it `alone`. None where there is no such
    file, or (for `alone`) where another process has it.
    """
    with suppress(FileNotFoundError, BlockingIOError):
        file = target.open("rb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
            if os.path.samestat(os.fstat(file.fileno()), target.stat()):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # it was removed, or replaced, while we waited
    return None


def file_sha256(path: Path) -> str:
    """Sha256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
