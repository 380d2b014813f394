"""The verb download: a published archive, whole and with the published sha256, or not at all.

What comes is kept in ``NAME.part`` beside the target and goes on from there after a cut, a Ctrl-C
or a full disk, with the same mirror or another. The sha256 alone decides what it was worth: no ETag
or date is remembered, since a part that was put together wrongly is found out and fetched anew.
"""

from __future__ import annotations

import difflib
import email.utils
import fcntl
import hashlib
import http.client
import os
import random
import re
import shlex
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from io import FileIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from notmnist_store import __version__
from notmnist_store.archives import KNOWN_ARCHIVES, KnownArchive
from notmnist_store.errors import SourceError, StoreError, UsageError
from notmnist_store.progress import Progress
from notmnist_store.storage.filesystem import disk_errors

__all__ = ["ORIGINS", "download"]

ORIGINS = (
    "https://commondatastorage.googleapis.com/books1000/",
    "http://commondatastorage.googleapis.com/books1000/",
)
"""Where the notebook takes the archives from. https goes first, since nobody on the way can spoil
it; http is the notebook's own and works where certificates do not: the sha256 guards both."""

_CHUNK = 1 << 18
_LONGEST_WAIT = 60.0
_WORTH_RETRYING = 1 << 20
"""An attempt that brought so many new bytes does not count as a failure."""
_BUSY = (408, 425, 429)

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
        timeout: seconds without a byte after which an attempt has failed.
        backoff: seconds before the first retry, doubled for each further one, less up to half at
            random, at most 60; a server's Retry-After is kept to up to 60 seconds.
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
    web = _Web(_opener(), retries, timeout, backoff, progress)
    rows = []
    for archive in wanted:
        again = ["notmnist-store", "download", archive.name, "--to", str(to)]
        for mirror in mirrors:
            again += ["--mirror", mirror]
        rows.append(_obtain(archive, to / archive.file, bases, web, force, shlex.join(again)))
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
            close = [by_lower[key] for key in difflib.get_close_matches(name.lower(), by_lower, 1)]
            meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
            raise UsageError(
                f"no archive {name!r} is known; {meant}",
                f"notmnist-store download {' '.join(close or known)}",
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
        raise UsageError(
            f"a mirror is an http:// or https:// address without a user name, not {mirror!r}",
            f"notmnist-store download notMNIST_small --mirror {ORIGINS[0]}",
        )
    if parts.query or parts.fragment:
        raise UsageError(
            f"a mirror is the address of a folder, without ? and #, not {mirror!r}",
            f"notmnist-store download notMNIST_small --mirror {ORIGINS[0]}",
        )
    return mirror.rstrip("/") + "/"


def _obtain(
    archive: KnownArchive,
    target: Path,
    bases: Sequence[str],
    web: _Web,
    force: bool,
    again: str,
) -> dict[str, Any]:
    started = time.monotonic()
    status, url = "present", None
    if not _present(archive, target, force, again):
        with _locked_part(archive, target, web.progress) as part:
            # Another process may have finished between the look and the lock.
            if not _present(archive, target, force, again):
                web.progress.stage(archive.file, archive.bytes, "B")
                try:
                    url = web.fetch(archive, [base + archive.file for base in bases], part, again)
                    part.put_in_place(target)
                finally:
                    web.progress.end()
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


def _present(archive: KnownArchive, target: Path, force: bool, again: str) -> bool:
    """Whether the right file is there; False where one is to be fetched."""
    try:
        with target.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            same = size == archive.bytes and _sha256(file) == archive.sha256
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
            f"{again} --force",
        )
    return same


def _sha256(file: Any) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


class _Part:
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
        return os.fstat(self._file.fileno()).st_size

    def append(self, chunk: bytes) -> None:
        with disk_errors(self.path):
            self._file.seek(0, os.SEEK_END)
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._file.write(rest) :]

    def discard(self) -> None:
        with disk_errors(self.path):
            self._file.truncate(0)
        self.inherited = self.resumed = False

    def sha256(self) -> str:
        with disk_errors(self.path):
            return _sha256(self._file)

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
def _locked_part(archive: KnownArchive, target: Path, progress: Progress) -> Iterator[_Part]:
    """The part beside `target`; kept on a failure unless it is empty."""
    path = target.with_name(f"{target.name}.part")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _open_locked(path)
    with file:
        part = _Part(path, file)
        try:
            yield part
        except BaseException:
            if part.size:
                progress.note(
                    f"{part.size:,} of {archive.bytes:,} bytes stay in {path}; "
                    "the same command goes on from there"
                )
            raise
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


class _MirrorError(Exception):
    """This address does not have the file; the next one is asked."""


class _PassingError(Exception):
    """This attempt failed; the same address is worth another, after `wait` seconds if it said."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class _Web:
    """Asks addresses for files, with patience."""

    opener: urllib.request.OpenerDirector
    retries: int
    timeout: float
    backoff: float
    progress: Progress

    def fetch(
        self, archive: KnownArchive, urls: Sequence[str], part: _Part, again: str
    ) -> str | None:
        """Complete `part` from the first address that can; None where it was complete before."""
        if part.size >= archive.bytes:
            if part.size == archive.bytes and part.sha256() == archive.sha256:
                return None
            part.discard()
        failures = []
        for url in urls:
            try:
                self._complete(url, archive, part)
            except _MirrorError as failure:
                failures.append(f"  {url}: {failure}")
                self.progress.note(f"{url}: {failure}")
            else:
                return url
        raise SourceError(
            "\n".join(
                [f"{archive.file} is not to be had (--mirror URL adds an address):", *failures]
            ),
            again,
        )

    def _complete(self, url: str, archive: KnownArchive, part: _Part) -> None:
        """Fill `part` up to the size and sha256 of `archive`, or raise _MirrorError."""
        self._fill(url, archive, part)
        found = part.sha256()
        if found != archive.sha256 and part.resumed:
            self.progress.note(f"{archive.file}: the resumed parts do not fit; fetching it anew")
            part.discard()
            self._fill(url, archive, part)
            found = part.sha256()
        if found != archive.sha256:
            part.discard()
            raise _MirrorError(f"its bytes have sha256 {found}, not {archive.sha256}")

    def _fill(self, url: str, archive: KnownArchive, part: _Part) -> None:
        """Ask until `part` has its full size; attempts that bring nothing new are counted."""
        failures, most = 0, part.size
        while part.size < archive.bytes:
            try:
                self._attempt(url, archive, part)
            except _PassingError as failure:
                if part.size >= archive.bytes:
                    return
                if part.size - most >= _WORTH_RETRYING:
                    failures = 0
                most = max(most, part.size)
                if failures == self.retries:
                    raise _MirrorError(f"{failure} (asked {failures + 1} times)") from failure
                pause = min(self.backoff * 2**failures, _LONGEST_WAIT) * random.uniform(0.5, 1)
                pause = max(pause, min(failure.wait, _LONGEST_WAIT))
                failures += 1
                self.progress.note(f"{url}: {failure}; asking again in {pause:.1f} s")
                time.sleep(pause)

    def _attempt(self, url: str, archive: KnownArchive, part: _Part) -> None:
        """Ask for what is missing; for the whole file where that is answered with another range."""
        for offset in (part.size, 0):
            with self._ask(url, offset) as response:
                start = _start(response, archive)
                if start in (0, offset):
                    if start == 0:
                        part.discard()
                    self._receive(response, archive, part)
                    return
            part.discard()
        raise _MirrorError("does not answer with what it is asked for")

    def _ask(self, url: str, offset: int) -> http.client.HTTPResponse:
        """The answer, of whatever status, to a request for the bytes from `offset` on."""
        headers = {
            "User-Agent": f"notmnist-store/{__version__}",
            "Accept-Encoding": "identity",
            **({"Range": f"bytes={offset}-"} if offset else {}),
        }
        request = urllib.request.Request(url, headers=headers)
        try:
            response: http.client.HTTPResponse = self.opener.open(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:  # of redirects only: a circle, a forbidden scheme
            error.close()
            raise _MirrorError(f"redirects in vain: {error.reason.splitlines()[0]}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _judged(error) from error
        return response

    def _receive(
        self, response: http.client.HTTPResponse, archive: KnownArchive, part: _Part
    ) -> None:
        part.resumed = part.size > 0
        while True:
            self.progress.advance(part.size)
            missing = archive.bytes - part.size
            try:
                chunk = response.read1(min(_CHUNK, missing + 1))
            except (OSError, http.client.HTTPException) as error:
                raise _judged(error) from error
            if not chunk:
                break
            if len(chunk) > missing:
                part.discard()
                raise _MirrorError(f"sends more than the {archive.bytes:,} bytes of {archive.file}")
            part.append(chunk)
        if missing:
            raise _PassingError(f"the answer ended at {part.size:,} of {archive.bytes:,} bytes")


def _start(response: http.client.HTTPResponse, archive: KnownArchive) -> int | None:
    """Where in the file this answer starts; None where it is no answer to our range.

    Raises _MirrorError or _PassingError where there is no part of this file in it.
    """
    status = response.status
    if status in (200, 206):
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity":
            raise _MirrorError(f"sends the file encoded as {encoding}")
    if status == 200:
        _check_size(response.length, archive)
        return 0
    if status in (206, 416):
        pattern = r"bytes (?:(\d{1,18})-\d{1,18}|\*)/(?:(\d{1,18})|\*)"
        said = re.fullmatch(pattern, response.headers.get("Content-Range", "").strip())
        start, total = said.groups() if said else (None, None)
        _check_size(None if total is None else int(total), archive)
        return int(start) if status == 206 and start is not None else None
    failure = f"{status} {response.reason}".strip()
    if status in _BUSY or status >= 500:
        raise _PassingError(failure, _retry_after(response.headers))
    raise _MirrorError(failure)


def _check_size(size: int | None, archive: KnownArchive) -> None:
    if size is not None and size != archive.bytes:
        raise _MirrorError(f"has another file: {size:,} bytes, not {archive.bytes:,}")


def _retry_after(headers: Message) -> float:
    """Seconds the server asks to wait, given as such or as a date; 0 where it does not."""
    said = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", said):
        return float(said)
    try:
        until = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _judged(error: Exception) -> _MirrorError | _PassingError:
    """Whether a failure below HTTP may pass."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return _MirrorError(f"its certificate is not trusted: {reason.verify_message}")
    if isinstance(reason, socket.gaierror) and reason.errno != socket.EAI_AGAIN:
        return _MirrorError(f"no such host: {reason.strerror}")
    if isinstance(reason, str | ValueError | http.client.InvalidURL):
        return _MirrorError(str(reason))
    if isinstance(reason, TimeoutError):
        return _PassingError("no byte within the timeout")
    return _PassingError(str(reason) or type(reason).__name__)


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    """Follows redirects and hands over every other answer as it is."""

    def http_response(self, request: Any, response: Any) -> Any:
        if response.status in (301, 302, 303, 307, 308):
            return super().http_response(request, response)
        return response

    https_response = http_response


def _opener() -> urllib.request.OpenerDirector:
    """http and https through the environment's proxies; no other scheme, cookie or password."""
    proxies = urllib.request.getproxies()
    opener = urllib.request.OpenerDirector()
    opener.addheaders = []
    for handler in (
        urllib.request.ProxyHandler({k: v for k, v in proxies.items() if k in ("http", "https")}),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.UnknownHandler(),
        _AnyStatus(),
    ):
        opener.add_handler(handler)
    return opener
