"""The program as a process of its own, which stops itself at a point of its work, or is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

import notmnist_store

PACKAGE = str(Path(notmnist_store.__file__).parents[1])


def start(*arguments: object, pause: str = "", **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "notmnist_store", *map(str, arguments)]
    return spawn(command, pause, **options)


def spawn(
    command: list[str], pause: str, environment: Mapping[str, str] | None = None, **options: object
) -> subprocess.Popen[str]:
    """Start a command that stops itself at the point `pause`, where it is not empty."""
    given = {"PYTHONPATH": PACKAGE, "NOTMNIST_STORE_PAUSE": pause, **(environment or {})}
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        command,
        env={**os.environ, **given},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for_pause(process: subprocess.Popen[str]) -> None:
    """Wait until a process has come to the point at which it stops itself."""
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), process.communicate()[1]


def end(process: subprocess.Popen[str], how: int) -> tuple[int, str]:
    """Send a signal; the process and all it had started are gone soon after. Code and stderr."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.send_signal(how)
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=30)
    _, alive = psutil.wait_procs(family, timeout=15)
    assert not alive
    return process.returncode, said
