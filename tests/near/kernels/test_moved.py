"""Pairs under a set of transforms, held against brute force that moves pictures by itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notmnist_store.errors import UsageError
from notmnist_store.near.kernels.moved import MovedPairs, moved_join, moved_pairs
from notmnist_store.near.kernels.moving import copies_made, moved_copies
from notmnist_store.near.kernels.sides import EVERYWHERE, KnownPairs, sides_of
from notmnist_store.near.kernels.transforms import Moves, listed_transforms, moved_picture
from notmnist_store.schema.arrays import Ints, Pixels
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import NONE, Transforms
from tests.support.splits_oracle import crossing_pairs

WORDS = ("none", "shift1", "shift2", "flip", "flips", "turns")
COMBINED = ("flip,shift1", "flips,shift2", "turns,shift1", "shift1,shift2")
SHAPES = tuple(Shape(*sides) for sides in ((5, 5, 1), (4, 7, 1), (1, 6, 1), (1, 1, 1), (3, 3, 3)))
CASES = [
    pytest.param(words, shape, marks=[pytest.mark.slow] if words in COMBINED[1:] else [])
    for words, shape in product((*WORDS, *COMBINED), SHAPES)
    if "turns" not in words or shape.height == shape.width
]


def asked(words: str) -> Transforms:
    found = Transforms.read(words)
    assert found is not None
    return found


def copies(pixels: Pixels, words: str, shape: Shape) -> list[Pixels]:
    """Every copy of the pictures under the words, the pictures themselves the first."""
    grids = pixels.reshape(-1, shape.height, shape.width, shape.channels)
    every = [grids]
    flipped = [lambda x: x, lambda x: x[:, :, ::-1]]
    both = [*flipped, lambda x: x[:, ::-1], lambda x: x[:, ::-1, ::-1]]
    turned = [lambda x, k=k: np.rot90(x, k, (1, 2)) for k in range(4)]
    square = [*turned, *(lambda x, t=t: t(x)[:, :, ::-1] for t in turned)]
    by_word = {"flip": flipped, "flips": both, "turns": square}
    for word in words.split(","):
        if word in by_word:
            every = [move(each) for each in every for move in by_word[word]]
        elif word.startswith("shift"):
            reach = int(word[-1])
            steps = sorted(range(-reach, reach + 1), key=abs)
            sides = ((0, 0), (reach, reach), (reach, reach), (0, 0))
            every = [
                np.pad(each, sides, mode="edge")[
                    :,
                    reach - down : reach - down + shape.height,
                    reach - right : reach - right + shape.width,
                ]
                for each in every
                for down in steps
                for right in steps
            ]
    return [np.ascontiguousarray(each).reshape(pixels.shape) for each in every]


def squared(a: Pixels, b: Pixels) -> Ints:
    apart = a[:, None].astype(np.int64) - b[None]
    return np.asarray((apart**2).sum(axis=2))


def least(pixels: Pixels, words: str, shape: Shape) -> Ints:
    """(n, n) the least squared distances over all copies and both directions."""
    distances = squared(pixels, pixels)
    for moved in copies(pixels, words, shape):
        one_way = squared(pixels, moved)
        distances = np.minimum(distances, np.minimum(one_way, one_way.T))
    return distances


def pictures(shape: Shape, words: str, seed: int) -> Pixels:
    """Random, dark, alike, and moved pictures, some of them noisy: many of them near to others."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 256, (6, shape.size)).astype(np.uint8)
    dark = rng.integers(0, 40, (8, shape.size)).astype(np.uint8)
    moved = copies(base, words, shape)
    chosen = [moved[rng.integers(len(moved))][rng.integers(6)] for _ in range(20)]
    every = np.concatenate([base, dark, np.stack(chosen), base[:2]])
    noise = rng.integers(-3, 4, every.shape) * (rng.random(every.shape) < 0.3)
    return np.clip(every + noise, 0, 255).astype(np.uint8)


def found_by(
    pixels: Pixels,
    words: str,
    shape: Shape,
    most: int,
    stands: Sequence[Ints] = (),
    *,
    fast: bool = True,
) -> tuple[MovedPairs, Moves]:
    moves = Moves(asked(words), shape)
    wanted, *known = stands or [np.full(len(pixels), EVERYWHERE)]
    settings = {"limit": 10**6, "threads": 2, "chunk_pairs": 4_096, "known": nothing(pixels)}
    return moved_pairs(pixels, sides_of(wanted, known), moves, most, fast=fast, **settings), moves


def nothing(pixels: Pixels) -> KnownPairs:
    return KnownPairs.of(len(pixels), 0)


def as_dict(found: MovedPairs) -> dict[tuple[int, int], int]:
    pairs = found.pairs
    ends = zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)
    return dict(zip(ends, pairs.squared_distance.tolist(), strict=True))


@pytest.mark.parametrize("fast", [True, False], ids=["tree", "scan"])
@pytest.mark.parametrize(("words", "shape"), CASES, ids=str)
def test_pairs_are_those_of_brute_force(words: str, shape: Shape, fast: bool) -> None:
    pixels = pictures(shape, words, seed=len(words) * shape.size)
    distances, plain = least(pixels, words, shape), squared(pixels, pixels)
    n = len(pixels)
    everywhere = np.full(n, EVERYWHERE)
    splits = np.random.default_rng(shape.size).choice([0, 1, 2, 4, 4, 5], n)
    for most, stands in (
        (shape.size * 30, [everywhere]),
        (shape.size * 30, [everywhere, np.where(np.arange(n) < 17, EVERYWHERE, 0)]),
        (shape.size * 30, [splits]),
        (0, [everywhere]),
    ):
        found, moves = found_by(pixels, words, shape, most, stands, fast=fast)
        crossing = crossing_pairs(*stands)
        wanted = {pair: distances[pair] for pair in crossing if distances[pair] <= most}
        assert as_dict(found) == wanted
        left, right = found.pairs.left, found.pairs.right
        near = plain[left, right] <= most
        assert (found.plain == np.where(near, plain[left, right], -1)).all()
        assert found.pairs.move is not None
        for a, b, far, number in zip(
            left, right, found.pairs.squared_distance, found.pairs.move, strict=True
        ):
            assert far == first_move(moves, pixels[a], pixels[b])[0]
            assert number == first_move(moves, pixels[a], pixels[b])[1]


def first_move(moves: Moves, a: Pixels, b: Pixels) -> tuple[int, int]:
    """The least distance, and the first of the moves, in their stated order, that has it."""
    far = [int(squared(a[None], b[None])[0, 0])]
    for name in moves.names[1:]:
        side, _, transform = name.partition(":")
        moved = moved_picture(transform, b if side == "b" else a, moves.shape)
        one, other = (a, moved) if side == "b" else (moved, b)
        far.append(int(squared(one[None], other[None])[0, 0]))
    return min(far), far.index(min(far))


@pytest.mark.parametrize("words", ["shift2", "flips", "turns,shift1", "flip,shift2"])
def test_a_search_answers_for_the_sets_between(words: str) -> None:
    shape = Shape(5, 5, 1)
    pixels = pictures(shape, words, seed=3)
    found, moves = found_by(pixels, words, shape, 900)
    least_of = as_dict(found)
    plain = dict(zip(least_of, found.plain.tolist(), strict=True))
    steps = list(
        zip(
            found.steps.left.tolist(),
            found.steps.right.tolist(),
            found.steps.squared_distance.tolist(),
            (moves.sets[place] for place in found.sets.tolist()),
            strict=True,
        )
    )
    assert steps
    for between in asked(words).between:
        answer = {pair: far for pair, far in plain.items() if far >= 0}
        for a, b, far, words_of in steps:
            if between.covers(words_of):
                answer[a, b] = min(far, answer.get((a, b), far))
        assert answer == as_dict(found_by(pixels, between.text, shape, 900)[0])


def test_a_pair_on_the_boundary_is_in_and_one_beyond_is_not() -> None:
    shape = Shape(6, 6, 1)
    rng = np.random.default_rng(5)
    one = rng.integers(0, 200, shape.size).astype(np.uint8)
    moved = moved_picture("shift(1,-1)", one, shape)
    moved[7] += 20
    pixels = np.stack([moved, one])
    assert as_dict(found_by(pixels, "shift1", shape, 400)[0]) == {(0, 1): 400}
    assert as_dict(found_by(pixels, "shift1", shape, 399)[0]) == {}
    found, moves = found_by(pixels, "shift1", shape, 400)
    assert found.pairs.move is not None
    assert moves.names[found.pairs.move[0]] == "b:shift(1,-1)"


def test_symmetric_pictures_and_one_huge_cluster() -> None:
    shape = Shape(8, 8, 1)
    flat = np.full((60, shape.size), 90, np.uint8)
    flat[:, 0] = np.arange(60)
    found, _ = found_by(flat, "turns,shift1", shape, 10**6)
    assert len(found.pairs) == 60 * 59 // 2
    assert found.pairs.squared_distance.max() == 0 or (found.plain >= 0).all()
    same, _ = found_by(np.full((40, shape.size), 7, np.uint8), "flips,shift2", shape, 0)
    assert len(same.pairs) == 40 * 39 // 2
    assert not same.pairs.move.any()  # type: ignore[union-attr]


def test_more_pairs_than_the_limit_are_refused() -> None:
    moves = Moves(asked("shift1"), Shape(4, 4, 1))
    pixels = np.zeros((50, 16), np.uint8)
    with pytest.raises(UsageError, match="more than 100 pairs"):
        moved_pairs(
            pixels,
            sides_of(np.full(50, EVERYWHERE), []),
            moves,
            5,
            known=nothing(pixels),
            limit=100,
            threads=1,
            chunk_pairs=1_024,
        )


@pytest.mark.parametrize("words", ["shift1", "turns", "flip,shift2"])
def test_two_sets_are_joined_in_both_directions(words: str) -> None:
    shape = Shape(5, 5, 1)
    a, b = pictures(shape, words, 1), pictures(shape, words, 1)[::-1][:15]
    moves = Moves(asked(words), shape)
    nearest: dict[tuple[int, int], int] = {}
    for part in moved_join(a, b, moves, 900, threads=2, chunk_pairs=4_096):
        for i, j, far in zip(part.left, part.right, part.squared_distance, strict=True):
            nearest[int(i), int(j)] = min(int(far), nearest.get((int(i), int(j)), int(far)))
    wanted = np.full((len(a), len(b)), 10**9)
    for moved in copies(b, words, shape)[1:]:
        wanted = np.minimum(wanted, squared(a, moved))
    for moved in copies(a, words, shape)[1:]:
        wanted = np.minimum(wanted, squared(moved, b))
    i, j = np.nonzero(wanted <= 900)
    assert nearest == {(x, y): wanted[x, y] for x, y in zip(i.tolist(), j.tolist(), strict=True)}


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["shift1", "flip", "flips", "turns"]),
    st.sampled_from(["shift1", "shift2", "flip", "turns"]),
)
def test_more_words_lose_no_pair_and_raise_no_distance(seed: int, words: str, more: str) -> None:
    shape = Shape(4, 4, 1)
    pixels = pictures(shape, words, seed)
    fewer = as_dict(found_by(pixels, words, shape, 700, fast=False)[0])
    both = as_dict(found_by(pixels, f"{words},{more}", shape, 700, fast=False)[0])
    assert set(fewer) <= set(both)
    assert all(both[pair] <= far for pair, far in fewer.items())


@pytest.mark.parametrize(("words", "shape"), CASES, ids=str)
def test_transforms_are_those_of_numpy(words: str, shape: Shape) -> None:
    rng = np.random.default_rng(2)
    one = rng.permutation(256)[: shape.size].astype(np.uint8)[None]
    wanted = {copy.tobytes() for copy in copies(one, words, shape)}
    listed = listed_transforms(asked(words), shape)
    assert {one.tobytes(), *(one[0][each.source].tobytes() for each in listed)} == wanted
    checked = list(moved_copies(one, asked(words), shape))
    assert {each.tobytes() for each in checked} == wanted
    assert len(checked) == copies_made(asked(words))
    assert (checked[0] == one).all()
    for each in listed:
        assert (moved_picture(each.name, one[0], shape) == one[0][each.source]).all()


def test_words_are_read_in_any_order_and_named_in_one() -> None:
    assert asked("shift1, flip").text == asked("none,flip,shift1").text == "flip,shift1"
    assert asked("flip,flips").text == "flips"
    assert asked("none") == NONE
    assert Transforms.read(None) is None
    assert asked("turns,shift2").covers(asked("flip,shift1"))
    assert not asked("turns").covers(asked("shift1"))
    assert [each.text for each in asked("flip,shift2").between] == [
        *("shift1", "shift2", "flip", "flip,shift1")
    ]
    with pytest.raises(UsageError, match="did you mean shift1"):
        Transforms.read("shfit1")
    with pytest.raises(UsageError, match="square"):
        Moves(asked("turns"), Shape(4, 5, 1))


def test_the_stated_order_is_shorter_shifts_first_and_b_before_a() -> None:
    named = Moves(asked("flip,shift1"), Shape(6, 6, 1)).names
    assert named[:6] == [
        *("none", "b:flip_left_right", "b:shift(-1,0)", "a:shift(-1,0)", "b:shift(0,-1)"),
        "a:shift(0,-1)",
    ]
    assert "a:flip_left_right" not in named  # the same distance as with b flipped
    assert named[-2:] == ["b:flip_left_right+shift(1,1)", "a:flip_left_right+shift(1,1)"]
