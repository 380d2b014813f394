"""Split sets that keep near copies together, and the components they are made of."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import notmnist_store
from notmnist_store.cli.main import main
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.kernels.groups import components
from notmnist_store.near.kernels.join import Pairs
from notmnist_store.schema.radius import Radius
from notmnist_store.store import Store
from tests.support.archives import pack, png
from tests.support.properties import examples

Images = npt.NDArray[np.uint8]


def clustered(seed: int, clusters: int = 24, most: int = 5) -> Images:
    """Clusters of 1 to `most` pictures a little apart, copies among them: (n, 28, 28, 1)."""
    random = np.random.default_rng(seed)
    images = []
    for _ in range(clusters):
        image = random.integers(0, 256, (28, 28, 1), dtype=np.uint8)
        for _ in range(random.integers(1, most + 1)):
            images.append(image)
            image = image.copy()  # the next is a step from this one: a chain
            place = random.integers(0, 28, 2)
            image[place[0], place[1]] ^= np.uint8(random.choice([0, 60, 127, 255]))
    return np.stack(images)[random.permutation(len(images))]


def archive(path: Path, images: Images, labels: str = "AB") -> Path:
    files = [
        (f"{path.stem}/{labels[n % len(labels)]}/{n:04d}.png", png(image))
        for n, image in enumerate(images)
    ]
    return pack(path, files)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of chains of near copies, searched up to 2.0; to be copied."""
    folder = tmp_path_factory.mktemp("searched")
    made = notmnist_store.open(folder / "store")
    made.ingest(archive(folder / "one.tar", clustered(21, clusters=15, most=12)))
    made.near_duplicates()
    return made


@pytest.fixture
def store(searched: Store, tmp_path: Path) -> Store:
    """A copy of it."""
    return notmnist_store.open(shutil.copytree(searched.path, tmp_path / "copy"))


def placed(store: Store, name: str) -> dict[int, str]:
    rows = store.sql(
        "select image_id, split from split_image where split_set = $name", params={"name": name}
    ).rows()
    return {row["image_id"]: row["split"] for row in rows}


def pixels(store: Store) -> dict[int, npt.NDArray[np.int64]]:
    rows = store.sql("select image_id, pixels from image_pixels").rows()
    return {r["image_id"]: np.frombuffer(r["pixels"], np.uint8).astype(np.int64) for r in rows}


def linked(arrays: dict[int, npt.NDArray[np.int64]], limit: int) -> dict[int, int]:
    """The least id of every image's component, by brute force over all pairs of images."""
    home = {image_id: image_id for image_id in arrays}

    def root(image_id: int) -> int:
        while home[image_id] != image_id:
            image_id = home[image_id]
        return image_id

    for a, b in itertools.combinations(sorted(arrays), 2):
        if ((arrays[a] - arrays[b]) ** 2).sum() <= limit:
            low, high = sorted((root(a), root(b)))
            home[high] = low
    return {image_id: root(image_id) for image_id in arrays}


@given(
    n=st.integers(1, 30),
    edges=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40),
    cut=st.integers(0, 40),
)
def test_components_grow_from_those_of_fewer_pairs(
    n: int, edges: list[tuple[int, int]], cut: int
) -> None:
    inside = [(a, b) for a, b in edges if a < n and b < n]

    def chunk(part: list[tuple[int, int]]) -> Pairs:
        ends = np.array(part, np.int32).reshape(-1, 2)
        return Pairs(ends[:, 0], ends[:, 1], np.ones(len(part), np.int64))

    start = components(n, [chunk(inside[:cut])])
    kept = start.copy()
    grown = components(n, [chunk(inside[cut:])], start)
    assert np.array_equal(grown, components(n, [chunk(inside)]))
    assert np.array_equal(start, kept)


@pytest.mark.slow
@examples(2)
@given(
    seed=st.integers(0, 10**6),
    recipe=st.sampled_from(["stratified", "hash"]),
    radius=st.sampled_from(["0.3", "0.5", "1", "2"]),
    distinct=st.booleans(),
)
def test_near_copies_never_straddle_splits(
    tmp_path_factory: pytest.TempPathFactory, seed: int, recipe: str, radius: str, distinct: bool
) -> None:
    folder = tmp_path_factory.mktemp("near")
    store = notmnist_store.open(folder / "store")
    store.ingest(archive(folder / "one.tar", clustered(seed)))
    store.near_duplicates()
    store.split(
        "s",
        recipe=recipe,
        train=0.6,
        valid=0.2,
        test=0.2,
        group_by="near",
        radius=radius,
        distinct=distinct,
    )
    arrays, splits = pixels(store), placed(store, "s")
    assert set(splits) == set(arrays)
    homes = defaultdict(set)
    for image_id, component in linked(arrays, Radius(radius).squared).items():
        if not (distinct and splits[image_id] == "unused"):
            homes[component].add(splits[image_id])
    assert max(map(len, homes.values())) == 1
    assert len({splits[image_id] for image_id in splits} - {"unused"}) >= 2
    assert store.audit("split_leak_near", split_set="s", radius=radius).verdicts[0].status == "pass"
    assert store.audit("split_leak_exact", split_set="s").verdicts[0].status == "pass"


def test_a_split_by_pixels_lets_them_straddle(store: Store) -> None:
    """What the option is for: without it the same images fail the audit."""
    store.split("s", train=0.6, valid=0.2, test=0.2)
    assert store.audit("split_leak_near", split_set="s").verdicts[0].status == "fail"


def test_the_radius_is_kept_and_the_same_again_is_a_no_op(store: Store) -> None:
    store.split("s", group_by="near")
    (made,) = store.split_sets().rows()
    assert '"radius": "1.0"' in made["arguments"]
    store.split("s", group_by="near", radius="1.0")
    assert len(store.split_sets()) == 1
    with pytest.raises(UsageError, match="other arguments"):
        store.split("s", group_by="near", radius="0.5")


@pytest.mark.slow
def test_what_is_not_known_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive(tmp_path / "one.tar", clustered(3)))
    images = len(store.sql("select image_id from image"))

    def refused(match: str, **options: str) -> str:
        with pytest.raises(StoreError, match=match) as caught:
            store.split("s", group_by="near", **options)
        assert len(store.split_sets()) == 0
        return caught.value.hint

    assert refused(f"{images} images are not known") == "notmnist-store near-duplicates"
    assert refused("not known", radius="2.5").endswith("near-duplicates --radius 2.5")
    store.near_duplicates(radius="1.5")
    assert refused("up to 1.5, not to 2", radius="2").endswith("--radius 2")
    assert refused("a radius is a number", radius="x")
    store.ingest(archive(tmp_path / "two.tar", clustered(4, clusters=3)))
    fresh = len(store.sql("select image_id from image")) - images
    assert refused(f"^{fresh} images are not known") == "notmnist-store near-duplicates"
    store.split("s", group_by="near", where="source = 'one'")
    assert len(placed(store, "s")) == images
    with pytest.raises(UsageError, match="--radius goes with --group-by near"):
        store.split("t", radius="1")
    with pytest.raises(StoreError):
        store.split("t", recipe="notebook", group_by="near")
    assert main(["split", "t", "--radius", "1", "--store", str(store.path)]) == 2
    capsys.readouterr()


def chain(length: int, step: int, seed: int = 0) -> Images:
    """Pictures each of which differs from the one before by `step` in one place of its own."""
    image = np.random.default_rng(seed).integers(0, 100, (28, 28, 1), dtype=np.uint8)
    images = [image]
    for place in range(length - 1):
        images.append(images[-1].copy())
        images[-1].reshape(-1)[place] += np.uint8(step)
    return np.stack(images)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["stratified", "hash"])
def test_a_chain_too_large_for_any_split_is_refused_with_a_radius_that_works(
    tmp_path: Path, recipe: str
) -> None:
    """Steps of 51 grey values are exactly 0.2 apart: at 0.15 nobody is near anybody."""
    random = np.random.default_rng(0)
    others = random.integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive(tmp_path / "one.tar", np.concatenate([chain(20, 51), others]), "A"))
    store.near_duplicates()
    sizes = {"train": "0.4", "valid": "0.3", "test": "0.3"}
    with pytest.raises(
        UsageError, match="has 20 images, and no split takes more than 16"
    ) as caught:
        store.split("s", recipe=recipe, group_by="near", **sizes)
    assert "the largest radius that works, in steps of 0.05, is 0.15" in caught.value.message
    assert main([*caught.value.hint.split()[1:], "--store", str(store.path)]) == 0
    with pytest.raises(UsageError):
        store.split("s", recipe=recipe, group_by="near", radius="0.2", **sizes)
    arguments = store.split_sets().rows()[0]["arguments"]
    assert '"radius": "0.15"' in arguments
    assert recipe == "stratified" or '"recipe": "hash"' in arguments
    store.split("large", recipe=recipe, group_by="near", train="0.5", valid="0.3", test="0.2")


@examples(1)
@given(seed=st.integers(0, 10**6))
def test_the_radius_that_an_error_names_is_the_largest_that_works(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("near")
    store = notmnist_store.open(folder / "store")
    images = np.concatenate([chain(9, 20 + seed % 40, seed), chain(7, 90, seed + 1)])
    apart = np.random.default_rng(seed).integers(0, 256, (14, 28, 28, 1), dtype=np.uint8)
    store.ingest(archive(folder / "one.tar", np.concatenate([images, apart]), "A"))
    store.near_duplicates()
    sizes = {"train": "5", "valid": "2", "test": "2"}
    with pytest.raises(UsageError, match="the largest radius that works") as caught:
        store.split("s", group_by="near", radius="1.5", **sizes)
    works = Decimal(caught.value.message.rpartition(" ")[2])
    arrays = pixels(store)

    def largest(radius: Decimal) -> int:
        return max(Counter(linked(arrays, Radius(radius).squared).values()).values())

    steps = [Decimal(step) / 20 for step in range(30)]
    assert works == max(step for step in steps if largest(step) <= 5)


def test_equal_images_that_no_radius_parts(tmp_path: Path) -> None:
    images = np.concatenate([np.full((12, 28, 28, 1), 7, np.uint8), clustered(5, 12, 1)])
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive(tmp_path / "one.tar", images, "A"))
    store.near_duplicates()
    with pytest.raises(UsageError, match="no radius works, for so many are equal") as caught:
        store.split("s", group_by="near", train="5", valid="2", test="2")
    assert main([*caught.value.hint.split()[1:], "--store", str(store.path)]) == 0


@pytest.mark.slow
def test_a_new_image_between_two_splits_is_left_out(tmp_path: Path) -> None:
    """Two pictures 1.4 apart in two splits; the new one lies 0.6 from one and 0.8 from the other,
    and another new one hangs on that one alone."""
    base = np.full((28, 28, 1), 40, np.uint8)

    def off(*values: int) -> Images:
        image = base.copy()
        image.reshape(-1)[: len(values)] += np.array(values, np.uint8)
        return image

    random = np.random.default_rng(1)
    rest = random.integers(0, 256, (10, 28, 28, 1), dtype=np.uint8)
    store = notmnist_store.open(tmp_path / "store")
    first = np.concatenate([np.stack([off(0, 0), off(204, 204, 204, 100)]), rest])
    store.ingest(archive(tmp_path / "one.tar", first, "A"))
    store.near_duplicates()
    seed = next(
        seed
        for seed in range(50)
        if store.split("s", group_by="near", seed=seed, train=0.5, test=0.5, replace=True)
        and len({split for i, split in placed(store, "s").items() if i % 2**32 < 2}) == 2
    )
    before = placed(store, "s")
    old = {image_id % 2**32: image_id for image_id in before}
    between = off(110, 110, 110, 50)
    second = np.stack([between, off(0, 0, 0, 0, 9), off(110, 110, 110, 50, 0, 0, 0, 200)])
    store.ingest(archive(tmp_path / "two.tar", second, "A"))
    with pytest.raises(StoreError, match="3 images are not known"):
        store.split("s", extend=True)
    store.near_duplicates()
    store.split("s", extend=True)
    after = placed(store, "s")
    assert before.items() <= after.items()
    fresh = {i % 2**32: i for i in after if i not in before}
    assert [after[fresh[n]] for n in range(3)] == ["unused"] * 3
    drops = {
        row["image_id"]: (row["rule"], row["twin_id"], row["squared_distance"])
        for row in store.sql("select * from split_drop where split_set = 's'").rows()
    }
    near = (94**2) * 3 + 50**2  # to the second of the old ones, the nearer of the two
    assert drops[fresh[0]] == ("group_in_two_splits", old[1], near)
    assert drops[fresh[1]] == ("group_in_two_splits", old[0], 81)
    assert drops[fresh[2]] == ("group_in_two_splits", old[1], near + 200**2)
    assert store.audit("split_leak_near", split_set="s").verdicts[0].status == "pass"
    story = store.peek(fresh[0]).rows()
    (line,) = (row for row in story if row["what"] == "split set s")
    assert line["value"].startswith("left out: group_in_two_splits, 0.668 from its twin")
    assert line["image_id"] == old[1]
    assert seed < 50


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["stratified", "hash"])
def test_extend_keeps_old_rows_and_new_near_copies_follow(tmp_path: Path, recipe: str) -> None:
    images = clustered(11, clusters=40)
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive(tmp_path / "one.tar", images[::2]))
    store.near_duplicates()
    store.split("s", recipe=recipe, group_by="near", train=0.6, valid=0.2, test=0.2)
    before = placed(store, "s")
    store.ingest(archive(tmp_path / "two.tar", images[1::2]))
    store.near_duplicates()
    store.split("s", extend=True)
    after = placed(store, "s")
    assert before.items() <= after.items()
    assert len(after) == len(images)
    homes = defaultdict(set)
    for image_id, component in linked(pixels(store), Radius("1.0").squared).items():
        if after[image_id] != "unused":
            homes[component].add(after[image_id])
    joined = {c for c, there in homes.items() if len(there) > 1}
    dropped = store.sql("select image_id from split_drop where split_set = 's'").rows()
    of = linked(pixels(store), Radius("1.0").squared)
    assert {of[row["image_id"]] for row in dropped} == {
        of[i] for i in after if i not in before and of[i] in joined
    }
    assert store.audit("split_leak_near", split_set="s").verdicts[0].status == "pass"


@pytest.mark.slow
def test_new_images_do_not_move_old_ones_of_recipe_hash(tmp_path: Path) -> None:
    """Made anew: a group goes by its first picture, unless new ones join it to an earlier group."""
    images = clustered(12, clusters=40)
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive(tmp_path / "one.tar", images[:60]))
    store.near_duplicates()
    store.split("s", recipe="hash", group_by="near", seed=4)
    before, old = placed(store, "s"), linked(pixels(store), Radius("1.0").squared)
    store.ingest(archive(tmp_path / "two.tar", images[60:]))
    store.near_duplicates()
    store.split("s", recipe="hash", group_by="near", seed=4, where="true", replace=True)
    after, new = placed(store, "s"), linked(pixels(store), Radius("1.0").squared)
    apart = Counter(new[component] for component in set(old.values()))
    same = {i: split for i, split in before.items() if apart[new[i]] == 1}
    assert len(same) > 40
    assert same.items() <= after.items()


# Components as a diagnostic.


def test_components_are_those_of_brute_force(searched: Store) -> None:
    arrays = pixels(searched)
    distinct = {
        array.tobytes(): image_id for image_id, array in sorted(arrays.items(), reverse=True)
    }
    pictures = {image_id: arrays[image_id] for image_id in distinct.values()}
    rows = searched.near_components().rows()
    assert [row["radius"] for row in rows] == ["0.5", "1", "1.5", "2.0"]
    for row in rows:
        component = linked(pictures, Radius(row["radius"]).squared)
        sizes = Counter(component.values())
        assert row["components"] == sum(size > 1 for size in sizes.values())
        assert row["largest"] == row["sampled"] == max(sizes.values())
        assert row["share"] == pytest.approx(row["largest"] / len(pictures))
        assert sizes[row["image_id"]] == row["largest"]
        members = [pictures[i] for i in pictures if component[i] == row["image_id"]]
        widest = max(((a - b) ** 2).sum() for a, b in itertools.product(members, repeat=2))
        assert row["diameter"] == pytest.approx((widest / 65025) ** 0.5)
    (one,) = searched.near_components(radius="0.7").rows()
    assert one["radius"] == "0.7"


@pytest.mark.slow
def test_a_chain_is_longer_than_its_radius(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive(tmp_path / "one.tar", chain(300, 100)))
    command = ["near-components", "--store", str(store.path)]
    assert main(command) == 3
    assert "near-duplicates" in capsys.readouterr().err
    store.near_duplicates(radius="0.4")
    rows = store.near_components().rows()
    assert [(row["radius"], row["largest"], row["sampled"]) for row in rows] == [("0.4", 300, 256)]
    assert rows[0]["diameter"] > 10 * 0.4
    assert rows == store.near_components().rows()
    with pytest.raises(UsageError, match="up to"):
        store.near_components(radius="1")
    assert main(command) == 0
    assert "300" in capsys.readouterr().out


def test_components_without_any_pair(tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive(tmp_path / "one.tar", clustered(1, clusters=3, most=1)))
    store.near_duplicates()
    for row in store.near_components().rows():
        assert (row["components"], row["largest"], row["diameter"]) == (0, 1, 0)
