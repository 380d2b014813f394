"""Files that are whole or absent: written beside, moved in place."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from notmnist_store.errors import StoreError

__all__ = ["create_exclusive", "disk_errors", "replacing", "write_text"]


@contextmanager
def disk_errors(target: Path) -> Iterator[None]:
    """Turn an OSError under this block into a StoreError that names `target` and the way out."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(
            f"cannot write {target}: {reason}",
            f"df -h {target.parent}; ls -ld {target.parent}",
        ) from error


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a path beside `target`; on success it takes the target's place in one step.

    On any failure, Ctrl-C included, the target is as it was and the file beside it is gone.
    """
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with disk_errors(target):
            yield beside
            beside.replace(target)
    finally:
        with suppress(OSError):
            beside.unlink()


def write_text(target: Path, text: str) -> None:
    """Write `text` as UTF-8: readers see the old file or the new one, never a part."""
    with replacing(target) as beside:
        beside.write_text(text, encoding="utf-8")


def create_exclusive(target: Path, text: str) -> bool:
    """Create `target` with `text`, whole; False where it exists already (nothing is changed)."""
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    with disk_errors(target):
        try:
            beside.write_text(text, encoding="utf-8")
            os.link(beside, target)
        except FileExistsError:
            return False
        finally:
            with suppress(OSError):
                beside.unlink()
    return True
