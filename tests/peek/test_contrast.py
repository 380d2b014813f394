"""peek at pairs near up to brightness and contrast: that distance, and the twin brought to it."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

import notmnist_store
from notmnist_store.cli.main import main
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.kernels.contrast import brought_to
from notmnist_store.peek.pictures import pictures_of
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.distinct import archive_of


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Pictures with brighter and noisy copies, and a blank one; to be read only."""
    folder = tmp_path_factory.mktemp("contrast")
    random = np.random.default_rng(0)
    images = [np.full((28, 28, 1), 7)]
    for step in range(1, 6):
        image = random.integers(0, 100, (28, 28, 1))
        noise = random.integers(-step, step + 1, image.shape)
        images += [image, image * 2 + 9, np.maximum(image + noise, 0)]
    made = notmnist_store.open(folder / "store")
    made.ingest(archive_of(folder / "set.tar", (each.astype(np.uint8) for each in images)))
    made.near_duplicates(contrast=True)
    return made


def known(store: Store) -> dict[tuple[int, int], float]:
    rows = store.sql("select a, b, distance from contrast_pair").rows()
    return {(row["a"], row["b"]): row["distance"] for row in rows}


def shown(store: Store, **options: object) -> dict[tuple[int, int], float]:
    rows = store.peek(pairs=True, contrast=True, **options).rows()  # type: ignore[arg-type]
    distances = [row["distance"] for row in rows]
    assert distances == sorted(distances)
    assert {row["squared_distance"] for row in rows} <= {None}
    assert {row["transform"] for row in rows} <= {"b:contrast"}
    return {(row["image_id"], row["twin_id"]): row["distance"] for row in rows}


def test_known_pairs_are_shown_at_their_distance(searched: Store) -> None:
    pairs = known(searched)
    assert 0 < min(d for d in pairs.values() if d) < 0.05 < max(pairs.values())
    assert shown(searched) == pairs
    within = {pair: distance for pair, distance in pairs.items() if distance <= 0.05}
    assert shown(searched, radius="0.05") == within
    few = shown(searched, n=4)
    assert len(few) == 4
    assert few.items() < pairs.items()


def test_pairs_that_a_query_names_are_measured_so_too(searched: Store) -> None:
    every = (
        "select one.image_id as a, other.image_id as b from image as one"
        " inner join image as other on other.image_id > one.image_id"
    )
    pairs = known(searched)
    assert shown(searched, sql=every, radius="0.1", n=500) == pairs
    far = shown(searched, sql=every, n=500)
    assert len(far) == 15 * 14 // 2  # the blank picture has no direction
    assert far.items() > pairs.items()
    label = {row["image_id"]: row["label"] for row in searched.sql("select * from image").rows()}
    of_a = {pair: far[pair] for pair in pairs if "A" in (label[pair[0]], label[pair[1]])}
    assert shown(searched, sql=every, radius="0.1", n=500, label="A") == of_a


def test_the_twin_is_shown_at_the_brightness_and_contrast_of_the_image(searched: Store) -> None:
    rows = searched.peek(pairs=True, contrast=True)
    strips, captions = pictures_of(Tables.open(searched.path), rows.arrow())
    assert all("b:contrast" in caption for caption in captions)
    for (image, twin, brought, difference), distance in zip(
        strips, rows.arrow()["distance"].to_pylist(), strict=True
    ):
        assert np.array_equal(brought, brought_to(twin, image))
        assert np.array_equal(difference, np.abs(brought.astype(int) - image))
        assert difference.max() <= 1 or distance
        assert not np.array_equal(image, twin)


def test_a_picture_is_brought_to_the_mean_and_norm_of_another() -> None:
    picture = np.array([[[10], [20], [30], [60]]], np.uint8)
    assert np.array_equal(brought_to(picture * 2 + 7, picture), picture)
    assert np.array_equal(brought_to(picture, picture * 2 + 7), picture * 2 + 7)
    assert brought_to(255 - picture, picture).ravel().tolist() == [50, 40, 30, 0]
    assert brought_to(np.full_like(picture, 9), picture).tolist() == [[[30]] * 4]
    assert brought_to(picture, np.full_like(picture, 9)).tolist() == [[[9]] * 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": False}, "--contrast goes with --pairs"),
        ({"audit": "duplicate_near"}, "no audit asks those pairs"),
        ({"transforms": "shift1"}, "--transforms does not go with --contrast"),
        ({"radius": "0.2"}, "known up to 0.1, not to 0.2"),
        ({"radius": "2.5"}, "from 0 to 2, not 2.5"),
    ],
)
def test_what_does_not_go_is_said_with_a_command_that_works(
    searched: Store, options: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        searched.peek(**{"pairs": True, "contrast": True} | options)  # type: ignore[arg-type]
    verb = shlex.split(refused.value.hint)[1:]
    if verb[0] == "peek":
        sheet = ["-o", str(tmp_path / "sheet.png")]
        assert main([*verb, "--store", str(searched.path), *sheet]) == 0
    else:
        assert verb[:2] == ["near-duplicates", "--contrast"]


def test_without_a_search_it_says_which(tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, 28, 28, 1), dtype=np.uint8)
    store.ingest(archive_of(tmp_path / "set.tar", images))
    with pytest.raises(StoreError, match="are known yet") as refused:
        store.peek(pairs=True, contrast=True)
    assert main([*shlex.split(refused.value.hint)[1:], "--store", str(store.path)]) == 0
    assert len(store.peek(pairs=True, contrast=True)) == 0
