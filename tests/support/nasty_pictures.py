"""The nasty corpus of image files: everything that is not a plain, whole, 8-bit grey PNG.

`corpus()` gives the files by name, the same bytes every time for one version of Pillow. Run as a
script it writes them to a folder: `python -m tests.support.nasty_pictures FOLDER`.

All images are 28x28 (but those that lie about it). The PNGs are written by the few lines below
and not by Pillow, so that every chunk, filter and checksum can be wrong on purpose.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["chunk", "corpus", "deflate_of_zeros", "filter_rows", "glyph", "png"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
IEND = b"\x00\x00\x00\x00IEND\xaeB`\x82"
SIDE = 28


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def ihdr(
    width: int = SIDE,
    height: int = SIDE,
    depth: int = 8,
    colour: int = 0,
    compression: int = 0,
    filtering: int = 0,
    interlace: int = 0,
) -> bytes:
    fields = (width, height, depth, colour, compression, filtering, interlace)
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *fields))


def png(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks)


def filter_rows(rows: npt.NDArray[np.uint8], kinds: Sequence[int], step: int = 1) -> bytes:
    """Filter (height, bytes a row) with one of PNG's five filter types for each row."""
    out = bytearray()
    above = [0] * rows.shape[1]
    for row, kind in zip(rows.tolist(), kinds, strict=True):
        out.append(kind)
        for x, value in enumerate(row):
            left, corner = (row[x - step], above[x - step]) if x >= step else (0, 0)
            guess = left + above[x] - corner
            paeth = min((left, above[x], corner), key=lambda near: abs(guess - near))
            predicted = (0, left, above[x], (left + above[x]) // 2, paeth)[kind]
            out.append((value - predicted) % 256)
        above = row
    return bytes(out)


def glyph() -> npt.NDArray[np.uint8]:
    """(28, 28) uint8: a ring with soft edges, and a little noise."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    ring = np.clip(255 - 60 * np.abs(np.hypot(x, y * 0.9) - 8.5), 0, 255)
    noise = np.random.default_rng(7).integers(0, 4, (SIDE, SIDE)) * (ring > 100)
    return np.minimum(ring + noise, 255).astype(np.uint8)


def deflate_of_zeros(count: int, code_bits: int) -> bytes:
    """`count` zero bytes as one deflate block whose two literal codes have `code_bits` bits each.

    With 1 the Huffman code is complete, with 2 it is not: zlib refuses that one, ISA-L reads it.
    """
    bits: list[int] = []

    def number(value: int, width: int) -> None:
        bits.extend((value >> k) & 1 for k in range(width))

    def code(word: str) -> None:
        bits.extend(int(bit) for bit in word)

    number(1, 1)  # the last block
    number(2, 2)  # with its own codes
    number(0, 5)  # 257 literals
    number(0, 5)  # 1 distance
    order = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1)
    number(len(order) - 4, 4)
    for symbol in order:
        number({18: 1, 0: 2, code_bits: 2}.get(symbol, 0), 3)
    words = {18: "0", **dict(zip(sorted((0, code_bits)), ("10", "11"), strict=True))}
    code(words[code_bits])  # literal 0
    for zeros in (138, 117):  # literals 1 to 255
        code(words[18])
        number(zeros - 11, 7)
    code(words[code_bits])  # end of block
    code(words[0])  # no distance
    for _ in range(count):
        code("0" * code_bits)
    code("0" * (code_bits - 1) + "1")
    return np.packbits(bits, bitorder="little").tobytes()


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _depths(pixels: npt.NDArray[np.uint8]) -> Iterable[tuple[str, bytes]]:
    grey = [0] * SIDE
    for depth in (1, 2, 4):
        samples = pixels >> (8 - depth)
        planes = np.unpackbits(samples[:, :, None], axis=2)[:, :, 8 - depth :]
        packed = np.packbits(planes.reshape(SIDE, -1), axis=1)
        idat = chunk(b"IDAT", zlib.compress(filter_rows(packed, grey)))
        yield f"grey_{depth}_bit", png(ihdr(depth=depth), idat, IEND)
        ramp = np.repeat(np.arange(2**depth) * 255 // (2**depth - 1), 3).astype(np.uint8)
        plte = chunk(b"PLTE", ramp.tobytes())
        yield f"palette_{depth}_bit", png(ihdr(depth=depth, colour=3), plte, idat, IEND)
        key = chunk(b"tRNS", struct.pack(">H", 2**depth - 1))
        yield f"grey_{depth}_bit_trns", png(ihdr(depth=depth), key, idat, IEND)
    rng = np.random.default_rng(3)
    for name, colour, samples in (("grey", 0, 1), ("rgb", 2, 3), ("la", 4, 2), ("rgba", 6, 4)):
        for depth in (8, 16):
            for look in ("equal", "random"):
                rows = np.repeat(pixels, samples, axis=1).reshape(SIDE, SIDE, samples)
                if look == "random":
                    rows = rng.integers(0, 256, rows.shape, dtype=np.uint8)
                if samples in (2, 4) and look == "equal":
                    rows[:, :, -1] = 255
                wide = np.repeat(rows.reshape(SIDE, -1), depth // 8, axis=1)
                for filters in ([1] * SIDE, [y % 5 for y in range(SIDE)]):
                    step = samples * depth // 8
                    idat = chunk(b"IDAT", zlib.compress(filter_rows(wide, filters, step)))
                    file = png(ihdr(depth=depth, colour=colour), idat, IEND)
                    yield f"{name}_{depth}_bit_{look}_{filters[2]}", file
                if samples in (1, 3):
                    for value in (0, 7, 255, 256 * 255, 65535):
                        trns = chunk(b"tRNS", struct.pack(">H", value) * samples)
                        header = ihdr(depth=depth, colour=colour)
                        yield f"{name}_{depth}_{look}_trns_{value}", png(header, trns, idat, IEND)


def _palettes(idat: bytes) -> Iterable[tuple[str, bytes]]:
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes()
    header = ihdr(colour=3)
    yield "palette_none", png(header, idat, IEND)
    palettes = {"ramp": ramp, "inverse": ramp[::-1], "short": ramp[:30], "odd": ramp[:31]}
    palettes["colour"] = np.random.default_rng(5).bytes(768)
    palettes["empty"] = b""
    alphas = {
        "": None,
        "_opaque": b"\xff" * 256,
        "_first": b"\x00",
        "_last": b"\xff" * 255 + b"\x00",
        "_half": b"\x80" * 256,
        "_empty": b"",
        "_long": b"\xff" * 300,
    }
    for name, palette in palettes.items():
        for suffix, alpha in alphas.items():
            trns = chunk(b"tRNS", alpha) if alpha is not None else b""
            plte = chunk(b"PLTE", palette)
            yield f"palette_{name}{suffix}", png(header, plte, trns, idat, IEND)


def _chunks(raw: bytes) -> Iterable[tuple[str, bytes]]:
    packed = zlib.compress(raw, 9)
    head, idat = ihdr(), chunk(b"IDAT", packed)
    broken = chunk(b"IDAT", packed[:300] + bytes([packed[300] ^ 1]) + packed[301:])
    whole = png(head, idat, IEND)
    additions = {
        b"gAMA": struct.pack(">I", 45455),
        b"sRGB": b"\x00",
        b"tEXt": b"Title\x00A",
        b"zTXt": b"Title\x00\x00" + zlib.compress(b"A"),
        b"iTXt": b"Title\x00\x00\x00en\x00T\x00A",
        b"pHYs": struct.pack(">IIB", 2835, 2835, 1),
        b"tRNS": struct.pack(">H", 1),
        b"PLTE": bytes(range(30)),
        b"IHDR": head[8:-4],
        b"acTL": struct.pack(">II", 1, 0),
        b"iCCP": b"x\x00\x00" + zlib.compress(b"no profile"),
        b"eXIf": b"MM\x00*",
        b"abCd": b"private",
        b"ABCD": b"critical",
        b"IEND": b"",
        b"ID T": b"",
    }
    for kind, body in additions.items():
        name, extra = kind.decode(), chunk(kind, body)
        yield f"first_{name}", png(extra, head, idat, IEND)
        yield f"before_idat_{name}", png(head, extra, idat, IEND)
        yield f"after_idat_{name}", png(head, idat, extra, IEND)
        yield f"after_broken_idat_{name}", png(head, broken, extra, IEND)
        yield f"cut_{name}", png(head, chunk(kind, body[:-1]), idat, IEND)
        damaged = extra[:-1] + bytes([extra[-1] ^ 1])
        yield f"crc_before_{name}", png(head, damaged, idat, IEND)
        yield f"crc_after_{name}", png(head, idat, damaged, IEND)
    bomb = zlib.compress(bytes(10_000_000), 9)
    text_bomb = chunk(b"zTXt", b"Title\x00\x00" + bomb)
    yield "text_bomb", png(head, text_bomb, idat, IEND)
    yield "idat_bomb", png(head, chunk(b"IDAT", bomb), IEND)
    yield "idat_small_bomb", png(head, chunk(b"IDAT", zlib.compress(bytes(500_000), 9)), IEND)
    for name, wrong in {"head": head, "idat": idat, "iend": IEND}.items():
        damaged = wrong[:-1] + bytes([wrong[-1] ^ 255])
        yield f"crc_{name}", whole.replace(wrong, damaged)
    yield "adler", png(head, chunk(b"IDAT", packed[:-1] + bytes([packed[-1] ^ 1])), IEND)
    yield "idats_2", png(head, chunk(b"IDAT", packed[:50]), chunk(b"IDAT", packed[50:]), IEND)
    yield "idats_many", png(head, *(chunk(b"IDAT", bytes([b])) for b in packed), IEND)
    yield (
        "idats_apart",
        png(
            head,
            chunk(b"IDAT", packed[:50]),
            chunk(b"tEXt", b"a\0b"),
            chunk(b"IDAT", packed[50:]),
            IEND,
        ),
    )
    yield "idat_empty", png(head, chunk(b"IDAT"), IEND)
    yield "idat_empty_first", png(head, chunk(b"IDAT"), idat, IEND)
    yield "idat_empty_last", png(head, idat, chunk(b"IDAT"), IEND)
    yield "idat_none", png(head, IEND)
    yield "idat_twice", png(head, idat, idat, IEND)
    yield "idat_before_head", png(idat, head, IEND)
    yield "iend_first", png(IEND, head, idat)
    yield "iend_none", png(head, idat)
    yield "iend_body", png(head, idat, chunk(b"IEND", b"x"))
    yield "iend_twice", png(head, idat, IEND, IEND)
    for count in (1, 11, 12, 5000):
        yield f"after_iend_{count}", whole + b"\n" * count
        yield f"idat_tail_{count}", png(head, chunk(b"IDAT", packed + b"\x00" * count), IEND)
        yield f"idat_cut_{count}", png(head, chunk(b"IDAT", packed[:-count]), IEND)
        yield (
            f"pixels_more_{count}",
            png(head, chunk(b"IDAT", zlib.compress(raw + b"\x00" * count)), IEND),
        )
        yield f"pixels_less_{count}", png(head, chunk(b"IDAT", zlib.compress(raw[:-count])), IEND)
    for kind in (5, 6, 127, 255):
        for y in (0, 13, 27):
            rows = bytearray(raw)
            rows[y * (SIDE + 1)] = kind
            yield f"filter_{kind}_row_{y}", png(head, chunk(b"IDAT", zlib.compress(rows)), IEND)
    yield "length_lies", whole.replace(idat[:4], struct.pack(">I", len(packed) + 1), 1)
    yield "length_huge", whole.replace(idat[:4], b"\xff\xff\xff\xff", 1)


def _streams(raw: bytes) -> Iterable[tuple[str, bytes]]:
    head = ihdr()

    def stream(body: bytes, checked: bytes = raw, lead: bytes = b"\x78\x9c") -> bytes:
        adler = struct.pack(">I", zlib.adler32(checked))
        return png(head, chunk(b"IDAT", lead + body + adler), IEND)

    plain = zlib.compress(raw)[2:-4]
    for first in range(256):
        lead = bytes([first, (-first * 256) % 31])
        yield f"zlib_header_{first:02x}", stream(plain, lead=lead)
    yield "zlib_header_check", stream(plain, lead=b"\x78\x9d")
    yield "zlib_dictionary", stream(plain, lead=b"\x78\xbb")
    zeros = bytes(len(raw))
    yield "huffman_complete", stream(deflate_of_zeros(len(raw), 1), zeros)
    yield "huffman_incomplete", stream(deflate_of_zeros(len(raw), 2), zeros)
    for name, strategy in {"fixed": zlib.Z_FIXED, "huffman": zlib.Z_HUFFMAN_ONLY}.items():
        packer = zlib.compressobj(9, zlib.DEFLATED, -15, 8, strategy)
        yield f"deflate_{name}", stream(packer.compress(raw) + packer.flush())
    stored = zlib.compressobj(0, zlib.DEFLATED, -15)
    yield "deflate_stored", stream(stored.compress(raw) + stored.flush())
    blocks = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts = [
        blocks.compress(raw[:400]),
        blocks.flush(zlib.Z_FULL_FLUSH),
        blocks.compress(raw[400:]),
    ]
    yield "deflate_blocks", stream(b"".join(parts) + blocks.flush())
    for at in range(len(plain)):  # the checksums right, the codes wrong
        for bit in (1, 16):
            body = bytearray(plain)
            body[at] ^= bit
            unpacker = zlib.decompressobj(-15)
            try:
                checked = unpacker.decompress(body, 4000)
            except zlib.error:
                checked = raw
            yield f"deflate_flip_{at}_{bit}", stream(bytes(body), checked)


def _headers(raw: bytes) -> Iterable[tuple[str, bytes]]:
    idat = chunk(b"IDAT", zlib.compress(raw))
    sizes = [(0, 28), (28, 0), (0, 0), (27, 28), (28, 29), (14, 56), (1, 1), (2000, 2000)]
    sizes += [(50_000, 50_000), (2**31 - 1, 1), (2**32 - 1, 2**32 - 1)]
    for width, height in sizes:
        yield f"size_{width}_{height}", png(ihdr(width, height), idat, IEND)
    for depth in (0, 1, 3, 8, 9, 16, 32):
        for colour in range(8):
            yield (
                f"depth_{depth}_colour_{colour}",
                png(ihdr(depth=depth, colour=colour), idat, IEND),
            )
    for name in ("compression", "filtering", "interlace"):
        for value in (1, 2, 255):
            yield f"{name}_{value}", png(ihdr(**{name: value}), idat, IEND)
    for length in (0, 12, 14):
        yield f"head_{length}", png(chunk(b"IHDR", (ihdr()[8:21] + b"\0")[:length]), idat, IEND)


def _other_formats(pixels: npt.NDArray[np.uint8]) -> Iterable[tuple[str, bytes]]:
    grey = Image.fromarray(pixels)
    tint = Image.merge("RGB", [grey, grey.rotate(90), grey])
    sources = {"grey": grey, "rgb": grey.convert("RGB"), "tint": tint}
    for name, image in sources.items():
        yield f"jpeg_{name}", _saved(image, "JPEG", quality=90)
        yield f"webp_{name}", _saved(image, "WEBP", lossless=True)
        for kind in ("GIF", "BMP", "TIFF", "PPM"):
            yield f"{kind.lower()}_{name}", _saved(image, kind)
    yield "jpeg_cmyk", _saved(tint.convert("CMYK"), "JPEG")
    yield "tiff_lzw", _saved(grey, "TIFF", compression="tiff_lzw")
    yield "tiff_float", _saved(grey.convert("F"), "TIFF")
    yield "tiff_int", _saved(grey.convert("I"), "TIFF")
    yield "tiff_lab", _saved(tint.convert("LAB"), "TIFF")
    for order in "<>":
        deep = Image.fromarray(pixels.astype(f"{order}u2") * 257)
        yield f"tiff_16_{'little' if order == '<' else 'big'}", _saved(deep, "TIFF")
    turned = Image.Exif()
    turned[274] = 6
    yield "tiff_turned", _saved(grey, "TIFF", exif=turned)
    yield "tiff_turned_oblong", _saved(grey.resize((28, 20)), "TIFF", exif=turned)
    frames = [grey.rotate(90), grey.rotate(180)]
    yield "gif_animated", _saved(grey, "GIF", save_all=True, append_images=frames)
    yield "webp_animated", _saved(grey, "WEBP", save_all=True, append_images=frames, lossless=True)
    yield "tiff_pages", _saved(grey, "TIFF", save_all=True, append_images=frames)
    yield "png_animated", _saved(grey, "PNG", save_all=True, append_images=frames)
    yield "gif_transparent", _saved(grey, "GIF", transparency=int(pixels[0, 0]))
    yield "gif_key_unused", _saved(Image.new("L", (28, 28), 9), "GIF", transparency=200)
    yield "webp_alpha", _saved(grey.convert("RGBA").rotate(45), "WEBP", lossless=True)
    deep_ppm = b"P5 28 28 65535\n" + (pixels.astype(">u2") * 257).tobytes()
    yield "ppm_16", deep_ppm
    yield "ppm_short", deep_ppm[:-1]
    yield "ppm_text", b"P2 28 28 1000\n" + b" ".join(b"%d" % v for v in pixels.reshape(-1))
    yield "tga", _saved(grey, "TGA")
    yield "ico", _saved(grey, "ICO")
    yield "pcx", _saved(grey, "PCX")
    yield "eps", _saved(grey, "EPS")
    for kind in ("GIF", "BMP", "TIFF", "JPEG", "WEBP"):
        file = _saved(grey, kind)
        for share in (0.1, 0.5, 0.95):
            yield f"{kind.lower()}_cut_{share}", file[: int(len(file) * share)]


def corpus() -> dict[str, bytes]:
    """All files by name; "plain" and "plain_0" to "plain_4" are the good ones."""
    pixels = glyph()
    raw = filter_rows(pixels, [y % 5 for y in range(SIDE)])
    plain = png(ihdr(), chunk(b"IDAT", zlib.compress(raw, 9)), IEND)
    files = {"plain": plain, "empty": b"", "byte": b"\x00", "text": b"notMNIST\n" * 9}
    files["html"] = b"<!DOCTYPE html><html><title>404 Not Found</title></html>\n"
    files["signature"] = SIGNATURE
    files["noise"] = np.random.default_rng(1).bytes(3000)
    files["zeros"] = bytes(3000)
    files["crlf"] = plain.replace(b"\r\n", b"\n")
    for kind in range(5):
        idat = chunk(b"IDAT", zlib.compress(filter_rows(pixels, [kind] * SIDE)))
        files[f"plain_{kind}"] = png(ihdr(), idat, IEND)
    files.update(_depths(pixels))
    files.update(_palettes(chunk(b"IDAT", zlib.compress(raw))))
    files.update(_chunks(raw))
    files.update(_streams(raw))
    files.update(_headers(raw))
    files.update(_other_formats(pixels))
    for at in range(len(plain)):
        files[f"cut_at_{at}"] = plain[:at]
        files[f"flip_at_{at}"] = plain[:at] + bytes([plain[at] ^ (1 << at % 8)]) + plain[at + 1 :]
    return files


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in corpus().items():
        (folder / f"{name}.png").write_bytes(file)
