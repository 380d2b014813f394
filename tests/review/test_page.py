"""The page in Chromium, judged by pressing real keys."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import notmnist_store
from notmnist_store.storage.pixels import pixels_by_id
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.browser import Browser, browser
from tests.support.review import Served, served, store_of_pairs

pytest.importorskip("starlette", reason="the extra [review] is not installed")
pytest.importorskip("uvicorn", reason="the extra [review] is not installed")

PAIRS = 110


@pytest.fixture(scope="module")
def page() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_of_pairs(tmp_path_factory.mktemp("page"), PAIRS)


@pytest.fixture
def pairs(tmp_path: Path, made: Store) -> Store:
    return notmnist_store.open(shutil.copytree(made.path, tmp_path / "store"))


@pytest.fixture(scope="module")
def look(made: Store) -> Iterator[Served]:
    """A review that is only looked at."""
    with served(made) as review:
        yield review


def wait(page: Browser, script: str) -> Any:
    """What a script returns as soon as that is something."""
    return WebDriverWait(page.driver, 30, 0.02).until(lambda _: page.run(f"return {script}"))


def open_page(page: Browser, review: Served, **window: Any) -> None:
    page.open(review.address, **window)
    wait(page, "document.documentElement.dataset.ready === 'yes'")


def press(page: Browser, *keys: str) -> None:
    actions = ActionChains(page.driver)
    for key in keys:
        actions.send_keys(key)
    actions.perform()


def at(page: Browser, place: int) -> None:
    """Wait until this card, counted from 1, is shown."""
    wait(page, f"document.getElementById('place').textContent.startsWith('{place} of')")


def decided(store: Store) -> dict[int, tuple[str, str | None]]:
    rows = store.sql("select image_id, action, value from decision where is_current").rows()
    return {row["image_id"]: (row["action"], row["value"]) for row in rows}


@pytest.mark.slow
def test_a_hundred_verdicts_by_keys_and_a_killed_server_in_the_middle(
    page: Browser, pairs: Store
) -> None:
    keys = {"d": "drop", "k": "keep", "n": "not_duplicate"}
    pressed = [("d", "k", "n")[n % 3] for n in range(100)]
    said: dict[int, str] = {}

    def judge(first: int, keys_now: list[str]) -> None:
        for place, key in enumerate(keys_now, first):
            at(page, place)
            image = page.run("return document.querySelector('#stage [data-image]').dataset.image")
            press(page, key)
            at(page, place + 1)
            said[int(image)] = keys[key]

    with served(pairs) as review:
        open_page(page, review)
        judge(1, pressed[:50])
        review.kill()
        shown = page.driver.find_element(By.ID, "place").text
        press(page, "d", "d")
        wait(page, "!document.getElementById('trouble').hidden")
        assert "does not answer" in page.driver.find_element(By.ID, "trouble").text
        assert page.driver.find_element(By.ID, "place").text == shown, "it was not judged"
    with served(pairs) as review:
        open_page(page, review)
        first = int(page.driver.find_element(By.ID, "place").text.split(" ")[0].replace(",", ""))
        judge(first, pressed[50:])
        wait(page, "document.getElementById('saved').textContent.includes('50')")
        review.leave()
    assert {image: action for image, (action, _) in decided(pairs).items()} == said
    assert len(said) == 100


def test_every_verdict_has_its_key_and_undo_takes_it_back(page: Browser, pairs: Store) -> None:
    with served(pairs) as review:
        open_page(page, review)
        ids = []
        for place, keys in enumerate(["d", "k", "n", "r", "sd"], 1):
            at(page, place)
            sides = page.driver.find_elements(By.CSS_SELECTOR, "#stage [data-image]")
            ids.append([int(side.get_attribute("data-image") or 0) for side in sides])
            press(page, *keys)
            if keys == "r":
                wait(page, "document.getElementById('relabel').open")
                press(page, *"New label", "\ue007")
            at(page, place + 1)
        press(page, "\ue012", "\ue012", "\ue014", "d", "u")  # back twice, next, drop, undo
        wait(page, "document.getElementById('spoken').textContent === 'undone'")
        at(page, 5)
        press(page, "?")
        wait(page, "document.getElementById('keys').open")
        text = page.driver.find_element(By.ID, "keys").text
        press(page, "\ue00c")
        press(page, "u")  # what came first: the twin's drop
        wait(page, "document.getElementById('saved').textContent.startsWith('8')")
        page.driver.find_element(By.ID, "pause").click()
        wait(page, "document.getElementById('saved').textContent === 'all stored'")
        page.driver.refresh()  # what was said can be taken back after it, too
        wait(page, "document.documentElement.dataset.ready === 'yes'")
        hashes = {
            row["image_id"]: row["pixel_hash"]
            for row in pairs.sql("select image_id, pixel_hash from image").rows()
        }
        assert decided(pairs) == {
            ids[0][0]: ("drop", None),
            ids[1][0]: ("keep", None),
            ids[2][0]: ("not_duplicate", hashes[ids[2][1]]),
            ids[3][0]: ("relabel", "New label"),
        }
        press(page, "u")  # the relabel, which is stored
        wait(page, "!document.getElementById('pause').disabled")
        page.driver.find_element(By.ID, "pause").click()
        wait(page, "document.getElementById('saved').textContent === 'all stored'")
        assert ids[3][0] not in decided(pairs)
        assert len(decided(pairs)) == 3
    for what in ("drop", "keep", "relabel", "no copies", "last verdict back", "mark", "grid"):
        assert what in text
    assert page.console() == []


def test_many_are_marked_in_a_grid_and_judged_at_once(page: Browser, pairs: Store) -> None:
    with served(pairs) as review:
        open_page(page, review)
        press(page, "g")
        wait(page, "document.querySelectorAll('.cell').length === 24")
        press(page, "m", "\ue014", "\ue014", "m")
        wait(page, "document.querySelectorAll('.cell.marked').length === 2")
        page.driver.find_elements(By.CSS_SELECTOR, ".cell")[5].click()
        wait(page, "document.querySelectorAll('.cell.marked').length === 3")
        page.driver.find_element(By.CSS_SELECTOR, "[data-action=drop]").click()
        wait(page, "document.querySelectorAll('.cell.done').length === 3")
        press(page, "a", "k")
        wait(page, "document.getElementById('place').textContent.startsWith('25 of')")
        review.leave()
    counted = [action for action, _ in decided(pairs).values()]
    assert (counted.count("drop"), counted.count("keep")) == (0, 24)


def test_the_pixels_shown_are_those_of_the_store(page: Browser, made: Store, look: Served) -> None:
    open_page(page, look)
    at(page, 1)
    sides = page.driver.find_elements(By.CSS_SELECTOR, "#stage [data-image]")
    ids = [int(side.get_attribute("data-image") or 0) for side in sides]
    pixels = pixels_by_id(Tables.open(Path(str(made.path))), ids)
    wanted = [pixels[ids[0]], pixels[ids[1]]]
    apart = np.abs(wanted[0].astype(int) - wanted[1])
    wanted.append((apart * 255 // apart.max()).astype(np.uint8))
    for name, picture in zip(("image", "twin", "difference"), wanted, strict=True):
        canvas = page.driver.find_element(By.CSS_SELECTOR, f"canvas[data-tile={name}]")
        page.run("arguments[0].style.borderRadius = '0'", canvas)
        shown = page.pixels(canvas)
        scale = shown.shape[0] // 28
        assert scale >= 3
        enlarged = np.kron(np.repeat(picture, 3, axis=2), np.ones((scale, scale, 1), np.uint8))
        assert np.array_equal(shown, enlarged), "scaled without smoothing"


def test_flicker_shows_one_and_the_other_in_one_place(page: Browser, look: Served) -> None:
    open_page(page, look)
    pixel = (
        "[...document.querySelector('canvas[data-tile=image]').getContext('2d')"
        ".getImageData(0, 0, 28, 28).data].join() === [...document.querySelector("
        "'canvas[data-tile=twin]').getContext('2d').getImageData(0, 0, 28, 28).data].join()"
    )
    wait(page, f"!({pixel})")
    press(page, "f")
    wait(page, pixel)
    wait(page, f"!({pixel})")
    press(page, "f")
    wait(page, "document.querySelector('[data-action=flicker]').ariaPressed === 'false'")
    assert not page.run(f"return {pixel}")


def test_a_select_opens_a_queue_and_what_is_wrong_is_said(
    page: Browser, made: Store, look: Served
) -> None:
    open_page(page, look)
    field = page.driver.find_element(By.ID, "sql")
    field.send_keys("select image_id from image where label = 'B'")
    page.driver.find_element(By.CSS_SELECTOR, "#ask button").click()
    counted = len(made.sql("select 1 from image where label = 'B'"))
    wait(page, f"document.getElementById('place').textContent === '1 of {counted}'")
    assert page.driver.find_element(By.ID, "title").text == "A SELECT"
    field.clear()
    field.send_keys("select label from image")
    page.driver.find_element(By.CSS_SELECTOR, "#ask button").click()
    wait(page, "!document.getElementById('empty').hidden")
    assert "no column image_id" in page.driver.find_element(By.ID, "empty").text


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_fits_its_window_is_readable_and_asks_for_nothing(
    page: Browser, look: Served, width: int, dark: bool
) -> None:
    open_page(page, look, width=width, dark=dark)
    assert page.run("return document.documentElement.scrollWidth") == width
    low = page.run(CONTRAST)
    assert low == []
    nameless = page.run(
        "return [...document.querySelectorAll('button, canvas, input, textarea')].filter((node) =>"
        " !(node.textContent.trim() || node.ariaLabel || node.labels?.length)).length"
    )
    assert nameless == 0
    assert page.console() == []
    asked = page.requests()
    assert asked
    assert all(one.startswith((look.address, "data:")) for one in asked), asked


CONTRAST = """
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
  .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const colour = rgb(getComputedStyle(at).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
return [...document.querySelectorAll('body *')].filter((node) =>
  [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())
  && node.checkVisibility() && !node.closest(':disabled')
).map((node) => {
  const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))];
  return [node.outerHTML.slice(0, 90), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
}).filter(([, ratio]) => ratio < 4.5);
"""
