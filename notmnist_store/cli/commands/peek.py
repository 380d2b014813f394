"""The command peek."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store


def add_peek(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    peek = command(
        "peek",
        _peek,
        "look at images: a sheet with -o, else in the terminal",
        "notmnist-store peek --label I -o i.png",
        common_rows=False,
    )
    add = peek.add_argument
    add("images", nargs="*", type=int, metavar="IMAGE", help="image ids; one alone: all of it")
    add("--pairs", action="store_true", help="near copies side by side, over all distances")
    add("--label", help="only images of this label")
    add("--sql", metavar="SELECT", help="a SELECT with a column image_id (--pairs: and twin_id)")
    add("--audit", metavar="NAME", help="what an audit finds")
    add("--split-set", default="ingest", metavar="SET", help="for --audit and splits (ingest)")
    add("--radius", metavar="R", help="how far near copies may be (--audit: 1.0)")
    add("--sql-dir", metavar="DIR", help="a folder of your own audits")
    add("-n", type=int, default=40, help="how many (default: 40)")
    add("--seed", type=int, default=0, help="of the sample (default: 0)")
    add(
        "-o",
        "--output",
        metavar="SHEET.png",
        default=argparse.SUPPRESS,
        help="write a contact sheet",
    )


def _peek(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    result = store.peek(
        *options.images,
        pairs=options.pairs,
        label=options.label,
        sql=options.sql,
        audit=options.audit,
        split_set=options.split_set,
        radius=options.radius,
        sql_dir=options.sql_dir,
        n=options.n,
        seed=options.seed,
        output=options.output,
    )
    if not len(result):
        terminal.note("no pairs" if options.pairs else "no images")
        terminal.suggest("notmnist-store peek")
        return 0
    if options.pairs or len(options.images) == 1:
        terminal.show(result, None, None, "notmnist-store peek")
    if options.output:
        what = "images" if len(options.images) != 1 else "rows"
        terminal.note(f"{len(result)} {'pairs' if options.pairs else what} on {options.output}")
        return 0
    sheet = store.terminal_sheet(
        result,
        width=shutil.get_terminal_size().columns,
        colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"),
    )
    terminal.write(sheet.encode())
    return 0
