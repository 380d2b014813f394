"""What `radius_join.py` measured, as its part of RESULTS.md, and its growth as a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from pathlib import Path
from statistics import median
from typing import Any

from measure import JoinCost, MovedCost, Spread
from results import about_machine, table

from notmnist_store.schema.radius import Radius
from notmnist_store.schema.shape import Shape

_GIB = 1 << 30
_ASKED_TIMES = {"flip": "at most 3", "shift1": "at most 10"}
_ASKED_FASTER = {100_000: "at least 50", 529_114: "at least 200"}


def markdown(
    costs: Sequence[JoinCost],
    *,
    radius: str,
    exponent: float | None,
    train_and_test: Mapping[str, Any] | None,
    cleanvision: Mapping[str, Any] | None,
    load: float,
) -> str:
    """The whole part, from its title on."""
    runs = len(costs[0].all_seconds)
    parts = [
        "# Near duplicates",
        "Written by `make bench-near ARGS=--write`; not for editing by hand.",
        about_machine(),
        f"Images drawn from a store of letters, copies included; radius {radius}. Ours: copies "
        "collapsed, basis, tree, join, all pairs held at the end; median (least to greatest) of "
        f"{runs} runs in a process of its own, after the loops were compiled. FAISS: "
        "`IndexFlatL2.range_search` on the same vectors in the same run, building its index and "
        f"extrapolated from {costs[0].faiss_queries:,} queries. Both on two threads. The machine's "
        f"load average was {load:.1f} before.",
        "## All pairs",
        _sizes(costs),
        f"Loading the compiled loops, or compiling them once for a machine, took "
        f"{costs[0].compile_seconds:.1f} s and is not in these figures.",
        _agreement(costs),
    ]
    if exponent is not None:
        parts += [
            "## Growth",
            f"Seconds grow as the number of images to the power {exponent:.2f} from "
            f"{costs[0].images:,} to {costs[-1].images:,}.",
            "![Seconds by images, ours and FAISS, both axes logarithmic](growth.svg)",
        ]
    if train_and_test is not None:
        parts += ["## Train against test", _train_and_test(train_and_test)]
    if cleanvision is not None:
        parts += ["## Beside cleanvision", _cleanvision(cleanvision)]
    return "\n\n".join(parts) + "\n"


def _agreement(costs: Sequence[JoinCost] | Sequence[MovedCost]) -> str:
    return (
        "For the queries the pairs of both were compared one by one. "
        f"{sum(cost.sampled_pairs for cost in costs):,} pairs of ours; "
        f"{sum(cost.at_the_rounding for cost in costs):,} that only one has lie within FAISS's "
        f"float32 rounding of the radius; {sum(cost.disagreements for cost in costs):,} others."
    )


def _sizes(costs: Sequence[JoinCost]) -> str:
    rows = [
        (
            f"{cost.images:,}",
            f"{cost.distinct:,}",
            f"{cost.pairs:,}",
            f"{cost.seconds:.2f} s ({min(cost.all_seconds):.2f} to {max(cost.all_seconds):.2f})",
            f"{sorted(cost.cpu_seconds)[len(cost.cpu_seconds) // 2]:.2f} s",
            f"{cost.faiss_seconds:,.0f} s",
            f"{cost.times_faster:.0f}",
            _ASKED_FASTER.get(cost.images, ""),
            f"{cost.peak_bytes / _GIB:.2f} GiB",
        )
        for cost in costs
    ]
    heads = ("images", "pictures", "pairs", "ours", "CPU", "FAISS", "times faster", "asked")
    return table((*heads, "memory"), rows)


def shapes_markdown(
    costs: Mapping[tuple[str, Shape], Sequence[JoinCost]],
    exponents: Mapping[tuple[str, Shape], float],
    *,
    radius: Radius,
    load: float,
) -> str:
    """The part of `other_shapes.py`, from its title on."""
    first, *_ = costs.values()
    rows = [
        (
            str(shape),
            kind,
            radius.scaled(shape).text,
            f"{cost.images:,}",
            f"{cost.pairs:,}",
            Spread.of(cost.all_seconds).text(2, " s"),
            f"{median(cost.cpu_seconds):.2f} s",
            f"{cost.faiss_seconds:,.1f} s",
            f"{cost.times_faster:.1f}",
            f"{cost.peak_bytes / _GIB:.2f} GiB",
            f"{exponents[kind, shape]:.2f}",
        )
        for (kind, shape), of_this in costs.items()
        for cost in of_this
    ]
    heads = ("shape", "kind", "radius", "images", "pairs", "ours", "CPU", "FAISS", "times faster")
    every = [cost for of_this in costs.values() for cost in of_this]
    parts = [
        "# Near duplicates of other shapes",
        "Written by `python benchmarks/other_shapes.py STORE --write`; not for editing by hand.",
        about_machine(),
        "Letters: pictures of a store, enlarged, each in one of 8 pairs of colours. Clouds: random "
        "fields in colour, the amplitude of a wave inverse to its frequency, as photographs have "
        "it on average; every tenth is another one with noise of sigma 2. "
        f"Radius {radius}, scaled to the shape. Ours: median (least to greatest) of "
        f"{len(first[0].all_seconds)} runs; FAISS: extrapolated from {first[0].faiss_queries:,} "
        "queries; both as in the part on near duplicates, on two threads. Growth: CPU time grows "
        "as the number of images to this power, from the first of the three sizes to the last. The "
        f"machine's load average was {load:.1f} before.",
        table((*heads, "memory", "growth"), rows),
        _agreement(every),
    ]
    return "\n\n".join(parts) + "\n"


def moved_markdown(costs: Sequence[MovedCost], *, images: int, radius: str, load: float) -> str:
    """The part of `moved_copies.py`, from its title on."""
    plain = next((cost for cost in costs if cost.transforms == "none"), None)
    rows = []
    for cost in costs:
        seconds = Spread.of(cost.all_seconds)
        times = seconds.median / median(plain.all_seconds) if plain else None
        rows.append(
            (
                cost.transforms,
                f"{cost.pairs:,}",
                seconds.text(2, " s"),
                "" if times is None else f"{times:.1f}",
                _ASKED_TIMES.get(cost.transforms, ""),
                f"{cost.peak_bytes / _GIB:.2f} GiB",
                f"{cost.moves}",
                f"{cost.faiss_seconds:,.0f} s",
                f"{cost.times_faster:.0f}",
            )
        )
    heads = ("under", "pairs", "ours", "times plain", "asked", "memory", "copies of each")
    parts = [
        "# Near duplicates that moved",
        "Written by `python benchmarks/moved_copies.py STORE --write`; not for editing by hand.",
        about_machine(),
        f"The {costs[0].images:,} different pictures of {images:,} letters; radius {radius}. Ours: "
        "the search of `near-duplicates`, all pairs held at the end; median (least to greatest) of "
        f"{len(costs[0].all_seconds)} runs in a process of its own, after the loops were compiled. "
        "FAISS: `IndexFlatL2.range_search` of each picture and of each copy of it that the set "
        f"makes, building its index and extrapolated from {costs[0].faiss_queries:,} pictures. "
        f"Both on two threads. The machine's load average was {load:.1f} before.",
        table((*heads, "FAISS", "times faster"), rows),
        _agreement(costs),
    ]
    return "\n\n".join(parts) + "\n"


def _train_and_test(found: Mapping[str, Any]) -> str:
    return (
        f"{found['train']:,} images against {found['test']:,}: {found['seconds']:.2f} s, FAISS "
        f"{found['faiss_seconds']:.1f} s for all of it: {found['times_faster']:.1f} times faster "
        f"(asked: at least 8). {found['pairs']:,} pairs, by FAISS {found['faiss_pairs']:,}."
    )


def _cleanvision(found: Mapping[str, Any]) -> str:
    return (
        f"cleanvision {found['version']} looks for exact and near duplicates by hashes; on "
        f"{found['images']:,} PNG files it took {found['seconds']:.1f} s "
        f"({found['images'] / found['seconds']:,.0f} images/s) and put {found['in_sets']:,} images "
        f"into sets of near duplicates. `near-duplicates` on a store of the same images took "
        f"{found['our_seconds']:.1f} s, start-up included, and found {found['our_pairs']:,} pairs. "
        f"Of the pairs within radius {found['radius']}, cleanvision has {found['share']:.0%} in a "
        "common set."
    )


def draw_growth(costs: Sequence[JoinCost], exponent: float, path: Path) -> None:
    """Seconds by images on logarithmic axes, as an SVG that is the same for the same figures."""
    series = {
        f"ours, exponent {exponent:.2f}": [cost.seconds for cost in costs],
        "FAISS, exact": [cost.faiss_seconds for cost in costs],
    }
    every = [value for values in series.values() for value in values]
    decades = range(floor(log10(min(every))), ceil(log10(max(every))) + 1)
    first, last = log10(costs[0].images), log10(costs[-1].images)

    def x(images: int) -> float:
        return 70 + 380 * (log10(images) - first) / ((last - first) or 1)

    def y(seconds: float) -> float:
        return 300 - 280 * (log10(seconds) - decades[0]) / (decades[-1] - decades[0])

    marks = [
        f'<path class="grid" d="M70 {y(10.0**n):.1f}H450"/>'
        f'<text x="62" y="{y(10.0**n) + 4:.1f}" text-anchor="end">{10.0**n:g} s</text>'
        for n in decades
    ]
    marks += [
        f'<text x="{x(cost.images):.1f}" y="320" text-anchor="middle">{cost.images:,}</text>'
        for cost in costs
    ]
    for name, values in series.items():
        points = [(x(cost.images), y(value)) for cost, value in zip(costs, values, strict=True)]
        line = "L".join(f"{across:.1f} {down:.1f}" for across, down in points)
        dashes = "" if name.startswith("ours") else ' stroke-dasharray="6 4"'
        marks.append(f'<path class="line" d="M{line}"{dashes}/>')
        marks += [f'<circle cx="{a:.1f}" cy="{d:.1f}" r="3.5"/>' for a, d in points]
        marks.append(f'<text x="{points[-1][0] + 8:.1f}" y="{points[-1][1] + 4:.1f}">{name}</text>')
    style = (
        "text{font:12px sans-serif;fill:#555}.grid{stroke:#ccc}"
        ".line{fill:none;stroke:#26c;stroke-width:2}circle{fill:#26c}"
    )
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 350" role="img">'
        f"<title>Seconds by images, both axes logarithmic</title><style>{style}</style>"
        '<rect width="600" height="350" fill="#fff"/>'
        + "\n".join(marks)
        + '<text x="260" y="342" text-anchor="middle">images</text></svg>\n'
    )
