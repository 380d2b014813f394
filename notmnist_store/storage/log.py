"""A table's Delta log: opened, or what it names read once for as long as it stays as it is."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import deltalake
import pyarrow as pa
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, CommitProperties, RemoveAction, Transaction

from notmnist_store.errors import LimitError, StoreError
from notmnist_store.location.answers import asked_again, bucket_error, is_answer
from notmnist_store.location.bucket import BucketPath
from notmnist_store.location.location import Location, delta_place
from notmnist_store.storage.datafile import DataFile
from notmnist_store.storage.filesystem import MORE_OPEN, TOO_MANY_OPEN, flush, too_many_open
from notmnist_store.storage.pause import reached

LOG_FOLDER = "_delta_log"
_LOG_SETTINGS = {
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.checkpointInterval": "16",  # a reader needs a checkpoint and what came after it
}
_ENTRY_LETTERS = len("00000000000000000000.json")


def open_log(folder: Location) -> deltalake.DeltaTable | None:
    """The log in a table's folder, or None where nothing was ever written to it.

    Raises:
        StoreError: it cannot be read.
    """
    if isinstance(folder, Path) and not (folder / LOG_FOLDER).is_dir():
        return None
    place = delta_place(folder)
    try:
        return asked_again(lambda: deltalake.DeltaTable(place.uri, storage_options=place.options))
    except TableNotFoundError:
        return None
    except (DeltaError, OSError) as error:
        raise _unreadable(folder, error) from error


def logged(folder: Location) -> tuple[DataFile, ...]:
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
        if isinstance(folder, BucketPath):
            return files  # its states do not come back
        with suppress(OSError):
            if _state(folder / LOG_FOLDER) == state:
                return files
        # An entry came while the log was read: what was read is not what this state names.
        _read.cache_clear()


def _state(entries: Location) -> tuple[str | int, ...]:
    """What changes with a log: an entry more or less, or another newest one."""
    if isinstance(entries, BucketPath):
        listed = {path.name: stat for path, stat in entries.found("*.json")}
        newest = max(listed, default="")
        return (newest, len(listed), listed[newest].e_tag or "") if listed else ()
    names = [path.name for path in entries.iterdir() if len(path.name) == _ENTRY_LETTERS]
    if not names:
        return ()
    newest = max(names)
    found = (entries / newest).stat()
    return (newest, len(names), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@lru_cache(maxsize=64)
def _read(folder: Location, state: tuple[str | int, ...]) -> tuple[DataFile, ...]:
    log = open_log(folder)
    return () if log is None else files_of(folder, log)


def files_of(folder: Location, log: deltalake.DeltaTable) -> tuple[DataFile, ...]:
    """The files that an opened log of a table's folder names, in name order."""
    actions = pa.table(log.get_add_actions(flatten=True))
    columns = (actions[name].to_pylist() for name in ("path", "num_records", "size_bytes"))
    files = (
        DataFile(folder.name, name, -1 if rows is None else rows, size)
        for name, rows, size in zip(*columns, strict=True)
    )
    return tuple(sorted(files, key=lambda file: file.name))


def open_or_create_log(folder: Location, schema: pa.Schema) -> deltalake.DeltaTable:
    """The log in a table's folder, made where there is none.

    Raises:
        StoreError: it cannot be read or made.
    """
    log = open_log(folder)
    if log is not None:
        return log
    place = delta_place(folder)
    try:
        made = asked_again(
            lambda: deltalake.DeltaTable.create(
                place.uri,
                deltalake.Schema.from_arrow(schema),
                mode="ignore",
                configuration=_LOG_SETTINGS,
                storage_options=place.options,
            )
        )
        reached(f"log of {folder.name} made")
        return made
    except (DeltaError, OSError) as error:
        log = open_log(folder)  # of two processes that create it at once, one may be refused
        if log is None:
            raise unwritable(folder, error) from error
        return log


def commit(
    folder: Location,
    log: deltalake.DeltaTable,
    files: Sequence[DataFile],
    marks: list[Transaction],
    replaced: Sequence[DataFile] = (),
) -> None:
    """Let the log name these files from now on, and the `replaced` ones no more.

    Raises:
        DeltaError, OSError: it cannot be written, or one of the `marks` stands there already.
    """
    flush(*(folder / file.name for file in files))
    reached(f"{folder.name} flushed")
    actions: list[AddAction | RemoveAction] = []
    modified = int(time.time() * 1000)
    for file in files:
        stats = json.dumps({"numRecords": file.rows})
        actions.append(AddAction(file.name, file.bytes, {}, modified, True, stats))
    actions += [RemoveAction(file.name, True, modified) for file in replaced]
    log.create_write_transaction(
        actions,
        "append",
        log.schema(),
        commit_properties=CommitProperties(app_transactions=marks or None),
    )
    reached(f"{folder.name} logged")
    flush(folder / LOG_FOLDER / f"{log.version():020d}.json")


def unwritable(folder: Location, error: Exception) -> StoreError:
    """The error for a table's log that cannot be written."""
    if isinstance(folder, BucketPath) and is_answer(str(error)):
        return bucket_error(str(folder), str(error))
    return StoreError(
        f"the log of table {folder.name} in {folder.parent} cannot be written: {error}",
        "df -h {0}; ls -ld {0}".format(shlex.quote(str(folder.parent))),
    )


def _unreadable(folder: Location, error: Exception) -> StoreError:
    if isinstance(folder, BucketPath) and is_answer(str(error)):
        return bucket_error(str(folder), str(error))
    if too_many_open(error):
        return LimitError(
            f"the log of table {folder.name} cannot be read: {TOO_MANY_OPEN}", MORE_OPEN
        )
    return StoreError(
        f"the log of table {folder.name} in {folder.parent} cannot be read: {error}",
        f"notmnist-store verify --store {shlex.quote(str(folder.parent))}",
    )
