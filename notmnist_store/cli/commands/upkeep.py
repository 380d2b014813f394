"""The commands verify, undo and gc."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from notmnist_store.errors import StoreError

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store


def add_upkeep(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to the program."""
    verify = command(
        "verify",
        _verify,
        "check that all the logs promise is there and whole",
        "notmnist-store verify --full",
    )
    verify.add_argument("--full", action="store_true", help="hash the pixels again")
    undo = command(
        "undo",
        _undo,
        "withdraw a run; nothing is deleted, and undoing the undo restores it",
        "notmnist-store undo",
    )
    undo.add_argument("run", nargs="?", metavar="RUN", help="a run's id (default: the newest)")
    gc = command(
        "gc",
        _gc,
        "list files that killed runs left behind; --yes removes them",
        "notmnist-store gc --older-than 24 --yes",
    )
    gc.add_argument("--older-than", type=float, default=24.0, metavar="HOURS", help="(default: 24)")
    gc.add_argument("--yes", action="store_true", help="remove them")


def _verify(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    result = store.verify(full=options.full)
    terminal.show(result, options.format, options.output, "notmnist-store info")
    damaged = [row for row in result.rows() if row["status"] == "damaged"]
    if damaged:
        raise StoreError(
            f"{len(damaged)} checks failed; the sources of a damaged store can be ingested into a "
            "new one",
            "notmnist-store verify --format json",
        )
    return 0


def _undo(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    result = store.undo(options.run)
    terminal.show(result, options.format, options.output, "notmnist-store info")
    row = result.rows()[0]
    done = f"withdrew {row['withdraws']}" if row["withdraws"] else f"restored {row['restores']}"
    terminal.note(f"{done}; to take that back:")
    terminal.suggest(f"notmnist-store undo {row['run_id']}")
    return 0


def _gc(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    result = store.gc(older_than=options.older_than, yes=options.yes)
    terminal.show(result, options.format, options.output, "notmnist-store sql storage")
    if len(result) and not options.yes:
        terminal.note("nothing was removed; to remove them:")
        terminal.suggest(f"notmnist-store gc --older-than {options.older_than:g} --yes")
    return 0
