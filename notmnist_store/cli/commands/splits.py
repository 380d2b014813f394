"""The command split."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from notmnist_store.errors import UsageError

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store


def add_split(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    split = command(
        "split",
        _split,
        "make a split set: images assigned to train, valid, test or unused",
        "notmnist-store split my_split --train 0.8 --valid 0.1 --test 0.1",
    )
    add = split.add_argument
    add("name", nargs="?", metavar="NAME", help="the new split set: a-z, 0-9 and _")
    add("--recipe", default="stratified", help="stratified (default), hash or notebook")
    for name in ("train", "valid", "test"):
        add(f"--{name}", metavar="N", help="a count of the whole split, or a fraction")
    add("--seed", type=int, default=0, help="of all random draws (default: 0)")
    add("--where", metavar="SQL", help="only images that meet this condition on view image")
    add(
        "--group-by", default="pixels", metavar="COLUMN", help="kept whole: pixels, near, family, …"
    )
    add("--radius", metavar="R", help="of near copies, with --group-by near (default: 1.0)")
    add("--keep-ratio", action="store_true", help="classes by their share, not equal")
    add("--distinct", action="store_true", help="one image of each group of equal pixels")
    add("--train-source", metavar="SOURCE", help="recipe notebook: of train and valid")
    add("--test-source", metavar="SOURCE", help="recipe notebook: of test")
    add("--order", default="name", help="recipe notebook: name (default) or name-nocase")
    add("--dry-run", action="store_true", help="say what it would be, and make nothing")
    add("--replace", action="store_true", help="make the next version with other arguments")
    add("--extend", action="store_true", help="place images that came since; no row moves")
    add("--list", action="store_true", help="list the split sets")
    add("--show", metavar="NAME", help="images of a split set by split and label")
    add("--diff", nargs=2, metavar=("A", "B"), help="images that moved between two split sets")


def _split(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    chosen = [options.list, options.show is not None, options.diff is not None]
    if sum(chosen) + (options.name is not None) != 1:
        raise UsageError(
            "give one of a NAME to make, --list, --show or --diff", "notmnist-store split --list"
        )
    if options.list:
        result = store.split()
        terminal.show(result, options.format, options.output, "notmnist-store split my_split")
        return 0
    if options.show is not None:
        result = store.split_counts(options.show)
        terminal.note(store.split_line(options.show))
        terminal.show(result, options.format, options.output, "notmnist-store split --list")
        return 0
    if options.diff is not None:
        result = store.split_diff(*options.diff)
        for name in options.diff:
            terminal.note(store.split_line(name))
        terminal.show(result, options.format, options.output, "notmnist-store split --list")
        return 0
    result = store.split(
        options.name,
        recipe=options.recipe,
        train=options.train,
        valid=options.valid,
        test=options.test,
        seed=options.seed,
        where=options.where,
        group_by=options.group_by,
        radius=options.radius,
        keep_ratio=options.keep_ratio,
        distinct=options.distinct,
        train_source=options.train_source,
        test_source=options.test_source,
        order=options.order,
        dry_run=options.dry_run,
        replace=options.replace,
        extend=options.extend,
    )
    if not options.dry_run:
        terminal.note(store.split_line(options.name))
    terminal.show(result, options.format, options.output, "notmnist-store split --list")
    if options.dry_run:
        terminal.note("nothing was made; without --dry-run it is")
    else:
        terminal.note(f"  in SQL: select * from {options.name}.train")
    return 0
