"""Kills: a writer is killed at every stage of its work, or at a moment drawn, and does it again.

After each the store shows what it showed before or all that the writer wrote, to the program and
to a plain DuckDB; `verify --full` passes; and the command again ends as two undisturbed ones do, or
as one where nothing had landed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from notmnist_store.export.folder import SUMS
from notmnist_store.location.bucket import BucketPath
from notmnist_store.store import Store
from tests.support.program import end, spawn, wait_for_pause
from tests.torture.state import State, difference, plainly_shown
from tests.torture.trial import Asked, Trial
from tests.torture.writers import Bench, Case, Writer, chosen

MOMENTS, MOMENTS_SHORT = 200, 6
SHORT_STAGES = {"disk": 6, "S3": 2}
Look = tuple[State | None, dict[str, str]]


class Undisturbed(NamedTuple):
    """What a writer does when nobody disturbs it, and the stages on its way: the first and the last
    time it comes to each, as NOTMNIST_STORE_PAUSE has them; those of its workers apart.
    """

    before: Look
    once: Look
    twice: Look
    stages: list[str]
    workers_stages: list[str]
    seconds: float


@dataclass
class Writers:
    """Writers on one bench, each done undisturbed when it is first asked for."""

    bench: Bench
    folder: Path
    _known: dict[str, Undisturbed] = field(default_factory=dict)

    def undisturbed(self, writer: Writer) -> Undisturbed:
        if writer.name not in self._known:
            folder = self.folder / f"undisturbed {len(self._known)}"
            folder.mkdir(parents=True)
            case = self.bench.case(writer, folder)
            before = case.look()
            points = folder / "points"
            process = program(case, "", {"NOTMNIST_STORE_POINTS": str(points)})
            _, said = process.communicate()
            assert process.returncode == 0, said
            once = case.look()
            started = time.monotonic()
            case.here()
            twice, seconds = case.look(), time.monotonic() - started
            mine, others = _passed(points.read_text().splitlines(), process.pid)
            self._known[writer.name] = Undisturbed(before, once, twice, mine, others, seconds)
        return self._known[writer.name]


def program(
    case: Case, pause: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """The command of a case as a process of its own."""
    command = [sys.executable, "-m", "notmnist_store", *case.words]
    return spawn(command, pause, {"TMPDIR": str(case.folder), **(environment or {})})


def _passed(lines: list[str], process: int) -> tuple[list[str], list[str]]:
    """The stages of a process, each the first and the last time, and those that workers come to."""
    passed = [line.split(" ", 1) for line in lines]
    mine = Counter(point for number, point in passed if int(number) == process)
    others = Counter(point for number, point in passed if int(number) != process)
    stages = [f"{point}#{time}" for point, times in mine.items() for time in sorted({1, times})]
    return [stage for stage in stages if stage.partition("#")[0] not in others], list(others)


def check(case: Case, known: Undisturbed) -> str:
    """The old state or the new one, whole for every reader; then the same command again."""
    found = case.look()
    if isinstance(case.out, BucketPath):
        unfinished = "{out}" in case.writer.words and SUMS not in found[1]
    else:
        unfinished = bool(case.writer.earlier) and not found[1]
    assert found[1] in (known.before[1], known.once[1]) or unfinished, (
        f"outside of the store is something else: {sorted(found[1])}"
    )
    new = found[0] != known.before[0]
    if new:
        _same(found[0], known.once[0])
    stale = found[0] is not None and _stale(case, found[0], known)
    case.here()
    wanted = known.twice if new else known.once
    again = case.look()
    _same(again[0], wanted[0])
    assert again[1] == wanted[1], f"outside of the store is something else: {sorted(again[1])}"
    if again[0] is not None:
        assert not damages(case), damages(case)
    if found[1] not in (known.before[1], known.once[1]):
        return "an export without its sums, which says that it is not whole"
    landed = new or found[1] != known.before[1]
    return ("the new state" if landed else "the old state") + ", views.sql one run behind" * stale


def _stale(case: Case, found: State, known: Undisturbed) -> bool:
    """Nothing is damaged, and a plain DuckDB shows the same. True where it shows what was before,
    for views.sql had not been written yet: verify says so.
    """
    said = damages(case)
    assert [what.partition(":")[0] for what in said] in ([], ["views.sql"]), said
    if (case.store / "views.sql").exists():
        plain = plainly_shown(case.store, case.folder / "fetched")
        _same(plain, known.before[0] if said else found)
    else:
        assert known.before[0] is None, "views.sql is gone"
    return bool(said)


def _same(found: State | None, wanted: State | None) -> None:
    if found is None or wanted is None:
        assert found is wanted, "there is a store, or none"
        return
    assert found == wanted, difference(found, wanted)


def damages(case: Case) -> list[str]:
    """What verify --full finds damaged."""
    rows = Store(case.store).verify(full=True).rows()
    return [f"{row['table']}: {row['detail']}" for row in rows if row["status"] == "damaged"]


def at_stages(asked: Asked, bench: Bench, place: str) -> Iterator[Trial]:
    """Kill each writer at each of its stages."""
    writers = Writers(bench, asked.folder / f"undisturbed, {place}")
    chance = random.Random(asked.seed)
    for writer in chosen(asked):
        known = writers.undisturbed(writer)
        stages = known.stages
        if asked.short:
            few = min(SHORT_STAGES[place], len(stages))
            stages = sorted(chance.sample(stages, few), key=stages.index)
        for stage in stages:
            name = f"{place}: {writer.name} at {stage}"
            yield Trial(name, str(asked.seed), _killed(bench, writer, stage), _checked(known))
        for stage in known.workers_stages:
            name = f"{place}: a worker of {writer.name} at {stage}"
            disturb = _worker_killed(bench, writer, stage)
            yield Trial(name, str(asked.seed), disturb, _checked(known))


def _checked(known: Undisturbed):
    return lambda case: check(case, known)


def _killed(bench: Bench, writer: Writer, stage: str):
    def disturb(folder: Path, chance: random.Random) -> Case:
        case = bench.case(writer, folder)
        process = program(case, stage)
        wait_for_pause(process)
        end(process, signal.SIGKILL)
        return case

    return disturb


def _worker_killed(bench: Bench, writer: Writer, stage: str):
    """A worker kills itself there, as the system does that runs out of memory."""

    def disturb(folder: Path, chance: random.Random) -> Case:
        case = bench.case(writer, folder)
        process = program(case, stage, {"NOTMNIST_STORE_SIGNAL": "SIGKILL"})
        _, said = process.communicate(timeout=120)
        assert (process.returncode, "try:" in said, "Traceback" in said) == (3, True, False), said
        return case

    return disturb


def at_moments(asked: Asked, bench: Bench, place: str, moments: int) -> Iterator[Trial]:
    """Kill writers at moments drawn between their first stage and their end."""
    writers = Writers(bench, asked.folder / f"undisturbed, {place}, by the clock")
    chance = random.Random(asked.seed)
    several = chosen(asked)
    for number in range(moments):
        writer = several[number % len(several)]
        known = writers.undisturbed(writer)
        share = chance.random()
        name = f"{place}: {writer.name} at moment {number}, {share:.3f} of its time"
        disturb = _killed_amid(bench, writer, known, share)
        yield Trial(name, str(asked.seed), disturb, _checked(known))


def _killed_amid(bench: Bench, writer: Writer, known: Undisturbed, share: float):
    def disturb(folder: Path, chance: random.Random) -> Case:
        case = bench.case(writer, folder)
        process = program(case, known.stages[0])
        wait_for_pause(process)
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(share * known.seconds)
        end(process, signal.SIGKILL)
        return case

    return disturb
