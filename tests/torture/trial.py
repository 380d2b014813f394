"""A trial: a name, a seed, what it disturbs, and how what came of it is checked; their tally."""

from __future__ import annotations

import random
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Trial:
    """`disturb` gets a folder of the trial's own and some chance; `check` gets what it gives.

    `check` says in a word or two what it came to, and fails by an AssertionError. A trial of many
    inputs gives a Counter of such words.
    """

    name: str
    seed: str
    disturb: Callable[[Path, random.Random], Any]
    check: Callable[[Any], str | Counter[str]]


@dataclass(frozen=True)
class Asked:
    """What a run was asked for: its seed, the short form or all, and where it may write.

    `only`: trials with this in their name; `verbose`: say what each came to; `every`: of so many
    trials the first.
    """

    seed: int
    short: bool
    folder: Path
    only: str = ""
    verbose: bool = False
    every: int = 1

    def among(self, subjects: Iterable[str]) -> list[str]:
        """Those whose trials may be meant by `only`: the ones it names, else all."""
        every = list(subjects)
        return [subject for subject in every if subject in self.only] or every


Part = Callable[[Asked], Iterable[Trial]]


@dataclass
class Tally:
    """What came of the trials of one part."""

    part: str
    trials: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def inputs(self) -> int:
        """How many disturbances were tried: of a trial of many inputs, each."""
        return self.outcomes.total() + len(self.failures)


def run(part: str, trials: Iterable[Trial], asked: Asked) -> Tally:
    """Run those trials of a part whose name has `only` in it; say what fails as it comes."""
    tally = Tally(part)
    started = time.monotonic()
    folder = asked.folder / "trial"
    for number, trial in enumerate(trials):
        name = f"{part}: {trial.name}"
        if asked.only not in name or number % asked.every:
            continue
        tally.trials += 1
        folder.mkdir()
        try:
            outcome = trial.check(trial.disturb(folder, random.Random(f"{trial.seed} {name}")))
            if asked.verbose:
                print(f"{time.monotonic() - started:6.0f} s {name}: {outcome}", flush=True)
            tally.outcomes.update(outcome if isinstance(outcome, Counter) else [outcome])
        except Exception as error:
            said = traceback.format_exc(limit=-3) if not str(error) else str(error)
            tally.failures[name] = said
            where = traceback.extract_tb(error.__traceback__)[-1]
            at = f"{type(error).__name__} at {where.filename}:{where.lineno}"
            print(f"FAILED {name}\n  {at}: {said}", file=sys.stderr, flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        tally.seconds = time.monotonic() - started
    return tally
