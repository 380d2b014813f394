"""The command export."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from notmnist_store.schema.words import EXPORT_FORMATS

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store


def add_export(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    export = command(
        "export",
        _export,
        "write a split set to a folder that other programs read",
        "notmnist-store export ingest exported --as npz",
    )
    add = export.add_argument
    add("split_set", metavar="SPLITSET", help="ingest, or one that split made; NAME_v1 for an old")
    add("out", metavar="OUT", help="the folder to make")
    add("--as", dest="form", required=True, metavar="FORMAT", help=", ".join(EXPORT_FORMATS))
    add("--splits", metavar="S,...", help="only these (default: train, valid and test)")
    add("--without-labels", action="store_true", help="put the labels into a file of their own")
    add("--key-file", metavar="FILE", help="the partners' key, for --as hashes")
    add("--force", action="store_true", help="replace an export that is there already")


def _export(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    result = store.export(
        options.split_set,
        options.out,
        form=options.form,
        splits=options.splits,
        with_labels=not options.without_labels,
        key_file=options.key_file,
        force=options.force,
    )
    first = result.rows()[0]
    terminal.note(
        f"split set {first['split_set']} version {first['version']}, digest {first['digest']}"
    )
    terminal.show(result, options.format, options.output, "notmnist-store split --list")
    terminal.note("check the files; README.md says how to open them:")
    terminal.note(f"  cd {shlex.quote(options.out)} && sha256sum -c SHA256SUMS")
    return 0
