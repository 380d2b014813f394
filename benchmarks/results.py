"""What was measured, as the text of RESULTS.md.

The file has parts, each from its ``# `` title to the next; a benchmark writes its own alone.
"""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from measure import Measured, Spread

from notmnist_store.machine import available_cores

_PACKAGES = ("pyarrow", "duckdb", "deltalake", "numpy", "pillow", "isal", "numba", "xxhash")
_MIB = 1 << 20


def markdown(
    measured: Sequence[Measured],
    stages: dict[str, Any],
    fixed: dict[str, float],
    imports: Sequence[tuple[str, float]],
) -> str:
    """The part on ingest; `stages` and `fixed` hold seconds, `imports` milliseconds."""
    sections = [
        "# Speed and memory\n\nWritten by `make bench ARGS=--write`; not for editing by hand.",
        about_machine(),
        "## From tar.gz to a committed store, beside the notebook's steps\n\n"
        "The notebook's steps: extract the archive, read each file with Pillow into a float32 "
        "array per class, pickle each class. Whole processes from start to exit, in turn; the "
        "ratio is taken pair by pair. Median, and in brackets least and greatest, of "
        f"{len(measured[0].ours)} pairs, after one run of ours that is not counted.\n\n"
        + _comparison(measured),
        "## Size, memory, and a first question\n\n"
        "Store: all its bytes, logs and `views.sql` included. Memory: the greatest sum over all "
        "processes of an ingest, shared pages counted once where the system says so. "
        "`sql label_counts`: the whole command.\n\n" + _footprint(measured),
        "## Where an ingest's CPU time goes\n\n"
        f"Microseconds an image, of {stages['members']:,} members, in one process. Gunzip and tar "
        "walk run in the process that reads, the rest in the workers.\n\n"
        + _stages(stages["stages"]),
        "## What does not grow with the number of images\n\n"
        + table(("seconds", ""), [(f"{value:.2f}", name) for name, value in fixed.items()]),
        "## What `sql label_counts` imports\n\n"
        + table(("ms", "package"), [(f"{ms:.0f}", name) for name, ms in imports]),
    ]
    return "\n\n".join(sections) + "\n"


def write_part(file: Path, part: str) -> None:
    """Put a part into the file, in place of the one of the same title where there is one."""
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    title = part.partition("\n")[0]
    parts = [text.strip() for text in re.split(r"^(?=# )", old, flags=re.MULTILINE)]
    titles = [text.partition("\n")[0] for text in parts]
    if title in titles:
        parts[titles.index(title)] = part.strip()
    else:
        parts.append(part.strip())
    file.write_text("\n\n".join(filter(None, parts)) + "\n", encoding="utf-8")


def about_machine() -> str:
    """The day, the machine and the versions, as one line."""
    packages = []
    for package in _PACKAGES:
        try:
            packages.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            packages.append(f"no {package}")
    return (
        f"{datetime.now(UTC):%Y-%m-%d}. {_processor()}, {available_cores()} cores; "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}; "
        f"{', '.join(packages)}."
    )


def _processor() -> str:
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table; columns whose first cell begins with a digit stand right."""
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    right = [cell[:1].isdigit() for cell in rows[0]]
    lines = [
        [f"{cell:{'>' if r else '<'}{w}}" for cell, w, r in zip(row, widths, right, strict=True)]
        for row in (headers, *rows)
    ]
    rule = ["-" * (w + 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True)]
    body = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([body[0], "|" + "|".join(rule) + "|", *body[1:]])


def _comparison(measured: Sequence[Measured]) -> str:
    rows = [
        (
            f"{m.images:,}",
            Spread.of([cost.wall for cost in m.notebook]).text(1, " s"),
            Spread.of([cost.wall for cost in m.ours]).text(2, " s"),
            Spread.of(m.ratios).text(1),
            Spread.of([cost.cpu for cost in m.notebook]).text(1, " s"),
            Spread.of([cost.cpu for cost in m.ours]).text(2, " s"),
        )
        for m in measured
    ]
    return table(
        ("images", "notebook", "ingest", "times faster", "notebook, CPU", "ingest, CPU"), rows
    )


def _footprint(measured: Sequence[Measured]) -> str:
    rows = [
        (
            f"{m.images:,}",
            f"{m.archive_bytes / _MIB:.1f} MiB",
            f"{m.store_bytes / _MIB:.1f} MiB",
            f"{m.store_bytes / m.archive_bytes:.3f}",
            f"{m.memory / _MIB:.0f} MiB",
            Spread.of([cost.wall for cost in m.label_counts]).text(2, " s"),
        )
        for m in measured
    ]
    return table(
        ("images", "tar.gz", "store", "store / tar.gz", "memory", "sql label_counts"), rows
    )


def _stages(stages: dict[str, float]) -> str:
    rows = [(f"{seconds * 1e6:.2f}", name) for name, seconds in stages.items()]
    return table(("µs", "stage"), [*rows, (f"{sum(stages.values()) * 1e6:.2f}", "together")])
