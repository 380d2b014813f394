"""A command run with a real terminal as its stdout and stderr."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import notmnist_store

_PACKAGE = str(Path(notmnist_store.__file__).parents[1])


def in_a_terminal(*arguments: object, width: int | None = None, **environment: str) -> str:
    """What a command shows there; the terminal is so wide, or says no size of its own."""
    ours, theirs = pty.openpty()
    inherited = dict(os.environ)
    if width is not None:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
        inherited = {k: v for k, v in inherited.items() if k not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "notmnist_store", *map(str, arguments)],
        env={**inherited, "PYTHONPATH": _PACKAGE, **environment},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(ours)
    process.wait(timeout=60)
    return seen.decode()
