"""Folders that are whole or absent: written beside, moved in place."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from notmnist_store.errors import StoreError
from notmnist_store.storage.filesystem import disk_errors, held_folder, remove_unheld
from notmnist_store.storage.pause import reached


@contextmanager
def placed_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder beside `target`; on success it takes the target's place.

    An earlier folder is moved away first and comes back where that fails. Whatever happens, Ctrl-C
    included, nothing unfinished stands under the target's name. A process that is killed leaves
    a hidden folder ``.NAME.*.tmp`` beside it, which the next one that writes this target removes;
    and what it had moved away once there is a whole target again.

    Raises:
        StoreError: the disk is full, the folder cannot be written, or another process was first.
    """
    _remove_left(target, "new")
    replaces = target.exists()
    earlier = _beside(target, "old")
    with disk_errors(target):
        beside, lock = held_folder(lambda: _new(target))
    try:
        with disk_errors(target):
            reached("folder begun")
            yield beside
            reached("folder filled")
            if replaces:
                target.rename(earlier)
                reached("earlier folder moved")
            elif target.exists():
                raise StoreError(
                    f"another process has made {target} meanwhile",
                    f"ls -A {shlex.quote(str(target))}",
                )
            try:
                beside.rename(target)
            except BaseException:
                if replaces:
                    earlier.rename(target)
                raise
            reached("folder placed")
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        os.close(lock)
        if target.exists():
            _remove_left(target, "old")


def _beside(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.{kind}.tmp")


def _new(target: Path) -> Path:
    beside = _beside(target, "new")
    beside.mkdir()
    return beside


def _remove_left(target: Path, kind: str) -> None:
    """Remove what killed processes have left beside the target; nobody holds a lock on it."""
    with suppress(OSError):
        for path in target.parent.iterdir():
            name = path.name.removeprefix(f".{target.name}.").removesuffix(f".{kind}.tmp")
            if path.name == f".{target.name}.{name}.{kind}.tmp" and len(name) == 8:
                remove_unheld(path)
