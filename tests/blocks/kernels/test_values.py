"""What becomes of colour profiles, gamma, CMYK, alpha, 16 bits and animation: the values stored.

These are the rows of the table in docs/sources.md ("What is stored of a picture").
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from notmnist_store.blocks.kernels.decode import decode
from notmnist_store.schema.shape import Shape
from tests.support.nasty_pictures import chunk, filter_rows, ihdr, png

SIDE = 12
COLOUR, GREY = Shape(SIDE, SIDE, 3), Shape(SIDE, SIDE, 1)
PIXELS = np.random.default_rng(8).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def stored(file: bytes, shape: Shape = COLOUR) -> npt.NDArray[np.uint8]:
    got = decode([file], shape)
    assert not got.rejects
    return got.pixels[0].reshape(shape.sides)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_colour_profile_changes_nothing(kind: str) -> None:
    """A profile of another space is not applied: the values are those in the file."""
    options = {"lossless": True} if kind == "WEBP" else {}
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    image = Image.fromarray(PIXELS)
    plain, with_profile = (
        saved(image, kind, **options, **more) for more in ({}, {"icc_profile": lab})
    )
    assert lab in with_profile or zlib.compress(lab) in with_profile or b"iCCP" in with_profile
    assert (stored(with_profile) == stored(plain)).all()
    assert kind == "JPEG" or (stored(with_profile) == PIXELS).all()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"gAMA", struct.pack(">I", 100_000)),
        (b"cHRM", struct.pack(">8I", *[30_000] * 8)),
        (b"sRGB", b"\0"),
        (b"cICP", bytes([9, 16, 0, 1])),
        (b"bKGD", struct.pack(">HHH", 1, 2, 3)),
        (b"sBIT", bytes([5, 5, 5])),
    ],
)
def test_chunks_that_say_how_to_show_a_png_change_nothing(kind: bytes, body: bytes) -> None:
    rows = filter_rows(PIXELS.reshape(SIDE, -1), [0] * SIDE, 3)
    idat = chunk(b"IDAT", zlib.compress(rows))
    file = png(ihdr(SIDE, SIDE, colour=2), chunk(kind, body), idat, chunk(b"IEND"))
    assert (stored(file) == PIXELS).all()


def test_cmyk_becomes_rgb_without_a_profile() -> None:
    """Each of red, green and blue is what its ink and black leave of 255."""
    inks = np.random.default_rng(9).integers(0, 256, (SIDE, SIDE, 4), np.uint8)
    file = saved(Image.fromarray(inks, "CMYK"), "TIFF")
    ink, black = inks[:, :, :3].astype(int), inks[:, :, 3:].astype(int)
    want = (255 - ink) * (255 - black) / 255
    assert np.abs(stored(file) - want).max() <= 1
    assert decode([file], COLOUR).modes == ["CMYK"]
    grey = np.zeros((SIDE, SIDE, 4), np.uint8)
    grey[:, :, 3] = inks[:, :, 3]
    left = stored(saved(Image.fromarray(grey, "CMYK"), "TIFF"), GREY)
    assert (left == 255 - grey[:, :, 3]).all()


def test_alpha_is_dropped_where_all_is_opaque_and_else_a_reject() -> None:
    """Also one step from opaque, and where what lies under it is black."""
    for kind in ("PNG", "WEBP", "TIFF"):
        options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
        layers = np.dstack([PIXELS, np.full((SIDE, SIDE), 255, np.uint8)])
        assert (stored(saved(Image.fromarray(layers), kind, **options)) == PIXELS).all()
        layers[3, 4] = 0, 0, 0, 254
        file = saved(Image.fromarray(layers), kind, **options)
        assert [reject[1] for reject in decode([file], COLOUR).rejects] == ["transparent"]


@pytest.mark.parametrize("low", [0, 255])
def test_of_16_bits_the_upper_eight_are_kept(low: int) -> None:
    deep = (PIXELS.astype(np.uint16) << 8) | low
    grey = deep[:, :, 0]
    for kind in ("PNG", "TIFF"):
        assert (stored(saved(Image.fromarray(grey), kind), GREY) == PIXELS[:, :, 0]).all()
    rows = filter_rows(deep.astype(">u2").view(np.uint8).reshape(SIDE, -1), [0] * SIDE, 6)
    idat = chunk(b"IDAT", zlib.compress(rows))
    file = png(ihdr(SIDE, SIDE, depth=16, colour=2), idat, chunk(b"IEND"))
    assert (stored(file) == PIXELS).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_stored(kind: str) -> None:
    first, *more = [
        Image.fromarray(np.repeat(PIXELS[:, :, [c]], 3, axis=2)).convert("L") for c in range(3)
    ]
    options = {"lossless": True} if kind == "WEBP" else {}
    file = saved(first, kind, save_all=True, append_images=more, **options)
    with Image.open(io.BytesIO(file)) as image:
        assert image.n_frames == 3
    assert (stored(file, GREY) == PIXELS[:, :, 0]).all()


def test_grey_fills_the_channels_of_a_store_of_colour() -> None:
    grey = PIXELS[:, :, 1]
    got = stored(saved(Image.fromarray(grey), "PNG"))
    assert (got == grey[:, :, None]).all()


@pytest.mark.parametrize("mode", ["I", "F"])
def test_grey_of_32_bits_has_no_scale_and_is_rejected(mode: str) -> None:
    file = saved(Image.fromarray(PIXELS[:, :, 0]).convert(mode), "TIFF")
    (reject,) = decode([file], GREY).rejects
    assert reject[1:] == ("unreadable", f"mode {mode}: grey of 32 bits has no agreed scale")
