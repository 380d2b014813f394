"""Every command that writes, in a store where it has something to do: the table of the trials."""

from __future__ import annotations

import io
import os
import shlex
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path

import numpy as np

from notmnist_store.catalog.views_file import refresh_views_file
from notmnist_store.cli.main import main
from notmnist_store.location.bucket import BucketPath
from notmnist_store.location.location import Location
from notmnist_store.storage.tables import Tables
from tests.support.archives import class_files, pack, picture
from tests.support.full_store import DROP, full_store
from tests.torture.state import State, content, shown
from tests.torture.trial import Asked


@dataclass(frozen=True)
class Writer:
    """A command line; `{store}`, `{out}` and the sources of `Bench` stand for places.

    `first`: into no store yet. `earlier`: what it writes outside the store was written before, by
    these words. `strays`: files of killed runs lie about. `parts`: worker processes take part.
    """

    name: str
    words: str
    first: bool = False
    earlier: str = ""
    strays: bool = False
    parts: bool = False

    @property
    def command(self) -> str:
        """The command of the program."""
        return self.words.split()[0]


KEEP = "select max(image_id) as image_id, 'keep' as action from image"
EXPORT = "export s {out} --as"
WRITERS = (
    Writer("first ingest", "ingest {other} --workers 1", first=True),
    Writer("ingest", "ingest {other} --workers 1"),
    Writer("ingest by two workers", "ingest {large} --workers 2", parts=True),
    Writer("ingest of what is known", "ingest {known} --skip-known --workers 1"),
    Writer("ingest of a metadata file", "ingest {said} --workers 1"),
    Writer("ingest of numbered classes", "ingest {numbered}"),
    Writer("split", "split new --train 0.5 --test 0.5"),
    Writer("split of groups", "split grouped --train 0.5 --test 0.5 --group-by near"),
    Writer("split, the next version", "split s --train 0.4 --valid 0.3 --test 0.3 --replace"),
    Writer("near-duplicates", "near-duplicates --radius 9.5"),
    Writer("near-duplicates across a split", "near-duplicates --crossing s --radius 9.5"),
    Writer("near-duplicates by contrast", "near-duplicates --contrast --radius 1.5"),
    Writer("certify", "certify --sample 6"),
    Writer("sanitize", "sanitize finer --from s --radius 0.2 --yes"),
    Writer("decide", f"decide --sql {KEEP!r} --by ada --yes"),
    Writer("baseline", "baseline --split-set s --sizes 8 --repeats 2"),
    Writer("suspects", "suspects --split-set s --folds 3"),
    Writer("distinguish", "distinguish --split-set s --folds 2"),
    Writer("undo", "undo"),
    Writer("gc", "gc --older-than 0 --yes", strays=True),
    Writer("export", f"{EXPORT} npz"),
    Writer("export of pictures", f"{EXPORT} image-folder"),
    Writer("export over another", f"{EXPORT} idx --force", earlier=f"{EXPORT} npz"),
    Writer("report", "report --split-set s -o {file}.html"),
    Writer("croissant", "croissant --split-set s -o {file}.json"),
    Writer("issue-report", "issue-report --split-set s --radius 9 -o {file}.md"),
    Writer("sql into a file", "sql label_counts --format parquet -o {file}.parquet"),
    Writer("a sheet of pictures", "peek -n 5 -o {file}.png"),
    Writer("glyphs", "glyphs {file}.tar.gz --images 60 --workers 1"),
)
IN_SHORT = (
    "first ingest",
    "ingest",
    "split",
    "near-duplicates",
    "decide",
    "undo",
    "export over another",
)


def chosen(asked: Asked) -> list[Writer]:
    """The writers that are asked for."""
    named = asked.among(writer.name for writer in WRITERS)
    return [w for w in WRITERS if w.name in named and (w.name in IN_SHORT or not asked.short)]


@dataclass(frozen=True)
class Case:
    """A copy of the prepared store, and what a writer is given besides."""

    writer: Writer
    store: Location
    out: Location
    folder: Path
    words: list[str]

    def look(self) -> tuple[State | None, dict[str, str]]:
        """What the store shows (None: nothing, or there is none), and what stands outside of it."""
        made = (self.store / "notmnist_store.json").exists()
        state = shown(self.store) if made else {}
        place = self.out if "{out}" in self.writer.words else self.folder / "files"
        there = content(place)
        return state if any(state.values()) else None, {
            name: said for name, said in there.items() if not Path(name).name.startswith(".")
        }

    def here(self) -> tuple[int, str]:
        """Run the command in this process; its exit code and what it said."""
        return here(self.words)


def here(words: list[str]) -> tuple[int, str]:
    """Run a command line in this process; its exit code and what it said."""
    said = io.StringIO()
    sink = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(sink), redirect_stderr(said):
        return main(words), said.getvalue()


class Bench:
    """The prepared store and sources, made once; copies of them for each trial."""

    def __init__(self, folder: Path, prefix: str = "") -> None:
        """Stores are in `folder`, or below `prefix`, which is one in a bucket."""
        self.folder = folder
        self.prefix = prefix
        self._numbers = count()

    @cached_property
    def sources(self) -> dict[str, str]:
        """Archives by the name that stands for them in a command line."""
        folder = self.folder / "sources"
        folder.mkdir()
        made = {
            "other": pack(
                folder / "other.tar", [*class_files(each=5, start=100), ("set/A/e.png", b"")]
            ),
            "large": pack(folder / "large.tar", class_files(each=40, start=200)),
            "known": pack(folder / "known.zip", class_files(each=14)),
            "said": pack(folder / "more.tar", _said()),
            "numbered": _numbered(folder / "numbered.npz"),
        }
        return {name: str(path) for name, path in made.items()}

    @cached_property
    def prepared(self) -> Path:
        """The store that trials copy, with 17 runs, so that its log of runs has a checkpoint."""
        folder = self.folder / "prepared"
        folder.mkdir()
        store = full_store(folder)
        for note in ("b", "c", "d", "e", "f"):
            store.decide(sql=DROP, by="ada", note=note, yes=True)
        return Path(str(store.path))

    def case(self, writer: Writer, folder: Path) -> Case:
        """A copy for one trial in its folder."""
        (folder / "files").mkdir()
        at: Location = folder
        if self.prefix:
            at = BucketPath.parse(f"{self.prefix}/{next(self._numbers)}")
        store, out = at / "store", at / "exported"
        if not writer.first:
            self.copy(store)
        if writer.strays:
            _strew(store)
        places = {"out": out, "file": folder / "files" / "written", **self.sources}

        def words(text: str) -> list[str]:
            given = (word.format(**places) for word in shlex.split(text))
            return [*given, "--quiet", "--store", str(store)]

        if writer.earlier:
            code, said = here(words(writer.earlier))
            assert code == 0, said
        given = words(writer.words)
        return Case(writer, store, out, folder, given)

    def copy(self, to: Location) -> None:
        """Copy the prepared store; views.sql of one in a bucket has whole paths."""
        if isinstance(to, Path):
            shutil.copytree(self.prepared, to)
            return
        for file in self.prepared.rglob("*"):
            if file.is_file():
                (to / file.relative_to(self.prepared).as_posix()).upload(file)
        refresh_views_file(Tables.open(to))


def _said() -> list[tuple[str, bytes]]:
    pictures = [(name.replace("/", "_"), png) for name, png in class_files(each=3, start=300)]
    pictures = [(f"m/{name}", png) for name, png in pictures]
    lines = [f"{name[2:]},{'AB'[n % 2]},by{n % 3}\n" for n, (name, _) in enumerate(pictures)]
    return [*pictures, ("m/metadata.csv", ("file_name,label,by\n" + "".join(lines)).encode())]


def _numbered(target: Path) -> Path:
    images = np.stack([picture(400 + n)[:, :, 0] for n in range(6)])
    np.savez(target, train_images=images, train_labels=np.arange(6) % 3)
    return target


def _strew(store: Location) -> None:
    """What killed runs leave: data files that no log names."""
    for number in range(3):
        name = f"20110908T12000{number}Z-0123456789-000000-{number:016x}.parquet"
        file = store / "image" / name
        if isinstance(file, Path):
            file.write_bytes(b"left by a killed run")
            os.utime(file, (1, 1))
        else:
            file.put(b"left by a killed run")
