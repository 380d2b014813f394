"""A split set is found by one name everywhere: NAME, NAME_v1 for a version of it, or ingest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.split_sets import find_split_set
from notmnist_store.errors import UsageError
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.letters import letter_store

pytestmark = pytest.mark.sql


def _verdicts(store: Store, name: str) -> list[dict[str, Any]]:
    return [vars(verdict) | {"seconds": 0} for verdict in store.audit(split_set=name).verdicts]


def _image(store: Store) -> int:
    return int(store.sql("select min(image_id) as i from image").rows()[0]["i"])


READERS: dict[str, Callable[[Store, str], Any]] = {
    "verdicts": _verdicts,
    "rows of an audit": lambda store, name: store.audit("split_leak_near", split_set=name).rows(),
    "peek": lambda store, name: [
        row
        for row in store.peek(_image(store), split_set=name).rows()
        if row["what"].startswith("nearest in ")
    ],
    "pairs": lambda store, name: store.peek(pairs=True, split_set=name, n=8).rows(),
    "pairs of an audit": lambda store, name: store.peek(
        pairs=True, audit="split_leak_near", split_set=name
    ).rows(),
    "sanitize": lambda store, name: store.sanitize("cleaned", base=name).rows(),
    "paper": lambda store, name: store.report(paper=True, split_set=name).content.decode(),
    **{
        report.name: lambda store, name, report=report.name: store.sql(
            report, params={"split_set": name}
        ).rows()
        for report in load_queries("reports").values()
        if "split_set" in report.parameters
    },
}


@pytest.fixture(scope="module")
def replaced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict[str, Any]]:
    """A store whose split set `mine` was replaced, and what was read of it before."""
    folder = tmp_path_factory.mktemp("versions")
    store = letter_store(folder / "store", folder / "letters.tar.gz")
    store.near_duplicates()
    store.split("mine", train=90, valid=30, test=45)
    store.baseline("mine", sizes="all")
    store.suspects("mine", folds=2)
    store.certify("mine")
    before = {what: _plain(read(store, "mine")) for what, read in READERS.items()}
    store.split("mine", train=60, valid=45, test=60, seed=1, replace=True)
    return store, before


def _plain(answer: Any) -> str:
    """An answer as text in which an old version is called as it was when it was current."""
    return json.dumps(answer, default=str).replace("mine_v1", "mine").replace(r"mine\\_v1", "mine")


@pytest.mark.slow
@pytest.mark.parametrize("what", READERS)
def test_an_old_version_is_read_as_it_was(
    what: str, replaced: tuple[Store, dict[str, Any]]
) -> None:
    store, before = replaced
    assert _plain(READERS[what](store, "mine_v1")) == before[what]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["verdicts", "pairs", "paper", "split_counts", "sanitize"])
def test_the_version_that_is_current_has_two_names(
    what: str, replaced: tuple[Store, dict[str, Any]]
) -> None:
    store, before = replaced
    read = READERS[what]
    assert _plain(read(store, "mine_v2")).replace("mine_v2", "mine").replace(
        r"mine\\_v2", "mine"
    ) == _plain(read(store, "mine"))
    assert _plain(read(store, "mine")) != before[what]


@pytest.mark.slow
def test_versions_of_one_split_set_are_compared(replaced: tuple[Store, dict[str, Any]]) -> None:
    store, _ = replaced
    moved = store.split_diff("mine_v1", "mine")
    names = "mine_v1", "mine"
    placed = [
        {
            (row["image_id"], row["split"])
            for split in ("train", "valid", "test", "unused")
            for row in store.sql(f"select image_id, '{split}' as split from {name}.{split}").rows()
        }
        for name in names
    ]
    assert sum(row["images"] for row in moved.rows()) == len(placed[0] - placed[1])


@pytest.mark.slow
def test_a_baseline_is_compared_with_one_of_another_version(
    replaced: tuple[Store, dict[str, Any]],
) -> None:
    store, _ = replaced
    rows = store.baseline("mine_v1", sizes="all", versus="mine").rows()
    assert {row["versus_set"] for row in rows} == {"mine", "mine_v2"}
    store.undo()


def test_what_was_found_names_its_version(replaced: tuple[Store, dict[str, Any]]) -> None:
    catalog = Catalog(Tables.open(replaced[0].path))
    found = find_split_set(catalog, "mine_v1")
    assert (found.name, found.version, found.is_ingest) == ("mine", 1, False)
    assert found == find_split_set(catalog, "mine_v1")
    assert found.line == f"split set mine version 1, digest {found.digest}"
    assert find_split_set(catalog, "mine").version == 2
    ingest = find_split_set(catalog, "ingest")
    assert (ingest.is_ingest, ingest.digest) == (True, None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine_v3", r"there is no split set 'mine_v3'; did you mean mine\?"),
        ("mime", r"there is no split set 'mime'; did you mean mine\?"),
        ("x", r"there is no split set 'x'; there are ingest, mine"),
    ],
)
def test_an_unknown_name_is_refused(
    name: str, message: str, replaced: tuple[Store, dict[str, Any]]
) -> None:
    store, _ = replaced
    for read in (store.split_show, store.baseline, store.suspects, store.certify):
        with pytest.raises(UsageError, match=message):
            read(name)


def test_a_file_of_ones_own_may_take_a_version(
    tmp_path: Path, replaced: tuple[Store, dict[str, Any]]
) -> None:
    report = tmp_path / "sizes.sql"
    text = "-- title: sizes\n-- param of: split_set\nselect count(*) as n from split_image "
    report.write_text(text + "where split_set = $of and split = 'test'\n")
    store, _ = replaced
    counted = [
        store.sql("sizes", params={"of": of}, sql_dir=tmp_path).rows()[0]["n"]
        for of in ("mine_v1", "mine")
    ]
    assert counted == [45, 60]
