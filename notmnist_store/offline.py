"""What `ingest` takes when no source is given: archives in ``data/``, else the offline set."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from notmnist_store.ingest_options import IngestOptions
from notmnist_store.progress import Progress
from notmnist_store.storage.marker import MARKER_NAME
from notmnist_store.storage.tables import Tables

__all__ = ["DATA_FOLDER", "DEMO_SOURCE", "default_sources"]

DATA_FOLDER = Path("data")
DEMO_SOURCE = "glyphs"
_ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
_REAL = (
    "for the real one: notmnist-store download notMNIST_small notMNIST_large, "
    "then the same command with another --store"
)


@contextmanager
def default_sources(
    sources: Sequence[str | Path], store: Path, options: IngestOptions, progress: Progress
) -> Iterator[tuple[list[Path], IngestOptions]]:
    """The sources to ingest and the options for them; what is made for it is gone afterwards."""
    if sources:
        yield [Path(source) for source in sources], options
        return
    archives = sorted(
        path
        for path in (DATA_FOLDER.iterdir() if DATA_FOLDER.is_dir() else ())
        if path.name.lower().endswith(_ARCHIVES) and not path.name.startswith(".")
    )
    if archives and not options.demo:
        progress.note(f"no source given: taking {', '.join(str(path) for path in archives)}")
        yield archives, options
        return
    chosen = replace(options, demo=True)
    progress.note(f"no source given and no archive in data/: taking the offline set; {_REAL}")
    with tempfile.TemporaryDirectory(prefix="notmnist_store-") as folder:
        archive = Path(folder) / f"{DEMO_SOURCE}.tar.gz"
        _refuse_real_store(store)
        from notmnist_store.glyphs import glyphs

        progress.stage("drawing the offline set", 0, "images")
        try:
            glyphs(archive, progress=lambda done, total: progress.advance(done))
        finally:
            progress.end()
        yield [archive], chosen


def _refuse_real_store(store: Path) -> None:
    """Say that the demo does not go into a real store before drawing it for seconds."""
    from notmnist_store.ingest import check_demo

    if (store / MARKER_NAME).exists():
        check_demo(Tables.open(store), None, demo=True)
