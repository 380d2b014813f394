"""The nasty corpus through the command line: refused or rejected as said, in bounded memory.

Every archive is ingested by the real program in a process of its own, whose largest resident size
a small launcher reports (a process that was forked from this one would inherit its size). Memory:
an ingest of twelve images has about 320 MB resident, most of it shared libraries, and the refusal
of an empty archive 125 MB. The corpus may add 80 MB (what is read ahead, one batch of members, one
row group) to the one or the other, whatever an archive claims to hold. ``tarfile`` alone takes
600 MB for the pax header.
"""

from __future__ import annotations

import csv
import html
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import notmnist_store
from notmnist_store.blocks.kernels.decode import decode
from notmnist_store.errors import SourceError, UsageError
from notmnist_store.schema.shape import DEFAULT_SHAPE
from notmnist_store.store import Store
from tests.support import nasty_archives
from tests.support import nasty_pictures as nasty
from tests.support.archives import class_files, pack, picture, png
from tests.support.nasty_archives import CORPUS, DUPLICATES, HOSTILE, SPECIAL, UNSAFE

PACKAGE = str(Path(notmnist_store.__file__).parents[1])
MORE_MEMORY = 80 << 20
TINY = 70_000
"""Members of the archive of tiny ones, enough for a second block and so for both workers. The
script makes a million: they take 12 s and 345 MB."""

LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
with open(sys.argv[1], "w") as said:
    said.write(str(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)))
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Ingest(NamedTuple):
    """One run of the command: its exit code, its stderr, and the bytes its largest process took."""

    code: int
    said: str
    memory: int
    store: Store


class Room:
    """An empty folder with an archive in it, and a program that is watched from outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("here", "home", "temporary"):
            (folder / name).mkdir()

    def files(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def run(self, command: list[str]) -> tuple[int, str, int]:
        usage = self.folder / "usage"
        done = subprocess.run(
            [sys.executable, "-I", "-c", LAUNCHER, str(usage), *command],
            cwd=self.folder / "here",
            env={
                **os.environ,
                "PYTHONPATH": PACKAGE,
                "PYTHONDONTWRITEBYTECODE": "1",
                "HOME": str(self.folder / "home"),
                "TMPDIR": str(self.folder / "temporary"),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        memory = int(usage.read_text())
        usage.unlink()
        return done.returncode, done.stderr, memory

    def ingest(self, archive: str, content: bytes, *options: str) -> Ingest:
        """Run the command; afterwards there is nothing new but the store."""
        (self.folder / "here" / archive).write_bytes(content)
        before = self.files()
        program = [sys.executable, "-m", "notmnist_store", "ingest", "--store", "../store"]
        code, said, memory = self.run([*program, *options, archive])
        store = self.folder / "store"
        after = self.files()
        assert {path for path in after.keys() ^ before.keys() if store not in path.parents} == set()
        assert all(after[path] == content for path, content in before.items() if path in after)
        assert not Path("/notmnist_store_was_here.png").exists()
        assert "Traceback" not in said
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said)
        return Ingest(code, said, memory, notmnist_store.open(store))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest.fixture(scope="module")
def refusal_memory(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The most that the refusal of a stream may take, before anything is decoded."""
    room = Room(tmp_path_factory.mktemp("refused"))
    return room.ingest("empty.tar.gz", nasty_archives.empty()).memory + MORE_MEMORY


@pytest.fixture(scope="module")
def ingest_memory(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The most that an ingest may take."""
    room = Room(tmp_path_factory.mktemp("plain"))
    plain = pack(room.folder / "plain.tar.gz", class_files()).read_bytes()
    return room.ingest("plain.tar.gz", plain).memory + MORE_MEMORY


REFUSED = {
    "pax_header.tar.gz": "an extended header of 314,572,800 bytes, more than the limit",
    "gzip_bomb.tar.gz": "it looks like a decompression bomb",
    "endless_zeros.tar.gz": "it looks like a decompression bomb",
    "zip_bomb.zip": "it looks like a decompression bomb",
    "zip_overlap.zip": "decompression bomb|damaged: Overlapped entries",
    "many_labels.tar.gz": "10,001 labels, more than 10,000",
    "no_class_folder.tar.gz": "holds no class folder with files in it (5 members seen)",
    "empty.tar.gz": "holds no class folder with files in it (0 members seen)",
    "cut_gzip.tar.gz": "is cut off: it ends at byte",
    "damaged_gzip.tar.gz": "is damaged near byte",
    "wrong_checksum.tar.gz": "is damaged near byte",
    "cut_tar.tar.gz": "is cut off: its tar stream ends at byte 3,672",
    "damaged_tar.tar.gz": "is damaged at byte 2,048 of its tar stream",
    "cut_zip.zip": "is damaged: File is not a zip file",
    "damaged_zip.zip": "is damaged: Bad CRC-32",
    "no_archive.tar.gz": "is no archive that is known",
}
STREAMS = {"pax_header.tar.gz", "gzip_bomb.tar.gz", "endless_zeros.tar.gz", "cut_gzip.tar.gz"}
TAKEN = {
    "tiny_members.tar.gz",
    "hostile_names.tar.gz",
    "no_files.tar.gz",
    "duplicate_paths.tar.gz",
    "huge_member.tar.gz",
    "nasty_images.tar.gz",
}


def test_every_archive_of_the_corpus_is_refused_or_taken() -> None:
    assert set(REFUSED) | TAKEN == set(CORPUS)
    assert not set(REFUSED) & TAKEN


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_leaves_nothing_and_its_hint_is_a_command(
    room: Room, name: str, refusal_memory: int, ingest_memory: int
) -> None:
    seen = room.ingest(name, CORPUS[name]())
    assert seen.code == 3
    assert re.search(REFUSED[name].replace("(", r"\(").replace(")", r"\)"), seen.said), seen.said
    assert not seen.store.path.exists()
    assert seen.memory < (refusal_memory if name in STREAMS else ingest_memory)
    [hint] = re.findall(r"^  try: (.*)$", seen.said, re.MULTILINE)
    if hint.startswith(("ls -l ", "tar tf ")):
        done = subprocess.run(
            hint, shell=True, cwd=room.folder / "here", capture_output=True, check=False
        )
        assert done.returncode == 0, hint
    else:
        assert re.fullmatch(rf"\S+ ingest --store ../store --max-[a-z-]+ \d+ {name}", hint)


@pytest.mark.slow
def test_a_refusal_leaves_a_store_as_it_was(room: Room) -> None:
    store = notmnist_store.open(room.folder / "store")
    store.ingest(pack(room.folder / "good.tar", class_files(start=200)))
    before = {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}
    for name in ("pax_header.tar.gz", "gzip_bomb.tar.gz", "damaged_gzip.tar.gz"):
        assert room.ingest(name, CORPUS[name]()).code == 3
    assert {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_limits_that_are_raised_let_it_pass_but_not_its_bytes_into_memory(
    room: Room, ingest_memory: int
) -> None:
    """The bomb's member is over the limit of a member, so its GiB is read and thrown away."""
    seen = room.ingest("gzip_bomb.tar.gz", nasty_archives.gzip_bomb(), "--max-ratio", "1100")
    assert seen.code == 0, seen.said
    assert reasons(seen.store) == {"too_large": 1}
    assert seen.memory < ingest_memory


def reasons(store: Store) -> dict[str, int]:
    query = "select reason, count(*) as n from reject group by reason order by reason"
    return {row["reason"]: row["n"] for row in store.sql(query).rows()}


def counts(seen: Ingest) -> dict[str, int]:
    """The run's own counts; the tables hold as many rows, and the store is whole."""
    assert seen.code == 0, seen.said
    assert {row["status"] for row in seen.store.verify(full=True).rows()} == {"ok"}
    [run] = seen.store.sql("select columns('members_.*') from run").rows()
    stored, rejected = (
        seen.store.sql(f"select count(*) as n from {table}").rows()[0]["n"]
        for table in ("image", "reject")
    )
    assert (run["members_stored"], run["members_rejected"]) == (stored, rejected)
    assert run["members_seen"] == stored + rejected + run["members_ignored"]
    return {name.removeprefix("members_"): count for name, count in run.items()}


def ignored(store: Store) -> dict[str, int]:
    [row] = store.sql(
        "select sum(ignored_hidden)::int as hidden, sum(ignored_link)::int as link,"
        " sum(ignored_device)::int as device, sum(ignored_outside)::int as outside from ledger"
    ).rows()
    return row


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_tiny_members(room: Room, workers: int, ingest_memory: int) -> None:
    content = nasty_archives.tiny_members(TINY)
    seen = room.ingest("tiny_members.tar.gz", content, "--workers", str(workers))
    assert counts(seen) == {"seen": TINY + 12, "stored": 12, "rejected": TINY, "ignored": 0}
    assert reasons(seen.store) == {"empty": TINY}
    assert seen.memory < ingest_memory


@pytest.mark.slow
def test_what_is_no_file_is_ignored_and_counted(room: Room) -> None:
    seen = room.ingest("no_files.tar.gz", CORPUS["no_files.tar.gz"]())
    assert counts(seen) == {
        "seen": 18 + len(SPECIAL),
        "stored": 12,
        "rejected": 0,
        "ignored": 6 + len(SPECIAL),
    }
    assert ignored(seen.store) == {"hidden": 4, "link": 2, "device": 3, "outside": 2}


def test_in_a_folder_symlinks_are_ignored_and_never_followed(tmp_path: Path) -> None:
    folder = pack(tmp_path / "set", class_files())
    outside = pack(tmp_path / "outside", class_files(start=100))
    (folder / "A" / "file.png").symlink_to(outside / "A" / "00000.png")
    (folder / "D").symlink_to(outside / "A", target_is_directory=True)
    (folder / "A" / "nowhere.png").symlink_to("/nowhere/at/all.png")
    (folder / "B" / "loop").symlink_to(folder, target_is_directory=True)
    os.mkfifo(folder / "B" / "fifo.png")
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(folder)
    assert len(store.sql("select 1 as x from image")) == 12
    assert ignored(store) == {"hidden": 0, "link": 4, "device": 1, "outside": 0}


@pytest.mark.slow
def test_the_second_member_of_a_path_is_rejected(room: Room) -> None:
    seen = room.ingest("duplicate_paths.tar.gz", CORPUS["duplicate_paths.tar.gz"]())
    assert counts(seen)["stored"] == 12
    assert reasons(seen.store) == {"duplicate_path": DUPLICATES}


@pytest.mark.slow
def test_a_huge_member_is_rejected(room: Room, ingest_memory: int) -> None:
    seen = room.ingest("huge_member.tar.gz", CORPUS["huge_member.tar.gz"]())
    assert counts(seen)["stored"] == 12
    assert reasons(seen.store) == {"too_large": 1}
    assert seen.memory < ingest_memory


def test_nasty_images_get_the_verdict_of_the_decoder(room: Room, ingest_memory: int) -> None:
    seen = room.ingest("nasty_images.tar.gz", CORPUS["nasty_images.tar.gz"]())
    files = {name: content for name, content in nasty.corpus().items() if name[0] != "."}
    verdict = decode(list(files.values()), DEFAULT_SHAPE)
    assert counts(seen)["rejected"] == len(verdict.rejects) > 50
    assert counts(seen)["stored"] == 12 + len(files) - len(verdict.rejects)
    assert {"empty", "unreadable", "shape"} <= set(reasons(seen.store))
    assert seen.memory < ingest_memory


# Names and labels are data


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Store:
    room = Room(tmp_path_factory.mktemp("hostile"))
    seen = room.ingest("hostile_names.tar.gz", CORPUS["hostile_names.tar.gz"]())
    assert counts(seen)["stored"] == len(HOSTILE)
    assert reasons(seen.store) == {"unsafe_name": len(UNSAFE)}
    return seen.store


@pytest.mark.slow
def test_hostile_labels_come_back_whole_and_are_shown_escaped(hostile: Store) -> None:
    labels = hostile.sql("select label, path from image order by image_id")
    assert [row["label"] for row in labels.rows()] == list(HOSTILE)
    assert [row["path"] for row in labels.rows()] == [f"set/{w}/{w}.png" for w in HOSTILE]
    paths = hostile.sql("select path from reject order by position").rows()
    assert [row["path"] for row in paths[:5]] == list(UNSAFE[:5])
    assert all(len(row["path"]) < 1_100 for row in paths)
    assert json.loads(labels.to_bytes("json")) == labels.rows()
    for form in ("table", "markdown"):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", labels.to_bytes(form).decode())
    for row in list(csv.reader(io.StringIO(labels.to_bytes("csv").decode())))[1:]:
        assert not row[0].startswith(("=", "+", "-", "@"))
    page = labels._repr_html_()
    assert "<script" not in page
    assert html.escape("<script>alert(1)") in page
    assert "<script" not in hostile.info()._repr_html_()
    for word in HOSTILE:
        assert len(hostile.peek(label=word)) == 1
        bound = hostile.sql("select label from image where label = $word", params={"word": word})
        assert bound.rows() == [{"label": word}]


@pytest.mark.slow
def test_no_output_path_is_made_of_a_label(hostile: Store) -> None:
    folder = hostile.path.resolve().parent

    def files() -> set[Path]:
        return {path for path in folder.rglob("*") if path.is_file()}

    names = {path.name for path in hostile.path.iterdir()}
    assert names == {"notmnist_store.json", "views.sql", "image", "ledger", "reject", "run"}
    before = files()
    hostile.peek(output=folder / "sheet.png")
    out = folder / "out"
    hostile.export("ingest", out, form="image-folder")
    new = files() - before - {folder / "sheet.png"}
    assert new
    for path in new:
        assert path.resolve().is_relative_to(out.resolve())
        assert re.fullmatch(r"[A-Za-z0-9_.%~+=@,-]+", "".join(path.relative_to(out).parts)), path
    assert not (folder / "here" / "owned").exists()


def test_a_label_too_long_for_a_folder_is_not_exported_as_one(tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "long.tar", [(f"set/{'l' * 900}/1.png", png(picture(1)))]))
    with pytest.raises(UsageError):
        store.export("ingest", tmp_path / "out", form="image-folder")
    assert not (tmp_path / "out").exists()


# Labels beyond the limit


@pytest.mark.parametrize("workers", [1, 2])
def test_folders_of_rejects_are_labels_too_and_stop_it_early(tmp_path: Path, workers: int) -> None:
    """A million folders without a readable image took 1.5 GB: they were counted at the end."""
    store = notmnist_store.open(tmp_path / "store")
    files = [(f"set/{n}/1.png", b"") for n in range(50)]
    archive = pack(tmp_path / "many labels.tar", [*files, *class_files()])
    with pytest.raises(SourceError, match="53 labels, more than 40") as refused:
        store.ingest(archive, max_labels=40, workers=workers)
    assert refused.value.hint == f"notmnist-store ingest --max-labels 212 '{archive}'"
    assert not store.path.exists()
    store.ingest(archive, max_labels=212)


# Folders and zip files give commands too


def hint_of(use: Callable[[], object]) -> str:
    with pytest.raises(SourceError) as refused:
        use()
    return refused.value.hint


def test_an_encrypted_zip_has_a_command_for_a_hint(tmp_path: Path) -> None:
    archive = pack(tmp_path / "secret.zip", class_files())
    content = bytearray(archive.read_bytes())
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in re.finditer(re.escape(start), bytes(content)):
            content[found.start() + flags] |= 1
    archive.write_bytes(content)
    store = notmnist_store.open(tmp_path / "store")
    assert hint_of(lambda: store.ingest(archive)) == f"ls -l {archive}"


def test_names_of_folders_are_quoted_in_hints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pack(tmp_path / "set", class_files())
    awkward = folder / "A" / "x; touch owned"
    awkward.write_bytes(b"x")
    awkward.chmod(0)
    if os.access(awkward, os.R_OK):
        pytest.skip("root reads everything")
    store = notmnist_store.open(tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    subprocess.run(hint_of(lambda: store.ingest(folder)), shell=True, check=True)
    assert not (tmp_path / "owned").exists()
