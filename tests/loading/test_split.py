"""Loading a split: what belongs together stays together, in every form and order."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import notmnist_store
from notmnist_store.blocks.kernels.fingerprint import pixel_hashes
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.loading.split import Batch, Split
from notmnist_store.loading.split_pixels import SplitPixels
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.datafile import DataFileWriter
from notmnist_store.storage.gather import (
    Gatherer,
    binary_column,
    pixels_of,
    to_notebook_scale,
)
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import class_files, pack, picture, png


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two sources, 3 x 40 images, some of them twice, and the split set clean, with some unused."""
    folder = tmp_path_factory.mktemp("made")
    files = class_files(each=28, root="one")
    files += [("one/A/copy.png", png(picture(1))), ("one/C/copy.png", png(picture(60)))]
    pack(folder / "one.tar.gz", files)
    pack(folder / "two.tar.gz", class_files(each=12, root="two", start=300))
    store = notmnist_store.open(folder / "a store")
    store.ingest(folder / "one.tar.gz", folder / "two.tar.gz")
    store.split("clean", train=60, valid=15, test=21)
    return store


@pytest.fixture(scope="module")
def all_pixels(made: Store) -> tuple[pa.Table, npt.NDArray[np.uint8]]:
    """image_id of all images, and their pixels, (n, 784)."""
    rows = made.sql("select image_id, pixels from image_pixels order by image_id").arrow()
    values = rows["pixels"].to_pylist()
    return rows, np.array([np.frombuffer(value, np.uint8) for value in values])


@pytest.fixture
def split(made: Store) -> Split:
    return made.load("clean", split="train")


@functools.cache
def known(path: Path) -> dict[int, tuple[str, str]]:
    """(label, pixel_hash) of each image, by the store's own tables."""
    rows = notmnist_store.open(path).sql("select image_id, label, pixel_hash from image").rows()
    return {row["image_id"]: (row["label"], row["pixel_hash"]) for row in rows}


def check(store: Store, split: Split, batch: Batch) -> None:
    """Each row's pixels and label are those of its id."""
    flat = batch.images.reshape(len(batch.ids), -1)
    hashes = pixel_hashes(flat, split.shape)
    truth = known(store.path)
    for image_id, label_id, pixel_hash in zip(batch.ids, batch.labels, hashes, strict=True):
        assert truth[int(image_id)] == (split.labels[label_id], pixel_hash)


def in_order(store: Store, name: str, part: str) -> list[int]:
    rows = store.sql(f"select image_id from {name}.{part} order by position").rows()
    return [row["image_id"] for row in rows]


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_arrays_are_in_the_order_of_positions_and_rows_belong_together(
    made: Store, part: str
) -> None:
    split = made.load("clean", part)
    images, labels = split.to_numpy()
    assert images.dtype == np.uint8
    assert labels.dtype == split.ids.dtype == np.int64
    assert images.shape == (len(split), 28, 28)
    assert split.ids.tolist() == in_order(made, "clean", part)
    check(made, split, Batch(images, labels, split.ids))


def test_ingest_and_old_versions_can_be_loaded(made: Store, tmp_path: Path) -> None:
    ingest = made.load("ingest", split="test")
    assert ingest.ids.tolist() == sorted(ingest.ids.tolist())
    images, labels = ingest.to_numpy()
    check(made, ingest, Batch(images, labels, ingest.ids))
    made.split("grown", train=9)
    made.split("grown", train=12, replace=True)
    assert [len(made.load(name)) for name in ("grown", "grown_v1", "grown_v2")] == [12, 9, 12]
    assert made.load("grown_v1").split_set.version == 1


def test_float_is_the_notebooks_scale_to_the_bit(split: Split) -> None:
    every = np.arange(256, dtype=np.uint8)
    wanted = ((every.astype(np.float64) - 255 / 2) / 255).astype(np.float32)
    scaled = np.empty(256, np.float32)
    to_notebook_scale(every, scaled)
    assert scaled.tobytes() == wanted.tobytes()
    images, labels = split.to_numpy(dtype="float32")
    assert images.tobytes() == wanted[split.to_numpy()[0]].tobytes()
    assert np.array_equal(labels, split.label_ids)


def test_arrow_has_everything_and_others_take_it(made: Store, split: Split) -> None:
    table = split.to_arrow()
    assert table["position"].to_pylist() == list(range(60))
    rows = made.sql("select * from clean.train order by position").arrow()
    for name in ("image_id", "label", "label_id", "pixel_hash", "source", "path"):
        assert table[name].to_pylist() == rows[name].to_pylist()
    flat = np.array([np.frombuffer(value, np.uint8) for value in table["pixels"].to_pylist()])
    assert pixel_hashes(flat, split.shape) == table["pixel_hash"].to_pylist()
    assert pa.table(split).equals(table)
    assert polars.DataFrame(split)["image_id"].to_list() == split.ids.tolist()


def test_colour_has_a_last_axis(tmp_path: Path) -> None:
    files = [(f"set/{c}/{n}.png", png(picture(n, 6, 4, 3))) for n, c in enumerate("ABAB")]
    store = notmnist_store.open(tmp_path / "colour")
    store.ingest(pack(tmp_path / "set.tar.gz", files), shape="6x4x3", split="train")
    split = store.load("ingest")
    images, labels = split.to_numpy()
    assert images.shape == (4, 6, 4, 3)
    check(store, split, Batch(images, labels, split.ids))


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("buffer", [1, 13, 1000])
def test_batches_hold_each_image_once(
    made: Store, split: Split, size: int, seed: int | None, buffer: int
) -> None:
    batches = list(split.batches(size, seed, buffer=buffer))
    assert [len(batch.ids) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    ids = np.concatenate([batch.ids for batch in batches])
    assert sorted(ids.tolist()) == sorted(split.ids.tolist())
    if seed is None:
        assert ids.tolist() == split.ids.tolist()
    check(made, split, Batch(*(np.concatenate(part) for part in zip(*batches, strict=True))))


def test_an_epochs_order_is_its_own_and_comes_again(split: Split) -> None:
    def order(**options: int) -> list[int]:
        return [i for batch in split.batches(8, **options) for i in batch.ids.tolist()]

    first = order(shuffle_seed=1, epoch=0)
    assert first == order(shuffle_seed=1, epoch=0)
    others = [order(shuffle_seed=1, epoch=1), order(shuffle_seed=2), split.ids.tolist()]
    assert all(first != other for other in others)


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"size": 8, "buffer": 0}, {"size": 8, "shuffle_seed": -1}]
)
def test_batches_that_cannot_be(split: Split, options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        split.batches(**options)


def test_names_that_are_not_there(made: Store) -> None:
    with pytest.raises(UsageError, match="did you mean clean"):
        made.load("claen")
    with pytest.raises(UsageError, match="there is no split set 'clean_v9'"):
        made.load("clean_v9")
    with pytest.raises(UsageError, match="there are train, valid, test, unused"):
        made.load("clean", "validation")
    made.split("only", train=9)
    with pytest.raises(UsageError, match="split valid of only is empty: train 9"):
        made.load("only", "valid")
    with pytest.raises(UsageError, match="uint8 or float32"):
        made.load("clean").to_numpy("float64")


def test_withdrawn_images_are_told_with_the_run(store: Store) -> None:
    store.split("clean")
    [ingest, split] = store.sql("select run_id from run order by sequence").rows()
    said = store.undo(ingest["run_id"]).rows()[0]["run_id"]
    with pytest.raises(StoreError, match=f"withdrawn by run {said}") as error:
        store.load("clean")
    assert error.value.hint == f"notmnist-store undo {said}"
    store.undo(said)
    assert len(store.load("clean").to_numpy()[0])
    said = store.undo(split["run_id"]).rows()[0]["run_id"]
    with pytest.raises(UsageError, match=f"clean was withdrawn by run {said}"):
        store.load("clean")


def test_a_damaged_page_is_an_error_and_never_pixels(store: Store) -> None:
    split = store.load("ingest")
    [path] = (store.path / "image").glob("*.parquet")
    group = pq.read_metadata(path).row_group(0)
    columns = (group.column(at) for at in range(group.num_columns))
    [pixels] = [column for column in columns if column.path_in_schema == "pixels"]
    content = bytearray(path.read_bytes())
    content[pixels.data_page_offset + pixels.total_compressed_size - 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        split.to_numpy()


@given(picks=st.lists(st.integers(0, 121), max_size=150), as_float=st.booleans())
def test_gather_is_what_indexing_gives(
    made: Store,
    all_pixels: tuple[pa.Table, npt.NDArray[np.uint8]],
    picks: list[int],
    as_float: bool,
) -> None:
    rows, pixels = all_pixels
    wanted = pixels[picks].reshape(-1, 784)
    ids = rows["image_id"].to_numpy()[picks]
    out: npt.NDArray[np.uint8] | npt.NDArray[np.float32]
    out = np.zeros(wanted.shape, np.float32 if as_float else np.uint8)
    Gatherer(Tables.open(made.path), ids).fill(out)
    if as_float:
        wanted = ((wanted.astype(np.float64) - 127.5) / 255).astype(np.float32)
    assert np.array_equal(out, wanted)


def test_an_image_that_is_not_there_is_an_error(made: Store) -> None:
    ids = np.array([5, int(made.load("clean").ids[0])])
    with pytest.raises(StoreError, match="1 images are not in the store"):
        Gatherer(Tables.open(made.path), ids).fill(np.empty((2, 784), np.uint8))


def test_a_binary_column_shares_the_array() -> None:
    rows = np.arange(12, dtype=np.uint8).reshape(3, 4)
    column = binary_column(rows)
    rows[1] = 7
    assert column.to_pylist() == [bytes([0, 1, 2, 3]), bytes([7] * 4), bytes([8, 9, 10, 11])]


@pytest.mark.interop
def test_torch_reads_batches_over_a_memory_map(made: Store, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    split = made.load("clean")
    images, labels = split.to_numpy("float32")
    dataset = split.torch(tmp_path / "cache", dtype="float32")
    loader = torch.utils.data.DataLoader(dataset, batch_size=16, shuffle=False)
    got = list(loader)
    assert torch.cat([x for x, _ in got]).numpy().tobytes() == images.tobytes()
    assert torch.cat([y for _, y in got]).tolist() == labels.tolist()
    image, label = dataset[3]
    assert image.shape == (1, 28, 28)
    assert label == labels[3]
    again = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(again[5][0], dataset[5][0])
    assert len(pickle.dumps(dataset)) < 1_000, "worker processes are sent the pixels"
    [folder] = (tmp_path / "cache").iterdir()
    before = (folder / "images.npy").stat()
    split.torch(tmp_path / "cache")
    assert (folder / "images.npy").stat() == before
    with pytest.raises(IndexError):
        dataset[len(dataset)]


def inverted(image: Any) -> Any:
    return 255 - image


def shown(loader: Iterable[tuple[Any, Any]]) -> list[tuple[bytes, int]]:
    """The images and labels that a loader gives, in order."""
    return [
        (image.numpy().tobytes(), int(label))
        for images, labels in loader
        for image, label in zip(images, labels, strict=True)
    ]


@pytest.mark.interop
def test_a_transform_takes_each_image(made: Store, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    split = made.load("clean")
    images, labels = split.to_numpy()
    wanted = [
        (image.tobytes(), int(label)) for image, label in zip(255 - images, labels, strict=True)
    ]
    dataset = pickle.loads(pickle.dumps(split.torch(tmp_path, transform=inverted)))
    assert shown(torch.utils.data.DataLoader(dataset, batch_size=7)) == wanted
    stream = split.torch_stream(transform=inverted)
    assert shown(torch.utils.data.DataLoader(stream, batch_size=7)) == wanted


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more than there are cores
@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("seed", [None, 0])
def test_workers_share_a_stream(made: Store, workers: int, seed: int | None) -> None:
    torch = pytest.importorskip("torch")
    split = made.load("clean")
    images, labels = split.to_numpy()
    wanted = [(i.tobytes(), int(label)) for i, label in zip(images, labels, strict=True)]
    stream = split.torch_stream(shuffle_seed=seed, buffer=10)
    loader = torch.utils.data.DataLoader(
        stream, batch_size=4, num_workers=workers, persistent_workers=workers > 0
    )
    epochs = []
    for epoch in (0, 1, 0):
        stream.set_epoch(epoch)
        epochs.append(shown(loader))
        assert sorted(epochs[-1]) == sorted(wanted)
    assert epochs[0] == epochs[2]
    assert (epochs[0] == epochs[1]) == (seed is None)
    if seed is None and workers < 2:
        assert epochs[0] == wanted


@pytest.mark.interop
@pytest.mark.slow
def test_a_stream_goes_to_workers_that_start_anew(made: Store) -> None:
    torch = pytest.importorskip("torch")
    split = made.load("clean")
    images, _ = split.to_numpy()
    loader = torch.utils.data.DataLoader(
        split.torch_stream(shuffle_seed=1),
        batch_size=8,
        num_workers=2,
        multiprocessing_context="spawn",
    )
    assert sorted(pixels for pixels, _ in shown(loader)) == sorted(i.tobytes() for i in images)


@pytest.mark.parametrize("shares", [1, 2, 3, 7])
@pytest.mark.parametrize("group_rows", [1_000, 2])
def test_shares_are_a_partition(made: Store, tmp_path: Path, shares: int, group_rows: int) -> None:
    """Also of more row groups than readers, which are shared as they are."""
    split = made.load("clean")
    tables = Tables.open(made.path)
    writer = DataFileWriter(TABLES["image"])
    writer.write(pa.concat_tables(map(pq.read_table, tables.live("image"))), group_rows)
    writer.put(tmp_path, "rows")
    pixels = SplitPixels(tables, split.ids, tuple(tmp_path.iterdir()))
    for epoch in (0, 1):
        for pieces in (
            [list(pixels.in_order(5, share, shares)) for share in range(shares)],
            [list(pixels.shuffled(3, epoch, 6, share, shares)) for share in range(shares)],
        ):
            places = [int(place) for part in pieces for some, _ in part for place in some]
            assert sorted(places) == list(range(len(split.ids)))
            for part in pieces:
                for some, flat in part:
                    assert np.array_equal(flat, pixels_of(tables, split.ids[some]))
            sizes = [sum(len(some) for some, _ in part) for part in pieces]
            assert max(sizes) - min(sizes) <= 2 * len(split.ids) // 10


def test_without_torch_the_error_says_what_to_install(
    made: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(StoreError, match="torch is not installed"):
        made.load("clean").torch(tmp_path)
    with pytest.raises(StoreError, match="torch is not installed"):
        made.load("clean").torch_stream()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "given", [{"dtype": "int8"}, {"shuffle_seed": -1}, {"shuffle_seed": 0, "buffer": 0}]
)
def test_a_stream_refuses_what_cannot_be_meant(made: Store, given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        made.load("clean").torch_stream(**given)


def test_the_real_archive(data_folder: Path, tmp_path: Path) -> None:
    archive = data_folder / "notMNIST_t10k.tar.gz"
    if not archive.is_file():
        pytest.skip(f"no real data: {archive.name} is not in {data_folder}")
    store = notmnist_store.open(tmp_path / "real")
    store.ingest(archive)
    store.split("clean", train=8000, valid=1000, test=1000)
    split = store.load("clean")
    images, labels = split.to_numpy()
    truth = known(store.path)
    hashes = pixel_hashes(images.reshape(-1, 784), Shape(28, 28, 1))
    for image_id, label, pixel_hash in zip(split.ids, labels, hashes, strict=True):
        assert truth[int(image_id)] == ("ABCDEFGHIJ"[label], pixel_hash)
