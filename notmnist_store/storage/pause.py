"""Named points of a command's work at which it can be stopped, to be looked at or killed there.

For tests: NOTMNIST_STORE_PAUSE names a point, and a process that reaches it stops itself, as by
SIGSTOP; whoever started it is told so, and ends it or lets it go on (SIGCONT).
"""

from __future__ import annotations

import os
import signal

_POINT = os.environ.get("NOTMNIST_STORE_PAUSE")


def reached(point: str) -> None:
    """The work is at this point: stop, where that was asked for."""
    if point == _POINT:
        os.kill(os.getpid(), signal.SIGSTOP)
