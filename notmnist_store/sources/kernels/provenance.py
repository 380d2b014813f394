"""What a member's name says: its label, its split, whether it is hidden, its font and family.

Pure string work, done once a member: results are cached by directory and by stem.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from notmnist_store.errors import SourceError
from notmnist_store.schema.words import SPLIT_RULES

BY_OPTION, BY_FOLDER, BY_NAME, BY_COLUMN, BY_PUBLISHED, BY_HASH = SPLIT_RULES

_LONGEST_NAME = 1_024

_SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
    "holdout": "test",
}
_BESIDE_SPLIT_WORD = ("set", "sets", "data", "dataset", "split", "image", "images", "img", "imgs")
_BETWEEN_WORDS = re.compile(r"[-_ ./0-9]+")

PICTURE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)

_FONT_SUFFIXES = (".ttf", ".otf", ".pfb", ".ttc", ".pfm")

_WEIGHTS = """thin hairline light medium bold black heavy book regular normal plain roman
    semi demi extra ultra semibold demibold extrabold ultrabold extralight ultralight semilight
    th lt md med bd bld blk hv hvy bk rg reg sb lig bol dem"""
_SLANTS_AND_WIDTHS = """italic oblique slanted kursiv upright it ita ital obl slant
    condensed compressed narrow wide expanded extended compact
    obli cond cn ext exp comp semicondensed extracondensed"""
_VARIANTS = """oldstyle smallcaps caps sc osf lf tf expert alt alternate alternates swash titling
    oldst display disp text caption subhead headline poster micro small"""
_VARIABLE_FONTS = "variable variablefont vf wght wdth opsz ital slnt grad"
_FOUNDRIES = """mt itc bt lt std pro ps ef btn ff urw com ot tt ssk ssi nf jnl let bb att agfa icg
    mn mf gd ce cyr rus tur adobe linotype monotype bitstream"""
_DROPPED = frozenset(
    " ".join((_WEIGHTS, _SLANTS_AND_WIDTHS, _VARIANTS, _VARIABLE_FONTS, _FOUNDRIES)).split()
)
_GLUED = re.compile(r"(.{4,}?)(?:(?:semi|demi|extra|ultra)?bold|italic|oblique|regular|condensed)+")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_AXES_OR_COPY = re.compile(r"\[[^\]]*\]|\(\d+\)$")
_STYLE_NUMBER = re.compile(r"[1-9]\d{1,2}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member stands: what its folders say of it.

    ``label``: name of the folder it stands in, null for none. ``split``: train, valid or test by
    the nearest split word above that folder, else null. ``hidden``: some component starts with a
    dot or is ``__MACOSX``. ``directory``: the path without the file's name. ``rule``: what gave the
    split, where the split is known, one of ``SPLIT_RULES``.
    """

    label: str | None
    split: str | None
    hidden: bool
    directory: str
    rule: str | None = None


def split_word(word: str) -> str | None:
    """Return train, valid or test if ``word`` as a whole is one of their names, else null.

    Those are the words themselves (val, Training), and variants of them: test_set, TestSet,
    train-images, val2017.
    """
    words = [part for part in name_words(word) if part not in _BESIDE_SPLIT_WORD]
    return _split_of("".join(words))


def split_parts(name: str) -> list[str]:
    """The splits that words in a name stand for: of emnist-letters-test-0001 it is test."""
    return [split for word in name_words(name) if (split := _split_of(word))]


def split_of_name(name: str, more: Mapping[str, str] | None = None) -> str | None:
    """The split that words in the name of a file of images stand for, null where none does.

    A name that is ``unused`` as a whole is that split, as `export` names its files.

    ``more`` are further words, whole between ``-``, ``_``, dots and blanks.

    Raises:
        SourceError: two words stand for different ones.
    """
    if name == "unused":
        return name
    found = set(split_parts(name))
    found |= {split for word, split in (more or {}).items() if word in re.split(r"[-_ .]", name)}
    if len(found) > 1:
        raise SourceError(
            f"the name {name} says {' and '.join(sorted(found))}",
            advice="name it after one split, or give --split",
            option=f"--split {min(found)}",
        )
    return next(iter(found), None)


def exact_split_word(word: str) -> str | None:
    """As ``split_word``, of the bare word alone: the name of an archive may say much by chance."""
    return _SPLIT_WORDS.get(word.lower())


def said_split(word: str) -> str | None:
    """As `split_word`, and unused: where something else than a folder says the split."""
    return "unused" if word.lower() == "unused" else split_word(word)


def name_words(name: str) -> list[str]:
    """The words of a name in lower case, parted at ``-``, ``_``, dots, blanks and digits."""
    return [word for word in _BETWEEN_WORDS.split(name.lower()) if word]


def _split_of(word: str) -> str | None:
    for ending in ("", *_BESIDE_SPLIT_WORD):
        split = _SPLIT_WORDS.get(word.removesuffix(ending))
        if split:
            return split
    return None


def is_picture_name(path: str) -> bool:
    """Whether a file's name ends as those of images do."""
    return path.lower().endswith(PICTURE_SUFFIXES)


def text_path(raw: bytes) -> str:
    r"""Return a member's name as text: UTF-8, other bytes as ``\xNN``, without a leading ``./``."""
    path = raw.decode("utf-8", "backslashreplace")
    while path.startswith("./"):
        path = path[2:]
    return path


def unsafe_reason(raw: bytes) -> str | None:
    """Say in a few words why a member's name is not taken, or return null."""
    if len(raw) > _LONGEST_NAME:
        return f"a name of {len(raw):,} bytes"
    if raw.startswith(b"/"):
        return "an absolute path"
    if b"\0" in raw:
        return "NUL in the name"
    if b".." in raw and b".." in raw.split(b"/"):
        return "'..' in the path"
    return None


def place(path: str) -> Place:
    """Return what the folders in ``path`` ('/' between components) say of the member."""
    directory, _, name = path.rpartition("/")
    visible, hidden = _places(directory)
    return hidden if name.startswith(".") or name == "__MACOSX" else visible


@lru_cache(maxsize=16_384)
def _places(directory: str) -> tuple[Place, Place]:
    """Return the place of visible and of hidden members of a directory."""
    folders = [part for part in directory.split("/") if part not in ("", ".")]
    label = folders[-1] if folders else None
    split = nearest_split(folders[:-1])
    hidden = any(_is_hidden(folder) for folder in folders)
    rule = split and BY_FOLDER
    return Place(label, split, hidden, directory, rule), Place(label, split, True, directory, rule)


def nearest_split(folders: Sequence[str]) -> str | None:
    """The split by the last of these folders that is named by one."""
    return next((split for folder in reversed(folders) if (split := split_word(folder))), None)


def _is_hidden(component: str) -> bool:
    return (component.startswith(".") and component != "..") or component == "__MACOSX"


@lru_cache(maxsize=65_536)
def font_name(stem: str) -> str | None:
    """Return the font's file name that ``stem`` is the base64 of, or null.

    Both alphabets are taken, with or without padding. The bytes must be printable UTF-8 that ends
    in .ttf, .otf, .pfb, .ttc or .pfm.
    """
    text = stem.rstrip("=")
    if len(stem) - len(text) > 2:
        return None
    if "+" not in text:
        text = text.replace("-", "+").replace("_", "/")
    try:
        raw = binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
        font = raw.decode("utf-8")
    except ValueError:
        return None
    return font if font.isprintable() and font.lower().endswith(_FONT_SUFFIXES) else None


@lru_cache(maxsize=65_536)
def font_family(font: str) -> str:
    """Return the family of a font's file name: lower case, without separators, never empty.

    Words at the end that name a weight, slant, width, optical size, variant or foundry are taken
    away ('CCWildWords-BoldItalic.ttf' gives 'ccwildwords'), and so are variable fonts' axes, the
    style numbers before such a word ('Univers 45 Light') and '(1)' of a second download. Words are
    told apart by spaces, hyphens, underscores and CamelCase. A name of such words alone stays
    whole. Words at the beginning stay: 'Black Chancery' is a family.

    The name alone is known, so families are missed where styles are letters only ('verdanab') and
    merged where such a word is a proper part of the name ('Traffic Light', 'Times New Roman' gives
    'timesnew'). For keeping a family on one side of a split, merging is the harmless error.
    """
    name = font
    if name.lower().endswith(_FONT_SUFFIXES):
        name = name[:-4]
    words = [word.lower() for word in _WORD.findall(_AXES_OR_COPY.sub(" ", name.strip()))]
    kept = len(words)
    dropped_one = False
    while kept:
        if words[kept - 1] in _DROPPED:
            kept -= 1
        elif kept > 1 and words[kept - 2] + words[kept - 1] in _DROPPED:
            kept -= 2
        elif (dropped_one or words[kept - 2] in _DROPPED) and _STYLE_NUMBER.fullmatch(
            words[kept - 1]
        ):
            kept -= 1
        else:
            break
        dropped_one = True
    if not kept:
        return "".join(words) or font.lower() or "unnamed"
    glued = _GLUED.fullmatch(words[kept - 1])
    last = glued.group(1) if glued else words[kept - 1]
    return "".join(words[: kept - 1]) + last
