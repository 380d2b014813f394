"""What tests do to processes."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import termios
from typing import IO

import pytest


def stop_in_a_write(process_id: int, pipe: IO[bytes]) -> None:
    """Stop a child while it waits in a write to this full pipe, and let it go on.

    A write that began to write is cut short by that, as by any signal.
    """
    if not hasattr(fcntl, "F_GETPIPE_SZ"):
        pytest.skip("only Linux says how much a pipe holds")
    capacity = fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    while int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), "little") < capacity:
        assert not any(event & select.POLLHUP for _, event in waiting.poll()), "it has ended"
    os.kill(process_id, signal.SIGSTOP)
    os.waitid(os.P_PID, process_id, os.WSTOPPED)
    os.kill(process_id, signal.SIGCONT)
