"""Corruption: a file of a store is flipped, cut, emptied, deleted, swapped, made old or foreign.

Whoever reads then gets the rows there were, or an error: never other rows. What is refused `verify
--full` names, with the source to ingest anew.
"""

from __future__ import annotations

import random
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from notmnist_store.catalog.connection import Catalog
from notmnist_store.errors import StoreError
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.marker import MARKER_NAME
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.torture.trial import Asked, Trial
from tests.torture.writers import Bench

DAMAGES, DAMAGES_SHORT = 1_000, 40
DEEP = 25
"""Every so-manieth trial asks the slow readers, too."""

Region = tuple[str, int, int]


def regions(file: Path) -> list[Region]:
    """The parts of a file: name, first byte, and the byte after its last."""
    size = file.stat().st_size
    if file.suffix != ".parquet":
        return [("text", 0, size)]
    if file.parent.name == "_delta_log":
        return [("checkpoint", 0, size)]
    metadata = pq.read_metadata(file)
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    columns = [group.column(n) for group in groups for n in range(group.num_columns)]
    footer = size - 8 - int.from_bytes(file.read_bytes()[-8:-4], "little")
    pages = [
        (f"column {column.path_in_schema}", start, start + column.total_compressed_size)
        for column in columns
        for start in [column.dictionary_page_offset or column.data_page_offset]
    ]
    return [("magic", 0, 4), *pages, ("footer", footer, size - 8), ("tail", size - 8, size)]


@dataclass(frozen=True)
class Damage:
    """What is done to one file of a store, by what is drawn."""

    file: Path
    region: Region
    chance: random.Random

    def at(self) -> int:
        """A byte of the region."""
        return self.chance.randrange(self.region[1], max(self.region[2], self.region[1] + 1))

    def alike(self) -> list[Path]:
        """Other files of its kind, those of its own folder first."""
        root = next(p for p in self.file.parents if (p / "views.sql").exists() or p.name == "store")
        here = [p for p in self.file.parent.glob(f"*{self.file.suffix}") if p != self.file]
        there = [p for p in root.rglob(f"*{self.file.suffix}") if p.is_file() and p != self.file]
        return sorted(here) or sorted(there) or [p for p in root.iterdir() if p.is_file()]


def flip(damage: Damage) -> None:
    content = bytearray(damage.file.read_bytes())
    if content:
        content[damage.at()] ^= 1 << damage.chance.randrange(8)
        damage.file.write_bytes(content)


def cut(damage: Damage) -> None:
    damage.file.write_bytes(damage.file.read_bytes()[: damage.at()])


def empty(damage: Damage) -> None:
    damage.file.write_bytes(b"")


def delete(damage: Damage) -> None:
    damage.file.unlink()


def swap(damage: Damage) -> None:
    other = damage.chance.choice(damage.alike())
    mine, its = damage.file.read_bytes(), other.read_bytes()
    damage.file.write_bytes(its)
    other.write_bytes(mine)


def older(damage: Damage) -> None:
    """What stood there before, or in a file before it."""
    before = [p for p in damage.alike() if p.name < damage.file.name] or damage.alike()
    damage.file.write_bytes(before[-1].read_bytes())


def noise(damage: Damage) -> None:
    damage.file.write_bytes(damage.chance.randbytes(damage.file.stat().st_size))


def longer(damage: Damage) -> None:
    damage.file.write_bytes(damage.file.read_bytes() + damage.chance.randbytes(100))


def stranger(damage: Damage) -> None:
    """A file that nobody wrote stands beside it, by the name that the next one would have."""
    number = re.match(r"\d{20}", damage.file.name)
    name = f"{int(number[0]) + 1:020d}{damage.file.suffix}" if number else f"0-{damage.file.name}"
    if not (damage.file.with_name(name)).exists():
        shutil.copyfile(damage.chance.choice(damage.alike()), damage.file.with_name(name))


HOW: tuple[Callable[[Damage], None], ...] = (
    *(flip, cut, flip, empty, flip, delete, flip, swap),
    *(flip, older, flip, noise, flip, longer, flip, stranger),
)


def damaged(asked: Asked, bench: Bench) -> Iterator[Trial]:
    """Each file and each of its regions in turn, in each way in turn."""
    root = bench.prepared
    files = sorted(path for path in root.rglob("*") if path.is_file())
    places = [(file, region) for file in files for region in regions(file)]
    random.Random(asked.seed).shuffle(places)
    number = DAMAGES_SHORT if asked.short else DAMAGES
    wanted = _answers(root, deep=True)
    for n in range(number):
        file, region = places[n % len(places)]
        how = HOW[(n + n // len(places)) % len(HOW)]
        name = file.relative_to(root)
        yield Trial(
            f"{how.__name__} {_kind(name)}, {region[0]}, number {n}",
            str(asked.seed),
            _disturb(bench, name, region, how),
            lambda store, name=name, n=n: check(store, name, wanted, deep=n % DEEP == 0),
        )


def _kind(name: Path) -> str:
    return re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{10}", "RUN", str(name))


def _disturb(bench: Bench, name: Path, region: Region, how: Callable[[Damage], None]):
    def disturb(folder: Path, chance: random.Random) -> Path:
        root = Path(shutil.copytree(bench.prepared, folder / "store"))
        how(Damage(root / name, region, chance))
        return root

    return disturb


def _answers(root: Path, *, deep: bool) -> dict[str, object]:
    """What each reader answers; an error of ours in its place."""
    answers: dict[str, object] = {}

    def ask(name: str, question: Callable[[], object]) -> None:
        try:
            answers[name] = question()
        except StoreError as error:
            answers[name] = error

    store = Store(root)
    ask("catalog", lambda: Catalog(Tables.open(root)).query("select 1").num_rows)
    if answers["catalog"] == 1:
        catalog = Catalog(Tables.open(root))
        for table in TABLES:
            sql = f"select * from stored_{table} order by all"
            ask(f"table {table}", lambda sql=sql: catalog.query(sql).to_pylist())
        counts = "select label, count(*) as n from image group by label order by label"
        ask("counts", lambda: catalog.query(counts).to_pylist())
    ask("load", lambda: store.load("s", "train").to_numpy()[0].tobytes())
    ask("split-show", lambda: store.split_show("s").rows())
    if deep:
        ask("info", lambda: str(store.info().rows()).replace(str(root), "store"))
        ask("peek", lambda: store.peek(n=3).rows())
        ask("pairs", lambda: store.peek(pairs=True, n=3).rows())
        ask("audit", lambda: _verdicts(store))
        with tempfile.TemporaryDirectory() as out:
            ask("export", lambda: store.export("s", Path(out) / "npz", form="npz").rows())
    return answers


def _verdicts(store: Store) -> list[tuple[str, str, int | None]]:
    found = store.audit("hash_collision", "split_leak_exact", split_set="s", fail_on="never")
    for verdict in found.verdicts:
        if verdict.status == "broken":
            raise StoreError(verdict.error or "", verdict.next or "")
    return [(verdict.name, verdict.status, verdict.violating) for verdict in found.verdicts]


def check(root: Path, name: Path, wanted: dict[str, object], *, deep: bool) -> str:
    """No answer is another one; what was refused is named by verify, with what helps."""
    found = _answers(root, deep=deep)
    refused = [reader for reader, answer in found.items() if isinstance(answer, StoreError)]
    for reader in refused:
        error = found[reader]
        assert isinstance(error, StoreError)
        assert error.hint, f"{reader}: no hint: {error}"
        assert "Traceback" not in error.message, f"{reader}: a traceback: {error}"
    wrong = [r for r, answer in found.items() if r not in refused and answer != wanted[r]]
    assert not wrong, f"other rows: {wrong}"
    if isinstance(found["catalog"], StoreError) and name.name == MARKER_NAME:
        assert name.name in found["catalog"].message, found["catalog"].message
        return f"{_sort(name)}: refused by every command, which names it"
    rows = Store(root).verify(full=True).rows()
    said = [f"{row['table']} {row['detail']}" for row in rows if row["status"] == "damaged"]
    of_withdrawn = [f"{row['table']} {row['detail']}" for row in rows if row["status"] == "note"]
    mine = [text for text in said if _names(text, name)]
    swapped = said and any(_names(text, name) for text in of_withdrawn)
    assert mine or swapped or not refused, (
        f"verify does not name {name}: {said}; refused: {refused}"
    )
    assert not mine or re.search(r"anew|mends it", " ".join(mine)), f"no way out: {said}"
    if refused:
        return f"{_sort(name)}: refused, and named by verify"
    if mine:
        return f"{_sort(name)}: no answer hangs on it, and named by verify"
    return f"{_sort(name)}: nothing hangs on what was changed"


def _sort(name: Path) -> str:
    """What sort of file it is."""
    if name.parent.name == "_delta_log":
        return "a log's checkpoint" if "checkpoint" in name.name else "a log's entry"
    return "a data file" if name.suffix == ".parquet" else name.name


def _names(text: str, name: Path) -> bool:
    """Whether what verify says names a file; of a log's file the log is enough."""
    table = text.partition(" ")[0]
    if name.parent.name == "_delta_log":
        return table == name.parts[0] or f"table {name.parts[0]}" in text or name.name in text
    return name.name in text or table == name.name
