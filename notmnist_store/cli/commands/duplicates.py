"""The command near-duplicates."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from notmnist_store.errors import UsageError

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store


def add_near_duplicates(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    near = command(
        "near-duplicates",
        _near_duplicates,
        "find all pairs of pictures within a radius of each other",
        "notmnist-store near-duplicates --radius 2.0",
    )
    add = near.add_argument
    add("source", nargs="?", help="with --against: a source that stays outside of the store")
    add("--radius", metavar="R", help="distance, pixels scaled to [0, 1] (2.0 at 28x28x1)")
    add("--group-radius", metavar="R", help="radius of the groups of near copies (1.0)")
    add("--limit", type=int, metavar="N", help="stop where there are more pairs (100 million)")
    add("--chunk-pairs", type=int, metavar="N", help="pairs held at once by each task (262144)")
    add("--workers", type=int, metavar="N", help="threads (default: one a core)")
    add(
        "--certify",
        action="store_true",
        help="do not search: check the pairs there are by an independent method",
    )
    add("--split-set", metavar="NAME", help="with --certify: all its evaluation images, in full")
    add("--sample", type=int, metavar="N", help="with --certify: so many random pictures (1000)")
    add("--seed", type=int, metavar="N", help="with --certify: what the sample is drawn by (0)")
    add(
        "--against",
        metavar="SPLITSET",
        help="do not search: find the images of SOURCE that are near copies of the split set's",
    )
    add("--to-grey", action="store_true", default=None, help="with --against: as for ingest")
    add("--labels", metavar="A,B,C", help="with --against: as for ingest")
    add("--transpose", action="store_true", default=None, help="with --against: as for ingest")
    add("--components", action="store_true", help="how far chains of known pairs go; no search")


_SEARCH = ("radius", "group_radius", "limit", "chunk_pairs", "workers")
_CERTIFY = ("split_set", "sample", "seed")
_READ = ("to_grey", "labels", "transpose")


def _near_duplicates(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    if options.against is not None:
        return _against(store, options, terminal)
    if options.source is not None:
        raise UsageError(
            "a source is compared with a split set",
            f"notmnist-store near-duplicates --against ingest {shlex.quote(options.source)}",
        )
    _refuse(options, _READ, "goes with --against", "--against ingest other.tar.gz")
    if options.certify:
        return _certify(store, options, terminal)
    _refuse(options, _CERTIFY, "goes with --certify", "--certify")
    if options.components:
        result = store.near_components(radius=options.radius)
        terminal.show(result, options.format, options.output, "notmnist-store near-duplicates")
        return 0
    result = store.near_duplicates(**{name: getattr(options, name) for name in _SEARCH})
    terminal.show(result, options.format, options.output, "notmnist-store near-duplicates")
    terminal.note("next:")
    for line in (
        "notmnist-store sql near_overlap_matrix",
        "notmnist-store audit split_leak_near",
        "notmnist-store sql near_groups",
    ):
        terminal.note(f"  {terminal.command(line)}")
    return 0


def _certify(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    _refuse(options, _SEARCH, "is of the search, and does not go with --certify", "--certify")
    result = store.certify(options.split_set, sample=options.sample, seed=options.seed or 0)
    terminal.show(result, options.format, options.output, "notmnist-store near-duplicates")
    return 0


def _against(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    set_name = shlex.quote(options.against)
    example = f"--against {set_name} {shlex.quote(options.source or 'other.tar.gz')}"
    if options.source is None:
        raise UsageError(
            "--against needs a source to compare with the split set",
            f"notmnist-store near-duplicates {example}",
        )
    others = (*_SEARCH[1:-1], *_CERTIFY)
    _refuse(options, others, "does not go with --against", example)
    if options.certify:
        raise UsageError(
            "--certify does not go with --against", f"notmnist-store near-duplicates {example}"
        )
    result = store.near_duplicates_against(
        options.against,
        options.source,
        radius=options.radius,
        to_grey=bool(options.to_grey),
        labels=options.labels,
        transpose=bool(options.transpose),
        workers=options.workers,
    )
    terminal.show(result, options.format, options.output, f"notmnist-store split --show {set_name}")
    return 0


def _refuse(options: argparse.Namespace, names: tuple[str, ...], why: str, example: str) -> None:
    """UsageError for an option that was given where it has no meaning."""
    for name in names:
        if getattr(options, name) is not None:
            option = "--" + name.replace("_", "-")
            raise UsageError(f"{option} {why}", f"notmnist-store near-duplicates {example}")
