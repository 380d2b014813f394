"""A table's Delta log: opened, or what it names read once for as long as it stays as it is."""

from __future__ import annotations

import shlex
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import deltalake
import pyarrow as pa
from deltalake.exceptions import DeltaError, TableNotFoundError

from notmnist_store.errors import LimitError, StoreError
from notmnist_store.storage.datafile import DataFile
from notmnist_store.storage.filesystem import MORE_OPEN, TOO_MANY_OPEN, too_many_open

LOG_FOLDER = "_delta_log"
_ENTRY_LETTERS = len("00000000000000000000.json")


def open_log(folder: Path) -> deltalake.DeltaTable | None:
    """The log in a table's folder, or None where nothing was ever written to it.

    Raises:
        StoreError: it cannot be read.
    """
    if not (folder / LOG_FOLDER).is_dir():
        return None
    try:
        return deltalake.DeltaTable(str(folder.resolve()))
    except TableNotFoundError:
        return None
    except (DeltaError, OSError) as error:
        raise _unreadable(folder, error) from error


def logged(folder: Path) -> tuple[DataFile, ...]:
    """The files that a table's log names, in name order; it is opened where it is not as it was.

    Raises:
        StoreError: it cannot be read.
    """
    while True:
        try:
            state = _state(folder / LOG_FOLDER)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _unreadable(folder, error) from error
        files = _read(folder, state)
        with suppress(OSError):
            if _state(folder / LOG_FOLDER) == state:
                return files
        # An entry came while the log was read: what was read is not what this state names.
        _read.cache_clear()


def _state(entries: Path) -> tuple[str | int, ...]:
    """What changes with a log: an entry more or less, or another newest one."""
    names = [path.name for path in entries.iterdir() if len(path.name) == _ENTRY_LETTERS]
    if not names:
        return ()
    newest = max(names)
    found = (entries / newest).stat()
    return (newest, len(names), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@lru_cache(maxsize=64)
def _read(folder: Path, state: tuple[str | int, ...]) -> tuple[DataFile, ...]:
    log = open_log(folder)
    if log is None:
        return ()
    actions = pa.table(log.get_add_actions(flatten=True))
    columns = (actions[name].to_pylist() for name in ("path", "num_records", "size_bytes"))
    files = (
        DataFile(folder.name, name, -1 if rows is None else rows, size)
        for name, rows, size in zip(*columns, strict=True)
    )
    return tuple(sorted(files, key=lambda file: file.name))


def _unreadable(folder: Path, error: Exception) -> StoreError:
    if too_many_open(error):
        return LimitError(
            f"the log of table {folder.name} cannot be read: {TOO_MANY_OPEN}", MORE_OPEN
        )
    return StoreError(
        f"the log of table {folder.name} in {folder.parent} cannot be read: {error}",
        f"notmnist-store verify --store {shlex.quote(str(folder.parent))}",
    )
