from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.kernels import basis as radius_basis
from notmnist_store.near.kernels import tree as radius_tree
from notmnist_store.near.kernels.basis import fit_basis
from notmnist_store.near.kernels.join import (
    Pairs,
    RadiusIndex,
    cross_join,
    estimate_pairs,
    join,
    self_join,
)
from notmnist_store.schema.radius import Radius

Pixels = npt.NDArray[np.uint8]
Triples = list[tuple[int, int, int]]

FASTS = pytest.mark.parametrize("fast", [True, False], ids=["compiled", "numpy"])


def brute_force(a: Pixels, b: Pixels | None, t: int) -> Triples:
    """What a join is to find, one image against all others at a time, in Python's integers."""
    other = (a if b is None else b).astype(np.int64)
    pairs = []
    for i, x in enumerate(a.astype(np.int64)):
        squared = ((other - x) ** 2).sum(axis=1)
        near = np.flatnonzero(squared <= min(t, 2**62))
        pairs += [(i, int(j), int(squared[j])) for j in near if b is not None or j > i]
    return pairs


def triples(chunks: Iterable[Pairs]) -> Triples:
    found: Triples = []
    for chunk in chunks:
        part = list(
            zip(
                chunk.left.tolist(),
                chunk.right.tolist(),
                chunk.squared_distance.tolist(),
                strict=True,
            )
        )
        assert part == sorted(part), "a chunk is sorted"
        assert part, "no chunk is empty"
        found += part
    return sorted(found)


def noise(rows: int, size: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (rows, size), np.uint8)


def clusters(rows: int, size: int, seed: int = 0, spread: int = 3) -> Pixels:
    """Images about a tenth as many centres, at many small distances."""
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 256, (max(1, rows // 10), size))
    around = rng.integers(-spread, spread + 1, (rows, size)) * rng.integers(0, 4, (rows, 1))
    return np.clip(centres[rng.integers(0, len(centres), rows)] + around, 0, 255).astype(np.uint8)


def line(rows: int, size: int) -> Pixels:
    """Images that differ in one pixel only, by 1 from each to the next."""
    pixels = np.full((rows, size), 7, np.uint8)
    pixels[:, size // 2] = np.arange(rows) % 256
    return pixels


def smooth(rows: int, side: int, channels: int = 1, seed: int = 0) -> Pixels:
    """Images of low frequencies, as real ones are: few components hold nearly all."""
    rng = np.random.default_rng(seed)
    at = np.linspace(0, np.pi, side)
    waves = np.stack([np.outer(np.cos(i * at), np.cos(j * at)) for i in range(3) for j in range(3)])
    values = np.einsum("nk,kyx->nyx", rng.normal(0, 20, (rows, 9)), waves) + 128
    grey = np.clip(values, 0, 255).astype(np.uint8).reshape(rows, -1)
    return np.repeat(grey, channels, axis=1)


SETS: dict[str, Callable[[], Pixels]] = {
    "noise": lambda: noise(150, 784),
    "noise of few pixels": lambda: noise(300, 3),
    "one pixel": lambda: noise(200, 1),
    "clusters": lambda: clusters(300, 784),
    "odd size": lambda: clusters(233, 131),
    "line": lambda: line(200, 50),
    "smooth": lambda: smooth(300, 28),
    "colour": lambda: clusters(80, 32 * 32 * 3),
    "all equal": lambda: np.full((120, 784), 255, np.uint8),
    "black and white": lambda: np.repeat(np.array([[0], [255]], np.uint8), 40, 0).repeat(784, 1),
    "none": lambda: np.zeros((0, 784), np.uint8),
    "one": lambda: noise(1, 784),
    "two": lambda: clusters(2, 784),
    "a leaf": lambda: clusters(32, 20),
    "a leaf and one": lambda: clusters(33, 20),
}


def thresholds(everything: Triples) -> Iterator[int]:
    """From 0 to beyond the largest distance, some of them hit by pairs exactly."""
    yield from (0, 64, 260_100, 10**30)
    distances = sorted({d for _, _, d in everything})
    for share in (0.01, 0.5, 1.0):
        if distances:
            exact = distances[int(share * (len(distances) - 1))]
            yield from (exact, max(0, exact - 1))


@FASTS
@pytest.mark.parametrize("name", SETS)
def test_the_pairs_are_those_of_brute_force(name: str, fast: bool) -> None:
    pixels = SETS[name]()
    everything = brute_force(pixels, None, 10**30)
    index = RadiusIndex.build(pixels, fast=fast)
    for t in thresholds(everything):
        assert triples(join(index, None, t)) == [pair for pair in everything if pair[2] <= t], t


@FASTS
@pytest.mark.parametrize("name", SETS)
def test_a_cross_join_is_that_of_brute_force(name: str, fast: bool) -> None:
    pixels = SETS[name]()
    a, b = pixels[: len(pixels) // 3], pixels[len(pixels) // 4 :]
    everything = brute_force(a, b, 10**30)
    basis = fit_basis(pixels)
    one = RadiusIndex.build(a, basis, fast=fast)
    other = RadiusIndex.build(b, basis, fast=fast)
    for t in thresholds(everything):
        assert triples(join(one, other, t)) == [pair for pair in everything if pair[2] <= t], t
    assert triples(cross_join(a, b, 300, fast=fast)) == [p for p in everything if p[2] <= 300]


@given(
    pixels=st.tuples(st.integers(0, 90), st.integers(1, 40)).flatmap(
        lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 255), fill=st.just(0))
    ),
    t=st.one_of(st.integers(0, 2_000), st.integers(0, 40 * 255**2)),
    at=st.floats(0, 1),
)
def test_any_images_at_any_radius(pixels: Pixels, t: int, at: float) -> None:
    expected = brute_force(pixels, None, t)
    basis = fit_basis(pixels)
    assert triples(join(RadiusIndex.build(pixels, basis), None, t)) == expected
    assert triples(self_join(pixels, t, fast=False)) == expected
    cut = int(at * len(pixels))
    a, b = pixels[:cut], pixels[cut:]
    one, other = RadiusIndex.build(a, basis), RadiusIndex.build(b, basis)
    assert triples(join(one, other, t)) == brute_force(a, b, t)


@FASTS
def test_a_pair_on_the_boundary_belongs_and_one_beyond_it_does_not(fast: bool) -> None:
    """784 differences of 255 and smaller ones around them: the sum decides to the last unit."""
    pixels = np.zeros((3, 784), np.uint8)
    pixels[1, :4] = 255
    pixels[2, :4] = 255
    pixels[2, 4] = 1
    t = Radius("2.0").squared
    assert t == 4 * 255**2
    assert triples(self_join(pixels, t, fast=fast)) == [(0, 1, t), (1, 2, 1)]
    assert triples(self_join(pixels, t + 1, fast=fast))[1] == (0, 2, t + 1)
    assert triples(self_join(pixels, t - 1, fast=fast)) == [(1, 2, 1)]


@pytest.mark.slow
@FASTS
def test_sums_beyond_32_bits(fast: bool) -> None:
    """128x128x3: the farthest two images are 49,152 * 255 * 255 = 3,196,108,800 apart."""
    size = 128 * 128 * 3
    pixels = np.zeros((40, size), np.uint8)
    pixels[20:] = 255
    pixels[:, 0] = np.arange(40)
    most = size * 255**2
    assert most > 2**31
    expected = brute_force(pixels, None, most)
    assert max(d for _, _, d in expected) > 2**31
    assert triples(self_join(pixels, most, fast=fast)) == expected
    middle = sorted(d for _, _, d in expected)[len(expected) * 3 // 4]
    kept = [pair for pair in expected if pair[2] <= middle]
    assert triples(self_join(pixels, middle, fast=fast)) == kept


def test_the_number_of_threads_changes_nothing() -> None:
    """The same chunks in the same order, also where tasks have to be resumed."""
    pixels = np.concatenate([clusters(3_000, 100, spread=1), line(1_000, 100), smooth(500, 10)])
    t = 40_000
    runs = []
    for threads in (1, 2, 5):
        chunks = list(self_join(pixels, t, threads=threads, chunk_pairs=2_048))
        assert len(chunks) > 5
        runs.append(
            [(c.left.tobytes(), c.right.tobytes(), c.squared_distance.tobytes()) for c in chunks]
        )
    assert runs[0] == runs[1] == runs[2]


@FASTS
def test_one_huge_cluster_streams_in_chunks(fast: bool) -> None:
    """2,000 images that are all near each other: 1,999,000 pairs, never many at a time."""
    rows = 2_000
    pixels = np.full((rows, 64), 250, np.uint8)
    pixels[np.arange(rows), np.arange(rows) % 64] += 1
    seen = np.zeros((rows, rows), np.bool_)
    for chunk in self_join(pixels, 100, chunk_pairs=5_000, threads=2, fast=fast):
        assert 0 < len(chunk) <= 5_000
        assert (chunk.left < chunk.right).all()
        assert not seen[chunk.left, chunk.right].any(), "a pair comes once"
        seen[chunk.left, chunk.right] = True
    assert seen.sum() == rows * (rows - 1) // 2


@FASTS
def test_blocks_joined_with_each_other_make_the_whole(fast: bool) -> None:
    pixels = np.concatenate([clusters(500, 784), smooth(300, 28)])
    t = 300_000
    basis = fit_basis(pixels[::7])
    starts = (0, 100, 101, 450)
    blocks = np.split(pixels, starts[1:])
    indexes = [RadiusIndex.build(block, basis, fast=fast) for block in blocks]
    found = []
    for i, one in enumerate(indexes):
        for j in range(i, len(indexes)):
            for a, b, d in triples(join(one, None if i == j else indexes[j], t)):
                found.append((a + starts[i], b + starts[j], d))
    whole = triples(self_join(pixels, t, fast=fast))
    assert len(whole) > 500
    assert sorted(found) == whole


def test_pixels_need_be_neither_writable_nor_contiguous() -> None:
    pixels = clusters(200, 50)
    expected = triples(self_join(pixels, 2_000))
    frozen = np.frombuffer(pixels.tobytes(), np.uint8).reshape(pixels.shape)
    assert triples(self_join(frozen, 2_000)) == expected
    assert triples(self_join(np.asfortranarray(pixels), 2_000)) == expected
    assert triples(self_join(np.repeat(pixels, 2, axis=1)[:, ::2], 2_000)) == expected


def test_without_numba_everything_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = clusters(300, 50)
    expected = triples(self_join(pixels, 2_000))
    assert expected
    monkeypatch.setitem(sys.modules, "notmnist_store.near.kernels.tree", None)
    assert triples(self_join(pixels, 2_000)) == expected
    index = RadiusIndex.build(pixels)
    assert estimate_pairs(index, None, 2_000) == len(expected), "few images: the sample is all"


@pytest.mark.parametrize("name", SETS)
def test_the_map_never_makes_a_distance_longer_than_the_limit_says(name: str) -> None:
    """The claim of `radius_basis`, on the stored coordinates themselves."""
    pixels = SETS[name]()
    basis = fit_basis(pixels)
    tree = radius_tree.build_tree(pixels, basis, 1)
    stored = tree.blocks.transpose(0, 2, 1).reshape(-1, basis.coordinates)[: len(pixels)]
    mapped = np.empty_like(stored)
    mapped[tree.order] = stored
    for a, b, squared in brute_force(pixels, None, 10**30)[::17]:
        gap = mapped[a] - mapped[b]
        limit = radius_basis.search_limit(squared, pixels.shape[1], basis.coordinates)
        assert (gap * gap).sum(dtype=np.float32) <= limit


def test_the_map_is_tight_and_its_limit_close() -> None:
    pixels = smooth(500, 28)
    basis = fit_basis(pixels)
    wide = basis.weights.astype(np.int64)
    assert basis.bound >= np.linalg.eigvalsh((wide @ wide.T).astype(float)).max() * (1 - 1e-12)
    assert basis.bound <= np.diag(wide @ wide.T).min() * 1.02
    assert np.abs(wide).sum(axis=1).max() * 255 < 2**31
    limit = radius_basis.search_limit(260_100, 784, basis.coordinates)
    assert 260_100 < limit < 260_100 * 1.0005


def test_large_images_keep_their_sums_within_32_bits() -> None:
    size = 1 << 21
    basis = radius_basis.in_integers(np.full((1, size), size**-0.5))
    assert 0.9 < np.abs(basis.weights.astype(np.int64)).sum() * 255 / 2**31 < 1


def test_a_tree_holds_each_row_once_inside_its_boxes() -> None:
    pixels = clusters(2_000, 60)
    rows = np.arange(1, 2_000, 2, dtype=np.int32)
    tree = radius_tree.build_tree(pixels, fit_basis(pixels), 2, rows=rows)
    assert sorted(tree.order.tolist()) == rows.tolist()
    assert (tree.pixels == pixels).all()
    places = len(tree.low) // 2
    for node in range(1, places):
        for child in (2 * node, 2 * node + 1):
            assert (tree.low[node] <= tree.low[child]).all()
            assert (tree.high[node] >= tree.high[child]).all()
    for leaf, block in enumerate(tree.blocks):
        held = block[:, : min(32, 1_000 - leaf * 32)]
        assert (tree.low[places + leaf] == held.min(axis=1)).all()
        assert (tree.high[places + leaf] == held.max(axis=1)).all()


def test_what_cannot_be_joined_is_refused() -> None:
    pixels = clusters(40, 10)
    index = RadiusIndex.build(pixels)
    wrong: list[Callable[[], object]] = [
        lambda: self_join(pixels.astype(np.int64), 1),
        lambda: self_join(pixels.reshape(40, 5, 2), 1),
        lambda: self_join(np.zeros((3, 0), np.uint8), 1),
        lambda: self_join(pixels, -1),
        lambda: self_join(pixels, 1, threads=0),
        lambda: self_join(pixels, 1, chunk_pairs=10),
        lambda: cross_join(pixels, pixels[:, 1:], 1),
        lambda: join(index, RadiusIndex.build(pixels, fast=False), 1),
        lambda: join(index, RadiusIndex.build(noise(40, 10)), 1),
    ]
    for attempt in wrong:
        with pytest.raises(StoreError) as caught:
            attempt()
        assert not caught.value.hint  # a kernel knows of no command


@FASTS
def test_more_pairs_than_the_limit_is_an_error_with_an_estimate(fast: bool) -> None:
    pixels = np.full((1_500, 30), 9, np.uint8)
    pairs = 1_500 * 1_499 // 2
    assert sum(map(len, self_join(pixels, 5, limit=pairs, fast=fast))) == pairs
    chunks = self_join(pixels, 5, limit=100_000, chunk_pairs=4_096, fast=fast)
    seen: list[int] = []
    with pytest.raises(UsageError, match=r"more than 100,000 .* about 1,124,250"):
        seen.extend(map(len, chunks))
    assert 90_000 < sum(seen) <= 100_000
    with pytest.raises(UsageError, match=f"more than {pairs - 1:,} "):
        list(self_join(pixels, 5, limit=pairs - 1, fast=fast))


def test_an_estimate_is_about_right() -> None:
    pixels = clusters(3_000, 100)
    index = RadiusIndex.build(pixels)
    for t in (300, 3_000):
        pairs = sum(map(len, join(index, None, t)))
        assert estimate_pairs(index, None, t) == pytest.approx(pairs, rel=0.25)
    other = RadiusIndex.build(pixels[:1_500], fit_basis(pixels))
    whole = RadiusIndex.build(pixels, fit_basis(pixels))
    pairs = sum(map(len, join(whole, other, 3_000)))
    assert estimate_pairs(whole, other, 3_000) == pytest.approx(pairs, rel=0.25)
    assert estimate_pairs(RadiusIndex.build(pixels[:0]), None, 5) == 0


@pytest.mark.parametrize(("radius", "pairs"), [("0.5", 127), ("1", 319), ("2", 1145)])
def test_the_published_pairs_of_real_images(data_folder: Path, radius: str, pairs: int) -> None:
    source = data_folder / "notMNIST-t10k-images-idx3-ubyte.gz"
    if not source.is_file():
        pytest.skip(f"{source} is not there")
    body = gzip.decompress(source.read_bytes())
    images = np.frombuffer(body, np.uint8, offset=16).reshape(-1, 784)
    distinct = np.unique(images, axis=0)
    assert len(distinct) == 9_804
    assert sum(map(len, self_join(distinct, Radius(radius).squared, threads=2))) == pairs
