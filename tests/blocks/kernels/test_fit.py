"""Images of another shape are fitted as Pillow fits them, once their values are the store's."""

from __future__ import annotations

import io
import warnings
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image, ImageColor, ImageOps

from notmnist_store.blocks.kernels.decode import decode
from notmnist_store.schema.fit import FILTERS, FITS, Fit
from notmnist_store.schema.shape import Shape
from tests.support.nasty_pictures import chunk, corpus, ihdr, png

GREY, COLOUR = Shape(20, 28, 1), Shape(20, 28, 3)
RULES = [Fit(rule) for rule in FITS]


def saved(image: Image.Image, kind: str, turn: int = 1) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    image.save(file, kind, exif=exif)
    return file.getvalue()


def painted(width: int, height: int) -> Image.Image:
    small = np.random.default_rng(width * 1_000 + height).integers(0, 256, (4, 5, 3), np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def files() -> dict[str, bytes]:
    """Larger, smaller, longer both ways, of every mode that has a way into the store."""
    grey = painted(61, 44).convert("L")
    deep = Image.fromarray(np.asarray(grey, np.uint16) * 257 + 3)
    binary = io.BytesIO()
    grey.save(binary, "PPM")
    return {
        "larger": saved(painted(90, 120), "PNG"),
        "smaller": saved(painted(9, 7), "PNG"),
        "wide": saved(painted(300, 11), "WEBP"),
        "tall": saved(painted(11, 300), "JPEG"),
        "one side fits": saved(painted(28, 33), "PNG"),
        "turned": saved(painted(90, 40), "JPEG", 6),
        "turned TIFF": saved(painted(90, 40), "TIFF", 8),
        "the shape when turned": saved(painted(20, 28), "PNG", 5),
        "the shape until turned": saved(painted(28, 20), "PNG", 5),
        "palette": saved(painted(40, 40).quantize(16), "PNG"),
        "CMYK": saved(painted(40, 40).convert("CMYK"), "JPEG"),
        "opaque": saved(painted(40, 40).convert("RGBA"), "PNG"),
        "grey": saved(grey, "PNG"),
        "one bit": saved(grey.convert("1"), "PNG"),
        "16 bits": saved(deep, "PNG"),
        "array": binary.getvalue(),
    }


def reference(file: bytes, shape: Shape, fit: Fit) -> npt.NDArray[np.uint8]:
    with warnings.catch_warnings(action="ignore"):
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
    if image.mode == "I;16":
        image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    image = image.convert("RGB")
    image = image.convert("L") if shape.channels == 1 else image
    size, resample = (shape.width, shape.height), getattr(Image.Resampling, fit.filter.upper())
    if image.size == size:
        return np.asarray(image)
    if fit.rule == "resize":
        return np.asarray(image.resize(size, resample))
    if fit.rule == "crop":
        return np.asarray(ImageOps.fit(image, size, resample))
    colour = ImageColor.getcolor(fit.background, image.mode)
    return np.asarray(ImageOps.pad(image, size, resample, colour))


@pytest.mark.parametrize("shape", [GREY, COLOUR], ids=str)
@pytest.mark.parametrize(
    "fit",
    [Fit(rule, name) for rule in FITS for name in FILTERS] + [Fit("pad", background="#c86432")],
    ids=lambda fit: "-".join(fit.options.values()),
)
def test_every_rule_and_filter_gives_pillows_pixels(fit: Fit, shape: Shape) -> None:
    given = files()
    got = decode(list(given.values()), shape, to_grey=True, fit=fit)
    assert not got.rejects
    for name, file, pixels in zip(given, given.values(), got.pixels, strict=True):
        assert (pixels.reshape(shape.sides) == reference(file, shape, fit)).all(), name


def test_the_own_size_is_that_of_the_upright_file() -> None:
    given = files()
    got = decode(list(given.values()), COLOUR, fit=Fit("crop"))
    own = dict(zip(given, zip(got.sizes.tolist(), got.turns.tolist(), strict=True), strict=True))
    assert own["larger"] == ([120, 90], 1)
    assert own["turned"] == ([90, 40], 6)
    assert own["turned TIFF"] == ([90, 40], 8)
    assert own["the shape when turned"] == ([20, 28], 5)
    assert own["the shape until turned"] == ([28, 20], 5)
    assert own["array"] == ([44, 61], 1)


def test_bars_and_middles_by_hand() -> None:
    """A row of four becomes 4x4: stretched, between bars, and its two middle pixels."""
    row = Image.fromarray(np.array([[10, 20, 30, 40], [11, 21, 31, 41]], np.uint8))
    file, shape = saved(row, "PNG"), Shape(4, 4, 1)

    def by(fit: Fit) -> list[list[int]]:
        return decode([file], shape, fit=fit).pixels.reshape(4, 4).tolist()

    first, second = [10, 20, 30, 40], [11, 21, 31, 41]
    assert by(Fit("resize", "nearest")) == [first, first, second, second]
    bar = [255] * 4
    assert by(Fit("pad", "nearest", "white")) == [bar, first, second, bar]
    assert by(Fit("pad", "nearest")) == [[0] * 4, first, second, [0] * 4]
    middle = [[row[1], row[1], row[2], row[2]] for row in (first, second)]
    assert by(Fit("crop", "nearest")) == [middle[0], middle[0], middle[1], middle[1]]


@pytest.mark.parametrize("fit", RULES, ids=lambda fit: fit.rule)
def test_an_image_of_the_shape_is_left_alone_and_fast_is_slow(fit: Fit) -> None:
    nasty = corpus()
    of_any_size = [*files().values(), *nasty.values()]
    quick, slow = (decode(of_any_size, GREY, fit=fit, fast=fast) for fast in (True, False))
    assert (quick.pixels == slow.pixels).all()
    assert quick.rejects == slow.rejects
    plain = [nasty["plain"], nasty["rgb_8_bit_equal_1"], nasty["tiff_turned"]]
    square = Shape(28, 28, 1)
    assert (decode(plain, square, fit=fit).pixels == decode(plain, square).pixels).all()


def test_what_is_rejected_for_its_values_is_rejected_with_a_fit_as_well() -> None:
    clear = painted(40, 40).convert("RGBA")
    clear.putpixel((0, 0), (1, 2, 3, 254))
    given = [saved(clear, "PNG"), saved(painted(40, 40), "PNG"), b"", b"x"]
    reasons = [reason for _, reason, _ in decode(given, GREY, fit=Fit("pad")).rejects]
    assert reasons == ["transparent", "colour", "empty", "unreadable"]


def test_padding_that_leaves_no_pixel_is_a_reject() -> None:
    """1,000 times as long as wide: in 28 pixels it has no width; other rules show it."""
    line = [saved(Image.new("L", size, 9), "PNG") for size in ((1, 1_000), (1_000, 1))]
    shape = Shape(28, 28, 1)
    assert [r[1:] for r in decode(line, shape, fit=Fit("pad")).rejects] == [
        ("shape", "1000x1x1"),
        ("shape", "1x1000x1"),
    ]
    for rule in ("resize", "crop"):
        assert (decode(line, shape, fit=Fit(rule)).pixels == 9).all()


def test_a_bomb_is_not_unpacked_to_be_fitted() -> None:
    """As many pixels as Pillow warns of, and one row less; neither is read without a fit."""
    width = 30_000
    rows = Image.MAX_IMAGE_PIXELS // width
    idat = chunk(b"IDAT", zlib.compress(b"", 9))
    many = png(ihdr(width, rows + 1, depth=1), idat, chunk(b"IEND"))
    fewer = png(ihdr(width, rows, depth=1), idat, chunk(b"IEND"))
    shape = Shape(28, 28, 1)
    (_, reason, detail), (_, other, why) = decode([many, fewer], shape, fit=Fit("resize")).rejects
    assert (reason, other) == ("unreadable", "unreadable")
    assert str(detail).startswith("DecompressionBombWarning")
    assert "Bomb" not in str(why)
    assert [r[1] for r in decode([many, fewer], shape).rejects] == ["shape", "shape"]
