"""The page's plots as inline SVG: stacked bars, a histogram, and curves with their intervals.

Nothing in them has a style of its own, which the page's content security policy forbids: the style
sheet colours `f1` (fills) and `k1` (strokes) as the first series, and so on. The legend is a list
beside the drawing, so that it wraps as text does. Same rows, same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypedDict, Unpack
from unicodedata import east_asian_width

from notmnist_store.report.markup import Html, element, join, share
from notmnist_store.text import printable

_WIDTH = 460
_ROOM = 150
_FONT = 11
_TOP = 0.6 * _FONT
_MARGIN = 0.8 * _FONT
_CSS_PIXELS = 1.39
_LEAST_PITCH = 12
_LONGEST_LABEL = 14
_DASHES = (None, "7 4", "2 3", "8 3 2 3", "5 2")
_MARKS = (
    "m-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0z",
    "m-3-3h6v6h-6z",
    "m0-4l4 7h-8z",
    "m0-4l4 4-4 4-4-4z",
    "m0 4l4-7h-8z",
)

_Point = tuple[float, float]


class Words(TypedDict, total=False):
    """What is said of a plot: its id, the text that stands for it, and the titles of its axes."""

    name: str
    alternative: str
    x_title: str
    y_title: str


class _Drawing:
    """A plot's frame: a grid with its values on the left, labels below, titles at both."""

    def __init__(self, y_ticks: Mapping[float, str], words: Words, *, left: float = 0) -> None:
        self.left = max(left, 1.6 * _FONT + max(map(_wide, y_ticks.values())) + 6)
        self.bottom = _TOP + _ROOM
        self.y = _scale(min(y_ticks), max(y_ticks), self.bottom, _TOP)
        self._words = words
        self._y_ticks = y_ticks

    def finished(
        self,
        marks: Iterable[Html],
        labels: Sequence[tuple[float, str]],
        keys: Mapping[str, Html],
        description: str,
        *,
        width: float = _WIDTH,
        turned: bool = False,
    ) -> Html:
        """The whole drawing under its legend; `turned` labels stand on their side."""
        name, x_title = self._words["name"], self._words.get("x_title")
        right = width - _MARGIN
        below = self.bottom + 1.4 * _FONT
        longest = max(_wide(text) for _, text in labels)
        end = self.bottom + 0.9 * longest + _FONT if turned else below + 0.4 * _FONT
        height = end + (1.5 * _FONT if x_title else 0)
        inner = join(
            element("title", self._words["alternative"], id=f"{name}-title"),
            element("desc", description, id=f"{name}-description"),
            [
                (
                    _line((self.left, self.y(value)), (right, self.y(value)), "grid"),
                    _text(text, self.left - 5, self.y(value) + 0.36 * _FONT, "end"),
                )
                for value, text in self._y_ticks.items()
            ],
            marks,
            _line((self.left, self.bottom), (right, self.bottom), "axis"),
            [
                _text(text, place + 0.3 * _FONT, self.bottom + 0.7 * _FONT, "end", turn=-60)
                if turned
                else _text(text, place, below, "middle")
                for place, text in labels
            ],
            _text(x_title, (self.left + right) / 2, height - 0.4 * _FONT, "middle")
            if x_title
            else None,
            _text(self._words["y_title"], _FONT, (_TOP + self.bottom) / 2, "middle", turn=-90),
        )
        drawing = element(
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
        legend = [
            element(
                "li",
                element("svg", key, viewBox="0 0 28 12", class_="key", aria_hidden="true"),
                title,
            )
            for title, key in keys.items()
        ]
        return element(
            "div",
            element("ul", legend, class_="legend") if legend else None,
            element("div", drawing, class_="scroll"),
        )


def bars(
    labels: Sequence[str],
    series: Mapping[str, Sequence[int]],
    **words: Unpack[Words],
) -> Html:
    """Stacked bars of images, one a label, with a part for each series."""
    words["y_title"] = "images"
    heights = [sum(parts) for parts in zip(*series.values(), strict=True)]
    shown = [_short(label) for label in labels]
    ticks = {tick: f"{tick:,.0f}" for tick in round_values(0, max(heights), whole=True)}
    drawing = _Drawing(ticks, words)
    pitch = max((_WIDTH - _MARGIN - drawing.left) / len(labels), _LEAST_PITCH)
    turned = any(_wide(text) > pitch - 3 for text in shown)
    if turned:  # its label must not begin left of the drawing
        drawing = _Drawing(ticks, words, left=0.5 * _wide(shown[0]))
    base = [0] * len(labels)
    marks = []
    for number, values in enumerate(series.values(), 1):
        ends = [below + value for below, value in zip(base, values, strict=True)]
        for column, (below, end) in enumerate(zip(base, ends, strict=True)):
            left, top = drawing.left + (column + 0.13) * pitch, drawing.y(end)
            if end > below:
                marks.append(_block(left, top, 0.74 * pitch, drawing.y(below) - top, number))
        base = ends
    spans = (f"{title} {min(values):,} to {max(values):,}" for title, values in series.items())
    keys = {title: _block(8, 0, 12, 12, number) for number, title in enumerate(series, 1)}
    return drawing.finished(
        marks,
        [(drawing.left + (place + 0.5) * pitch, text) for place, text in enumerate(shown)],
        keys if len(keys) > 1 else {},
        f"images a label: {'; '.join(spans)}",
        width=max(_WIDTH, drawing.left + len(labels) * pitch + _MARGIN),
        turned=turned,
    )


def curves(
    lines: Mapping[str, Sequence[tuple[float, float, float, float]]],
    **words: Unpack[Words],
) -> Html:
    """Lines of points (x, y, low, high) over a logarithmic x, each with its interval as a band.

    y is a share of 1.
    """
    points = [point for line in lines.values() for point in line]
    sizes = sorted({point[0] for point in points})
    ticks = round_values(min(point[2] for point in points), max(point[3] for point in points))
    digits = max(0, -math.floor(math.log10(100 * (ticks[1] - ticks[0])) + 1e-9))
    drawing = _Drawing({tick: f"{100 * tick:.{digits}f}%" for tick in ticks}, words)
    ends = drawing.left + 20, _WIDTH - 2.5 * _MARGIN
    x = _scale(math.log10(sizes[0]), math.log10(sizes[-1]), *ends)
    places = {size: x(math.log10(size)) for size in sizes}
    bands, drawn = [], []
    for number, line in enumerate(lines.values(), 1):
        middle, low, high = (
            [(places[point[0]], drawing.y(point[k])) for point in line] for k in (1, 2, 3)
        )
        band = f"f{number} k{number} band"
        bands.append(element("path", d=_path([*low, *reversed(high)]) + "z", class_=band))
        drawn.append(_curve(number, middle, middle))
    stubs = [
        _line((place, drawing.bottom), (place, drawing.bottom + 3), "axis")
        for place in places.values()
    ]
    labels: list[tuple[float, str]] = []
    free = float(_WIDTH)
    for size in reversed(sizes):  # where two would touch, the larger size is named
        text = f"{size:,.0f}"
        if places[size] + _wide(text) / 2 + 4 <= free:
            labels.append((places[size], text))
            free = places[size] - _wide(text) / 2
    spoken = (
        f"{title}: {share(line[0][1])} at {line[0][0]:,.0f}, "
        f"{share(line[-1][1])} at {line[-1][0]:,.0f}"
        for title, line in lines.items()
    )
    return drawing.finished(
        [*bands, *drawn, *stubs],
        labels,
        {
            title: _curve(number, [(0, 6), (28, 6)], [(14, 6)])
            for number, title in enumerate(lines, 1)
        },
        "; ".join(spoken),
    )


def steps(
    edges: Sequence[float],
    counts: Sequence[int],
    *,
    marked: tuple[float, str],
    **words: Unpack[Words],
) -> Html:
    """A histogram: counts (n,) between edges (n + 1,); `marked` is an x with its name."""
    ticks = round_values(0, max(counts), whole=True)
    drawing = _Drawing({tick: f"{tick:,.0f}" for tick in ticks}, words)
    end = max(edges[-1], marked[0])
    x = _scale(edges[0], end, drawing.left, _WIDTH - 2 * _MARGIN)
    outline = [(x(edges[0]), drawing.bottom)]
    for left, right, counted in zip(edges, edges[1:], counts, strict=False):
        outline += [(x(left), drawing.y(counted)), (x(right), drawing.y(counted))]
    outline.append((x(edges[-1]), drawing.bottom))
    most = max(range(len(counts)), key=counts.__getitem__)
    return drawing.finished(
        [
            element("path", d=_path(outline) + "z", class_="f1"),
            _line((x(marked[0]), _TOP), (x(marked[0]), drawing.bottom), "k3 marked"),
        ],
        [
            (x(tick), f"{tick:.6g}")
            for tick in round_values(edges[0], end)
            if edges[0] <= tick <= end * (1 + 1e-9)
        ],
        {marked[1]: _line((0, 6), (28, 6), "k3 marked")},
        f"the most, {counts[most]:,}, from {edges[most]:g} to {edges[most + 1]:g}",
    )


def _scale(least: float, most: float, start: float, end: float) -> Callable[[float], float]:
    """Where values stand along an axis of the drawing; in the middle where there is but one."""
    if most == least:
        return lambda value: (start + end) / 2
    return lambda value: start + (value - least) / (most - least) * (end - start)


def _curve(number: int, points: Sequence[_Point], marked: Sequence[_Point]) -> Html:
    """A line through the points, in the dashes and with the marks of its series."""
    kind = (number - 1) % len(_MARKS)
    marks = "".join(f"{_path([point])}{_MARKS[kind]}" for point in marked)
    return join(
        element("path", d=_path(points), class_=f"k{number} line", stroke_dasharray=_DASHES[kind]),
        element("path", d=marks, class_=f"f{number}"),
    )


def _block(x: float, y: float, width: float, height: float, number: int) -> Html:
    sides = {"x": x, "y": y, "width": width, "height": height}
    units = {side: _units(length) for side, length in sides.items()}
    return element("rect", **units, class_=f"f{number}")


def _line(start: _Point, end: _Point, classes: str) -> Html:
    return element("path", d=_path([start, end]), class_=f"line {classes}")


def _path(points: Iterable[_Point]) -> str:
    return "M" + "L".join(f"{_units(x)} {_units(y)}" for x, y in points)


def _text(text: str, x: float, y: float, anchor: str, *, turn: int | None = None) -> Html:
    at = {"x": _units(x), "y": _units(y)}
    turned = None if turn is None else f"rotate({turn} {at['x']} {at['y']})"
    return element("text", text, **at, font_size=_FONT, text_anchor=anchor, transform=turned)


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
