"""The nasty corpus of archives: bombs, odd names, things that are no files, cut and damaged ones.

`write(folder)` makes them all, the same members every time; `CORPUS` names one maker for each, and
the makers' docstrings say what is wrong with it. Run as a script it writes them to a folder:
`python -m tests.support.nasty_archives FOLDER`.

Bombs are made of gzip streams behind one another, one MiB of the same byte each, so that hundreds
of MB cost the time of one. Nasty images are those of `tests.support.nasty_pictures`.
"""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from tests.support import nasty_pictures as nasty
from tests.support.archives import class_files, picture, png

__all__ = [
    "CORPUS",
    "DUPLICATES",
    "ESCAPES",
    "HOSTILE",
    "LABELS",
    "MEMBERS",
    "SPECIAL",
    "UNSAFE",
    "write",
]

MEMBERS = 1_000_000
LABELS = 10_001
DUPLICATES = 300
_MIB = 1 << 20
_PAX_BYTES = 300 * _MIB
_BOMB_MIB = 1_024

HOSTILE = (
    "line\nbreak",
    'quote"',
    "it's",
    "🦊",
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\x1b[31mred\x07",
    "\u202egnp",
    "<script>alert(1)",
    "'; drop table image; --",
    "a|b",
    "%2e%2e%2fup",
    "c:\\up",
    "$(touch owned)",
    "CON",
)
"""Words that are awkward somewhere, but safe as names: each is a label and the name of a file."""

ESCAPES = ("../up.png", "set/../../up.png", "/notmnist_store_was_here.png", "set/A/../up.png")
UNSAFE = (*ESCAPES, "set/A/nul\0.png", f"set/A/{'n' * 4_096}.png", f"set/{'l' * 4_096}/1.png")
"""Paths that would leave the folder they are extracted to, or that no file system takes."""

SPECIAL = {
    "set/A/symlink.png": tarfile.SYMTYPE,
    "set/A/hardlink.png": tarfile.LNKTYPE,
    "set/A/fifo.png": tarfile.FIFOTYPE,
    "set/A/character.png": tarfile.CHRTYPE,
    "set/A/block.png": tarfile.BLKTYPE,
}

Files = Iterable[tuple[str, bytes]]


def _member(path: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> bytes:
    """One tar member; the path stands in a pax header where ustar cannot hold it."""
    member = tarfile.TarInfo(path.replace("\0", "?"))
    member.size, member.type = len(content), kind
    if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        member.linkname = "/etc/passwd"
    if "\0" in path:
        member.pax_headers = {"path": path}
    return member.tobuf(tarfile.PAX_FORMAT) + content + bytes(-len(content) % 512)


def _tar(files: Files) -> bytes:
    return b"".join(_member(*file) for file in files) + bytes(1_024)


def _gzip(content: bytes, level: int = 1) -> bytes:
    return gzip.compress(content, level, mtime=0)


def _header_only(size: int, kind: bytes) -> bytes:
    member = tarfile.TarInfo("set/A/bomb.png")
    member.size, member.type = size, kind
    return member.tobuf(tarfile.USTAR_FORMAT)


def pax_header() -> bytes:
    """A pax header of 300 MiB in 1.4 MB, valid: one comment. ``tarfile`` keeps it whole, twice."""
    start = f"{_PAX_BYTES} comment=".encode()
    first = _header_only(_PAX_BYTES, tarfile.XHDTYPE) + start + b"a" * (_MIB - len(start))
    last = b"a" * (_MIB - 1) + b"\n" + _tar(class_files())
    middle = _gzip(b"a" * _MIB) * (_PAX_BYTES // _MIB - 2)
    return _gzip(first) + middle + _gzip(last)


def gzip_bomb() -> bytes:
    """A member of 1 GiB of zeros in 1 MB, behind some images."""
    head = b"".join(_member(*file) for file in class_files())
    first = _gzip(head + _header_only(_BOMB_MIB * _MIB, tarfile.REGTYPE))
    return first + _gzip(bytes(_MIB), 9) * _BOMB_MIB + _gzip(bytes(1_024))


def endless_zeros() -> bytes:
    """A whole archive, then 1 GiB of the zeros that may stand after one."""
    return _gzip(_tar(class_files())) + _gzip(bytes(_MIB), 9) * _BOMB_MIB


def zip_bomb() -> bytes:
    """Twenty members of 10 MiB of zeros, in 200 KB."""
    return _zip([*class_files(), *((f"set/A/{n}.png", bytes(10 * _MIB)) for n in range(20))])


def zip_overlap() -> bytes:
    """A thousand entries that are all the same 10 MiB of the file: 10 GiB, were they counted."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("set/A/1.png", bytes(10 * _MIB))
        zipped.filelist *= 1_000
    return sink.getvalue()


def _zip(files: Files) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for path, content in files:
            zipped.writestr(zipfile.ZipInfo(path), content, zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def tiny_members(members: int = MEMBERS) -> bytes:
    """So many empty files beside a few images."""
    blocks = np.tile(np.frombuffer(_member("set/A/0000000.png"), np.uint8), (members, 1))
    digits = np.arange(members)[:, None] // 10 ** np.arange(6, -1, -1) % 10
    at = len("set/A/")
    blocks[:, at : at + 7] += digits.astype(np.uint8)
    sums = int(blocks[0].sum()) - int(blocks[0, 148:156].sum()) + 8 * 32 + digits.sum(axis=1)
    octal = sums[:, None] // 8 ** np.arange(5, -1, -1) % 8 + ord("0")
    blocks[:, 148:154] = octal.astype(np.uint8)
    return _gzip(blocks.tobytes() + _tar(class_files(start=500)))


def many_labels() -> bytes:
    """10,001 labels of one image each, one more than an ingest takes."""
    content = png(picture(1))
    return _gzip(_tar((f"set/{n}/1.png", content) for n in range(LABELS)))


def hostile_names() -> bytes:
    """Each of HOSTILE as a label with a file of that name, and each of UNSAFE."""
    files = [(f"set/{word}/{word}.png", png(picture(n))) for n, word in enumerate(HOSTILE)]
    return _gzip(_tar([*files, *((path, png(picture(99))) for path in UNSAFE)]))


def no_files() -> bytes:
    """Links, devices, fifos, hidden files, files of macOS, and some beside the class folders."""
    parts = [_member(path, kind=kind) for path, kind in SPECIAL.items()]
    stray = [
        ("set/A/.hidden.png", png(picture(1))),
        ("set/.git/config", b"x"),
        ("__MACOSX/set/A/._00000.png", b"x"),
        ("set/A/.DS_Store", b"x"),
        ("set/README.md", b"about"),
        ("README", b"about"),
    ]
    return _gzip(b"".join(parts) + _tar([*stray, *class_files()]))


def duplicate_paths() -> bytes:
    """The same path again and again, each time with another image."""
    again = [("set/A/00000.png", png(picture(n))) for n in range(100, 100 + DUPLICATES)]
    return _gzip(_tar([*class_files(), *again]))


def huge_member() -> bytes:
    """A member of 17 MiB, of random bytes, over the limit of 16."""
    noise = np.random.default_rng(1).bytes(17 * _MIB)
    return _gzip(_tar([*class_files(), ("set/A/huge.png", noise)]))


def nasty_images() -> bytes:
    """All of the nasty image files in a class folder, and twelve good ones."""
    bad = ((f"set/nasty/{name}", content) for name, content in sorted(nasty.corpus().items()))
    return _gzip(_tar([*class_files(), *bad]))


def no_class_folder() -> bytes:
    """Images, but not in folders."""
    return _gzip(_tar((f"{n}.png", png(picture(n))) for n in range(5)))


def empty() -> bytes:
    """A whole archive without members."""
    return _gzip(bytes(10_240))


def cut_gzip() -> bytes:
    """Cut in the middle of the gzip stream."""
    whole = _gzip(_tar(class_files(each=40)))
    return whole[: len(whole) // 2]


def damaged_gzip() -> bytes:
    """One byte in the middle of the gzip stream is another."""
    whole = bytearray(_gzip(_tar(class_files(each=40))))
    whole[len(whole) // 2] ^= 0x55
    return bytes(whole)


def wrong_checksum() -> bytes:
    """All bytes are right but the gzip stream's own checksum."""
    whole = bytearray(_gzip(_tar(class_files())))
    whole[-8] ^= 1
    return bytes(whole)


def cut_tar() -> bytes:
    """A whole gzip stream of a tar archive that was cut in the middle of a member."""
    return _gzip(_tar(class_files())[: 3 * 1_024 + 600])


def damaged_tar() -> bytes:
    """A whole gzip stream of a tar archive in which one header was hit."""
    whole = bytearray(_tar(class_files()))
    whole[2 * 1_024 + 3] ^= 0x55
    return _gzip(bytes(whole))


def cut_zip() -> bytes:
    """A zip without its end, where its directory stands."""
    return _zip(class_files())[:-60]


def damaged_zip() -> bytes:
    """A zip in which a byte of a member is another."""
    whole = bytearray(_zip([("set/A/1.png", np.random.default_rng(1).bytes(5_000))]))
    whole[1_000] ^= 0x55
    return bytes(whole)


def no_archive() -> bytes:
    """A page that says 404, under the name of an archive."""
    return b"<!DOCTYPE html><title>404 Not Found</title>"


CORPUS: dict[str, Callable[[], bytes]] = {
    "pax_header.tar.gz": pax_header,
    "gzip_bomb.tar.gz": gzip_bomb,
    "endless_zeros.tar.gz": endless_zeros,
    "zip_bomb.zip": zip_bomb,
    "zip_overlap.zip": zip_overlap,
    "tiny_members.tar.gz": tiny_members,
    "many_labels.tar.gz": many_labels,
    "hostile_names.tar.gz": hostile_names,
    "no_files.tar.gz": no_files,
    "duplicate_paths.tar.gz": duplicate_paths,
    "huge_member.tar.gz": huge_member,
    "nasty_images.tar.gz": nasty_images,
    "no_class_folder.tar.gz": no_class_folder,
    "empty.tar.gz": empty,
    "cut_gzip.tar.gz": cut_gzip,
    "damaged_gzip.tar.gz": damaged_gzip,
    "wrong_checksum.tar.gz": wrong_checksum,
    "cut_tar.tar.gz": cut_tar,
    "damaged_tar.tar.gz": damaged_tar,
    "cut_zip.zip": cut_zip,
    "damaged_zip.zip": damaged_zip,
    "no_archive.tar.gz": no_archive,
}


def write(folder: Path) -> dict[str, Path]:
    """Make every archive of the corpus in `folder`; their paths by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in CORPUS.items():
        (folder / name).write_bytes(make())
    return {name: folder / name for name in CORPUS}


if __name__ == "__main__":
    for made in write(Path(sys.argv[1])).values():
        print(f"{made.stat().st_size:>12,}  {made}")
