"""Files of known size and sha256 from the web, from the first address that has them.

The standard library's http client, asked for ranges. The sha256 alone decides what came: no ETag or
date is remembered, since parts that do not fit together are found out and fetched anew.
"""

from __future__ import annotations

import email.utils
import http.client
import random
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.message import Message
from urllib.parse import urljoin, urlsplit

from notmnist_store import __version__
from notmnist_store.errors import SourceError
from notmnist_store.sources.partial_download import Part
from notmnist_store.sources.published import KnownArchive

_CHUNK = 1 << 18
_LONGEST_WAIT = 60.0
_MOST_REDIRECTS = 5
_WORTH_RETRYING = 1 << 20
"""An attempt that brought so many new bytes does not count as a failure."""
_BUSY = (408, 425, 429)


class _MirrorError(Exception):
    """This address does not have the file; the next one is asked."""


class _PassingError(Exception):
    """This attempt failed; the same address is worth another, after `wait` seconds if it said."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class Web:
    """Asks addresses for files, with patience; the verb download says what its options mean.

    ``advance`` hears how many bytes of a file are there, ``note`` what went wrong on the way.
    """

    def __init__(
        self,
        *,
        retries: int,
        timeout: float,
        backoff: float,
        advance: Callable[[int], None],
        note: Callable[[str], None],
    ) -> None:
        self._opener = _opener()
        self._retries = retries
        self._timeout = timeout
        self._backoff = backoff
        self._advance = advance
        self._note = note

    def fetch(
        self, archive: KnownArchive, urls: Sequence[str], part: Part, again: str
    ) -> str | None:
        """Fill `part` with `archive` from the first of `urls` that has it, and check the sha256.

        Returns that address; None where the part was whole already.

        Raises:
            SourceError: none has it; `again` is the hint.
            StoreError: the part cannot be written.
        """
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
                self._note(f"{url}: {failure}")
            else:
                return url
        raise SourceError(
            "\n".join(
                [f"{archive.file} is not to be had (--mirror URL adds an address):", *failures]
            ),
            again,
        )

    def _complete(self, url: str, archive: KnownArchive, part: Part) -> None:
        """Fill `part` up to the size and sha256 of `archive`, or raise _MirrorError."""
        self._fill(url, archive, part)
        found = part.sha256()
        if found != archive.sha256 and part.resumed:
            self._note(f"{archive.file}: the resumed parts do not fit; fetching it anew")
            part.discard()
            self._fill(url, archive, part)
            found = part.sha256()
        if found != archive.sha256:
            part.discard()
            raise _MirrorError(f"its bytes have sha256 {found}, not {archive.sha256}")

    def _fill(self, url: str, archive: KnownArchive, part: Part) -> None:
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
                if failures == self._retries:
                    raise _MirrorError(f"{failure} (asked {failures + 1} times)") from failure
                pause = min(self._backoff * 2**failures, _LONGEST_WAIT) * random.uniform(0.5, 1)
                pause = max(pause, min(failure.wait, _LONGEST_WAIT))
                failures += 1
                self._note(f"{url}: {failure}; asking again in {pause:.1f} s")
                time.sleep(pause)

    def _attempt(self, url: str, archive: KnownArchive, part: Part) -> None:
        """Ask for what is missing; for the whole file where that is answered with another range."""
        for offset in (part.size, 0):
            with self._ask(url, offset) as response:
                start = _start(response, archive)
                if start in (0, offset):
                    if start == 0:
                        part.discard()
                    self._receive(response, archive, part)
                    return
        raise _MirrorError("does not answer with what it is asked for")

    def _ask(self, url: str, offset: int) -> http.client.HTTPResponse:
        """The answer, of any status but a redirect, to a request for the bytes from `offset` on."""
        headers = {"User-Agent": f"notmnist-store/{__version__}", "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        for _ in range(_MOST_REDIRECTS + 1):
            request = urllib.request.Request(url, headers=headers)
            try:
                response: http.client.HTTPResponse = self._opener.open(
                    request, timeout=self._timeout
                )
                if response.status not in (301, 302, 303, 307, 308):
                    return response
                with response:
                    url = urljoin(url, response.headers.get("Location", ""))
                if urlsplit(url).scheme not in ("http", "https"):
                    raise _MirrorError(f"redirects to {url}, which is not on the web")
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise _judged(error) from error
        raise _MirrorError(f"redirects more than {_MOST_REDIRECTS} times")

    def _receive(
        self, response: http.client.HTTPResponse, archive: KnownArchive, part: Part
    ) -> None:
        part.resumed = part.size > 0
        while True:
            self._advance(part.size)
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
        until = email.utils.parsedate_to_datetime(said).astimezone(UTC)
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


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


def _opener() -> urllib.request.OpenerDirector:
    """Speaks http and https through the environment's proxies: no other scheme, no cookies."""
    proxies = urllib.request.getproxies()
    opener = urllib.request.OpenerDirector()
    opener.addheaders = []
    for handler in (
        urllib.request.ProxyHandler({k: v for k, v in proxies.items() if k in ("http", "https")}),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener
