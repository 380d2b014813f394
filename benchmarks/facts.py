"""Facts about published sets, beside what this program finds: docs/facts.md.

usage: python benchmarks/facts.py [--write] [--fashion FOLDER] [--mislabelled CSV]
       [--course FOLDER] [--cifar10 ARCHIVE] [--cifar100 ARCHIVE] [--cifair FOLDER]

Each set is looked at whose files are there, and the others say what they need:

- --fashion: Fashion-MNIST's four IDX files (default: where Debian's package
  dataset-fashion-mnist puts them); --mislabelled: a CSV with columns split and index, counted
  from 0, of images whose labels were published as wrong
- --course: a folder with notMNIST_large.tar.gz and notMNIST_small.tar.gz (default: data)
- --cifar10, --cifar100: the binary versions; --cifair: a folder with the lists of ciFAIR, the
  files meta/*.csv of its repository
- labels beside cleanlab: where that is installed, as `make facts` does in an environment apart

With --write the sections that were run replace those of docs/facts.md; else they are printed.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import facts_cifair as cifair_facts
import facts_course as course_facts
from facts_fashion import FASHION, fashion
from facts_labels import labels_beside_cleanlab
from measure import ROOT
from results import about_machine

PAGE = ROOT / "docs" / "facts.md"
_NOT_RUN = "Not run yet"
_PACKAGE = "Debian's package dataset-fashion-mnist"
_HEAD = """\
# Published facts

What was published on some sets of images, and what this program finds in them. Written by
`make facts ARGS=--write` section by section, each where its files are; not for editing by hand.
Distances are Euclidean, over pixels scaled to [0, 1]; near copies within a radius are different
pictures at most so far apart.
"""


class MissingError(Exception):
    """A section cannot be run here: what it needs, and what was published that it stands beside."""

    def __init__(self, needs: str, published: str = "") -> None:
        super().__init__(needs)
        self.text = f"{_NOT_RUN}: it needs {needs}.\n\n{published}".strip()


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--fashion", type=Path, default=FASHION)
    parser.add_argument("--mislabelled", type=Path)
    parser.add_argument("--course", type=Path, default=ROOT / "data")
    for name in ("cifar10", "cifar100", "cifair"):
        parser.add_argument(f"--{name}", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="notmnist_store-") as folder:
        work = Path(folder)
        sections = run(work, sections_for(options))
    if options.write:
        PAGE.write_text(page(sections, PAGE.read_text() if PAGE.exists() else ""))
    else:
        print(page(sections, ""))


def sections_for(options: argparse.Namespace) -> dict[str, Callable[[Path], str]]:
    """What makes each section, by its title, in the order of the page."""

    def needed(what: str, *paths: Path | None, published: str = "") -> None:
        if not all(path is not None and path.exists() for path in paths):
            raise MissingError(what, published)

    def of_fashion(work: Path) -> str:
        needed(f"{_PACKAGE}, or --fashion FOLDER", options.fashion)
        return f"{about_machine()}\n\n{fashion(options.fashion, work, options.mislabelled)}"

    def of_course(work: Path) -> str:
        archives = [options.course / f"notMNIST_{size}.tar.gz" for size in ("large", "small")]
        what = "the two archives of notMNIST in data/, or in --course FOLDER"
        needed(what, *archives, published=f"{course_facts.INTRO}\n\n{course_facts.facts({})}")
        return course_facts.course(archives, work)

    def of_cifar(classes: int) -> Callable[[Path], str]:
        def section(work: Path) -> str:
            archive: Path | None = getattr(options, f"cifar{classes}")
            what = f"`--cifar{classes} cifar-{classes}-binary.tar.gz --cifair META`"
            needed(what, archive, options.cifair, published=cifair_facts.published(classes))
            assert archive is not None
            return cifair_facts.cifair(archive, options.cifair, classes, work)

        return section

    def of_labels(work: Path) -> str:
        needed(f"{_PACKAGE}, or --fashion FOLDER", options.fashion)
        try:
            return labels_beside_cleanlab(options.fashion, work)
        except ImportError as error:
            raise MissingError("cleanlab, which `make facts` installs apart") from error

    return {
        "Fashion-MNIST": of_fashion,
        "notMNIST, as the course draws it": of_course,
        "CIFAR-10 beside ciFAIR": of_cifar(10),
        "CIFAR-100 beside ciFAIR": of_cifar(100),
        "Suspects beside cleanlab": of_labels,
    }


def run(work: Path, sections: Mapping[str, Callable[[Path], str]]) -> dict[str, str]:
    """The text of each section by its title; where it cannot be run here, what it needs."""
    texts = {}
    for number, (title, section) in enumerate(sections.items()):
        try:
            folder = work / str(number)
            folder.mkdir(parents=True)
            texts[title] = section(folder)
        except MissingError as error:
            print(f"{title}: not run, since it needs {error}", file=sys.stderr)
            texts[title] = error.text
    return texts


def page(sections: Mapping[str, str], old: str) -> str:
    """The page: what was run now; of the others what the old one has of an earlier run."""
    known = dict(re.findall(r"^## (.*?)\n\n(.*?)\n(?=## |\Z)", old, flags=re.M | re.S))
    parts = [_HEAD]
    for title, text in sections.items():
        earlier = known.get(title, _NOT_RUN)
        shown = earlier if text.startswith(_NOT_RUN) and not earlier.startswith(_NOT_RUN) else text
        parts.append(f"## {title}\n\n{shown.strip()}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
