"""The offline set: notMNIST's layout and look, from real fonts, the same bytes every time."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import itertools
import re
import resource
import tarfile
from collections import Counter
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import notmnist_store
from notmnist_store.drawing import fonts
from notmnist_store.drawing.fonts import FAMILIES, LETTERS, MAX_DRAWINGS, Plan, font_plan
from notmnist_store.drawing.glyphs import MAX_IMAGES, MAX_SHARDS, glyphs, shard_paths
from notmnist_store.drawing.letters import draw_stretches
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.progress import Progress
from notmnist_store.sources.kernels.provenance import font_family, font_name

IMAGES = 1_505


@pytest.fixture(scope="module")
def plan() -> Plan:
    try:
        return font_plan()
    except StoreError as error:
        pytest.skip(f"the extra 'glyphs' is not installed: {error.message}")


@dataclass(frozen=True)
class Made:
    result: dict[str, Any]
    members: list[tarfile.TarInfo]
    pixels: dict[str, NDArray[np.uint8]]


@pytest.fixture(scope="module")
def made(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Made:
    path = tmp_path_factory.mktemp("glyphs") / "letters.tar.gz"
    (result,) = glyphs(path, images=IMAGES, workers=1).to_pylist()
    pixels = {}
    with tarfile.open(path) as tar:
        members = tar.getmembers()
        for member in filter(tarfile.TarInfo.isfile, members):
            with Image.open(io.BytesIO(read(tar, member))) as image:
                assert (image.format, image.mode, image.size) == ("PNG", "L", (28, 28))
                pixels[member.name] = np.array(image)
    return Made(result, members, pixels)


def read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = tar.extractfile(member)
    assert content is not None
    return content.read()


def test_the_result_describes_the_file(made: Made) -> None:
    content = Path(made.result["path"]).read_bytes()
    assert made.result["bytes"] == len(content)
    assert made.result["sha256"] == hashlib.sha256(content).hexdigest()
    assert made.result["families"] == len(FAMILIES)
    assert made.result["images"] == len(made.pixels) == IMAGES


def test_the_layout_is_that_of_notmnist(made: Made) -> None:
    files = [member.name for member in made.members if member.isfile()]
    folders = [member.name for member in made.members if member.isdir()]
    assert folders == ["letters", *(f"letters/{letter}" for letter in LETTERS)]
    assert files == sorted(files)
    assert all(re.fullmatch(r"letters/[A-J]/[A-Za-z0-9+=]+\.png", name) for name in files)
    for member in made.members:
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
        assert member.mtime == 0


def test_classes_differ_by_at_most_one(made: Made) -> None:
    counts = Counter(name.split("/")[1] for name in made.pixels)
    assert counts == {letter: 151 if letter < "F" else 150 for letter in LETTERS}


def test_names_decode_to_font_files(made: Made) -> None:
    for name in made.pixels:
        stem = name.split("/")[2].removesuffix(".png")
        font = font_name(stem)
        assert font == base64.b64decode(stem).decode()
        assert re.fullmatch(r"\w+-\w+\.ttf", font)


def test_ink_is_cropped_on_every_side(made: Made) -> None:
    """A thin tip may fade in the scaling, but what the crop left out would leave whole margins."""
    stack = np.stack(list(made.pixels.values()))
    edges = [stack[:, 0], stack[:, -1], stack[:, :, 0], stack[:, :, -1]]
    for edge in edges:
        touched = edge.max(axis=1) > 0
        assert touched.mean() > 0.98


def test_white_on_black_with_notmnist_s_share_of_ink(made: Made) -> None:
    """Mean ink by class is near the published one of notMNIST_large (mean of (x - 127.5) / 255)."""
    published = [-0.128, -0.008, -0.142, -0.057, -0.070, -0.126, -0.095, -0.069, 0.031, -0.153]
    for letter, mean in zip(LETTERS, published, strict=True):
        stack = [image for name, image in made.pixels.items() if f"/{letter}/" in name]
        # Open fonts have more sans serifs, whose I is solid, than the fonts of 2011.
        near = 0.15 if letter == "I" else 0.06
        assert np.mean(stack) / 255 - 0.5 == pytest.approx(mean, abs=near), letter


def test_a_plain_i_is_a_solid_square(made: Made) -> None:
    solid = [name for name, image in made.pixels.items() if (image == 255).all()]
    assert solid
    assert {name.split("/")[1] for name in solid} == {"I"}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_same_bytes_for_any_number_of_workers(made: Made, tmp_path: Path, workers: int) -> None:
    again = tmp_path / "letters.tar.gz"
    glyphs(again, images=IMAGES, workers=workers)
    assert again.read_bytes() == Path(made.result["path"]).read_bytes()


@pytest.mark.parametrize(("shards", "workers"), [(2, 1), (151, 2)])
def test_shards_hold_the_same_members_one_after_the_other(
    made: Made, tmp_path: Path, shards: int, workers: int
) -> None:
    out = tmp_path / "letters.tar.gz"
    rows = glyphs(out, images=IMAGES, shards=shards, workers=workers).to_pylist()
    paths = [Path(row["path"]) for row in rows]
    assert sorted(tmp_path.iterdir()) == paths == shard_paths(out, shards)
    assert len(rows) == shards
    found: dict[str, bytes] = {}
    for row, path in zip(rows, paths, strict=True):
        assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert row["bytes"] == path.stat().st_size
        with tarfile.open(path) as tar:
            files = [member for member in tar if member.isfile()]
            assert len(files) == row["images"] in (IMAGES // shards, IMAGES // shards + 1)
            found |= {member.name: read(tar, member) for member in files}
    with tarfile.open(made.result["path"]) as tar:
        whole = {member.name: read(tar, member) for member in tar if member.isfile()}
    assert list(found.items()) == list(whole.items())


def test_shards_have_names_that_sort() -> None:
    paths = shard_paths(Path("a b/x.tgz"), 120)
    assert paths == sorted(paths)
    assert (paths[0].as_posix(), paths[-1].name) == (
        "a b/x-00000-of-00120.tgz",
        "x-00119-of-00120.tgz",
    )


def test_shards_go_into_one_store(made: Made, tmp_path: Path) -> None:
    """Classes cut in two, and classes of one shard alone, have the rows of the one archive."""
    glyphs(tmp_path / "letters.tar.gz", images=IMAGES, shards=4, workers=1)
    stores = []
    for sources in (sorted(tmp_path.glob("*-of-*.tar.gz")), [Path(made.result["path"])]):
        stores.append(notmnist_store.open(tmp_path / f"of {len(sources)}"))
        stores[-1].ingest(*sources)
    query = "select label, label_id, path, pixel_hash, split from image order by all"
    assert stores[0].sql(query).rows() == stores[1].sql(query).rows()


def test_variations_say_how_they_are_made(plan: Plan) -> None:
    first = len(plan.faces)
    names = [plan.drawing(index).name for index in range(first, first + 2_000)]
    pattern = r"\w+(-\w+)?\[(wght\d+,)?(back)?slant\d+,stretch\d+,blur[0-7]\]\.ttf"
    assert [name for name in names if not re.fullmatch(pattern, name)] == []
    assert sum("wght" in name for name in names) > 1_500


def test_the_default_is_fonts_as_published_of_many_families(plan: Plan) -> None:
    assert len(set(FAMILIES)) == len(FAMILIES) >= 60
    assert plan.families(1_000) >= 60
    assert len(plan.faces) >= 1_000
    names = {plan.drawing(index).name for index in range(1_000)}
    assert {
        "Oswald-Regular.ttf",
        "Oswald-SemiBold.ttf",
        "Inter-Italic.ttf",
        "Inter-MediumItalic.ttf",
        "Roboto-Regular.ttf",
    } <= names
    assert not [name for name in names if "[" in name]


def test_condensed_faces_are_named_so(plan: Plan) -> None:
    names = {plan.drawing(index).name for index in range(len(plan.faces))}
    assert {"OpenSans-CondensedBold.ttf", "OpenSans-CondensedItalic.ttf"} <= names


@pytest.mark.slow
def test_a_variation_is_another_image(plan: Plan) -> None:
    """Weight, slant, stretch and blur show: hardly any varied A is one of the published ones."""
    small = replace(plan, faces=plan.faces[: len(FAMILIES)])
    stretches = draw_stretches(small, "few", [0, 3 * len(LETTERS) * len(small.faces)])
    tar = b"".join(stretch.members for stretch in stretches if stretch.letter == "A")
    images: dict[bool, list[bytes]] = {False: [], True: []}
    with tarfile.open(fileobj=io.BytesIO(tar)) as members:
        for member in members:
            name = base64.b64decode(member.name.split("/")[2].removesuffix(".png"))
            images[b"[" in name].append(read(members, member))
    assert (len(images[False]), len(images[True])) == (len(FAMILIES), 2 * len(FAMILIES))
    assert len(set(images[True]) - set(images[False])) > 0.97 * len(images[True])
    for image in images[True]:
        with Image.open(io.BytesIO(image)) as opened:
            assert opened.getbbox() == (0, 0, 28, 28)


def test_families_take_turns(plan: Plan) -> None:
    assert plan.families(len(FAMILIES)) == len(FAMILIES)


def test_every_name_is_its_own(plan: Plan) -> None:
    """At the start, around the published size, and at the end of what can be asked for."""
    places = itertools.chain(range(60_000), range(MAX_DRAWINGS - 60_000, MAX_DRAWINGS))
    names = [plan.drawing(index).name for index in places]
    assert len(set(names)) == len(names)


def test_the_family_of_a_name_is_the_font_s(plan: Plan) -> None:
    found: dict[str, set[str]] = {}
    for index in range(0, 3 * len(plan.faces)):
        design = plan.designs[plan.faces[index % len(plan.faces)][0]]
        found.setdefault(design.family, set()).add(font_family(plan.drawing(index).name))
    assert [names for names in found.values() if len(names) > 1] == []
    assert len(set(itertools.chain(*found.values()))) >= 100


def test_progress_counts_to_the_end(plan: Plan, tmp_path: Path) -> None:
    calls: list[object] = []

    class Told(Progress):
        def stage(self, title: str, total: int, unit: str) -> None:
            calls.append((title, total))

        def advance(self, done: int) -> None:
            calls.append(done)

        def end(self) -> None:
            calls.append("end")

    glyphs(tmp_path / "a.tgz", images=100, progress=Told())
    assert calls == [("drawing", 100), *range(10, 101, 10), "end"]


@pytest.mark.parametrize(
    ("name", "images", "workers", "shards"),
    [
        ("a.tar.gz", 9, None, 1),
        ("a.tar.gz", MAX_IMAGES + 1, None, 1),
        ("a.tar.gz", -10, None, 1),
        ("a.tar.gz", 10, 0, 1),
        ("a.zip", 10, None, 1),
        (".tar.gz", 10, None, 1),
        ("a.tar.gz", 10, None, 0),
        ("a.tar.gz", 10, None, 11),
        ("a.tar.gz", MAX_IMAGES, None, MAX_SHARDS + 1),
    ],
)
def test_what_cannot_be_meant(
    tmp_path: Path, name: str, images: int, workers: int | None, shards: int
) -> None:
    with pytest.raises(UsageError) as caught:
        glyphs(tmp_path / name, images=images, workers=workers, shards=shards)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shards", [1, 2])
def test_an_existing_file_is_kept_unless_forced(plan: Plan, tmp_path: Path, shards: int) -> None:
    target = shard_paths(tmp_path / "a.tar.gz", shards)[-1]
    target.write_bytes(b"mine")
    with pytest.raises(UsageError, match=rf"{target.name} exists already"):
        glyphs(tmp_path / "a.tar.gz", images=10 * shards, shards=shards)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]
    glyphs(tmp_path / "a.tar.gz", images=10 * shards, shards=shards, force=True)
    with tarfile.open(target) as tar:
        assert len([member for member in tar if member.isfile()]) == 10


def test_a_target_that_cannot_be_written(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for target in (tmp_path / "no" / "a.tar.gz", tmp_path / "file" / "a.tar.gz"):
        with pytest.raises(StoreError, match="cannot write"):
            glyphs(target, images=10)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("shards", [1, 3])
def test_broken_off_it_leaves_nothing(plan: Plan, tmp_path: Path, shards: int) -> None:
    """Not even the shards that were whole."""

    class Stop(Progress):
        def advance(self, done: int) -> None:
            if done > 66:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        glyphs(tmp_path / "a.tar.gz", images=100, shards=shards, workers=2, progress=Stop())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(plan: Plan, tmp_path: Path) -> None:
    """The limit of a file's size stands in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(StoreError, match="cannot write"):
            glyphs(tmp_path / "a.tar.gz", images=10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_missing_fonts_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def find(name: str) -> ModuleSpec | None:
        return None if name == "fontpkg_oswald" else importlib.util.find_spec(name)

    monkeypatch.setattr(fonts, "find_spec", find)
    with pytest.raises(StoreError, match="fontpkg-oswald") as caught:
        glyphs(tmp_path / "a.tar.gz", images=10)
    assert caught.value.hint == "python -m pip install 'notmnist-store[glyphs]'"
    assert list(tmp_path.iterdir()) == []
