"""The server: pages and JSON for whoever has the token, on this machine alone.

Each answer is refused unless it was asked for under a host name of this machine, with the token as
the first part of the path, and from a page of its own.
"""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notmnist_store.errors import StoreError, UsageError
from notmnist_store.review.session import Session

if TYPE_CHECKING:
    from starlette.applications import Starlette

HOST = "127.0.0.1"
_NAMES = (HOST, "localhost")
_MOST_BODY = 1 << 20
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HERE = Path(__file__).parent
_FILES = {
    "": (_HERE / "page.html", "text/html"),
    "page.js": (_HERE / "page.js", "text/javascript"),
    "page.css": (_HERE / "page.css", "text/css"),
    "report.css": (_HERE.parent / "report" / "page.css", "text/css"),
}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """Lets through what has the token and was asked for by this machine's own page."""

    def __init__(self, app: App, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it: 421 for a foreign host, 403 for all else."""
        if scope["type"] != "http":
            return
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        refused = self.refusal(str(scope["path"]), headers)
        if refused:
            from starlette.responses import PlainTextResponse

            status, text = refused
            await PlainTextResponse(f"{text}\n", status, _HEADERS)(scope, receive, send)
            return
        rest = scope["path"][len(self._token) + 1 :]
        await self._app({**scope, "path": rest or "/", "raw_path": rest.encode()}, receive, send)

    def refusal(self, path: str, headers: list[tuple[str, str]]) -> tuple[int, str] | None:
        """Why a request is refused, with the status to say it by; None where it is not."""
        given = dict(headers)
        hosts = [value for name, value in headers if name == "host"]
        host = hosts[0] if len(hosts) == 1 else ""
        if host.rpartition(":")[0] not in _NAMES and host not in _NAMES:
            return 421, "this server answers to 127.0.0.1 alone"
        first = path.removeprefix("/").partition("/")[0]
        if not secrets.compare_digest(first.encode(), self._token.encode()):
            return 403, "the address that the program printed has a token, which is missing here"
        if given.get("origin", f"http://{host}") != f"http://{host}":
            return 403, "another page may not ask"
        if given.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403, "another page may not ask"
        return None


@cache
def _content(name: str) -> bytes:
    return _FILES[name][0].read_bytes()


def make_app(session: Session) -> Starlette:
    """The pages and the questions of a session, without the guard before them."""
    import json

    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    def answer(value: object, status: int = 200) -> Response:
        body = json.dumps(value, default=str)
        return Response(body, status, _HEADERS, "application/json")

    def file(name: str) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            return Response(_content(name), 200, _HEADERS, _FILES[name][1])

        return serve

    def asked(
        ask: Callable[[Mapping[str, Any]], object],
    ) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            given: dict[str, Any] = dict(request.query_params)
            try:
                if request.method == "POST":
                    given = await _body(request)
                return answer(await run_in_threadpool(ask, given))
            except (KeyError, TypeError, ValueError) as error:
                return answer({"error": f"this cannot be meant: {error}", "hint": ""}, 400)
            except UsageError as error:
                return answer({"error": error.message, "hint": error.hint}, 400)
            except StoreError as error:
                return answer({"error": error.message, "hint": error.hint}, 409)

        return serve

    async def _body(request: Request) -> dict[str, Any]:
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > _MOST_BODY:
                raise UsageError(f"more than {_MOST_BODY:,} bytes")
            parts.append(part)
        given = json.loads(b"".join(parts) or b"{}")
        if not isinstance(given, dict):
            raise UsageError("an object is wanted")
        return given

    def start(given: Mapping[str, Any]) -> object:
        name, sql = session.first
        return {
            "store": session.tables.root.name,
            "split_set": session.scope.split_set,
            "queues": session.queues(),
            "first": name,
            "sql": sql,
            "size": [session.tables.marker.shape.width, session.tables.marker.shape.height],
        }

    def judge(given: Mapping[str, Any]) -> object:
        numbers = session.judge(int(given["queue"]), given["verdicts"])
        return {"numbers": numbers, "waiting": session.desk.waiting}

    def undo(given: Mapping[str, Any]) -> object:
        images = session.take_back([int(n) for n in given["numbers"]])
        return {"images": images, "waiting": session.desk.waiting}

    def cards(given: Mapping[str, Any]) -> object:
        return session.cards(int(given["queue"]), max(0, int(given["from"])), int(given["count"]))

    def pause(given: Mapping[str, Any]) -> object:
        session.keeper.pause()
        return {}

    ask = {
        "start": start,
        "state": lambda given: session.state(),
        "cards": cards,
        "precision": lambda given: session.precision(float(given["wanted"])),
        "neighbours": lambda given: session.neighbours([int(i) for i in given["ids"].split(",")]),
    }
    do = {
        "open": lambda given: session.open(str(given["name"]), given.get("sql")),
        "judge": judge,
        "undo": undo,
        "pause": pause,
    }
    routes = [Route(f"/{name}", file(name)) for name in _FILES]
    routes += [Route(f"/{name}", asked(one), methods=["GET"]) for name, one in ask.items()]
    routes += [Route(f"/{name}", asked(one), methods=["POST"]) for name, one in do.items()]
    return Starlette(routes=routes)


def bound(port: int) -> socket.socket:
    """A socket on this machine alone, 0 for any port that is free.

    Raises:
        UsageError: the port is taken, or may not be used.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(64)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"port {port} of {HOST} cannot be used: {reason.lower()}",
            "notmnist-store review --port 0",
        ) from error
    return listening


@contextmanager
def serving(session: Session, listening: socket.socket) -> Iterator[tuple[str, threading.Event]]:
    """Serve a session as long as the block; its address, and what is set when serving ends."""
    import uvicorn

    token = secrets.token_hex(16)
    config = uvicorn.Config(
        Guard(make_app(session), token),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        loop="asyncio",
        http="h11",
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    ended = threading.Event()

    def serve() -> None:
        try:
            server.run([listening])
        finally:
            ended.set()

    thread = threading.Thread(target=serve, name="server", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listening.getsockname()[1]}/{token}/", ended
    finally:
        server.should_exit = True
        thread.join()
