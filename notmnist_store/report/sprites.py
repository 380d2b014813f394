"""Thumbnails: all pictures of a section in one lossless PNG, shown piece by piece by CSS."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from notmnist_store.peek.pictures import compared
from notmnist_store.report.markup import Html, element
from notmnist_store.schema.arrays import Pixels
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import NONE

_COLUMNS = 32
_BUDGET = 1 << 22
_SHOWN_PIXELS = 64


@dataclass(frozen=True)
class Shown:
    """A picture: an image, or how it differs from its twin where one of them moved by `transform`.

    moved  that one itself, as it is compared
    """

    image_id: int
    twin: int | None = None
    transform: str = NONE.text
    moved: bool = False

    def drawn(self, pixels: Mapping[int, Pixels], shape: Shape) -> Pixels:
        """Its pixels; images that are not in `pixels` are hatched."""
        image = pixels.get(self.image_id, _hatched(shape))
        if self.twin is None:
            return image
        one, other = compared(image, pixels.get(self.twin, _hatched(shape)), self.transform, shape)
        if self.moved:
            return other if one is image else one
        return difference(one, other)


def difference(a: Pixels, b: Pixels) -> Pixels:
    """|a - b| of two pictures, stretched so that the largest difference is 255."""
    apart = np.abs(a.astype(np.int16) - b.astype(np.int16))
    most = int(apart.max(initial=0))
    stretched: Pixels = (apart * 255 // max(most, 1)).astype(np.uint8)
    return stretched


@dataclass
class Sprite:
    """The pictures of one section in the order they were asked for."""

    name: str
    places: dict[Shown, int] = field(default_factory=dict)

    def place(self, shown: Shown) -> tuple[int, int]:
        """Column and row of a picture; a new one goes to the end."""
        return divmod(self.places.setdefault(shown, len(self.places)), _COLUMNS)[::-1]

    @property
    def rows(self) -> int:
        """Rows of the sprite."""
        return -(-len(self.places) // _COLUMNS)


class Pictures:
    """Collects what pictures the sections show, to be read from the store all at once."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._sprites: dict[str, Sprite] = {}
        scale = max(1, round(_SHOWN_PIXELS / max(shape.height, shape.width)))
        self.size = (shape.width * scale, shape.height * scale)

    def most(self, each: int, wanted: int) -> int:
        """How many rows of `each` pictures a section shows: `wanted`, or less of large images."""
        return max(1, min(wanted, _BUDGET // (self._shape.height * self._shape.width * each)))

    def image(self, section: str, image_id: int, alternative: str) -> Html:
        """A picture of a section, with the text that stands for it."""
        return self._thumbnail(section, Shown(image_id), alternative, "t")

    def difference(
        self, section: str, a: int, b: int, alternative: str, transform: str = NONE.text
    ) -> Html:
        """The stretched difference of two images as a picture, one of them moved."""
        return self._thumbnail(section, Shown(a, b, transform), alternative, "t d")

    def moved(self, section: str, a: int, b: int, transform: str, alternative: str) -> Html:
        """The one of two images that the transform moves, moved."""
        return self._thumbnail(section, Shown(a, b, transform, moved=True), alternative, "t")

    def _thumbnail(self, section: str, shown: Shown, alternative: str, classes: str) -> Html:
        sprite = self._sprites.setdefault(section, Sprite(section))
        column, row = sprite.place(shown)
        place = f"{classes} s-{section} c{column} r{row}"
        return element("span", class_=place, role="img", aria_label=alternative, title=alternative)

    def ids(self) -> list[int]:
        """The images wanted so far."""
        every = [shown for sprite in self._sprites.values() for shown in sprite.places]
        ids = {i for shown in every for i in (shown.image_id, shown.twin)}
        return sorted(i for i in ids if i is not None)

    def css(self, pixels: Mapping[int, Pixels]) -> str:
        """The rules that show every thumbnail; images that are not in `pixels` stay hatched."""
        width, height = self.size
        rules = [f":root{{--tw:{width}px;--th:{height}px}}"]
        rows = max((sprite.rows for sprite in self._sprites.values()), default=0)
        columns = max((len(sprite.places) for sprite in self._sprites.values()), default=0)
        rules += [
            f".c{i}{{background-position-x:{-i * width}px}}" for i in range(min(columns, _COLUMNS))
        ]
        rules += [f".r{i}{{background-position-y:{-i * height}px}}" for i in range(rows)]
        for name, sprite in self._sprites.items():
            png = base64.b64encode(sprite_png(sprite, pixels, self._shape)).decode()
            rules.append(
                f".s-{name}{{background-image:url(data:image/png;base64,{png});"
                f"background-size:{_COLUMNS * width}px {sprite.rows * height}px}}"
            )
        return "\n".join(rules)


def sprite_png(sprite: Sprite, pixels: Mapping[int, Pixels], shape: Shape) -> bytes:
    """One PNG of 32 pictures a row, pixel for pixel; missing images are hatched."""
    from PIL import Image

    height, width = shape.height, shape.width
    sheet = np.zeros((sprite.rows * height, _COLUMNS * width, shape.channels), np.uint8)
    for shown, place in sprite.places.items():
        row, column = divmod(place, _COLUMNS)
        picture = shown.drawn(pixels, shape)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = picture
    sink = io.BytesIO()
    flat = sheet[:, :, 0] if shape.channels == 1 else sheet
    Image.fromarray(flat).save(sink, "PNG", optimize=True)
    return sink.getvalue()


def _hatched(shape: Shape) -> Pixels:
    rows, columns = np.ogrid[: shape.height, : shape.width]
    stripes = ((rows + columns) % 8 < 2).astype(np.uint8) * np.uint8(96)
    hatched: Pixels = np.repeat(stripes[:, :, np.newaxis], shape.channels, axis=2)
    return hatched
