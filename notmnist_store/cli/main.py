"""The command line: parse, call one method, show one table."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from notmnist_store import __version__
from notmnist_store.catalog.unstoppable import give_up_by
from notmnist_store.cli.commands import COMMANDS, MOVED, Call, Command
from notmnist_store.cli.signature import call, explanation, parameters, values_of
from notmnist_store.cli.terminal import PROGRAM, Terminal, drop_output, open_streams
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.schema.words import CI_FORMATS, RESULT_FORMATS
from notmnist_store.storage.filesystem import MORE_OPEN, TOO_MANY_OPEN, too_many_open
from notmnist_store.store import Store

_FILES = ("DIR", "FILE", "FILE.csv", "HASHES", "OUT", "OUT.tar.gz", "PATH", "SHEET.png", "SOURCE")
_DEFAULT_STORE = "store"


class _Help(argparse.HelpFormatter):
    """Keeps paragraphs apart, and the example whole."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        filled = (
            part if part.startswith("example:") else super(_Help, self)._fill_text(part, width, "")
            for part in text.split("\n\n")
        )
        return "\n\n".join(filled)


class Parser(argparse.ArgumentParser):
    """Reports a wrong command line like every other error: what is wrong, and what works."""

    def __init__(self, *, command: Command | None = None, **options: Any) -> None:
        super().__init__(formatter_class=_Help, **options)
        self.command = command

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, for whoever parses."""
        raise UsageError(message, f"{self.prog} --help")

    def explain(self) -> None:
        """Fill in the help, which is the docstring of the method."""
        if self.command is None:
            return
        about = explanation(self.command.method)
        returns = f"Gives {about.returns[:1].lower()}{about.returns[1:]}" if about.returns else ""
        self.description = "\n\n".join(filter(None, (self.description, about.details, returns)))
        for action in self._actions:
            if action.help is None:
                action.help = about.of[action.dest].replace("%", "%%")
        self.command = None  # explained

    def format_help(self) -> str:
        """The help, with what the docstring says."""
        self.explain()
        return super().format_help()


class _Completion(argparse.Action):
    """Prints what a shell needs to complete commands, options and files."""

    def __call__(self, parser: argparse.ArgumentParser, *given: Any) -> None:
        import shtab

        for each in (parser, *subparsers(parser).values()):
            if isinstance(each, Parser):
                each.explain()
            for action in each._actions:
                if action.metavar in _FILES:
                    action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, given[1]))
        parser.exit()


class _NoPandas:
    """Keeps pandas out: pyarrow imports it where it is installed, for 0.7 s, for nothing here."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("the command line works without pandas", name=name)


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does."""


def _terminate(number: int, frame: object) -> NoReturn:
    raise _Terminated


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 fine, 1 an audit that must pass does not,
    2 usage, 3 a StoreError, 70 a fault of the program, 130 Ctrl-C, 143 SIGTERM.
    """
    if arguments is None:
        if not {"spark", "--engine=spark"}.intersection(sys.argv):  # Spark's client needs it
            sys.meta_path.insert(0, _NoPandas)
        signal.signal(signal.SIGTERM, _terminate)
    words = sys.argv[1:] if arguments is None else list(arguments)
    open_streams()
    terminal = Terminal()
    try:
        given = _parsed(words, terminal)
        terminal = Terminal(quiet=given.quiet, store=given.store)
        if arguments is None:  # the process is ours
            give_up_by(terminal.error)
        return _run(given, terminal)
    except UsageError as error:
        terminal.error(error)
        return 2
    except StoreError as error:
        terminal.error(error)
        return 3
    except KeyboardInterrupt as stop:
        terminal.end()
        terminal.note("stopped; what was not finished has left nothing in the store")
        return 143 if isinstance(stop, _Terminated) else 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        drop_output(sys.stdout)
        return 0
    except BaseException as error:  # a panic of a library in Rust is no Exception
        if too_many_open(error):
            terminal.error(StoreError(f"the command cannot go on: {TOO_MANY_OPEN}", MORE_OPEN))
            return 3
        if not isinstance(error, Exception):
            raise
        terminal.error(_fault(error, words))
        return 70


def _parsed(words: Sequence[str], terminal: Terminal) -> argparse.Namespace:
    try:
        return make_parser().parse_args(words)
    except UsageError as error:
        moved = MOVED.get(next((word for word in words if word in MOVED), ""), {})
        for option in (word.partition("=")[0] for word in words):
            if option in moved:
                new = moved[option]
                raise UsageError(
                    f"{option} belongs to {new}, a command of its own now",
                    f"{PROGRAM} {new} --help",
                ) from error
        raise
    except SystemExit:  # after --help and the like
        terminal.write(b"")
        raise


def _run(given: argparse.Namespace, terminal: Terminal) -> int:
    command: Command = given.command
    if command.rows and given.format not in (None, *command.forms):  # given before the command
        raise UsageError(
            f"{command.name} writes {', '.join(command.forms)}, not {given.format}",
            f"{PROGRAM} {command.name} --help",
        )
    if command.before is not None:
        command.before(given)
    path = given.store or os.environ.get("NOTMNIST_STORE") or _DEFAULT_STORE
    store = Store(path, progress=terminal)
    result = call(command.method, given, store, terminal)
    if command.shows:
        terminal.show(
            result, given.format, given.output, command.empty and f"{PROGRAM} {command.empty}"
        )
    if command.after is None:
        return 0
    values = values_of(command.method, given)
    return command.after(Call(store, terminal, values, result, given.format)) or 0


def _fault(error: Exception, words: Sequence[str]) -> StoreError:
    """An error that nobody foresaw, with its traceback in a file."""
    import tempfile
    import traceback

    command = shlex.join([PROGRAM, *words])
    message = f"{type(error).__name__}: {error}\nthis is a fault of {PROGRAM} {__version__}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="notmnist_store-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(f"{command}\n{PROGRAM} {__version__}, Python {sys.version}\n")
            file.write("".join(traceback.format_exception(error)))
    except OSError:
        return StoreError(message)
    return StoreError(f"{message}; please report it with this file:", f"cat {file.name}")


def make_parser() -> Parser:
    """The parser of the program, with all commands."""
    by_name = {command.name: command for command in COMMANDS}
    parser = Parser(
        prog=PROGRAM,
        description="Small-image sets as a columnar store that one queries with DuckDB.",
        parents=_shared_options(None, (*RESULT_FORMATS, *CI_FORMATS)),
    )
    parser.set_defaults(command=by_name["info"], quiet=False)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "--print-completion",
        action=_Completion,
        choices=("bash", "zsh"),
        help="what the shell completes commands by",
    )
    # What is given before the command holds unless it is given again after it.
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for name, command in by_name.items():
        common, form, output = _shared_options(argparse.SUPPRESS, command.forms)
        added = commands.add_parser(
            name,
            command=command,
            help=command.summary,
            description=command.summary,
            epilog=f"example: {PROGRAM} {command.example}",
            parents=[
                common,
                *([form] if command.rows else []),
                *([output] if command.shows else []),
            ],
        )
        added.set_defaults(command=command)
        for parameter in parameters(command.method):
            parameter.add_to(added)
    return parser


def _shared_options(default: str | None, forms: Sequence[str]) -> list[Parser]:
    common = Parser(add_help=False, argument_default=default)
    common.add_argument("--store", metavar="PATH", help="the store's folder (default: store)")
    common.add_argument("--quiet", action="store_true", help="no progress and no notes")
    form = Parser(add_help=False, argument_default=default)
    form.add_argument("--format", choices=forms, help="how rows are written (default: table)")
    output = Parser(add_help=False, argument_default=default)
    output.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of stdout")
    return [common, form, output]


def subparsers(parser: argparse.ArgumentParser) -> dict[str, Parser]:
    """The parsers of the commands, by name."""
    (commands,) = (one for one in parser._actions if isinstance(one.choices, dict))
    return dict(commands.choices or {})
