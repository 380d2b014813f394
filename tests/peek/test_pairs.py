"""peek at pairs and at one image: what is shown is what is stored, and computed from its pixels."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import notmnist_store
from notmnist_store.cli.main import main
from notmnist_store.errors import QueryError, StoreError, UsageError
from notmnist_store.peek.sheet import png_sheet, terminal_sheet
from notmnist_store.schema.radius import Radius
from notmnist_store.store import Store
from notmnist_store.testing import make_bad_store
from tests.splits.test_near_groups import archive, clustered, pixels

Images = npt.NDArray[np.uint8]
COLUMNS = [
    "image_id",
    "label",
    "split",
    "twin_id",
    "twin_label",
    "twin_split",
    "distance",
    "squared_distance",
    "transform",
]


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of clusters of near copies, searched up to 2.0, with split set s; to be read only."""
    folder = tmp_path_factory.mktemp("pairs")
    made = notmnist_store.open(folder / "store")
    made.ingest(archive(folder / "one.tar", clustered(7, clusters=30, most=8)))
    made.near_duplicates()
    made.split("s", train=0.6, valid=0.2, test=0.2)
    return made


def known(store: Store) -> dict[tuple[int, int], int]:
    rows = store.sql("select a, b, squared_distance from pair").rows()
    return {(row["a"], row["b"]): row["squared_distance"] for row in rows}


@pytest.mark.slow
def test_pairs_are_a_seeded_sample_in_order_of_distance(near: Store) -> None:
    result = near.peek(pairs=True, n=25, split_set="s")
    assert result.columns == COLUMNS
    rows, all_pairs = result.rows(), known(near)
    assert len(rows) == 25 < len(all_pairs)
    assert rows == near.peek(pairs=True, n=25, split_set="s").rows()
    assert rows != near.peek(pairs=True, n=25, seed=1).rows()
    distances = [row["squared_distance"] for row in rows]
    assert distances == sorted(distances)
    labels = {r["image_id"]: r["label"] for r in near.sql("select * from image").rows()}
    splits = near.sql("select image_id, split from split_image where split_set = 's'").rows()
    split_of = {row["image_id"]: row["split"] for row in splits}
    for row in rows:
        assert all_pairs[row["image_id"], row["twin_id"]] == row["squared_distance"]
        assert row["distance"] == pytest.approx((row["squared_distance"] / 65025) ** 0.5)
        assert (row["label"], row["twin_label"]) == (
            labels[row["image_id"]],
            labels[row["twin_id"]],
        )
        assert row["split"] == split_of[row["image_id"]]
        assert row["twin_split"] == split_of[row["twin_id"]]
    assert len(near.peek(pairs=True, n=10_000)) == len(all_pairs)


def test_rare_distances_are_shown_as_often_as_frequent_ones(near: Store) -> None:
    """Twenty equal ranges: each has the same share, or all it has."""
    all_pairs = np.sqrt(np.array(sorted(known(near).values())) / 65025)
    shown = np.array([row["distance"] for row in near.peek(pairs=True, n=30).rows()])
    edges = np.linspace(0, all_pairs.max(), 21)
    there, drawn = (np.histogram(values, edges)[0] for values in (all_pairs, shown))
    assert drawn.max() - drawn[drawn < there].min() <= 1


def test_a_radius_and_a_label_limit_the_pairs(near: Store) -> None:
    wanted = {pair for pair, squared in known(near).items() if squared <= Radius("0.6").squared}
    rows = near.peek(pairs=True, radius="0.6", n=10_000).rows()
    assert {(row["image_id"], row["twin_id"]) for row in rows} == wanted
    rows = near.peek(pairs=True, label="B", n=10_000).rows()
    assert rows
    assert all("B" in (row["label"], row["twin_label"]) for row in rows)
    with pytest.raises(UsageError, match="pairs are known up to"):
        near.peek(pairs=True, radius="3")


@pytest.mark.slow
def test_pairs_of_an_audit_and_of_a_query(near: Store) -> None:
    found = near.audit("label_conflict_near", radius="0.9").rows()
    rows = near.peek(pairs=True, audit="label_conflict_near", radius="0.9", n=10_000).rows()
    assert {frozenset((r["image_id"], r["twin_id"])) for r in rows} == {
        frozenset((r["image_id"], r["twin_id"])) for r in found
    }
    assert all(row["label"] != row["twin_label"] for row in rows)
    arrays = pixels(near)
    query = (
        "select a.image_id as a, b.image_id as b, 'x' as distance from image a, image b"
        " where a.image_id < b.image_id and a.label = 'A' and b.label = 'B'"
    )
    rows = near.peek(pairs=True, sql=query, n=12).rows()
    assert len(rows) == 12
    for row in rows:
        apart = ((arrays[row["image_id"]] - arrays[row["twin_id"]]) ** 2).sum()
        assert row["squared_distance"] == apart
    within = near.peek(pairs=True, sql=query, radius="1", n=10_000).rows()
    assert within
    assert max(row["squared_distance"] for row in within) <= Radius("1").squared
    both_ways = "select a, b from pair union all select b as a, a as b from pair"
    assert len(near.peek(pairs=True, sql=both_ways, n=10_000)) == len(known(near))
    gone = "select a, 5 as b from pair union all select null as a, b from pair"
    assert len(near.peek(pairs=True, sql=gone)) == 0


@pytest.mark.slow
def test_exact_copies_are_pairs_at_distance_0(tmp_path: Path) -> None:
    ids = make_bad_store(tmp_path / "bad")
    bad = notmnist_store.open(tmp_path / "bad")
    rows = bad.peek(pairs=True, audit="split_leak_exact", split_set="bad").rows()
    assert {row["squared_distance"] for row in rows} == {0}
    both = next(row for row in rows if row["image_id"] == ids["in_two_splits"])
    assert both["split"] == "test, train"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sql": "select a as image_id from pair"}, QueryError, "no columns image_id and twin_id"),
        ({"sql": "select 'x' as a, 'y' as b"}, QueryError, "no columns image_id and twin_id"),
        ({"audit": "label_imbalance"}, QueryError, "no columns image_id and twin_id"),
        ({"label": "Q"}, QueryError, "no image has the label 'Q'"),
        ({"split_set": "t"}, UsageError, "no split set 't'"),
        ({"sql": "select a, b from pair", "audit": "duplicate_near"}, UsageError, "not by several"),
        ({"n": 0}, UsageError, "-n lies between"),
        ({"radius": "x"}, UsageError, "a radius is a number"),
    ],
)
def test_what_has_no_pairs(
    near: Store, options: dict[str, object], error: type, message: str
) -> None:
    with pytest.raises(error, match=message) as refused:
        near.peek(pairs=True, **options)  # type: ignore[arg-type]
    assert refused.value.hint.startswith("notmnist-store ")
    with pytest.raises(UsageError, match="--pairs goes without ids"):
        near.peek(7, pairs=True)


@pytest.mark.parametrize("audit", [None, "duplicate_near"])
def test_before_a_search_the_error_names_it(shared_store: Store, audit: str | None) -> None:
    with pytest.raises(StoreError, match="no pairs of near copies are known yet") as caught:
        shared_store.peek(pairs=True, audit=audit)
    assert caught.value.hint == "notmnist-store near-duplicates"


def grey(content: bytes) -> Images:
    with Image.open(io.BytesIO(content)) as sheet:
        return np.asarray(sheet.convert("L"))


def places(sheet: Images, picture: Images) -> int:
    """How often an enlarged picture stands on a sheet."""
    wide = np.lib.stride_tricks.sliding_window_view(sheet, picture.shape)
    return int((wide == picture).all(axis=(2, 3)).sum())


def test_a_sheet_of_pairs_shows_image_twin_and_difference(near: Store, tmp_path: Path) -> None:
    query = "select a, b from pair where squared_distance > 30000"
    rows = near.peek(pairs=True, sql=query, n=1, output=tmp_path / "s.png").rows()
    arrays = pixels(near)
    image, twin = (arrays[rows[0][name]].reshape(28, 28) for name in ("image_id", "twin_id"))
    sheet = grey((tmp_path / "s.png").read_bytes())
    for picture in (image, twin, abs(image - twin)):
        assert places(sheet, np.kron(picture, np.ones((2, 2), int)).astype(np.uint8)) == 1
    assert sheet.shape[1] == 3 * 56 + 2 * 2 + 2 * 8
    text = near.terminal_sheet(near.peek(pairs=True, sql=query, n=1), width=100, colour=False)
    lines = text.splitlines()
    assert len(lines) == 15
    assert lines[-1] == f"{rows[0]['distance']:.3f}  {rows[0]['label']} | {rows[0]['twin_label']}"
    coloured = near.terminal_sheet(near.peek(pairs=True, sql=query, n=1), width=99, colour=True)
    cells = re.findall(r"\x1b\[38;2;(\d+);\d+;\d+;48;2;(\d+);\d+;\d+m▀", coloured)
    wanted = np.concatenate([image, twin, abs(image - twin)], axis=1)
    upper = np.array(cells, int).reshape(14, 84, 2)
    assert np.array_equal(upper[:, :, 0], wanted[0::2])
    assert np.array_equal(upper[:, :, 1], wanted[1::2])


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 7, 40])
@pytest.mark.parametrize("across", [1, 3])
def test_strips_fit_the_terminal_and_the_sheet(count: int, across: int) -> None:
    picture = np.full((28, 28, 1), 200, np.uint8)
    strips, captions = [[picture] * across] * count, ["a long caption " * 9] * count
    for width in (20, 60, 100, 200):
        text = terminal_sheet(strips, captions, width=width, colour=False)
        assert max(map(len, text.splitlines())) <= max(width, 28 * across + 2)
    assert (grey(png_sheet(strips, captions)) == 200).sum() >= count * across * 56 * 56


def test_the_command_shows_pairs_and_their_ids(
    near: Store, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    sheet = tmp_path / "pairs.png"
    assert main(["peek", "--pairs", "-n", "3", "--store", str(near.path)]) == 0
    out = capfdbinary.readouterr().out.decode()
    rows = near.peek(pairs=True, n=3).rows()
    assert all(str(row["image_id"]) in out and str(row["twin_id"]) in out for row in rows)
    assert f"{rows[0]['distance']:.3f}  " in out
    assert main(["peek", "--pairs", "-n", "3", "-o", str(sheet), "--store", str(near.path)]) == 0
    assert "3 pairs on" in capfdbinary.readouterr().err.decode()
    assert grey(sheet.read_bytes()).shape[1] > 100


# One image's story.


def story(store: Store, image_id: int, split_set: str = "ingest") -> dict[str, list[object]]:
    result = store.peek(image_id, split_set=split_set)
    assert result.columns == ["what", "value", "image_id"]
    lines: dict[str, list[object]] = {}
    for row in result.rows():
        lines.setdefault(row["what"], []).append((row["value"], row["image_id"]))
    return lines


def test_one_image_tells_its_origin_groups_neighbours_and_places(near: Store) -> None:
    groups = near.sql(
        "select group_id, min(image_id) as image_id, count(*) as images,"
        " string_agg(distinct label, ', ' order by label) as labels"
        " from duplicate_image where kind = 'near'"
        " group by group_id having count(*) > 3 order by group_id limit 1"
    ).rows()[0]
    chosen = groups["image_id"]
    (image,) = near.sql(f"select * from image where image_id = {chosen}").rows()
    lines = story(near, chosen, "s")
    assert lines["image"] == [(image["label"], chosen)]
    for name in ("source", "path", "split", "file_hash", "pixel_hash"):
        assert lines[name] == [(image[name], None)]
    assert image["run_id"] in str(lines["run"][0])
    assert lines["near group"] == [
        (f"{groups['images']} images, labels {groups['labels']}", groups["group_id"])
    ]
    (placed,) = near.sql(
        f"select split, position from split_image where split_set = 's' and image_id = {chosen}"
    ).rows()
    assert lines["split set s"] == [
        (f"{placed['split']}, position {placed['position']} (version 1)", None)
    ]


@pytest.mark.slow
def test_neighbours_are_the_nearest_by_brute_force(near: Store) -> None:
    arrays = pixels(near)
    rows = near.sql("select image_id, split, label from split_image where split_set = 's'").rows()
    for chosen in sorted(arrays)[::20]:
        lines = story(near, chosen, "s")
        for split in ("train", "valid", "test"):
            nearest: dict[bytes, tuple[int, int, str]] = {}
            for row in rows:
                other = row["image_id"]
                apart = int(((arrays[chosen] - arrays[other]) ** 2).sum())
                if row["split"] == split and other != chosen and apart <= Radius("2.0").squared:
                    key = arrays[other].tobytes()
                    entry = (apart, other, row["label"])
                    nearest[key] = min(nearest.get(key, entry), entry)
            wanted = [
                (f"{(apart / 65025) ** 0.5:.3f} {label}" if apart else f"equal {label}", other)
                for apart, other, label in sorted(nearest.values())[:3]
            ]
            assert lines[f"nearest in s.{split}"] == (wanted or [("none within 2.0", None)])


def test_an_image_that_no_search_knows_says_so(shared_store: Store, tmp_path: Path) -> None:
    rows = shared_store.sql("select image_id, path from image order by path").rows()
    ids = {row["path"]: row["image_id"] for row in rows}
    copied = ids["set/A/00000.png"]
    sheet = tmp_path / "one.png"
    lines = story(shared_store, copied)
    assert lines["exact group"] == [("2 images, labels A", min(copied, ids["set/A/copy.png"]))]
    assert "does not know this image" in str(lines["near group"])
    shown = [line for what, line in lines.items() if what.startswith("nearest in ")]
    assert any("equal A" in str(line) for line in shown) == (len(rows) > 1)
    shared_store.peek(copied, output=sheet)
    assert grey(sheet.read_bytes()).shape[1] > 2 * 168
    with pytest.raises(UsageError, match="no split set"):
        shared_store.peek(copied, split_set="t")
    with pytest.raises(UsageError, match="not by several"):
        shared_store.peek(copied, label="A")


def test_a_set_made_before_an_image_came_does_not_have_it(near: Store, tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive(tmp_path / "one.tar", clustered(1, clusters=5)))
    store.split("s")
    store.ingest(archive(tmp_path / "two.tar", clustered(2, clusters=1, most=1)))
    (late,) = store.sql("select image_id from image where source = 'two'").rows()
    assert story(store, late["image_id"])["split set s"] == [("not in it (version 1)", None)]


def test_the_command_prints_the_story_and_the_pictures(
    near: Store, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (image,) = near.sql("select image_id from image order by image_id limit 1").rows()
    assert main(["peek", str(image["image_id"]), "--store", str(near.path)]) == 0
    out = capfdbinary.readouterr().out.decode()
    assert "pixel_hash" in out
    assert "image: " in out
