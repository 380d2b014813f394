"""The benchmark measures what it says, on an archive of a few images; nothing here is timed."""

from __future__ import annotations

import ast
import io
import json
import pickle
import platform
import subprocess
import sys
import tarfile
from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import notmnist_store
from notmnist_store.near.kernels.transforms import Moves, nearest_move
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import Transforms
from tests.support.archives import class_files, pack
from tests.support.letters import letter_store

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
VALUES = {"set/A/0": 0, "set/A/1": 100, "set/A/2": 255, "set/B/0": 7, "set/B/1": 200}
COST = {
    "images": 100_000,
    "distinct": 90_000,
    "pairs": 7,
    "seconds": 0.5,
    "all_seconds": [0.4, 0.5, 0.6],
    "cpu_seconds": [0.8, 0.9, 1.0],
    "compile_seconds": 1.5,
    "peak_bytes": 1 << 30,
    "faiss_seconds": 60.0,
    "faiss_queries": 1_000,
    "times_faster": 120.0,
    "sampled_pairs": 5,
    "at_the_rounding": 1,
    "disagreements": 0,
}
"""Of a join, for the text that tells it."""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "few.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, value in {**VALUES, "set/B/broken": None}.items():
            data = io.BytesIO()
            if value is not None:
                Image.new("L", (28, 28), value).save(data, "PNG")
            member = tarfile.TarInfo(f"{name}.png")
            member.size = data.tell()
            data.seek(0)
            tar.addfile(member, data)
    return path


def test_the_notebook_steps_pickle_the_scaled_images_of_each_class(archive, tmp_path):
    command = [sys.executable, FOLDER / "notebook.py", archive, tmp_path / "out"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for label in "AB":
        images = pickle.loads((tmp_path / "out" / "set" / f"{label}.pickle").read_bytes())
        assert images.dtype == np.float32
        assert images.shape[1:] == (28, 28)
        expected = [(v - 127.5) / 255 for name, v in VALUES.items() if f"/{label}/" in name]
        assert sorted(images[:, 3, 3].tolist()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
def test_every_stage_is_there(archive, tmp_path, load):
    command = [sys.executable, FOLDER / "stages.py", archive, tmp_path / "out"]
    env = load("measure").environment()
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=env).stdout
    answer = json.loads(output)
    assert answer["members"] == len(VALUES) + 1
    assert {"gunzip", "tar walk", "decode", "Parquet"} < answer["stages"].keys()


@pytest.mark.slow
def test_the_text_shows_what_was_measured_and_not_where(archive, tmp_path, load):
    run = load("run")
    work = tmp_path / "work"
    work.mkdir()
    measured = run.measure_archive(archive, work, runs=1)
    assert measured.images == len(VALUES)
    assert measured.archive_bytes == archive.stat().st_size
    assert list(work.glob("store*")) == []
    text = load("results").markdown(
        [measured],
        {"members": 6, "stages": {"decode": 9e-6, "Parquet": 4e-6}},
        {"start": 0.25},
        [("pyarrow", 90.0)],
    )
    assert f"{measured.ratios[0]:.1f} |" in text
    assert "13.00 | together" in text
    assert platform.node() not in text


def test_cpu_time_is_that_of_all_processes(load):
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    assert load("measure").timed([sys.executable, "-c", start]).cpu >= 0.3


def test_memory_is_that_of_all_processes(load):
    fill = "held = b'x' * (64 << 20)"
    child = f"import time; {fill}; time.sleep(0.5)"
    start = f"import subprocess, sys; {fill}; subprocess.run([sys.executable, '-c', {child!r}])"
    peak = load("measure").peak_memory([sys.executable, "-c", start])
    assert 128 << 20 <= peak < 256 << 20


@pytest.mark.parametrize("name", ["timed", "peak_memory"])
def test_a_command_that_fails_is_an_error(load, name):
    with pytest.raises(subprocess.CalledProcessError):
        getattr(load("measure"), name)([sys.executable, "-c", "raise SystemExit(3)"])


@pytest.mark.slow
def test_what_is_done_with_a_store_is_measured(tmp_path, load):
    pack(tmp_path / "large.tar.gz", class_files(each=40, root="large"))
    pack(tmp_path / "small.tar.gz", class_files(each=10, root="small", start=500))
    store = tmp_path / "store"
    notmnist_store.open(store).ingest(tmp_path / "large.tar.gz", tmp_path / "small.tar.gz")
    use = load("use")
    sizes = load("measure").Sizes(train=60, valid=30, test=15)
    used = use.measure_use(store, ("large", "small"), tmp_path / "work", sizes, runs=1)
    assert used.images == 150
    assert not (tmp_path / "work").exists()
    text = load("use_results").markdown(used)
    assert f"{used.ours['load uint8'][0]:.2f} s" in text
    assert text.startswith("# Using a store\n")
    assert platform.node() not in text


def test_near_duplicates_are_told_beside_what_was_asked(load, tmp_path):
    results, cost = load("near_results"), load("measure").JoinCost(**COST)
    text = results.markdown(
        [cost], radius="2.0", exponent=None, train_and_test=None, cleanvision=None, load=0.1
    )
    assert "| 0.50 s (0.40 to 0.60) | 0.90 s |" in text.replace("  ", " ")
    assert "120 | at least 50 |" in text.replace("  ", " ")
    assert platform.node() not in text
    drawings = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for drawing in drawings:
        results.draw_growth([cost, replace(cost, images=200_000, seconds=1.2)], 1.26, drawing)
    assert drawings[0].read_bytes() == drawings[1].read_bytes()
    assert "ours, exponent 1.26" in drawings[0].read_text()


def test_colour_images_are_letters_and_clouds_with_near_copies(load, tmp_path):
    shapes = load("other_shapes")
    letter_store(tmp_path / "store", tmp_path / "letters.tar")
    letters = shapes.letters(tmp_path / "store", 20, 32, seed=0)
    assert letters.shape == (20, 32, 32, 3)
    assert letters.dtype == np.uint8
    clouds = shapes.clouds(1_030, 16, seed=0).astype(int)
    assert clouds.shape == (1_030, 16, 16, 3)
    apart = np.sqrt(((clouds[1:] - clouds[:-1]) ** 2).mean(axis=(1, 2, 3)))
    assert np.flatnonzero(apart < 3).tolist() == list(range(0, 1_030, 10))
    waves = np.abs(np.fft.rfft(clouds[0::10], axis=2)).mean(axis=(0, 1, 3))
    assert waves[1] > 1.5 * waves[3] > 2 * waves[7]


def test_other_shapes_are_told_with_their_growth(load):
    cost, key = load("measure").JoinCost(**COST), ("clouds", Shape(32, 32, 3))
    text = load("near_results").shapes_markdown(
        {key: [cost]}, {key: 1.52}, radius=Radius("2.0"), load=0.1
    )
    assert "| 32x32x3 | clouds |   3.96 | 100,000 |     7 | 0.50 s (0.40 to 0.60) |" in text
    assert "| 1.00 GiB |   1.52 |" in text
    assert "5 pairs of ours; 1 that only one has" in text


def test_what_moved_is_told_beside_what_was_asked(load):
    cost = {"images": 9, "moves": 1, "pairs": 7, "peak_bytes": 1 << 30, "faiss_seconds": 60.0}
    cost |= {"faiss_queries": 5, "times_faster": 120.0, "sampled_pairs": 5}
    cost |= {"at_the_rounding": 0, "disagreements": 0}
    costs = [
        load("measure").MovedCost(transforms=words, all_seconds=[seconds], **cost)
        for words, seconds in (("none", 2.0), ("shift1", 11.0))
    ]
    text = load("near_results").moved_markdown(costs, images=10, radius="1.0", load=0.1)
    assert "| shift1 |     7 | 11.00 s |         5.5 | at most 10 | 1.00 GiB |" in text


def test_the_least_distance_beside_faiss_is_that_of_every_move(load):
    random = np.random.default_rng(0)
    left, right = random.integers(0, 256, (2, 7, 50), dtype=np.uint8)
    shape = Shape(5, 5, 2)
    for text in ("none", "shift1", "turns", "flip,shift1"):
        transforms = Transforms.of(text)
        moves = Moves(transforms, shape)
        alone = [nearest_move(moves, a, b)[0] for a, b in zip(left, right, strict=True)]
        found = load("moved_copies").least_squared(left, right, transforms, shape)
        assert found.tolist() == alone


def test_what_is_timed_finds_the_pairs_under_the_transforms(load):
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (6, 5, 5), dtype=np.uint8)
    pictures[3], pictures[4] = pictures[0, :, ::-1], np.pad(pictures[1], 1, "edge")[:5, 1:6]
    counts = {
        words: sum(map(len, load("moved_copies").pairs_of(flat, Shape(5, 5, 1), words, 0, 1)))
        for flat in [pictures.reshape(6, -1)]
        for words in ("none", "flip", "shift1", "flip,shift1")
    }
    assert counts == {"none": 0, "flip": 1, "shift1": 1, "flip,shift1": 2}


def test_no_benchmark_imports_another_in_a_circle() -> None:
    names = {path.stem: ast.parse(path.read_text()) for path in FOLDER.glob("*.py")}
    graph = {
        name: {
            node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module in names
        }
        for name, tree in names.items()
    }
    assert set(TopologicalSorter(graph).static_order()) == set(names)  # CycleError for a circle


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_a_part_of_the_results_is_written_and_the_others_stay(tmp_path, load, order):
    file = tmp_path / "RESULTS.md"
    write_part = load("results").write_part
    for name in order:
        write_part(file, f"# {name}\n\n## a\n\nfirst\n")
    write_part(file, "# one\n\n## b\n\nsecond\n")
    parts = {"one": "# one\n\n## b\n\nsecond\n", "two": "# two\n\n## a\n\nfirst\n"}
    assert file.read_text() == "\n".join(parts[name] for name in order)


def test_the_table_of_changes_is_that_of_plain_arithmetic(tmp_path, load):
    """On squares in a frame: what leaves them as they are, and what moves them how far."""
    finds = load("what_the_radius_finds")
    pack(tmp_path / "set.tar", class_files(each=6))
    notmnist_store.open(tmp_path / "store").ingest(tmp_path / "set.tar")
    pictures, shape = finds.pictures_of(str(tmp_path / "store"), None, 0)
    assert pictures.shape == (18, 28, 28, 1)
    assert len(finds.pictures_of(str(tmp_path / "store"), 5, 0)[0]) == 5
    squares = np.zeros((2, 28, 28, 1), np.uint8)
    squares[:, 10:14, 8:12] = 255
    measured = finds.measure(squares, shape, 0)
    assert list(measured) == list(finds.CHANGES)
    for name, moved, median in (
        ("shifted by 1 pixel", [1, 1, 0, 0], 8**0.5),
        ("shifted by 2 pixels", [0, 0, 0, 0], 16**0.5),
        ("flipped left to right", [0, 0, 1, 1], 32**0.5),
        ("turned upside down", [0, 0, 1, 1], 32**0.5),
    ):
        assert measured[name] == finds.Found([0, 0, 0, 0], moved, pytest.approx(median)), name
    everywhere = finds.Found([1, 1, 1, 1], [1, 1, 1, 1], 0)
    assert measured["10 % brighter"] == everywhere
    sigma = 10 / 255
    grey = finds.measure(np.full((4, 28, 28, 1), 128, np.uint8), shape, 0)
    assert grey["noise, sigma 10"].median == pytest.approx(28 * sigma, rel=0.1)
    assert grey["5 % brighter"].median == pytest.approx(28 * 6 / 255)
    for name in (
        "flipped left to right",
        "shifted by 1 pixel",
        "resized to 5/7 (28 to 20) and back",
    ):
        assert grey[name] == everywhere
    text = finds.table(measured, shape)
    assert len(text.splitlines()) == len(finds.CHANGES) + 2
    assert "| shifted by 1 pixel | 0.0 % | 0.0 % | 0.0 % | 0.0 % | 2.83 |" in text
    assert "| 2.0 shift1 | 1.0 turns |" in text
    assert [t.text for t in finds.sets_for(Shape(2, 3, 1))] == ["shift1", "flips"]
    finds.table(finds.measure(squares[:, :, :20], Shape(28, 20, 1), 0), Shape(28, 20, 1))


def test_the_least_distance_is_that_of_every_move_of_every_picture(load):
    finds = load("what_the_radius_finds")
    random = np.random.default_rng(0)
    shape = Shape(5, 5, 2)
    one, other = random.integers(0, 256, (2, 7, 5, 5, 2), dtype=np.uint8)
    for text in ("none", "shift1", "turns"):
        moves = Moves(Transforms.read(text), shape)
        alone = [
            nearest_move(moves, a.ravel(), b.ravel())[0] for a, b in zip(one, other, strict=True)
        ]
        assert finds.least_squared(moves, one, other).tolist() == alone


def test_suspects_are_measured_on_labels_that_were_flipped(load, tmp_path: Path) -> None:
    module = load("suspects")
    labels = np.arange(1_000) % 10
    given = module.flipped(labels, 10, 0.05, seed=3)
    assert np.count_nonzero(given != labels) == 50
    assert set(np.unique(given)) <= set(range(10))
    assert np.array_equal(given, module.flipped(labels, 10, 0.05, seed=3))
    source = letter_store(tmp_path / "source", tmp_path / "letters.tar")
    finding = module.measure(source, tmp_path / "flipped", 0.05, seed=0, near=False)
    assert finding.flipped == 11
    assert finding.recall > 0.5
    assert finding.right == 1


@pytest.mark.slow
def test_every_form_that_is_timed_has_the_rows_of_the_class_folders(load, tmp_path: Path) -> None:
    module = load("sources")
    letter_store(tmp_path / "store", tmp_path / "letters.tar")
    for shape, (_, forms) in module.FORMS.items():
        pixels = module.drawn(tmp_path / "store", shape, 20)
        found = []
        for number, how in enumerate(forms.values()):
            folder = tmp_path / shape / str(number)
            folder.mkdir(parents=True)
            labels = np.arange(len(pixels)) % 10
            store = notmnist_store.open(folder / "store")
            named = module.NAMES if how.numbered else None
            store.ingest(how.write(folder, pixels, labels), shape=shape, labels=named, workers=1)
            query = "select label, pixel_hash from image order by all"
            found.append(store.sql(query).rows())
        assert len(found[0]) == 20
        assert all(rows == found[0] for rows in found)


def test_sources_are_told_beside_the_class_folders(load) -> None:
    module, cost = load("sources"), load("measure").Cost
    rows = [
        module.Row("class folders", 1_000, 1 << 20, [cost(3.0, 2.0), cost(5.0, 4.0)]),
        module.Row("IDX", 1_000, 1 << 19, [cost(1.0, 1.0), cost(1.0, 1.0)]),
    ]
    text = module.markdown({"28x28x1": rows}, 0.5)
    assert "| 28x28x1 | class folders | 1.0 MiB | 4.00 s (3.00 to 5.00) | 3.00 s |" in text
    assert "|    1,000 |           3.00 |" in text
