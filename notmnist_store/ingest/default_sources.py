"""What `ingest` takes when no source is given: archives in ``data/``, else the offline set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from notmnist_store.ingest.options import IngestOptions
from notmnist_store.location.location import Location
from notmnist_store.progress import Progress
from notmnist_store.sources.base import ARCHIVE_SUFFIXES
from notmnist_store.sources.limits import Limits
from notmnist_store.storage.marker import MARKER_NAME
from notmnist_store.storage.tables import Tables, withdrawn_runs
from notmnist_store.storage.temporary_folder import TemporaryFolder

DATA_FOLDER = Path("data")
DEMO_SOURCE = "glyphs"
_REAL = (
    "for the real one: notmnist-store download notMNIST_small notMNIST_large, "
    "then the same command with another --store"
)


class Chosen(NamedTuple):
    """Sources to ingest with these options, or the runs that hold them already."""

    sources: Sequence[Location]
    options: IngestOptions
    runs: list[str]


@contextmanager
def default_sources(
    sources: Sequence[Location], store: Location, options: IngestOptions, progress: Progress
) -> Iterator[Chosen]:
    """The sources to ingest and the options for them; what is made for it is gone afterwards."""
    if sources:
        yield Chosen(list(sources), options, [])
        return
    archives = sorted(
        path
        for path in (DATA_FOLDER.iterdir() if DATA_FOLDER.is_dir() else ())
        if path.name.lower().endswith(ARCHIVE_SUFFIXES) and not path.name.startswith(".")
    )
    if archives and not options.demo:
        progress.note(f"no source given: taking {', '.join(str(path) for path in archives)}")
        yield Chosen(archives, options, [])
        return
    chosen = replace(options, demo=True)
    progress.note(f"no source given and no archive in data/: taking the offline set; {_REAL}")
    earlier = _earlier_run(store, chosen)
    if earlier is not None:
        progress.note(f"{DEMO_SOURCE} is in the store already (run {earlier})")
        yield Chosen([], chosen, [earlier])
        return
    with TemporaryFolder() as folder:
        archive = folder / f"{DEMO_SOURCE}.tar.gz"
        _refuse_real_store(store)
        from notmnist_store.drawing.glyphs import glyphs

        glyphs(archive, progress=progress)
        yield Chosen([archive], chosen, [])


def _earlier_run(store: Location, options: IngestOptions) -> str | None:
    """The run that holds the offline set, where nothing but that set is asked for.

    Options that decide about rows are left to ingest, which says whether the store can meet them.
    """
    plain = replace(options, workers=None, limits=Limits())
    if plain != IngestOptions(demo=True) or not (store / MARKER_NAME).exists():
        return None
    tables = Tables.open(store)
    runs = tables.runs()
    gone = withdrawn_runs(runs)
    held = [
        str(run["run_id"])
        for run in runs.select(["run_id", "source"]).to_pylist()
        if run["source"] == DEMO_SOURCE and run["run_id"] not in gone
    ]
    return held[0] if held and tables.marker.demo else None


def _refuse_real_store(store: Location) -> None:
    """Say that the demo does not go into a real store before drawing it for seconds."""
    from notmnist_store.ingest.ingest import check_demo

    if (store / MARKER_NAME).exists():
        check_demo(Tables.open(store), None, demo=True)
