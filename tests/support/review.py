"""A store with near pairs, and the program `review` as a process that a test may kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import notmnist_store
from notmnist_store.store import Store
from tests.conftest import REPOSITORY
from tests.support.archives import pack, picture, png

__all__ = ["Served", "served", "store_of_pairs"]


def store_of_pairs(folder: Path, pairs: int) -> Store:
    """A store of so many pictures and a near copy of each, searched; some pairs cross splits."""
    files = []
    for number in range(pairs):
        near = picture(number).copy()
        near[0, : 1 + number % 5] ^= 8
        label = "ABC"[number % 3]
        files += [(f"set/{label}/{number}.png", png(picture(number)))]
        files += [(f"set/{label}/{number}_near.png", png(near))]
    store = notmnist_store.open(folder / "pairs")
    store.ingest(pack(folder / "pairs.tar.gz", files))
    store.near_duplicates(radius="0.5")
    return store


class Served:
    """A review that runs: its address, and what it answers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stderr is not None
        self.address = process.stderr.readline().strip()

    def ask(self, path: str, body: object = None) -> Any:
        """The JSON of an answer; of an error with its status under `status`."""
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(self.address + path, data, timeout=60) as answer:
                return json.loads(answer.read())
        except HTTPError as error:
            return json.loads(error.read()) | {"status": error.code}

    def judge(self, name: str, actions: list[str], sql: str | None = None) -> list[dict[str, Any]]:
        """Give the first cards of a queue these verdicts; the cards."""
        opened = self.ask("open", {"name": name, "sql": sql})
        given = self.ask(f"cards?queue={opened['queue']}&from=0&count={len(actions)}")
        for place, action in enumerate(actions):
            verdict = {"place": place, "side": "image", "action": action}
            said = self.ask("judge", {"queue": opened["queue"], "verdicts": [verdict]})
            assert "numbers" in said, said
        cards: list[dict[str, Any]] = given["cards"]
        return cards

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()

    def leave(self, number: int = signal.SIGINT) -> tuple[str, str]:
        """End it by Ctrl-C: what it says on stdout and stderr."""
        self.process.send_signal(number)
        return self.process.communicate(timeout=60)


@contextmanager
def served(store: Store, *options: str) -> Iterator[Served]:
    """A review of a store, killed at the end of the block if it is still there."""
    command = [sys.executable, "-m", "notmnist_store", "review", "--store", str(store.path)]
    process = subprocess.Popen(
        [*command, "--no-browser", "--by", "ada", *options],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Served(process)
    finally:
        process.kill()
        process.communicate()
