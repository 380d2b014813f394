"""The commands info and sql."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from notmnist_store.errors import UsageError

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store


def add_info(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    command(
        "info",
        show_info,
        "what the store holds, and what to do next",
        "notmnist-store info",
    )


def add_sql(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    sql = command(
        "sql",
        _sql,
        "run a SELECT, or a report by its name",
        'notmnist-store sql "select label, count(*) as images from image group by label"',
    )
    sql.add_argument("query", nargs="?", help="one SELECT, or the name of a report")
    sql.add_argument("--list", action="store_true", help="list the reports with their titles")
    sql.add_argument(
        "--param", action="append", default=[], metavar="K=V", help="a value for $K in the query"
    )
    sql.add_argument("--sql-dir", metavar="DIR", help="a folder of your own reports")
    sql.add_argument(
        "--timeout", type=float, default=600.0, metavar="S", help="stop after S seconds (600)"
    )


def say_next_steps(store: Store, terminal: Terminal) -> None:
    """Notes with the commands that show what a store holds."""
    for line in (
        "notmnist-store peek",
        "notmnist-store sql label_counts",
        "notmnist-store sql --list",
    ):
        terminal.note(f"  {terminal.command(line)}")
    terminal.note(f"  cd {shlex.quote(str(store.path))} && duckdb -init views.sql")


def show_info(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    """What the store holds, and what to do next."""
    result = store.info()
    terminal.show(result, options.format, options.output, "notmnist-store ingest")
    terminal.note("next:")
    say_next_steps(store, terminal)
    return 0


def _sql(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    if options.list and options.query:
        raise UsageError("--list goes without a query", "notmnist-store sql --list")
    if not options.list and not options.query:
        raise UsageError("a SELECT or the name of a report is wanted", "notmnist-store sql --list")
    params = {}
    for pair in options.param:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--param takes NAME=VALUE, not {pair!r}", "notmnist-store sql --list")
        params[name] = value
    result = store.sql(
        options.query, params=params, sql_dir=options.sql_dir, timeout=options.timeout
    )
    terminal.show(result, options.format, options.output, "notmnist-store info")
    return 0
