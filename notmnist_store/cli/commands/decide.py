"""The command decide."""

from __future__ import annotations

import argparse
import shlex
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store

_NO_CHANGE = "no change"
_OPTIONS = ("sql", "action", "value", "note", "by")


def add_decide(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    decide = command(
        "decide",
        _decide,
        "drop or relabel pictures, or say that they are fine or no duplicates; --yes does it",
        "notmnist-store decide decisions.csv --yes",
    )
    add = decide.add_argument
    add(
        "file",
        nargs="?",
        metavar="FILE.csv",
        help="columns image_id or pixel_hash, action, value, note; - is stdin",
    )
    add("--sql", metavar="SELECT", help="instead: a SELECT with such columns")
    add(
        "--action",
        metavar="ACTION",
        help="where a row has none: drop, relabel, not_duplicate or keep",
    )
    add("--value", metavar="VALUE", help="where a row has none: a label, or the other picture")
    add("--note", metavar="TEXT", help="where a row has none: why")
    add("--by", metavar="NAME", help="who decides (default: your login name)")
    add("--yes", action="store_true", help="do it; without, only say what it would do")


def _decide(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    given = {name: getattr(options, name) for name in _OPTIONS}
    result = store.decide(options.file, yes=options.yes, **given)
    terminal.show(result, options.format, options.output, "notmnist-store decide --help")
    effects = Counter(result.arrow()["effect"].to_pylist())
    changes = sum(effects.values()) - effects[_NO_CHANGE]
    counted = ", ".join(f"{effect} {n:,}" for effect, n in sorted(effects.items()))
    if not changes:
        terminal.note(f"nothing to do: {counted or 'no decisions'}")
    elif options.yes:
        terminal.note(f"decided: {counted}; to take that back:")
        terminal.suggest("notmnist-store undo")
    else:
        terminal.note(f"nothing was decided yet ({counted}); to do it:")
        words = [] if options.file is None else [options.file]
        for name, text in given.items():
            words += [] if text is None else [f"--{name}", text]
        terminal.suggest(f"notmnist-store decide {shlex.join(words)} --yes")
    return 0
