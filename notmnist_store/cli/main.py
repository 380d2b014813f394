"""The command line: parse, call one method, show one table."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from notmnist_store.cli.commands.audit import add_audit
from notmnist_store.cli.commands.baseline import add_baseline, add_suspects
from notmnist_store.cli.commands.decide import add_decide
from notmnist_store.cli.commands.download import add_download
from notmnist_store.cli.commands.duplicates import add_near_duplicates
from notmnist_store.cli.commands.export import add_export
from notmnist_store.cli.commands.ingest import add_glyphs, add_ingest
from notmnist_store.cli.commands.peek import add_peek
from notmnist_store.cli.commands.queries import add_info, add_sql, show_info
from notmnist_store.cli.commands.report import add_report
from notmnist_store.cli.commands.sanitize import add_sanitize
from notmnist_store.cli.commands.splits import add_split
from notmnist_store.cli.commands.upkeep import add_upkeep
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.schema.words import RESULT_FORMATS

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store

_DEFAULT_STORE = "store"


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line like every other error: what is wrong, and what works."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"{self.prog} --help")


class _NoPandas:
    """Keeps pandas out: pyarrow imports it where it is installed, for 0.7 s, for nothing here."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("the command line works without pandas", name=name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 fine, 1 an audit that must pass does not,
    2 usage, 3 a StoreError, 130 Ctrl-C.
    """
    if arguments is None:
        sys.meta_path.insert(0, _NoPandas)
    from notmnist_store.cli.terminal import Terminal

    terminal = Terminal(quiet=False, store=None)
    try:
        options = _parser().parse_args(arguments)
        terminal = Terminal(quiet=options.quiet, store=options.store)
        from notmnist_store.store import Store

        path = options.store or os.environ.get("NOTMNIST_STORE") or _DEFAULT_STORE
        run: Callable[[Store, argparse.Namespace, Terminal], int] = options.handler
        return run(Store(path, progress=terminal), options, terminal)
    except UsageError as error:
        terminal.error(error)
        return 2
    except StoreError as error:
        terminal.error(error)
        return 3
    except KeyboardInterrupt:
        terminal.end()
        terminal.note("stopped; what was not finished has left nothing in the store")
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> _Parser:
    parser = _Parser(
        prog="notmnist-store",
        description="Small-image sets as a columnar store that one queries with DuckDB.",
        parents=_shared_options(None),
    )
    parser.set_defaults(handler=show_info, quiet=False)
    # What is given before the command holds unless it is given again after it.
    common, rows = _shared_options(argparse.SUPPRESS)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)

    def command(
        name: str,
        handler: Callable[..., int],
        summary: str,
        example: str,
        *,
        common_rows: bool = True,
    ) -> _Parser:
        added: _Parser = commands.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=f"example: {example}",
            parents=[common, rows] if common_rows else [common],
        )
        added.set_defaults(handler=handler)
        return added

    add_ingest(command)
    add_info(command)
    add_sql(command)
    add_peek(command)
    add_audit(command)
    add_split(command)
    add_near_duplicates(command)
    add_sanitize(command)
    add_decide(command)
    add_export(command)
    add_baseline(command)
    add_suspects(command)
    add_report(command)
    add_download(command)
    add_upkeep(command)
    add_glyphs(command)
    return parser


def _shared_options(default: str | None) -> list[_Parser]:
    common = _Parser(add_help=False, argument_default=default)
    common.add_argument("--store", metavar="PATH", help="the store's folder (default: store)")
    common.add_argument("--quiet", action="store_true", help="no progress and no notes")
    rows = _Parser(add_help=False, argument_default=default)
    rows.add_argument(
        "--format", choices=RESULT_FORMATS, help="how rows are written (default: table)"
    )
    rows.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of stdout")
    return [common, rows]
