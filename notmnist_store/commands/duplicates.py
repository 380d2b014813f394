"""The command near-duplicates."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notmnist_store.store import Store
    from notmnist_store.terminal import Terminal

__all__ = ["add_near_duplicates"]


def add_near_duplicates(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    near = command(
        "near-duplicates",
        _near_duplicates,
        "find all pairs of pictures within a radius of each other",
        "notmnist-store near-duplicates --radius 2.0",
    )
    add = near.add_argument
    add("--radius", metavar="R", help="distance, pixels scaled to [0, 1] (2.0 at 28x28x1)")
    add("--group-radius", metavar="R", help="radius of the groups of near copies (1.0)")
    add("--limit", type=int, metavar="N", help="stop where there are more pairs (100 million)")
    add("--chunk-pairs", type=int, metavar="N", help="pairs held at once by each task (262144)")
    add("--workers", type=int, metavar="N", help="threads (default: one a core)")
    add("--components", action="store_true", help="how far chains of known pairs go; no search")


def _near_duplicates(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    if options.components:
        result = store.near_components(radius=options.radius)
        terminal.show(result, options.format, options.output, "notmnist-store near-duplicates")
        return 0
    result = store.near_duplicates(
        radius=options.radius,
        group_radius=options.group_radius,
        limit=options.limit,
        chunk_pairs=options.chunk_pairs,
        workers=options.workers,
    )
    terminal.show(result, options.format, options.output, "notmnist-store near-duplicates")
    terminal.note("next:")
    for line in (
        "notmnist-store sql near_overlap_matrix",
        "notmnist-store audit split_leak_near",
        "notmnist-store sql near_groups",
    ):
        terminal.note(f"  {terminal.command(line)}")
    return 0
