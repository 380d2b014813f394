"""The file that makes a folder a store, and says what was fixed when it was made."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import xxhash

from notmnist_store.errors import StoreError
from notmnist_store.location.location import Location, look_at
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.tables import FORMAT_REVISION, FORMAT_VERSION
from notmnist_store.schema.words import SPLITS
from notmnist_store.storage.filesystem import MORE_OPEN, too_many_open
from notmnist_store.text import number_text

MARKER_NAME = "notmnist_store.json"
_FIRST_KEYS = {"format", "shape", "fractions", "demo"}  # no checksum yet, nor a revision


@dataclass(frozen=True)
class Marker:
    """What is fixed when a store is made: format, image shape, split fractions, demo or not."""

    shape: Shape
    fractions: tuple[tuple[str, str], ...]
    demo: bool

    def to_json(self) -> str:
        """The text of the marker file."""
        content = {
            "format": FORMAT_VERSION,
            "revision": FORMAT_REVISION,
            "shape": [self.shape.height, self.shape.width, self.shape.channels],
            "fractions": dict(self.fractions),
            "demo": self.demo,
        }
        return json.dumps(content | {"checksum": _checksum(content)}, indent=2) + "\n"

    @classmethod
    def read(cls, root: Location) -> Marker:
        """Read the marker of the store at `root`.

        Raises:
            StoreError: no marker, a damaged one, or that of a store which another version made.
        """
        path = root / MARKER_NAME
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            _check_version(root, content)
            return cls(
                shape=Shape(*(int(n) for n in content["shape"])),
                fractions=parse_fractions(content["fractions"]),
                demo=bool(content["demo"]),
            )
        except (FileNotFoundError, NotADirectoryError):
            raise _no_store(root) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreError(f"{path} is damaged: {error}", look_at(path)) from error
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            hint = MORE_OPEN if too_many_open(error) else look_at(path)
            raise StoreError(f"{path} cannot be read: {reason}", hint) from error


def _checksum(content: dict[str, Any]) -> str:
    """XXH3-64 (hex) of a marker's other entries, as JSON with sorted keys and no blanks."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return xxhash.xxh3_64_hexdigest(text.encode())


def _check_version(root: Location, content: dict[str, Any]) -> None:
    """Whether this program reads the store: the checksum first, for it holds in all versions.

    Raises:
        StoreError: the store is of another format or revision.
        ValueError: the marker is not as it was written.
    """
    if content.keys() == _FIRST_KEYS and content["format"] == 1:
        raise _older(root)
    checksum = content.pop("checksum")
    if checksum != _checksum(content):
        raise ValueError("its checksum is another")
    version = (content["format"], content["revision"])
    if version > (FORMAT_VERSION, FORMAT_REVISION):
        raise StoreError(
            f"{root} has store format {version[0]}, revision {version[1]}; this program reads "
            f"format {FORMAT_VERSION}, revision {FORMAT_REVISION}",
            "pip install --upgrade notmnist-store",
        )
    if version < (FORMAT_VERSION, FORMAT_REVISION):
        raise _older(root)


def _older(root: Location) -> StoreError:
    return StoreError(
        f"{root} was made by an older program: ingest its sources anew",
        f"notmnist-store ingest --store {shlex.quote(f'{root}_new')}",
    )


def _no_store(root: Location) -> StoreError:
    make_one = f"notmnist-store ingest --store {shlex.quote(str(root))}"
    if not root.exists():
        return StoreError(f"there is no store at {root}", make_one)
    if root.is_dir() and not any(root.iterdir()):
        return StoreError(f"{root} is empty", make_one)
    elsewhere = f"find . -maxdepth 3 -name {MARKER_NAME}"
    return StoreError(
        f"{root} is not a store: it has no {MARKER_NAME}",
        elsewhere if isinstance(root, Path) else look_at(root),
    )


def parse_fractions(parts: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Check split shares given as exact decimals: known names, each in [0, 1], at most 1 in all.

    Raises:
        ValueError: with the reason.
    """
    total = Fraction(0)
    for split, text in parts.items():
        if split not in SPLITS:
            raise ValueError(f"unknown split {split!r}")
        try:
            share = Fraction(text)
        except ZeroDivisionError:
            raise ValueError(f"the share of {split} divides by zero: {text}") from None
        if not 0 <= share <= 1:
            raise ValueError(f"the share of {split} must lie between 0 and 1, not {text}")
        total += share
    if total > 1:
        raise ValueError(f"the shares add up to {number_text(float(total))}, which is more than 1")
    return tuple((split, str(text)) for split, text in parts.items())
