"""Galleries of pairs: what moved is shown moved back, with the difference that is left then."""

from __future__ import annotations

import base64
import csv
import io
import re

import numpy as np
import pytest
from PIL import Image

import notmnist_store
from notmnist_store.store import Store
from tests.support.archives import png

NOISE = np.zeros((28, 28, 1), np.uint8)
NOISE[5, 6] = 40


def shifted(picture: np.ndarray, down: int, right: int) -> np.ndarray:
    """Moved by one pixel at the most, its edges repeated."""
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return padded[1 - down : 29 - down, 1 - right : 29 - right]


def pairs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """An image of test and its twin in train, by what of them the page has to move."""
    random = np.random.default_rng(0)
    b, a, equal, plain, flipped = random.integers(0, 200, (5, 28, 28, 1), dtype=np.uint8)
    return {
        "b:shift(1,-1)": (shifted(b, 1, -1) + NOISE, b),
        "a:shift(0,1)": (a, shifted(a, 0, 1) + NOISE),
        "a:shift(-1,0)": (equal, shifted(equal, -1, 0)),
        "none": (plain, plain + NOISE),
        "b:flip_left_right": (flipped[:, ::-1] + NOISE, flipped),
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("moved")
    source = folder / "source"
    source.mkdir()
    with (source / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file_name", "label", "split"])
        for number, both in enumerate(pairs().values()):
            for picture, label, split in zip(both, "AB", ("test", "train"), strict=True):
                (source / f"{number}{label}.png").write_bytes(png(picture))
                rows.writerow([f"{number}{label}.png", label, split])
    made = notmnist_store.open(folder / "store")
    made.ingest(source)
    made.near_duplicates(transforms="flip,shift1")
    return made


class Page:
    """The cards of a section, and what its thumbnails show."""

    def __init__(self, store: Store, transforms: str, section: str) -> None:
        text = store.report(transforms=transforms).content.decode()
        png_of = re.search(
            rf"\.s-{section}{{background-image:url\(data:image/png;base64,(.*?)\)", text
        )
        assert png_of is not None
        sheet = Image.open(io.BytesIO(base64.b64decode(png_of[1])))
        self._sheet, self._section = np.asarray(sheet)[:, :, None], section
        self.cards = [
            card
            for card in re.findall(r'<li class="card">.*?</li>', text, re.DOTALL)
            if f" s-{section} " in card
        ]

    def thumbnails(self, card: str) -> list[np.ndarray]:
        places = re.findall(rf" s-{self._section} c(\d+) r(\d+)", card)
        return [
            self._sheet[
                28 * int(row) : 28 * (int(row) + 1), 28 * int(column) : 28 * (int(column) + 1)
            ]
            for column, row in places
        ]

    def card_of(self, picture: np.ndarray) -> str:
        (found,) = [
            card
            for card in self.cards
            if any(np.array_equal(picture, shown) for shown in self.thumbnails(card))
        ]
        return found


@pytest.mark.parametrize("section", ["leaks", "near-conflicts"])
def test_what_moved_is_shown_moved_back_below_it(store: Store, section: str) -> None:
    page = Page(store, "flip,shift1", section)
    assert len(page.cards) == len(pairs())
    for name, (image, twin) in pairs().items():
        card = page.card_of(image)
        shown = page.thumbnails(card)
        which, _, how = name.partition(":")
        moved = {"a": twin, "b": image}.get(which)
        distance = "0" if name.endswith("shift(-1,0)") else f"{40 / 255:.3f}"
        assert f"distance {distance}<" in card
        assert (f"moved by {how}" in card) == (moved is not None)
        if moved is None:
            expected = [image, twin]
        elif distance == "0":
            expected = [image, moved, twin] if which == "a" else [image, twin, moved]
            assert "equal, once moved" in card
        else:
            back = np.where(NOISE > 0, moved - NOISE, moved)
            expected = [image, back, twin] if which == "a" else [image, twin, back]
        if distance != "0":
            expected.append(np.where(NOISE > 0, 255, 0))
        assert len(shown) == len(expected), name
        for one, other in zip(shown, expected, strict=True):
            assert np.array_equal(one, other), name


def test_a_page_of_plain_near_copies_moves_nothing(store: Store) -> None:
    page = Page(store, "none", "leaks")
    image, twin = pairs()["none"]
    (card,) = page.cards
    shown = page.thumbnails(card)
    assert np.array_equal(shown[:2], (image, twin))
    assert "moved" not in card


@pytest.mark.parametrize(
    ("transforms", "kinds"),
    [("none", ["near"]), ("shift1", ["moved"] * 4), ("flip,shift1", ["moved"] * 5)],
)
def test_the_report_of_leaks_is_that_of_the_transforms_asked_for(
    store: Store, transforms: str, kinds: list[str]
) -> None:
    found = store.sql("leaks", params={"transforms": transforms}).rows()
    assert [row["kind"] for row in found] == kinds
    audit = store.audit("split_leak_near", transforms=transforms, fail_on="never")
    assert len(audit.rows()) == len(kinds)
