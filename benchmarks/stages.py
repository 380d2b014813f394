"""CPU seconds of each stage of an ingest, in one process, as JSON.

usage: python benchmarks/stages.py ARCHIVE FOLDER [MEMBERS]

The first MEMBERS members are held in memory; each stage then runs on the same batches. Stages that
have no function of their own are differences of two that have one.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from notmnist_store.blocks.kernels import fingerprint
from notmnist_store.blocks.kernels.decode import decode
from notmnist_store.blocks.kernels.rows import RowRules, make_rows
from notmnist_store.engines.local import write_blocks
from notmnist_store.schema.shape import DEFAULT_SHAPE
from notmnist_store.sources.gunzip import gunzip
from notmnist_store.sources.limits import Limits, Meter
from notmnist_store.sources.tar import TarSource

RULES = RowRules(
    source="benchmark",
    run_id="benchmark",
    id_base=0,
    shape=DEFAULT_SHAPE,
    fractions=(("train", "0.8"), ("valid", "0.1"), ("test", "0.1")),
)


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def drain_gunzip(archive: Path) -> None:
    with archive.open("rb") as file:
        for _ in gunzip(file, Meter(archive.name, Limits()), lambda done: None):
            pass


def main(archive: Path, folder: Path, members: int) -> None:
    start = time.perf_counter()
    source = TarSource(archive, archive.name, Limits(), gzipped=True)
    make_rows(next(iter(source.members())), RULES)
    first_batch = time.perf_counter() - start

    total = 0
    batches = []

    def read() -> None:
        nonlocal total
        for batch in source.members():
            if total < members:
                batches.append(batch)
            total += len(batch)

    reading = cpu(read)
    gunzipping = cpu(lambda: drain_gunzip(archive))
    identity = cpu(source.identity)
    count = sum(len(batch) for batch in batches)

    files = [batch.column("data").drop_null() for batch in batches]
    pixels = [decode(part, DEFAULT_SHAPE).pixels for part in files]
    decoding = cpu(lambda: [decode(part, DEFAULT_SHAPE) for part in files])
    hashing = cpu(lambda: [fingerprint.file_hashes(part) for part in files]) + cpu(
        lambda: [fingerprint.pixel_hashes(part, DEFAULT_SHAPE) for part in pixels]
    )
    looks = cpu(
        lambda: [
            (fingerprint.dhashes(part, DEFAULT_SHAPE), fingerprint.ink(part)) for part in pixels
        ]
    )
    rows = cpu(lambda: [make_rows(batch, RULES) for batch in batches])
    folder.mkdir(parents=True, exist_ok=True)
    blocks = cpu(lambda: write_blocks(folder, RULES, batches, workers=1))

    stages = {
        "sha256 of the archive": identity / total,
        "gunzip": gunzipping / total,
        "tar walk": (reading - gunzipping) / total,
        "decode": decoding / count,
        "file_hash, pixel_hash": hashing / count,
        "dhash, ink": looks / count,
        "names, splits, columns": (rows - decoding - hashing - looks) / count,
        "Parquet": (blocks - rows) / count,
    }
    print(json.dumps({"members": count, "first_batch": first_batch, "stages": stages}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 100_000)
