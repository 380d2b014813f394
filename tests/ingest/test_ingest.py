"""From a source to rows: what is stored, under which id, label and split, and what is refused."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import tarfile
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import notmnist_store
from notmnist_store.blocks.kernels.fingerprint import split_fraction
from notmnist_store.blocks.kernels.rows import RowRules, split_thresholds
from notmnist_store.engines.local import write_blocks
from notmnist_store.errors import BudgetError, ChecksError, SourceError, StoreError, UsageError
from notmnist_store.progress import Progress
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.words import SPLITS
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.source import open_source
from notmnist_store.storage.marker import MARKER_NAME, Marker
from notmnist_store.store import Store
from tests.support.archives import class_files, pack, picture, png

DISTINCT = (997, 998, 997, 991, 991, 992, 996, 993, 856, 993)
NOT_OF_THE_IMAGE = ("image_id", "run_id", "source")


def new_store(tmp_path: Path, name: str = "store") -> Store:
    return notmnist_store.open(tmp_path / name)


def rows(store: Store, query: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in store.sql(query).rows()]


def count(store: Store) -> int:
    return int(store.sql("select count(*) as n from image").rows()[0]["n"])


def contents(store: Store) -> list[tuple[object, ...]]:
    """All rows of images with their pixels, without what names the source or the run."""
    query = (
        "select image.*, pixels from image inner join image_pixels using (image_id) order by path"
    )
    table = store.sql(query).arrow().drop_columns(list(NOT_OF_THE_IMAGE))
    return [tuple(row.values()) for row in table.to_pylist()]


class Notes(Progress):
    """Keeps what a verb says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


# The real images


@pytest.fixture(scope="module")
def real(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = notmnist_store.open(tmp_path_factory.mktemp("real") / "store")
    store.ingest(data_folder / "notMNIST_t10k.tar.gz")
    return store


@pytest.mark.sql
def test_real_images_give_the_published_figures(real: Store) -> None:
    assert rows(
        real,
        """select count(*), count(distinct pixel_hash), count(distinct label),
        count(distinct file_hash) >= count(distinct pixel_hash) from image""",
    ) == [(10_000, 9_804, 10, True)]
    assert [row["reason"] for row in real.sql("reject_reasons").rows()] == ["empty", "empty"]
    distinct = rows(
        real,
        """select count(distinct pixel_hash), count(*) from image
        group by label order by label""",
    )
    assert distinct == [(n, 1_000) for n in DISTINCT]
    groups = real.sql("duplicate_groups").rows()
    assert (len(groups), sum(row["images"] for row in groups)) == (57, 253)
    assert (groups[0]["images"], groups[0]["first_label"], groups[0]["last_label"]) == (
        141,
        "I",
        "I",
    )
    assert {row["labels"] for row in groups} == {1}
    solid = rows(
        real,
        f"select distinct bit_count(pixels::bit) from image_pixels "
        f"where pixel_hash = '{groups[0]['pixel_hash']}'",
    )
    assert solid == [(784 * 8,)]
    ink = {row["label"]: (row["mean"], row["std"]) for row in real.sql("ink_by_label").rows()}
    assert ink["A"] == pytest.approx((-0.135253, 0.444414), abs=1e-6)
    assert ink["I"] == pytest.approx((+0.064731, 0.471361), abs=1e-6)
    # Equal pixels never stand in two splits: the hash rule places them by their pixels.
    assert {row["splits"] for row in groups} == {1}


def test_real_images_have_the_pixels_of_the_original_file(real: Store, data_folder: Path) -> None:
    """The archive was made from the IDX file; the images of both are the same, each label's too."""
    import gzip

    def bodies(name: str, head: int) -> bytes:
        return gzip.decompress((data_folder / name).read_bytes())[head:]

    labels = bodies("notMNIST-t10k-labels-idx1-ubyte.gz", 8)
    pixels = bodies("notMNIST-t10k-images-idx3-ubyte.gz", 16)
    wanted = sorted(
        ("ABCDEFGHIJ"[label], pixels[at * 784 : (at + 1) * 784]) for at, label in enumerate(labels)
    )
    found = real.sql("select label, pixels from image_pixels").arrow()
    assert sorted(zip(*(c.to_pylist() for c in found.columns), strict=True)) == wanted


@pytest.mark.slow
def test_every_form_of_the_real_archive_gives_the_same_rows(
    real: Store, data_folder: Path, tmp_path: Path
) -> None:
    with tarfile.open(data_folder / "notMNIST_t10k.tar.gz") as archive:
        members = [m for n, m in enumerate(archive) if m.isfile() and (n % 10 == 0 or not m.size)]
        files = [(m.name, archive.extractfile(m).read()) for m in members]  # type: ignore[union-attr]
    chosen = {path for path, _ in files}
    path = real.sql("select * from image limit 0").columns.index("path") - 2
    wanted = [row for row in contents(real) if row[path] in chosen]
    assert 900 < len(wanted) < 1_100
    for name in ("part.tar.gz", "part.tar", "part.zip", "notMNIST_t10k"):
        store = new_store(tmp_path, f"store of {name}")
        store.ingest(pack(tmp_path / name, files))
        assert contents(store) == wanted
        assert len(store.sql("select * from reject")) == 2


# Ids, order, and the independence of workers


def test_an_image_id_is_made_of_the_sources_sha256_and_the_position(tmp_path: Path) -> None:
    files = [("set/B/2.png", png(picture(1))), ("set/.hidden", b""), *class_files(each=2)]
    archive = pack(tmp_path / "set.tar", files)
    first, second = new_store(tmp_path, "one"), new_store(tmp_path, "two")
    second.ingest(pack(tmp_path / "other.zip", class_files(start=50)))
    high = int(hashlib.sha256(archive.read_bytes()).hexdigest()[:8], 16) >> 1
    wanted = [((high << 32) + at, path) for at, (path, _) in enumerate(files) if at != 1]
    for store in (first, second):
        store.ingest(archive)
        query = "select image_id, path from image where source = 'set' order by image_id"
        assert rows(store, query) == wanted
    assert wanted[0][0] < 2**63


@pytest.mark.slow
def test_workers_and_batches_change_no_byte(tmp_path: Path) -> None:
    """Three blocks of sixteen large images, cut into batches of odd sizes, by 1, 2 and 3."""
    shape = Shape.parse("1024x1024x3")
    assert shape.block_members == 16
    some = [png(picture(n, 1024, 1024, 3)) for n in range(3)]
    files = [
        (f"set/{'AB'[n % 2]}/{n}.png", b"" if n == 20 else some[n % len(some)]) for n in range(35)
    ]
    source = open_source(pack(tmp_path / "set.tar", files), limits=Limits())
    rules = RowRules(
        source="set",
        run_id="20110908T120000Z-0123456789",
        id_base=7 << 32,
        shape=shape,
        fractions=(("train", "0.5"),),
    )
    written = []
    for workers, batch in ((1, 4_096), (2, 5), (3, 1)):
        root = tmp_path / f"{workers}-{batch}"
        root.mkdir()
        blocks = write_blocks(root, rules, source.members(batch_members=batch), workers)
        assert [block.number for block in blocks] == [0, 1, 2]
        files_of = {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*.parquet"))}
        assert len(files_of) == 4  # three of images, one of rejects
        tallies = [(b.files, b.tally, b.path_keys.tolist()) for b in blocks]
        written.append((files_of, tallies))
    assert all(other == written[0] for other in written[1:])


def test_the_option_workers_changes_no_row(tmp_path: Path, small_archive: Path) -> None:
    one, two = new_store(tmp_path, "one"), new_store(tmp_path, "two")
    one.ingest(small_archive, workers=1)
    two.ingest(small_archive, workers=2)
    assert contents(one) == contents(two)


def test_a_worker_that_dies_ends_the_ingest_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_archive: Path
) -> None:
    """The worker's interpreter meets a module that kills it, as a machine short of memory does."""
    (tmp_path / "sitecustomize.py").write_text("import os, signal\nos.kill(os.getpid(), 9)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    store = new_store(tmp_path)
    with pytest.raises(StoreError, match="worker process ended without an answer"):
        store.ingest(small_archive, workers=2)
    assert not store.path.exists()


# Labels and splits


def split_of(store: Store, path: str) -> str:
    return str(
        store.sql("select split from image where path = $p", params={"p": path}).rows()[0]["split"]
    )


def test_a_split_option_goes_before_folder_archive_and_hash(tmp_path: Path) -> None:
    files = [("train/A/1.png", png(picture(1))), ("set/A/2.png", png(picture(2)))]
    archive = pack(tmp_path / "notMNIST_small.tar.gz", files)
    forced, known, plain = (new_store(tmp_path, name) for name in ("forced", "known", "plain"))
    forced.ingest(archive, split="valid")
    assert {split_of(forced, path) for path, _ in files} == {"valid"}
    known.ingest(archive)  # by its name it is the published small one, which is all test
    assert [split_of(known, path) for path, _ in files] == ["train", "test"]
    plain.ingest(archive, name="mine", fractions="0,1,0")
    assert [split_of(plain, path) for path, _ in files] == ["train", "valid"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "split"),
    [
        ("training_set", "train"),
        ("TestSet", "test"),
        ("val2017", "valid"),
        ("Training", "train"),
        ("val", "valid"),
        ("dev", "valid"),
        ("EVAL", "test"),
        ("set", "unused"),
    ],
)
def test_a_split_word_above_the_label_decides(tmp_path: Path, word: str, split: str) -> None:
    store = new_store(tmp_path)
    store.ingest(
        pack(tmp_path / "x.zip", [(f"{word}/A/1.png", png(picture(1)))]), fractions="0,0,0"
    )
    assert rows(store, "select label, split from image") == [("A", split)]


fractions = st.lists(st.integers(0, 1_000), min_size=3, max_size=3).filter(
    lambda p: sum(p) <= 1_000
)


@given(parts=fractions, hashes=st.lists(st.integers(0, 2**128 - 1), min_size=1, max_size=20))
def test_the_hash_rule_is_exact(parts: list[int], hashes: list[int]) -> None:
    """A hash's first 64 bits as a fraction of 2**64, against cumulated shares, in Fractions."""
    shares = tuple((split, str(part / 1_000)) for split, part in zip(SPLITS, parts, strict=False))
    bounds = split_thresholds(shares)
    digits = [f"{value:032x}" for value in hashes]
    for value, point in zip(hashes, split_fraction(digits).tolist(), strict=True):
        where, left, wanted = Fraction(value >> 64, 2**64), Fraction(0), "unused"
        for split, share in shares:
            if left <= where < left + Fraction(share):
                wanted = split
            left += Fraction(share)
        assert next((split for split, bound in bounds if point < bound), "unused") == wanted


def test_splits_in_a_store_follow_the_pixel_hash(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.ingest(pack(tmp_path / "x.zip", class_files(each=60)), fractions="0.5,0.3,0.1")
    found = rows(store, "select pixel_hash, split from image")
    for pixel_hash, split in found:
        point = Fraction(int(str(pixel_hash)[:16], 16), 2**64) * 10
        wanted = "train" if point < 5 else "valid" if point < 8 else "test" if point < 9 else ""
        assert split == (wanted or "unused")
    assert {split for _, split in found} == set(SPLITS)


def test_shares_are_fixed_when_the_store_is_made(tmp_path: Path, small_archive: Path) -> None:
    store = new_store(tmp_path)
    store.ingest(small_archive, fractions="0.5,0.25,0.25")
    other = pack(tmp_path / "other.zip", class_files(start=90))
    with pytest.raises(StoreError, match=r"made with --fractions 0\.5,0\.25,0\.25"):
        store.ingest(other, fractions="0.8,0.1,0.1")
    store.ingest(other, fractions="0.50,0.25,1/4")
    assert len(store.sql("sources")) == 2


@pytest.mark.parametrize(
    "wrong", ["0.8,0.2", "0.8,0.2,0.1", "a,b,c", "1/0,0,0", "-1,1,1", "nan,0,0"]
)
def test_shares_that_cannot_be_meant_are_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(UsageError):
        new_store(tmp_path).ingest(tmp_path / "none.zip", fractions=wrong)


# Rejects, ignored, conservation


def test_every_member_is_stored_rejected_or_ignored(tmp_path: Path) -> None:
    grey, colour = picture(1), picture(1, channels=3).copy()
    colour[0, 0] = (1, 2, 3)
    cut = png(picture(9))[:-30]
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + b"\0\0\0\rIHDR"
        + (50_000).to_bytes(4, "big") * 2
        + b"\x08"
        + b"\0" * 7
    )
    files = [
        ("set/A/1.png", png(grey)),
        ("set/A/again.png", png(grey)),
        ("set/A/1.png", png(picture(2))),  # a second member of the same path
        ("set/A/rgb.png", png(picture(3, channels=3))),
        ("set/A/colour.png", png(colour)),
        ("set/A/empty.png", b""),
        ("set/A/cut.png", cut),
        ("set/A/text.png", b"not an image"),
        ("set/A/bomb.png", bomb),
        ("set/A/wide.png", png(picture(4, 28, 29))),
        ("set/A/large.png", b"x" * 40_000),
        ("set/B/1.png", png(picture(5))),
        ("set/B/.DS_Store", b"x"),
        ("__MACOSX/set/A/._1.png", b"x"),
        ("set/README.md", b"about"),
        ("loose.png", png(grey)),
        ("set/../A/evil.png", png(grey)),
        ("/etc/evil.png", png(grey)),
        ("set/A/" + "n" * 2_000 + ".png", png(grey)),
    ]
    archive = tmp_path / "set.tar"
    pack(archive, files)
    with tarfile.open(archive, "a") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo(f"set/B/special-{kind.decode()}")
            member.type, member.linkname = kind, "set/A/1.png"
            tar.addfile(member)
    store = new_store(tmp_path)
    store.ingest(archive, max_member_bytes=30_000)
    assert rows(store, "select path, mode from image order by image_id") == [
        ("set/A/1.png", "L"),
        ("set/A/again.png", "L"),
        ("set/A/rgb.png", "RGB"),
        ("set/B/1.png", "L"),
    ]
    rejected = rows(store, "select reason, label, position from reject order by position")
    assert rejected == [
        ("duplicate_path", "A", 2),
        ("colour", "A", 4),
        ("empty", "A", 5),
        ("unreadable", "A", 6),
        ("unreadable", "A", 7),
        ("unreadable", "A", 8),
        ("shape", "A", 9),
        ("too_large", "A", 10),
        ("unsafe_name", None, 16),
        ("unsafe_name", None, 17),
        ("unsafe_name", None, 18),
    ]
    ledger = rows(
        store,
        """select label, seen, stored, rejected, ignored_hidden, ignored_link, ignored_device,
        ignored_outside from ledger order by label nulls last""",
    )
    assert ledger == [
        ("A", 12, 3, 8, 1, 0, 0, 0),
        ("B", 5, 1, 0, 1, 2, 1, 0),
        (None, 5, 0, 3, 0, 0, 0, 2),
    ]
    assert all(row[1] == sum(row[2:]) for row in ledger)  # type: ignore[arg-type]
    run = store.sql("select * from run").rows()[0]
    assert (run["members_seen"], run["members_stored"]) == (22, 4)
    assert (run["members_rejected"], run["members_ignored"]) == (11, 7)
    assert {row["status"] for row in store.verify(full=True).rows()} == {"ok"}
    # Only the hidden and the stray are not in the views; every other member is, once.
    assert sum(len(store.sql(f"select 1 as x from {table}")) for table in ("image", "reject")) == 15


def test_colour_becomes_grey_where_it_is_asked_for(tmp_path: Path) -> None:
    colour = picture(1, channels=3).copy()
    colour[:, :, 0] = 0
    archive = pack(tmp_path / "x.zip", [("x/A/1.png", png(colour)), ("x/A/2.png", png(picture(2)))])
    refused, taken = new_store(tmp_path, "refused"), new_store(tmp_path, "taken")
    refused.ingest(archive)
    taken.ingest(archive, to_grey=True)
    assert rows(refused, "select path from image") == [("x/A/2.png",)]
    assert rows(taken, "select path, mode from image order by path") == [
        ("x/A/1.png", "RGB"),
        ("x/A/2.png", "L"),
    ]


def test_labels_and_names_are_data(tmp_path: Path) -> None:
    names = ["A'; drop table image; --", "=cmd|calc", "🦊", "a\nb", '"quoted"', "x\x1b[31m"]
    files = [(f"set/{name}/{name}.png", png(picture(n))) for n, name in enumerate(names)]
    store = new_store(tmp_path)
    store.ingest(pack(tmp_path / "set.tar", files))
    assert rows(store, "select label, path from image order by image_id") == [
        (name, path) for name, (path, _) in zip(names, files, strict=True)
    ]
    assert len(store.peek(label=names[0])) == 1
    assert {path.name for path in store.path.iterdir()} == {
        "notmnist_store.json",
        "views.sql",
        "image",
        "ledger",
        "run",
    }


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (["10", "9", "-1", "007"], ["-1", "007", "9", "10"]),
        (["10", "9", "a"], ["10", "9", "a"]),
        (["b", "B", "ä", "Z"], ["B", "Z", "b", "ä"]),
    ],
)
def test_labels_are_numbered_in_their_order(
    tmp_path: Path, labels: list[str], order: list[str]
) -> None:
    store = new_store(tmp_path)
    store.ingest(pack(tmp_path / "x.zip", class_files(labels, each=1)))
    assert rows(store, "select label, label_id from label order by label_id") == [
        (label, number) for number, label in enumerate(order)
    ]


def test_font_and_family_come_from_the_name_or_the_regex(tmp_path: Path) -> None:
    name = "Q0NXaWxkV29yZHMtQm9sZEl0YWxpYy50dGY="
    archive = pack(tmp_path / "x.zip", [(f"x/A/{name}.png", png(picture(1)))])
    by_name, by_regex = new_store(tmp_path, "name"), new_store(tmp_path, "regex")
    by_name.ingest(archive)
    by_regex.ingest(archive, group_regex="/(Q0)")
    assert rows(by_name, "select font, family from image") == [
        ("CCWildWords-BoldItalic.ttf", "ccwildwords")
    ]
    assert rows(by_regex, "select family from image") == [("Q0",)]


# The source as a whole


def run_hint(error: StoreError, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of an error's hint as a user would paste it."""
    program = f"{shlex.quote(sys.executable)} -m notmnist_store "
    package = str(Path(notmnist_store.__file__).parents[1])
    return subprocess.run(
        error.hint.replace("notmnist-store ", program),
        shell=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": package},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_most_images_of_another_shape_stop_it_and_the_hint_works(tmp_path: Path) -> None:
    files = [(f"set/A/{n}.png", png(picture(n, 32, 32))) for n in range(3)]
    archive = pack(tmp_path / "it's.zip", [*files, ("set/A/x.png", png(picture(1)))])
    store = new_store(tmp_path)
    with pytest.raises(ChecksError, match="3 are 32x32x1") as refused:
        store.ingest(archive)
    assert not store.path.exists()
    assert run_hint(refused.value, tmp_path).returncode == 0
    assert count(notmnist_store.open(tmp_path / "store_32x32x1")) == 3


def test_another_shape_than_the_stores_is_refused_and_the_hint_works(
    tmp_path: Path, store: Store
) -> None:
    archive = pack(tmp_path / "32.zip", [("set/A/1.png", png(picture(1, 32, 32, 3)))])
    with pytest.raises(StoreError, match="holds images of 28x28x1") as refused:
        store.ingest(archive, shape="32x32x3")
    assert run_hint(refused.value, tmp_path).returncode == 0
    assert count(notmnist_store.open(tmp_path / "store_32x32x3")) == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"expect_classes": 10}, ChecksError, "has 3 classes, not 10"),
        ({"min_per_class": 5}, ChecksError, "fewer than 5 images of B, C"),
        ({"max_labels": 2}, BudgetError, "3 labels, more than 2"),
        ({"max_members": 5}, BudgetError, "more than 5 members"),
        ({"max_bytes": 4_000}, BudgetError, "holds more than 4,000 bytes"),
        ({"split": "holdout"}, UsageError, "--split is one of"),
        ({"name": "../x"}, UsageError, "cannot be the name"),
        ({"group_regex": "("}, UsageError, "does not compile"),
        ({"group_regex": "a"}, UsageError, "needs one group"),
        ({"workers": 0}, UsageError, "at least 1"),
        ({"shape": "28"}, UsageError, "a shape is HEIGHTxWIDTHxCHANNELS"),
    ],
)
def test_what_is_refused_leaves_nothing(
    tmp_path: Path, small_archive: Path, options: dict[str, object], error: type, message: str
) -> None:
    store = new_store(tmp_path)
    with pytest.raises(error, match=message) as refused:
        store.ingest(small_archive, **options)  # type: ignore[arg-type]
    assert not store.path.exists()
    assert refused.value.hint
    if "min_per_class" in options:
        assert "A               5" in refused.value.message  # the table of counts


def test_a_store_is_as_before_after_a_refusal(store: Store, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}
    archive = pack(tmp_path / "other.tar.gz", class_files(start=70))
    archive.write_bytes(archive.read_bytes()[:-2_000])
    with pytest.raises(SourceError):
        store.ingest(archive)
    with pytest.raises(ChecksError):
        store.ingest(pack(tmp_path / "third.zip", class_files(start=90)), expect_classes=4)
    assert {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("files", [[], [("loose.png", png(picture(1)))], [("set/A/x.png", b"x")]])
def test_a_source_without_images_in_class_folders_is_refused(
    tmp_path: Path, files: list[tuple[str, bytes]]
) -> None:
    archive = pack(tmp_path / "odd name.tar", files)
    store = new_store(tmp_path)
    with pytest.raises(SourceError) as refused:
        store.ingest(archive)
    assert not store.path.exists()
    assert shlex.quote(str(archive)) in refused.value.hint


def test_another_folder_is_never_taken_for_a_store(tmp_path: Path, small_archive: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("x")
    with pytest.raises(StoreError, match="not a store") as refused:
        notmnist_store.open(tmp_path / "home").ingest(small_archive)
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["thesis.tex"]
    assert run_hint(refused.value, tmp_path).returncode == 0


def test_a_store_of_a_newer_format_is_left_alone(
    store: Store, small_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = Marker.read(store.path)
    with monkeypatch.context() as newer:
        newer.setattr("notmnist_store.storage.marker.FORMAT_VERSION", 2)
        (store.path / MARKER_NAME).write_text(marker.to_json())
    for use in (store.info, store.verify, lambda: store.ingest(small_archive)):
        with pytest.raises(StoreError, match="store format 2, revision 11; this program reads"):
            use()


# One source twice


def test_the_same_source_again_is_a_no_op(
    tmp_path: Path, store: Store, small_archive: Path
) -> None:
    copy = tmp_path / "renamed.tar.gz"
    copy.write_bytes(small_archive.read_bytes())
    before = {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}
    notes = Notes()
    again = Store(store.path, progress=notes).ingest(copy)
    assert any("is in the store already" in note for note in notes.said)
    assert again.rows()[0]["stored"] == 5
    assert {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_a_known_name_with_other_bytes_is_refused_and_the_hint_takes_it(
    tmp_path: Path, store: Store
) -> None:
    files = [*class_files(start=1), ("set/A/new\x1b[1m.png", png(picture(80)))]
    archive = pack(tmp_path / "small.tar.gz", files)
    with pytest.raises(SourceError, match="another source named small") as refused:
        store.ingest(archive)
    message = refused.value.message
    assert "other bytes: set/A/00000.png" in message
    assert "\x1b" not in message
    assert count(store) == 13
    assert run_hint(refused.value, tmp_path).returncode == 0
    assert rows(store, "select distinct source from image order by source") == [
        ("small",),
        ("small_2",),
    ]
    assert {row["status"] for row in store.verify(full=True).rows()} == {"ok"}


def test_another_source_says_how_much_is_there_already(tmp_path: Path, store: Store) -> None:
    arrived = store.ingest(pack(tmp_path / "more.zip", class_files(each=5, labels=["A", "D"])))
    assert [(row["label"], row["stored"], row["known_pixels"]) for row in arrived.rows()] == [
        ("A", 5, 5),
        ("D", 5, 5),
    ]
    assert len(store.sql("select * from run")) == 2


def test_several_sources_are_several_runs(tmp_path: Path) -> None:
    sources = [pack(tmp_path / f"{n}.zip", class_files(start=n * 20)) for n in range(3)]
    store = new_store(tmp_path)
    arrived = store.ingest(*sources)
    assert len(arrived) == 9
    assert rows(store, "select source, sequence from run order by sequence") == [
        ("0", 1),
        ("1", 2),
        ("2", 3),
    ]


# The demo set and real data do not mix


@pytest.mark.slow
def test_real_data_does_not_go_into_a_demo_store(tmp_path: Path, small_archive: Path) -> None:
    store = new_store(tmp_path)
    store.ingest(pack(tmp_path / "glyphs.zip", class_files(start=60)), demo=True)
    assert "demo" in store.info().rows()[0]["detail"]
    with pytest.raises(StoreError, match="offline demo set") as refused:
        store.ingest(small_archive)
    assert count(store) == 12
    assert run_hint(refused.value, tmp_path).returncode == 0
    assert count(notmnist_store.open(tmp_path / "real_store")) == 13


def test_the_demo_does_not_go_into_a_real_store(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="holds real data") as refused:
        store.ingest()  # nothing in data/: the offline set is meant
    assert refused.value.hint == "notmnist-store ingest --store demo_store"
    assert count(store) == 13


def test_the_offline_set_is_not_drawn_again_for_a_store_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = new_store(tmp_path).ingest(
        pack(tmp_path / "glyphs.zip", class_files(start=60)), demo=True
    )
    notes = Notes()
    again = Store(tmp_path / "store", progress=notes).ingest()
    assert again.rows() == made.rows()
    assert count(again_store := notmnist_store.open(tmp_path / "store")) == 12
    assert any("glyphs is in the store already" in said for said in notes.said)
    assert rows(again_store, "select count(*) from run") == [(1,)]


def test_archives_in_the_data_folder_are_taken(
    tmp_path: Path, small_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    pack(Path("data/b.zip"), class_files(start=60))
    Path("data/a.tar.gz").write_bytes(small_archive.read_bytes())
    Path("data/notes.txt").write_text("x")
    notes = Notes()
    store = Store("store", progress=notes)
    store.ingest()
    assert rows(store, "select source from run order by sequence") == [("a",), ("b",)]
    assert "data/a.tar.gz, data/b.zip" in notes.said[0]
