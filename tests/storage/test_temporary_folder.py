"""Temporary folders: gone when they are not used, also those of killed processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import notmnist_store
from notmnist_store.storage.filesystem import held_folder

PROGRAM = """
import os, signal, sys
from notmnist_store.storage.temporary_folder import TemporaryFolder
folder = TemporaryFolder()
print(folder.path, flush=True)
sys.stdin.read()
"""


def start(temporary: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={
            **os.environ,
            "TMPDIR": str(temporary),
            "PYTHONPATH": str(Path(notmnist_store.__file__).parents[1]),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    other = tmp_path / "notmnist_store-report.txt"
    other.touch()
    killed, left = start(tmp_path)
    living, held = start(tmp_path)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert left.is_dir()
    ended, own = start(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([other, held, own])
    for process in (living, ended):
        process.communicate("")


@pytest.mark.parametrize("taken", ["before the lock is opened", "between opening and locking"])
def test_a_new_folder_that_another_process_took_for_a_left_one_is_made_again(
    tmp_path: Path, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def make() -> Path:
        made.append(tmp_path / str(len(made)))
        made[-1].mkdir()
        if taken.startswith("before") and len(made) == 1:
            made[-1].rmdir()
        return made[-1]

    def lock(descriptor: int, operation: int) -> None:
        if len(made) == 1:
            made[-1].rmdir()

    if taken.startswith("between"):
        monkeypatch.setattr("notmnist_store.storage.filesystem.fcntl.flock", lock)
    folder, descriptor = held_folder(make)
    os.close(descriptor)
    assert folder == made[1]
    assert folder.is_dir()
