"""Transforms of a set of words, against numpy and Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from notmnist_store.errors import UsageError
from notmnist_store.near.kernels.moving import copies_made, moved_copies
from notmnist_store.near.kernels.transforms import Moves, listed_transforms, moved_picture
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import NONE, Transforms

SHAPES = [Shape(5, 5, 1), Shape(4, 7, 1), Shape(1, 6, 1), Shape(1, 1, 1), Shape(4, 4, 3)]
WORDS = ["none", "shift1", "shift2", "shift1,shift2", "flip", "flips", "turns"]
WORDS += ["flip,shift1", "flips,shift2", "turns,shift1"]


def transforms(words: str) -> Transforms:
    read = Transforms.read(words)
    assert read is not None
    return read


def fits(words: str, shape: Shape) -> bool:
    return "turns" not in words or shape.height == shape.width


CASES = [(words, shape) for words in WORDS for shape in SHAPES if fits(words, shape)]


@pytest.mark.parametrize(("words", "shape"), CASES, ids=str)
def test_every_name_moves_as_its_map_and_as_numpy_and_pillow(words: str, shape: Shape) -> None:
    picture = np.random.default_rng(1).integers(0, 256, shape.size, dtype=np.uint8)
    for move in Moves(transforms(words), shape).moves:
        grid = picture.reshape(shape.height, shape.width, shape.channels)
        for step in move.transform.name.split("+"):
            if step.startswith("shift("):
                down, right = map(int, step[6:-1].split(","))
                padded = np.pad(grid, ((2, 2), (2, 2), (0, 0)), mode="edge")
                top, left = 2 - down, 2 - right
                grid = padded[top : top + shape.height, left : left + shape.width]
            else:
                turn = Image.Transpose[step.upper()]
                channels = [
                    np.asarray(Image.fromarray(np.ascontiguousarray(grid[..., n])).transpose(turn))
                    for n in range(shape.channels)
                ]
                grid = np.stack(channels, axis=-1)
        expected = grid.ravel().tolist()
        assert picture[move.transform.source].tolist() == expected
        assert moved_picture(move.transform.name, picture, shape).tolist() == expected


@pytest.mark.parametrize(("words", "shape"), CASES, ids=str)
def test_copies_for_checks_are_those_listed_and_the_identity(words: str, shape: Shape) -> None:
    pixels = np.arange(shape.size, dtype=np.uint8)[None]
    copies = [copy[0].tobytes() for copy in moved_copies(pixels, transforms(words), shape)]
    listed = [pixels[0][t.source].tobytes() for t in listed_transforms(transforms(words), shape)]
    assert copies[0] == pixels[0].tobytes()
    assert len(copies) == copies_made(transforms(words))
    assert set(copies) == {pixels[0].tobytes(), *listed}
    assert len(set(listed)) == len(listed) == len(set(copies)) - 1


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("none", "none"),
        ("none,flip", "flip"),
        ("shift1, flip", "flip,shift1"),
        ("turns,flip,flips", "turns"),
        ("shift2,shift1", "shift1,shift2"),
    ],
)
def test_words_are_read_in_any_order(given: str, text: str) -> None:
    assert transforms(given).text == str(transforms(given)) == text
    assert Transforms.read(text) == transforms(given)


def test_nothing_given_is_nothing() -> None:
    assert Transforms.read(None) is None
    assert Transforms.read(NONE) is NONE


@pytest.mark.parametrize("given", ["", "shift3", "flip,,shift1", "Flip"])
def test_a_word_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(UsageError):
        Transforms.read(given)


def test_sets_cover_those_of_fewer_transforms() -> None:
    shape = Shape(5, 5, 1)
    of = {w: {t.source.tobytes() for t in listed_transforms(transforms(w), shape)} for w in WORDS}
    for one in WORDS:
        for other in WORDS:
            assert transforms(one).covers(transforms(other)) == (of[other] <= of[one])


def test_sets_between() -> None:
    assert [each.text for each in transforms("flip").between] == []
    assert [each.text for each in transforms("shift1").between] == []
    assert [each.text for each in transforms("shift2").between] == ["shift1"]
    assert [each.text for each in transforms("flip,shift1").between] == ["shift1", "flip"]


def test_turns_are_for_squares() -> None:
    with pytest.raises(UsageError, match="square") as refused:
        Moves(transforms("turns"), Shape(4, 7, 1))
    assert "--transforms flips" in str(refused.value.hint)
