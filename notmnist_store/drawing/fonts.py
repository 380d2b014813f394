"""The fonts of the offline set, and what each of its images is drawn from.

The first faces are the fonts as published: every static file, and every hundred of weight (and the
condensed width, where there is one) of every variable file. Beyond them come stated variations of
those faces, set out in their file names as in `Oswald[wght540,slant6,stretch108,blur3].ttf`:

- `wght540`: that value of the font's own weight axis, where it has one;
- `slant6` / `backslant2`: sheared by that many degrees, before the crop;
- `stretch108`: the column at x in [0, 1] shows the ink at `x ** 1.08` (an even stretch would
  be undone by the scaling to 28x28);
- `blur3`: blurred after the scaling by [3, 58, 3] / 64 along both axes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from notmnist_store.errors import StoreError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

LETTERS = "ABCDEFGHIJ"

MAX_DRAWINGS = 300_000
"""Up to here every drawing of a plan has a name of its own."""

FAMILIES = tuple(
    """
    abel abril-fatface albert-sans alfa-slab-one alumni-sans andada-pro anton archivo-narrow
    arvo assistant atkinson-hyperlegible baloo-2 bebas-neue bitter black-ops-one bodoni-moda
    bricolage-grotesque bungee cabin caveat changa-one chivo cinzel comfortaa cormorant
    crimson-pro dancing-script dm-mono dm-serif-display domine dosis encode-sans epilogue exo
    exo-2 figtree fira-code fraunces fredoka geist geist-mono gravitas-one great-vibes
    hanken-grotesk heebo inconsolata indie-flower instrument-sans inter jetbrains-mono
    josefin-sans jost karla league-spartan lexend lexend-deca libre-baskerville libre-franklin
    lobster lobster-two lora luckiest-guy manrope montserrat noto-sans-khmer noto-sans-tamil
    noto-sans-thai nunito oleo-script open-sans orbitron oswald outfit pacifico permanent-marker
    playfair-display press-start-2p public-sans quicksand raleway red-hat-display red-hat-text
    righteous roboto roboto-condensed roboto-mono roboto-slab rowdies rubik satisfy
    shadows-into-light signika smooch-sans sora source-code-pro source-sans-3 space-grotesk
    space-mono syne titan-one unbounded urbanist vollkorn work-sans yanone-kaffeesatz yellowtail
    zeyada
    """.split()  # noqa: SIM905  a paragraph of words instead of a page of quotes
)
"""The font families of the set; each is the distribution `fontpkg-<family>`."""

_EM_PIXELS = 128
_CONDENSED = 75.0
REINSTALL_FONTS = "python -m pip install 'notmnist-store[glyphs]'"

_WEIGHT_NAMES = {
    100: "Thin",
    200: "ExtraLight",
    300: "Light",
    400: "Regular",
    500: "Medium",
    600: "SemiBold",
    700: "Bold",
    800: "ExtraBold",
    900: "Black",
    1000: "ExtraBlack",
}

# Slant, stretch and blur are one running number modulo three coprime counts: a design repeats a
# combination only after their product, 3,432. The stride is prime, so steps do not look alike.
_SLANTS, _STRETCHES, _BLURS = 13, 33, 8
_LEAST_SLANT, _LEAST_STRETCH = -2, 84
_STRIDE = 1777
# Coarse, so that an outline drawn once serves several variations.
_WEIGHT_STEP = 20


@dataclass(frozen=True)
class _Design:
    """One font file at one width: a run of faces that differ in weight only.

    `axes` holds the file's axis defaults, `weight_axis` the place of the weight among them.
    """

    file: str
    family: str
    stem: str
    style: str
    weights: tuple[int, ...]
    axes: tuple[float, ...]
    weight_axis: int | None

    def axes_at(self, weight: int) -> tuple[float, ...]:
        """Axis values of this design at `weight`; empty for a static font."""
        if self.weight_axis is None:
            return self.axes
        return (*self.axes[: self.weight_axis], weight, *self.axes[self.weight_axis + 1 :])


@dataclass(frozen=True)
class Drawing:
    """How every letter of one image name is drawn."""

    name: str
    file: str
    axes: tuple[float, ...]
    slant: int = 0
    stretch: int = 100
    blur: int = 0


@dataclass(frozen=True)
class Plan:
    """The designs, and their faces as (design, rank of the weight).

    Families take turns, each with its faces nearest to the regular weight first.
    """

    designs: tuple[_Design, ...]
    faces: tuple[tuple[int, int], ...]

    def drawing(self, index: int) -> Drawing:
        """The drawing of image `index` of every class: first the faces, then variations."""
        variation_round, face = divmod(index, len(self.faces))
        number, rank = self.faces[face]
        design = self.designs[number]
        if variation_round == 0:
            return _published(design, rank)
        step = (variation_round - 1) * len(design.weights) + rank
        return _varied(design, step, number)

    def families(self, drawings: int) -> int:
        """How many families the first `drawings` come from."""
        return len({self.designs[number].family for number, _ in self.faces[:drawings]})


def _installed() -> dict[str, Path]:
    """Family to the folder of its font files, for every family of FAMILIES."""
    folders: dict[str, Path] = {}
    missing: list[str] = []
    for family in FAMILIES:
        spec = find_spec("fontpkg_" + family.replace("-", "_"))
        if spec is None or not spec.submodule_search_locations:
            missing.append(f"fontpkg-{family}")
        else:
            folders[family] = Path(spec.submodule_search_locations[0], "files")
    if missing:
        named = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        raise StoreError(
            f"{len(missing)} font packages are not installed: {named}", REINSTALL_FONTS
        )
    return folders


def font_plan() -> Plan:
    """The plan over the installed packages of FAMILIES; StoreError names those that are missing."""
    pen = Pen()
    designs: list[_Design] = []
    turns: list[list[tuple[int, int]]] = []
    for family, folder in _installed().items():
        turn: list[tuple[int, int]] = []
        upright_first = sorted(folder.glob("*.[ot]tf"), key=lambda f: ("Italic" in f.name, f.name))
        for file in upright_first:
            for design in _designs_of(pen, file, family):
                turn += [(len(designs), rank) for rank in range(len(design.weights))]
                designs.append(design)
        turns.append(sorted(turn, key=lambda face: abs(designs[face[0]].weights[face[1]] - 400)))
    rounds = itertools.zip_longest(*turns)
    return Plan(tuple(designs), tuple(face for turn in rounds for face in turn if face))


def _designs_of(pen: Pen, file: Path, family: str) -> list[_Design]:
    """The designs in a font file: none if it lacks a letter, two if it has a condensed width."""
    if any(pen.ink(str(file), (), letter) is None for letter in LETTERS):
        return []
    stem, _, style = file.name.partition("[")[0].removesuffix(file.suffix).partition("-")
    axes = pen.axes(str(file))
    if "weight" not in axes:
        return [_Design(str(file), family, stem, style or "Regular", (0,), (), None)]
    low, _, high = axes["weight"]
    weights = tuple(weight for weight in _WEIGHT_NAMES if low <= weight <= high)
    design = _Design(
        file=str(file),
        family=family,
        stem=stem,
        style=style,
        weights=weights,
        axes=tuple(default for _, default, _ in axes.values()),
        weight_axis=list(axes).index("weight"),
    )
    if "width" not in axes or axes["width"][0] > _CONDENSED:
        return [design]
    place = list(axes).index("width")
    narrow = (*design.axes[:place], _CONDENSED, *design.axes[place + 1 :])
    return [design, replace(design, style="Condensed" + style, axes=narrow)]


def _published(design: _Design, rank: int) -> Drawing:
    """A face as its foundry names it: `Inter-MediumItalic`, `Inter-Italic`."""
    weight = design.weights[rank]
    name = design.style
    if design.weight_axis is not None:
        weight_name = "" if weight == 400 and name else _WEIGHT_NAMES[weight]
        name = name.removesuffix("Italic") + weight_name + name[-6:] * name.endswith("Italic")
    return Drawing(f"{design.stem}-{name}.ttf", design.file, design.axes_at(weight))


def _varied(design: _Design, step: int, offset: int) -> Drawing:
    """Variation `step` of a design; designs start at different places (`offset`)."""
    place = (step + offset) * _STRIDE
    slant = place % _SLANTS + _LEAST_SLANT
    stretch = place % _STRETCHES + _LEAST_STRETCH
    blur = place % _BLURS
    settings = [f"slant{slant}" if slant >= 0 else f"backslant{-slant}"]
    settings += [f"stretch{stretch}", f"blur{blur}"]
    axes: tuple[float, ...] = ()
    if design.weight_axis is not None:
        low, high = min(design.weights), max(design.weights)
        weight = low + _WEIGHT_STEP * (place // _BLURS % ((high - low) // _WEIGHT_STEP + 1))
        axes = design.axes_at(weight)
        settings.insert(0, f"wght{weight}")
    face = f"{design.stem}-{design.style}" if design.style else design.stem
    name = f"{face}[{','.join(settings)}].ttf"
    return Drawing(name, design.file, axes, slant, stretch, blur)


class Pen:
    """Draws letters with fonts that it keeps open. Not for two threads at once."""

    def __init__(self) -> None:
        self._fonts: dict[str, FreeTypeFont] = {}
        self._axes: dict[str, tuple[float, ...]] = {}

    def axes(self, file: str) -> dict[str, tuple[float, float, float]]:
        """Least, default and greatest value of each axis, by its name; none for a static font."""
        try:
            axes = self._font(file).get_variation_axes()
        except OSError:
            return {}
        return {
            bytes(axis["name"] or b"").decode("utf-8", "replace").lower(): (
                float(axis["minimum"] or 0),
                float(axis["default"] or 0),
                float(axis["maximum"] or 0),
            )
            for axis in axes
        }

    def ink(self, file: str, axes: tuple[float, ...], letter: str) -> Image | None:
        """The letter in white on black, cropped to its ink; None where nothing is drawn.

        `axes` are the values of a variable font's axes, in the file's order; without them it is
        drawn as it was last set, which at first is its default.
        """
        from PIL import Image, ImageDraw

        font = self._font(file)
        if axes and self._axes.get(file) != axes:
            font.set_variation_by_axes(list(axes))
            self._axes[file] = axes
        canvas = Image.new("L", (4 * _EM_PIXELS, 3 * _EM_PIXELS))
        ImageDraw.Draw(canvas).text((_EM_PIXELS, 2 * _EM_PIXELS), letter, 255, font, "ls")
        box = canvas.getbbox()
        return canvas.crop(box) if box else None

    def _font(self, file: str) -> FreeTypeFont:
        from PIL import ImageFont

        if file not in self._fonts:
            basic = ImageFont.Layout.BASIC
            self._fonts[file] = ImageFont.truetype(file, _EM_PIXELS, layout_engine=basic)
        return self._fonts[file]
