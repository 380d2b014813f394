"""The report near_by_dhash against brute force over all pairs of hashes."""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import notmnist_store
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from notmnist_store.testing import make_clean_store
from tests.near.test_search import near_images
from tests.support.distinct import archive_of
from tests.support.properties import examples

pytestmark = pytest.mark.sql

SQL = load_queries("reports")["near_by_dhash"].sql.replace(
    "from image\n", "from given_image as image\n"
)

Row = tuple[int, int, int, int, int]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    path = make_clean_store(tmp_path_factory.mktemp("hashes") / "clean")
    return Catalog(Tables.open(path))


def by_brute_force(images: list[tuple[int, str]], bits: int) -> set[Row]:
    """(image, twin, bits, pictures, twin pictures) from hash and picture of images 0, 1, …."""
    first: dict[tuple[int, str], int] = {}
    for image_id, (dhash, picture) in enumerate(images):
        first.setdefault((dhash, picture), image_id)
    by_hash = defaultdict(list)
    for (dhash, _), image_id in first.items():
        by_hash[dhash].append(image_id)
    found = {
        (min(ids), max(ids), 0, len(ids), len(ids))
        for ids in by_hash.values()
        if len(ids) > 1 and bits >= 0
    }
    for a, b in itertools.combinations(sorted(by_hash), 2):
        differing = ((a ^ b) & (2**64 - 1)).bit_count()
        if differing <= min(bits, 3):
            one, other = by_hash[a], by_hash[b]
            found.add((min(one), min(other), differing, len(one), len(other)))
    return found


hashes = st.builds(
    lambda base, flips: int(np.array(base ^ sum({1 << f for f in flips}), np.uint64).view("i8")),
    st.sampled_from([0, 2**64 - 1, 0x0123456789ABCDEF, 1 << 63, 0xFFFF]),
    st.lists(st.integers(0, 63), max_size=5),
)


@examples(10)
@given(
    images=st.lists(st.tuples(hashes, st.sampled_from("xyz")), min_size=1, max_size=25),
    bits=st.integers(-1, 5),
)
def test_all_pairs_within_the_bits_are_found_once(
    catalog: Catalog, images: list[tuple[int, str]], bits: int
) -> None:
    given_image = pa.table(
        {
            "image_id": pa.array(range(len(images)), pa.int64()),
            "dhash": pa.array([dhash for dhash, _ in images], pa.int64()),
            "pixel_hash": [picture for _, picture in images],
            "label": ["A"] * len(images),
        }
    )
    rows = catalog.query(SQL, {"bits": bits}, rows={"given_image": given_image}).to_pylist()
    names = ("image_id", "twin_id", "bits", "pictures", "twin_pictures")
    found = [tuple(row[name] for name in names) for row in rows]
    assert len(found) == len(set(found))
    assert set(found) == by_brute_force(images, bits)
    assert [row[2] for row in found] == sorted(row[2] for row in found)


def test_the_report_runs_on_a_store(tmp_path: Path) -> None:
    store: Store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive_of(tmp_path / "set.tar", near_images(1)))
    images = store.sql("select image_id, label, dhash, pixel_hash from image").rows()
    labels = {row["image_id"]: row["label"] for row in images}
    order = sorted(images, key=lambda row: row["image_id"])
    expected = {
        (order[a]["image_id"], order[b]["image_id"], *rest)
        for a, b, *rest in by_brute_force([(r["dhash"], r["pixel_hash"]) for r in order], 3)
    }
    rows = store.sql("near_by_dhash").rows()
    assert expected
    assert {
        (r["image_id"], r["twin_id"], r["bits"], r["pictures"], r["twin_pictures"]) for r in rows
    } == expected
    assert all(row["label"] == labels[row["image_id"]] for row in rows)
    assert all(row["twin_label"] == labels[row["twin_id"]] for row in rows)
    assert len(store.sql("near_by_dhash", params={"bits": 0})) < len(rows)


@pytest.mark.slow
def test_what_share_of_the_pairs_it_finds_in_real_images(data_folder: Path, tmp_path: Path) -> None:
    """The figures of README."""
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(data_folder / "notMNIST_t10k.tar.gz")
    store.near_duplicates()
    near = {(row["image_id"], row["twin_id"]) for row in store.sql("near_by_dhash").rows()}
    pairs = store.sql(
        "select squared_distance, a.dhash as a_hash, b.dhash as b_hash from pair"
        " inner join image as a on a.image_id = pair.a inner join image as b on b.image_id = pair.b"
    ).rows()
    first = {
        row["dhash"]: row["image_id"]
        for row in store.sql(
            "select dhash, min(image_id) as image_id from image group by dhash"
        ).rows()
    }
    counted = []
    for most in (16_256, 65_025, 260_100):
        within = [row for row in pairs if row["squared_distance"] <= most]
        found = [
            row
            for row in within
            if row["a_hash"] == row["b_hash"]
            or {(first[row["a_hash"]], first[row["b_hash"]])} & near
            or {(first[row["b_hash"]], first[row["a_hash"]])} & near
        ]
        counted.append((len(found), len(within)))
    assert counted == [(96, 127), (243, 319), (776, 1145)]
    (alike,) = store.sql(
        "with picture as (select distinct dhash, pixel_hash from image)"
        " select count(*) as pairs from picture as a"
        " inner join picture as b on a.pixel_hash < b.pixel_hash"
        " where bit_count(xor(a.dhash, b.dhash)) <= 3"
    ).rows()
    assert alike["pairs"] == 101_570
