"""The commands ingest and glyphs."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from notmnist_store.cli.commands.queries import say_next_steps

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store

_LIMITS = {
    "max_bytes": "decompressed bytes of one source",
    "max_ratio": "decompressed by compressed bytes",
    "max_header_bytes": "bytes of one member's extended tar headers",
    "max_members": "members of one source",
    "max_member_bytes": "bytes of one member; larger ones are rejected",
}


def add_ingest(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    ingest = command(
        "ingest",
        _ingest,
        "read archives or class folders into the store",
        "notmnist-store ingest notMNIST_large.tar.gz notMNIST_small.tar.gz",
    )
    add = ingest.add_argument
    add(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="an archive, a folder, or a file of images (IDX, .npz, Parquet); without one: "
        "data/*, else the offline set",
    )
    add("--as", dest="name", metavar="NAME", help="the source's name in the store")
    add("--shape", metavar="HxWxC", help="image shape of a new store (default: 28x28x1)")
    add("--fractions", metavar="T,V,T", help="shares by hash of a new store (0.8,0.1,0.1)")
    add("--split", metavar="NAME", help="put every image into train, valid, test or unused")
    add("--to-grey", action="store_true", help="turn colour into grey instead of rejecting it")
    add("--group-regex", metavar="RE", help="fill family with this regex's group in the path")
    add("--labels", metavar="A,B,...", help="names of the classes 0, 1, ... of IDX and npz sources")
    add("--transpose", action="store_true", help="swap rows and columns of IDX images, for EMNIST")
    add("--expect-classes", type=int, metavar="N", help="fail unless there are N classes")
    add("--min-per-class", type=int, metavar="N", help="fail where a class has fewer images")
    add("--max-labels", type=int, default=10_000, metavar="N", help="labels of one source")
    for name, meaning in _LIMITS.items():
        kind = float if name == "max_ratio" else int
        add(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=f"limit: {meaning}")
    add("--workers", type=int, metavar="N", help="processes (default: one a core)")


def add_glyphs(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    glyphs = command(
        "glyphs",
        _glyphs,
        "draw the offline set from open fonts, in notMNIST's layout",
        "notmnist-store glyphs glyphs.tar.gz --images 100000",
    )
    glyphs.add_argument("out", metavar="OUT.tar.gz")
    glyphs.add_argument("--images", type=int, default=10_000, help="how many (default: 10000)")
    glyphs.add_argument("--force", action="store_true", help="replace OUT where it exists")
    glyphs.add_argument("--workers", type=int, help="processes (default: one a core)")


def _ingest(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    from notmnist_store.sources.limits import Limits

    given = {name: getattr(options, name) for name in _LIMITS}
    result = store.ingest(
        *options.sources,
        shape=options.shape,
        fractions=options.fractions,
        split=options.split,
        name=options.name,
        to_grey=options.to_grey,
        group_regex=options.group_regex,
        labels=options.labels,
        transpose=options.transpose,
        expect_classes=options.expect_classes,
        min_per_class=options.min_per_class,
        max_labels=options.max_labels,
        limits=Limits(**{k: v for k, v in given.items() if v is not None}),
        workers=options.workers,
    )
    terminal.show(result, options.format, options.output, "notmnist-store info")
    rows = result.rows()
    stored, known = (sum(row[name] for row in rows) for name in ("stored", "known_pixels"))
    terminal.note(
        f"{stored:,} images of {len({row['label'] for row in rows if row['stored']})} labels; "
        f"{known:,} were there already by their pixels"
    )
    terminal.note("look at them, count them, or open them in plain DuckDB:")
    say_next_steps(store, terminal)
    return 0


def _glyphs(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    terminal.stage("drawing", options.images, "images")
    try:
        result = store.glyphs(
            options.out,
            images=options.images,
            force=options.force,
            workers=options.workers,
            progress=lambda done, total: terminal.advance(done),
        )
    finally:
        terminal.end()
    terminal.show(result, options.format, options.output, "notmnist-store glyphs --help")
    terminal.note("next:")
    terminal.note(f"  {terminal.command(f'notmnist-store ingest {shlex.quote(options.out)}')}")
    return 0
