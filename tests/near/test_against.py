"""near-against: the rows are those of brute force, and nothing is written."""

from __future__ import annotations

import json
import shlex
import shutil
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import notmnist_store
from notmnist_store.cli.main import main
from notmnist_store.errors import SourceError, UsageError
from notmnist_store.schema.radius import Radius
from notmnist_store.store import Store
from tests.near.test_search import near_images, squared
from tests.support.archives import pack, png
from tests.support.distinct import archive_of

Images = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("against")
    store = notmnist_store.open(folder / "store")
    store.ingest(archive_of(folder / "set.tar", near_images(1)))
    store.split("s", train=24, valid=8, test=8, group_by="image_id")
    return store.path


@pytest.fixture
def store(made: Path) -> Store:
    return notmnist_store.open(made)


def other_images() -> Images:
    """Copies and near copies of the store's images, two of them twice, and strangers."""
    mine = near_images(1)[::3].copy()
    mine[1::2, 3, 3] ^= np.uint8(200)
    random = np.random.default_rng(9)
    strangers = random.integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    return np.concatenate([mine, mine[:2], strangers])


def files_in(path: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.mark.parametrize("radius", ["0", "0.5", "1.0", "2"])
def test_the_rows_are_those_of_brute_force(store: Store, tmp_path: Path, radius: str) -> None:
    theirs = other_images()
    other = archive_of(tmp_path / "other.tar", theirs, "other")
    placed = store.sql(
        "select split_image.image_id, split_image.split, image.label, pixels from split_image"
        " inner join image on image.image_id = split_image.image_id"
        " inner join image_pixels on image_pixels.image_id = split_image.image_id"
        " where split_image.split_set = 's' and split_image.split <> 'unused'"
        " order by image.image_id % 4294967296"
    ).rows()
    expected = []
    for number, image in enumerate(theirs):
        for split in ("train", "valid", "test"):
            far = [
                (squared(image.ravel(), np.frombuffer(row["pixels"], np.uint8)), place)
                for place, row in enumerate(placed)
                if row["split"] == split
            ]
            least, place = min(far)
            if least <= Radius(radius).squared:
                twin = placed[place]
                path, label = f"other/{'ABC'[number % 3]}/{number:04d}.png", "ABC"[number % 3]
                expected.append((least, path, split, label, twin["image_id"], twin["label"]))
    rows = store.near_against(other, split_set="s", radius=radius).rows()
    names = ("squared_distance", "path", "split", "label", "image_id", "store_label")
    found = [tuple(row[name] for name in names) for row in rows]
    assert found == sorted(found)
    assert expected
    # Images of equal pixels in one split stand for each other: the first ingested is named.
    assert found == sorted(expected)
    assert all(
        row["distance"] == pytest.approx((row["squared_distance"] / 65025) ** 0.5) for row in rows
    )


def test_the_command_counts_and_writes_nothing(
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    theirs = other_images()
    files = [(f"other/A/{number}.png", png(image)) for number, image in enumerate(theirs)]
    other = pack(tmp_path / "other.tar.gz", [*files, ("other/A/bad.png", b"x")])
    before = files_in(store.path)
    command = ["near-against", "--store", str(store.path), str(other)]
    assert main([*command, "--format", "json"]) == 0
    said = capsys.readouterr()
    nearest: dict[str, int] = {}
    for row in json.loads(said.out):
        nearest.setdefault(row["path"], row["squared_distance"])
    exact = sum(not far for far in nearest.values())
    assert 0 < exact < len(nearest) < len(theirs)
    assert (
        f"of {len(theirs)} images in {other}, {exact} are exact copies, "
        f"{len(nearest) - exact} near copies within 1.0, {len(theirs) - len(nearest)} clean; "
        "1 files were rejected and not compared"
    ) in said.err
    assert files_in(store.path) == before
    assert not list((tmp_path / "scratch").iterdir())


def test_a_set_without_copies_has_no_rows(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = archive_of(tmp_path / "other.tar", near_images(99), "other")
    assert not len(store.near_against(other, split_set="s"))
    command = ["near-against", "--store", str(store.path), "--split-set", "s", str(other)]
    assert main(command) == 0
    assert "0 exact copies" not in capsys.readouterr().out


def test_a_split_set_that_places_no_image(tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive_of(tmp_path / "set.tar", near_images(1)), split="unused")
    other = archive_of(tmp_path / "other.tar", near_images(1)[:3], "other")
    assert not len(store.near_against(other, split_set="ingest"))


@pytest.mark.parametrize(
    ("sides", "given", "ways"),
    [
        ((32, 32, 3), [], ["--fit", "pad", "--to-grey"]),
        ((32, 30, 3), ["--to-grey"], ["--fit", "pad"]),
        ((32, 32, 1), ["--to-grey", "--transforms", "flip"], ["--fit", "pad"]),
        ((28, 28, 3), ["--fit", "pad"], ["--to-grey"]),
        ((28, 28, 3), ["--fit", "crop", "--filter", "box", "--radius", "1.5"], ["--to-grey"]),
    ],
)
def test_images_of_another_shape_are_an_error_whose_command_compares_them(
    store: Store,
    tmp_path: Path,
    sides: tuple[int, int, int],
    given: list[str],
    ways: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, *sides), dtype=np.uint8)
    other = archive_of(tmp_path / "an other.tar", images, "other")
    own = ["--split-set", "s", "--store", str(store.path)]
    assert main(["near-against", str(other), *own, *given]) == 3
    said = capsys.readouterr().err
    assert ("--fit resize, pad or crop brings" in said) == ("--fit" in ways)
    assert ("--to-grey takes colour" in said) == ("--to-grey" in ways)
    assert "--shape" not in said
    hint = shlex.split(said.partition("try: ")[2].splitlines()[0])
    assert hint[1] == "near-against"
    assert set(ways) <= set(hint)
    assert main(hint[1:]) == 0
    assert "of 4 images" in capsys.readouterr().err


@pytest.mark.parametrize("rule", ["resize", "pad", "crop"])
def test_images_of_other_sizes_are_compared_as_ingest_would_fit_them(
    store: Store, tmp_path: Path, rule: str
) -> None:
    """Letters at twice the size, more or less high: near each picture what ingest stores of it."""
    images = [
        image.repeat(2, 0).repeat(2, 1)[n % 3 * 7 :] for n, image in enumerate(near_images(1)[:9])
    ]
    other = archive_of(tmp_path / "other.tar", images, "other")
    fitted = notmnist_store.open(tmp_path / "fitted")
    fitted.ingest(other, fit=rule, filter="box")
    asked = "select pixels from image_pixels join split_image using (image_id) where {}"
    placed = store.sql(asked.format("split_set = 's' and split_image.split <> 'unused'")).rows()
    there = [np.frombuffer(row["pixels"], np.uint8) for row in placed]
    ours = fitted.sql("select path, pixels from image_pixels join image using (image_id)").rows()
    expected = {}
    for row in ours:
        flat = np.frombuffer(row["pixels"], np.uint8).astype(int)
        nearest = min(int(((flat - pixels) ** 2).sum()) for pixels in there)
        if nearest <= Radius("3").squared:
            expected[row["path"]] = nearest
    found: dict[str, int] = {}
    for row in store.near_against(other, split_set="s", radius="3", fit=rule, filter="box").rows():
        found.setdefault(row["path"], row["squared_distance"])
    assert found == expected
    assert found


@pytest.mark.parametrize("content", [[("other/A/bad.png", b"x")], [("note.txt", b"x")]])
def test_a_source_with_nothing_to_compare(
    store: Store, tmp_path: Path, content: list[tuple[str, bytes]]
) -> None:
    other = pack(tmp_path / "other.tar", content)
    with pytest.raises(SourceError, match=r"none of the 1 files|holds no class folder"):
        store.near_against(other, split_set="s")


def test_no_way_out_leads_into_the_store(store: Store, tmp_path: Path) -> None:

    other = archive_of(tmp_path / "other.tar", near_images(1), "other")
    with pytest.raises(SourceError) as caught:
        store.near_against(other, split_set="s", max_bytes=1_000)
    assert caught.value.hint.startswith("notmnist-store ingest --store other_store --max-bytes")


def test_what_cannot_be_meant(store: Store, tmp_path: Path) -> None:
    other = archive_of(tmp_path / "other.tar", near_images(1)[:2], "other")
    with pytest.raises(UsageError, match="there is no split set 'q'"):
        store.near_against(other, split_set="q")
    with pytest.raises(UsageError, match="a radius is a number"):
        store.near_against(other, split_set="s", radius="x")
    with pytest.raises(SourceError, match="there is no"):
        store.near_against(tmp_path / "none.tar", split_set="s")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["near-against"], "the following arguments are required: SOURCE"),
        (["near-against", "other.tar", "--limit", "5"], "unrecognized arguments: --limit"),
        (["near-duplicates", "other.tar"], "unrecognized arguments: other.tar"),
        (["near-duplicates", "--to-grey"], "--to-grey belongs to near-against"),
        (["near-duplicates", "--against", "s", "other.tar"], "--against belongs to near-against"),
    ],
)
def test_options_that_do_not_go_together(
    store: Store, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main([*arguments, "--store", str(store.path)]) == 2
    assert message in capsys.readouterr().err


def test_the_real_set_is_known_to_itself(data_folder: Path, tmp_path: Path) -> None:
    """The tar's images against themselves, read as IDX: what is placed is found, copies too."""
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(data_folder / "notMNIST_t10k.tar.gz")
    shutil.copy(data_folder / "notMNIST-t10k-images-idx3-ubyte.gz", tmp_path)
    shutil.copy(data_folder / "notMNIST-t10k-labels-idx1-ubyte.gz", tmp_path)
    idx = tmp_path / "notMNIST-t10k-images-idx3-ubyte.gz"
    rows = store.near_against(idx, split_set="ingest", radius="0", labels="A,B,C,D,E,F,G,H,I,J")
    assert {row["squared_distance"] for row in rows.rows()} == {0}
    assert len({row["path"] for row in rows.rows()}) == 10_000
