"""Image files to pixels, with Pillow's verdict, at many times Pillow's pace.

The rule for what is readable, and for what its pixels are, is Pillow. Files of the one layout that
nearly all have (see `blocks.kernels.png`) take a shorter way to the same pixels: found and
unfiltered by compiled loops over the whole batch, inflated by ISA-L. Whatever is odd in any respect
goes to Pillow. Without numba all files go to Pillow; without ISA-L zlib inflates.

What Pillow does not settle is settled here:

- Only formats in `FORMATS` are tried: raster formats that Pillow reads in-process, by their
  signature. Not tried: formats that start another program (EPS, PDF, WMF), formats without a
  signature (TGA), where noise can pass for an image, and rare ones nobody needs in a data set.
- Only the first frame counts.
- An image is turned upright as its EXIF orientation says and `ImageOps.exif_transpose` does, before
  its shape is judged. A block too broken to tell an orientation turns nothing, and rejects nothing.
- An image of another height or width is `shape`, or fitted (see `blocks.kernels.fit`) once its
  values are those of the store's channels; then one of more pixels than Pillow takes for a bomb,
  89,478,485, is `unreadable`.
- Values are those in the file: colour profiles (ICC), gamma and the like are passed over.
- Grey of 16 bits becomes value >> 8. Grey of 32 bits and floating point has no agreed scale:
  `unreadable` (but a 16-bit PGM, which Pillow opens as mode I of 0 to 65535, is 16-bit grey).
- Transparency is what Pillow's conversion to RGBA shows: an alpha channel, or a colour key or
  palette entry (tRNS) that a pixel really has. One pixel not fully opaque: `transparent`.
- In a grey store colour is taken only where red, green and blue are equal in every pixel, else
  `colour`; with `to_grey` Pillow's conversion of the RGB image to L decides the value.
- An image that is both transparent and coloured is `transparent`.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import re
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import ExifTags, Image, ImageOps, TiffTags

from notmnist_store.blocks.kernels.fit import fitted
from notmnist_store.errors import UsageError
from notmnist_store.schema.fit import Fit
from notmnist_store.schema.shape import Shape

try:
    _inflater = importlib.import_module("isal.isal_zlib")
except ImportError:
    _inflater = zlib

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
"""Pillow's names of the formats that are tried, in this order."""

_Reject = tuple[int, str, str | None]

_ONE_CALL_BYTES = 16_384
"""Up to this many bytes an image may be inflated in one unbounded call: a bomb that fits the
length bound of `find_idats` then yields at most 1032 times as much (deflate's highest ratio)."""

_GREY_MODES = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa", "P")  # a palette may hold alpha of its own
_GREY_16_MODES = ("I;16", "I;16L", "I;16B", "I;16N")

_ORIENTATIONS = range(1, 9)
_LYING = (5, 6, 7, 8)
_ORIENTATION_WORDS = (b"Exif", b"EXIF", b"eXIf", b"exif", b"tiff:Orientation", b"adobe.xmp")
"""One of these stands in each file whose orientation Pillow can know: EXIF, or XMP instead."""

# Pillow logs some oddities of TIFF files as errors; without a handler they land on stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Decoded:
    """What `decode` made of a batch of n files: every input is in `index` or in `rejects`.

    pixels   (stored, shape.size) uint8, row-major, channels last; rows in input order
    index    (stored,) int64, ascending: which inputs were stored
    modes    (stored) Pillow's name of the mode the file has ("L", "P", "RGB", "I;16", ...)
    sizes    (stored, 2) int64: height and width of the upright image, before it was fitted
    turns    (stored,) int64: the EXIF orientation that was applied, 1 where none was
    rejects  (input index, reason of schema.REJECT_REASONS, detail or None), by input index
    """

    pixels: npt.NDArray[np.uint8]
    index: npt.NDArray[np.int64]
    modes: list[str]
    sizes: npt.NDArray[np.int64]
    turns: npt.NDArray[np.int64]
    rejects: list[_Reject]


class _Picture(NamedTuple):
    """What one file holds: the last four are as `Decoded` has them."""

    pixels: npt.NDArray[np.uint8]
    mode: str
    size: tuple[int, int]
    turn: int


class _NotTakenError(Exception):
    """Pillow could read the file, but the store does not take the image."""

    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def decode(
    files: Sequence[bytes] | pa.BinaryArray | pa.LargeBinaryArray,
    shape: Shape,
    *,
    to_grey: bool = False,
    fit: Fit | None = None,
    fast: bool = True,
) -> Decoded:
    """Decode a batch of image files to pixels of one shape.

    `files` holds whole files, none null; an Arrow array is read in place. `shape` has 1 or 3
    channels, else UsageError. `to_grey` takes colour images into a grey store, `fit` those of
    another height or width into any. `fast=False` sends every file to Pillow: the same result,
    slower.

    Nothing about a file's contents raises: what cannot be stored is in `rejects`.
    """
    if shape.channels not in (1, 3):
        raise UsageError(
            f"images have 1 channel (grey) or 3 (RGB), not {shape.channels}",
            f"notmnist-store ingest --shape {shape.height}x{shape.width}x1",
        )
    data, offsets = _flat(files)
    count = len(offsets) - 1
    pixels = np.empty((count, shape.size), np.uint8)
    modes = ["L" if shape.channels == 1 else "RGB"] * count
    sizes = np.full((count, 2), (shape.height, shape.width), np.int64)
    turns = np.ones(count, np.int64)
    stored = np.zeros(count, np.bool_)
    png = _compiled_loops() if fast else None
    if png is not None:
        stored[_decode_plain(png, data, offsets, shape, pixels)] = True
    if fast:
        stored[_copy_plain(data, offsets, shape, pixels)] = True
    rejects: list[_Reject] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if fit is not None:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
        for i in np.flatnonzero(~stored).tolist():
            file = data[offsets[i] : offsets[i + 1]].tobytes()
            try:
                picture = _decode_with_pillow(file, shape, to_grey, fit)
                pixels[i], modes[i], sizes[i], turns[i] = picture
                stored[i] = True
            except _NotTakenError as error:
                rejects.append((i, error.reason, error.detail))
            except Exception as error:  # Pillow raises whatever its parsers run into
                rejects.append((i, "unreadable", _describe(error)))
    index = np.flatnonzero(stored)
    if len(index) < count:
        pixels, sizes, turns = pixels[index], sizes[index], turns[index]
        modes = [modes[i] for i in index.tolist()]
    return Decoded(pixels, index, modes, sizes, turns, rejects)


def _flat(
    files: Sequence[bytes] | pa.BinaryArray | pa.LargeBinaryArray,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """One buffer of all files and where each begins, with one more offset for the end."""
    array = files if isinstance(files, pa.Array) else pa.array(files, pa.large_binary())
    if array.null_count:
        raise ValueError("files must not be null")
    width = np.int64 if pa.types.is_large_binary(array.type) else np.int32
    _, offsets, data = array.buffers()
    if offsets is None or not len(array):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    ends = np.frombuffer(offsets, width)[array.offset : array.offset + len(array) + 1]
    flat = np.frombuffer(data if data is not None else b"", np.uint8)
    return flat, ends.astype(np.int64)


def _compiled_loops() -> ModuleType | None:
    """The module of compiled loops, or None where numba is not installed."""
    try:
        return importlib.import_module("notmnist_store.blocks.kernels.png")
    except ImportError:
        return None


def _decode_plain(
    png: ModuleType,
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    shape: Shape,
    pixels: npt.NDArray[np.uint8],
) -> npt.NDArray[np.int64]:
    """Decode the plain PNGs among the files into their rows of `pixels`; return which those are."""
    size = shape.height * (shape.width * shape.channels + 1)
    small = size <= _ONE_CALL_BYTES
    spans = png.find_idats(data, offsets, shape, one_block=small)
    candidates = np.flatnonzero(spans[:, 1])
    inflate = _inflate_at_once if small else _inflate_bounded
    inflated = inflate(data.data, spans[candidates].tolist(), size)
    rows = candidates[[len(image) == size for image in inflated]] if inflated else candidates
    filtered = np.frombuffer(b"".join(i for i in inflated if len(i) == size), np.uint8)
    known: npt.NDArray[np.bool_] = png.unfilter(filtered, rows, shape, pixels)
    return rows[known]


def _copy_plain(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    shape: Shape,
    pixels: npt.NDArray[np.uint8],
) -> list[int]:
    """Copy the pixels of PGMs (PPMs, in colour) of this very shape; return which those are."""
    magic = "P5" if shape.channels == 1 else "P6"
    header = f"{magic}\n{shape.width} {shape.height}\n255\n".encode()
    lengths = np.diff(offsets)
    taken = []
    for i in np.flatnonzero(lengths == len(header) + shape.size).tolist():
        start, stop = offsets[i : i + 2].tolist()
        if data[start : start + len(header)].tobytes() == header:
            pixels[i] = data[start + len(header) : stop]
            taken.append(i)
    return taken


def _inflate_at_once(view: memoryview, spans: list[list[int]], size: int) -> list[bytes]:
    """Each span inflated, checked against its Adler-32; empty where zlib would refuse it."""
    decompress = _inflater.decompress
    error: type[Exception] = _inflater.error
    inflated = []
    for start, stop in spans:
        try:
            inflated.append(decompress(view[start:stop], 15, size))
        except error:
            inflated.append(b"")
    return inflated


def _inflate_bounded(view: memoryview, spans: list[list[int]], size: int) -> list[bytes]:
    """As `_inflate_at_once`, for large images of several blocks: by zlib, to `size` bytes + 1."""
    inflated = []
    for start, stop in spans:
        stream = zlib.decompressobj()
        try:
            image = stream.decompress(view[start:stop], size + 1)
        except zlib.error:
            image = b""
        inflated.append(image if stream.eof else b"")
    return inflated


def _decode_with_pillow(file: bytes, shape: Shape, to_grey: bool, fit: Fit | None) -> _Picture:
    """What one file holds; any exception means a reject."""
    if not file:
        raise _NotTakenError("empty")
    with Image.open(io.BytesIO(file), formats=FORMATS) as opened:
        mode = opened.mode
        turn = _orientation(opened, file)
        width, height = _upright_size(opened, turn)
        if fit is None and (width, height) != (shape.width, shape.height):
            raise _another_shape(width, height, mode)
        _load_upright(opened, turn)
        width, height = opened.size  # a GIF may have come out larger
        if _is_transparent(opened):
            raise _NotTakenError("transparent")
        image = _grey(opened) if mode in _GREY_MODES else _coloured(opened, shape, to_grey)
        if (width, height) != (shape.width, shape.height):
            found = fitted(image, shape, fit) if fit is not None else None
            if found is None:
                raise _another_shape(width, height, mode)
            image = found
        pixels = np.asarray(image).reshape(-1)
        if len(pixels) < shape.size:  # grey, in a store of colour
            pixels = np.repeat(pixels, shape.channels)
        return _Picture(pixels, mode, (height, width), turn)


def _another_shape(width: int, height: int, mode: str) -> _NotTakenError:
    return _NotTakenError("shape", str(Shape(height, width, 1 if mode in _GREY_MODES else 3)))


def _orientation(image: Image.Image, file: bytes) -> int:
    """The orientation by which Pillow turns an image, 1 where it cannot be told.

    A TIFF has it in its own directory, and turns itself when it is loaded; what it would stumble
    over then is taken away here.
    """
    is_tiff = image.format == "TIFF"
    if not is_tiff and not any(word in file for word in _ORIENTATION_WORDS):
        return 1
    exif = _exif(image)
    found: object = None
    with contextlib.suppress(Exception):
        found = exif.get(ExifTags.Base.Orientation)
    if is_tiff:
        image.info.pop("xmp", None)
        for directory in TiffTags.TAGS_V2_GROUPS:
            if directory in exif:
                try:
                    exif.get_ifd(directory)
                except Exception:
                    del exif[directory]
    return next((turn for turn in _ORIENTATIONS if turn == found), 1)


def _exif(image: Image.Image) -> Image.Exif:
    """Its EXIF block, or what can be read of it.

    A PNG may have it after its pixels, and then loads them first: broken ones stop it here, since
    they would pass when they are loaded again.
    """
    if image.format == "PNG" and "exif" not in image.info:
        image.load()
    for _ in range(2):  # the second time Pillow gives what it had when it stumbled
        with contextlib.suppress(Exception):  # its parsers raise whatever a broken block leads to
            return image.getexif()
    return Image.Exif()


def _upright_size(image: Image.Image, turn: int) -> tuple[int, int]:
    """Width and height when it is turned, as its header tells them."""
    width, height = image.size
    own = getattr(image, "tag_v2", {}).get(ExifTags.Base.Orientation)  # then a TIFF has turned them
    return (height, width) if turn in _LYING and own not in _LYING else (width, height)


def _load_upright(image: Image.Image, turn: int) -> None:
    image.load()
    if turn > 1 and image.format != "TIFF":
        with contextlib.suppress(Exception):  # it turns the pixels first, then mends the block
            ImageOps.exif_transpose(image, in_place=True)


def _is_transparent(image: Image.Image) -> bool:
    if "transparency" in image.info and image.mode in _GREY_16_MODES:
        return bool((np.asarray(image) == image.info["transparency"]).any())
    if "transparency" in image.info or image.mode in _ALPHA_MODES:
        return image.convert("RGBA").getchannel("A").getextrema() != (255, 255)
    return False


def _grey(image: Image.Image) -> Image.Image:
    """An opaque image without colour, in mode L."""
    if image.mode in _GREY_16_MODES or (image.mode == "I" and image.format == "PPM"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise _NotTakenError(
            "unreadable", f"mode {image.mode}: grey of 32 bits has no agreed scale"
        )
    return image.convert("L")


def _coloured(image: Image.Image, shape: Shape, to_grey: bool) -> Image.Image:
    """An opaque image of another mode, in RGB; for a grey store in L."""
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    if shape.channels == 3:
        return rgb
    red, green, blue = rgb.split()
    if red.tobytes() == green.tobytes() == blue.tobytes():
        return red
    if not to_grey:
        raise _NotTakenError("colour")
    return rgb.convert("L")


def _describe(error: Exception) -> str:
    """Class and message of an exception, the same in every process and at most 200 characters."""
    message = re.sub(r"<_io\.BytesIO object at 0x[0-9a-fA-F]+>", "", str(error)).strip()
    return f"{type(error).__name__}: {message}"[:200].rstrip(": ")
