"""Options of the verb ingest: read from what a user gives, and checked before anything is read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from notmnist_store.errors import UsageError
from notmnist_store.ingest.class_names import class_names
from notmnist_store.location.location import Location
from notmnist_store.schema.fit import FILTERS, FITS, Fit
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.words import SPLITS, UNLABELLED
from notmnist_store.sources.class_order import Names
from notmnist_store.sources.limits import Limits
from notmnist_store.storage.marker import parse_fractions
from notmnist_store.text import did_you_mean


@dataclass(frozen=True)
class IngestOptions:
    """The options of `ingest`; None leaves the choice to the store, the source or the machine.

    ``shape`` and ``fractions`` are fixed when a store is made; given later they must agree.
    """

    shape: Shape | None = None
    fractions: tuple[tuple[str, str], ...] | None = None
    split: str | None = None
    name: str | None = None
    to_grey: bool = False
    fit: Fit | None = None
    group_regex: str | None = None
    labels: Names | None = None
    transpose: bool = False
    unlabelled: str | None = None
    file_column: str | None = None
    label_column: str | None = None
    no_metadata: bool = False
    skip_known: bool = False
    expect_classes: int | None = None
    min_per_class: int | None = None
    max_labels: int = 10_000
    limits: Limits = field(default_factory=Limits)
    workers: int | None = None
    license: str | None = None
    citation: str | None = None
    demo: bool = False

    @property
    def rights(self) -> dict[str, str | None]:
        """What is said of a source, and not read of it."""
        return {"license": self.license, "citation": self.citation}


def read_options(
    sources: Sequence[Location],
    limits: Mapping[str, Any],
    *,
    shape: str | None = None,
    fractions: str | None = None,
    labels: str | Names | None = None,
    fit: str | None = None,
    filter: str | None = None,
    background: str | None = None,
    **given: Any,
) -> IngestOptions:
    """The options as `ingest` takes them; `given` are those that need no reading.

    `limits` are fields of `Limits`; what is None there is as by default.

    Raises:
        UsageError: an option that cannot be meant, with the command that would do.
    """

    def read(parse: Callable[[Any], Any], text: Any, example: str) -> Any:
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            raise UsageError(str(error), _with(example, sources)) from error

    options = IngestOptions(
        shape=read(Shape.parse, shape, "--shape 28x28x1"),
        fractions=read(_fractions, fractions, "--fractions 0.8,0.1,0.1"),
        labels=read(class_names, labels, "--labels A,B,C"),
        fit=read(lambda _: _fit(fit, filter, background), fit or filter or background, "--fit pad"),
        limits=Limits(**{name: most for name, most in limits.items() if most is not None}),
        **given,
    )
    _check_options(options, sources)
    return options


def _with(option: str, sources: Sequence[Location]) -> str:
    """The command that ingests the same sources with this option."""
    return shlex.join(["notmnist-store", "ingest", *option.split(), *map(str, sources)])


def _fractions(text: str) -> tuple[tuple[str, str], ...]:
    shares = [part.strip() for part in text.split(",")]
    if len(shares) != 3:
        raise ValueError(f"three shares are wanted (train, valid, test), not {text!r}")
    return parse_fractions(dict(zip(SPLITS, shares, strict=False)))


def _fit(rule: str | None, resample: str | None, background: str | None) -> Fit:
    """The rule with its filter and background; ValueError where one is none, or of no use."""
    if rule is None:
        raise ValueError("--filter and --background say how --fit is done, which was not given")
    if rule not in FITS:
        raise ValueError(f"--fit is {', '.join(FITS[:-1])} or {FITS[-1]}, not {rule}")
    if resample is not None and resample not in FILTERS:
        raise ValueError(did_you_mean("filter", resample, FILTERS))
    if background is not None:
        if rule != "pad":
            raise ValueError(f"--background is the colour of the bars of --fit pad, not of {rule}")
        _check_colour(background)
    given = {"filter": resample, "background": background}
    return Fit(rule, **{name: value for name, value in given.items() if value is not None})


def _check_colour(text: str) -> None:
    from PIL import ImageColor

    try:
        opaque = len(ImageColor.getrgb(text)) == 3
    except ValueError:
        opaque = False
    if not opaque:
        raise ValueError(
            f"--background is an opaque colour, a name like white or grey, or #rrggbb, not {text!r}"
        )


def _check_options(options: IngestOptions, sources: Sequence[Location]) -> None:
    if options.split is not None and options.split not in SPLITS:
        raise UsageError(
            f"--split is one of {', '.join(SPLITS)}, not {options.split}",
            _with("--split train", sources),
        )
    if options.no_metadata and (options.file_column or options.label_column):
        raise UsageError("--no-metadata reads no columns", _with("--no-metadata", sources))
    if options.unlabelled not in (None, *UNLABELLED):
        raise UsageError(
            f"--unlabelled is keep or ignore, not {options.unlabelled}",
            _with("--unlabelled keep", sources),
        )
    if options.name is not None:
        if len(sources) != 1:
            raise UsageError("--as names one source", _with("--as one", sources[:1]))
        if not options.name.strip() or "/" in options.name or options.name.startswith("."):
            raise UsageError(
                f"{options.name!r} cannot be the name of a source", _with("--as one", sources)
            )
    for name, text in (("license", options.license), ("citation", options.citation)):
        if text is not None and not text.strip():
            raise UsageError(f"--{name} is a text", _with("--license CC-BY-4.0", sources))
    if options.workers is not None and options.workers < 1:
        raise UsageError("--workers is at least 1", _with("--workers 1", sources))
    if options.group_regex is not None:
        try:
            groups = re.compile(options.group_regex).groups
        except re.error as error:
            raise UsageError(
                f"--group-regex {options.group_regex!r} does not compile: {error}",
                _with("--group-regex ([^/]+)_[0-9]+[.]png$", sources),
            ) from error
        if groups != 1:
            raise UsageError(
                f"--group-regex needs one group in parentheses, not {groups}",
                _with("--group-regex ([^/]+)_[0-9]+[.]png$", sources),
            )
