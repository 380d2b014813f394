"""What `peers.py` measured, as its part of RESULTS.md, and its growth as a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

from results import about_machine, table

_MIB = 1 << 20
TITLES = {
    "store": "Archive to store",
    "exact": "Exact copies",
    "near": "Near copies, within radius 2.0",
    "moved": "Near copies that moved, within radius 1.0 under shift1",
    "leaks": "Leaks: images of test within radius 2.0 of one of train",
    "clean": "A clean split: images of test that leak are left out",
    "array": "Training array",
}
_BUSY = 1.0
Results = Mapping[str, Mapping[str, Any]]


def markdown(results: Results, versions: Mapping[str, Sequence[str]]) -> str:
    sizes = sorted(results, key=int)
    lead = [size for size in sizes if "headline" in results[size]]
    load = max(results[size]["load"] for size in sizes)
    limits = ", ".join(f"{results[size]['limit']:,.0f} s at {int(size):,}" for size in sizes)
    sections = [
        "# Beside peers\n\nWritten by `make bench-peers ARGS=--write`; not for editing by hand.",
        *([_headline(int(lead[-1]), results[lead[-1]]["headline"])] if lead else []),
        about_machine(),
        "Letters drawn by `glyphs`; a tenth, at most 10,000, are test. Every peer in an "
        "environment of its own, every task in a process of its own, one run each, the peers in "
        "turn. Files are in the page cache, programs start cold; our loops were compiled before. "
        "Ours begins with the store that it made, the notebook with its pickles, datasets with "
        "its Parquet, FAISS with an array of the pixels, all others with unpacked files; unpacking "
        "is not counted but where the task is to make a store. Seconds, CPU seconds, and the most "
        "that all processes of the task held together. Recall and precision are those of pairs (of "
        "leaks: of images of test) by brute force for 1,000 images, 100 where they may have moved. "
        "For peers that have no task of their own for what moved, the run on near copies is "
        "judged. A task is stopped "
        f"after {limits}. "
        + (
            f"The load average was up to {load:.1f}: others were at work on these cores, so that "
            "seconds are several times those of a quiet machine, and CPU time is what to compare."
            if load > _BUSY
            else f"The load average was {load:.1f} before."
        ),
        *(f"## {title}\n\n{_table(results, task)}" for task, title in TITLES.items()),
        "## Growth\n\n![Seconds by images for near copies, both axes logarithmic](peers.svg)",
        "## Versions\n\n"
        + "\n".join(f"- {peer}: {', '.join(pins)}" for peer, pins in versions.items() if pins),
    ]
    return "\n\n".join(sections) + "\n"


def _headline(images: int, steps: Sequence[Mapping[str, Any]]) -> str:
    seconds = sum(step["seconds"] for step in steps)
    memory = max(step["memory"] for step in steps) / _MIB
    rows = [
        (f"{step['seconds']:.1f}", f"{step['memory'] / _MIB:,.0f}", f"`{step['command']}`")
        for step in steps
    ]
    return (
        f"**From two archives of {images:,} images to a certified clean split and a mapped array, "
        f"on 2 cores: {seconds:.1f} s, {memory:,.0f} MiB at the most.** Whole commands:\n\n"
        + table(("seconds", "MiB", "step"), rows)
    )


def _table(results: Results, task: str) -> str:
    rows = []
    for size in sorted(results, key=int):
        outcomes = results[size]["outcomes"]
        for key, outcome in outcomes.items():
            peer, _, name = key.rpartition(" ")
            if name == task:
                rows.append(_row(int(size), peer, outcome))
    heads = ("images", "peer", "seconds", "CPU s", "images/s", "MiB held", "MiB stored")
    return table((*heads, "recall", "precision", ""), rows) if rows else "Nothing was run."


def _row(images: int, peer: str, outcome: Mapping[str, Any]) -> tuple[str, ...]:
    if "error" in outcome:
        return (f"{images:,}", peer, *[""] * 7, outcome["error"].replace("|", "/"))
    said = ""
    if "left" in outcome:
        said = f"of {outcome['leaks']} leaks {outcome['left']} are left"
    return (
        f"{images:,}",
        peer,
        f"{outcome['seconds']:.2f}",
        f"{outcome['cpu']:.2f}",
        f"{images / outcome['seconds']:,.0f}",
        f"{outcome['memory'] / _MIB:,.0f}",
        f"{outcome['bytes'] / _MIB:.1f}" if "bytes" in outcome else "",
        *(f"{outcome[share]:.1%}" if share in outcome else "" for share in ("recall", "precision")),
        said,
    )


def draw_peers(results: Results, path: Path) -> None:
    """Seconds of near copies by images, an SVG that is the same for the same figures."""
    series: dict[str, dict[int, float]] = {}
    for size, of_size in results.items():
        for key, outcome in of_size["outcomes"].items():
            peer, _, task = key.rpartition(" ")
            if task == "near" and "cpu" in outcome:
                series.setdefault(peer, {})[int(size)] = outcome["seconds"]
    sizes = sorted({size for points in series.values() for size in points})
    every = [seconds for points in series.values() for seconds in points.values()]
    low, high = floor(log10(min(every))), ceil(log10(max(every)))
    first, last = log10(sizes[0]), log10(sizes[-1])

    def x(images: int) -> float:
        return 70 + 380 * (log10(images) - first) / ((last - first) or 1)

    def y(seconds: float) -> float:
        return 300 - 280 * (log10(seconds) - low) / ((high - low) or 1)

    marks = [
        f'<path class="grid" d="M70 {y(10.0**n):.1f}H450"/>'
        f'<text x="62" y="{y(10.0**n) + 4:.1f}" text-anchor="end">{10.0**n:g} s</text>'
        for n in range(low, high + 1)
    ]
    marks += [
        f'<text x="{x(size):.1f}" y="320" text-anchor="middle">{size:,}</text>' for size in sizes
    ]
    taken: list[float] = []
    for peer, points in sorted(series.items(), key=lambda item: max(item[1].values())):
        places = [(x(size), y(seconds)) for size, seconds in sorted(points.items())]
        line = "L".join(f"{across:.1f} {down:.1f}" for across, down in places)
        kind = "ours" if peer == "notmnist_store" else "other"
        marks.append(f'<path class="{kind}" d="M{line}"/>')
        marks += [f'<circle class="{kind}" cx="{a:.1f}" cy="{d:.1f}" r="3.5"/>' for a, d in places]
        down = places[-1][1] + 4
        while any(abs(down - other) < 13 for other in taken):
            down -= 1
        taken.append(down)
        marks.append(f'<text x="{places[-1][0] + 8:.1f}" y="{down:.1f}">{peer}</text>')
    style = (
        "text{font:12px sans-serif;fill:#555}.grid{stroke:#ccc}path.ours,path.other"
        "{fill:none;stroke-width:2}path.ours{stroke:#26c}path.other{stroke:#999}"
        "circle.ours{fill:#26c}circle.other{fill:#999}"
    )
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 350" role="img">'
        "<title>Seconds of a search for near copies by images, both axes logarithmic</title>"
        f'<style>{style}</style><rect width="600" height="350" fill="#fff"/>'
        + "\n".join(marks)
        + '<text x="260" y="342" text-anchor="middle">images</text></svg>\n'
    )
