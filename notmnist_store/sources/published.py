"""The published archives the store knows by content or by name, and what was published of them.

The figures are checks: the store counts for itself and compares.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownArchive:
    """One published archive: its identity, its readable images by label, and its split rule."""

    name: str
    file: str
    bytes: int
    sha256: str
    counts: dict[str, int]
    fractions: tuple[tuple[str, str], ...]
    """Splits with their share as an exact decimal, placed by pixel hash; shares sum to 1."""


_LETTERS = "ABCDEFGHIJ"

KNOWN_ARCHIVES = (
    KnownArchive(
        name="notMNIST_large",
        file="notMNIST_large.tar.gz",
        bytes=247_336_696,
        sha256="1e8261b75484b520dc76027f5c22af50fe608e3bb16277caec086eb928f9b61c",
        counts=dict(
            zip(
                _LETTERS,
                (52909, 52911, 52912, 52911, 52912, 52912, 52912, 52912, 52912, 52911),
                strict=True,
            )
        ),
        fractions=(("train", "0.95"), ("valid", "0.05")),
    ),
    KnownArchive(
        name="notMNIST_small",
        file="notMNIST_small.tar.gz",
        bytes=8_458_043,
        sha256="76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec",
        counts=dict(
            zip(
                _LETTERS,
                (1872, 1873, 1873, 1873, 1873, 1872, 1872, 1872, 1872, 1872),
                strict=True,
            )
        ),
        fractions=(("test", "1"),),
    ),
)


def known_archive(*, name: str, sha256: str) -> KnownArchive | None:
    """The published archive of this content, else the one of this name, else None."""
    for archive in KNOWN_ARCHIVES:
        if archive.sha256 == sha256:
            return archive
    for archive in KNOWN_ARCHIVES:
        if archive.name == name:
            return archive
    return None
