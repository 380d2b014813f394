"""Files of known size and sha256 from the web, in pieces, from the first address that has them.

urllib3 asks, with its back-off, jitter and Retry-After; what is asked for, and what is believed, is
ours. The sha256 alone decides what came: no ETag or date is remembered, since parts that do not fit
together are found out and fetched anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader, LocationValueError
from urllib3.util import Retry, make_headers, parse_url

from notmnist_store import __version__
from notmnist_store.errors import SourceError, StoreError
from notmnist_store.progress import Progress
from notmnist_store.sources.published import KnownArchive
from notmnist_store.storage.filesystem import disk_errors, locked

LEAST_RATE = 1_000
"""Bytes a second, over two timeouts, below which a server is as good as silent."""

_CHUNK = 1 << 18
_LONGEST_WAIT = 60
_MOST_REDIRECTS = 5
_WORTH_RETRYING = 1 << 20
"""An attempt that brought so many new bytes does not count as a failure."""
_BUSY = (408, 425, 429, *range(500, 600))


class Part:
    """What has come so far of one file, in ``NAME.part`` beside it; it outlives its process.

    ``inherited`` says that it holds bytes of an earlier process, ``resumed`` that it was put
    together from several answers.
    """

    def __init__(self, path: Path, file: FileIO) -> None:
        self.path = path
        self._file = file
        self.inherited = self.resumed = self.size > 0

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

    def is_whole(self, archive: KnownArchive) -> bool:
        """Whether it has the size and sha256 of `archive`."""
        return self.size == archive.bytes and self.sha256() == archive.sha256

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
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666))
        lock = locked(path, alone=True)
        if lock is None:
            raise StoreError(
                f"another process is downloading {target}", f"ls -l {shlex.quote(str(path))}"
            )
    with lock, FileIO(path, "r+b") as file:
        part = Part(path, file)
        try:
            yield part
        finally:
            if not part.size:
                path.unlink(missing_ok=True)


class _MirrorError(Exception):
    """This address does not have the file; the next one is asked."""


class _PassingError(Exception):
    """This attempt failed; the same address is worth another, after `wait` seconds if it said."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class _Watch(threading.Thread):
    """Cuts off an attempt that brings fewer bytes than LEAST_RATE, be it of headers or of a file.

    A timeout alone does not: it begins anew with each byte.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(name="download-watch", daemon=True)
        self._seconds = seconds
        self._over = threading.Event()
        self._sockets: list[socket.socket] = []
        self.received = 0
        self.expired = False

    def __enter__(self) -> _Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def look_at(self, pool: urllib3.HTTPConnectionPool) -> None:
        """Watch every connection that the pool makes from now on."""
        made, sockets = pool.ConnectionCls, self._sockets

        class Watched(made):  # type: ignore[misc, valid-type]
            def connect(self) -> None:
                super().connect()
                sockets.append(self.sock)

        pool.ConnectionCls = Watched

    def check(self) -> None:
        """Raise _PassingError where the attempt was cut off: the end that one sees is no other."""
        if self.expired:
            rate = f"less than {LEAST_RATE:,} bytes a second"
            raise _PassingError(f"{rate} for {self._seconds:g} s")

    def run(self) -> None:
        before = 0
        while not self._over.wait(self._seconds):
            if self.received - before < LEAST_RATE * self._seconds:
                self.expired = True
                for opened in self._sockets:
                    with suppress(OSError):
                        opened.shutdown(socket.SHUT_RDWR)
            before = self.received


class Web:
    """Asks addresses for files, with patience; the verb download says what its options mean."""

    def __init__(self, *, retries: int, timeout: float, backoff: float, progress: Progress) -> None:
        self._retry = Retry(
            total=retries,
            status_forcelist=_BUSY,
            backoff_factor=backoff,
            backoff_jitter=backoff,
            backoff_max=_LONGEST_WAIT,
            retry_after_max=_LONGEST_WAIT,
        )
        self._timeout = timeout
        self._progress = progress

    def fetch(self, archive: KnownArchive, urls: Sequence[str], part: Part) -> str | None:
        """Fill `part` with `archive` from the first of `urls` that has it, and check the sha256.

        Returns that address; None where the part was whole already.

        Raises:
            SourceError: none has it.
            StoreError: the part cannot be written.
        """
        if part.size >= archive.bytes:
            if part.is_whole(archive):
                return None
            part.discard()
        failures = [f"{archive.file} is not to be had (--mirror URL adds an address):"]
        for url in urls:
            try:
                self._complete(url, archive, part)
            except _MirrorError as failure:
                failures.append(f"  {url}: {failure}")
                self._progress.note(f"{url}: {failure}")
            else:
                return url
        raise SourceError("\n".join(failures))

    def _complete(self, url: str, archive: KnownArchive, part: Part) -> None:
        """Fill `part` up to the size and sha256 of `archive`, or raise _MirrorError."""
        self._fill(url, archive, part)
        if not part.is_whole(archive) and part.resumed:
            self._progress.note(f"{archive.file}: the resumed parts do not fit; fetching it anew")
            part.discard()
            self._fill(url, archive, part)
        if not part.is_whole(archive):
            sha256 = part.sha256()
            part.discard()
            raise _MirrorError(f"its bytes have sha256 {sha256}, not {archive.sha256}")

    def _fill(self, url: str, archive: KnownArchive, part: Part) -> None:
        """Ask until `part` has its full size; attempts that bring nothing new are counted."""
        retry, most = self._retry, part.size
        while part.size < archive.bytes:
            try:
                self._attempt(url, archive, part)
            except _PassingError as failure:
                if part.size >= archive.bytes:
                    return
                if part.size - most >= _WORTH_RETRYING:
                    retry = self._retry
                most = max(most, part.size)
                asked = len(retry.history) + 1
                try:
                    retry = retry.increment("GET", url, error=failure)
                except HTTPError:
                    raise _MirrorError(f"{failure} (asked {asked} times)") from failure
                pause = max(retry.get_backoff_time(), failure.wait)
                self._progress.note(f"{url}: {failure}; asking again in {pause:.1f} s")
                time.sleep(pause)

    def _attempt(self, url: str, archive: KnownArchive, part: Part) -> None:
        """Ask for what is missing; for the whole file where that is answered with another range."""
        for offset in (part.size, 0):
            with _Watch(2 * self._timeout) as watch:
                try:
                    with self._ask(url, offset, watch) as answer:
                        watch.check()  # half a head, too, has a status
                        start = self._start(answer, archive)
                        if start in (0, offset):
                            if start == 0:
                                part.discard()
                            self._receive(answer, archive, part, watch)
                            return
                except (HTTPError, OSError, ValueError) as error:
                    watch.check()
                    raise _judged(error) from error
        raise _MirrorError("does not answer with what it is asked for")

    def _ask(self, url: str, offset: int, watch: _Watch) -> urllib3.BaseHTTPResponse:
        """The answer, of any status but a redirect, to a request for the bytes from `offset` on."""
        headers = {
            "User-Agent": f"notmnist-store/{__version__}",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if offset:
            headers["Range"] = f"bytes={offset}-"
        for _ in range(_MOST_REDIRECTS + 1):
            manager = _manager(url)
            watch.look_at(manager.connection_from_url(url))
            answer = manager.request(
                "GET",
                url,
                headers=headers,
                timeout=self._timeout,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
                enforce_content_length=False,
            )
            location = answer.get_redirect_location()
            if not location:
                return answer
            answer.close()
            target = urljoin(url, location)
            if urlsplit(target).scheme != urlsplit(url).scheme:
                raise _MirrorError(f"redirects to {target}, which is not {urlsplit(url).scheme}")
            url = target
        raise _MirrorError(f"redirects more than {_MOST_REDIRECTS} times")

    def _start(self, answer: urllib3.BaseHTTPResponse, archive: KnownArchive) -> int | None:
        """Where in the file this answer starts; None where it is no answer to our range.

        Raises _MirrorError or _PassingError where there is no part of this file in it.
        """
        encoding = answer.headers.get("Content-Encoding", "identity")
        if answer.status in (200, 206) and encoding.lower() != "identity":
            raise _MirrorError(f"sends the file encoded as {encoding}")
        if answer.status == 200:
            _check_size(answer.headers.get("Content-Length"), archive)
            return 0
        if answer.status in (206, 416):
            pattern = r"bytes (?:(\d{1,18})-\d{1,18}|\*)/(?:(\d{1,18})|\*)"
            match = re.fullmatch(pattern, answer.headers.get("Content-Range", "").strip())
            start, total = match.groups() if match else (None, None)
            _check_size(total, archive)
            return int(start) if answer.status == 206 and start is not None else None
        failure = f"{answer.status} {answer.reason or ''}".strip()
        if not self._retry.is_retry("GET", answer.status):
            raise _MirrorError(failure)
        try:
            wait = self._retry.get_retry_after(answer) or 0.0
        except (InvalidHeader, ValueError, OverflowError):
            wait = 0.0
        raise _PassingError(failure, wait)

    def _receive(
        self,
        answer: urllib3.BaseHTTPResponse,
        archive: KnownArchive,
        part: Part,
        watch: _Watch,
    ) -> None:
        part.resumed = part.size > 0
        while True:
            self._progress.advance(part.size)
            missing = archive.bytes - part.size
            chunk = answer.read1(min(_CHUNK, missing + 1))
            if not chunk:
                break
            watch.received += len(chunk)
            if len(chunk) > missing:
                part.discard()
                raise _MirrorError(f"sends more than the {archive.bytes:,} bytes of {archive.file}")
            part.append(chunk)
        watch.check()
        if missing:
            raise _PassingError(f"the answer ended at {part.size:,} of {archive.bytes:,} bytes")


def _check_size(size: str | None, archive: KnownArchive) -> None:
    if size is not None and size.isdecimal() and int(size) != archive.bytes:
        raise _MirrorError(f"has another file: {int(size):,} bytes, not {archive.bytes:,}")


def _judged(error: Exception) -> _MirrorError | _PassingError:
    """Whether a failure below HTTP may pass; it is told by what caused it, if anything did."""
    causes: list[BaseException] = [error]
    while cause := causes[-1].__cause__ or next(
        (argument for argument in causes[-1].args if isinstance(argument, Exception)), None
    ):
        causes.append(cause)
    for reason in reversed(causes):
        if isinstance(reason, ssl.SSLCertVerificationError):
            return _MirrorError(f"its certificate is not trusted: {reason.verify_message}")
        if isinstance(reason, socket.gaierror) and reason.errno != socket.EAI_AGAIN:
            return _MirrorError(f"no such host: {reason.strerror}")
    if isinstance(error, LocationValueError | InvalidHeader | ValueError):
        return _MirrorError(str(error))
    if isinstance(causes[-1], TimeoutError):
        return _PassingError("no byte within the timeout")
    return _PassingError(str(causes[-1]) or type(causes[-1]).__name__)


def _manager(url: str) -> urllib3.PoolManager:
    """Who asks this address: through the environment's proxy where there is one for it."""
    context, parts = ssl.create_default_context(), urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy is None or proxy_bypass(parts.netloc):
        return urllib3.PoolManager(ssl_context=context)
    address = parse_url(proxy if "://" in proxy else f"http://{proxy}")
    headers = make_headers(proxy_basic_auth=address.auth) if address.auth else None
    return urllib3.ProxyManager(str(address), proxy_headers=headers, ssl_context=context)
