"""The verb download: a published archive, whole and with the published sha256, or not at all.

What comes is kept in ``NAME.part`` beside the target and goes on from there after a cut, a Ctrl-C
or a full disk, with the same mirror or another. No other verb touches the network.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from notmnist_store.errors import SourceError, UsageError
from notmnist_store.progress import Progress
from notmnist_store.sources.published import KNOWN_ARCHIVES, KnownArchive
from notmnist_store.sources.web import Web, locked_part
from notmnist_store.text import closest, did_you_mean

ORIGINS = (
    "https://commondatastorage.googleapis.com/books1000/",
    "http://commondatastorage.googleapis.com/books1000/",
)
"""Where the notebook takes the archives from. https goes first, since nobody on the way can spoil
it; http is the notebook's own and works where certificates do not: the sha256 guards both."""

_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("url", pa.string()),
        ("status", pa.string()),
        ("seconds", pa.float64()),
    ]
)


def download(
    names: Sequence[str],
    *,
    to: Path = Path("data"),
    mirrors: Sequence[str] = (),
    origins: Sequence[str] = ORIGINS,
    force: bool = False,
    retries: int = 5,
    timeout: float = 30.0,
    backoff: float = 1.0,
    archives: Sequence[KnownArchive] = KNOWN_ARCHIVES,
    progress: Progress,
) -> pa.Table:
    """Fetch archives by name into the folder `to`; one that is there already is not fetched again.

    Args:
        names: names in `archives`.
        to: the folder, made where it is missing.
        mirrors: http or https addresses of folders with these files, asked before `origins`.
        origins: where the files were published.
        force: replace a file of other content.
        retries: how often one address is asked again after a failure that may pass (a cut, a
            timeout, 5xx, 429); an attempt that brought a new MiB is not counted.
        timeout: seconds without a byte after which an attempt has failed; so has one that brings
            less than 1,000 bytes a second over two timeouts.
        backoff: the first retry comes at once, the second after twice these seconds, and each
            further one after twice as long, plus up to `backoff` at random and at most 60; a
            server's Retry-After is kept to up to 60 seconds.
        archives: what is known: file name, size and sha256 of each.
        progress: gets one stage a file, in bytes, and a note for each retry.

    Proxies are those of the environment (``https_proxy``, ``no_proxy``).

    Returns:
        One row a file: name, path, bytes, sha256, url (null where none was asked), status
        (downloaded; resumed, where bytes of an earlier call were used; present) and seconds.

    Raises:
        UsageError: an unknown name, an address that is no folder on the web, a negative number.
        SourceError: no mirror gave the file, or another file has its name.
        StoreError: it cannot be written, or another process is downloading it.
    """
    wanted = _wanted(names, archives)
    bases = [*(_base(mirror) for mirror in mirrors), *origins]
    if retries < 0 or not timeout > 0 or not backoff >= 0:
        raise UsageError(
            "retries and backoff are not negative, and a timeout is more than 0",
            f"notmnist-store download {wanted[0].name}",
        )
    web = Web(retries=retries, timeout=timeout, backoff=backoff, progress=progress)
    rows = []
    for archive in wanted:
        urls = [base + archive.file for base in bases]
        try:
            rows.append(_obtain(archive, to / archive.file, urls, web, progress, force=force))
        except SourceError as error:
            if not error.hint:
                again = ["notmnist-store", "download", archive.name, "--to", str(to)]
                again += [word for mirror in mirrors for word in ("--mirror", mirror)]
                error.hint = f"{shlex.join(again)} {error.option}".strip()
            raise
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _wanted(names: Sequence[str], archives: Sequence[KnownArchive]) -> list[KnownArchive]:
    known = {archive.name: archive for archive in archives}
    by_lower = {name.lower(): name for name in known}
    if not names:
        raise UsageError(
            f"no archive is named; there are {', '.join(known)}",
            f"notmnist-store download {' '.join(known)}",
        )
    for name in names:
        if name not in known:
            close = closest(name.lower(), by_lower)
            raise UsageError(
                did_you_mean("archive", name, known),
                f"notmnist-store download {by_lower[close] if close else ' '.join(known)}",
            )
    return [known[name] for name in dict.fromkeys(names)]


def _base(mirror: str) -> str:
    """The address of a folder, ending in a slash."""
    try:
        parts = urlsplit(mirror)
        whole = parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        whole = None
    typed = mirror.isascii() and mirror.isprintable() and " " not in mirror
    if not whole or not typed or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        wanted = "an http:// or https:// address without a user name"
    elif parts.query or parts.fragment:
        wanted = "the address of a folder, without ? and #"
    else:
        return mirror.rstrip("/") + "/"
    raise UsageError(
        f"a mirror is {wanted}, not {mirror!r}",
        f"notmnist-store download notMNIST_small --mirror {ORIGINS[0]}",
    )


def _obtain(
    archive: KnownArchive,
    target: Path,
    urls: Sequence[str],
    web: Web,
    progress: Progress,
    *,
    force: bool,
) -> dict[str, Any]:
    """Have one archive at `target`."""
    started = time.monotonic()
    status, url = "present", None
    if not _present(archive, target, force=force):
        with locked_part(target) as part:
            # Another process may have finished between the look and the lock.
            if not _present(archive, target, force=force):
                progress.stage(archive.file, archive.bytes, "B")
                try:
                    url = web.fetch(archive, urls, part)
                except BaseException:
                    if part.size:
                        progress.note(
                            f"{part.size:,} of {archive.bytes:,} bytes stay in {part.path}; "
                            "the same command goes on from there"
                        )
                    raise
                finally:
                    progress.end()
                part.put_in_place(target)
                status = "resumed" if part.inherited else "downloaded"
    return {
        "name": archive.name,
        "path": str(target),
        "bytes": archive.bytes,
        "sha256": archive.sha256,
        "url": url,
        "status": status,
        "seconds": time.monotonic() - started,
    }


def _present(archive: KnownArchive, target: Path, *, force: bool) -> bool:
    """Whether the right file is there; False where one is to be fetched."""
    try:
        with target.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            same = (
                size == archive.bytes
                and hashlib.file_digest(file, "sha256").hexdigest() == archive.sha256
            )
    except FileNotFoundError:
        return False
    except OSError as error:
        raise SourceError(
            f"cannot read {target}: {error.strerror}", f"ls -ld {shlex.quote(str(target))}"
        ) from error
    if not same and not force:
        raise SourceError(
            f"{target} is there with another content ({size:,} bytes) than the published one "
            f"({archive.bytes:,} bytes, sha256 {archive.sha256}); --force replaces it",
            option="--force",
        )
    return same
