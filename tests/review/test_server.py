"""The server refuses what it promises to refuse: each test attacks one promise, over plain HTTP."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from notmnist_store.audits.verdicts import Scope
from notmnist_store.errors import UsageError
from notmnist_store.progress import Progress
from notmnist_store.store import Store
from tests.support.review import store_of_pairs

pytest.importorskip("starlette", reason="the extra [review] is not installed")
pytest.importorskip("uvicorn", reason="the extra [review] is not installed")

from notmnist_store.review.server import bound, serving
from notmnist_store.review.session import Session
from notmnist_store.storage.tables import Tables


class Site:
    """A server, asked as whoever likes to ask it."""

    def __init__(self, address: str, store: Store) -> None:
        self.store = store
        self.port = urlsplit(address).port
        self.token = urlsplit(address).path.strip("/")

    def ask(
        self,
        path: str = "",
        *,
        token: str | None = None,
        method: str = "GET",
        body: bytes | None = None,
        **headers: str,
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        token = self.token if token is None else token
        try:
            connection.request(method, f"/{token}/{path}" if token else path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, path: str, **body: Any) -> dict[str, Any]:
        given = json.dumps(body).encode() if body else None
        _, _, content = self.ask(path, method="POST" if body else "GET", body=given)
        found: dict[str, Any] = json.loads(content)
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    store = store_of_pairs(tmp_path_factory.mktemp("site"), 8)
    tables = Tables.open(Path(str(store.path)))
    session = Session(tables, Scope(), "ada", ("", None), Progress())
    with serving(session, bound(0)) as (address, _):
        yield Site(address, store)


PATHS = ("", "page.js", "page.css", "report.css", "start", "state", "precision?wanted=0.9")


def test_the_address_answers_by_itself(site: Site) -> None:
    status, headers, body = site.ask()
    assert status == 200
    assert headers["Set-Cookie"] is None
    assert b"page.js" in body


@pytest.mark.parametrize("path", [*PATHS, "open", "judge", "nothing"])
@pytest.mark.parametrize("token", ["", "0" * 32, "%00", "é", "..", "static"])
def test_nothing_is_answered_without_the_token(site: Site, path: str, token: str) -> None:
    for method in ("GET", "POST", "OPTIONS", "PUT"):
        from urllib.parse import quote

        first = f"/{quote(token, safe='%')}/" if token else "/"
        status, _, body = site.ask(f"{first}{path}", token="", method=method)
        assert status == 403, (first, path, method)
        assert site.token.encode() not in body


@pytest.mark.parametrize("near", ["half", "longer", "upper", "query", "doubled"])
def test_a_token_is_right_or_wrong(site: Site, near: str) -> None:
    path = {
        "half": f"/{site.token[:16]}/",
        "longer": f"/{site.token}0/",
        "upper": f"/{site.token.upper()}A/",
        "query": f"/?token={site.token}",
        "doubled": f"//{site.token}/",
    }[near]
    assert site.ask(path, token="")[0] == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "0.0.0.0", "", "[::1]:1"]
)
def test_a_foreign_host_is_refused_even_with_the_token(site: Site, host: str) -> None:
    """A name of somebody else that leads here: what a page of his would ask under."""
    assert site.ask(Host=host)[0] == 421
    assert site.ask("state", Host=host)[0] == 421


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:9"])
def test_a_forwarded_port_is_no_foreign_host(site: Site, host: str) -> None:
    assert site.ask(Host=host)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_another_page_may_not_ask(site: Site, headers: dict[str, str]) -> None:
    before = site.json("state")["waiting"]
    for path in ("", "state", "judge"):
        status, answered, _ = site.ask(path, method="POST", body=b"{}", **headers)
        assert status == 403
        assert answered["Access-Control-Allow-Origin"] is None
    assert site.json("state")["waiting"] == before


def test_its_own_page_may(site: Site) -> None:
    assert site.ask("state", Origin=f"http://127.0.0.1:{site.port}")[0] == 200


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_forbids_scripts_and_requests_of_others(site: Site, path: str) -> None:
    _, headers, _ = site.ask(path)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_the_page_has_no_script_or_style_within_and_names_no_other_server(site: Site) -> None:
    page = site.ask()[2].decode()
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|<style|\sstyle=|javascript:", page)
    for path in ("", "page.js", "page.css", "report.css"):
        assert not re.search(r"(https?:)?//[a-z0-9]+\.", site.ask(path)[2].decode()), path


@pytest.mark.parametrize(
    "path",
    [
        *("../pyproject.toml", "%2e%2e/page.py", "..%2f..%2fetc/passwd", "/etc/passwd", "page.py"),
        *(
            "notmnist_store.json",
            "image/_delta_log/00000000000000000000.json",
            "views.sql",
            "page.html",
        ),
        *("report.css/../page.py", "page.js%00.css", "\\..\\page.py", "review"),
    ],
)
def test_no_file_is_served_but_its_own(site: Site, path: str) -> None:
    assert site.ask(path)[0] in (403, 404)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 as image_id; drop view image",
        "copy (select 1) to '/tmp/stolen.csv'",
        "select content as image_id from read_text('/etc/passwd')",
        "attach '/tmp/x.db'",
        "select * from read_csv('http://evil.example/')",
        "install httpfs",
        "set lock_configuration = false",
        "pragma database_list",
    ],
)
def test_sql_reaches_the_store_and_nothing_else(site: Site, sql: str) -> None:
    answer = site.json("open", name="sql", sql=sql)
    assert "queue" not in answer
    assert answer["error"]


def test_only_pictures_of_the_store_are_in_a_sprite(site: Site) -> None:
    opened = site.json("open", name="sql", sql="select 5 as image_id union all select -1")
    given = site.json(f"cards?queue={opened['queue']}&from=0&count=9")
    assert [card["image"]["label"] for card in given["cards"]] == [None, None]
    verdicts = [{"place": 0, "side": "image", "action": "drop"}]
    assert "no more" in site.json("judge", queue=opened["queue"], verdicts=verdicts)["error"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff", b'{"queue": 1}', b'{"queue": "x", "verdicts": 1}', b"9" * 9]
)
def test_nonsense_is_answered_with_an_error(site: Site, body: bytes) -> None:
    status, _, content = site.ask("judge", method="POST", body=body)
    assert status == 400
    assert json.loads(content)["error"]


def test_a_body_without_end_is_not_kept(site: Site) -> None:
    status, _, _ = site.ask("judge", method="POST", body=b" " * ((1 << 20) + 1))
    assert status == 400


def test_it_listens_on_this_machine_alone_and_a_taken_port_is_said(site: Site) -> None:
    with pytest.raises(UsageError, match=f"port {site.port} .*cannot be used") as caught:
        bound(site.port or 0)
    assert caught.value.hint == "notmnist-store review --port 0"
    with bound(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    for address in others - {"127.0.0.1", "::1"}:
        with pytest.raises(OSError):  # noqa: PT011
            socket.create_connection((str(address), site.port or 0), timeout=1).close()


def test_what_is_asked_at_once_is_answered_one_by_one(site: Site) -> None:
    opened = site.json("open", name="near_pairs")
    found: list[dict[str, Any]] = []

    def ask(start: int) -> None:
        found.append(site.json(f"cards?queue={opened['queue']}&from={start}&count=2"))

    threads = [threading.Thread(target=ask, args=(n % 4,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(given["sprite"].startswith("data:image/png") for given in found)


def test_a_queue_that_lacks_evidence_names_its_command(site: Site) -> None:
    answer = site.json("open", name="suspects")
    assert answer["hint"] == "notmnist-store suspects --split-set ingest"
    listed = {queue["name"]: queue for queue in site.json("start")["queues"]}
    assert listed["suspects"]["command"] == answer["hint"]
    assert listed["near_pairs"]["missing"] == ""


@pytest.mark.parametrize(
    "name",
    [
        *("leaks", "near_pairs", "calibration", "near_groups", "label_conflicts", "blanks"),
        *("audit:duplicate_near", "audit:split_leak_near", "audit:image_low_ink"),
    ],
)
def test_every_queue_opens(site: Site, name: str) -> None:
    opened = site.json("open", name=name)
    assert "queue" in opened, opened
    given = site.json(f"cards?queue={opened['queue']}&from=0&count=99")
    assert len(given["cards"]) == opened["rows"]
    for card in given["cards"]:
        assert card["image"]["label"] in "ABC"
        assert ("twin" in card) == ("difference" in card["tiles"])
    if name in ("near_pairs", "calibration", "audit:duplicate_near"):
        assert opened["rows"] == 8
    if name == "near_pairs":
        distances = [card["squared_distance"] for card in given["cards"]]
        assert distances == sorted(distances)
        assert distances[:2] == [64, 64]


def test_neighbours_are_copies_and_what_the_search_found(site: Site) -> None:
    rows = site.store.sql(
        "select a, b, sqrt(squared_distance / 65025.0) as distance from searched_pair"
    ).rows()
    for row in rows[:3]:
        near = site.json(f"neighbours?ids={row['a']},{row['b']}")["neighbours"]
        assert [one["id"] for one in near[str(row["a"])]] == [str(row["b"])]
        (other,) = near[str(row["b"])]
        assert (other["id"], other["label"] in "ABC") == (str(row["a"]), True)
        assert other["distance"] == pytest.approx(row["distance"])
