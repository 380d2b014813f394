"""The command audit."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from notmnist_store.errors import UsageError

if TYPE_CHECKING:
    from notmnist_store.audits.audit import AuditResult
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store

_FAILED = 1


def add_audit(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    audit = command(
        "audit",
        _audit,
        "check the store and a split set: leaks, conflicts, balance, lost members",
        "notmnist-store audit --split-set my_split --fail-on should",
    )
    add = audit.add_argument
    add("names", nargs="*", metavar="NAME", help="audits; of one alone, the rows it finds")
    add("--split-set", default="ingest", metavar="SET", help="the split set (default: ingest)")
    add("--radius", metavar="R", help="how far apart near copies may be (default: 1.0)")
    add(
        "--fail-on",
        default="must",
        metavar="SEVERITY",
        help="exit with 1 where an audit of must (default), should, or never does not pass",
    )
    add(
        "--tolerance",
        action="append",
        default=[],
        metavar="NAME=V",
        help="share of violations to bear, from 0 to 1",
    )
    add("--sql-dir", metavar="DIR", help="a folder of your own audits, which go before ours")
    add(
        "--against",
        metavar="FILE",
        help="instead: exact copies of a partner's images, by the hashes.parquet of their export",
    )
    add("--key-file", metavar="FILE", help="the partners' key, for --against")


def _audit(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    tolerance = {}
    for pair in options.tolerance:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(
                f"--tolerance takes NAME=VALUE, not {pair!r}",
                "notmnist-store audit --tolerance image_blank=0.01",
            )
        tolerance[name] = value
    result = store.audit(
        *options.names,
        split_set=options.split_set,
        radius=options.radius,
        fail_on=options.fail_on,
        tolerance=tolerance,
        sql_dir=options.sql_dir,
        against=options.against,
        key_file=options.key_file,
    )
    if len(options.names) == 1:
        terminal.show(result, options.format, options.output, "notmnist-store audit")
    else:
        terminal.show(result, options.format, options.output, "notmnist-store audit --help")
    _say_verdicts(result, options.fail_on, terminal)
    return 0 if result.passed else _FAILED


def _say_verdicts(result: AuditResult, fail_on: str, terminal: Terminal) -> None:
    for verdict in result.verdicts:
        if verdict.overridden:
            terminal.note(f"{verdict.name} is yours: {verdict.overridden}")
        if verdict.error:
            terminal.note(verdict.error)
    stopping = [verdict for verdict in result.verdicts if verdict.stops(fail_on)]
    for verdict in stopping:
        terminal.note(f"{verdict.name}: {verdict.status}; to go on:")
        if verdict.next:
            terminal.suggest(verdict.next)
