"""The report page as a reader sees it, in Chromium: pictures, width, hostile names, clicks."""

from __future__ import annotations

import csv
import io
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from selenium.webdriver.common.by import By

import notmnist_store
from notmnist_store.storage.pixels import pixels_by_id
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from notmnist_store.testing import make_bad_store
from tests.support.archives import picture, png
from tests.support.browser import Browser, browser

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "\"'><script>alert(2)</script>",
    "</script><script>window.hacked=1</script>",
    "</style><style>body{display:none}</style>",
    "<!--",
    "&lt;b&gt; \u202e50% $x_1$, \\LaTeX{}",
)


@pytest.fixture(scope="module")
def page() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("bad")
    make_bad_store(folder / "bad")
    store = notmnist_store.open(folder / "bad")
    store.report(folder / "bad.html", split_set="bad")
    return store


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a store whose labels, paths and names are HTML, with copies of every label."""
    folder = tmp_path_factory.mktemp("hostile")
    source = folder / "source"
    source.mkdir()
    with (source / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file_name", "label", "split"])
        for number, label in enumerate(HOSTILE):
            for copy, split in enumerate(("train", "valid", "test")):
                name = f"<svg onload=alert(3)>{number}{copy}.png"
                (source / name).write_bytes(png(picture(number // 2)))
                rows.writerow([name, label, split])
        (source / "<b>.png").write_bytes(b"")
        rows.writerow(["<b>.png", "<b>", "train"])
    store = notmnist_store.open(folder / "<i>store")
    store.ingest(source, name="<u>source & co")
    store.near_duplicates()
    store.report(folder / "hostile.html")
    return folder / "hostile.html"


def page_of(store: Store) -> Path:
    return store.path.with_suffix(".html")


def figures(page: Browser, inside: str = "body") -> list[Any]:
    return list(page.driver.find_elements(By.CSS_SELECTOR, f"{inside} [data-image]"))


def decisions(page: Browser) -> list[dict[str, str]]:
    text = page.run("return document.getElementById('csv').value")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_is_quiet_fits_its_window_and_asks_for_nothing(
    page: Browser, bad: Store, width: int, dark: bool
) -> None:
    page.open(page_of(bad), width=width, dark=dark)
    assert page.run("return document.documentElement.scrollWidth") == width
    assert page.driver.find_element(By.TAG_NAME, "h2").text == "Not ready to train on"
    light, ink = page.run(
        "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
    )
    brightness = [sum(map(int, c[4:-1].split(","))) for c in (light, ink)]
    assert (brightness[0] < brightness[1]) == dark
    assert page.console() == []
    asked = page.requests()
    assert asked[0] == page_of(bad).resolve().as_uri()
    assert all(address.startswith("data:") for address in asked[1:])


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1400])
def test_the_texts_of_a_plot_are_readable_within_it_and_apart(
    page: Browser, bad: Store, width: int, dark: bool
) -> None:
    page.open(page_of(bad), width=width, dark=dark)
    plots = page.run(
        "return [...document.querySelectorAll('.plot')].map((plot) => ({"
        " id: plot.id, box: plot.getBoundingClientRect().toJSON(),"
        " ink: getComputedStyle(document.body).color,"
        " texts: [...plot.querySelectorAll('text')].map((text) => ({text: text.textContent,"
        " ink: getComputedStyle(text).fill, box: text.getBoundingClientRect().toJSON()}))}))"
    )
    assert {plot["id"] for plot in plots} == {"balance-plot", "distance-plot"}
    for plot in plots:
        assert len(plot["texts"]) > 5
        assert {text["ink"] for text in plot["texts"]} == {plot["ink"]}
        for text in plot["texts"]:
            inner, outer = text["box"], plot["box"]
            assert outer["left"] <= inner["left"] < inner["right"] <= outer["right"], text
            assert outer["top"] <= inner["top"] < inner["bottom"] <= outer["bottom"] + 1, text
        for a, b in itertools.combinations(plot["texts"], 2):
            one, other = a["box"], b["box"]
            beside = one["right"] <= other["left"] or other["right"] <= one["left"]
            above = one["bottom"] <= other["top"] or other["bottom"] <= one["top"]
            assert beside or above, (a, b)


def test_nothing_in_the_sections_is_cut_at_the_window_of_a_phone(page: Browser, bad: Store) -> None:
    """What is wider than the page scrolls in a box of its own."""
    page.open(page_of(bad), width=400)
    page.run("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
    assert page.run("return document.documentElement.scrollWidth") == 400
    outside = page.run(
        "return [...document.querySelectorAll('main *, header *')].filter((node) =>"
        " node.getBoundingClientRect().right > innerWidth + 1"
        " && !node.closest('.scroll, pre')).map((node) => node.outerHTML.slice(0, 80))"
    )
    assert outside == []


def test_the_pixels_of_a_thumbnail_are_those_of_the_store(page: Browser, bad: Store) -> None:
    page.open(page_of(bad))
    checked = 0
    for figure in figures(page, "#leaks")[:4] + figures(page, "#blanks")[:3]:
        image_id = int(figure.get_attribute("data-image"))
        shown = page.pixels(figure.find_element(By.CSS_SELECTOR, ".t"))
        pixels = pixels_by_id(Tables.open(bad.path), [image_id])[image_id]
        scale = shown.shape[0] // 28
        enlarged = np.kron(np.repeat(pixels, 3, axis=2), np.ones((scale, scale, 1), np.uint8))
        middle = slice(3, -3)  # its corners are round
        assert np.array_equal(shown[middle, middle], enlarged[middle, middle])
        checked += 1
    assert checked >= 5


def test_a_difference_shows_where_two_pictures_differ(page: Browser, bad: Store) -> None:
    page.open(page_of(bad))
    shown = page.pixels(page.driver.find_element(By.CSS_SELECTOR, "#conflicts .t.d"))
    pair = figures(page, "#conflicts li:has(.t.d)")[:2]
    a, b = (int(figure.get_attribute("data-image")) for figure in pair)
    pixels = pixels_by_id(Tables.open(bad.path), [a, b])
    apart = np.abs(pixels[a].astype(int) - pixels[b])
    scale = shown.shape[0] // 28
    enlarged = np.kron(apart * 255 // apart.max(), np.ones((scale, scale, 1), int))
    assert np.array_equal(shown[3:-3, 3:-3, :1], enlarged[3:-3, 3:-3])


@pytest.mark.slow
def test_names_and_labels_of_a_hostile_store_stay_text(page: Browser, hostile: Path) -> None:
    page.open(hostile)
    page.run("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
    assert page.console() == []
    assert page.run("return window.hacked") is None
    assert page.run("return document.scripts.length") == 2
    assert page.run("return document.querySelectorAll('img, body b b, style ~ style').length") == 0
    assert page.driver.find_element(By.TAG_NAME, "h1").text == "<u>source & co"
    assert page.run("return JSON.parse(document.getElementById('labels').textContent)") == sorted(
        HOSTILE
    )
    labels = {
        row.text
        for row in page.driver.find_elements(By.CSS_SELECTOR, "#balance tbody th")
        if row.text != "all labels"
    }
    assert labels == {label.replace("\u202e", "") for label in HOSTILE}


def test_a_click_decides_and_the_csv_says_so(page: Browser, bad: Store) -> None:
    page.open(page_of(bad))
    first, second, third, fourth = figures(page, "#leaks")[2:6]
    ids = [figure.get_attribute("data-image") for figure in (first, second, third, fourth)]
    assert len(set(ids)) == 4
    bar = page.driver.find_element(By.ID, "decisions")
    assert not bar.is_displayed()

    def click(figure: Any, times: int) -> None:
        for _ in range(times):
            page.run("arguments[0].scrollIntoView({block: 'center'})", figure)
            figure.find_element(By.CSS_SELECTOR, ".t").click()

    click(first, 1)
    click(second, 2)
    click(third, 3)
    assert [row["action"] for row in decisions(page)] == ["drop", "keep"]
    assert "1 without its label" in bar.text
    label = third.find_element(By.CSS_SELECTOR, "select")
    label.find_element(By.CSS_SELECTOR, "option[value=C]").click()
    click(fourth, 4)
    twin = fourth.get_attribute("data-twin")
    made = [(row["image_id"], row["action"], row["value"]) for row in decisions(page)]
    assert made == [
        (ids[0], "drop", ""),
        (ids[1], "keep", ""),
        (ids[2], "relabel", "C"),
        (ids[3], "not_duplicate", twin),
    ]
    hashes = bad.sql(f"select image_id from image where pixel_hash = '{twin}'").rows()
    assert hashes
    assert {row["note"] for row in decisions(page)} == {"report: leaks"}
    link = page.driver.find_element(By.ID, "download").get_attribute("href")
    assert link.startswith("data:text/csv")
    assert "4 decisions" in bar.text
    same = page.driver.find_elements(By.CSS_SELECTOR, f'[data-image="{ids[0]}"]')
    assert {figure.get_attribute("data-action") for figure in same} == {"drop"}
    click(fourth, 1)
    assert len(decisions(page)) == 3
    page.driver.find_element(By.ID, "clear").click()
    assert not bar.is_displayed()
    assert decisions(page) == []
    assert page.console() == []


@pytest.mark.slow
def test_a_relabel_made_by_a_click_ends_in_the_export(
    page: Browser, bad: Store, tmp_path: Path
) -> None:
    store = notmnist_store.open(shutil.copytree(bad.path, tmp_path / "copy"))
    store.split("before", train=0.5, valid=0.25, test=0.25, keep_ratio=True)
    store.report(tmp_path / "page.html", split_set="before")
    page.open(tmp_path / "page.html")
    figure = figures(page, "#blanks")[0]
    page.run("arguments[0].scrollIntoView(false)", figure)
    for _ in range(3):  # the bar that comes up must not cover it
        figure.find_element(By.CSS_SELECTOR, ".t").click()
    figure.find_element(By.CSS_SELECTOR, "option[value=C]").click()
    (tmp_path / "decisions.csv").write_text(
        page.run("return document.getElementById('csv').value"), encoding="utf-8"
    )
    store.decide(tmp_path / "decisions.csv", yes=True)
    image_id = int(figure.get_attribute("data-image"))
    store.split("after", train=0.5, valid=0.25, test=0.25, keep_ratio=True)
    store.export("after", tmp_path / "out", form="parquet", splits="train,valid,test")
    files = sorted((tmp_path / "out").glob("*.parquet"))
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    assert {row["label"] for row in rows if row["image_id"] == image_id} == {"C"}
    text = store.report(split_set="after").content.decode()
    assert "decided: relabel" in text


def test_the_keyboard_decides_too(page: Browser, bad: Store) -> None:
    page.open(page_of(bad))
    figure = figures(page, "#blanks")[0]
    picture = figure.find_element(By.CSS_SELECTOR, ".t")
    page.run("arguments[0].focus()", picture)
    picture.send_keys(" ")
    assert [row["action"] for row in decisions(page)] == ["drop"]
    assert picture.get_attribute("aria-pressed") == "true"


def test_the_page_reads_the_same_without_scripts(page: Browser, bad: Store) -> None:
    sizes = []
    for disabled in (False, True):
        page.command("Emulation.setScriptExecutionDisabled", value=disabled)
        try:
            page.open(page_of(bad))
            size = page.command("Page.getLayoutMetrics")["cssContentSize"]
            text = page.driver.find_element(By.TAG_NAME, "main").text
        finally:
            page.command("Emulation.setScriptExecutionDisabled", value=False)
        sizes.append((size["width"], size["height"], text))
    assert sizes[0] == sizes[1]


def test_it_prints_on_paper(page: Browser, bad: Store) -> None:
    page.open(page_of(bad))
    page.command("Emulation.setEmulatedMedia", media="print")
    hidden = page.run(
        "return ['nav', '.bar', 'details'].map((name) =>"
        " getComputedStyle(document.querySelector(name)).display)"
    )
    page.command("Emulation.setEmulatedMedia", media="")
    assert hidden == ["none"] * 3
    assert page.command("Page.printToPDF", printBackground=True)["data"].startswith("JVBERi")
