"""A real HTTP server on 127.0.0.1 whose answers a test scripts by path, good and bad."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO

__all__ = ["Answer", "Asked", "Server", "answer", "honest", "serving"]


@dataclass(frozen=True)
class Asked:
    """One request: its path, its headers, and where its Range starts (None without one)."""

    path: str
    headers: dict[str, str]
    start: int | None


@dataclass(frozen=True)
class Answer:
    """One answer. `length` announces the body's length; `cut` ends the connection after so many
    bytes of the body; `stall` sends that many and then nothing more until the server closes.
    `drip` sends byte by byte, twenty a second, from the "head" or the "body" on.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: bool = True
    cut: int | None = None
    stall: int | None = None
    drip: str | None = None


Step = Callable[[Asked], Answer]


def answer(status: int, body: bytes = b"", **options: object) -> Step:
    """The same answer whatever was asked."""
    made = Answer(status, body, **options)  # type: ignore[arg-type]
    return lambda asked: made


def honest(content: bytes, **options: object) -> Step:
    """What a good server answers, ranges included; `options` spoil it."""

    def step(asked: Asked) -> Answer:
        start = asked.start
        if start is None:
            return Answer(200, content, **options)  # type: ignore[arg-type]
        if start >= len(content):
            return Answer(416, headers={"Content-Range": f"bytes */{len(content)}"})
        said = f"bytes {start}-{len(content) - 1}/{len(content)}"
        headers = {"Content-Range": said}
        return Answer(206, content[start:], headers, **options)  # type: ignore[arg-type]

    return step


class Server(ThreadingHTTPServer):
    """Answers each path by its steps, one a request; the last step stays."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.steps: dict[str, list[Step]] = {}
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self.stalled = threading.Event()
        self.guard = threading.Lock()
        self.scheme = "https" if context else "http"
        if context:
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def url(self, folder: str = "") -> str:
        """The address of a folder on this server."""
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/{folder}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        asked = Asked(self.path, dict(self.headers.items()), int(start[1]) if start else None)
        with self.server.guard:
            self.server.asked.append(asked)
            steps = self.server.steps.get(self.path, [answer(404)])
            step = steps.pop(0) if len(steps) > 1 else steps[0]
        said = step(asked)
        with contextlib.suppress(ConnectionError):
            self._send(said)

    def _send(self, said: Answer) -> None:
        if said.drip == "head":
            self.wfile = _Dripping(self)
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        if said.length:
            self.send_header("Content-Length", str(len(said.body)))
        self.end_headers()
        if said.drip == "body":
            self.wfile = _Dripping(self)
        self.wfile.write(said.body[: min(len(said.body), *_ends(said))])
        self.wfile.flush()
        if said.stall is not None:
            self.server.stalled.set()
            self.server.closing.wait(30)
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


class _Dripping(io.RawIOBase, BinaryIO):
    """A handler's output, byte by byte, until its client has enough or the server closes."""

    def __init__(self, handler: _Handler) -> None:
        self._connection = handler.connection
        self._closing = handler.server.closing

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        for byte in bytes(data):
            if self._closing.wait(0.05):
                break
            self._connection.sendall(bytes([byte]))
        return len(data)


def _ends(said: Answer) -> list[int]:
    return [len(said.body) if end is None else end for end in (said.cut, said.stall)]


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server for the time of the block."""
    with Server(context) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
