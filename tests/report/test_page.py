"""The report page and the paper's text: escaping, sameness, what they say, bad input."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import notmnist_store
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.cli.main import main, make_parser
from notmnist_store.errors import UsageError
from notmnist_store.report import markup, plots
from notmnist_store.report.evidence import NEEDS
from notmnist_store.report.paper import latex
from notmnist_store.report.sections import SECTIONS
from notmnist_store.report.sprites import difference
from notmnist_store.report.verdict import MENDS
from notmnist_store.store import Store
from notmnist_store.testing import make_bad_store, make_clean_store
from notmnist_store.text import printable
from tests.support.archives import class_files, pack

VOID = {"br", "hr", "img", "input", "link", "meta"}


class Outline(HTMLParser):
    """What a page holds: elements, ids, links, text; an element that is not closed is an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice"
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def values(self, name: str) -> list[str]:
        return [found[name] or "" for _, found in self.attributes if name in found]


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("bad") / "bad"
    make_bad_store(folder)
    return notmnist_store.open(folder)


@pytest.fixture(scope="module")
def bad_page(bad: Store) -> str:
    return bad.report(split_set="bad").content.decode()


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return notmnist_store.open(make_clean_store(tmp_path_factory.mktemp("clean") / "clean"))


@given(st.text())
def test_text_in_an_element_comes_back_as_text(text: str) -> None:
    page = Outline(markup.element("p", text, title=text))
    kept = "\n".join(map(printable, text.split("\n")))
    assert "".join(page.words) == kept
    assert page.values("title") == [kept]


def test_html_stands_only_where_it_was_made() -> None:
    inner = markup.element("b", "<i>")
    assert markup.element("p", inner, "<i>", None, ["&", 3]) == (
        "<p><b>&lt;i&gt;</b>&lt;i&gt;&amp;3</p>"
    )
    assert markup.prose("see `a<b`") == "see <code>a&lt;b</code>"


@example(0.99965)
@example(0.9995)
@example(0.00005)
@given(st.floats(0, 1))
def test_a_share_is_never_rounded_to_none_or_all(value: float) -> None:
    text = markup.share(value)
    assert text.startswith("0\N{NARROW NO-BREAK SPACE}%") == (value == 0)
    assert (re.sub("[0.]", "", text) == "\N{NARROW NO-BREAK SPACE}%") == (value == 0)
    assert text.startswith("100") == (value == 1)
    number = re.sub("[^0-9.]", "", text)
    assert abs(float(number) - 100 * value) <= (0.01 if text[0] in "<>" else 0.0500001)


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (1 / 255, 2, "0.004"),
        (0.0004, 3, "0.0004"),
        (0.9996, 3, "0.9996"),
        (0.99, 3, "0.990"),
        (-0.004, 2, "\N{MINUS SIGN}0.004"),
        (2.0, 3, "2.000"),
        (2.0000000000000004, 3, "2.000"),
        (1234.5, 2, "1,234.50"),
        (float("nan"), 2, markup.NOTHING),
    ],
)
def test_a_number_is_never_rounded_to_a_whole_one(value: float, digits: int, shown: str) -> None:
    assert markup.number(value, digits) == shown


@given(st.text())
def test_text_for_latex_has_no_special_character_of_its_own(text: str) -> None:
    made = latex(text)
    bare = re.sub(r"\\text[a-z]+\{\}|\\[{}$&#%_]|\{-\}", "", made)
    assert not set(bare) & set("\\{}$&#%_^~<>|\"`'-")


def test_a_difference_is_stretched_to_full_contrast() -> None:
    a, b = np.full((2, 2, 1), 7, np.uint8), np.full((2, 2, 1), 7, np.uint8)
    assert not difference(a, b).any()
    b[0, 0], b[1, 1] = 9, 6
    assert difference(a, b)[:, :, 0].tolist() == [[255, 0], [0, 127]]


def test_a_plot_has_no_style_of_its_own_and_keeps_its_text() -> None:
    svg = plots.bars(["A<", "$x$"], {"train": [1, 2], "test": [3, 4]}, name="x", alternative="a<b")
    page = Outline(svg)
    assert {"A<", "$x$", "train", "test", "a<b", "images a label: train 1 to 2; test 3 to 4"} <= (
        set(page.words)
    )
    assert not page.values("style")
    texts = [found for tag, found in page.attributes if tag == "text"]
    assert all(float(found["font-size"] or 0) > 5 for found in texts)
    colours = set(page.values("fill") + page.values("stroke"))
    assert colours <= {"none"}
    assert {"f1", "f2"} <= set(page.values("class"))
    named = page.values("aria-labelledby") + page.values("aria-describedby")
    assert set(named) <= set(page.values("id"))


def test_bars_are_as_high_as_their_numbers() -> None:
    svg = plots.bars(["A", "B"], {"train": [5, 2], "test": [5, 0]}, name="x", alternative="x")
    parts = [found for tag, found in Outline(svg).attributes if tag == "rect" and "y" in found]
    heights = [float(found["height"] or 0) for found in parts if found["width"] != "12"]
    assert heights == [75, 30, 75]  # 10 images are the whole height of 150
    tops = [float(found["y"] or 0) for found in parts if found["width"] != "12"]
    assert tops[2] + heights[2] == tops[0]


@pytest.mark.parametrize("labels", [2, 11, 40, 60])
@pytest.mark.parametrize("length", [1, 9, 30])
def test_labels_of_bars_stand_within_the_drawing_and_apart(labels: int, length: int) -> None:
    names = [f"{number}".rjust(length, "W") for number in range(labels)]
    page = Outline(plots.bars(names, {"all": [1_000_000] * labels}, name="x", alternative="x"))
    (drawing,) = (found for tag, found in page.attributes if tag == "svg")
    width, height = map(float, (drawing["viewbox"] or "").split()[2:])
    texts = [found for tag, found in page.attributes if tag == "text"][-labels - 1 : -1]
    places = [float(found["x"] or 0) for found in texts]
    assert places[0] > 0
    assert places[-1] < width
    assert all(0 < float(found["y"] or 0) < height for found in texts)
    apart = np.diff(places).min()
    is_turned = "transform" in texts[0]
    assert apart >= (11.9 if is_turned else 0.6 * 11 * min(length, 14))


@given(st.floats(0, 0.999), st.floats(0.0001, 1))
def test_ticks_are_few_round_values_around_all_there_is(least: float, span: float) -> None:
    most = min(1.0, least + span)
    ticks = plots.round_values(least, most)
    assert 2 <= len(ticks) <= 8
    assert ticks[0] <= least * (1 + 1e-9)
    assert ticks[-1] >= most * (1 - 1e-9)
    assert ticks[0] >= 0
    assert ticks[-1] <= 1
    assert len(set(np.diff(ticks).round(9))) == 1


def test_a_curve_of_one_size_and_one_of_close_sizes_have_their_labels() -> None:
    one = plots.curves(
        {"all": [(50, 0.5, 0.4, 0.6)]}, name="x", alternative="x", x_title="n", y_title="a"
    )
    assert {"50", "all: 50.0\N{NARROW NO-BREAK SPACE}% at 50"} & set(Outline(one).words) == {"50"}
    sizes = [(size, 0.9, 0.8, 1.0) for size in (50, 100, 5_000, 5_100)]
    close = plots.curves({"all": sizes}, name="x", alternative="x", x_title="n", y_title="a")
    words = Outline(close).words
    assert {"50", "100", "5,100"} <= set(words)
    assert "5,000" not in words


def test_every_section_reads_reports_and_audits_that_there_are() -> None:
    known = [set(load_queries(kind)) for kind in ("reports", "audits")]
    assert known[0].isdisjoint(known[1]), "a section names either by its name alone"
    read = {name for section in SECTIONS for name in section.reads}
    assert set(NEEDS) <= read <= known[0] | known[1]


def test_what_mends_and_what_makes_evidence_are_commands() -> None:
    assert set(MENDS) <= set(load_queries("audits"))
    needs = {need.command for need in NEEDS.values()}
    for command in [*needs, *(f"notmnist-store {mend}" for mend in MENDS.values())]:
        program, *words = shlex.split(command.replace("$split_set", "clean"))
        assert program == "notmnist-store"
        assert make_parser().parse_args(words).command


def test_a_page_is_whole_and_its_links_lead_somewhere(bad_page: str) -> None:
    page = Outline(bad_page)
    assert [name for name, times in Counter(page.values("id")).items() if times > 1] == []
    ids = set(page.values("id"))
    inner = {link[1:] for link in page.values("href") if link.startswith("#")}
    assert inner <= ids
    assert set(page.values("aria-labelledby")) <= ids
    assert {section.id for section in SECTIONS} <= ids
    assert not page.values("style")
    assert not [name for _, found in page.attributes for name in found if name.startswith("on")]
    pictures = [found for tag, found in page.attributes if tag == "span" and "role" in found]
    assert pictures
    assert all(found["role"] == "img" and found["aria-label"] for found in pictures)
    outer = {link for link in page.values("href") if not link.startswith("#")}
    assert outer == {"data:,"}
    assert not page.values("src")


@pytest.mark.slow
def test_a_page_opens_with_what_stands_against_training(bad: Store, bad_page: str) -> None:
    result = bad.report(split_set="bad")
    assert result.against
    audits = load_queries("audits")
    text = Outline(bad_page).text
    opening = text[: text.index("What came in")]
    assert "Not ready to train on" in opening
    for name in result.against:
        assert audits[name].title in opening
    assert result.rows()[0]["ready"] is False


def test_a_clean_store_is_ready(clean: Store) -> None:
    result = clean.report(split_set="clean")
    assert result.against == ()
    text = Outline(result.content.decode()).text
    assert "Ready to train on" in text
    assert "Not ready" not in text
    assert "No two images have the same pixels." in text


def test_sql_and_command_of_every_query_stand_on_the_page(bad_page: str) -> None:
    text = Outline(bad_page).text
    queries = {kind: load_queries(kind) for kind in ("reports", "audits")}
    for section in SECTIONS:
        for name in section.reads:
            verb, kind = ("sql", "reports") if name in queries["reports"] else ("audit", "audits")
            assert markup.element("code", queries[kind][name].sql) in bad_page
            assert f"notmnist-store {verb} {name}" in text


@pytest.mark.slow
def test_the_same_store_gives_the_same_bytes_elsewhere(
    bad: Store, bad_page: str, tmp_path: Path
) -> None:
    """In another process, with other hashes, from another folder, at another path."""
    copied = shutil.copytree(bad.path, tmp_path / "elsewhere")
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "notmnist_store", "report", "--store", str(copied)]
    done = subprocess.run(
        [*command, "--split-set", "bad"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == bad_page


def test_no_place_no_machine_and_no_time_is_on_the_page(bad: Store, bad_page: str) -> None:
    shown = Outline(bad_page).text
    assert str(bad.path) not in shown
    assert socket.gethostname() not in shown.split()
    runs = bad.sql("select run_id from run").rows()
    assert not [row["run_id"] for row in runs if row["run_id"] in bad_page]
    assert not re.search(r"\b\d{4}-\d\d-\d\d\b|\b\d\d:\d\d:\d\d\b", shown)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["no_valid", "ingest"])
def test_a_split_set_may_lack_splits(bad: Store, name: str) -> None:
    page = Outline(bad.report(split_set=name).content.decode())
    assert f"split set {name}" in page.text


def test_a_split_set_may_lack_all_splits(bad: Store, tmp_path: Path) -> None:
    """The smallest class has too few images for any share of equal sizes: all are unused."""
    store = notmnist_store.open(shutil.copytree(bad.path, tmp_path / "copy"))
    store.split("nothing", train=0.5, valid=0.25, test=0.25)
    assert {row["split"] for row in store.split_show("nothing").rows()} == {"unused"}
    assert store.report(split_set="nothing").against


def test_a_store_without_a_search_says_how_to_make_one(shared_store: Store) -> None:
    text = Outline(shared_store.report().content.decode()).text
    assert "notmnist-store near-duplicates" in text
    assert "near leaks" in text
    assert "not searched" in text


@pytest.mark.slow
def test_suspects_and_curves_stand_on_the_page_once_they_are_measured(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    letters = random.integers(0, 256, (3, 8, 8), dtype=np.uint8)
    labels = np.arange(300) % 3
    noise = random.integers(0, 60, (300, 8, 8), dtype=np.uint8)
    images = letters[labels] // 2 + noise
    images[240:] = images[:60] ^ np.uint8(1)
    labels[20:24] = (labels[20:24] + 1) % 3
    np.savez(tmp_path / "set.npz", train_images=images, train_labels=labels)
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(tmp_path / "set.npz", shape="8x8x1")
    store.near_duplicates()
    store.split("mine", train=0.6, valid=0.2, test=0.2)
    text = Outline(store.report(split_set="mine").content.decode()).text
    assert "notmnist-store baseline --split-set mine" in text
    assert "notmnist-store suspects --split-set mine" in text
    store.baseline("mine", sizes="12,60", repeats=2)
    store.suspects("mine", folds=3)
    page = Outline(store.report(split_set="mine").content.decode())
    assert "notmnist-store baseline" not in page.text
    assert "The price of leaks" in page.text
    assert "curve-plot-0" in page.values("id")
    found = store.sql("suspects", params={"split_set": "mine"}).rows()
    assert found
    shown = [one for _, one in page.attributes if one.get("data-suggested") is not None]
    assert [int(one["data-image"] or 0) for one in shown] == [row["image_id"] for row in found]


def test_a_store_without_images_has_a_page(store: Store) -> None:
    store.undo()
    result = store.report()
    assert result.against
    assert "An empty store" in Outline(result.content.decode()).text


def test_colour_images_of_another_shape_have_pictures(tmp_path: Path) -> None:
    from tests.support.archives import picture, png

    files = [
        (f"set/{label}/{number}.png", png(picture(number, 20, 33, 3)))
        for label in ("cat", "dog")
        for number in range(3)
    ]
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "set.tar", files), shape="20x33x3")
    page = store.report().content.decode()
    assert "equal pixels, 2 images" in Outline(page).text
    assert "--tw:66px;--th:40px" in page


@pytest.mark.slow
def test_ten_thousand_labels_make_a_page_of_bounded_size(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (10_000, 8, 8), dtype=np.uint8)
    images[5_000:] = images[:5_000]
    np.savez(tmp_path / "many.npz", train_images=images, train_labels=np.arange(10_000))
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(tmp_path / "many.npz", shape="8x8x1")
    page = store.report().content.decode()
    assert len(page) < 2_000_000
    text = Outline(page).text
    assert "The first 200 of 10,000" in text
    assert "notmnist-store sql label_conflicts --format csv" in text


def test_an_unknown_split_set_is_a_usage_error(bad: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no split set 'bda'; did you mean bad"):
        bad.report(tmp_path / "x.html", split_set="bda")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_command_writes_the_page_and_says_the_verdict(
    bad: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "page.html"
    command = ["report", "--store", str(bad.path), "--split-set", "bad", "-o", str(target)]
    assert main(command) == 0
    assert "not ready to train on" in capsys.readouterr().err
    assert target.read_bytes() == bad.report(split_set="bad").content


def test_the_papers_text_names_what_a_reader_asks_for(
    bad: Store, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    command = ["report", "--store", str(bad.path), "--split-set", "bad", "--paper"]
    assert main(command) == 0
    text = capsysbinary.readouterr().out.decode()
    assert text.count("{") == text.count("}")
    assert r"\begin{tabular}" in text
    for said in ("first, 136 images", "85 in train", "rejected", r"\texttt{bad}", "seed 0"):
        assert said in text
    assert "within Euclidean distance 2.0" in text
    assert "the search has missed 0 and has 1 wrongly" in text
    assert r"valid & 4 & 1 & 4 & 1 & 1 \\" in text


def test_the_papers_text_says_what_sanitize_left_out(bad: Store, tmp_path: Path) -> None:
    store = notmnist_store.open(shutil.copytree(bad.path, tmp_path / "copy"))
    store.split("mixed", recipe="hash", train=0.5, valid=0.25, test=0.25)
    store.sanitize("cleaned", base="mixed", radius="2.0", conflicts="drop", yes=True)
    drops = store.sql("select * from split_drop where split_set = 'cleaned'").rows()
    text = store.report(split_set="cleaned", paper=True).content.decode()
    assert drops
    assert f"Left out of it, at radius 2, were {len(drops)} images (" in text
    for rule, images in Counter(row["rule"] for row in drops).items():
        assert f"{rule.replace('_', ' ')}: {images}" in text


def test_the_papers_text_has_hashes_and_escapes_names(tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    archive = pack(tmp_path / "set.tar", class_files(each=9))
    store.ingest(archive, name="50%_&_more")
    store.split("my_split", train=0.5, valid=0.25, test=0.25)
    text = store.report(split_set="my_split", paper=True).content.decode()
    assert r"50\%\_\&\_more, 27 images" in text
    sha256 = store.sql("select source_sha256 from run where verb = 'ingest'").rows()[0]
    assert sha256["source_sha256"] in text.replace(r"\allowbreak ", "")
    digest = store.sql("split_sets").rows()[0]["digest"]
    assert digest in text.replace(r"\allowbreak ", "")
    assert r"\texttt{my\_split}" in text
    assert "Near copies were not searched for." in text


# What a page is told to bear


@pytest.mark.slow
def test_a_page_says_what_it_bears(bad: Store, tmp_path: Path) -> None:
    stands = bad.report(split_set="bad").against
    assert stands
    assert {"split_leak_exact", "label_conflict_exact"} <= set(stands)
    borne = {"split_leak_exact": "0.5", "label_conflict_exact": 0.001}
    made = bad.report(split_set="bad", tolerance=borne)
    assert set(stands) - set(made.against or ()) == {"split_leak_exact"}
    text = Outline(made.content.decode()).text
    audited = {v.name: v for v in bad.audit(split_set="bad", tolerance=borne).verdicts}
    for name, most in (("split_leak_exact", 0.5), ("label_conflict_exact", 0.001)):
        verdict = audited[name]
        found = f"{markup.count(verdict.violating)} of {markup.count(verdict.total)}"
        said = f"{name} : up to {markup.share(most)}, {found} ({markup.share(verdict.share)})"
        assert " ".join(said.split()) in text
    assert "--tolerance split_leak_exact=0.5 --tolerance label_conflict_exact=0.001" in text
    assert "Borne on this page" not in bad.report(split_set="bad").content.decode()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tolerance", "split_leek_exact=0.5"), "did you mean split_leak_exact?"),
        (("--tolerance", "split_leak_exact=2"), "a share from 0 to 1"),
        (("--tolerance", "split_leak_exact"), "NAME=VALUE"),
        (("--paper", "--tolerance", "split_leak_exact=0.5"), "go without --paper"),
    ],
)
def test_a_tolerance_that_cannot_be_meant_is_refused(
    bad: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    page = tmp_path / "page.html"
    command = ["report", "--store", str(bad.path), "-o", str(page), *arguments]
    assert main(command) == 2
    assert message in capsys.readouterr().err
    assert not page.exists()


@pytest.mark.slow
def test_the_command_goes_on_with_what_it_bears(
    bad: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["report", "--store", str(bad.path), "--split-set", "bad"]
    borne = ["--tolerance", "split_leak_exact=0.5"]
    assert main([*command, "-o", str(tmp_path / "page.html"), *borne]) == 0
    hint = re.search("try: .* (audit .*)", capsys.readouterr().err)
    assert hint
    assert "--split-set bad --tolerance split_leak_exact=0.5" in hint[1]
    assert main(shlex.split(hint[1])) == 1
    assert "split_leak_exact: fail" not in capsys.readouterr().err


def test_pairs_are_read_once_for_the_whole_page(
    bad: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []
    hold = Catalog.hold

    def recording(catalog: Catalog, view: str, **only: str) -> Catalog:
        held.append(view)
        return hold(catalog, view, **only)

    monkeypatch.setattr(Catalog, "hold", recording)
    bad.report(None, split_set="bad")
    assert held.count("pair") == 1
    assert held[0] == "pair"
