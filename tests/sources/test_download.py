"""The verb download against a real server that does everything a server can do wrong."""

from __future__ import annotations

import fcntl
import hashlib
import random
import resource
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from notmnist_store.errors import SourceError, StoreError, UsageError
from notmnist_store.progress import Progress
from notmnist_store.sources.download import ORIGINS, download
from notmnist_store.sources.published import KNOWN_ARCHIVES, KnownArchive
from tests.support.http_server import Server, answer, honest, serving

SIZE = 300_000
HALF = SIZE // 2
CONTENT = random.Random(0).randbytes(SIZE)
OTHER = random.Random(1).randbytes(SIZE)
FILE = "letters.tar.gz"
ARCHIVE = KnownArchive(
    name="letters",
    file=FILE,
    bytes=SIZE,
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    counts={"A": 1},
    fractions=(("train", "1"),),
)


class Said(Progress):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int, str]] = []
        self.done: list[int] = []
        self.notes: list[str] = []
        self.ends = 0

    def stage(self, title: str, total: int, unit: str) -> None:
        self.stages.append((title, total, unit))

    def advance(self, done: int) -> None:
        self.done.append(done)

    def end(self) -> None:
        self.ends += 1

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def fetch(server: Server, to: Path, *mirrors: str, **options: Any) -> dict[str, Any]:
    """Download the archive from folders of the server ("" where none is named); its one row."""
    settings: dict[str, Any] = {
        "to": to,
        "mirrors": [server.url(mirror) for mirror in mirrors or ("",)],
        "origins": (),
        "retries": 3,
        "timeout": 5.0,
        "backoff": 0.01,
        "archives": [ARCHIVE],
        "progress": Said(),
    }
    table = download(["letters"], **(settings | options))
    (row,) = table.to_pylist()
    return row


def starts(server: Server) -> list[int | None]:
    return [asked.start for asked in server.asked]


def check_whole(to: Path) -> None:
    """The file is there with its content, and nothing else is."""
    assert (to / FILE).read_bytes() == CONTENT
    assert [path.name for path in to.iterdir()] == [FILE]


def leave_part(to: Path, content: bytes) -> Path:
    part = to / f"{FILE}.part"
    part.write_bytes(content)
    return part


def test_a_good_server(server: Server, tmp_path: Path) -> None:
    server.steps[f"/{FILE}"] = [honest(CONTENT)]
    said = Said()
    to = tmp_path / "new" / "folder"
    row = fetch(server, to, progress=said)
    check_whole(to)
    seconds = row.pop("seconds")
    assert 0 < seconds < 60
    assert row == {
        "name": "letters",
        "path": str(to / FILE),
        "bytes": SIZE,
        "sha256": ARCHIVE.sha256,
        "url": server.url() + FILE,
        "status": "downloaded",
    }
    assert said.stages == [(FILE, SIZE, "B")]
    assert said.done == sorted(said.done)
    assert (said.done[0], said.done[-1], said.ends, said.notes) == (0, SIZE, 1, [])


def test_the_server_learns_nothing_but_the_program(server: Server, tmp_path: Path) -> None:
    server.steps[f"/{FILE}"] = [honest(CONTENT)]
    fetch(server, tmp_path)
    headers = server.asked[0].headers
    assert set(headers) == {"Accept-Encoding", "Connection", "Host", "User-Agent"}
    assert headers["Accept-Encoding"] == "identity"
    assert headers["User-Agent"].startswith("notmnist-store/")


def test_what_is_there_needs_no_network(server: Server, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(CONTENT)
    row = fetch(server, tmp_path)
    assert (row["status"], row["url"], server.asked) == ("present", None, [])
    assert fetch(server, tmp_path, force=True)["status"] == "present"


@pytest.mark.parametrize("found", [OTHER, CONTENT[:-1], b""])
def test_another_file_of_that_name_is_kept(server: Server, tmp_path: Path, found: bytes) -> None:
    server.steps[f"/{FILE}"] = [honest(CONTENT)]
    (tmp_path / FILE).write_bytes(found)
    with pytest.raises(SourceError, match="is there with another content") as caught:
        fetch(server, tmp_path)
    assert caught.value.hint == (
        f"notmnist-store download letters --to {tmp_path} --mirror {server.url()} --force"
    )
    assert (tmp_path / FILE).read_bytes() == found
    assert server.asked == []
    assert fetch(server, tmp_path, force=True)["status"] == "downloaded"
    check_whole(tmp_path)


def test_force_keeps_the_old_file_until_the_new_one_is_whole(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_bytes(b"precious")
    with pytest.raises(SourceError, match="404"):
        fetch(server, tmp_path, force=True)
    assert (tmp_path / FILE).read_bytes() == b"precious"


def test_a_folder_in_the_way(server: Server, tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(SourceError, match="cannot read"):
        fetch(server, tmp_path, force=True)


def test_cut_connections_are_resumed(server: Server, tmp_path: Path) -> None:
    server.steps[f"/{FILE}"] = [
        honest(CONTENT, cut=100_000),
        honest(CONTENT, cut=50_000),
        honest(CONTENT),
    ]
    said = Said()
    assert fetch(server, tmp_path, progress=said)["status"] == "downloaded"
    check_whole(tmp_path)
    assert starts(server) == [None, 100_000, 150_000]
    assert [note.split("; ")[0] for note in said.notes] == [
        f"{server.url()}{FILE}: the answer ended at 100,000 of 300,000 bytes",
        f"{server.url()}{FILE}: the answer ended at 150,000 of 300,000 bytes",
    ]


def test_a_chunked_answer_cut_within_a_chunk(server: Server, tmp_path: Path) -> None:
    chunk = b"%x\r\n" % SIZE + CONTENT[:70_000]
    headers = {"Transfer-Encoding": "chunked"}
    server.steps[f"/{FILE}"] = [
        answer(200, chunk, headers=headers, length=False),
        honest(CONTENT),
    ]
    fetch(server, tmp_path)
    check_whole(tmp_path)
    assert starts(server) == [None, 70_000]


def test_an_earlier_part_is_resumed(server: Server, tmp_path: Path) -> None:
    leave_part(tmp_path, CONTENT[:HALF])
    server.steps[f"/{FILE}"] = [honest(CONTENT)]
    said = Said()
    assert fetch(server, tmp_path, progress=said)["status"] == "resumed"
    check_whole(tmp_path)
    assert starts(server) == [HALF]
    assert said.done[0] == HALF


def test_a_whole_part_needs_no_network(server: Server, tmp_path: Path) -> None:
    leave_part(tmp_path, CONTENT)
    row = fetch(server, tmp_path)
    assert (row["status"], row["url"], server.asked) == ("resumed", None, [])
    check_whole(tmp_path)


@pytest.mark.parametrize("left", [OTHER, CONTENT + b"!"])
def test_a_part_that_cannot_be_is_thrown_away(server: Server, tmp_path: Path, left: bytes) -> None:
    leave_part(tmp_path, left)
    server.steps[f"/{FILE}"] = [honest(CONTENT)]
    assert fetch(server, tmp_path)["status"] == "downloaded"
    check_whole(tmp_path)
    assert starts(server) == [None]


def test_a_spoilt_part_is_found_out_and_fetched_anew(server: Server, tmp_path: Path) -> None:
    leave_part(tmp_path, OTHER[:HALF])
    server.steps[f"/{FILE}"] = [honest(CONTENT)]
    assert fetch(server, tmp_path)["status"] == "downloaded"
    check_whole(tmp_path)
    assert starts(server) == [HALF, None]


def test_a_server_that_ignores_ranges(server: Server, tmp_path: Path) -> None:
    leave_part(tmp_path, OTHER[:HALF])
    server.steps[f"/{FILE}"] = [answer(200, CONTENT)]
    assert fetch(server, tmp_path)["status"] == "downloaded"
    check_whole(tmp_path)
    assert starts(server) == [HALF]


@pytest.mark.parametrize(
    "said",
    [
        f"bytes 7-{SIZE - 1}/{SIZE}",
        f"bytes {HALF + 1}-{SIZE - 1}/*",
        f"items {HALF}-{SIZE - 1}/{SIZE}",
        "bytes -/",
        "",
    ],
)
def test_another_range_than_asked_for(server: Server, tmp_path: Path, said: str) -> None:
    leave_part(tmp_path, CONTENT[:HALF])
    wrong = answer(206, OTHER[:HALF], headers={"Content-Range": said})
    server.steps[f"/{FILE}"] = [wrong, honest(CONTENT)]
    assert fetch(server, tmp_path)["status"] == "downloaded"
    check_whole(tmp_path)
    assert starts(server) == [HALF, None]


def test_a_part_stays_until_an_answer_replaces_it(server: Server, tmp_path: Path) -> None:
    part = leave_part(tmp_path, CONTENT[:HALF])
    server.steps[f"/{FILE}"] = [answer(416), answer(404)]
    with pytest.raises(SourceError, match="404"):
        fetch(server, tmp_path)
    assert part.read_bytes() == CONTENT[:HALF]


def test_a_range_nobody_asked_for(server: Server, tmp_path: Path) -> None:
    headers = {"Content-Range": f"bytes 5-{SIZE - 1}/{SIZE}"}
    server.steps[f"/{FILE}"] = [answer(206, CONTENT[5:], headers=headers)]
    with pytest.raises(SourceError, match="does not answer with what it is asked for"):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("headers", [{}, {"Content-Range": f"bytes */{SIZE}"}])
def test_a_416_of_the_right_size_starts_over(
    server: Server, tmp_path: Path, headers: dict[str, str]
) -> None:
    leave_part(tmp_path, CONTENT[:HALF])
    server.steps[f"/{FILE}"] = [answer(416, headers=headers), honest(CONTENT)]
    fetch(server, tmp_path)
    check_whole(tmp_path)
    assert starts(server) == [HALF, None]


def test_a_416_of_another_size_goes_to_the_next_mirror(server: Server, tmp_path: Path) -> None:
    leave_part(tmp_path, CONTENT[:HALF])
    server.steps[f"/short/{FILE}"] = [honest(CONTENT[:HALF])]
    server.steps[f"/good/{FILE}"] = [honest(CONTENT)]
    assert fetch(server, tmp_path, "short/", "good/")["status"] == "resumed"
    check_whole(tmp_path)
    assert starts(server) == [HALF, HALF]


def test_too_much_is_not_read(server: Server, tmp_path: Path) -> None:
    server.steps[f"/{FILE}"] = [answer(200, CONTENT + bytes(1 << 20), length=False)]
    with pytest.raises(SourceError, match="sends more than the 300,000 bytes"):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [SIZE - 1, SIZE + 1])
def test_a_file_of_another_size_is_not_fetched(server: Server, tmp_path: Path, length: int) -> None:
    part = leave_part(tmp_path, CONTENT[:HALF])
    server.steps[f"/{FILE}"] = [answer(200, (CONTENT + b"!")[:length])]
    with pytest.raises(SourceError, match=f"has another file: {length:,} bytes, not 300,000"):
        fetch(server, tmp_path)
    assert part.read_bytes() == CONTENT[:HALF], "what is worth something stays"


def test_too_little_again_and_again(server: Server, tmp_path: Path) -> None:
    server.steps[f"/{FILE}"] = [answer(200, CONTENT[:1_000], length=False)]
    said = Said()
    with pytest.raises(SourceError, match=r"ended at 1,000 of 300,000 bytes \(asked 4 times\)"):
        fetch(server, tmp_path, progress=said)
    assert said.notes[-1] == (
        f"1,000 of 300,000 bytes stay in {tmp_path / FILE}.part; "
        "the same command goes on from there"
    )
    assert said.ends == 1


def test_attempts_that_bring_much_are_not_counted(server: Server, tmp_path: Path) -> None:
    content = random.Random(2).randbytes(5 << 20)
    archive = KnownArchive("big", "big.tar", len(content), _sum(content), {}, ())
    server.steps["/big.tar"] = [honest(content, cut=1 << 20)]
    download(
        ["big"],
        to=tmp_path,
        mirrors=[server.url()],
        origins=(),
        retries=1,
        backoff=0.0,
        archives=[archive],
        progress=Progress(),
    )
    assert (tmp_path / "big.tar").read_bytes() == content
    assert len(server.asked) == 5


def test_other_bytes_name_both_sums_and_the_next_mirror_is_asked(
    server: Server, tmp_path: Path
) -> None:
    server.steps[f"/bad/{FILE}"] = [honest(OTHER)]
    with pytest.raises(SourceError) as caught:
        fetch(server, tmp_path, "bad")
    assert f"sha256 {_sum(OTHER)}, not {ARCHIVE.sha256}" in caught.value.message
    assert caught.value.hint == (
        f"notmnist-store download letters --to {tmp_path} --mirror {server.url('bad')}"
    )
    assert list(tmp_path.iterdir()) == []
    server.steps[f"/good/{FILE}"] = [honest(CONTENT)]
    assert fetch(server, tmp_path, "bad", "good")["url"] == server.url("good/") + FILE
    check_whole(tmp_path)


@pytest.mark.parametrize("status", [400, 403, 404, 204])
def test_a_mirror_without_the_file_is_asked_once(
    server: Server, tmp_path: Path, status: int
) -> None:
    server.steps[f"/no/{FILE}"] = [answer(status)]
    server.steps[f"/good/{FILE}"] = [honest(CONTENT)]
    said = Said()
    assert fetch(server, tmp_path, "no", "good", progress=said)["url"].endswith(f"good/{FILE}")
    check_whole(tmp_path)
    assert len(server.asked) == 2
    assert said.notes[0].startswith(f"{server.url('no/')}{FILE}: {status}")


def test_a_part_goes_from_one_mirror_to_the_next(server: Server, tmp_path: Path) -> None:
    server.steps[f"/tired/{FILE}"] = [honest(CONTENT, cut=HALF), answer(404)]
    server.steps[f"/good/{FILE}"] = [honest(CONTENT)]
    fetch(server, tmp_path, "tired", "good")
    check_whole(tmp_path)
    assert starts(server) == [None, HALF, HALF]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path, status: int) -> None:
    server.steps[f"/{FILE}"] = [answer(status), answer(status), honest(CONTENT)]
    fetch(server, tmp_path)
    check_whole(tmp_path)
    assert len(server.asked) == 3


def test_a_server_busy_for_good_gives_up(server: Server, tmp_path: Path) -> None:
    server.steps[f"/{FILE}"] = [answer(503)]
    with pytest.raises(SourceError, match=r"503 Service Unavailable \(asked 3 times\)"):
        fetch(server, tmp_path, retries=2)
    assert len(server.asked) == 3
    assert list(tmp_path.iterdir()) == []


def test_waits_grow(server: Server, tmp_path: Path) -> None:
    server.steps[f"/{FILE}"] = [answer(503)]
    started = time.monotonic()
    with pytest.raises(SourceError):
        fetch(server, tmp_path, retries=3, backoff=0.1)
    assert 0.05 + 0.1 + 0.2 <= time.monotonic() - started < 5


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["1", lambda: formatdate(time.time() + 2, usegmt=True)])
def test_retry_after_is_kept_to(server: Server, tmp_path: Path, asked: Any) -> None:
    value = asked if isinstance(asked, str) else asked()
    server.steps[f"/{FILE}"] = [
        answer(503, headers={"Retry-After": value}),
        honest(CONTENT),
    ]
    started = time.monotonic()
    fetch(server, tmp_path)
    assert 0.9 <= time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        ("86400", "60.0"),
        ("Fri, 31 Dec 9999 23:59:59 -1200", "60.0"),
        ("Sat, 01 Jan 2050 00:00:00 GMT", "60.0"),
        ("Sat, 01 Jan 2000 00:00:00 GMT", "0.0"),
        ("-5", "0.0"),
        ("soon", "0.0"),
    ],
)
def test_retry_after_has_bounds(server: Server, tmp_path: Path, asked: str, waits: str) -> None:
    class Impatient(Progress):
        def note(self, message: str) -> None:
            raise KeyboardInterrupt(message)

    server.steps[f"/{FILE}"] = [answer(503, headers={"Retry-After": asked})]
    with pytest.raises(KeyboardInterrupt, match=f"asking again in {waits} s"):
        fetch(server, tmp_path, progress=Impatient(), backoff=0.0)


def test_a_stalling_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.steps[f"/{FILE}"] = [honest(CONTENT, stall=HALF), honest(CONTENT)]
    said = Said()
    fetch(server, tmp_path, timeout=0.3, progress=said)
    check_whole(tmp_path)
    assert starts(server) == [None, HALF]
    assert "no byte within the timeout" in said.notes[0]


@pytest.mark.slow
@pytest.mark.parametrize("start", ["head", "body"])
def test_a_server_that_drips_is_given_up(server: Server, tmp_path: Path, start: str) -> None:
    """Each byte begins the timeout anew; the least rate is what ends it."""
    server.steps[f"/{FILE}"] = [honest(CONTENT, drip=start), honest(CONTENT)]
    said = Said()
    fetch(server, tmp_path, timeout=0.5, progress=said)
    check_whole(tmp_path)
    assert len(server.asked) == 2
    assert said.notes[0].split(": ")[1] == (
        "less than 1,000 bytes a second for 1 s; asking again in 0.0 s"
    )


def test_a_connection_left_open_after_the_last_byte(server: Server, tmp_path: Path) -> None:
    server.steps[f"/{FILE}"] = [honest(CONTENT, length=False, stall=SIZE)]
    fetch(server, tmp_path, timeout=0.3, retries=0)
    check_whole(tmp_path)
    assert len(server.asked) == 1


def test_nobody_listens(tmp_path: Path) -> None:
    with serving() as gone:
        pass
    with pytest.raises(SourceError, match=r"refused \(asked 2 times\)"):
        fetch(gone, tmp_path, retries=1)


def test_the_proxy_of_the_environment_is_asked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", server.url().replace("//", "//me:secret@"))
    server.steps[f"http://letters.invalid/{FILE}"] = [honest(CONTENT)]
    assert fetch(server, tmp_path, mirrors=["http://letters.invalid/"])["status"] == "downloaded"
    check_whole(tmp_path)
    headers = {name.lower(): value for name, value in server.asked[0].headers.items()}
    assert headers["proxy-authorization"] == "Basic bWU6c2VjcmV0"


def test_redirects_are_followed_with_the_range(server: Server, tmp_path: Path) -> None:
    leave_part(tmp_path, CONTENT[:HALF])
    server.steps[f"/{FILE}"] = [answer(302, headers={"Location": f"/there/{FILE}"})]
    there = server.url("there/") + "file"
    server.steps[f"/there/{FILE}"] = [answer(308, headers={"Location": there})]
    server.steps["/there/file"] = [honest(CONTENT)]
    row = fetch(server, tmp_path)
    assert (row["status"], row["url"]) == ("resumed", server.url() + FILE)
    check_whole(tmp_path)
    assert starts(server) == [HALF] * 3


@pytest.mark.parametrize(
    "location",
    [
        "{path}",
        "data:application/gzip;base64,AAAA",
        "ftp://127.0.0.1/x",
        "http://[::1",
        "http://127.0.0.1:x/",
        "https://127.0.0.1/x",
    ],
)
def test_redirects_elsewhere_than_to_the_web(server: Server, tmp_path: Path, location: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    location = location.format(path=secret.as_uri())
    server.steps[f"/{FILE}"] = [answer(302, headers={"Location": location})]
    with pytest.raises(SourceError, match="is not to be had"):
        fetch(server, tmp_path)
    assert len(server.asked) == 1
    assert list(tmp_path.iterdir()) == [secret]


def test_redirects_in_a_circle(server: Server, tmp_path: Path) -> None:
    server.steps[f"/{FILE}"] = [answer(302, headers={"Location": f"/{FILE}"})]
    with pytest.raises(SourceError, match="redirects more than 5 times"):
        fetch(server, tmp_path)


def test_an_encoded_answer_is_refused(server: Server, tmp_path: Path) -> None:
    headers = {"Content-Encoding": "gzip"}
    server.steps[f"/{FILE}"] = [answer(200, CONTENT, headers=headers)]
    with pytest.raises(SourceError, match="encoded as gzip"):
        fetch(server, tmp_path)


def test_of_two_at_once_the_second_says_so(server: Server, tmp_path: Path) -> None:
    server.steps[f"/{FILE}"] = [honest(CONTENT, stall=HALF)]

    def stalled() -> None:
        with pytest.raises(SourceError, match="no byte within the timeout"):
            fetch(server, tmp_path, timeout=1.0, retries=0)

    first = threading.Thread(target=stalled)
    first.start()
    assert server.stalled.wait(5)
    with pytest.raises(StoreError, match=f"another process is downloading {tmp_path / FILE}"):
        fetch(server, tmp_path)
    first.join()
    server.steps[f"/{FILE}"] = [honest(CONTENT)]
    assert fetch(server, tmp_path)["status"] == "resumed"
    check_whole(tmp_path)


def test_many_at_once_leave_one_whole_file(server: Server, tmp_path: Path) -> None:
    server.steps[f"/{FILE}"] = [honest(CONTENT)]
    outcomes: list[str] = []

    def one() -> None:
        try:
            outcomes.append(fetch(server, tmp_path)["status"])
        except StoreError as error:
            outcomes.append(error.message.split(" is ")[0])

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_whole(tmp_path)
    assert outcomes.count("downloaded") == 1
    assert set(outcomes) <= {"downloaded", "present", "another process"}


PROGRAM = """
import sys
from pathlib import Path
from notmnist_store.sources.published import KnownArchive
from notmnist_store.sources.download import download
from notmnist_store.progress import Progress

class Printing(Progress):
    def note(self, message):
        print(message, flush=True)

url, to, size, sha256 = sys.argv[1:]
archive = KnownArchive("letters", "letters.tar.gz", int(size), sha256, {}, ())
download(["letters"], to=Path(to), mirrors=[url], origins=(), archives=[archive],
         progress=Printing())
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_download_goes_on(
    server: Server, tmp_path: Path, repository: Path, how: signal.Signals
) -> None:
    server.steps[f"/{FILE}"] = [honest(CONTENT, stall=HALF), honest(CONTENT)]
    arguments = [server.url(), str(tmp_path), str(SIZE), ARCHIVE.sha256]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        part = tmp_path / f"{FILE}.part"
        assert server.stalled.wait(30)
        while not part.exists() or part.stat().st_size < HALF:
            time.sleep(0.01)
        process.send_signal(how)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == -how
    assert part.read_bytes() == CONTENT[:HALF]
    if how == signal.SIGINT:
        assert output == (
            f"150,000 of 300,000 bytes stay in {part}; the same command goes on from there\n"
        )
    assert fetch(server, tmp_path)["status"] == "resumed"
    check_whole(tmp_path)
    assert starts(server) == [None, HALF]


def test_a_full_disk_keeps_the_part(server: Server, tmp_path: Path) -> None:
    """The limit of a file's size stands in: a write goes half through, the next one fails."""
    server.steps[f"/{FILE}"] = [honest(CONTENT)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, hard))
    try:
        with pytest.raises(StoreError, match=r"cannot write .*letters\.tar\.gz\.part") as caught:
            fetch(server, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.hint.startswith(f"df -h {tmp_path}")
    assert fetch(server, tmp_path)["status"] == "resumed"
    check_whole(tmp_path)
    assert starts(server) == [None, HALF]


def test_a_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot"):
        fetch(server, tmp_path / "file" / "folder")


def test_a_part_that_is_a_link_is_not_followed(server: Server, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / f"{FILE}.part").symlink_to(victim)
    with pytest.raises(StoreError, match="cannot write"):
        fetch(server, tmp_path)
    assert victim.read_bytes() == b"precious"


def test_a_part_taken_away_between_opening_and_locking(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last owner renames it at the worst moment: nothing is written into what it became."""
    server.steps[f"/{FILE}"] = [honest(CONTENT)]
    part = leave_part(tmp_path, CONTENT[:HALF])
    moved = tmp_path / "moved"
    lock = fcntl.flock

    def lock_late(file: Any, how: int) -> None:
        if not moved.exists():
            part.rename(moved)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    with pytest.raises(StoreError, match="another process is downloading"):
        fetch(server, tmp_path)
    assert fetch(server, tmp_path)["status"] == "downloaded"
    assert (tmp_path / FILE).read_bytes() == CONTENT
    assert moved.read_bytes() == CONTENT[:HALF]


def test_a_file_finished_by_another_between_looking_and_locking(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock

    def lock_late(file: Any, how: int) -> None:
        (tmp_path / FILE).write_bytes(CONTENT)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    assert fetch(server, tmp_path)["status"] == "present"
    check_whole(tmp_path)
    assert server.asked == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run(
            [*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl to make a certificate with")
    return key, cert


def test_certificates_are_verified(
    tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with serving(context) as server:
        server.steps[f"/{FILE}"] = [honest(CONTENT)]
        with pytest.raises(SourceError, match="certificate is not trusted"):
            fetch(server, tmp_path)
        assert server.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        assert fetch(server, tmp_path)["url"].startswith("https://")
    check_whole(tmp_path)


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        ([], "notmnist-store download notMNIST_large notMNIST_small"),
        (["notmnist_smal"], "notmnist-store download notMNIST_small"),
        (["notMNIST_small", "notMNIST_large.tar.gz"], "notmnist-store download notMNIST_large"),
        (["cifar"], "notmnist-store download notMNIST_large notMNIST_small"),
    ],
)
def test_unknown_names(tmp_path: Path, names: list[str], hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        download(names, to=tmp_path, progress=Progress())
    assert caught.value.hint == hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "mirror",
    [
        "ftp://example.org/",
        "file:///etc/",
        "example.org",
        "http://",
        "http://[::1",
        "http://example.org:port/",
        "http://user:word@example.org/",
        "http://example.org/?x",
        "http://example.org/#x",
        "http://example.org/a b",
        "http://example.org/\r\nX: y",
        "",
    ],
)
def test_a_mirror_is_a_folder_on_the_web(tmp_path: Path, mirror: str) -> None:
    with pytest.raises(UsageError, match="a mirror is"):
        download(["notMNIST_small"], to=tmp_path, mirrors=[mirror], progress=Progress())


@pytest.mark.parametrize("option", [{"retries": -1}, {"timeout": 0}, {"backoff": -1.0}])
def test_options_that_cannot_be_meant(tmp_path: Path, option: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        download(["notMNIST_small"], to=tmp_path, progress=Progress(), **option)


def test_a_name_given_twice_is_one_row(server: Server, tmp_path: Path) -> None:
    server.steps[f"/{FILE}"] = [honest(CONTENT)]
    table = download(
        ["letters", "letters"],
        to=tmp_path,
        mirrors=[server.url()],
        origins=(),
        archives=[ARCHIVE],
        progress=Progress(),
    )
    assert table.num_rows == 1
    assert len(server.asked) == 1


def test_mirrors_go_before_the_origins(server: Server, tmp_path: Path) -> None:
    server.steps[f"/origin/{FILE}"] = [honest(CONTENT)]
    row = fetch(server, tmp_path, "mirror", origins=[server.url("origin/")])
    assert row["url"] == server.url("origin/") + FILE
    assert [asked.path for asked in server.asked] == [f"/mirror/{FILE}", f"/origin/{FILE}"]


def test_the_published_archives_come_from_the_notebooks_address() -> None:
    assert "http://commondatastorage.googleapis.com/books1000/" in ORIGINS
    assert all(base.endswith("/") for base in ORIGINS)
    assert all(archive.file == Path(archive.file).name for archive in KNOWN_ARCHIVES)


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
