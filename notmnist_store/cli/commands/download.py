"""The command download."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal
    from notmnist_store.store import Store


def add_download(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the program."""
    download = command(
        "download",
        _download,
        "fetch the published archives, checked by size and sha256; resumes what was cut",
        "notmnist-store download notMNIST_small notMNIST_large",
    )
    add = download.add_argument
    add("names", nargs="*", metavar="NAME", help="notMNIST_small, notMNIST_large")
    add("--to", default="data", metavar="DIR", help="the folder for them (default: data)")
    add(
        "--mirror",
        action="append",
        default=[],
        metavar="URL",
        help="a folder on the web that has them, asked first; may be given again",
    )
    add("--force", action="store_true", help="replace a file of other content")


def _download(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    result = store.download(
        *options.names,
        to=options.to,
        mirrors=options.mirror,
        force=options.force,
        progress=terminal,
    )
    terminal.show(result, options.format, options.output, "notmnist-store download --help")
    paths = shlex.join(row["path"] for row in result.rows())
    terminal.note(f"next:\n  {terminal.command(f'notmnist-store ingest {paths}')}")
    return 0
