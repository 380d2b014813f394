"""A statement that does not stop when it is told to: the end of the process stops it.

DuckDB looks for an interrupt between parts of its work, and one call of a function that makes a
huge value is one part; no thread can be ended from outside. The command line, which has a process
of its own, gives it up. A library never does: there the statement goes on to its end.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from notmnist_store.errors import StoreError

_said_by: list[Callable[[StoreError], object]] = []
_CODE = 3


def give_up_by(say: Callable[[StoreError], object]) -> None:
    """Let this process end where a statement does not stop; `say` tells the user why."""
    _said_by.append(say)


def give_up(error: StoreError) -> None:
    """End the process with this error, if it may be ended: its files are as after a kill."""
    for say in _said_by:
        say(error)
        os._exit(_CODE)
