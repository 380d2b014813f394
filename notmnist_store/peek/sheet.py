"""Many small images at one glance: as a PNG sheet, as thumbnails, or in a terminal."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np

from notmnist_store.export.pictures import png_file
from notmnist_store.schema.arrays import Pixels
from notmnist_store.text import printable

CELL_PIXELS = 56
"""About how wide an image becomes on a sheet."""

_GAP = 8
_INNER_GAP = 2
_TEXT_HEIGHT = 16
_BACKGROUND = (30, 32, 36)
_TEXT = (222, 224, 228)
_RAMP = " ░▒▓█"


def _rgb(picture: Pixels) -> Pixels:
    """Height x width x 3 from height x width x 1 or 3."""
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture


def png_thumbnail(picture: Pixels) -> bytes:
    """One image of shape (height, width, channels) as a PNG file, pixel for pixel."""
    return png_file(_rgb(picture))


def png_sheet(
    strips: Sequence[Sequence[Pixels]], captions: Sequence[str], *, cell_pixels: int = CELL_PIXELS
) -> bytes:
    """A contact sheet as a PNG file: each image enlarged by whole pixels, a caption below.

    A strip is images that stand side by side over one caption, most often one alone; all strips
    have as many.
    """
    from PIL import Image, ImageDraw, ImageFont

    across = len(strips[0])
    height, width = strips[0][0].shape[:2]
    scale = max(1, cell_pixels // max(height, width))
    strip_width = across * width * scale + (across - 1) * _INNER_GAP
    cell = (strip_width + _GAP, height * scale + _GAP + _TEXT_HEIGHT)
    columns = max(1, min(len(strips), math.ceil(math.sqrt(len(strips) * 1.6 / across))))
    rows = math.ceil(len(strips) / columns)
    sheet = Image.new("RGB", (columns * cell[0] + _GAP, rows * cell[1] + _GAP), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=12)
    for index, (strip, caption) in enumerate(zip(strips, captions, strict=True)):
        row, column = divmod(index, columns)
        left, top = column * cell[0] + _GAP, row * cell[1] + _GAP
        for place, picture in enumerate(strip):
            enlarged = Image.fromarray(_rgb(picture)).resize(
                (width * scale, height * scale), Image.Resampling.NEAREST
            )
            sheet.paste(enlarged, (left + place * (width * scale + _INNER_GAP), top))
        text = printable(caption)
        while text and draw.textlength(text, font) > strip_width:
            text = text[:-1]
        draw.text((left, top + height * scale + 1), text, _TEXT, font)
    sink = io.BytesIO()
    sheet.save(sink, "PNG", optimize=True)
    return sink.getvalue()


def terminal_sheet(
    strips: Sequence[Sequence[Pixels]], captions: Sequence[str], *, width: int, colour: bool
) -> str:
    """The strips as text, two rows of pixels a line; halved in size where they would fill pages.

    `colour` uses 24-bit colours and half blocks; without it, five shades of block.
    """
    gap = " " if len(strips[0]) == 1 else "   "
    if width // (_columns(strips[0]) + len(gap)) * 2 < len(strips):
        strips = [[_halved(picture) for picture in strip] for strip in strips]
    size = _columns(strips[0])
    across = max(1, width // (size + len(gap)))
    lines: list[str] = []
    for start in range(0, len(strips), across):
        row = [_strip_lines(strip, colour) for strip in strips[start : start + across]]
        lines += [gap.join(parts) for parts in zip(*row, strict=True)]
        shown = captions[start : start + across]
        lines.append(gap.join(printable(text)[:size].ljust(size) for text in shown).rstrip())
    return "\n".join(lines) + "\n"


def _columns(strip: Sequence[Pixels]) -> int:
    """How many columns of a terminal the pictures of a strip take, with blanks between them."""
    return sum(int(picture.shape[1]) for picture in strip) + len(strip) - 1


def _strip_lines(strip: Sequence[Pixels], colour: bool) -> list[str]:
    parts = zip(*(_text_lines(picture, colour) for picture in strip), strict=True)
    return [" ".join(line) for line in parts]


def _halved(picture: Pixels) -> Pixels:
    from PIL import Image

    return np.asarray(Image.fromarray(_rgb(picture)).reduce(2))


def _text_lines(picture: Pixels, colour: bool) -> list[str]:
    if picture.shape[0] % 2:
        picture = np.pad(picture, ((0, 1), (0, 0), (0, 0)))
    upper, lower = _rgb(picture)[0::2], _rgb(picture)[1::2]
    if not colour:
        grey = (upper.astype(int).sum(axis=2) + lower.astype(int).sum(axis=2)) // 6
        shades = grey * len(_RAMP) // 256
        return ["".join(_RAMP[shade] for shade in row) for row in shades.tolist()]
    lines = []
    for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
        cells = [
            f"\x1b[38;2;{a[0]};{a[1]};{a[2]};48;2;{b[0]};{b[1]};{b[2]}m▀"
            for a, b in zip(above, below, strict=True)
        ]
        lines.append("".join(cells) + "\x1b[0m")
    return lines
