"""Opening sources by path, and the sources that are no tar: zip files and folders."""

import gzip
import hashlib
import io
import os
import stat
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import xxhash

from notmnist_store.errors import BudgetError, SourceError, UsageError
from notmnist_store.schema.tables import KIND_DEVICE, KIND_FILE, KIND_LINK
from notmnist_store.sources.base import Source
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.source import open_source

Row = tuple[bytes, int, int, bytes | None]
CONTENT = {
    "A/b.png": b"b" * 10,
    "A/B.png": b"",
    "A-/x.png": b"dash sorts before slash",
    "a/\u00e9\n'\U0001f600.png": b"odd",
    "loose.txt": b"loose",
    ".hidden": b"h",
}


def rows(source: Source, batch_members: int = 4096) -> list[Row]:
    found: list[Row] = []
    for batch in source.members(batch_members):
        batch.validate(full=True)
        assert 0 < batch.num_rows <= batch_members
        for row in batch.to_pylist():
            assert row["position"] == len(found)
            found.append((row["path"], row["kind"], row["size"], row["data"]))
    return found


def open_(path: Path, **limits: int) -> Source:
    return open_source(path, limits=Limits(**limits))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    for name, content in CONTENT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def zip_of(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def expected_rows() -> list[Row]:
    return [(f"set/{name}".encode(), 0, len(c), c) for name, c in sorted(CONTENT.items())]


def test_a_folder_and_archives_of_it_are_the_same_members(folder: Path, tmp_path: Path) -> None:
    source = open_(folder)
    assert (source.name, source.kind) == ("set", "folder")
    assert rows(source) == rows(open_(folder), 1) == expected_rows()
    for file_name, mode in (("set.tar.gz", "w:gz"), ("set.tgz", "w:gz"), ("set.tar", "w")):
        with tarfile.open(tmp_path / file_name, mode) as archive:  # type: ignore[call-overload]
            archive.add(folder, "set")
        source = open_(tmp_path / file_name)
        assert source.name == "set"
        assert sorted(rows(source)) == sorted(expected_rows())
        assert source.bytes_read == source.bytes_total == (tmp_path / file_name).stat().st_size
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        named = {f"set/{name}": content for name, content in CONTENT.items()}
        source = open_(zip_of(tmp_path / "set.zip", {"set/": b"", "set/A/": b"", **named}, method))
        assert (source.name, source.kind) == ("set", "zip")
        assert rows(source) == [(n.encode(), 0, len(c), c) for n, c in named.items()]


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "renamed.zip", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    assert open_(tmp_path / "renamed.zip").kind == "tar.gz"
    assert open_source(tmp_path / "renamed.zip", limits=Limits(), name="mine").name == "mine"


def test_identity_of_an_archive_is_its_sha256(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"A/x": b"1"})
    raw = path.read_bytes()
    assert open_(path).identity() == (hashlib.sha256(raw).hexdigest(), len(raw))


def test_identity_of_a_folder_is_of_its_paths_and_hashes(folder: Path, tmp_path: Path) -> None:
    (folder / "link").symlink_to("A")
    digest = hashlib.sha256()
    for name in sorted([*CONTENT, "link"]):
        word = xxhash.xxh3_128_hexdigest(CONTENT[name]) if name in CONTENT else "link"
        digest.update(f"{name}\0{word}\n".encode())
    want = (digest.hexdigest(), sum(map(len, CONTENT.values())))
    assert open_(folder).identity() == want
    moved = folder.rename(tmp_path / "other")
    assert open_(moved).identity() == want


def test_in_a_folder_nothing_is_followed_or_waited_for(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "x.png").write_bytes(b"secret")
    (folder / "A" / "out").symlink_to(tmp_path / "secret")
    (folder / "A" / "file").symlink_to(tmp_path / "secret" / "x.png")
    (folder / "A" / "broken").symlink_to("nowhere")
    os.mkfifo(folder / "A" / "fifo")
    found = rows(open_(folder))
    links = [path for path, kind, _, data in found if kind == KIND_LINK and data is None]
    assert links == [b"set/A/broken", b"set/A/file", b"set/A/out"]
    assert (b"set/A/fifo", KIND_DEVICE, 0, None) in found
    assert len(found) == len(CONTENT) + 4


@pytest.mark.skipif(sys.platform != "linux", reason="macOS takes UTF-8 names only")
def test_a_folder_with_names_that_are_no_utf8(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/A/\xff.png")).write_bytes(b"x")
    assert (b"set/A/\xff.png", 0, 1, b"x") in rows(open_(folder))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "A" / "b.png").write_bytes(b"other"),
        lambda folder: (folder / "A" / "b.png").unlink(),
        lambda folder: (folder / "A" / "new.png").write_bytes(b"new"),
    ],
)
def test_a_folder_that_changes_after_its_identity(
    folder: Path, change: Callable[[Path], object]
) -> None:
    source = open_(folder)
    source.identity()
    assert rows(source) == expected_rows()
    change(folder)
    with pytest.raises(SourceError, match="changed while being read"):
        rows(source)


def test_a_file_that_vanishes_while_members_are_read(folder: Path) -> None:
    members = open_(folder).members(batch_members=1)
    next(members)
    (folder / "loose.txt").unlink()
    with pytest.raises(SourceError, match="changed while being read"):
        list(members)


def test_an_archive_that_changes(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"A/x": b"1", "A/y": b"2"})
    source = open_(path)
    source.identity()
    members = source.members(batch_members=1)
    next(members)
    os.utime(path, ns=(1, 1))
    with pytest.raises(SourceError, match="changed while being read"):
        list(members)
    with pytest.raises(SourceError, match="changed while being read"):
        source.identity()


def test_zip_links_and_devices(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, mode in (("link", stat.S_IFLNK), ("fifo", stat.S_IFIFO), ("f", stat.S_IFREG)):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (mode | 0o644) << 16
            archive.writestr(info, b"target")
    assert rows(open_(tmp_path / "a.zip")) == [
        (b"link", KIND_LINK, 6, None),
        (b"fifo", KIND_DEVICE, 6, None),
        (b"f", KIND_FILE, 6, b"target"),
    ]


def test_zip_keeps_two_entries_of_one_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("A/x", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("A/x", b"2")
    assert rows(open_(tmp_path / "a.zip")) == [(b"A/x", 0, 1, b"1"), (b"A/x", 0, 1, b"2")]


def zip_damage(raw: bytes) -> dict[str, tuple[bytes, str]]:
    central = raw.index(b"PK\1\2")

    def patched(at: int, value: bytes) -> bytes:
        return raw[:at] + value + raw[at + len(value) :]

    encrypted = patched(6, b"\1")
    return {
        "cut": (raw[:-5], "damaged"),
        "content": (patched(40, bytes([raw[40] ^ 1])), "damaged"),
        "crc": (patched(central + 16, bytes([raw[central + 16] ^ 1])), "damaged"),
        "size too small": (patched(central + 24, b"\1\0\0\0"), "damaged"),
        "size too large": (patched(central + 24, b"\xff\xff\xff\0"), "damaged"),
        "encrypted": (encrypted[: central + 8] + b"\1" + encrypted[central + 9 :], "encrypted"),
        "bzip2": (patched(central + 10, b"\x0c"), "method 12"),
        "offset": (patched(central + 42, b"\5\0\0\0"), "damaged"),
    }


@pytest.mark.parametrize("case", zip_damage(b"\0" * 99 + b"PK\1\2" + b"\0" * 60))
def test_a_damaged_zip(case: str, tmp_path: Path) -> None:
    raw = zip_of(tmp_path / "a.zip", {"A/x": os.urandom(999)}, zipfile.ZIP_STORED).read_bytes()
    damaged, words = zip_damage(raw)[case]
    (tmp_path / "b.zip").write_bytes(damaged)
    with pytest.raises(SourceError, match=words) as caught:
        rows(open_(tmp_path / "b.zip"))
    assert caught.value.hint or caught.value.advice or caught.value.option


def test_budgets_of_zip_and_folder(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for name in "abc":
        (tmp_path / "set" / name).write_bytes(bytes(3_000_000))
    zipped = zip_of(tmp_path / "a.zip", {f"set/{name}": bytes(3_000_000) for name in "abc"})
    for path in (tmp_path / "set", zipped):
        large = rows(open_(path, max_member_bytes=2_999_999))
        assert [(kind, size, data) for _, kind, size, data in large] == [(0, 3_000_000, None)] * 3
        with pytest.raises(BudgetError) as caught:
            rows(open_(path, max_members=2))
        assert caught.value.option == "--max-members 8"
        with pytest.raises(BudgetError) as caught:
            rows(open_(path, max_bytes=8_999_999))
        assert caught.value.option == "--max-bytes 35999996"
        assert len(rows(open_(path, max_bytes=9_000_000, max_members=3))) == 3
    bomb = zip_of(tmp_path / "bomb.zip", {"A/x": bytes(70 << 20)})
    with pytest.raises(BudgetError, match="bomb"):
        rows(open_(bomb))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello", "no archive that is known"),
        (b"BZh91AY" + bytes(600), "a bzip2 file; supported are"),
        (b"\xfd7zXZ\0" + bytes(600), "an xz file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(600), "a single PNG image"),
        (b"\x80\x04\x95" + bytes(600), "is a pickle, and no pickle is ever read"),
    ],
)
def test_unsupported_files(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(content)
    with pytest.raises(SourceError, match=words) as caught:
        open_(tmp_path / "x.tar.gz")
    assert caught.value.hint or caught.value.advice or caught.value.option


def test_gzip_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "images.gz").write_bytes(gzip.compress(b"words" * 1000))
    with pytest.raises(SourceError, match="no tar archive"):
        rows(open_(tmp_path / "images.gz"))


def test_a_missing_path_names_a_close_one(tmp_path: Path) -> None:
    (tmp_path / "notMNIST_small.tar.gz").write_bytes(b"x")
    with pytest.raises(SourceError, match="there is no") as caught:
        open_(tmp_path / "notMNST_small.tar.gz")
    assert "notMNIST_small.tar.gz" in caught.value.hint
    with pytest.raises(SourceError, match="there is no") as caught:
        open_(tmp_path / "none" / "x.zip")
    assert caught.value.hint or caught.value.advice or caught.value.option


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(folder: Path, tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"A/x": b"1"})
    path.chmod(0)
    with pytest.raises(SourceError, match="Permission denied"):
        open_(path)
    (folder / "A" / "b.png").chmod(0)
    with pytest.raises(SourceError, match="Permission denied"):
        rows(open_(folder))


def test_devices_are_no_sources(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        open_(tmp_path / "fifo")


def test_empty_sources_have_no_members(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "empty.tar").write_bytes(bytes(1024))
    for path in (tmp_path / "set", zip_of(tmp_path / "a.zip", {}), tmp_path / "empty.tar"):
        assert rows(open_(path)) == []


def test_limits_are_checked() -> None:
    with pytest.raises(UsageError, match="--max-members must be at least 1"):
        Limits(max_members=0)
    with pytest.raises(UsageError, match="--max-member-bytes is at most"):
        Limits(max_member_bytes=1 << 31)


def test_the_ten_thousand_real_images() -> None:
    data = Path(os.environ.get("NOTMNIST_DATA", Path(__file__).parents[3] / "shared" / "data"))
    path = data / "notMNIST_t10k.tar.gz"
    if not path.exists():
        pytest.skip("the real images are not here")
    with tarfile.open(path) as archive:
        files = [member for member in archive if not member.isdir()]
        contents = [(archive.extractfile(m) or io.BytesIO()).read() for m in files]
    got = rows(open_(path))
    assert [(p.decode(), data) for p, _, _, data in got] == [
        (member.name, content) for member, content in zip(files, contents, strict=True)
    ]
    assert len(got) == 10_002
