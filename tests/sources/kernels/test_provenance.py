"""Names: labels, splits, hidden members, fonts and families."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.sources.kernels.provenance import (
    BY_FOLDER,
    Place,
    font_family,
    font_name,
    place,
    text_path,
    unsafe_reason,
)
from tests.support.properties import examples


@pytest.mark.parametrize(
    ("path", "label", "split", "hidden"),
    [
        ("notMNIST_small/A/x.png", "A", None, False),
        ("A/x.png", "A", None, False),
        ("x.png", None, None, False),
        ("set/train/A/x.png", "A", "train", False),
        ("set/Training/deep/A/x.png", "A", "train", False),
        ("train/val/A/x.png", "A", "valid", False),
        ("dev/A/x.png", "A", "valid", False),
        ("VALIDATION/A/x.png", "A", "valid", False),
        ("testing/A/x.png", "A", "test", False),
        ("eval/A/x.png", "A", "test", False),
        ("set/test/x.png", "test", None, False),
        ("latest/A/x.png", "A", None, False),
        ("a//./A/x.png", "A", None, False),
        ("a/A/.DS_Store", "A", None, True),
        ("a/.git/x.png", ".git", None, True),
        (".cache/A/x.png", "A", None, True),
        ("__MACOSX/train/A/x.png", "A", "train", True),
        ("a/../A/x.png", "A", None, False),
    ],
)
def test_place(path: str, label: str | None, split: str | None, hidden: bool) -> None:
    rule = BY_FOLDER if split else None
    assert place(path) == Place(label, split, hidden, path.rpartition("/")[0], rule)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"./a/A/x.png", "a/A/x.png"),
        (b"././x", "x"),
        (b".hidden", ".hidden"),
        (b"a/\xff\xfe.png", "a/\\xff\\xfe.png"),
        ("a/é\n'😀.png".encode(), "a/é\n'😀.png"),
    ],
)
def test_text_path(raw: bytes, text: str) -> None:
    assert text_path(raw) == text


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"../x", "'..'"),
        (b"a/../x", "'..'"),
        (b"a/..", "'..'"),
        (b"/etc/passwd", "absolute"),
        (b"a/x\0.png", "NUL"),
        (b"a/" + b"n" * 1023, "1,025 bytes"),
    ],
)
def test_unsafe_names(raw: bytes, word: str) -> None:
    reason = unsafe_reason(raw)
    assert reason is not None
    assert word in reason


@pytest.mark.parametrize("raw", [b"a/x..png", b"a/...", b"..a/b", b"a/" + b"n" * 1022, b"./x"])
def test_safe_names(raw: bytes) -> None:
    assert unsafe_reason(raw) is None


def test_font_name_of_the_published_example() -> None:
    assert font_name("Q0NXaWxkV29yZHMtQm9sZEl0YWxpYy50dGY=") == "CCWildWords-BoldItalic.ttf"


@given(st.text(max_size=60), st.sampled_from([".ttf", ".otf", ".PFB", ".ttc", ".Pfm"]))
@examples(25)
def test_font_name_takes_both_alphabets(stem: str, suffix: str) -> None:
    font = stem + suffix
    want = font if font.isprintable() else None
    raw = font.encode("utf-8", "surrogatepass")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(raw).decode()
        assert font_name(text) == want
        assert font_name(text.rstrip("=")) == want


@given(st.text(max_size=40))
@examples(40)
def test_font_name_agrees_with_a_plain_decoder(stem: str) -> None:
    try:
        text = stem.rstrip("=").replace("-", "+").replace("_", "/")
        font = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except ValueError:
        font = ""
    if not font.lower().endswith((".ttf", ".otf", ".pfb", ".ttc", ".pfm")):
        assert font_name(stem) is None


@pytest.mark.parametrize(
    "stem",
    [
        "",
        "x",
        "hello",
        "image_0001",
        base64.b64encode(b"Arial.png").decode(),
        base64.b64encode(b"Ari\x00al.ttf").decode(),
        base64.b64encode(b"Ari\xffal.ttf").decode(),
        base64.b64encode(b"Arial.ttf").decode() + "===",
    ],
)
def test_other_stems_are_no_fonts(stem: str) -> None:
    assert font_name(stem) is None


FAMILIES = {
    "CCWildWords-BoldItalic.ttf": "ccwildwords",
    "Romana Bold.pfb": "romana",
    "NiksEF-SemiBold.otf": "niks",
    "NiksEF-SemiBoldItalic.otf": "niks",
    "Transit Bold.ttf": "transit",
    "Hot Mustard BTN Poster.ttf": "hotmustard",
    "DemocraticaBoldOldstyle Bold.ttf": "democratica",
    "Crossover BoldOblique.ttf": "crossover",
    "FreightDispBookItalic.ttf": "freight",
    "OpenSans-ExtraBoldItalic.ttf": "opensans",
    "Open Sans Bold.ttf": "opensans",
    "open_sans_light.otf": "opensans",
    "OpenSans.ttf": "opensans",
    "Inter[opsz,wght].ttf": "inter",
    "Roboto-VariableFont_wdth,wght.ttf": "roboto",
    "Roboto[wdth,wght]-SemiBoldItalic.ttf": "roboto",
    "Recursive-wght700.ttf": "recursive",
    "MyriadPro-BoldCondIt.otf": "myriad",
    "HelveticaNeueLTStd-BdCn.otf": "helveticaneue",
    "Univers 45 Light.ttf": "univers",
    "LinotypeUnivers-430Regular.ttf": "linotypeunivers",
    "ZurichBT-BoldExtraCondensed.ttf": "zurich",
    "GillSansMT-Bold.ttf": "gillsans",
    "ITC Garamond Std Book Condensed Italic.otf": "itcgaramond",
    "URWGothicL-BookObli.pfb": "urwgothicl",
    "GoudyOldStyle-Bold.ttf": "goudy",
    "Goudy Oldstyle.ttf": "goudy",
    "Futura SSi Bold.ttf": "futura",
    "BadaBoom BB.ttf": "badaboom",
    "Plaza LET Plain.ttf": "plaza",
    "ARIAL BOLD.TTF": "arial",
    "arialbolditalic.ttf": "arial",
    "Arial (1).ttf": "arial",
    "Sketch 2.ttf": "sketch2",
    "Kobold.ttf": "kobold",
    "Black Chancery.ttf": "blackchancery",
    "Times New Roman.ttf": "timesnew",
    "7th Service Condensed.ttf": "7thservice",
    "t10k-00012.ttf": "t10k00012",
    "源ノ角ゴシック-Bold.otf": "源ノ角ゴシック",
    "Extra Bold.ttf": "extrabold",
    "!!!.ttf": "!!!.ttf",
}


@pytest.mark.parametrize(("font", "family"), FAMILIES.items())
def test_font_family(font: str, family: str) -> None:
    assert font_family(font) == family


@given(st.text(min_size=1, max_size=80))
@examples(40)
def test_every_font_has_a_family_in_lower_case(font: str) -> None:
    family = font_family(font)
    assert family
    assert family == family.lower()


@given(
    st.from_regex(r"[A-Z][a-z]{4,9}[xz]", fullmatch=True),
    st.sampled_from(["Bold", "BoldItalic", "Light", "CondensedBlack", "MediumOblique"]),
    st.sampled_from("-_ "),
)
@examples(25)
def test_styles_do_not_part_a_family(family: str, style: str, separator: str) -> None:
    assert font_family(f"{family}{separator}{style}.ttf") == family.lower()
    assert font_family(f"{family}{style}.otf") == family.lower()
