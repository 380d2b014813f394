from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from notmnist_store.blocks.kernels.decode import FORMATS, Decoded, decode
from notmnist_store.errors import UsageError
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.words import REJECT_REASONS
from tests.support.nasty_pictures import (
    SIDE,
    chunk,
    corpus,
    deflate_of_zeros,
    filter_rows,
    glyph,
    ihdr,
    png,
)

GREY = Shape(SIDE, SIDE, 1)
RGB = Shape(SIDE, SIDE, 3)
IEND = chunk(b"IEND")

Verdict = tuple[str, bytes] | str


@pytest.fixture(scope="module")
def nasty() -> dict[str, bytes]:
    return corpus()


def reference(file: bytes, shape: Shape, to_grey: bool = False) -> Verdict:
    """One file, Pillow, one pixel at a time where it matters: mode and pixels, or the reason."""
    if not file:
        return "empty"
    try:
        image = Image.open(io.BytesIO(file), formats=FORMATS)
        mode, declared = image.mode, image.size
        if declared != (shape.width, shape.height):
            return "shape"
        image.load()
    except Exception:
        return "unreadable"
    if image.size != (shape.width, shape.height):
        return "shape"
    if mode.startswith("I;16") or (mode == "I" and image.format == "PPM"):
        values = list(image.get_flattened_data())
        if image.info.get("transparency") in values:
            return "transparent"
        image = Image.frombytes("L", image.size, bytes(value // 256 for value in values))
    try:
        colours = list(image.convert("RGBA").get_flattened_data())
    except ValueError:
        return "unreadable"
    if any(alpha != 255 for _, _, _, alpha in colours):
        return "transparent"
    if mode in ("I", "F") and image.mode == mode:
        return "unreadable"
    if shape.channels == 3:
        return mode, bytes(value for colour in colours for value in colour[:3])
    if any(len({red, green, blue}) > 1 for red, green, blue, _ in colours):
        return (mode, image.convert("RGB").convert("L").tobytes()) if to_grey else "colour"
    return mode, bytes(red for red, _, _, _ in colours)


def verdicts(decoded: Decoded, count: int) -> list[Verdict]:
    found: dict[int, Verdict] = {i: reason for i, reason, _ in decoded.rejects}
    assert [i for i, _, _ in decoded.rejects] == sorted(found)
    assert decoded.index.tolist() == sorted(set(range(count)) - set(found))
    for i, mode, row in zip(decoded.index.tolist(), decoded.modes, decoded.pixels, strict=True):
        found[i] = mode, row.tobytes()
    return [found[i] for i in range(count)]


def fingerprint(decoded: Decoded) -> str:
    digest = hashlib.sha256(decoded.pixels.tobytes() + decoded.index.tobytes())
    digest.update(repr((decoded.modes, decoded.rejects)).encode())
    return digest.hexdigest()


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(("shape", "to_grey"), [(GREY, False), (GREY, True), (RGB, False)])
def test_every_nasty_file_gets_the_verdict_of_pillow(
    nasty: dict[str, bytes], shape: Shape, to_grey: bool, fast: bool
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {name: reference(file, shape, to_grey) for name, file in nasty.items()}
    decoded = decode(list(nasty.values()), shape, to_grey=to_grey, fast=fast)
    assert dict(zip(nasty, verdicts(decoded, len(nasty)), strict=True)) == expected
    assert {reason for _, reason, _ in decoded.rejects} <= set(REJECT_REASONS)


@pytest.mark.parametrize("shape", [GREY, RGB])
def test_fast_and_slow_agree_to_the_last_detail(nasty: dict[str, bytes], shape: Shape) -> None:
    files = list(nasty.values())
    assert fingerprint(decode(files, shape)) == fingerprint(decode(files, shape, fast=False))


def test_known_answers(nasty: dict[str, bytes]) -> None:
    def verdict(name: str) -> Verdict:
        return verdicts(decode([nasty[name]], GREY), 1)[0]

    pixels = glyph().tobytes()
    for name in ("plain", "plain_0", "plain_4", "idats_many", "after_iend_5000", "ppm_16"):
        found = verdict(name)
        assert found == ("I" if name == "ppm_16" else "L", pixels), name
    assert verdict("palette_ramp") == ("P", pixels)
    assert verdict("grey_16_bit_equal_1") == ("I;16", pixels)
    assert verdict("rgb_8_bit_equal_1") == ("RGB", pixels)
    assert verdict("rgba_8_bit_equal_1") == ("RGBA", pixels)
    assert verdict("gif_animated") == ("P", pixels)
    assert verdict("webp_grey") == ("RGB", pixels)
    assert verdict("la_8_bit_random_1") == "transparent"
    assert verdict("grey_8_equal_trns_0") == "transparent"
    assert verdict("grey_8_equal_trns_7") == ("L", pixels)
    assert verdict("rgb_8_bit_random_1") == "colour"
    assert verdict("empty") == "empty"
    unreadable = ("html", "adler", "crc_head", "huffman_incomplete", "filter_5_row_0", "eps", "tga")
    for name in unreadable:
        assert verdict(name) == "unreadable", name


def test_details_help_and_are_the_same_every_time(nasty: dict[str, bytes]) -> None:
    def detail(name: str) -> str | None:
        return decode([nasty[name]], GREY).rejects[0][2]

    assert detail("size_14_56") == "56x14x1"
    assert decode([nasty["bmp_rgb"]], Shape(32, 32, 1)).rejects == [(0, "shape", "28x28x3")]
    assert detail("html") == "UnidentifiedImageError: cannot identify image file"
    assert detail("size_50000_50000") is not None
    assert "DecompressionBombError" in str(detail("size_50000_50000"))
    assert all(len(d or "") <= 200 for _, _, d in decode(list(nasty.values()), GREY).rejects)


def test_arrow_arrays_are_read_where_they_lie() -> None:
    files = [b"", corpus()["plain"], b"x", corpus()["plain_2"]]
    want = fingerprint(decode(files[1:], GREY))
    for kind in (pa.binary(), pa.large_binary()):
        assert fingerprint(decode(pa.array(files, kind).slice(1), GREY)) == want
        assert len(decode(pa.array([], kind), GREY).pixels) == 0
    assert decode([], GREY).pixels.shape == (0, GREY.size)
    assert decode([b"", b""], GREY).rejects == [(0, "empty", None), (1, "empty", None)]
    with pytest.raises(ValueError, match="null"):
        decode(pa.array([None, b"x"], pa.binary()), GREY)


def test_a_store_has_one_or_three_channels() -> None:
    with pytest.raises(UsageError, match="not 4"):
        decode([], Shape(28, 28, 4))


def test_nothing_leaks_from_pillow(
    nasty: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    large = png(ihdr(10_000, 10_000), chunk(b"IDAT", b""), IEND)  # Pillow warns of a bomb
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode([large], GREY).rejects == [(0, "shape", "10000x10000x1")]
        decode(list(nasty.values()), GREY, fast=False)
    assert capfd.readouterr() == ("", "")


@given(
    shape=st.builds(Shape, st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3])),
    data=st.data(),
)
def test_any_filters_give_back_the_pixels(shape: Shape, data: st.DataObject) -> None:
    levels = data.draw(st.lists(st.integers(0, 255), min_size=1, max_size=4))
    sample = st.lists(st.sampled_from(levels), min_size=shape.size, max_size=shape.size)
    kinds = data.draw(st.lists(st.integers(0, 4), min_size=shape.height, max_size=shape.height))
    rows = np.array(data.draw(sample), np.uint8).reshape(shape.height, -1)
    strategy = data.draw(st.sampled_from([zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_RLE]))
    packer = zlib.compressobj(data.draw(st.integers(0, 9)), zlib.DEFLATED, 15, 8, strategy)
    idat = packer.compress(filter_rows(rows, kinds, shape.channels)) + packer.flush()
    colour = {1: 0, 3: 2}[shape.channels]
    head = ihdr(shape.width, shape.height, colour=colour)
    file = png(head, chunk(b"IDAT", idat), IEND)
    for fast in (True, False):
        decoded = decode([file, file], shape, fast=fast)
        assert decoded.pixels.tolist() == [rows.reshape(-1).tolist()] * 2
        assert decoded.modes == [{1: "L", 3: "RGB"}[shape.channels]] * 2


PLAIN = corpus()["plain"]


@given(st.lists(st.tuples(st.integers(0, len(PLAIN) - 1), st.binary(max_size=3)), max_size=4))
@example([(0, b"")])
def test_any_damage_gets_the_same_verdict(edits: list[tuple[int, bytes]]) -> None:
    file = bytearray(PLAIN)
    for at, put in edits:
        file[at : at + len(put) or at + 1] = put
    fast, slow = (decode([bytes(file)], GREY, fast=fast) for fast in (True, False))
    assert fingerprint(fast) == fingerprint(slow)


@given(st.lists(st.tuples(st.integers(16, 400), st.integers(0, 7)), min_size=1, max_size=3))
def test_damaged_codes_under_right_checksums_get_the_same_verdict(
    flips: list[tuple[int, int]],
) -> None:
    raw = filter_rows(glyph(), [0] * SIDE)
    body = bytearray(zlib.compress(raw, 9)[2:-4])
    for at, bit in flips:
        body[at % len(body)] ^= 1 << bit
    isal_zlib = pytest.importorskip("isal.isal_zlib")
    try:
        checked = isal_zlib.decompress(body, -15)
    except isal_zlib.error:
        checked = raw
    idat = b"\x78\xda" + body + zlib.adler32(checked).to_bytes(4, "big")
    file = png(ihdr(), chunk(b"IDAT", idat), IEND)
    assert fingerprint(decode([file], GREY)) == fingerprint(decode([file], GREY, fast=False))


def test_isal_alone_would_take_what_zlib_refuses() -> None:
    isal_zlib = pytest.importorskip("isal.isal_zlib")
    incomplete = deflate_of_zeros(100, 2)
    assert isal_zlib.decompress(incomplete, -15) == bytes(100)
    with pytest.raises(zlib.error):
        zlib.decompress(incomplete, -15)
    assert zlib.decompress(deflate_of_zeros(100, 1), -15) == bytes(100)


def test_large_images_of_many_blocks() -> None:
    shape = Shape(160, 120, 3)
    rows = np.random.default_rng(0).integers(0, 200, (160, 360), dtype=np.uint8)
    raw = filter_rows(rows, [y % 5 for y in range(160)], 3)
    streams = [raw, raw[:-1], raw + b"x", raw + bytes(50_000_000), bytes([9]) + raw[1:]]
    head = ihdr(120, 160, colour=2)
    files = [png(head, chunk(b"IDAT", zlib.compress(s)), IEND) for s in streams]
    fast, slow = decode(files, shape), decode(files, shape, fast=False)
    assert fingerprint(fast) == fingerprint(slow)
    assert fast.pixels[0].tobytes() == rows.tobytes()


def run_python(repository: Path, program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


WITHOUT = """
import sys
for name in {missing}:
    sys.modules[name] = None
from notmnist_store.blocks.kernels import decode
from tests.support.nasty_pictures import corpus
from tests.blocks.kernels.test_decode import GREY, fingerprint
print(fingerprint(decode.decode(list(corpus().values()), GREY)))
fast = "notmnist_store.blocks.kernels.png" in sys.modules
print("numba" if fast else "", decode._inflater.__name__)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("missing", "used"),
    [(["numba"], "isal.isal_zlib"), (["isal"], "numba zlib"), (["numba", "isal"], "zlib")],
)
def test_without_the_fast_packages_the_result_is_the_same(
    repository: Path, nasty: dict[str, bytes], missing: list[str], used: str
) -> None:
    found, parts = run_python(repository, WITHOUT.format(missing=missing)).split("\n")
    assert parts.strip() == used
    assert found == fingerprint(decode(list(nasty.values()), GREY))


HUNGER = """
import resource, sys, zlib
from notmnist_store.blocks.kernels.decode import decode
from notmnist_store.schema.shape import Shape
from tests.support.nasty_pictures import chunk, corpus, ihdr, png
packer = zlib.compressobj(9)
idats = [b"".join(packer.compress(bytes(10**6)) for _ in range(300)) + packer.flush(), b"x" * 99]
heads = [ihdr(50_000, 50_000), ihdr(13_000, 13_000), ihdr()]
files = [png(head, chunk(b"IDAT", idat), chunk(b"IEND")) for head in heads for idat in idats]
decode([corpus()["plain"]], Shape(28, 28, 1))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decode(files, Shape(28, 28, 1))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.slow
def test_no_header_and_no_bomb_takes_memory(repository: Path) -> None:
    assert int(run_python(repository, HUNGER)) < 20_000_000


def test_real_archive(data_folder: Path) -> None:
    archive = data_folder / "notMNIST_t10k.tar.gz"
    if not archive.is_file():
        pytest.skip(f"no {archive}")
    files = []
    with tarfile.open(archive, "r|gz") as members:
        for member in members:
            opened = members.extractfile(member)
            if opened is not None and len(files) < 3000:
                files.append(opened.read())
    fast, slow = decode(files, GREY), decode(files, GREY, fast=False)
    assert fingerprint(fast) == fingerprint(slow)
    assert fast.rejects == [(i, "empty", None) for i, f in enumerate(files) if not f]
