"""The facts of docs/facts.md: right on sets made here, and those of the page found again."""

from __future__ import annotations

import io
import re
import struct
import tarfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import notmnist_store
from tests.support.archives import class_files, pack
from tests.support.letters import letter

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
SIDE = 32

Pixels = npt.NDArray[np.uint8]


def idx(path: Path, images: list[Pixels], labels: list[int]) -> None:
    stem = path.name
    header = struct.pack(">IIII", 0x803, len(images), 28, 28)
    (path.parent / f"{stem}-images-idx3-ubyte").write_bytes(header + b"".join(map(bytes, images)))
    header = struct.pack(">II", 0x801, len(labels))
    (path.parent / f"{stem}-labels-idx1-ubyte").write_bytes(header + bytes(labels))


def test_the_facts_of_a_set_like_fashion_mnist_are_those_planted(load, tmp_path: Path) -> None:
    """A copy within train, one across; near ones across at 0.4, of two labels, and beyond 1."""
    module = load("facts_fashion")
    labels = [n % 10 for n in range(60)]
    train = [letter(label, n)[:, :, 0] for n, label in enumerate(labels)]
    train.append(train[0])
    test = [letter(n % 10, 1_000 + n)[:, :, 0] for n in range(20)]
    near, far = train[1].copy(), train[2].copy()
    near[0, 0] = (int(near[0, 0]) + 102) % 204
    by = abs(int(near[0, 0]) - int(train[1][0, 0])) / 255
    assert 0 < by <= 0.5
    for x in range(4):
        far[5, x] = 0 if far[5, x] > 127 else 255
    test += [train[3], near, far]
    folder = tmp_path / "set"
    folder.mkdir()
    idx(folder / "train", train, [*labels, 0])
    idx(folder / "t10k", test, [*(n % 10 for n in range(20)), 3, 4, 2])
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(folder, labels=",".join(module.CLASSES))
    store.near_duplicates(radius="2.0")
    found = {fact[0]: fact[3] for fact in (*module.counts(store), *module.near_copies(store))}
    assert found["images, and of each class"].startswith("train 61, test 23; ")
    assert found["exact copies"] == "within train 1, within test 0, pictures in both 1"
    one = "1 pairs, 1 of them across; 1 test images have one in train"
    assert found["near copies within 0.5"] == one
    assert found["near copies of two labels within 0.5"] == "1 pairs"
    distance = np.linalg.norm((far.astype(float) - train[2]) / 255)
    assert 1 < distance <= 2
    assert found["near copies within 1.0"] == one
    assert found["near copies within 2.0"] == one.replace("1", "2")
    assert found["near copies of two labels within 2.0"] == "1 pairs"
    store.baseline(sizes=("all",), radius="2.0")
    assert "by 3 test images" in module.prices(store, "2.0")[0][3]


def test_published_labels_are_looked_for_among_the_suspects(load, tmp_path: Path) -> None:
    module = load("facts_fashion")
    labels = [n % 3 for n in range(90)]
    images = [letter(label, n)[:, :, 0] for n, label in enumerate(labels)]
    labels[7], labels[30] = 2, 1
    folder = tmp_path / "set"
    folder.mkdir()
    idx(folder / "train", images, labels)
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(folder)
    store.suspects(folds=3)
    listed = tmp_path / "listed.csv"
    listed.write_text("split,index\ntrain,7\ntrain,30\ntest,7\ntrain,8\n")
    count, unknown = module.suspects(store, None)
    assert count == module.suspects(store, listed)[0]
    assert unknown[3].startswith("not run")
    assert module.suspects(store, listed)[1][1::2] == ("4", "2 are suspects")


def cifar(path: Path, train: list[Pixels], test: list[Pixels]) -> Path:
    """A stand-in for CIFAR-10's binary archive: train in two batches, the later packed first."""
    half = len(train) // 2
    batches = {
        "data_batch_2.bin": train[half:],
        "data_batch_1.bin": train[:half],
        "test_batch.bin": test,
    }
    with tarfile.open(path, "w:gz") as tar:
        names = "\n".join(f"class {n}" for n in range(10)).encode()
        for name, content in (
            ("batches.meta.txt", names),
            *(
                (
                    name,
                    b"".join(
                        bytes([n % 10]) + image.transpose(2, 0, 1).tobytes()
                        for n, image in enumerate(images)
                    ),
                )
                for name, images in batches.items()
            ),
        ):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_recall_and_precision_beside_cifair_are_those_planted(load, tmp_path: Path) -> None:
    """An exact copy, a near one, one mirrored, one of half the contrast; one unlisted, one none."""
    module = load("facts_cifair")
    random = np.random.default_rng(0)
    train = [random.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for _ in range(8)]
    test = [random.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for _ in range(2)]
    near = train[6].copy()
    near[0, 0, 0] ^= 255
    unlisted = train[3].copy()
    unlisted[1, 1] ^= 128
    test += [train[0], near, train[1][:, ::-1], (train[5] // 2 + 64).astype(np.uint8), unlisted]
    archive = cifar(tmp_path / "cifar-10-binary.tar.gz", train, test)
    pairs = [(2, 0, 0), (3, 6, 1), (4, 1, 1), (5, 5, 1), (0, 7, 2)]
    lines = ["TestID,TrainID,Distance,Judgment"]
    lines += [f"{one},{other},0.1,{verdict}" for one, other, verdict in pairs]
    (tmp_path / "duplicates_cifar10.csv").write_text("\n".join(lines) + "\n")
    judged = module.read_list(tmp_path / "duplicates_cifar10.csv")
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive, shape="32x32x3")
    found, taken = module.measure(store, judged)
    assert list(taken) == ["plain", "turns", "contrast"]
    by = {(one.method, one.radius): one for one in found}
    for radius in module.RADII:
        assert by["plain", radius].pairs == {0: (1, 1), 1: (1, 3), 2: (0, 1)}
        assert (by["plain", radius].flagged, by["plain", radius].right) == (3, 2)
        assert by["turns", radius].pairs == {0: (1, 1), 1: (2, 3), 2: (0, 1)}
        assert (by["turns", radius].flagged, by["turns", radius].right) == (4, 3)
    for radius in module.CONTRAST_RADII:
        assert by["contrast", radius].pairs == {0: (1, 1), 1: (2, 3), 2: (0, 1)}
        assert (by["contrast", radius].flagged, by["contrast", radius].right) == (4, 3)
    text = module.section(judged, found, taken, 10)
    assert "286 test images" in text
    assert "5 pairs of 5 test images" in text
    assert "100.0 % of 1" in text


def test_the_courses_overlap_is_that_of_its_split(load, tmp_path: Path) -> None:
    """Small of large: every image of test stands in large as well, so some are in train."""
    module = load("facts_course")
    files = class_files(each=30, root="large")
    large = pack(tmp_path / "large.tar.gz", files)
    small = pack(tmp_path / "small.tar.gz", [(n.replace("large", "small"), f) for n, f in files])
    sizes = {"train": 60, "valid": 15, "test": 30}
    text = module.course([large, small], tmp_path, sizes, 133)
    store = notmnist_store.open(tmp_path / "store")
    held = {
        split: store.sql(f"select pixel_hash from name.{split}").arrow()["pixel_hash"].to_pylist()
        for split in sizes
    }
    for split, other in (("test", "train"), ("valid", "train"), ("test", "valid")):
        common = sum(one in set(held[other]) for one in held[split])
        row = next(
            line
            for line in text.splitlines()
            if f"of {split} whose pixels stand in {other}" in line
        )
        assert f"{common:,} (name)" in row
        assert "(name-nocase)" in row
    assert "1,324" in text


def test_cleanlab_finds_the_same_rows_but_for_labels_below_their_classes_mean(
    load,
) -> None:
    pytest.importorskip("cleanlab", reason="cleanlab stands in the environment of make facts alone")
    module = load("facts_labels")
    differing = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        labels = random.integers(0, 4, 300)
        probabilities = random.dirichlet(np.ones(4), 300)
        probabilities[labels == 0, 0] += 1  # far above what the others have
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        ours = module.find_suspects(probabilities, labels)
        apart = np.setxor1d(ours.rows, module.by_cleanlab(probabilities, labels))
        assert module.below(probabilities, labels)[apart].all()
        differing += len(apart)
    assert differing


def test_out_of_sample_means_that_no_model_saw_its_image(load) -> None:
    """A label that all images but one have: that one is never told by a model that saw it."""
    module = load("facts_labels")
    labels = np.array([0, 1] * 30)
    flat = np.stack([letter(label, n).ravel() for n, label in enumerate(labels)])
    scaled = (flat.astype(np.float32) - 127.5) / 255
    found = module.out_of_sample(scaled, labels)
    assert np.allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == labels).mean() > 0.9
    noise = np.random.default_rng(0).integers(0, 2, len(labels))
    told = module.out_of_sample(scaled, noise).argmax(axis=1) == noise
    assert told.mean() < 0.8  # a model that had seen them would know them all


def test_a_section_that_cannot_be_run_says_why_and_keeps_what_stands(
    load, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    facts = load("facts")

    def missing(_: Path) -> str:
        raise facts.MissingError("a file")

    found = facts.run(tmp_path, {"one": missing, "two": lambda _: "new", "three": missing})
    assert capsys.readouterr().err.splitlines() == [
        "one: not run, since it needs a file",
        "three: not run, since it needs a file",
    ]
    old = "# x\n\n## one\n\nkept\n\n| a |\n\n## two\n\nold\n"
    text = facts.page(found, old)
    assert re.findall(r"^## .*", text, flags=re.M) == ["## one", "## two", "## three"]
    assert "## one\n\nkept\n\n| a |\n" in text
    assert "## two\n\nnew\n" in text
    assert "## three\n\nNot run yet: it needs a file.\n" in text
    unrun = facts.run(tmp_path / "again", dict.fromkeys(found, missing))
    assert facts.page(unrun, text) == text


@pytest.mark.slow
def test_the_page_tells_what_fashion_mnist_holds(load, repository: Path, tmp_path: Path) -> None:
    """All that is the same everywhere: counts, exact and near copies, and those of two labels."""
    module = load("facts_fashion")
    if not module.FASHION.is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(module.FASHION, labels=",".join(module.CLASSES))
    store.near_duplicates(radius="2.0")
    page = (repository / "docs" / "facts.md").read_text()
    for what, published, where, found in (*module.counts(store), *module.near_copies(store)):
        row = next(line for line in page.splitlines() if line.startswith(f"| {what} "))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells == [what, published, where, found]
