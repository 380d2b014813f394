"""The way through all commands that write, on a disk and in a bucket: the same results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import notmnist_store
from notmnist_store.location.location import files_in, location
from notmnist_store.store import Store
from tests.support.archives import pack, picture, png

ASKED = {
    "score": "select size, repeat, eval_split, subset, n, correct from score",
    "leak_price": "select size, eval_split, n, versus_n, accuracy, points from leak_price",
    "suspect": "select image_id, label, suggested_label from suspect",
    "outlier": "select image_id, squared_distance from outlier",
    "decision": "select image_id, action, value, note from decision",
    "certificate": "select split_set, method, compared, pairs, missed, wrong from certificate",
    "pair": "select a, b, squared_distance from pair",
    "run": "select verb, sequence, state from run",
}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Letters of three looks with noise, some of them near copies, two of a wrong label."""
    folder = tmp_path_factory.mktemp("archives")
    random = np.random.default_rng(0)
    made = []
    for name, each in (("raw", 20), ("other", 4)):
        files = []
        for place, label in enumerate("ABC"):
            for number in range(each):
                noise = random.integers(0, 40, (28, 28, 1))
                look = place if number > 1 else (place + 1) % 3
                pixels = np.clip(picture(7 * look + 3).astype(int) + noise, 0, 255)
                files.append((f"{name}/{label}/{number:03d}.png", png(pixels.astype(np.uint8))))
        made.append(
            pack(folder / f"{name}.tar.gz", files + [(p + "_.png", c) for p, c in files[:4]])
        )
    return made


def walk(place: str, archives: list[Path], tmp_path: Path) -> dict[str, Any]:
    """All that writes, from sources at `place` into a store and exports there."""
    for archive in archives:
        target = location(f"{place}/{archive.name}")
        if isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read_bytes())
        else:
            target.upload(archive)
    store = notmnist_store.open(f"{place}/store")
    store.ingest(f"{place}/raw.tar.gz")
    store.split("halves", train=0.5, valid=0.25, test=0.25)
    store.near_duplicates(radius="3.5")
    store.sanitize("clean", base="halves", radius="3.5", keep="train,valid,test", yes=True)
    certified = store.certify("clean").rows()[0]
    against = store.near_against(f"{place}/other.tar.gz", split_set="clean", radius="3.5").rows()
    store.baseline("halves", sizes=(6, "all"), repeats=2)
    store.suspects("halves", folds=2)
    store.decide(sql="select image_id from suspect", action="drop", note="wrong", yes=True)
    report = tmp_path / "report.html"
    store.report(report, split_set="clean")
    found = {name: store.sql(f"{query} order by all").rows() for name, query in ASKED.items()}
    assert not [name for name, rows in found.items() if not rows]
    assert (certified["missed"], certified["wrong"]) == (0, 0)
    verdicts = store.audit(split_set="clean").rows()
    return {
        **found,
        "against": [(row["path"], row["image_id"], row["squared_distance"]) for row in against],
        "audit": [(row["name"], row["status"], row["violating"]) for row in verdicts],
        "exports": exported(store, place),
        "again": brought_back(store, place, tmp_path),
        "page": report.read_text().count("<img"),
    }


def exported(store: Store, place: str) -> dict[str, list[str]]:
    """For each form the names and hashes of its files, but of the page that says when."""
    sums = {}
    for form in ("npz", "npy", "parquet", "arrow", "idx", "huggingface", "image-folder"):
        store.export("clean", f"{place}/out_{form}", form=form)
        lines = location(f"{place}/out_{form}/SHA256SUMS").read_text().splitlines()
        sums[form] = sorted(line for line in lines if not line.endswith("README.md"))
    return sums


def brought_back(store: Store, place: str, tmp_path: Path) -> tuple[list[Any], list[Any]]:
    """An export ingested again where it lies, and the decisions taken along."""
    (npz,) = files_in(location(f"{place}/out_npz"), "*.npz")
    again = notmnist_store.open(f"{place}/again")
    again.ingest(str(npz))
    decisions = tmp_path / "decisions.csv"
    store.sql("decisions").write(decisions, form="csv")
    again.decide(decisions, yes=True)
    images = again.sql("select label, split, pixel_hash, decision from image order by all").rows()
    return images, again.sql("select action, note from decision order by all").rows()


@pytest.fixture(scope="module")
def expected(archives: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("expected")
    return walk(str(folder / "place"), archives, folder)


@pytest.mark.parametrize("where", [pytest.param("disk", marks=pytest.mark.slow), "bucket"])
def test_all_that_writes_gives_the_same(
    where: str,
    request: pytest.FixtureRequest,
    archives: list[Path],
    expected: dict[str, Any],
    tmp_path: Path,
) -> None:
    place = str(tmp_path / "place") if where == "disk" else request.getfixturevalue("bucket")
    found = walk(place, archives, tmp_path)
    for name, rows in expected.items():
        assert found[name] == rows, name
