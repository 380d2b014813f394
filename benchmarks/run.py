"""Measure the store beside the course notebook's own steps, on the same archive, in one run.

    make bench                                          # 10,000 and 100,000 images
    make bench ARGS="--images 10000,100000,529114 --write"
    make bench ARGS="--archive notMNIST_large.tar.gz"

Archives are drawn once, by `glyphs`, into build/benchmarks. Each pair of runs is
the notebook's steps, then ours; a ratio belongs to its pair, so a drift of the machine's speed
does not enter it. --write puts the results into their part of
benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import ROOT, Measured, Spread, environment, peak_memory, say, timed

sys.path.insert(0, str(ROOT))

import notmnist_store
from notmnist_store.drawing.glyphs import glyphs

HERE = Path(__file__).resolve().parent
PROGRAM = [sys.executable, "-m", "notmnist_store"]
SMALL_MEMBERS = 20
SQL_RUNS_A_PAIR = 3


def drawn(folder: Path, images: int) -> Path:
    """The archive of so many glyphs, drawn now where it is not there yet."""
    archive = folder / f"glyphs-{images}.tar.gz"
    if not archive.exists():
        say(f"drawing {images:,} images, once")
        folder.mkdir(parents=True, exist_ok=True)
        glyphs(archive, images=images)
    return archive


def ingest_command(archive: Path, store: Path) -> list[str]:
    return [*PROGRAM, "ingest", "--quiet", "--store", str(store), str(archive)]


def measure_archive(archive: Path, folder: Path, runs: int) -> Measured:
    store, extracted = folder / "store", folder / "notebook"
    ours = ingest_command(archive, store)
    theirs = [sys.executable, str(HERE / "notebook.py"), str(archive), str(extracted)]
    shutil.rmtree(store, ignore_errors=True)
    say(f"{archive.name}: memory, and a first run that is not counted")
    memory = peak_memory(ours)
    notebook_costs, our_costs = [], []
    for run in range(runs):
        shutil.rmtree(extracted, ignore_errors=True)
        notebook_costs.append(timed(theirs))
        shutil.rmtree(extracted)
        shutil.rmtree(store)
        our_costs.append(timed(ours))
        say(
            f"{archive.name}: pair {run + 1} of {runs}: the notebook's steps "
            f"{notebook_costs[-1].wall:.1f} s, ours {our_costs[-1].wall:.1f} s"
        )
    count = "select count(*) as images from image"
    label_counts = [*PROGRAM, "sql", "--store", str(store), "label_counts"]
    timed(label_counts)
    measured = Measured(
        images=notmnist_store.open(store).sql(count).arrow()["images"][0].as_py(),
        archive_bytes=archive.stat().st_size,
        store_bytes=sum(f.stat().st_size for f in store.rglob("*") if f.is_file()),
        notebook=notebook_costs,
        ours=our_costs,
        memory=memory,
        label_counts=[timed(label_counts) for _ in range(SQL_RUNS_A_PAIR * runs)],
    )
    shutil.rmtree(store)
    return measured


def stages(archive: Path, folder: Path, *, members: int, **env: str) -> dict[str, Any]:
    scratch = folder / "stages"
    output = subprocess.run(
        [sys.executable, str(HERE / "stages.py"), str(archive), str(scratch), str(members)],
        env=environment(OPENBLAS_NUM_THREADS="1", **env),
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    shutil.rmtree(scratch)
    answer: dict[str, Any] = json.loads(output)
    return answer


def first_members(archive: Path, folder: Path) -> Path:
    """An archive of the first few members: what an ingest costs whatever it reads."""
    small = folder / "small.tar.gz"
    with tarfile.open(archive) as source, tarfile.open(small, "w:gz") as target:
        for _ in range(SMALL_MEMBERS):
            member = source.next()
            if member is None:
                break
            target.addfile(member, source.extractfile(member) if member.isfile() else None)
    return small


def fixed_costs(archive: Path, folder: Path, runs: int) -> dict[str, float]:
    """Seconds that do not depend on the number of images."""
    small, store = first_members(archive, folder), folder / "store"
    started, ingested = [], []
    for _ in range(runs + 1):
        started.append(timed([*PROGRAM, "ingest", "--help"]).wall)
        shutil.rmtree(store, ignore_errors=True)
        ingested.append(timed(ingest_command(small, store)).wall)
    shutil.rmtree(store)
    cache = folder / "compiled"
    shutil.rmtree(cache, ignore_errors=True)
    compiled, loaded = (
        stages(small, folder, members=1, NUMBA_CACHE_DIR=str(cache))["first_batch"]
        for _ in range(2)
    )
    shutil.rmtree(cache)
    return {
        "start the interpreter and the command line": Spread.of(started[1:]).median,
        f"all of an ingest of {SMALL_MEMBERS} images": Spread.of(ingested[1:]).median,
        "load the compiled loops": loaded,
        "compile them, once for a machine": compiled - loaded,
    }


def import_profile(store: Path) -> list[tuple[str, float]]:
    """Milliseconds that `sql label_counts` spends importing, by package, most first."""
    lines = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            *PROGRAM[1:],
            "sql",
            "--store",
            str(store),
            "label_counts",
        ],
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    ).stderr.splitlines()
    spent: Counter[str] = Counter()
    for line in lines:
        own, _, module = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():
            package = module.strip().split(".")[0]
            third = package if package in _IMPORTED else "the standard library"
            spent[third] += int(own)
    return [(package, micros / 1000) for package, micros in spent.most_common()]


_IMPORTED = {"notmnist_store", "pyarrow", "numpy", "duckdb", "_duckdb", "deltalake", "pandas"}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--images", default="10000,100000", help="sizes to draw (default: 10000,100000)")
    add("--archive", type=Path, action="append", help="measure this .tar.gz instead; repeatable")
    add("--runs", type=int, default=3, help="pairs of runs a size (default: 3)")
    add("--folder", type=Path, default=ROOT / "build" / "benchmarks", help="where to work")
    add("--write", action="store_true", help="write benchmarks/RESULTS.md")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    from results import markdown, write_part

    options = parse(arguments)
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [int(size.replace("_", "")) for size in options.images.split(",")]
    archives = options.archive or [drawn(folder, size) for size in sizes]
    measured = [measure_archive(archive, folder, options.runs) for archive in archives]
    largest = max(archives, key=lambda archive: archive.stat().st_size)
    say("where the time goes")
    text = markdown(
        measured,
        stages(largest, folder, members=100_000),
        fixed_costs(largest, folder, options.runs),
        profile_of_sql(largest, folder),
    )
    print(text)
    if options.write:
        write_part(HERE / "RESULTS.md", text)


def profile_of_sql(archive: Path, folder: Path) -> list[tuple[str, float]]:
    store = folder / "store"
    timed(ingest_command(first_members(archive, folder), store))
    try:
        return import_profile(store)
    finally:
        shutil.rmtree(store)


if __name__ == "__main__":
    main()
