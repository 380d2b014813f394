"""A folder that is whole or absent: written beside its name, checked off in SHA256SUMS, moved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from notmnist_store.errors import UsageError
from notmnist_store.location.bucket import BucketPath
from notmnist_store.location.location import Location, at_once, look_at
from notmnist_store.sources.exported import EXPORT_MARK
from notmnist_store.storage.filesystem import disk_errors, file_sha256
from notmnist_store.storage.pause import reached
from notmnist_store.storage.placed_folder import placed_folder
from notmnist_store.storage.temporary_folder import TemporaryFolder

SUMS = "SHA256SUMS"


def check_target(target: Location, store: Location, *, force: bool) -> None:
    """Whether an export may go to `target`.

    Raises:
        UsageError: it is no name of a folder; it is the store, lies in it, or holds it; there is
            something already, and it is no export or `force` is not given.
    """
    example = "notmnist-store export ingest exported --as npz"
    if "\0" in str(target) or target.name in ("", ".."):
        raise UsageError(f"an export needs the name of a folder to make, not {target}", example)
    with disk_errors(target):
        is_there = target.exists() or target.is_symlink()
    where = target.parent.resolve() / target.name
    root = store.resolve()
    if any(_is_same(part, root) for part in (where, *where.parents)):
        raise UsageError(f"{target} is the store itself, or lies in it", example)
    if any(_is_same(part, where) for part in root.parents):
        raise UsageError(f"{target} holds the store", example)
    if not is_there:
        return
    if target.is_symlink() or not target.is_dir():
        raise UsageError(f"{target} is there already, and is no folder", example)
    if not force:
        raise UsageError(
            f"{target} is there already; --force replaces an export",
            look_at(target),
        )
    if any(target.iterdir()) and not (target / EXPORT_MARK).is_file():
        raise UsageError(
            f"{target} is a folder with other things in it, not an export",
            look_at(target),
        )


def _is_same(a: Location, b: Location) -> bool:
    """Whether two paths are one folder, also where a file system takes a and A for the same."""
    with suppress(OSError):
        return a == b or (isinstance(a, Path) and isinstance(b, Path) and a.samefile(b))
    return False


@contextmanager
def target_folder(target: Location) -> Iterator[Path]:
    """Yield a folder to write to; on success its content is at `target`, see `placed_folder`.

    A bucket gets the files one by one, and SHA256SUMS last: an export without it is not whole. What
    an earlier export had there, and this one has not, is removed before that.

    Raises:
        StoreError: the disk is full, or the folder or the bucket cannot be written.
    """
    if isinstance(target, Path):
        with placed_folder(target) as folder:
            yield folder
        return
    with TemporaryFolder() as folder:
        yield folder
        earlier = set(target.files())
        (target / SUMS).unlink()
        reached("sums removed")
        written = [path for path in folder.rglob("*") if path.is_file()]
        written.sort(key=lambda path: (path.name == SUMS, path))
        for path in written:
            place = target / path.relative_to(folder).as_posix()
            if path.name == SUMS:
                at_once(BucketPath.unlink, list(earlier))
            place.upload(path)
            reached("object placed")
            earlier.discard(place)


def file_sums(folder: Path) -> dict[str, str]:
    """The sha256 of each file below `folder` by its path there, in the order of their paths."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in paths}


def write_sums(folder: Path, sums: dict[str, str]) -> None:
    """Write SHA256SUMS: the sha256 of each file by its path."""
    lines = [f"{sums[path]}  {path}\n" for path in sorted(sums, key=Path)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
