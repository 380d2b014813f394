"""The offline set: letters A to J of real open fonts, made the way notMNIST was made.

Each letter is drawn in white on black, cropped to its ink, and scaled to 28x28 without keeping its
proportions (which is why a plain I is a solid white square), as an 8-bit grey PNG. The archive has
notMNIST's layout and names: `<stem>/A/<base64 of the font's file name>.png`.

It may be cut by position into several archives, whose members one after the other are those of one.
Nothing depends on the number of processes: the pixels are the same for the same fonts and Pillow
(with its FreeType), the archives too for the same zlib.
"""

from __future__ import annotations

import gzip
import os
import shlex
import tarfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from notmnist_store.drawing.fonts import LETTERS, MAX_DRAWINGS, Plan, font_plan
from notmnist_store.drawing.letters import LettersJob, Stretch, draw_stretches, tar_header
from notmnist_store.errors import UsageError
from notmnist_store.location.location import local_path
from notmnist_store.machine import available_cores
from notmnist_store.progress import Progress
from notmnist_store.storage.filesystem import file_sha256, replacing
from notmnist_store.workers.process import Worker

MAX_IMAGES = MAX_DRAWINGS * len(LETTERS)
MAX_SHARDS = 99_999

_IN_PROCESS_IMAGES = 4_096
# Beyond this the one process that compresses is what takes the time.
_MOST_WORKERS = 8


def glyphs(
    out: str | Path,
    *,
    images: int = 10_000,
    shards: int = 1,
    workers: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> pa.Table:
    """Write a notMNIST-like tar.gz of `images` letters A to J to `out`.

    Class sizes differ by at most one. The first thousand images of a class are fonts as published,
    later ones their variations (see `drawing.fonts`). `workers` processes draw (default:
    one a core, at most 8) without influence on a single byte. With several `shards` so many
    archives are written in its place, see `shard_paths`. They are written beside their places and
    moved there when all are whole.

    Returns one row an archive: path, images, families (of the whole set), bytes, sha256, seconds.
    """
    target = local_path(out, "the archive")
    again = f"notmnist-store glyphs {shlex.quote(str(target))}"
    stem = _archive_stem(target.name)
    if not 10 <= images <= MAX_IMAGES:
        raise UsageError(
            f"{images:,} images: it takes 10 to {MAX_IMAGES:,}",
            f"{again} --images 10000",
        )
    if not 1 <= shards <= min(images, MAX_SHARDS):
        raise UsageError(
            f"{shards:,} shards of {images:,} images: it takes 1 to {min(images, MAX_SHARDS):,}",
            f"{again} --images {images} --shards 8",
        )
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers: it takes at least 1", f"{again} --workers 1")
    paths = shard_paths(target, shards)
    there = next((path for path in paths if path.exists()), None)
    if there is not None and not force:
        raise UsageError(f"{there} exists already", f"{again} --force")
    plan, shown = font_plan(), progress or Progress()
    families = plan.families(-(-images // len(LETTERS)))
    bounds = [images * n // shards for n in range(shards + 1)]
    if workers is None:
        workers = min(available_cores(), _MOST_WORKERS) if images > _IN_PROCESS_IMAGES else 1
    rows = []
    with (
        shown.during("drawing", images, "images"),
        closing(_stretches(plan, stem, bounds, workers)) as stretches,
        ExitStack() as whole,
    ):
        for path, start, stop in zip(paths, bounds, bounds[1:], strict=False):
            started = time.perf_counter()
            part = whole.enter_context(replacing(path))
            with part.open("xb") as file:
                _write_archive(file, stretches, stem, start, stop, shown)
                size = file.tell()
                file.flush()
                os.fsync(file.fileno())
            row = {
                "path": str(path),
                "images": stop - start,
                "families": families,
                "bytes": size,
                "sha256": file_sha256(part),
                "seconds": time.perf_counter() - started,
            }
            rows.append(row)
    return pa.Table.from_pylist(rows)


def shard_paths(target: Path, shards: int) -> list[Path]:
    """The archives that stand for `target`: itself, or `a-00000-of-00008.tar.gz` for a.tar.gz."""
    if shards == 1:
        return [target]
    stem = _archive_stem(target.name)
    ending = target.name.removeprefix(stem)
    return [
        target.with_name(f"{stem}-{number:05d}-of-{shards:05d}{ending}") for number in range(shards)
    ]


def _archive_stem(name: str) -> str:
    for ending in (".tar.gz", ".tgz"):
        if name.endswith(ending) and len(name) > len(ending):
            return name.removesuffix(ending)
    raise UsageError(f"{name!r} does not end in .tar.gz", "notmnist-store glyphs glyphs.tar.gz")


def _write_archive(
    file: BinaryIO,
    stretches: Iterator[Stretch],
    stem: str,
    start: int,
    stop: int,
    progress: Progress,
) -> None:
    """Write a whole archive of the images at places [start, stop), which come next."""
    done, folder = start, ""
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as tar:
        tar.write(tar_header(stem, None))
        while done < stop:
            stretch = next(stretches)
            if stretch.letter != folder:
                folder = stretch.letter
                tar.write(tar_header(f"{stem}/{folder}", None))
            tar.write(stretch.members)
            done += stretch.images
            progress.advance(done)
        tar.write(bytes(2 * tarfile.BLOCKSIZE))


def _stretches(plan: Plan, stem: str, bounds: Sequence[int], workers: int) -> Generator[Stretch]:
    """The stretches of all archives in order, drawn here or by `workers` processes in turn."""
    if workers == 1:
        yield from draw_stretches(plan, stem, bounds)
        return
    team = [Worker("notmnist_store.drawing.letters", "glyphs") for _ in range(workers)]
    try:
        for first, worker in enumerate(team):
            worker.send(LettersJob(stem, tuple(bounds), first, workers))
        while True:
            for worker in team:
                stretch = worker.answer(Stretch)
                if stretch is None:
                    return
                yield stretch
    finally:
        for worker in team:
            worker.leave(at_once=True)
