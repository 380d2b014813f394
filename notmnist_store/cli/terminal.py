"""How the command line speaks: data on stdout; progress, notes and errors on stderr."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from notmnist_store.errors import StoreError, UsageError
from notmnist_store.progress import Progress
from notmnist_store.text import printable, share_text

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from notmnist_store.result import Result

PROGRAM = "notmnist-store"

_SPARSE_SECONDS = 10.0
_FRAME_SECONDS = 0.1
_MOST_TABLE_ROWS = 1_000
_LEAST_TABLE_ROWS = 40  # of a low terminal, too: every audit, and each split of ten labels
_LINES_AROUND = 6  # the command, the heading, what is said after


class Terminal(Progress):
    """Shows stages as bars on a terminal and as sparse lines elsewhere; `quiet` hides them."""

    def __init__(self, *, quiet: bool = False, store: str | None = None) -> None:
        self._quiet = quiet
        self._store = store
        self._bars: Bars | None = None
        self._title = ""
        self._total = 0
        self._shown_at = 0.0

    @property
    def coloured(self) -> bool:
        """Whether stdout is a terminal that may show colours."""
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def stage(self, title: str, total: int, unit: str) -> None:
        """Begin a bar, or the first line of sparse ones."""
        self.end()
        self._title, self._total, self._shown_at = title, total, time.monotonic()
        if not self._quiet and sys.stderr.isatty():
            from notmnist_store.cli.screen import bar

            self._bars = bar(printable(title), total, unit)
            self._bars.start()

    def advance(self, done: int) -> None:
        """Move the bar; without a terminal, a line every ten seconds."""
        now = time.monotonic()
        if self._bars is not None:
            self._bars.update(self._bars.task_ids[0], completed=done)
            if now - self._shown_at >= _FRAME_SECONDS:
                self._shown_at = now
                self._bars.refresh()
        elif not self._quiet and now - self._shown_at >= _SPARSE_SECONDS:
            self._shown_at = now
            share = share_text(done / self._total) if self._total else f"{done:,}"
            self.note(f"{self._title}: {share}")

    def end(self) -> None:
        """Take the bar away."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def say(self, message: str) -> None:
        """One line on stderr that stays whole, of the quiet, too."""
        self._write(message, fold=False)

    def note(self, message: str) -> None:
        """One line on stderr, on a terminal folded at its width."""
        if not self._quiet:
            self._write(message)

    def step(self, line: str) -> None:
        """A line to paste, which stays whole."""
        if not self._quiet:
            self._write(f"  {self.command(line)}", fold=False)

    def error(self, error: StoreError) -> None:
        """What is wrong, and a command that works when pasted."""
        self.end()
        for line in f"error: {error.message}".splitlines():
            self._write(line)
        if error.hint:
            self._hint(error.hint)

    def suggest(self, command: str) -> None:
        """A line with a command, as this user can type it here: what a note before it tells of."""
        if not self._quiet:
            self._hint(command)

    def _hint(self, command: str) -> None:
        self._write(f"  try: {self.command(command)}", fold=False)

    def command(self, text: str) -> str:
        """`text` with the program where this user has it, and with the store in use."""
        words = f"{PROGRAM} "
        if text.startswith(words) and self._store and "--store" not in text:
            verb, _, rest = text.removeprefix(words).partition(" ")
            text = f"{words}{verb} --store {shlex.quote(self._store)} {rest}".rstrip()
        return text.replace(words, f"{_program()} ")

    def show(self, result: Result, form: str | None, output: str | None, empty: str) -> None:
        """Write a result where and how it was asked for; say so where it has no rows.

        Then `empty` is a command to go on with; where it is none, what is said after says it all.
        """
        if output is not None:
            result.write(output, form)
            self.note(f"wrote {len(result):,} rows to {output}")
        elif form in (None, "table"):
            self._show_table(result)
        else:
            content = result.to_bytes(form)
            self.write(_for_people(content, form) if sys.stdout.isatty() else content)
        if empty and not len(result):
            self._write("no rows")
            self._hint(empty)

    def _show_table(self, result: Result) -> None:
        from notmnist_store.result import Result

        most = _MOST_TABLE_ROWS
        if sys.stdout.isatty():
            from notmnist_store.cli.screen import show_table

            lines = shutil.get_terminal_size().lines - _LINES_AROUND
            most = min(max(lines, _LEAST_TABLE_ROWS), most)
            left_out = show_table(result, most)
            if left_out:
                names = ", ".join(left_out)
                self.note(f"{len(left_out)} more columns: {names}; all: --format csv")
        else:
            self.write(Result(result.arrow().slice(0, most)).to_bytes("table"))
        if most < len(result):
            more = len(result) - most
            self.note(f"{more:,} more rows after the first {most:,}; all: --format csv")

    def write(self, content: bytes) -> None:
        """Send data to stdout as it is."""
        try:
            sys.stdout.flush()
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            drop_output(sys.stdout)
            raise StoreError(f"cannot write to stdout: {error.strerror}") from error

    def _write(self, line: str, *, fold: bool = True) -> None:
        text = printable(line)
        if fold and sys.stderr.isatty():
            width = max(shutil.get_terminal_size().columns, 20)
            text = "\n".join(textwrap.wrap(text, width, break_long_words=False)) or text
        if self._bars is not None:
            self._bars.stop()
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:  # of messages there is nobody to tell that they are lost
            drop_output(sys.stderr)
        if self._bars is not None:
            self._bars.start()


def open_streams() -> None:
    """Put something where the shell has closed stdout or stderr: no file may get its number.

    And a buffer before stdout where PYTHONUNBUFFERED took it away: without one a signal cuts short
    what is written, and nobody is told.
    """
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")  # so that writing fails
    elif isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        sys.stdout = os.fdopen(
            sys.stdout.fileno(),
            "w",
            encoding=sys.stdout.encoding,
            errors=sys.stdout.errors,
            closefd=False,
        )
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def drop_output(stream: TextIO) -> None:
    """Lose what stdout or stderr still holds, which nobody takes; it would fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _for_people(content: bytes, form: str) -> bytes:
    """What may go to a terminal: names in csv and json are exact, and could steer it."""
    if form in ("arrow", "parquet"):
        raise UsageError(
            f"{form} is not for a terminal; -o FILE writes it to a file", f"{PROGRAM} sql --help"
        )
    return "\n".join(map(printable, content.decode().split("\n"))).encode()


def _program() -> str:
    """The program as it can be typed here: by name where PATH has it, else by its path."""
    on_path = shutil.which(PROGRAM)
    beside = Path(sys.executable).parent / PROGRAM
    if on_path is not None and (not beside.exists() or beside.samefile(on_path)):
        return PROGRAM
    if beside.exists():
        relative = os.path.relpath(beside)
        return shlex.quote(str(beside) if relative.startswith("..") else relative)
    return f"{shlex.quote(sys.executable)} -m notmnist_store"
