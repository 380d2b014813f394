"""What `use.py` measured, as its part of RESULTS.md."""

from __future__ import annotations

from statistics import median

from measure import Spread, Used
from results import about_machine, table

_MIB = 1 << 20


def markdown(used: Used) -> str:
    """The whole part, from its title on."""
    sizes = used.sizes
    runs = len(used.ours["split"])
    as_uint8, as_float32 = (sizes.train * (28 * 28 * each + 8) / _MIB for each in (1, 4))
    parts = [
        "# Using a store",
        "Written by `make bench-use ARGS=--write`; not for editing by hand.",
        about_machine(),
        f"A store of {used.images:,} images, and a split set of the recipe notebook with "
        f"{sizes.train:,} images of train, {sizes.valid:,} of valid and {sizes.test:,} of test. "
        f"Median, and in brackets least and greatest, of {runs} runs. The files are in the page "
        f"cache. The machine's load average was {used.load:.1f} before. "
        "Each loading is a process of its own, which has loaded a smaller split before.",
        "## Beside what was asked",
        _asked(used),
        "## Beside pandas, pickle and datasets",
        _beside(used),
        "## Memory while loading the training images",
        "The greatest beyond what the process held before. The images with their labels are "
        f"{as_uint8:,.0f} MiB as uint8 and {as_float32:,.0f} MiB as float32.",
        _memory(used),
    ]
    return "\n\n".join(parts) + "\n"


def _asked(used: Used) -> str:
    ours, theirs = used.ours, used.theirs
    unpickle = median(theirs["unpickle"])
    rows = [
        ("all exact audits and reports in one go", _s(ours["together"]), "under 3 s"),
        ("all exact audits alone", _s(ours["audits"]), ""),
        ("all exact reports alone, in one connection", _s(ours["reports"]), ""),
        ("all exact reports alone, each in a new one", _s(ours["reports, each"]), ""),
        ("the notebook's split", _s(ours["split"]), "under 2 s"),
        ("load train as uint8", _s(ours["load uint8"]), ""),
        ("… by unpickling", _ratio(ours["load uint8"], unpickle), "at most 1.5"),
        ("load train as float32", _s(ours["load float32"]), ""),
        ("… by unpickling", _ratio(ours["load float32"], unpickle), "at most 3"),
        ("map the npy, first batch", _s(ours["open npy"], 4), ""),
        ("… unpickling by it", f"{unpickle / median(ours['open npy']):.0f}", "at least 3"),
        ("map the npy, read all", _s(ours["read npy"]), ""),
        ("… unpickling by it", f"{unpickle / median(ours['read npy']):.1f}", "at least 3"),
        ("one image by id", _s(ours["one"], 4), "under 0.03 s"),
        ("1,000 random images by id", _s(ours["some"]), ""),
        ("… by a scan of the pixels", _ratio(ours["some"], median(ours["scan"])), "at most 1.5"),
    ]
    return table(("what", "measured", "asked"), rows)


def _beside(used: Used) -> str:
    ours, theirs = used.ours, used.theirs
    rows = [
        ("unpickle the training images, float32", _s(theirs["unpickle"])),
        ("the notebook's merge_datasets and randomize, from class pickles to arrays",
         _s(theirs["notebook split"])),
        ("ours: split, and load the training images as float32",
         f"{median(ours['split']) + median(ours['load float32']):.2f} s"),
        ("pandas: md5 of the training images in memory, copies, counts by label",
         _s(theirs["pandas"])),
        ("ours: all exact audits and reports on all images",
         _s(ours["together"])),
    ]  # fmt: skip
    if "datasets, first" in theirs:
        per_image = median(theirs["datasets, an image"])
        rows += [
            ("datasets: open the export for the first time", _s(theirs["datasets, first"])),
            ("datasets: open it again", _s(theirs["datasets, again"])),
            ("datasets: decode an image to NumPy, of 10,000", f"{per_image * 1e6:.0f} µs"),
            ("ours: load an image to NumPy, of the training images",
             f"{median(ours['load uint8']) / used.sizes.train * 1e6:.2f} µs"),
        ]  # fmt: skip
    return table(("what", "time"), rows)


def _memory(used: Used) -> str:
    per_image = {"load uint8": 28 * 28 + 8, "load float32": 4 * 28 * 28 + 8}
    per_image["unpickle"] = 4 * 28 * 28 + 4
    rows = [
        (
            name,
            f"{used.memory[name] / _MIB:,.0f} MiB",
            f"{used.memory[name] / (used.sizes.train * size):.2f}",
            "" if name == "unpickle" else "at most 1.3",
        )
        for name, size in per_image.items()
    ]
    return table(("what", "memory", "by the result", "asked"), rows)


def _s(values: list[float], digits: int = 2) -> str:
    return Spread.of(values).text(digits, " s")


def _ratio(values: list[float], unit: float) -> str:
    return Spread.of([value / unit for value in values]).text(2)
