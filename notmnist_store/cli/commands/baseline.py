"""The commands baseline and suspects."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store


def add_baseline(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    baseline = command(
        "baseline",
        _baseline,
        "train logistic regressions, and score them with and without leaks",
        "notmnist-store baseline --split-set my_split --sizes 50,100,1000,5000,all",
    )
    add = baseline.add_argument
    add("--split-set", default="ingest", metavar="SET", help="the split set (default: ingest)")
    add(
        "--sizes",
        default="50,100,1000,5000,all",
        metavar="N,N,…",
        help="training images, or all (default: 50,100,1000,5000,all)",
    )
    add("--seed", type=int, default=0, help="of the draws and the bootstrap (default: 0)")
    add("--repeats", type=int, default=5, metavar="N", help="draws of each size (default: 5)")
    add("--model", default="logistic", help="logistic (default) or liblinear-ovr")
    add("--radius", metavar="R", help="up to which distance a copy is near (default: 1.0)")
    add("--versus", metavar="SET", help="score the same models on this split set, too")


def _baseline(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    result = store.baseline(
        options.split_set,
        sizes=options.sizes,
        seed=options.seed,
        repeats=options.repeats,
        model=options.model,
        radius=options.radius,
        versus=options.versus,
    )
    terminal.show(result, options.format, options.output, "notmnist-store baseline --help")
    terminal.note("all accuracies with their intervals, and the images that are hardest:")
    given = f"--param split_set={options.split_set}"
    for report in ("scores", "hardest_images"):
        line = terminal.command(f"notmnist-store sql {report} {given}")
        terminal.note(f"  {line}")
    return 0


def add_suspects(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    suspects = command(
        "suspects",
        _suspects,
        "find labels that are likely wrong, and images unlike all others",
        "notmnist-store suspects --format csv -o suspects.csv",
    )
    add = suspects.add_argument
    add("--split-set", default="ingest", metavar="SET", help="the split set (default: ingest)")
    add("--folds", type=int, default=5, metavar="N", help="of the cross-validation (default: 5)")
    add("--seed", type=int, default=0, help="of the folds and draws (default: 0)")


def _suspects(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    result = store.suspects(options.split_set, folds=options.folds, seed=options.seed)
    terminal.show(result, options.format, options.output, "notmnist-store suspects --help")
    terminal.note(f"{len(result):,} labels are suspect; look at them, and at what is no letter:")
    chosen = "select image_id, label from {} where split_set = '{}' order by {} limit 40"
    for view, order in (("suspect", "margin"), ("outlier", "squared_distance desc")):
        query = chosen.format(view, options.split_set, order)
        line = terminal.command(f'notmnist-store peek --sql "{query}" -o {view}s.png')
        terminal.note(f"  {line}")
    return 0
