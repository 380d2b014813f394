"""Which folders of a source are splits and which are labels, once all of them are known.

``provenance.place`` looks at one path; here every folder that holds files is there, so that its
siblings are known. A folder named by a split word is a split where

- every sibling that holds images is named by one as well, or has the same class folders as one;
- or it has class folders in common with a sibling split, or with what stands beside it;
- or its siblings name another split, and one of these has class folders below it.

Else it stands among classes (bus, car, train), and is one. Where every sibling bears a split word
as a part of its name (seg_train, seg_test), those are splits too, if they have class folders below
them or their names are otherwise the same. A split folder may also stand below a class (A/train,
B/test): then the class is the label, if it stands among others and no split folder below it has
class folders. What is left without a label is unlabelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from notmnist_store.sources.kernels.provenance import (
    BY_FOLDER,
    Place,
    name_words,
    place,
    split_parts,
    split_word,
)


class Placement(NamedTuple):
    """The place of every folder that is other than its path alone tells, and notes for people."""

    changed: Mapping[str, Place]
    notes: tuple[str, ...]


@dataclass
class _Folder:
    """A folder: whether images stand in it or below it, and the folders in it."""

    has_images: bool = False
    inner: dict[str, _Folder] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> set[str]:
        """Names of the folders in it that hold images."""
        return {name for name, folder in self.inner.items() if folder.has_images}


def place_folders(folders: Mapping[str, bool]) -> Placement:
    """Decide for all folders that hold files, each with whether an image was read from it."""
    if not any(split_parts(folder) for folder in folders):
        return Placement({}, ())
    root = _Folder()
    for directory, has_images in folders.items():
        folder = root
        for name in _names(directory):
            folder = folder.inner.setdefault(name, _Folder())
            folder.has_images |= has_images
    notes: list[str] = []
    _find_splits(root, "", notes)
    changed = {}
    for directory in folders:
        where, before = _place(root, directory), place(f"{directory}/x")
        if (where.label, where.split) != (before.label, before.split):
            changed[directory] = where
    return Placement(changed, tuple(notes))


def _names(directory: str) -> list[str]:
    return [name for name in directory.split("/") if name not in ("", ".")]


def _find_splits(folder: _Folder, path: str, notes: list[str]) -> None:
    """Find the splits among the folders in this one, and in those below."""
    named = {name: split for name in folder.inner if (split := split_word(name))}
    others = folder.classes - named.keys()
    if not named:
        folder.splits = _named_in_part(folder)
    elif all(_same_classes(folder, other, named) for other in others) or _has_other_split(
        folder, named
    ):
        folder.splits = named
    else:
        folder.splits = {n: s for n, s in named.items() if _shares_classes(folder, n, named)}
        for name in sorted(named.keys() - folder.splits.keys()):
            beside = ", ".join(sorted(others)[:3])
            notes.append(f"{path}{name} stands beside {beside}: taken for a class, not for a split")
    for name, inner in folder.inner.items():
        _find_splits(inner, f"{path}{name}/", notes)


def _same_classes(folder: _Folder, other: str, named: Iterable[str]) -> bool:
    classes = folder.inner[other].classes
    return bool(classes) and any(folder.inner[name].classes == classes for name in named)


def _has_other_split(folder: _Folder, named: Mapping[str, str]) -> bool:
    return len(set(named.values())) > 1 and any(folder.inner[name].classes for name in named)


def _shares_classes(folder: _Folder, name: str, named: Mapping[str, str]) -> bool:
    classes = folder.inner[name].classes
    flat = {other for other, inner in folder.inner.items() if not inner.classes}
    beside = [folder.inner[other].classes for other in named if other != name]
    return any(classes & other for other in (*beside, flat - named.keys()))


def _named_in_part(folder: _Folder) -> dict[str, str]:
    """Splits where all folders bear a split word as a part of their names."""
    parts = {name: split_parts(name) for name in folder.classes}
    if any(len(splits) != 1 for splits in parts.values()):
        return {}
    found = {name: splits[0] for name, splits in parts.items()}
    if len(set(found.values())) < 2:
        return {}
    rests = {tuple(w for w in name_words(name) if not split_word(w)) for name in found}
    return found if len(rests) == 1 or all(folder.inner[n].classes for n in found) else {}


def _place(root: _Folder, directory: str) -> Place:
    split: str | None = None
    label: str | None = None
    above = folder = root
    for name in _names(directory):
        if name in folder.splits:
            split = folder.splits[name]
            label = label if label is not None and _is_class(above, folder) else None
        else:
            label = name
        above, folder = folder, folder.inner[name]
    return Place(label, split, hidden=False, directory=directory, rule=split and BY_FOLDER)


def _is_class(above: _Folder, folder: _Folder) -> bool:
    """Whether a folder with splits in it is a class: it has siblings, its splits no classes."""
    siblings = above.classes - above.splits.keys()
    return len(siblings) > 1 and not any(folder.inner[name].classes for name in folder.splits)
