"""The command report."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store

_PAGE = "report.html"


def add_report(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    report = command(
        "report",
        _report,
        "write one page on the data: is it ready to train on, and what is in the way",
        "notmnist-store report --split-set my_split -o my_split.html",
        common_rows=False,
    )
    add = report.add_argument
    add("--split-set", default="ingest", metavar="SET", help="the split set (default: ingest)")
    add("--paper", action="store_true", help="instead: the data section of a paper, in LaTeX")
    add(
        "-o",
        "--output",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help=f"the file to write (default: {_PAGE}; a paper's text goes to stdout)",
    )


def _report(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    given = getattr(options, "output", None)
    output = given or (None if options.paper else _PAGE)
    made = store.report(output, split_set=options.split_set, paper=options.paper)
    if output is None:
        terminal.write(made.content)
        return 0
    terminal.note(f"wrote {output}: {len(made.content):,} bytes")
    if made.against:
        terminal.note(f"not ready to train on: {', '.join(made.against)}; to go on:")
        terminal.suggest(f"notmnist-store audit --split-set {options.split_set}")
    elif made.against is not None:
        terminal.note("ready to train on")
    return 0
