"""A Python worker of Spark killed in a kernel: the task runs again, and the store is as without it.

A worker stops itself at a named point of its work; the first that does is killed, as a machine that
is short of memory would do it, and others go on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import notmnist_store
from notmnist_store.store import Store
from tests.conftest import REPOSITORY
from tests.near.test_boxed import two_archives
from tests.support.same_store import assert_same_store

pytestmark = [pytest.mark.spark, pytest.mark.spark_jvm]


@pytest.fixture(scope="module", autouse=True)
def spark_itself() -> None:
    pytest.importorskip("py4j", reason="only the client of Spark is installed: make test-spark-jvm")


def stopped(group: int) -> Iterator[int]:
    """Processes of a session that have stopped themselves."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended
            if fields[0] == "T" and int(fields[3]) == group:
                yield int(folder.name)


def run_and_kill(point: str, *arguments: object) -> int:
    """Run a command on a Spark of its own; kill the first worker at the point. How many stopped."""
    words = [*map(str, arguments), "--engine", "spark", "--spark-url", "local[2,4]"]
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "notmnist_store", *words],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "NOTMNIST_STORE_PAUSE": point},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as command:
        met: set[int] = set()
        while command.poll() is None:
            for process in stopped(command.pid):
                os.kill(process, signal.SIGCONT if met else signal.SIGKILL)
                met.add(process)
            time.sleep(0.05)
        assert command.stdout is not None
        assert command.returncode == 0, command.stdout.read()
    return len(met)


def test_an_ingest(tmp_path: Path) -> None:
    archives = two_archives(tmp_path)
    here, there = (notmnist_store.open(tmp_path / name) for name in ("here", "there"))
    here.ingest(*archives)
    assert run_and_kill("image written", "ingest", "--store", there.path, *archives) >= 2
    assert_same_store(here, there)
    check_left(there, ["image"])


def test_a_search(tmp_path: Path) -> None:
    archives = two_archives(tmp_path)
    here, there = (notmnist_store.open(tmp_path / name) for name in ("here", "there"))
    for store in (here, there):
        store.ingest(*archives)
    here.near_duplicates()
    assert run_and_kill("pair written", "near-duplicates", "--store", there.path) >= 2
    assert_same_store(here, there)
    check_left(there, [])


def check_left(store: Store, tables: list[str]) -> None:
    """Nothing is damaged; a file at most is left over, and gc takes it."""
    assert {row["status"] for row in store.verify(full=True).rows()} <= {"ok", "note"}
    left = [row["path"].partition("/")[0] for row in store.gc(older_than=0, yes=True).rows()]
    assert [name for name in left if name != "run"] == tables
    assert not store.gc(older_than=0).rows()
