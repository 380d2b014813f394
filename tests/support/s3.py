"""A real S3 server on 127.0.0.1, and a proxy before it that counts requests, fails and cuts."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

BUCKET = "bucket"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@dataclass(frozen=True)
class Fault:
    """What a client gets in place of the server's answer.

    With `status`, that and an error document of this `code`; else a `cut`: the request is carried
    out, and of the answer so much of its body comes (a share from 0 to 1) before the line is cut.
    """

    status: int = 0
    code: str = ""
    cut: float = 0.0


Faults = Callable[[int, str, str], Fault | None]


@dataclass
class Proxy:
    """The proxy's address, what was asked through it, and what goes wrong.

    `faults` says it for a request by its number (from 1), method and path with query.
    """

    url: str
    faults: Faults = lambda number, method, path: None
    asked: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, method: str, path: str) -> int:
        """Note a request; returns its number."""
        with self._lock:
            self.asked.append(f"{method} {path}")
            return len(self.asked)

    def counts(self) -> Counter[str]:
        """How often each method was asked for; a listing is LIST."""
        return Counter(
            "LIST" if "list-type" in line else line.partition(" ")[0] for line in self.asked
        )


@contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's server in a process of its own; yields its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


_SERVE = """
import threading
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
threading.Event().wait()
"""


@contextmanager
def proxy_before(server: str) -> Iterator[Proxy]:
    """Run a proxy before the server at this address."""
    address = server.removeprefix("http://")
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    httpd.daemon_threads = True
    proxy = Proxy(f"http://127.0.0.1:{httpd.server_address[1]}")
    httpd.address, httpd.proxy = address, proxy  # type: ignore[attr-defined]
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield proxy
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        proxy: Proxy = self.server.proxy  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        number = proxy.note(self.command, self.path)
        fault = proxy.faults(number, self.command, self.path)
        if fault is not None and fault.status:
            text = f"<Error><Code>{fault.code}</Code><Message>as asked</Message></Error>"
            self._send(fault.status, [("Content-Type", "application/xml")], text.encode())
            return
        server = http.client.HTTPConnection(self.server.address)  # type: ignore[attr-defined]
        try:
            server.request(self.command, self.path, body, dict(self.headers))
            got = server.getresponse()
            content = got.read()
            headers = got.getheaders()
        finally:
            server.close()
        self._send(got.status, headers, content, None if fault is None else fault.cut)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815

    def _send(
        self,
        status: int,
        headers: list[tuple[str, str]],
        content: bytes,
        cut: float | None = None,
    ) -> None:
        with suppress(ConnectionError):  # a client may have seen enough
            self._say(status, headers, content, cut)

    def _say(
        self, status: int, headers: list[tuple[str, str]], content: bytes, cut: float | None
    ) -> None:
        self.send_response(status)
        kept = {"connection", "transfer-encoding", "server", "date"}
        if self.command != "HEAD":
            kept.add("content-length")
            self.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            if name.lower() not in kept:
                self.send_header(name, value)
        if cut is None:
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            return
        self.close_connection = True
        if cut:
            self.end_headers()
            self.wfile.write(content[: int(len(content) * cut)])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def point_at(server: str, patch: pytest.MonkeyPatch) -> None:
    """Let the environment name this server, and nothing of the developer's own."""
    for name in [name for name in os.environ if re.match("AWS_", name)]:
        patch.delenv(name)
    settings = {
        "ENDPOINT_URL": server,
        "ALLOW_HTTP": "true",
        "ACCESS_KEY_ID": KEY,
        "SECRET_ACCESS_KEY": SECRET,
        "REGION": "us-east-1",
        "CONFIG_FILE": "/dev/null",
        "SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    for name, value in settings.items():
        patch.setenv(f"AWS_{name}", value)


def make_bucket(server: str, name: str = BUCKET) -> None:
    """Make a bucket by the plainest request there is."""
    connection = http.client.HTTPConnection(server.removeprefix("http://"))
    try:
        connection.request("PUT", f"/{name}", headers={"Authorization": _ANY_SIGNATURE})
        assert connection.getresponse().status == 200
    finally:
        connection.close()


_ANY_SIGNATURE = (
    f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
)
