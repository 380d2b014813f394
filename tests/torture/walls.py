"""The walls of SQL: statements that try to get out, and bombs of bounded time and memory."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.escapes import check_escape, escapes
from tests.support.program import spawn
from tests.torture.trial import Asked, Trial
from tests.torture.writers import Bench

TIMEOUT, GRACE = 3, 30
"""Seconds that a bomb gets, and that the program may take beside: to start, and to stop it."""

MEMORY, BESIDE = 0.2, 1 << 30
"""GiB that a bomb gets, and bytes that the program may take beside: rows, and its libraries."""

LONG = "range(100000000)"
BOMBS = {
    "rows without end": f"select count(*) from {LONG} a, {LONG} b",
    "a recursion without end": "with recursive r(n) as (select 1 union all select n + 1 from r) "
    "select count(*) from r",
    "rows that are handed over": "select range as a from range(2000000000)",
    "a list of all": f"select list(range) from {LONG}",
    "a text of all": f"select string_agg(range::varchar, ',') from {LONG}",
    "a long text": "select length(repeat('x', 2000000000)) from range(1000)",
    "a text that doubles": "with recursive r(t) as (select 'xxxxxxxx' union all "
    "select t || t from r) select max(length(t)) from r",
    "a sort of all": f"select range from {LONG} a order by hash(range) desc limit 3",
    "groups of all": f"select range % 99999989 as g, count(*) from {LONG} group by g limit 1",
    "a window over all": f"select sum(range) over (order by hash(range)) from {LONG} limit 1",
    "distinct of all": f"select count(distinct hash(range)) from {LONG}",
    "a series": "select unnest(generate_series(1, 2000000000))",
    "a nested list": "select list_transform(range(10000), x -> range(100000))",
    "a product of images": "select count(*) from image a, image b, image c, image d, "
    "image e, image f",
    "a hard pattern": f"select count(*) from {LONG} "
    "where regexp_matches(repeat('a', 40) || range, '^(a+)+$')",
    "deep brackets": f"select {'(' * 20_000}1{')' * 20_000}",
    "a deep list": f"select {'[' * 20_000}1{']' * 20_000}",
    "a deep query": f"{'select * from (' * 3_000}select 1{')' * 3_000}",
    "many sums": f"select {' + '.join(['1'] * 20_000)}",
    "many columns": f"select {', '.join(f'{n} as c{n}' for n in range(20_000))}",
    "many unions": " union all ".join(["select 1"] * 5_000),
    "many conditions": f"select count(*) from image where {' or '.join(['image_id = 1'] * 10_000)}",
}
IN_SHORT = 4


class Ended(NamedTuple):
    """A bomb: its exit code, what was said, seconds, and the most bytes it had resident."""

    code: int
    said: str
    seconds: float
    memory: int


def trials(asked: Asked, bench: Bench) -> Iterator[Trial]:
    """Every statement of the list, and every bomb."""
    listed = escapes()
    bombs = list(BOMBS)
    if asked.short:
        chance = random.Random(asked.seed)
        listed, bombs = chance.sample(listed, 20), chance.sample(bombs, IN_SHORT)
    for statement, tries in listed:
        yield Trial(
            f"{tries}: {statement}",
            str(asked.seed),
            lambda folder, chance, statement=statement: (folder, statement),
            lambda given: f"an escape {check_escape(bench.prepared, *given)}",
        )
    for name in bombs:
        yield Trial(f"bomb: {name}", str(asked.seed), _bomb(bench, BOMBS[name]), _bounded)


def _bomb(bench: Bench, statement: str):
    def disturb(folder: Path, chance: random.Random) -> Ended:
        query = folder / "query"
        query.write_text(statement)
        options = ["--timeout", str(TIMEOUT), "--memory", str(MEMORY), "--quiet", "--format", "csv"]
        words = ["sql", "--store", str(bench.prepared), *options, "-o", str(folder / "rows.csv")]
        command = [sys.executable, "-c", _RUN, str(query), *words]
        started = time.monotonic()
        process = spawn(command, "", {"TMPDIR": str(folder)}, start_new_session=True)
        try:
            _, said = process.communicate(timeout=TIMEOUT + 4 * GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
        memory = int(said.rpartition("resident ")[2] or 0) if "resident " in said else 0
        return Ended(process.returncode, said, time.monotonic() - started, memory)

    return disturb


_RUN = """
import os, pathlib, resource, sys
from notmnist_store.cli.main import main
query = pathlib.Path(sys.argv[1]).read_text()
sys.argv = ["notmnist-store", *sys.argv[2:], "--", query]
leave = os._exit

def say(code):
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print("resident", most * (1 if sys.platform == "darwin" else 1024), file=sys.stderr, flush=True)
    leave(code)

os._exit = say
say(main())
"""


def _bounded(ended: Ended) -> str:
    assert ended.code in (0, 2, 3), f"exit code {ended.code}: {ended.said[-600:]}"
    assert "Traceback" not in ended.said, ended.said[-600:]
    assert ended.seconds < TIMEOUT + GRACE, f"{ended.seconds:.0f} s"
    assert ended.memory < MEMORY * 2**30 + BESIDE, f"{ended.memory >> 20} MiB"
    if not ended.code:
        return "a bomb: harmless"
    if "of memory" in ended.said:
        return "a bomb: stopped for its memory"
    return "a bomb: stopped for its time" if "stopped after" in ended.said else "a bomb: refused"
