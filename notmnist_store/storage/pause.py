"""Named points of a command's work at which it can be stopped, to be looked at or killed there.

For tests. NOTMNIST_STORE_PAUSE names a point, and a process that reaches it stops itself, as by
SIGSTOP; whoever started it is told so, and ends it or lets it go on (SIGCONT). ``image written#3``
is the third time it comes there, and NOTMNIST_STORE_SIGNAL names another signal to send itself. To
the file NOTMNIST_STORE_POINTS goes a line for each point on the way, with the process that came
there: so what there is to stop at is never a list that somebody has to keep.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

_POINT, _, _TIME = os.environ.get("NOTMNIST_STORE_PAUSE", "").partition("#")
_SIGNAL = signal.Signals[os.environ.get("NOTMNIST_STORE_SIGNAL", "SIGSTOP")]
_POINTS = os.environ.get("NOTMNIST_STORE_POINTS")
_times: Counter[str] = Counter()


def reached(point: str) -> None:
    """The work is at this point: stop, where that was asked for."""
    if _POINTS:
        with open(_POINTS, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(f"{os.getpid()} {point}\n")
    if point == _POINT:
        _times[point] += 1
        if _times[point] == int(_TIME or 1):
            os.kill(os.getpid(), _SIGNAL)
