"""The transforms of a set as index maps, and the sweeps that find the pairs of all of them.

A transform moves pixels, it computes none: t(x)[p] = x[source[p]]. A turn is a permutation. A shift
repeats the edge pixel where nothing comes in (`np.pad(mode="edge")`); the pixels that do come from
within are `inside`.

A *move* is a transform and the picture it moves, and has a distance of two pictures: |a - t(b)| or
|t(a) - b|. Its inside pixels match pixels of a with pixels of b, one to one, and the sum over the
matched ones alone is no more than the whole. Moves with the same matching, as b moved one to the
right and a moved one to the left, are found in one *sweep*: both sides are reduced to the matched
pixels, put in one order, all others 0; the join of what is left, at the same radius, has every pair
of every such move. What it finds is then settled by the whole distances. Where a set is joined with
itself, a matching and its reverse are one sweep as well, with the sides changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from notmnist_store.schema.arrays import Bools, Ints, Pixels, Rows
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import NONE, Transforms

_BY_WORD: tuple[tuple[tuple[str, Callable[[Ints], Ints]], ...], ...] = (
    (("flip_left_right", lambda grid: grid[:, ::-1]),),
    (
        ("flip_top_bottom", lambda grid: grid[::-1]),
        ("rotate_180", lambda grid: grid[::-1, ::-1]),
    ),
    (
        ("rotate_90", lambda grid: np.rot90(grid)),
        ("rotate_270", lambda grid: np.rot90(grid, 3)),
        ("transpose", lambda grid: grid.T),
        ("transverse", lambda grid: grid[::-1, ::-1].T),
    ),
)
"""What each word of TURNS adds, in Pillow's words: counter-clockwise."""


_SHIFT = re.compile(r"shift\((-?\d),(-?\d)\)")

SweptMoves = tuple[Rows, Bools, Rows, Rows]
"""The m moves of a sweep: sources (m, d), which move b (m,), numbers (m,), and those with the sides
changed (m,)."""


@dataclass(frozen=True, eq=False)
class Transform:
    """One transform of pictures of d values: t(x)[p] = x[source[p]].

    name    as `shift(1,-1)`: 1 down, 1 to the left; `flip_left_right+shift(0,1)`: flipped first
    least   the least set of words that has it
    source  (d,) int64
    inside  (d,) bool: false where an edge was repeated
    """

    name: str
    least: Transforms
    source: Ints
    inside: Bools


@dataclass(frozen=True, eq=False)
class Move:
    """A transform that moves one of two pictures: b where `moves_b`, else a."""

    transform: Transform
    moves_b: bool

    @property
    def name(self) -> str:
        """As it stands in table pair, `b:shift(1,-1)`."""
        return f"{'b' if self.moves_b else 'a'}:{self.transform.name}"

    def pixels(self, *, inside: bool) -> tuple[Ints, Ints]:
        """The pixels of a and those of b that are compared, all or the inside ones, by those of a.

        Two moves that compare the same pixels have the same distance for any two pictures.
        """
        moved = np.flatnonzero(self.transform.inside | (not inside))
        source = self.transform.source[moved]
        one, other = (moved, source) if self.moves_b else (source, moved)
        order = np.lexsort((other, one))
        return one[order], other[order]

    def key(self, *, inside: bool, swapped: bool = False) -> bytes:
        """Equal for moves that compare the same pixels; `swapped`: a in place of b."""
        one, other = self.pixels(inside=inside)
        if swapped:
            order = np.lexsort((one, other))
            one, other = other[order], one[order]
        return np.stack([one, other]).tobytes()


@dataclass(frozen=True, eq=False)
class Sweep:
    """A join that finds the pairs of one or more moves.

    left, right  (d,) int64: the pixels of a and b that are compared, -1 for none
    codes        (m,) numbers of the moves in `Moves`
    swapped      (m,) their numbers where the picture on the left is called b: of one set, where it
                 has the greater row
    """

    left: Ints
    right: Ints
    codes: list[int]
    swapped: list[int]


class Moves:
    """All moves of a set of transforms on images of a shape, numbered in their order from 1.

    0 is the identity. The order is that in which the nearest of several equally near moves is
    chosen: by how far the words shift, and turn, then as the transforms are listed, b before a.
    """

    def __init__(self, transforms: Transforms, shape: Shape) -> None:
        transforms.check(shape)
        self.shape = shape
        every = [Move(t, b) for t in listed_transforms(transforms, shape) for b in (True, False)]
        first: dict[bytes, int] = {}
        self.moves: list[Move] = []
        for move in every:
            key = move.key(inside=False)
            if key not in first:
                self.moves.append(move)
                first[key] = len(self.moves)
        self._numbers = first
        self.names = [NONE.text, *(move.name for move in self.moves)]
        self.sets = transforms.within
        self.set_of = np.array(
            [0, *(self.sets.index(move.transform.least) for move in self.moves)], np.int64
        )

    @cached_property
    def sources(self) -> Ints:
        """(moves + 1, d) int64: source of the transform of each number."""
        identity = np.arange(self.shape.size)
        return np.stack([identity, *(move.transform.source for move in self.moves)])

    @cached_property
    def moves_b(self) -> Bools:
        """(moves + 1,) whether each number moves b."""
        return np.array([True, *(move.moves_b for move in self.moves)])

    def of(self, sweep: Sweep) -> SweptMoves:
        """The moves of a sweep as a join takes them."""
        chosen = np.array(sweep.codes, np.int32)
        return (
            self.sources[chosen].astype(np.int32),
            self.moves_b[chosen],
            chosen,
            np.array(sweep.swapped, np.int32),
        )

    def sweeps(self, *, of_one_set: bool) -> list[Sweep]:
        """The joins that find all pairs of all moves, but those of the identity."""
        groups: dict[bytes, Sweep] = {}
        for number, move in enumerate(self.moves, 1):
            swapped = self._numbers[move.key(inside=False, swapped=True)]
            key = move.key(inside=True)
            if of_one_set and key not in groups:
                reverse = move.key(inside=True, swapped=True)
                if reverse in groups:
                    if number not in groups[reverse].swapped:
                        groups[reverse].codes.append(swapped)
                        groups[reverse].swapped.append(number)
                    continue
            if key not in groups:
                left, right = (np.full(self.shape.size, -1) for _ in range(2))
                one, other = move.pixels(inside=True)
                left[one], right[one] = one, other
                groups[key] = Sweep(left, right, [], [])
            groups[key].codes.append(number)
            groups[key].swapped.append(swapped)
        return list(groups.values())


def nearest_move(moves: Moves, a: Pixels, b: Pixels) -> tuple[int, int]:
    """The least squared distance of two pictures (d,) over the moves, and its move's number."""
    sources, moves_b = moves.sources, moves.moves_b
    one = np.where(moves_b[:, None], a, a[sources]).astype(np.int64)
    other = np.where(moves_b[:, None], b[sources], b)
    squared = ((one - other) ** 2).sum(axis=1)
    number = int(np.argmin(squared))
    return int(squared[number]), number


def moved_picture(name: str, pixels: Pixels, shape: Shape) -> Pixels:
    """A picture (d,) moved by the transform of this name, as it stands behind `a:` or `b:`."""
    turns = dict(one for of_word in _BY_WORD for one in of_word)
    grid = pixels.reshape(shape.height * shape.width, shape.channels)
    for step in name.split("+"):
        if shifted := _SHIFT.fullmatch(step):
            source = _shift(int(shifted[1]), int(shifted[2]), _one_channel(shape)).source
        else:
            places = np.arange(len(grid)).reshape(shape.height, shape.width)
            source = turns[step](places).ravel()
        grid = grid[source]
    return np.ascontiguousarray(grid).reshape(-1)


def _one_channel(shape: Shape) -> Shape:
    return Shape(shape.height, shape.width, 1)


def listed_transforms(transforms: Transforms, shape: Shape) -> list[Transform]:
    """The transforms of a set, no two alike and none the identity, in their stated order."""
    size = shape.size
    identity = Transform("", NONE, np.arange(size), np.ones(size, np.bool_))
    seen = {identity.source.tobytes()}
    found = []
    for wanted in sorted(transforms.within, key=lambda each: (each.shifts, each.turns)):
        for turn in _turns(wanted.turns, shape, identity):
            for shift in _shifts(wanted.shifts, shape, identity):
                both = _one_after_the_other(turn, shift, wanted)
                key = both.source.tobytes()
                if key not in seen:
                    seen.add(key)
                    found.append(both)
    return found


def _turns(level: int, shape: Shape, identity: Transform) -> Iterator[Transform]:
    """The turns that the word of this level adds to those before it."""
    if not level:
        yield identity
        return
    pixels = np.arange(shape.height * shape.width).reshape(shape.height, shape.width)
    for name, turned in _BY_WORD[level - 1]:
        yield _on_channels(name, turned(pixels), np.ones_like(pixels, np.bool_), shape)


def _shifts(level: int, shape: Shape, identity: Transform) -> Iterator[Transform]:
    """The shifts that the words of this level add to those before it."""
    if not level:
        yield identity
    elif level < 3:
        yield from (_shift(*by, shape) for by in _steps(level) if max(map(abs, by)) == level)
    else:
        for one in _steps(1):
            for two in _steps(2):
                yield _one_after_the_other(_shift(*one, shape), _shift(*two, shape), NONE)


def _steps(most: int) -> list[tuple[int, int]]:
    """Steps down and to the right of at most so many pixels, the shortest first."""
    reach = range(-most, most + 1)
    every = [(down, right) for down in reach for right in reach if down or right]
    return sorted(every, key=lambda by: (by[0] ** 2 + by[1] ** 2, by))


def _shift(down: int, right: int, shape: Shape) -> Transform:
    height, width = shape.height, shape.width
    rows, columns = np.arange(height) - down, np.arange(width) - right
    from_row, from_column = rows.clip(0, height - 1), columns.clip(0, width - 1)
    source = from_row[:, None] * width + from_column
    inside = (from_row == rows)[:, None] & (from_column == columns)
    return _on_channels(f"shift({down},{right})", source, inside, shape)


def _on_channels(name: str, source: Ints, inside: Bools, shape: Shape) -> Transform:
    """A transform of the grid, for every channel; values of a pixel stand side by side."""
    channels = np.arange(shape.channels)
    values = source.reshape(-1, 1) * shape.channels + channels
    return Transform(name, NONE, values.ravel(), np.repeat(inside.ravel(), shape.channels))


def _one_after_the_other(first: Transform, second: Transform, least: Transforms) -> Transform:
    name = "+".join(each.name for each in (first, second) if each.name)
    inside = second.inside & first.inside[second.source]
    return Transform(name, least, first.source[second.source], inside)
