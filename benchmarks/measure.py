"""What a command took, from its start to its end: wall time, CPU time, memory of all processes."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent

_SAMPLE_SECONDS = 0.02


@dataclass(frozen=True)
class Cost:
    """Seconds that one run of a command took; `cpu` is user and system of all its processes."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest of some values."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))

    def text(self, digits: int, unit: str = "") -> str:
        if self.least == self.greatest:
            return f"{self.median:.{digits}f}{unit}"
        among = f"{self.least:.{digits}f} to {self.greatest:.{digits}f}"
        return f"{self.median:.{digits}f}{unit} ({among})"


def environment(**more: str) -> dict[str, str]:
    """The environment of every measured command: this checkout, byte code kept as usual."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    path = os.pathsep.join(p for p in (str(ROOT), kept.get("PYTHONPATH", "")) if p)
    return {**kept, "PYTHONPATH": path, **more}


def timed(command: Sequence[str], env: dict[str, str] | None = None) -> Cost:
    """Run a command, its output thrown away; CalledProcessError where it fails."""
    os.sync()  # what earlier runs left to be written is not this run's cost
    start = time.perf_counter()
    process = subprocess.Popen(command, env=env or environment(), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def peak_memory(command: Sequence[str]) -> int:
    """Bytes that all processes of a command held together at the most, sampled every 20 ms.

    On Linux a page that several processes share counts once (PSS), elsewhere in each (RSS).
    CalledProcessError where the command fails.
    """
    peak = 0
    with psutil.Popen(command, env=environment(), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, _held(process))
            time.sleep(_SAMPLE_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak


@dataclass(frozen=True)
class Watched:
    """One run that may fail: seconds, bytes held at the most, and what it said where it failed."""

    wall: float
    memory: int
    error: str = ""


def watched(command: Sequence[str], env: dict[str, str], limit: float) -> Watched:
    """Run a command for so many seconds at the most; then it and all its children are ended."""
    os.sync()
    peak, start, error = 0, time.perf_counter(), ""
    with TemporaryFile() as said:
        how: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": said, "env": env}
        with psutil.Popen(command, start_new_session=True, **how) as process:
            while process.poll() is None:
                peak = max(peak, _held(process))
                if time.perf_counter() - start > limit:
                    error = f"stopped after {limit:,.0f} s"
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                time.sleep(_SAMPLE_SECONDS)
        wall = time.perf_counter() - start
        if process.returncode and not error:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            error = lines[-1] if lines else f"exit code {process.returncode}"
    return Watched(wall, peak, error)


def _held(process: psutil.Popen) -> int:
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for member in family:
        try:
            info = member.memory_full_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # it ended between two looks
        total += getattr(info, "pss", info.rss)
    return total


def alone(function: Any, *arguments: Any) -> dict[str, Any]:
    """Call it in a process of its own: threads, memory and libraries do not meet."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        result: dict[str, Any] = pool.submit(function, *arguments).result()
    return result


def most_held() -> int:
    """Bytes that this process ever held at the most; Linux's ru_maxrss counts its parent's too."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@dataclass(frozen=True)
class Measured:
    """What was measured on one archive; costs in the order of the pairs."""

    images: int
    archive_bytes: int
    store_bytes: int
    notebook: list[Cost]
    ours: list[Cost]
    memory: int
    label_counts: list[Cost]

    @property
    def ratios(self) -> list[float]:
        return [
            theirs.wall / ours.wall for theirs, ours in zip(self.notebook, self.ours, strict=True)
        ]


@dataclass(frozen=True)
class Sizes:
    """Images of train, valid and test in the notebook's split."""

    train: int = 200_000
    valid: int = 10_000
    test: int = 10_000


@dataclass
class Used:
    """Seconds of each thing measured, a value a run; `images` in the store.

    `load` is the machine's load average before anything was measured: over 0, others were at work.
    """

    images: int
    load: float
    sizes: Sizes
    ours: dict[str, list[float]] = field(default_factory=dict)
    theirs: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class JoinCost:
    """One size: seconds (medians; FAISS's extrapolated), pairs, memory, agreement on the sample."""

    images: int
    distinct: int
    pairs: int
    seconds: float
    all_seconds: list[float]
    cpu_seconds: list[float]
    compile_seconds: float
    peak_bytes: int
    faiss_seconds: float
    faiss_queries: int
    times_faster: float
    sampled_pairs: int
    at_the_rounding: int
    disagreements: int


@dataclass(frozen=True)
class MovedCost:
    """One set of transforms: seconds (FAISS's extrapolated), pairs, memory, agreement."""

    transforms: str
    images: int
    moves: int
    pairs: int
    all_seconds: list[float]
    peak_bytes: int
    faiss_seconds: float
    faiss_queries: int
    times_faster: float
    sampled_pairs: int
    at_the_rounding: int
    disagreements: int


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
