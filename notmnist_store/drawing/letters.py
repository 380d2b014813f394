"""The members of the offline set: letters drawn, scaled, encoded as PNG, and laid out as tar.

As a program it is the worker process of the verb `glyphs`. All arithmetic on pixels is in integers,
so the pixels depend on Pillow and its FreeType alone.
"""

from __future__ import annotations

import base64
import io
import itertools
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from notmnist_store.drawing.fonts import LETTERS, REINSTALL_FONTS, Drawing, Pen, Plan, font_plan
from notmnist_store.drawing.kernels.distort import blurred, sheared
from notmnist_store.drawing.kernels.encode import png_files
from notmnist_store.errors import StoreError
from notmnist_store.workers.process import serve

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 28
_STRETCH_IMAGES = 512


@dataclass(frozen=True)
class Stretch:
    """Some images of one class, in the archive's order, as tar members."""

    letter: str
    images: int
    members: bytes


@dataclass(frozen=True)
class LettersJob:
    """Every stride-th stretch of the archives, from number `first` on."""

    stem: str
    bounds: tuple[int, ...]
    first: int
    stride: int


def draw_stretches(
    plan: Plan, stem: str, bounds: Sequence[int], *, first: int = 0, stride: int = 1
) -> Iterator[Stretch]:
    """The set `stem` of `bounds[-1]` images, without the folders' own headers, piece by piece.

    Classes come from A to J, names in order within a class. No piece goes over one of the `bounds`,
    which are places of images, from 0 up. With a `stride` only every stride-th piece is drawn, from
    number `first` on.
    """
    draughtsman = _Draughtsman(plan)
    for letter, indices in itertools.islice(_work(plan, bounds), first, None, stride):
        names, pixels = draughtsman.draw(letter, indices)
        tar = io.BytesIO()
        for name, png in zip(names, png_files(pixels), strict=True):
            tar.write(tar_header(f"{stem}/{letter}/{name}", len(png)))
            tar.write(png + bytes(-len(png) % tarfile.BLOCKSIZE))
        yield Stretch(letter, len(indices), tar.getvalue())


def _work(plan: Plan, bounds: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    """Letter and numbers in the plan of every stretch."""
    images, done = bounds[-1], 0
    most = -(-images // len(LETTERS))
    in_order = sorted(range(most), key=lambda index: _member_name(plan.drawing(index)))
    for place, letter in enumerate(LETTERS):
        mine = [index for index in in_order if index * len(LETTERS) + place < images]
        cuts = [bound - done for bound in bounds if done < bound < done + len(mine)]
        for low, high in itertools.pairwise([0, *cuts, len(mine)]):
            for start in range(low, high, _STRETCH_IMAGES):
                yield letter, mine[start : min(start + _STRETCH_IMAGES, high)]
        done += len(mine)


def _member_name(drawing: Drawing) -> str:
    return base64.b64encode(drawing.name.encode()).decode() + ".png"


def tar_header(path: str, size: int | None) -> bytes:
    """The header of a file of `size` bytes, or of a folder where `size` is None."""
    info = tarfile.TarInfo(path)
    info.mode = 0o644
    if size is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    else:
        info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


class _Draughtsman:
    """Draws the images of a plan.

    The outline drawn last is kept: names next to each other are often variations of one outline.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._pen = Pen()
        self._outline: tuple[str, tuple[float, ...], str] | None = None
        self._ink: Image | None = None

    def draw(self, letter: str, indices: Sequence[int]) -> tuple[list[str], NDArray[np.uint8]]:
        """Names and pixels [n, 28, 28] of some images of one class."""
        drawings = [self._plan.drawing(index) for index in indices]
        pixels = np.stack([self._scaled(drawing, letter) for drawing in drawings])
        blurs = np.array([drawing.blur for drawing in drawings], np.int32)
        return [_member_name(drawing) for drawing in drawings], blurred(pixels, blurs)

    def _scaled(self, drawing: Drawing, letter: str) -> NDArray[np.uint8]:
        from PIL import Image

        outline = (drawing.file, drawing.axes, letter)
        if self._outline != outline:
            self._ink = self._pen.ink(*outline)
            self._outline = outline
        ink = self._ink
        if ink is None:
            raise StoreError(f"{drawing.name} draws no {letter}", REINSTALL_FONTS)
        if drawing.slant or drawing.stretch != 100:
            ink = Image.fromarray(sheared(np.asarray(ink), drawing.slant, drawing.stretch))
            ink = ink.crop(ink.getbbox())
        return np.array(ink.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), np.uint8)


def _draw(job: LettersJob) -> Iterator[Stretch]:
    return draw_stretches(font_plan(), job.stem, job.bounds, first=job.first, stride=job.stride)


if __name__ == "__main__":
    serve(_draw, LettersJob)
