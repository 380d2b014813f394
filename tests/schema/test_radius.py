"""A radius: read exactly, scaled to a shape, and refused where it is none."""

from __future__ import annotations

from decimal import Context, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notmnist_store.errors import UsageError
from notmnist_store.schema.radius import GROUP, SEARCH, Radius, distance
from notmnist_store.schema.shape import DEFAULT_SHAPE, Shape

UP, DOWN = Context(prec=60, rounding="ROUND_CEILING"), Context(prec=60, rounding="ROUND_FLOOR")


@pytest.mark.parametrize(
    ("radius", "expected"),
    [
        ("0", 0),
        ("0.5", 16_256),  # 16,256.25
        ("0.50", 16_256),
        ("1", 65_025),
        ("1.0", 65_025),
        (" 2.0 ", 260_100),
        ("2", 260_100),
        ("1e1", 6_502_500),
        ("0.1", 650),  # 650.25: the float nearest to 0.1 squared would do too, 0.3 would not
        (0.1, 650),
        ("0.003921568627450980392", 0),  # a little less than 1/255
        ("0.003921568627450980393", 1),  # a little more
        (3, 585_225),
        (Radius("0.5"), 16_256),
        ("1e-999999999", 0),
        ("1e18", 65_025 * 10**36),
    ],
)
def test_the_squared_radius_is_exact(radius: str | float | Radius, expected: int) -> None:
    assert Radius(radius).squared == expected


@given(k=st.integers(1, 10**12))
@example(k=51)
def test_a_radius_reaches_what_is_as_far_and_no_farther(k: int) -> None:
    """k / 255 is no decimal: the next one above it reaches k * k, the next one below does not."""
    assert Radius(str(UP.divide(Decimal(k), Decimal(255)))).squared == k * k
    if k % 51:  # else k / 255 is a decimal
        assert Radius(str(DOWN.divide(Decimal(k), Decimal(255)))).squared == k * k - 1


@pytest.mark.parametrize(
    "radius",
    [
        -1,
        -0.5,
        float("nan"),
        True,
        "-1",
        "-0.0001",
        "nan",
        "NaN",
        "sNaN",
        "inf",
        "-inf",
        "",
        "two",
        "1e19",
        "1/2",
        "1e999999999999",
    ],
)
def test_what_is_no_radius_is_refused(radius: str | float) -> None:
    with pytest.raises(UsageError, match="a radius is a number from 0 up") as caught:
        Radius(radius)
    assert caught.value.hint


def test_a_radius_keeps_its_text() -> None:
    assert str(Radius("1.0")) == Radius(1.0).text == "1.0"
    assert Radius("1.0") == Radius(" 1.0 ") != Radius("1")
    assert [Radius(text).shortest.text for text in ("1.0", "10", "0.50", "0.0001", "1e-30")] == [
        "1",
        "10",
        "0.5",
        "0",
        "0",
    ]


def test_what_was_not_given_is_the_default_for_the_shape() -> None:
    large = Shape(32, 32, 3)
    assert Radius.of(None, DEFAULT_SHAPE, GROUP) is GROUP
    assert Radius.of(None, large, SEARCH) == SEARCH.scaled(large) == Radius("3.96")
    assert Radius.of("1.5", large, SEARCH) == Radius.of(Radius("1.5"), large, SEARCH)
    assert Radius.read(None) is None
    assert Radius.read(0) == Radius("0")


def test_a_squared_distance_is_read_as_a_distance() -> None:
    assert distance(Radius("2").squared) == 2.0
