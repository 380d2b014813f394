"""The page's plots as inline SVG: stacked bars, a histogram, and curves with their intervals.

Nothing in them has a style of its own, which the page's content security policy forbids: the style
sheet colours `f1` (fills) and `k1` (strokes) as the first series, and so on. The legend is a list
beside the drawing, so that it wraps as text does. Same rows, same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

from notmnist_store.report.markup import Html, element, join, share
from notmnist_store.text import printable

_WIDTH = 460
_ROOM = 150
_FONT = 11
_CSS_PIXELS = 1.39
_LEAST_PITCH = 12
_LONGEST_LABEL = 14
_SERIES = 5
_DASHES = (None, "7 4", "2 3", "8 3 2 3", "5 2")
_MARKS = (
    "m-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0z",
    "m-3-3h6v6h-6z",
    "m0-4l4 7h-8z",
    "m0-4l4 4-4 4-4-4z",
    "m0 4l4-7h-8z",
)


@dataclass(frozen=True)
class _Scale:
    """Where values stand along an axis, in units of the drawing."""

    least: float
    most: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value; the middle where there is but one."""
        if self.most == self.least:
            return (self.start + self.end) / 2
        return self.start + (value - self.least) / (self.most - self.least) * (
            self.end - self.start
        )


@dataclass(frozen=True)
class _Label:
    """A text at a place of the horizontal axis."""

    place: float
    text: str


class _Drawing:
    """A plot's frame: a grid with its values on the left, labels below, titles at both."""

    def __init__(self, y_title: str, y_ticks: Mapping[float, str], *, left: float = 0) -> None:
        widest = max(map(_wide, y_ticks.values()))
        self._titles_end = 1.6 * _FONT
        self.left = max(left, self._titles_end + widest + 6)
        self.top = 0.6 * _FONT
        self.bottom = self.top + _ROOM
        self.y = _Scale(min(y_ticks), max(y_ticks), self.bottom, self.top)
        self._y_title = y_title
        self._y_ticks = y_ticks

    def finished(
        self,
        marks: Iterable[Html],
        labels: Sequence[_Label],
        *,
        name: str,
        alternative: str,
        description: str,
        width: float = _WIDTH,
        x_title: str = "",
        turned: bool = False,
    ) -> Html:
        """The whole drawing; `turned` labels stand on their side and make it higher."""
        right = width - 0.8 * _FONT
        below = self.bottom + 1.4 * _FONT
        longest = max((_wide(label.text) for label in labels), default=0)
        end = self.bottom + longest + _FONT if turned else below + 0.4 * _FONT
        height = end + (1.5 * _FONT if x_title else 0)
        inner = join(
            element("title", alternative, id=f"{name}-title"),
            element("desc", description, id=f"{name}-description"),
            [self._tick(value, text, right) for value, text in self._y_ticks.items()],
            marks,
            _line(self.left, self.bottom, right, self.bottom, class_="axis"),
            [
                _turned(label.text, label.place + 0.3 * _FONT, self.bottom + 0.7 * _FONT, -60)
                if turned
                else _text(label.text, label.place, below, text_anchor="middle")
                for label in labels
            ],
            _text(x_title, (self.left + right) / 2, height - 0.4 * _FONT, text_anchor="middle")
            if x_title
            else None,
            _turned(self._y_title, _FONT, (self.top + self.bottom) / 2, -90, text_anchor="middle"),
        )
        return element(
            "svg",
            inner,
            viewBox=f"0 0 {_units(width)} {_units(height)}",
            width=round(_CSS_PIXELS * width),
            role="img",
            aria_labelledby=f"{name}-title",
            aria_describedby=f"{name}-description",
            class_="plot wide" if width > _WIDTH else "plot",
            id=name,
        )

    def _tick(self, value: float, text: str, right: float) -> Html:
        place = self.y.at(value)
        return join(
            _line(self.left, place, right, place, class_="grid"),
            _text(text, self.left - 5, place + 0.36 * _FONT, text_anchor="end"),
        )


def bars(
    labels: Sequence[str],
    series: Mapping[str, Sequence[int]],
    *,
    name: str,
    alternative: str,
    unit: str = "images",
) -> Html:
    """Stacked bars, one a label, with a part for each series. `name` is the plot's id."""
    heights = [sum(parts) for parts in zip(*series.values(), strict=True)]
    shown = [_short(label) for label in labels]
    ticks = {tick: f"{tick:,.0f}" for tick in round_values(0, max(heights), whole=True)}
    drawing = _Drawing(unit, ticks)
    pitch = max((_WIDTH - 0.8 * _FONT - drawing.left) / len(labels), _LEAST_PITCH)
    turned = any(_wide(text) > pitch - 3 for text in shown)
    if turned:  # its label must not begin left of the drawing
        drawing = _Drawing(unit, ticks, left=0.5 * _wide(shown[0]))
    base = [0] * len(labels)
    marks = []
    for place, values in enumerate(series.values()):
        ends = [below + value for below, value in zip(base, values, strict=True)]
        marks += [
            element(
                "rect",
                x=_units(drawing.left + (column + 0.13) * pitch),
                y=_units(drawing.y.at(end)),
                width=_units(0.74 * pitch),
                height=_units(drawing.y.at(below) - drawing.y.at(end)),
                class_=f"f{_of_series(place)}",
            )
            for column, (below, end) in enumerate(zip(base, ends, strict=True))
            if end > below
        ]
        base = ends
    spans = (f"{title} {min(values):,} to {max(values):,}" for title, values in series.items())
    drawn = drawing.finished(
        marks,
        [_Label(drawing.left + (i + 0.5) * pitch, text) for i, text in enumerate(shown)],
        name=name,
        alternative=alternative,
        description=f"{unit} a label: {'; '.join(spans)}",
        width=max(_WIDTH, drawing.left + len(labels) * pitch + 0.8 * _FONT),
        turned=turned,
    )
    keys = {title: _block(place) for place, title in enumerate(series)} if len(series) > 1 else {}
    return _with_legend(drawn, keys)


def curves(
    lines: Mapping[str, Sequence[tuple[float, float, float, float]]],
    *,
    name: str,
    alternative: str,
    x_title: str,
    y_title: str,
) -> Html:
    """Lines of points (x, y, low, high) over a logarithmic x, each with its interval as a band.

    y is a share of 1.
    """
    points = [point for line in lines.values() for point in line]
    sizes = sorted({point[0] for point in points})
    ticks = round_values(min(point[2] for point in points), max(point[3] for point in points))
    digits = max(0, -math.floor(math.log10(100 * (ticks[1] - ticks[0])) + 1e-9))
    drawing = _Drawing(y_title, {tick: f"{100 * tick:.{digits}f}%" for tick in ticks})
    x = _Scale(math.log10(sizes[0]), math.log10(sizes[-1]), drawing.left + 20, _WIDTH - 2.2 * _FONT)
    bands, drawn = [], []
    for place, line in enumerate(lines.values()):
        across = [x.at(math.log10(point[0])) for point in line]
        middle, low, high = ([drawing.y.at(point[k]) for point in line] for k in (1, 2, 3))
        outline = [*zip(across, low, strict=True), *zip(across[::-1], high[::-1], strict=True)]
        number = _of_series(place)
        bands.append(element("path", d=_path(outline) + "z", class_=f"f{number} k{number} band"))
        drawn.append(_curve(place, list(zip(across, middle, strict=True))))
    labels: list[_Label] = []
    for size in reversed(sizes):  # where two would touch, the larger size is named
        label = _Label(x.at(math.log10(size)), f"{size:,.0f}")
        room = labels[-1].place - _wide(labels[-1].text) / 2 if labels else _WIDTH
        if label.place + _wide(label.text) / 2 + 4 <= room:
            labels.append(label)
    ends = (
        f"{title}: {share(line[0][1])} at {line[0][0]:,.0f}, "
        f"{share(line[-1][1])} at {line[-1][0]:,.0f}"
        for title, line in lines.items()
    )
    stubs = [
        _line(place, drawing.bottom, place, drawing.bottom + 3, class_="axis")
        for place in (x.at(math.log10(size)) for size in sizes)
    ]
    plot = drawing.finished(
        [*bands, *drawn, *stubs],
        labels,
        name=name,
        alternative=alternative,
        description="; ".join(ends),
        x_title=x_title,
    )
    keys = {title: _curve(place, [(0, 6), (14, 6), (28, 6)]) for place, title in enumerate(lines)}
    return _with_legend(plot, keys)


def steps(
    edges: Sequence[float],
    counts: Sequence[int],
    *,
    name: str,
    alternative: str,
    x_title: str,
    y_title: str,
    marked: tuple[float, str],
) -> Html:
    """A histogram: counts (n,) between edges (n + 1,); `marked` is an x with its name."""
    ticks = round_values(0, max(counts), whole=True)
    drawing = _Drawing(y_title, {tick: f"{tick:,.0f}" for tick in ticks})
    end = max(edges[-1], marked[0])
    x = _Scale(edges[0], end, drawing.left, _WIDTH - 1.6 * _FONT)
    outline = [(x.at(edges[0]), drawing.bottom)]
    for left, right, counted in zip(edges, edges[1:], counts, strict=False):
        outline += [(x.at(left), drawing.y.at(counted)), (x.at(right), drawing.y.at(counted))]
    outline.append((x.at(edges[-1]), drawing.bottom))
    most = max(range(len(counts)), key=counts.__getitem__)
    mark = x.at(marked[0])
    plot = drawing.finished(
        [
            element("path", d=_path(outline) + "z", class_="f1"),
            _line(mark, drawing.top, mark, drawing.bottom, class_="k3 marked"),
        ],
        [
            _Label(x.at(tick), f"{tick:.6g}")
            for tick in round_values(edges[0], end)
            if edges[0] <= tick <= end * (1 + 1e-9)
        ],
        name=name,
        alternative=alternative,
        description=f"the most, {counts[most]:,}, from {edges[most]:g} to {edges[most + 1]:g}",
        x_title=x_title,
    )
    return _with_legend(plot, {marked[1]: _line(0, 6, 28, 6, class_="k3 marked")})


def _with_legend(drawing: Html, keys: Mapping[str, Html]) -> Html:
    items = [
        element("li", element("svg", key, viewBox="0 0 28 12", class_="key", aria_hidden="true"), t)
        for t, key in keys.items()
    ]
    legend = element("ul", items, class_="legend") if items else None
    return element("div", legend, element("div", drawing, class_="scroll"))


def _curve(place: int, points: Sequence[tuple[float, float]]) -> Html:
    """A line through the points with a mark on each; of a legend's three, on the middle one."""
    number = _of_series(place)
    marked = points[1:2] if points[0][0] == 0 else points
    marks = "".join(f"{_path([point])}{_MARKS[place % _SERIES]}" for point in marked)
    dashes = _DASHES[place % _SERIES]
    return join(
        element("path", d=_path(points), class_=f"k{number} line", stroke_dasharray=dashes),
        element("path", d=marks, class_=f"f{number}"),
    )


def _block(place: int) -> Html:
    return element("rect", x=8, y=0, width=12, height=12, class_=f"f{_of_series(place)}")


def _of_series(place: int) -> int:
    """The number of a series' colour; there are five, and they come around."""
    return place % _SERIES + 1


def _line(x1: float, y1: float, x2: float, y2: float, *, class_: str) -> Html:
    return element("path", d=_path([(x1, y1), (x2, y2)]), class_=f"line {class_}")


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_units(x)} {_units(y)}" for x, y in points)


def _text(text: str, x: float, y: float, **attributes: str) -> Html:
    return element("text", text, x=_units(x), y=_units(y), font_size=_FONT, **attributes)


def _turned(text: str, x: float, y: float, degrees: int, text_anchor: str = "end") -> Html:
    turn = f"rotate({degrees} {_units(x)} {_units(y)})"
    return _text(text, x, y, transform=turn, text_anchor=text_anchor)


def _units(value: float) -> str:
    """A length of the drawing, to a hundredth."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _wide(text: str) -> float:
    """About how wide a text is; the page's font is not known here."""
    return _FONT * sum(1.0 if east_asian_width(letter) in "WF" else 0.6 for letter in text)


def _short(label: str) -> str:
    text = printable(label)
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def round_values(least: float, most: float, *, whole: bool = False) -> list[float]:
    """About five round values, evenly apart, from `least` or below to `most` or above."""
    rough = (most - least) / 5 or 0.01
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if power * factor >= 0.999 * rough)
    if whole:
        step = max(1.0, step)
    first = math.floor(least / step + 1e-9)
    last = max(first + 1, math.ceil(most / step - 1e-9))
    return [round(tick * step, 12) for tick in range(first, last + 1)]
