"""How the command line speaks: data on stdout; progress, notes and errors on stderr."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notmnist_store.errors import StoreError, UsageError
from notmnist_store.progress import Progress
from notmnist_store.result import Result
from notmnist_store.text import printable

if TYPE_CHECKING:
    from tqdm import tqdm

_PROGRAM = "notmnist-store"
_SPARSE_SECONDS = 10.0
_MOST_TABLE_ROWS = 1_000


class Terminal(Progress):
    """Shows stages as bars on a terminal and as sparse lines elsewhere; `quiet` hides them."""

    def __init__(self, *, quiet: bool, store: str | None) -> None:
        self._quiet = quiet
        self._store = store
        self._bar: tqdm[Any] | None = None
        self._title = ""
        self._total = 0
        self._said = 0.0

    def stage(self, title: str, total: int, unit: str) -> None:
        """Begin a bar, or the first line of sparse ones."""
        self._title, self._total, self._said = title, total, time.monotonic()
        if self._quiet or not sys.stderr.isatty():
            return
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # its thread would outlive the interpreter and abort it
        self._bar = tqdm(
            total=total or None,
            desc=printable(title),
            unit=unit,
            unit_scale=True,
            leave=False,
            dynamic_ncols=True,
        )

    def advance(self, done: int) -> None:
        """Move the bar; without a terminal, a line every ten seconds."""
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif not self._quiet and time.monotonic() - self._said >= _SPARSE_SECONDS:
            self._said = time.monotonic()
            share = f"{100 * done // self._total} %" if self._total else f"{done:,}"
            self.note(f"{self._title}: {share}")

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def note(self, message: str) -> None:
        """One line on stderr."""
        if not self._quiet:
            self._write(message)

    def error(self, error: StoreError) -> None:
        """What is wrong, and a command that works when pasted."""
        self.end()
        for line in error.message.splitlines():
            self._write(f"error: {line}" if line == error.message.splitlines()[0] else line)
        if error.hint:
            self._hint(error.hint)

    def suggest(self, command: str) -> None:
        """A line with a command, as this user can type it here: what a note before it tells of."""
        if not self._quiet:
            self._hint(command)

    def _hint(self, command: str) -> None:
        self._write(f"  try: {self.command(command)}")

    def command(self, text: str) -> str:
        """`text` with the program where this user has it, and with the store in use."""
        words = f"{_PROGRAM} "
        if text.startswith(words) and self._store and "--store" not in text:
            verb, _, rest = text.removeprefix(words).partition(" ")
            text = f"{words}{verb} --store {shlex.quote(self._store)} {rest}".rstrip()
        return text.replace(words, f"{_program()} ")

    def show(self, result: Result, form: str | None, output: str | None, empty: str) -> None:
        """Write a result where and how it was asked for; say so where it has no rows."""
        if output is not None:
            result.write(output, form)
            self.note(f"wrote {len(result):,} rows to {output}")
        elif form in (None, "table") and len(result) > _MOST_TABLE_ROWS:
            first = Result(result.arrow().slice(0, _MOST_TABLE_ROWS))
            self.write(first.to_bytes("table"))
            self.note(f"the first {_MOST_TABLE_ROWS:,} of {len(result):,} rows; all: --format csv")
        else:
            content = result.to_bytes(form or "table")
            self.write(_for_people(content, form) if sys.stdout.isatty() else content)
        if not len(result):
            self._write("no rows")
            self._hint(empty)

    def write(self, content: bytes) -> None:
        """Send data to stdout as it is."""
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()

    def _write(self, line: str) -> None:
        text = printable(line)
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)


def _for_people(content: bytes, form: str | None) -> bytes:
    """What may go to a terminal: names in csv and json are exact, and could steer it."""
    if form in ("arrow", "parquet"):
        raise UsageError(
            f"{form} is not for a terminal; -o FILE writes it to a file", f"{_PROGRAM} sql --help"
        )
    lines = content.decode().split("\n")
    return "\n".join(map(printable, lines)).encode()


def _program() -> str:
    """The program as it can be typed here: by name where PATH has it, else by its path."""
    found = shutil.which(_PROGRAM)
    here = Path(sys.executable).parent / _PROGRAM
    if found is not None and (not here.exists() or here.samefile(found)):
        return _PROGRAM
    if here.exists():
        relative = os.path.relpath(here)
        return shlex.quote(str(here) if relative.startswith("..") else relative)
    return f"{shlex.quote(sys.executable)} -m notmnist_store"
