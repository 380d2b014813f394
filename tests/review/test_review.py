"""The command: its first line, what it says where it cannot serve, and kills that lose nothing."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import notmnist_store
from notmnist_store.errors import UsageError
from notmnist_store.store import Store
from tests.conftest import REPOSITORY
from tests.support.review import served, store_of_pairs

pytest.importorskip("starlette", reason="the extra [review] is not installed")
pytest.importorskip("uvicorn", reason="the extra [review] is not installed")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_of_pairs(tmp_path_factory.mktemp("review"), 12)


@pytest.fixture
def pairs(tmp_path: Path, made: Store) -> Store:
    return notmnist_store.open(shutil.copytree(made.path, tmp_path / "it's a store"))


def decided(store: Store) -> dict[str, str]:
    rows = store.sql("select pixel_hash, action from decision where is_current").rows()
    return {row["pixel_hash"]: row["action"] for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_its_address_first_and_stores_all_when_one_leaves(
    pairs: Store, number: signal.Signals
) -> None:
    with served(pairs) as review:
        assert review.address.startswith("http://127.0.0.1:")
        assert len(review.address.split("/")[3]) >= 32
        cards = review.judge("near_pairs", ["drop", "keep", "not_duplicate", "copy"])
        assert decided(pairs) == {}
        out, err = review.leave(number)
        assert review.process.returncode == 0, err
    assert out.splitlines()[2].split() == ["ingest", "ada", "3", "1"]
    assert decided(pairs) == {
        card["image"]["pixel_hash"]: action
        for card, action in zip(cards, ["drop", "keep", "not_duplicate"], strict=False)
    }
    assert len(pairs.sql("select * from verdict").rows()) == 1
    assert not (Path(str(pairs.path)) / "review").exists()


@pytest.mark.slow
def test_killed_three_times_it_loses_nothing(pairs: Store) -> None:
    said: dict[str, str] = {}
    for action in ("drop", "keep", "drop"):
        with served(pairs) as review:
            cards = review.judge("near_pairs", [action] * 3)
            said |= {card["image"]["pixel_hash"]: action for card in cards}
            review.kill()
    with served(pairs) as review:
        opened = review.ask("open", {"name": "near_pairs"})
        assert opened["rows"] == 12 - len(said)
        _, err = review.leave()
        assert review.process.returncode == 0, err
    assert decided(pairs) == said
    assert not (Path(str(pairs.path)) / "review").exists()


@pytest.mark.slow
def test_two_servers_and_a_decide_beside_them_lose_nothing(pairs: Store) -> None:
    with served(pairs) as one, served(pairs) as other:
        first = one.judge("near_pairs", ["drop", "drop"])
        opened = other.ask("open", {"name": "near_pairs"})
        cards = other.ask(f"cards?queue={opened['queue']}&from=4&count=2")["cards"]
        verdicts = [{"place": place, "side": "image", "action": "keep"} for place in (4, 5)]
        other.ask("judge", {"queue": opened["queue"], "verdicts": verdicts})
        sql = "select image_id, 'drop' as action from image where path like '%11.png'"
        pairs.decide(sql=sql, by="eve", yes=True)
        one.leave()
        other.leave()
    found = decided(pairs)
    assert len(found) == 5
    assert all(found[card["image"]["pixel_hash"]] == "drop" for card in first)
    assert all(found[card["image"]["pixel_hash"]] == "keep" for card in cards)


@pytest.mark.slow
def test_what_is_decided_is_not_shown_again(pairs: Store) -> None:
    with served(pairs) as review:
        review.judge("near_pairs", ["drop", "not_duplicate", "keep"])
        review.leave()
    with served(pairs) as review:
        assert review.ask("open", {"name": "near_pairs"})["rows"] == 9


@pytest.mark.slow
def test_it_starts_on_a_store_without_pairs_or_split_sets(store: Store) -> None:
    with served(store, "--quiet") as review:
        assert review.ask("start")["store"] == "a store"
        assert review.ask("open", {"name": "near_pairs"})["hint"].startswith(
            "notmnist-store near-duplicates"
        )
        assert review.ask("open", {"name": "blanks"})["rows"] == 0
        sql = "select image_id from image order by image_id"
        assert review.ask("open", {"name": "sql", "sql": sql})["rows"] == 13


@pytest.mark.slow
def test_evidence_that_came_meanwhile_opens_its_queue(store: Store, pairs: Store) -> None:
    """In another terminal one runs the command that the page names, or decides."""
    with served(store) as review:
        hint = review.ask("open", {"name": "near_pairs"})["hint"]
        assert hint.startswith("notmnist-store near-duplicates")
        store.near_duplicates(radius="9")
        assert review.ask("open", {"name": "near_pairs"})["rows"] > 0
    with served(pairs) as review:
        review.judge("near_pairs", ["drop"])
        before = review.ask("open", {"name": "near_pairs"})
        pairs.decide(sql="select b as image_id, 'keep' as action from pair", by="eve", yes=True)
        assert before["rows"] == 11
        assert review.ask("open", {"name": "near_pairs"})["rows"] == 0


def run(store: Store, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "notmnist_store", "review", "--store", str(store.path), *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_taken_port_is_a_clear_error(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run(store, "--no-browser", "--port", port)
    assert done.returncode == 2
    assert f"port {port} of 127.0.0.1 cannot be used: address already in use" in done.stderr
    assert "review" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_machine_without_a_browser_is_told(pairs: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if sys.platform == "darwin":
        pytest.skip("there is a browser")
    command = [sys.executable, "-m", "notmnist_store", "review", "--store", str(pairs.path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("http://127.0.0.1:")
        assert "no browser was found" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 70_000}, "up to 65,535"),
        ({"port": -1}, "up to 65,535"),
        ({"sql": "select 1", "audit": "image_blank"}, "two queues"),
        ({"audit": "image_blanc"}, "did you mean image_blank"),
        ({"by": " "}, "a name of at most"),
        ({"transforms": "wobble"}, "no transform"),
        ({"split_set": "nosuch"}, "nosuch"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_it_serves(
    shared_store: Store, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        shared_store.review(**options, no_browser=True)  # type: ignore[arg-type]
    assert caught.value.hint
