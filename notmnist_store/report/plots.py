"""Plots as inline SVG: matplotlib lays them out, the page's style sheet colours them.

matplotlib writes inline styles, which the page's content security policy forbids; here they become
attributes, colours become classes (`f1` fills and `k1` draws with the first series' colour, `fi`
and `ki` with the text's), and text stays text. Same rows, same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from notmnist_store.errors import StoreError
from notmnist_store.report.markup import Html, element, join
from notmnist_store.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _MUTED, _GRID = "#000001", "#000002", "#000003"
SERIES = tuple(f"#00001{place}" for place in range(1, 6))
"""Stand-ins for the colours of a plot's series; the style sheet has the colours themselves."""

_CLASSES = {_INK: "i", _MUTED: "m", _GRID: "g"} | {
    colour: str(place) for place, colour in enumerate(SERIES, 1)
}
_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_FONT_PIXELS = re.compile(r"([0-9.]+)px")
_LONGEST_LABEL = 14


def check_matplotlib() -> None:
    """Raise StoreError, with the command that installs it, where matplotlib is not there."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise StoreError(
            "the report's plots need matplotlib, which is not installed",
            "pip install 'notmnist-store[report]'",
        ) from error


@contextmanager
def _drawn(width: float, height: float) -> Iterator[tuple[Axes, Callable[[], bytes]]]:
    """Axes of an empty plot (inches), and what gives its SVG file; no user's settings count."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": "notmnist_store",
                "font.size": 10,
                "axes.edgecolor": _MUTED,
                "axes.labelcolor": _INK,
                "axes.spines.right": False,
                "axes.spines.top": False,
                "grid.color": _GRID,
                "text.color": _INK,
                "text.parse_math": False,
                "xtick.color": _MUTED,
                "xtick.labelcolor": _INK,
                "ytick.color": _MUTED,
                "ytick.labelcolor": _INK,
            }
        )
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot(facecolor="none")

        def written() -> bytes:
            sink = io.BytesIO()
            nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            figure.savefig(sink, format="svg", metadata=nothing)
            return sink.getvalue()

        yield axes, written


def bars(
    labels: Sequence[str],
    series: Mapping[str, Sequence[int]],
    *,
    name: str,
    alternative: str,
    unit: str = "images",
) -> Html:
    """Stacked bars, one a label, with a part for each series. `name` is the plot's id."""
    with _drawn(6.4, 2.7) as (axes, written):
        base = [0.0] * len(labels)
        places = list(range(len(labels)))
        for colour, (title, values) in zip(SERIES, series.items(), strict=False):
            axes.bar(places, values, 0.74, bottom=base, label=title, color=colour, linewidth=0)
            base = [a + b for a, b in zip(base, values, strict=True)]
        turned = len(labels) > 12 or any(len(label) > 5 for label in labels)
        shown = [_short(label) for label in labels]
        axes.set_xticks(
            places, shown, rotation=60 if turned else 0, ha="right" if turned else "center"
        )
        axes.tick_params(axis="x", length=0)
        axes.margins(x=0.01)
        _finish(axes, "", unit)
        if len(series) > 1:
            _legend(axes, len(series))
        return clean_svg(written(), name, alternative)


def curves(
    lines: Mapping[str, Sequence[tuple[float, float, float, float]]],
    *,
    name: str,
    alternative: str,
    x_title: str,
    y_title: str,
) -> Html:
    """Lines of points (x, y, low, high) over a logarithmic x, each with its interval as a band."""
    from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter

    with _drawn(6.4, 3.4) as (axes, written):
        styles = ("-", "--", ":", "-.", "-")
        marks = ("o", "s", "^", "D", "v")
        for place, (title, points) in enumerate(lines.items()):
            x, y, low, high = (list(column) for column in zip(*points, strict=True))
            colour = SERIES[place % len(SERIES)]
            axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
            axes.plot(
                x,
                y,
                styles[place % 5],
                marker=marks[place % 5],
                markersize=4.5,
                color=colour,
                label=title,
            )
        axes.set_xscale("log")
        sizes = sorted({point[0] for points in lines.values() for point in points})
        axes.set_xticks(sizes)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(axis="x", which="minor", length=0)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        _finish(axes, x_title, y_title, thousands=False)
        _legend(axes, len(lines))
        return clean_svg(written(), name, alternative)


def steps(
    edges: Sequence[float],
    counts: Sequence[int],
    *,
    name: str,
    alternative: str,
    x_title: str,
    y_title: str,
    marked: tuple[float, str] | None = None,
) -> Html:
    """A histogram: counts (n,) between edges (n + 1,); `marked` is an x with its name."""
    with _drawn(6.4, 2.4) as (axes, written):
        axes.stairs(counts, edges, fill=True, color=SERIES[0])
        axes.margins(x=0)
        if marked is not None:
            axes.axvline(marked[0], color=SERIES[2], linewidth=1.5, linestyle="--", label=marked[1])
        _finish(axes, x_title, y_title)
        if marked is not None:
            _legend(axes, 1)
        return clean_svg(written(), name, alternative)


def _finish(axes: Axes, x_title: str, y_title: str, *, thousands: bool = True) -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    if thousands:
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlabel(x_title)
    axes.set_ylabel(y_title)
    axes.grid(axis="y", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _legend(axes: Axes, columns: int) -> None:
    place: Any = (0.0, 1.0)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=place,
        ncols=columns,
        frameon=False,
        borderaxespad=0.2,
        handlelength=1.4,
        columnspacing=1.4,
    )


def _short(label: str) -> str:
    text = printable(label)
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def clean_svg(file: bytes, name: str, alternative: str) -> Html:
    """Matplotlib's SVG file as an inline element: no style, no script, its ids begin with `name`.

    What is written are elements and attributes that are known here; the rest is left out.
    """
    root = ElementTree.fromstring(file)
    used = {
        link.removeprefix("#")
        for node in root.iter()
        for link in (node.get(_LINK, ""), node.get("clip-path", "").removeprefix("url(")[:-1])
        if link
    }
    inner = join(*(_node(child, name, used) for child in root))
    label = element("title", alternative)
    drawing = element(
        "svg", label, inner, viewBox=root.get("viewBox"), role="img", class_="plot", id=name
    )
    return element("div", drawing, class_="scroll")


_KEPT = {
    "clip-path",
    "d",
    "height",
    "transform",
    "width",
    "x",
    "y",
}
_STYLES = {
    "fill-opacity",
    "opacity",
    "stroke-dasharray",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-opacity",
    "stroke-width",
    "text-anchor",
}
_ELEMENTS = {"clipPath", "defs", "g", "path", "rect", "text", "tspan", "use"}


def _node(node: ElementTree.Element, name: str, used: set[str]) -> Html | None:
    tag = node.tag.removeprefix(_SVG)
    if tag not in _ELEMENTS:
        return None
    attributes = {key: value for key, value in node.attrib.items() if key in _KEPT}
    if "clip-path" in attributes:
        attributes["clip-path"] = attributes["clip-path"].replace("url(#", f"url(#{name}-")
    if node.get("id") in used:
        attributes["id"] = f"{name}-{node.get('id')}"
    if _LINK in node.attrib:
        attributes["href"] = f"#{name}-{node.attrib[_LINK].removeprefix('#')}"
    attributes |= _styles(node.get("style", ""))
    inner = [_node(child, name, used) for child in node]
    text = (node.text or "") if tag in ("text", "tspan") else ""
    if tag in ("g", "defs") and not any(inner):
        return None
    return element(tag, text, *inner, **attributes)


def _styles(style: str) -> dict[str, str]:
    """A style attribute as presentation attributes, colours as classes."""
    found: dict[str, str] = {}
    classes = []
    for part in style.split(";"):
        key, _, value = (piece.strip() for piece in part.partition(":"))
        if key in ("fill", "stroke"):
            if value in _CLASSES:
                classes.append(("f" if key == "fill" else "k") + _CLASSES[value])
            else:
                found[key] = value
        elif key in _STYLES:
            found[key] = value
        elif key in ("font", "font-size") and (size := _FONT_PIXELS.search(value)):
            found["font-size"] = size[1]
    return found | ({"class": " ".join(classes)} if classes else {})
