from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.errors import UsageError
from notmnist_store.near.kernels.groups import components, stars
from notmnist_store.near.kernels.join import Pairs

Edges = list[tuple[int, int]]


def as_pairs(edges: Edges, chunk: int = 10**9) -> list[Pairs]:
    """Chunks of pairs, as a join gives them."""
    chunks = [edges[at : at + chunk] for at in range(0, len(edges), chunk)]
    return [
        Pairs(
            np.array([a for a, _ in part], np.int32),
            np.array([b for _, b in part], np.int32),
            np.zeros(len(part), np.int64),
        )
        for part in chunks
    ]


def stars_one_by_one(n: int, order: list[int], edges: Edges) -> list[int]:
    close = {frozenset(edge) for edge in edges}
    star = [-1] * n
    heads: list[int] = []
    for image in order:
        star[image] = next((head for head in heads if frozenset((head, image)) in close), image)
        if star[image] == image:
            heads.append(image)
    return star


def components_one_by_one(n: int, edges: Edges) -> list[int]:
    label = list(range(n))
    for _ in range(n):
        for a, b in edges:
            label[a] = label[b] = min(label[a], label[b])
    return label


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[int], Edges]:
    n = draw(st.integers(1, 25))
    row = st.integers(0, n - 1)
    edges = draw(st.lists(st.tuples(row, row).filter(lambda e: e[0] != e[1]), max_size=60))
    order = draw(st.permutations(range(n)))
    return n, list(order), [(min(e), max(e)) for e in edges]


@given(graph=graphs(), chunk=st.integers(1, 70))
def test_stars_are_those_made_one_by_one(graph: tuple[int, list[int], Edges], chunk: int) -> None:
    n, order, edges = graph
    assert stars(n, order, as_pairs(edges, chunk)).tolist() == stars_one_by_one(n, order, edges)
    plain = stars_one_by_one(n, list(range(n)), edges)
    assert stars(n, None, as_pairs(edges, chunk)).tolist() == plain


@given(graph=graphs(), chunk=st.integers(1, 70))
def test_components_are_those_made_one_by_one(
    graph: tuple[int, list[int], Edges], chunk: int
) -> None:
    n, _, edges = graph
    assert components(n, as_pairs(edges, chunk)).tolist() == components_one_by_one(n, edges)


def test_a_chain_is_one_component_but_many_stars() -> None:
    """0 - 1 - 2 - 3 - 4: 2 is not near 0, so it stands for itself and 3."""
    chain = as_pairs([(0, 1), (1, 2), (2, 3), (3, 4)])
    assert components(5, chain).tolist() == [0, 0, 0, 0, 0]
    assert stars(5, None, chain).tolist() == [0, 0, 2, 2, 4]
    assert stars(5, [2, 0, 1, 3, 4], chain).tolist() == [0, 2, 2, 2, 4]


def test_the_first_representative_wins_not_the_nearest_or_a_member() -> None:
    edges = as_pairs([(0, 3), (1, 3), (0, 2), (2, 4)])
    assert stars(5, None, edges).tolist() == [0, 1, 0, 0, 4]


def test_no_pairs_and_no_images() -> None:
    assert stars(3, None, []).tolist() == [0, 1, 2]
    assert components(3, []).tolist() == [0, 1, 2]
    assert stars(0, None, []).tolist() == []
    assert components(0, []).tolist() == []


@pytest.mark.parametrize("order", [[0, 1], [0, 1, 1], [0, 1, 3], [1, 2, 3], [-1, 0, 1]])
def test_an_order_that_is_none_is_refused(order: list[int]) -> None:
    with pytest.raises(UsageError, match="order"):
        stars(3, order, [])


def test_pairs_of_other_images_are_refused() -> None:
    for edges in ([(0, 3)], [(-1, 2)]):
        with pytest.raises(UsageError, match="row"):
            stars(3, None, as_pairs(edges))
        with pytest.raises(UsageError, match="row"):
            components(3, as_pairs(edges))
