"""Limits: at a stage of a writer's work the disk is full or read-only, or no file may be opened.

What it comes to is a finished run, or an error with a hint and exit code 2 or 3: never a traceback.
Before the commit nothing is stored, after it the run stays, and is said to be there. Once there is
room again all is as after a kill: see `kills.check`.

A disk of our own takes root on Linux. Without it files may not grow (RLIMIT_FSIZE), which write()
says in the middle of a file as a full disk or a quota does.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tests.support.program import wait_for_pause
from tests.torture.kills import Writers, check, program
from tests.torture.trial import Asked, Trial
from tests.torture.writers import Bench, Case, Writer, chosen

DISK = "32m"
SHORT_STAGES = 3


class Ended(NamedTuple):
    """A command that met a limit: its exit code, what it said, and its disk, where it has one."""

    case: Case
    code: int
    said: str
    disk: Path | None


def fill(disk: Path, process: int) -> Callable[[], None]:
    """Leave no byte on it."""
    with (disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return (disk / "filler").unlink


def no_more_names(disk: Path, process: int) -> Callable[[], None]:
    """Let it hold no further file."""
    used = os.statvfs(disk).f_files - os.statvfs(disk).f_ffree
    _remount(disk, f"nr_inodes={used}")
    return lambda: _remount(disk, "nr_inodes=100000")


def read_only(disk: Path, process: int) -> Callable[[], None]:
    """Let nothing be written; where a file is open for writing the system refuses that."""
    _remount(disk, "ro")
    return lambda: _remount(disk, "rw")


def _remount(disk: Path, options: str) -> None:
    command = ["mount", "-o", f"remount,{options}", str(disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "busy" not in done.stderr:
        raise OSError(done.stderr)


def no_growth(disk: Path, process: int) -> Callable[[], None]:
    """Let no file become longer than a few bytes."""
    resource.prlimit(process, resource.RLIMIT_FSIZE, (16, 16))
    return lambda: None


def no_more_files(disk: Path, process: int) -> Callable[[], None]:
    """Let the process open no further file."""
    now = len(os.listdir(f"/proc/{process}/fd"))  # noqa: PTH208
    resource.prlimit(process, resource.RLIMIT_NOFILE, (now, now))
    return lambda: None


OF_A_DISK = (fill, no_more_names, read_only)
OF_A_PROCESS = (no_growth, no_more_files)


def can_mount() -> bool:
    """Whether a small disk can be had here."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        mounted = _mount(Path(folder))
        if mounted:
            _unmount(Path(folder))
        return mounted


def _mount(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def trials(asked: Asked, bench: Bench) -> Iterator[Trial]:
    """Each writer meets each limit at each of its stages."""
    writers = Writers(bench, asked.folder / "undisturbed, limits")
    kinds = [*(OF_A_DISK if can_mount() else ()), *(OF_A_PROCESS if os.path.isdir("/proc") else ())]  # noqa: PTH112
    if len(kinds) < len(OF_A_DISK + OF_A_PROCESS):
        print("limits: a disk of our own takes root on Linux: left out", file=sys.stderr)
    number = 0
    for writer in chosen(asked):
        known = writers.undisturbed(writer)
        stages = known.stages
        if asked.short:
            stages = random.Random(asked.seed).sample(stages, min(SHORT_STAGES, len(stages)))
        for stage in stages:
            number += 1
            tried = [kinds[number % len(kinds)]] if asked.short else kinds
            for kind in tried:
                yield Trial(
                    f"{writer.name}: {kind.__name__} at {stage}",
                    str(asked.seed),
                    _limited(bench, writer, stage, kind),
                    lambda ended, known=known: _checked(ended, known),
                )


def _limited(
    bench: Bench, writer: Writer, stage: str, kind: Callable[[Path, int], Callable[[], None]]
):
    def disturb(folder: Path, chance: random.Random) -> Ended:
        disk = folder / "disk"
        disk.mkdir()
        mounted = kind in OF_A_DISK and _mount(disk)
        try:
            case = bench.case(writer, disk)
            heard = replace(case, words=[word for word in case.words if word != "--quiet"])
            process = program(heard, stage)
            wait_for_pause(process)
            end = kind(disk, process.pid)
            process.send_signal(signal.SIGCONT)
            _, said = process.communicate(timeout=300)
            end()
        except BaseException:
            if mounted:
                _unmount(disk)
            raise
        return Ended(case, process.returncode, said, disk if mounted else None)

    return disturb


def _checked(ended: Ended, known) -> str:
    try:
        return _ended_well(ended, known)
    finally:
        if ended.disk is not None:
            _unmount(ended.disk)


def _ended_well(ended: Ended, known) -> str:
    assert "Traceback" not in ended.said, ended.said
    assert ended.code in (0, 2, 3), f"exit code {ended.code}: {ended.said}"
    assert ended.code == 0 or "try:" in ended.said, f"no hint: {ended.said}"
    state, outside = ended.case.look()
    landed = state != known.before[0] or (outside != known.before[1] and bool(outside))
    if ended.code == 0:
        assert (state, outside) == known.once, f"not finished, exit code 0: {ended.said}"
    elif landed:
        assert "is stored" in ended.said, f"it has landed, and does not say so: {ended.said}"
    check(ended.case, known)
    if ended.code == 0:
        return "a finished run"
    return "an error that says that the run is stored" if landed else "an error, nothing stored"
