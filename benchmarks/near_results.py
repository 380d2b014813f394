"""What `radius_join.py` measured, as its part of RESULTS.md, and its growth as a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results import about_machine, table

if TYPE_CHECKING:
    from radius_join import JoinCost

__all__ = ["draw_growth", "markdown"]

_GIB = 1 << 30
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
        "For the queries the pairs of both were compared one by one. "
        f"{sum(cost.sampled_pairs for cost in costs):,} pairs of ours; "
        f"{sum(cost.at_the_rounding for cost in costs):,} that only one has lie within FAISS's "
        f"float32 rounding of the radius; {sum(cost.disagreements for cost in costs):,} others.",
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
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "growth", "svg.fonttype": "none"}):
        figure = Figure(figsize=(6, 3.6), layout="constrained")
        axes = figure.subplots()
        images = [cost.images for cost in costs]
        ours = [cost.seconds for cost in costs]
        axes.loglog(images, ours, "o-", label=f"ours, exponent {exponent:.2f}")
        axes.loglog(images, [cost.faiss_seconds for cost in costs], "s--", label="FAISS, exact")
        axes.set_xlabel("images")
        axes.set_ylabel("seconds")
        axes.set_xticks(images, [f"{n:,}" for n in images])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(path, format="svg", metadata={"Date": None})
