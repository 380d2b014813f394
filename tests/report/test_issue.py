"""The report for the makers of a set: its counts, its rows and its commands are right."""

from __future__ import annotations

import csv
import gzip
import io
import re
import shlex
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import notmnist_store
from notmnist_store.cli.main import main
from notmnist_store.errors import UsageError
from notmnist_store.store import Store
from tests.support.archives import pack, picture, png

_Pixels = npt.NDArray[np.uint8]
_TRAIN, _TEST = 40, 12
LABELS = ["A", "B", "C", "D"]


def arrays() -> tuple[_Pixels, _Pixels]:
    """Train and test; test 3 and 4 are train 7, test 5 is one grey value off train 2, and test 9
    is a copy of train 11 under another label.
    """
    train = np.stack([picture(n) for n in range(_TRAIN)])
    test = np.stack([picture(n) for n in range(500, 500 + _TEST)])
    test[3] = test[4] = train[7]
    test[5] = train[2]
    test[5, 0, 0] ^= 1
    test[9] = train[11]
    return train, test


def labels() -> tuple[_Pixels, _Pixels]:
    train = (np.arange(_TRAIN) % len(LABELS)).astype(np.uint8)
    test = (np.arange(_TEST) % len(LABELS)).astype(np.uint8)
    test[[3, 4, 5]] = train[[7, 7, 2]]
    test[9] = (train[11] + 1) % len(LABELS)
    return train, test


WANTED = {
    (3, 7, "exact"),
    (4, 7, "exact"),
    (5, 2, "near"),
    (9, 11, "exact"),
}
"""Row of test, row of train, and how they are alike."""


def idx(folder: Path) -> list[Path]:
    paths = []
    for name, images, numbers in zip(("train", "t10k"), arrays(), labels(), strict=True):
        for kind, head, data in (
            ("images-idx3", struct.pack(">4B3I", 0, 0, 8, 3, len(images), 28, 28), images),
            ("labels-idx1", struct.pack(">4BI", 0, 0, 8, 1, len(images)), numbers),
        ):
            path = folder / f"{name}-{kind}-ubyte.gz"
            path.write_bytes(gzip.compress(head + data.tobytes()))
        paths.append(folder / f"{name}-images-idx3-ubyte.gz")
    return paths


def npz(folder: Path) -> list[Path]:
    (x_train, x_test), (y_train, y_test) = arrays(), labels()
    path = folder / "both.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return [path]


@pytest.fixture(scope="module", params=["idx", "npz"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp(request.param)
    store = notmnist_store.open(folder / "a store")
    store.ingest(*{"idx": idx, "npz": npz}[request.param](folder), labels=LABELS)
    store.near_duplicates(radius="1")
    return store


def test_the_low_bits_of_an_id_are_the_row_over_all_arrays(made: Store) -> None:
    """And the number that ends a path is the row of its own array."""
    train, test = arrays()
    rows = made.sql(
        "select p.image_id, i.path, i.source, i.split, p.pixels"
        " from image_pixels p join image i on i.image_id = p.image_id"
    ).rows()
    assert len(rows) == _TRAIN + _TEST
    one_source = len({row["source"] for row in rows}) == 1
    for row in rows:
        array, before = (train, 0) if row["split"] != "test" else (test, _TRAIN * one_source)
        at = (row["image_id"] & 0xFFFFFFFF) - before
        assert array[at].tobytes() == row["pixels"]
        assert int(re.findall(r"\d+", Path(row["path"]).stem)[-1]) == at


def test_the_pairs_are_those_that_were_planted(made: Store, tmp_path: Path) -> None:
    made.issue_report(tmp_path / "issue.md")
    with (tmp_path / "issue.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    before = _TRAIN if rows[0]["source"] == rows[0]["twin_source"] else 0
    found = {(int(r["row_index"]) - before, int(r["twin_row_index"]), r["kind"]) for r in rows}
    assert found == WANTED
    assert {(r["split"], r["twin_split"]) for r in rows} == {("test", "train")}
    other = [int(r["row_index"]) - before for r in rows if r["label"] != r["twin_label"]]
    assert other == [9]
    text = (tmp_path / "issue.md").read_text(encoding="utf-8")
    assert "Of 12 images in test, 3 have all the pixels" in text
    assert "and 1 more are near copies of one. 1 of these bear another label" in text
    assert "| test | 3 | 2 |" in text  # of equal pixels: in train; in test itself
    assert "| test | 1 | - |" in text  # near ones
    assert "All 4 stand in `issue.csv`." in text


def commands(text: str) -> list[list[str]]:
    block = text.partition("```sh\n")[2].partition("```")[0]
    return [shlex.split(line)[1:] for line in block.splitlines()]


def test_its_commands_find_it_again(
    made: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = made.issue_report(tmp_path / "issue.md").content
    monkeypatch.chdir(tmp_path)
    for words in commands(content.decode()):
        assert main([*words, "--store", str(made.path)]) == 0
    assert (tmp_path / "issue.md").read_bytes() == content


def test_what_was_not_measured_names_its_command(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(*npz(tmp_path), labels=LABELS)
    words = ["issue-report", "--store", str(store.path)]
    assert main(words) == 0
    text = capfd.readouterr().out
    assert "`notmnist-store near-duplicates` does" in text
    assert "`notmnist-store baseline --split-set ingest` does" in text
    assert "3 have all the pixels" in text
    store.near_duplicates(radius="0.5")
    store.baseline(sizes=[20], repeats=1)
    assert main(words) == 0
    text = capfd.readouterr().out
    (row,) = store.sql("leak_inflation").rows()
    assert f"{row['points']:+.2f} percentage points" in text
    assert f"(95 % interval {row['low']:+.2f} to {row['high']:+.2f})" in text
    assert "Images within 0.5 of a different image" in text
    with pytest.raises(UsageError, match="pairs are known up to"):
        store.issue_report(radius="2")
    assert main([*words, "-o", str(tmp_path / "issue.csv")]) == 2
    assert not (tmp_path / "issue.csv").exists()


def test_a_set_without_copies_says_so_and_names_stay_text(tmp_path: Path) -> None:
    files = [(f"s|*x*/{label}/{n}.png", png(picture(n))) for n, label in enumerate("ABCABCABC")]
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "s_|_<b>.tar.gz", files))
    store.split("tiny", train=3, valid=3, test=3)
    report = store.issue_report(split_set="tiny")
    text = report.content.decode()
    assert "\n## Which\n\nNone.\n" in text
    assert "s\\_\\|\\_&lt;b&gt;" in text
    assert "digest" in text
    assert len(report.pairs) == 0
    header = next(csv.reader(io.StringIO(report.pairs.to_bytes("csv").decode())))
    assert header[:3] == ["kind", "split", "twin_split"]
