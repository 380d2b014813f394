"""How images of another shape are brought to the store's."""

from __future__ import annotations

from dataclasses import dataclass

FITS = ("resize", "pad", "crop")
"""Stretch it, keep it whole between two bars, or keep the middle that has the right proportions."""

FILTERS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
"""Pillow's filters for resampling."""


@dataclass(frozen=True)
class Fit:
    """A rule of FITS, the filter of FILTERS it resamples by, and the colour of the bars of `pad`.

    The colour is in Pillow's words: a name, `#rrggbb`, `rgb(red, green, blue)`.
    """

    rule: str
    filter: str = "lanczos"
    background: str = "black"

    @property
    def options(self) -> dict[str, str]:
        """The options of `ingest` that ask for it, by name; the colour only where it has bars."""
        bars = {"background": self.background} if self.rule == "pad" else {}
        return {"fit": self.rule, "filter": self.filter, **bars}
