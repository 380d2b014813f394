"""Concurrency: four writers, four readers, undo and gc at once, and a model of what they may see.

The model is the list of runs that the store holds in the end: what a reader saw is what the runs
up to the last one that he saw have made. Whoever says that his run is stored finds it there.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from notmnist_store.errors import StoreError
from notmnist_store.storage.tables import withdrawn_runs
from notmnist_store.store import Store
from tests.support.archives import class_files, pack
from tests.support.program import spawn
from tests.torture.trial import Asked, Trial

SECONDS, SHORT_SECONDS = 60, 12
WRITERS, READERS = 4, 4
OLD = 3_600
"""Seconds that gc takes files to be left after; those that are planted are older."""


class Seen(NamedTuple):
    """What all actors say they did and saw."""

    store: Store
    said: list[dict[str, Any]]
    errors: list[str]


def trials(asked: Asked) -> Iterator[Trial]:
    """One trial: all of them, for a while."""
    seconds = SHORT_SECONDS if asked.short else SECONDS
    name = f"{WRITERS} writers, {READERS} readers, undo and gc"
    yield Trial(name, str(asked.seed), lambda f, c: _together(f, c, seconds), check)


def _together(folder: Path, chance: random.Random, seconds: int) -> Seen:
    store = Store(folder / "store")
    store.ingest(pack(folder / "first.tar", class_files(each=2)))
    roles = [*[("write", n) for n in range(WRITERS)], *[("read", n) for n in range(READERS)]]
    roles += [("undo", 0), ("gc", 0)]
    actors = [_start(folder, role, n, chance.randrange(1 << 30), seconds) for role, n in roles]
    said, errors = [], []
    for actor in actors:
        out, error = actor.communicate()
        said += [json.loads(line) for line in out.splitlines()]
        errors += [error] if actor.returncode else []
    return Seen(store, said, errors)


def _start(folder: Path, role: str, n: int, drawn: int, seconds: int) -> subprocess.Popen[str]:
    words = [str(folder), role, str(n), str(drawn), str(seconds)]
    return spawn([sys.executable, "-m", "tests.torture.concurrency", *words], "")


def check(seen: Seen) -> Counter[str]:
    """Every view of a reader is that of the model at its last run."""
    assert not seen.errors, seen.errors[0][-1500:]
    runs = seen.store.sql("select * from stored_run order by sequence").arrow()
    assert runs["sequence"].to_pylist() == list(range(1, runs.num_rows + 1))
    model = [_images(runs.slice(0, count)) for count in range(runs.num_rows + 1)]
    outcomes: Counter[str] = Counter()
    for line in seen.said:
        outcomes[line["did"]] += 1
        assert line.get("hint") != "", line
        if line["did"] == "a reader's view":
            assert line["sources"] == model[line["runs"]], line
    stored = set(runs["run_id"].to_pylist())
    told = {line["run"] for line in seen.said if "run" in line}
    assert told <= stored, f"said to be stored, and not there: {told - stored}"
    assert len(told) + 1 == len(stored), f"stored, and nobody says so: {len(stored)} runs"
    assert {row["status"] for row in seen.store.verify(full=True).rows()} <= {"ok", "note"}
    return outcomes


def _images(runs) -> dict[str, int]:
    gone = withdrawn_runs(runs)
    return {
        run["source"]: run["members_stored"]
        for run in runs.to_pylist()
        if run["verb"] == "ingest" and run["run_id"] not in gone
    }


def _act(folder: Path, role: str, n: int, drawn: int, seconds: int) -> None:
    store, chance, until = Store(folder / "store"), random.Random(drawn), time.monotonic() + seconds
    number = 0
    while time.monotonic() < until:
        number += 1
        try:
            _ACTS[role](store, folder, chance, n * 1000 + number)
        except StoreError as error:
            _say(did=f"{role}: refused", hint=error.hint)


def _say(**what: object) -> None:
    print(json.dumps(what), flush=True)


def _write(store: Store, folder: Path, chance: random.Random, number: int) -> None:
    if chance.random() < 0.7:
        files = class_files(each=chance.randrange(1, 4), start=10 * number)
        source = pack(folder / f"s{number}.tar", files)
        store.ingest(source)
        sql = f"select run_id from run where source = 's{number}' and verb = 'ingest'"
        _say(did="an ingest", run=store.sql(sql).rows()[0]["run_id"])
    else:
        store.split(f"set{number}", train="0.5", test="0.5")
        _say(did="a split", run=_newest(store, "split", f"set{number}"))


def _newest(store: Store, verb: str, name: str) -> str:
    sql = "select run_id, arguments from run where verb = $verb order by sequence"
    rows = store.sql(sql, params={"verb": verb}).rows()
    return next(row["run_id"] for row in reversed(rows) if f'"{name}"' in row["arguments"])


def _read(store: Store, folder: Path, chance: random.Random, number: int) -> None:
    """One statement: all of it is of one moment."""
    rows = store.sql(
        "select (select max(sequence) from stored_run) as runs, source, count(*) as images "
        "from stored_image group by source"
    ).rows()
    if rows:
        sources = {row["source"]: row["images"] for row in rows}
        _say(did="a reader's view", runs=rows[0]["runs"], sources=sources)


def _undo(store: Store, folder: Path, chance: random.Random, number: int) -> None:
    (row,) = store.undo().rows()
    _say(did="an undo", run=row["run_id"])
    time.sleep(chance.random())


def _gc(store: Store, folder: Path, chance: random.Random, number: int) -> None:
    left = store.path / "image" / f"20110908T120000Z-{number:010x}-000000-{number:016x}.parquet"
    Path(str(left)).write_bytes(b"left by a killed run")
    os.utime(str(left), (1, 1))
    removed = store.gc(older_than=OLD / 3600, yes=True).rows()
    assert any(str(left).endswith(row["path"]) for row in removed), removed
    _say(did="a gc")
    time.sleep(chance.random())


_ACTS = {"write": _write, "read": _read, "undo": _undo, "gc": _gc}

if __name__ == "__main__":
    _act(Path(sys.argv[1]), sys.argv[2], *(int(word) for word in sys.argv[3:]))
