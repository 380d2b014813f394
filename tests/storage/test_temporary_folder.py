"""Temporary folders: gone when they are not used, also those of killed processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import notmnist_store

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
