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
  its shape is judged. A broken EXIF block turns nothing.
- Grey of 16 bits becomes value >> 8. Grey of 32 bits and floating point has no agreed scale:
  `unreadable` (but a 16-bit PGM, which Pillow opens as mode I of 0 to 65535, is 16-bit grey).
- Transparency is what Pillow's conversion to RGBA shows: an alpha channel, or a colour key or
  palette entry (tRNS) that a pixel really has. One pixel not fully opaque: `transparent`.
- In a grey store colour is taken only where red, green and blue are equal in every pixel, else
  `colour`; with `to_grey` Pillow's conversion of the RGB image to L decides the value.
- An image that is both transparent and coloured is `transparent`.
"""

from __future__ import annotations

import importlib
import io
import logging
import re
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import ExifTags, Image, ImageOps

from notmnist_store.errors import UsageError
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
    rejects  (input index, reason of schema.REJECT_REASONS, detail or None), by input index
    """

    pixels: npt.NDArray[np.uint8]
    index: npt.NDArray[np.int64]
    modes: list[str]
    rejects: list[_Reject]


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
    fast: bool = True,
) -> Decoded:
    """Decode a batch of image files to pixels of one shape.

    `files` holds whole files, none null; an Arrow array is read in place. `shape` has 1 or 3
    channels, else UsageError. `to_grey` takes colour images into a grey store. `fast=False`
    sends every file to Pillow: the same result, slower.

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
    stored = np.zeros(count, np.bool_)
    png = _compiled_loops() if fast else None
    if png is not None:
        stored[_decode_plain(png, data, offsets, shape, pixels)] = True
    if fast:
        stored[_copy_plain(data, offsets, shape, pixels)] = True
    rejects: list[_Reject] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in np.flatnonzero(~stored).tolist():
            file = data[offsets[i] : offsets[i + 1]].tobytes()
            try:
                modes[i], pixels[i] = _decode_with_pillow(file, shape, to_grey)
                stored[i] = True
            except _NotTakenError as error:
                rejects.append((i, error.reason, error.detail))
            except Exception as error:  # Pillow raises whatever its parsers run into
                rejects.append((i, "unreadable", _describe(error)))
    index = np.flatnonzero(stored)
    if len(index) < count:
        pixels = pixels[index]
        modes = [modes[i] for i in index.tolist()]
    return Decoded(pixels, index, modes, rejects)


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


def _decode_with_pillow(
    file: bytes, shape: Shape, to_grey: bool
) -> tuple[str, npt.NDArray[np.uint8]]:
    """The mode and the pixels, (shape.size,), of one file; any exception means a reject."""
    if not file:
        raise _NotTakenError("empty")
    with Image.open(io.BytesIO(file), formats=FORMATS) as opened:
        mode = opened.mode
        image = _upright(opened, mode, shape, file)
        if _is_transparent(image):
            raise _NotTakenError("transparent")
        grey = _grey(image) if mode in _GREY_MODES else None
        if grey is not None:
            plane = grey.reshape(-1)
            return mode, plane if shape.channels == 1 else np.repeat(plane, 3)
        rgb = image.convert("RGB")
        colours = np.asarray(rgb)
        if shape.channels == 3:
            return mode, colours.reshape(-1)
        if (colours == colours[:, :, :1]).all():
            return mode, colours[:, :, 0].reshape(-1)
        if not to_grey:
            raise _NotTakenError("colour")
        return mode, np.asarray(rgb.convert("L")).reshape(-1)


def _upright(image: Image.Image, mode: str, shape: Shape, file: bytes) -> Image.Image:
    """The image loaded and turned, if it has the shape; others are not loaded without need."""
    # Pillow turns a TIFF itself when it loads it.
    told = image.format != "TIFF" and any(word in file for word in _ORIENTATION_WORDS)
    width, height = image.size
    if sorted(image.size) == sorted((shape.width, shape.height)):
        image.load()
        image = _transposed(image) if told else image
        width, height = image.size
    elif told and _lies(image):
        width, height = height, width
    if (width, height) != (shape.width, shape.height):
        found = Shape(height, width, 1 if mode in _GREY_MODES else 3)
        raise _NotTakenError("shape", str(found))
    return image


def _transposed(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow's parsers of EXIF raise whatever a broken block leads to
        return image


def _lies(image: Image.Image) -> bool:
    """Whether height and width change places when it is turned upright."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation) in _LYING
    except Exception:  # as above; of a PNG it loads the pixels, too
        return False


def _is_transparent(image: Image.Image) -> bool:
    if "transparency" in image.info and image.mode in _GREY_16_MODES:
        return bool((np.asarray(image) == image.info["transparency"]).any())
    if "transparency" in image.info or image.mode in _ALPHA_MODES:
        return image.convert("RGBA").getchannel("A").getextrema() != (255, 255)
    return False


def _grey(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Pixels (height, width) of an opaque image without colour."""
    if image.mode in _GREY_16_MODES or (image.mode == "I" and image.format == "PPM"):
        return (np.asarray(image) >> 8).astype(np.uint8)
    if image.mode in ("I", "F"):
        raise _NotTakenError(
            "unreadable", f"mode {image.mode}: grey of 32 bits has no agreed scale"
        )
    return np.asarray(image.convert("L"))


def _describe(error: Exception) -> str:
    """Class and message of an exception, the same in every process and at most 200 characters."""
    message = re.sub(r"<_io\.BytesIO object at 0x[0-9a-fA-F]+>", "", str(error)).strip()
    return f"{type(error).__name__}: {message}"[:200].rstrip(": ")
