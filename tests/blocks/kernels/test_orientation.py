"""Images are turned upright by their EXIF, as Pillow's `ImageOps.exif_transpose` turns them."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import warnings

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image, ImageOps

from notmnist_store.blocks.kernels.decode import decode
from notmnist_store.schema.shape import Shape
from tests.support.nasty_pictures import chunk

HEIGHT, WIDTH = 9, 14
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
STORED_TURN = {  # what the stored rows are of the upright ones (EXIF 2.32, 4.6.4.A, Orientation)
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


def upright(channels: int) -> npt.NDArray[np.uint8]:
    rows = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return rows if channels == 3 else rows[:, :, 0]


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[ExifTags.Base.Orientation] = orientation
    return block.tobytes()


def picture(pixels: npt.NDArray[np.uint8], kind: str, orientation: int) -> bytes:
    stored = Image.fromarray(np.ascontiguousarray(pixels))
    file = io.BytesIO()
    if kind == "TIFF":
        stored.save(file, kind, tiffinfo={ExifTags.Base.Orientation: orientation})
    elif kind == "WEBP":
        stored.save(file, kind, exif=exif(orientation), lossless=True)
    else:
        stored.save(file, kind, exif=exif(orientation))
    return file.getvalue()


def transposed(file: bytes) -> npt.NDArray[np.uint8]:
    """What Pillow makes of it: in place it has turned the pixels before a broken block stops it."""
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(file)) as image:
        image.load()
        with contextlib.suppress(Exception):
            ImageOps.exif_transpose(image, in_place=True)
        return np.asarray(image)


@pytest.mark.parametrize("orientation", [0, *range(1, 9), 9, 65_535])
@pytest.mark.parametrize(
    ("kind", "channels"),
    [(kind, n) for kind in FORMATS for n in (1, 3) if (kind, n) != ("WEBP", 1)],  # it has no grey
)
def test_every_orientation_of_every_format(channels: int, kind: str, orientation: int) -> None:
    want = upright(channels)
    turn = STORED_TURN.get(orientation, STORED_TURN[1])
    file = picture(turn(want), kind, orientation)
    got = decode([file], Shape(HEIGHT, WIDTH, channels))
    assert not got.rejects
    pixels = got.pixels[0].reshape(want.shape)
    assert (pixels == transposed(file)).all()
    assert kind == "JPEG" or (pixels == want).all()
    assert got.turns.tolist() == [orientation if orientation in STORED_TURN else 1]
    assert got.sizes.tolist() == [[HEIGHT, WIDTH]]


@pytest.mark.parametrize("kind", FORMATS)
def test_shape_is_judged_of_the_upright_image(kind: str) -> None:
    file = picture(STORED_TURN[6](upright(3)), kind, 6)
    assert decode([file], Shape(WIDTH, HEIGHT, 3)).rejects == [(0, "shape", "9x14x3")]
    assert decode([file], Shape(28, 28, 3)).rejects == [(0, "shape", "9x14x3")]


def exif_after_the_pixels(file: bytes) -> bytes:
    at = file.index(b"eXIf") - 4
    stop = at + 12 + int.from_bytes(file[at : at + 4], "big")
    return file[:at] + file[stop:-12] + file[at:stop] + file[-12:]


def test_a_png_may_have_its_exif_at_its_end() -> None:
    file = exif_after_the_pixels(picture(STORED_TURN[8](upright(1)), "PNG", 8))
    assert (decode([file], Shape(HEIGHT, WIDTH, 1)).pixels[0] == upright(1).reshape(-1)).all()
    assert decode([file], Shape(28, 28, 1)).rejects == [(0, "shape", "9x14x1")]


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'


def test_orientation_in_xmp_or_in_a_raw_profile() -> None:
    stored = Image.fromarray(np.ascontiguousarray(STORED_TURN[6](upright(3))))
    webp, jpeg, png = io.BytesIO(), io.BytesIO(), io.BytesIO()
    stored.save(webp, "WEBP", lossless=True, xmp=XMP)
    stored.save(jpeg, "JPEG", xmp=XMP)
    stored.save(png, "PNG")
    keyword = b"XML:com.adobe.xmp"
    profile = b"\nexif\n%8d\n%s\n" % (len(exif(6)), exif(6).hex().encode())
    rest = png.getvalue()
    with_xmp = rest[:33] + chunk(b"iTXt", keyword + bytes(5) + XMP) + rest[33:]
    raw = rest[:33] + chunk(b"tEXt", b"Raw profile type exif\0" + profile) + rest[33:]
    for file in (webp.getvalue(), jpeg.getvalue(), with_xmp, raw):
        got = decode([file], Shape(HEIGHT, WIDTH, 3))
        assert not got.rejects
        assert (got.pixels[0] == transposed(file).reshape(-1)).all()


def test_one_plain_png_beside_one_with_exif_gives_the_same_pixels() -> None:
    plain = io.BytesIO()
    Image.fromarray(upright(1)).save(plain, "PNG")
    files = [plain.getvalue(), picture(STORED_TURN[3](upright(1)), "PNG", 3)]
    got = decode(files, Shape(HEIGHT, WIDTH, 1))
    assert (got.pixels[0] == got.pixels[1]).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_broken_block_turns_nothing_or_as_pillow_does_and_is_no_reject(kind: str) -> None:
    """Damaged blocks: Pillow's answer where it has one, else the pixels as they are."""
    side = 12
    pixels = np.random.default_rng(4).integers(0, 256, (side, side, 3), np.uint8)
    whole = picture(pixels, kind, 6)
    block = exif(6)[6:]  # behind the word Exif, which only a JPEG has
    at = whole.index(block)
    as_stored = np.asarray(Image.open(io.BytesIO(whole)).convert("RGB"))
    draw = random.Random(5)
    turned = 0
    for _ in range(200):
        broken = bytearray(block)
        for _ in range(draw.randint(1, 4)):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        if kind == "PNG":
            file = whole[: at - 8] + chunk(b"eXIf", bytes(broken)) + whole[at + len(block) + 4 :]
        else:
            file = whole[:at] + bytes(broken) + whole[at + len(block) :]
        want = transposed(file)
        got = decode([file], Shape(side, side, 3))
        assert not got.rejects
        assert (got.pixels[0] == want.reshape(-1)).all()
        assert (got.turns[0] > 1) == (not (want == as_stored).all())
        turned += got.turns[0] > 1
    assert 0 < turned < 200


def tiff(**entries: tuple[int, int, bytes] | None) -> bytes:
    """A grey TIFF turned by its orientation, 6, with these entries (type, count, value).

    The names are the letter t and the tag; None leaves an entry out.
    """
    pixels = np.ascontiguousarray(STORED_TURN[6](upright(1))).tobytes()
    tags = {256: HEIGHT, 257: WIDTH, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 279: len(pixels)}
    plain = {tag: (4, 1, struct.pack("<I", value)) for tag, value in {**tags, 274: 6}.items()}
    given = {int(name[1:]): entry for name, entry in entries.items()}
    packed, rest = b"", b""
    chosen = {tag: entry for tag, entry in {**plain, **given}.items() if entry is not None}
    count = len(chosen)
    end = 8 + len(pixels) + 2 + 12 * count + 4
    for tag, (kind, number, value) in sorted(chosen.items()):
        if len(value) > 4:
            value, rest = struct.pack("<I", end + len(rest)), rest + value
        packed += struct.pack("<HHI", tag, kind, number) + value.ljust(4, b"\0")
    directory = struct.pack("<H", count) + packed + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory + rest


LONG, TEXT, SIGNED = 4, 2, 9
BROKEN_TIFFS = {  # entries, and how the image is turned nevertheless
    "whole": ({}, 6),
    "EXIF before the file": ({"t34665": (SIGNED, 1, struct.pack("<i", -1))}, 6),
    "EXIF behind the file": ({"t34665": (LONG, 1, struct.pack("<I", 1 << 31))}, 6),
    "GPS before the file": ({"t34853": (SIGNED, 1, struct.pack("<i", -9))}, 6),
    "EXIF in the pixels": ({"t34665": (LONG, 1, struct.pack("<I", 20))}, 6),
    "orientation is text": ({"t274": (TEXT, 2, b"6\0")}, 1),
    "orientation is two": ({"t274": (LONG, 2, struct.pack("<II", 6, 8))}, 6),
    "orientation is elsewhere": ({"t274": (LONG, 9, struct.pack("<I", 1 << 30))}, 1),
    "XMP is text": ({"t700": (TEXT, 40, b'tiff:Orientation="3"'.ljust(40, b"\0"))}, 6),
    "XMP is numbers": ({"t700": (LONG, 2, struct.pack("<II", 1, 2))}, 6),
    "orientation in XMP alone": ({"t274": None, "t700": (1, len(XMP), XMP)}, 6),
    "orientation in XMP as text": ({"t274": None, "t700": (TEXT, len(XMP), XMP)}, 1),
    "XMP and EXIF": (
        {
            "t274": None,
            "t700": (TEXT, len(XMP), XMP),
            "t34665": (SIGNED, 1, struct.pack("<i", -1)),
        },
        1,
    ),
}


@pytest.mark.parametrize("case", BROKEN_TIFFS)
def test_a_broken_block_of_a_tiff_is_no_reject(case: str) -> None:
    entries, turn = BROKEN_TIFFS[case]
    upright_size = (HEIGHT, WIDTH) if turn == 6 else (WIDTH, HEIGHT)
    got = decode([tiff(**entries)], Shape(*upright_size, 1))
    assert not got.rejects
    assert got.turns.tolist() == [turn]
    want = upright(1) if turn == 6 else STORED_TURN[6](upright(1))
    assert (got.pixels[0] == want.reshape(-1)).all()


def test_an_image_of_several_is_turned_as_its_first() -> None:
    pixels = np.ascontiguousarray(STORED_TURN[6](upright(3)))
    for kind, options in (("MPO", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})):
        first, second, file = Image.fromarray(pixels), Image.fromarray(pixels[::-1]), io.BytesIO()
        more = {"save_all": True, "append_images": [second]}
        first.save(file, kind, exif=exif(6), **more, **options)
        got = decode([file.getvalue()], Shape(HEIGHT, WIDTH, 3))
        assert got.turns.tolist() == [6], kind
        assert (got.pixels[0] == transposed(file.getvalue()).reshape(-1)).all(), kind
