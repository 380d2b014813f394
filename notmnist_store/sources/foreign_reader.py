"""What a process that reads a file from elsewhere says, or what its end tells of the file.

Readers that are compiled can end their process on a damaged file, and no Python code can prevent
that: they run in a process of their own.
"""

from __future__ import annotations

import signal
from typing import Protocol, TypeVar

from notmnist_store.sources.damage import damaged
from notmnist_store.workers.process import Worker, WorkerEndedError


class _Answer(Protocol):
    """An answer, with what went wrong, if something did."""

    @property
    def error(self) -> str: ...


_Kind = TypeVar("_Kind", bound=_Answer)


def readers_answer(worker: Worker, kind: type[_Kind], what: str) -> _Kind:
    """The next answer of a reader; ``what`` names the file.

    Raises:
        SourceError: the file is damaged, as the reader says, or as its breakdown tells.
    """
    try:
        answer = worker.answer(kind)
    except WorkerEndedError as error:
        if -error.code == signal.SIGKILL:  # what a machine short of memory does
            raise
        raise damaged(
            f"{what} is damaged: the process that read it broke down (exit code {error.code})"
        ) from None
    if answer is None or answer.error:
        raise damaged(f"{what} is damaged: {answer.error if answer else 'no answer'}")
    return answer
