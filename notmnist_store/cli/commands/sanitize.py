"""The command sanitize."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store


def add_sanitize(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    sanitize = command(
        "sanitize",
        _sanitize,
        "make a split set without copies or near copies across splits; says what would go, "
        "and with --yes makes it",
        "notmnist-store sanitize my_clean_set --from my_split --radius 1.0",
    )
    add = sanitize.add_argument
    add("name", metavar="NEW", help="the new split set: a-z, 0-9 and _")
    add("--from", dest="base", required=True, metavar="SET", help="the split set it is made of")
    add(
        "--keep",
        default="train,valid,test",
        metavar="A,B,C",
        help="of two that collide, the one in the split named first stays (train,valid,test)",
    )
    add("--radius", metavar="R", help="of near copies; 0: equal pixels alone (1.0 at 28x28x1)")
    add(
        "--policy",
        default="keep",
        metavar="P",
        help="keep: as --keep says; minimal: fewest images go from the first two of it",
    )
    add(
        "--conflicts",
        default="keep",
        metavar="C",
        help="near copies under several labels: keep, drop, or majority, which keeps most",
    )
    add("--refill", action="store_true", help="top up from unused, without new leaks")
    add("--seed", type=int, default=0, help="of what --refill draws (default: 0)")
    add("--yes", action="store_true", help="make it; without, only say what would go")
    add("--replace", action="store_true", help="make the next version with other arguments")


def _sanitize(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    from notmnist_store.schema.radius import Radius
    from notmnist_store.splits.sanitize_options import SanitizeOptions

    result = store.sanitize(
        options.name,
        base=options.base,
        keep=options.keep,
        radius=options.radius,
        policy=options.policy,
        conflicts=options.conflicts,
        refill=options.refill,
        seed=options.seed,
        yes=options.yes,
        replace=options.replace,
    )
    terminal.show(result, options.format, options.output, "notmnist-store split --list")
    if options.yes:
        terminal.note(f"{store.split_line(options.name)}; check it:")
        terminal.suggest(f"notmnist-store audit --split-set {options.name}")
        return 0
    asked = SanitizeOptions.of(
        options.base,
        options.keep,
        Radius.read(options.radius),
        policy=options.policy,
        conflicts=options.conflicts,
        refill=options.refill,
        seed=options.seed,
    )
    flags = ["--replace", "--yes"] if options.replace else ["--yes"]
    terminal.note("nothing was made; to make it:")
    terminal.suggest(asked.command(options.name, *flags))
    return 0
