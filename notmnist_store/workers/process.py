"""Worker processes: each gets one job as a line of JSON, and answers with lines of JSON.

A worker is a fresh interpreter, so a caller needs no main guard, and nothing is pickled. What a job
needs beside its line follows it on the worker's input.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar

from notmnist_store.errors import BudgetError, StoreError
from notmnist_store.workers.wire import pack, unpack

_PIPE_BYTES = 1 << 20
_UNBUFFERED = "PYTHONUNBUFFERED"  # with it a signal cuts a long answer short, and nobody is told
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

Answer = TypeVar("Answer")


class WorkerEndedError(StoreError):
    """A worker that ended without an answer; `code` is its exit code, negative for a signal."""

    def __init__(self, code: int, verb: str) -> None:
        super().__init__(
            f"a worker process ended without an answer (exit code {code}; -9 is what a machine "
            "short of memory does; --workers 1 takes least)",
            f"notmnist-store {verb} --help",
        )
        self.code = code


class Worker:
    """A process that runs a module whose main is `serve`; `verb` is the command it works for.

    What a `quiet` one writes to its standard error is dropped.
    """

    def __init__(self, module: str, verb: str, *, quiet: bool = False) -> None:
        package = str(Path(__file__).parents[2])
        path = os.pathsep.join(p for p in (package, os.environ.get("PYTHONPATH", "")) if p)
        given = {name: value for name, value in os.environ.items() if name != _UNBUFFERED}
        self._verb = verb
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            env={**given, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": path},
            pipesize=_PIPE_BYTES,  # lets it be ahead of its reader
            start_new_session=True,  # Ctrl-C is this process's to handle
        )
        self.process_id = self._process.pid
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.input: IO[bytes] = self._process.stdin
        self.output: IO[bytes] = self._process.stdout

    def send(self, job: object) -> None:
        """Give it its job, a dataclass."""
        self.input.write(json.dumps(pack(job)).encode() + b"\n")
        self.input.flush()

    def answer(self, kind: type[Answer]) -> Answer | None:
        """Its next answer; None when it has ended well. Raises the error that it ended with."""
        line = self.output.readline()
        if not line.endswith(b"\n"):
            code = self._process.wait()
            if line or code:
                raise WorkerEndedError(code, self._verb)
            return None
        content = json.loads(line)
        if "answer" in content:
            answer: Answer = unpack(kind, content["answer"])
            return answer
        if content["option"]:
            raise BudgetError(content["error"], option=content["option"])
        raise StoreError(content["error"], content["hint"])

    def leave(self, *, at_once: bool) -> None:
        """End it, whatever it is doing; `at_once` where it has nothing to clean up."""
        if at_once:
            self._process.kill()
        for pipe in (self.input, self.output):
            with suppress(BrokenPipeError):
                pipe.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(work: Callable[[Any], Iterable[object]], job: type) -> NoReturn:
    """Be a worker: do the job that comes, if one does, send each answer, and end the process."""
    code = 0
    try:
        if line := sys.stdin.buffer.readline():
            for answer in work(unpack(job, json.loads(line))):
                _say({"answer": pack(answer)})
    except BrokenPipeError:
        code = 1
    except BaseException as error:
        message = f"a worker failed:\n{traceback.format_exc()}"
        content = {"error": message, "hint": "", "option": ""}
        if isinstance(error, StoreError):
            option = error.option if isinstance(error, BudgetError) else ""
            content = {"error": error.message, "hint": error.hint, "option": option}
        with suppress(BrokenPipeError):
            _say(content)
        code = 1
    os._exit(code)  # without unwinding: a thread may still be reading the input


def _say(content: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(content).encode() + b"\n")
    sys.stdout.buffer.flush()
