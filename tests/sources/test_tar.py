"""The tar stream against Python's ``tarfile`` and the system's ``tar``, and against damage."""

import gzip
import hashlib
import io
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.errors import BudgetError, SourceError
from notmnist_store.schema.shape import ROW_GROUP_MEMBERS as GROUP
from notmnist_store.schema.tables import KIND_DEVICE, KIND_FILE, KIND_LINK, MEMBER_SCHEMA
from notmnist_store.sources import gunzip as gunzip_module
from notmnist_store.sources.batches import BATCH_BYTES, joined
from notmnist_store.sources.gunzip import gunzip, read_ahead
from notmnist_store.sources.kernels import tarloop
from notmnist_store.sources.limits import Limits, Meter
from notmnist_store.sources.tar import TarSource, compiled_walk
from notmnist_store.sources.tar_stream import Walk, plain_walk, tar_members
from tests.support.properties import examples

Row = tuple[bytes, int, int, bytes | None]
WALKS: list[Walk] = [plain_walk, tarloop.walk]
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def read(
    raw: bytes,
    walk: Walk = plain_walk,
    *,
    gzipped: bool = False,
    limits: Limits | None = None,
    batch_members: int = 4096,
    max_batch_bytes: int = BATCH_BYTES,
) -> list[pa.RecordBatch]:
    meter = Meter("archive", limits or Limits())
    parts = tar_members(io.BytesIO(raw), meter, lambda done: None, gzipped=gzipped, walk=walk)
    return list(joined(parts, meter, batch_members, max_batch_bytes))


def rows(batches: list[pa.RecordBatch]) -> list[Row]:
    found: list[Row] = []
    for batch in batches:
        batch.validate(full=True)
        assert batch.schema == MEMBER_SCHEMA
        assert batch.num_rows
        for row in batch.to_pylist():
            assert row["position"] == len(found)
            found.append((row["path"], row["kind"], row["size"], row["data"]))
    return found


def tarfile_rows(raw: bytes) -> list[Row]:
    found: list[Row] = []
    with tarfile.open(fileobj=io.BytesIO(raw), encoding="utf-8") as archive:
        for member in archive:
            if member.isdir():
                continue
            kind = KIND_FILE
            if member.issym() or member.islnk():
                kind = KIND_LINK
            elif member.isdev():
                kind = KIND_DEVICE
            content = archive.extractfile(member) if kind == KIND_FILE else None
            name = member.name.encode("utf-8", "surrogateescape")
            found.append((name, kind, member.size, content.read() if content else None))
    return found


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info


def archive_of(members: list[tuple[str, bytes]], format: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format, encoding="utf-8") as archive:
        for name, content in members:
            archive.addfile(member(name, size=len(content)), io.BytesIO(content))
    return out.getvalue()


def header(name: bytes, size: bytes | int, kind: bytes = b"0", magic: bytes = b"") -> bytes:
    field = size if isinstance(size, bytes) else b"%011o\0" % size
    block = bytearray(name.ljust(100, b"\0") + b"0000644\0" * 3 + field + b"0" * 11 + b"\0")
    block += b" " * 8 + kind + bytes(100) + (magic or b"ustar\x0000")
    block += bytes(512 - len(block))
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return str(length).encode() + rest


END = bytes(1024)


@pytest.fixture(params=[1 << 20, 700])
def _pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the stream come in large pieces and in pieces that cut headers and members."""
    monkeypatch.setattr(gunzip_module, "_PIECE", request.param)


def nasty_archive(format: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format, encoding="utf-8") as archive:

        def add(info: tarfile.TarInfo, content: bytes = b"") -> None:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))

        add(member("set/A", tarfile.DIRTYPE))
        add(member("set/A/plain.png"), b"x" * 700)
        add(member("set/A/empty.png"))
        add(member("set/A/new\nline '\"😀é.png"), b"y" * 512)
        timed = member("set/A/timed.png")
        timed.mtime = 1.5
        add(timed, b"z")
        add(member("set/" + "d" * 90 + "/" + "n" * 90), b"prefix" * 400)
        if format != tarfile.USTAR_FORMAT:
            for length in (100, 101, 255, 256, 511, 512, 513, 4096):
                add(member("long/" + "n" * (length - 5)), b"long")
            link = member("set/longlink", tarfile.SYMTYPE)
            link.linkname = "t" * 300
            add(link)
            both = member("both/" + "b" * 200, tarfile.LNKTYPE)
            both.linkname = "t" * 300
            add(both)
            add(member("dir/" + "d" * 200, tarfile.DIRTYPE))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE):
            add(member("special", kind))
        add(member("fifo", tarfile.FIFOTYPE))
        add(member("contiguous", tarfile.CONTTYPE), b"c" * 5)
        add(member("unknown", b"Q"), b"q" * 600)
        add(member("old/style", tarfile.AREGTYPE), b"o")
        add(member("old/folder/", tarfile.AREGTYPE))
        if format == tarfile.PAX_FORMAT:
            add(member("\udcff\udcfe raw bytes"), b"r")
            comment = member("commented")
            comment.pax_headers = {"comment": "harmless", "SCHILY.xattr.user.a": "1"}
            add(comment, b"c")
        add(member("last"), b"end")
    return out.getvalue()


@pytest.mark.usefixtures("_pieces")
@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("format", FORMATS)
def test_same_members_as_tarfile(format: int, walk: Walk) -> None:
    raw = nasty_archive(format)
    want = tarfile_rows(raw)
    assert rows(read(raw, walk)) == want
    assert len(want) >= 14
    small = read(gzip.compress(raw), walk, gzipped=True, batch_members=3, max_batch_bytes=600)
    assert rows(small) == want
    assert max(batch.num_rows for batch in small) == 3


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=300), st.binary(max_size=1100)),
        max_size=8,
    ),
    st.sampled_from(FORMATS),
    st.sampled_from(WALKS),
    st.integers(1, 4),
)
@examples(25)
def test_any_names_and_contents(
    members: list[tuple[str, bytes]], format: int, walk: Walk, batch_members: int
) -> None:
    try:
        raw = archive_of(members, format)
    except (ValueError, UnicodeEncodeError):
        return
    assert rows(read(raw, walk, batch_members=batch_members)) == tarfile_rows(raw)


CRAFTED = {
    "base 256 size": header(b"big", b"\x80" + bytes(10) + b"\x05") + padded(b"12345"),
    "size with spaces": header(b"s", b"        12 \0") + padded(b"x" * 10),
    "size empty": header(b"s", bytes(12)),
    "link with a size": header(b"l", 700, b"2") + header(b"f", 1) + padded(b"x"),
    "signed checksum": b"",
    "pax size": b"",
}
_names = b"caf\xe9"
_block = bytearray(header(_names, 0))
_block[148:156] = b"%06o\0 " % (256 + sum(struct.unpack("148b8x356b", _block)))
CRAFTED["signed checksum"] = bytes(_block)
_size = record(b"size", b"5")
CRAFTED["pax size"] = (
    header(b"p", len(_size), b"x") + padded(_size) + header(b"f", 0) + padded(b"5")
)
_path = record(b"path", b"first") + record(b"path", b"second/")
_outer = record(b"path", b"outer")
CRAFTED["pax twice in a header"] = header(b"p", len(_path), b"x") + padded(_path) + header(b"f", 0)
CRAFTED["pax before pax"] = (
    header(b"p", len(_outer), b"x") + padded(_outer) + CRAFTED["pax twice in a header"]
)
CRAFTED["long name before pax"] = (
    header(b"L", 6, b"L") + padded(b"gnu/L\0") + CRAFTED["pax twice in a header"]
)
CRAFTED["long name twice"] = (
    header(b"L", 6, b"L") + padded(b"first\0") + header(b"L", 7, b"L") + padded(b"second\0")
) + header(b"f", 0)
CRAFTED["pax before long name"] = (
    header(b"p", len(_outer), b"x") + padded(_outer) + header(b"L", 6, b"L") + padded(b"inner\0")
) + header(b"f", 0)
_comment = record(b"comment", b"0" * 40)
CRAFTED["global comment"] = header(b"g", len(_comment), b"g") + padded(_comment) + header(b"f", 0)


@pytest.mark.usefixtures("_pieces")
@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("case", CRAFTED)
def test_crafted_headers_as_tarfile_takes_them(case: str, walk: Walk) -> None:
    raw = CRAFTED[case] + header(b"next", 3) + padded(b"abc") + END
    want = tarfile_rows(raw)
    assert want[-1] == (b"next", KIND_FILE, 3, b"abc")
    assert len(want) >= 2
    assert rows(read(raw, walk)) == want


@pytest.mark.parametrize("walk", WALKS)
def test_gnu_headers_have_no_prefix(walk: Walk) -> None:
    block = bytearray(header(b"name", 0, magic=b"ustar  \0"))
    block[345:357] = b"12345670123\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    assert rows(read(bytes(block) + END, walk)) == [(b"name", KIND_FILE, 0, b"")]


@pytest.mark.parametrize("walk", WALKS)
def test_gnu_folders_and_labels_are_no_files(walk: Walk) -> None:
    raw = header(b"dump/", 5, b"D") + padded(b"Yfile") + header(b"label", 0, b"V")
    got = rows(read(raw + header(b"f", 1) + padded(b"x") + END, walk))
    assert got == [(b"label", KIND_DEVICE, 0, None), (b"f", KIND_FILE, 1, b"x")]


@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar program here")
@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("options", [[], ["--format=ustar"], ["--format=pax"]])
def test_archives_of_the_system_tar(tmp_path: Path, options: list[str], walk: Walk) -> None:
    folder = tmp_path / "set" / "A"
    folder.mkdir(parents=True)
    for name in ("x.png", "q'\"uote\n.png", "é😀.png", "n" * 90 + ".png"):
        (folder / name).write_bytes(name.encode() * 50)
    (folder / "link").symlink_to("x.png")
    (folder / "hard").hardlink_to(folder / "x.png")
    os.mkfifo(folder / "fifo")
    archive = tmp_path / "set.tar"
    command = ["tar", *options, "-cf", str(archive), "-C", str(tmp_path), "set"]
    subprocess.run(command, check=True, capture_output=True)
    raw = archive.read_bytes()
    want = tarfile_rows(raw)
    assert len(want) == 7
    assert rows(read(raw, walk)) == want


@pytest.mark.parametrize("walk", WALKS)
def test_batches_keep_to_row_groups_and_sizes(walk: Walk) -> None:
    count = GROUP + 10
    block = header(b"n", 0)
    batches = read(block * count + END, walk, batch_members=10_000)
    assert [batch.num_rows for batch in batches] == [10_000, GROUP - 10_000, 10]
    raw = archive_of([(f"{k}", bytes(k * 100)) for k in range(40)])
    batches = read(raw, walk, max_batch_bytes=5_000)
    assert rows(batches) == tarfile_rows(raw)
    assert all(batch.column("data").nbytes < 5_000 + 400 for batch in batches)


@pytest.mark.parametrize("walk", WALKS)
def test_members_over_the_limit_have_no_data(walk: Walk) -> None:
    raw = archive_of([("a", b"x" * 1000), ("b", b"y" * 1001), ("c", b"z")])
    got = rows(read(raw, walk, limits=Limits(max_member_bytes=1000)))
    assert got == [(b"a", 0, 1000, b"x" * 1000), (b"b", 0, 1001, None), (b"c", 0, 1, b"z")]


def test_empty_archives() -> None:
    assert read(END) == []
    assert read(bytes(10_240)) == []
    assert read(gzip.compress(b""), gzipped=True) == []


@pytest.mark.parametrize("inflater", ["zlib", "isal.isal_zlib"])
@pytest.mark.parametrize("piece", [1 << 20, 100, 1])
def test_gunzip_is_gzip(inflater: str, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    module: ModuleType = pytest.importorskip(inflater)
    monkeypatch.setattr(gunzip_module, "_PIECE", piece)
    monkeypatch.setattr(gunzip_module, "_READ", 50)
    raw = gzip.compress(bytes(5_000) + os.urandom(300)) + gzip.compress(b"second") + bytes(99)
    empty, zeros = gzip.compress(b""), gzip.compress(bytes(5_000))
    for whole in (raw, empty + raw, raw + empty, zeros):
        read_so_far: list[int] = []
        meter = Meter("a", Limits())
        pieces = list(gunzip(io.BytesIO(whole), meter, read_so_far.append, module))
        assert b"".join(pieces) == gzip.decompress(whole)
        assert max(map(len, pieces)) <= piece
        assert meter.decompressed == len(gzip.decompress(whole))
        assert read_so_far[-1] == len(whole)


GOOD = archive_of(
    [
        ("set/A/one.png", hashlib.shake_256(b"1").digest(3000)),
        ("set/A/two.png", hashlib.shake_256(b"2").digest(600)),
    ]
)


def damaged() -> Iterator[tuple[str, bytes, bool, str]]:
    packed = gzip.compress(GOOD, mtime=0)  # the same names of tests every time
    for cut in (1, 9, len(packed) // 2, len(packed) - 8, len(packed) - 1):
        yield f"gzip cut at {cut}", packed[:cut], True, "cut off"
    for at in (-1, -5):
        wrong = bytearray(packed)
        wrong[at] ^= 1
        yield f"gzip checksum {at}", bytes(wrong), True, "damaged"
    yield "gzip then garbage", packed + b"garbage", True, "damaged"
    yield "gzip of no tar", gzip.compress(b"hello " * 200), True, "no tar archive"
    for cut in (100, 512, 700, 512 + 3000, 512 + 3072 + 512 + 500):
        yield f"tar cut at {cut}", GOOD[:cut], False, "cut off"
    yield "tar without an end", GOOD[: 512 + 3072 + 512 + 1024], False, "end marker"
    wrong = bytearray(GOOD)
    wrong[512 + 3072 + 3] ^= 1
    yield "header", bytes(wrong), False, "damaged at byte 3,584"
    yield "tar then garbage", GOOD + b"x", False, "goes on after"
    yield "two tars", GOOD + GOOD, False, "goes on after"
    yield "negative size", header(b"n", b"\xff" * 12) + END, False, "damaged at byte"
    yield "huge size", header(b"n", b"\x80" + b"\x7f" * 11) + END, False, "damaged at byte"
    yield "exabyte", header(b"n", b"\x80" + bytes(3) + b"\x10" + bytes(7)) + END, False, "cut off"
    yield "size of letters", header(b"n", b"12x45678901\0") + END, False, "octal"
    bad = b"99 path=x\n"
    yield "pax length", header(b"p", len(bad), b"x") + padded(bad) + GOOD, False, "pax header"
    bad = record(b"size", b"-5")
    yield "pax size", header(b"p", len(bad), b"x") + padded(bad) + GOOD, False, "no number"
    all_named = record(b"path", b"same")
    glob = header(b"g", len(all_named), b"g") + padded(all_named)
    yield "global path", glob + GOOD, False, "every member"
    yield "extended header alone", header(b"L", 3, b"L") + padded(b"ab\0"), False, "cut off"
    yield "old sparse", header(b"sparse", 0, b"S") + END, False, "sparse"
    sparse = record(b"GNU.sparse.major", b"1")
    yield "pax sparse", header(b"p", len(sparse), b"x") + padded(sparse) + GOOD, False, "sparse"


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize(
    ("raw", "gzipped", "words"), [pytest.param(*c[1:], id=c[0]) for c in damaged()]
)
def test_damage_is_an_error(raw: bytes, gzipped: bool, words: str, walk: Walk) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        read(raw, walk, gzipped=gzipped)
    assert caught.value.hint or caught.value.advice or caught.value.option


@pytest.mark.parametrize("walk", WALKS)
def test_a_gzip_may_lack_the_end_marker(walk: Walk) -> None:
    raw = GOOD[: 512 + 3072 + 512 + 1024]
    assert rows(read(gzip.compress(raw), walk, gzipped=True)) == tarfile_rows(GOOD)


def deflated(parts: Iterator[bytes]) -> bytes:
    squeeze = zlib.compressobj(1, wbits=31)
    return b"".join([*map(squeeze.compress, parts), squeeze.flush()])


def peak_of(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K", b"X"])
def test_a_giant_header_stops_early(kind: bytes, walk: Walk) -> None:
    size = 300 << 20
    body = (b"a" * (1 << 20) for _ in range(20))
    raw = deflated(part for part in (header(b"h", size, kind), *body))

    def refuse() -> None:
        with pytest.raises(BudgetError, match="extended header of 314,572,800 bytes"):
            read(raw, walk, gzipped=True)

    assert peak_of(refuse) < 48 << 20


def test_many_headers_before_one_member_stop() -> None:
    one = header(b"L", 1000, b"L") + padded(b"n" * 1000)
    with pytest.raises(BudgetError, match="extended header"):
        read(one * 2000)


@pytest.mark.parametrize("walk", WALKS)
def test_a_gzip_bomb_stops_early(walk: Walk) -> None:
    zeros = bytes(1 << 20)
    raw = deflated(part for part in (header(b"bomb", 200 << 20), *[zeros] * 200))

    def refuse() -> None:
        with pytest.raises(BudgetError, match="decompression bomb"):
            read(raw, walk, gzipped=True, max_batch_bytes=1 << 20)

    assert peak_of(refuse) < 40 << 20


def test_large_members_with_extended_headers_are_not_gathered() -> None:
    """Each of these is left to Python, and the next header stands in the buffer already."""
    member = header(b"K", 5, b"K") + padded(b"link\0") + header(b"n", 1 << 20) + bytes(1 << 20)
    raw, meter = member * 24 + END, Meter("archive", Limits())
    for walk in WALKS:
        parts = tar_members(io.BytesIO(raw), meter, lambda done: None, gzipped=False, walk=walk)
        data = [part[3].nbytes for part in parts]
        assert sum(data) >= 24 << 20
        assert max(data) < 4 << 20


def test_bytes_and_members_are_limited() -> None:
    raw = archive_of([(f"{k}", b"x" * 512) for k in range(1000)])
    with pytest.raises(BudgetError, match="100,000 bytes"):
        read(raw, limits=Limits(max_bytes=100_000), batch_members=10)
    for walk in WALKS:
        with pytest.raises(BudgetError, match="more than 999 members"):
            read(raw, walk, limits=Limits(max_members=999))
        assert len(rows(read(raw, walk, limits=Limits(max_members=1000)))) == 1000


def test_the_fast_packages_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = nasty_archive(tarfile.PAX_FORMAT)
    (tmp_path / "a.tgz").write_bytes(gzip.compress(raw))

    def source() -> TarSource:
        return TarSource(tmp_path / "a.tgz", "a", Limits(), gzipped=True)

    monkeypatch.setattr("notmnist_store.sources.tar._COMPILED_FROM_BYTES", 0)
    assert compiled_walk() is tarloop.walk
    assert rows(list(source().members())) == tarfile_rows(raw)
    monkeypatch.setitem(sys.modules, "isal", None)
    monkeypatch.setitem(sys.modules, "notmnist_store.sources.kernels.tarloop", None)
    assert gunzip_module._fastest() is zlib
    assert compiled_walk() is plain_walk
    assert rows(list(source().members())) == tarfile_rows(raw)


def test_read_ahead_hands_on_errors_and_ends_its_thread() -> None:
    state = {"made": 0}

    def endless() -> Iterator[bytes]:
        while True:
            state["made"] += 1
            yield b"x"

    ahead = read_ahead(endless(), depth=2)
    assert next(ahead) == b"x"
    ahead.close()
    made = state["made"]
    assert made <= 5

    def failing() -> Iterator[bytes]:
        yield b"1"
        raise SourceError("broken")

    ahead = read_ahead(failing())
    assert next(ahead) == b"1"
    with pytest.raises(SourceError, match="broken"):
        next(ahead)
