"""Say how much disk each part of an install takes, as README.md does: what it brings, measured.

`python -m tools.install_sizes` in an environment that has the parts: of each package that a part
asks for, and that no part before it has, the files that its own record names are added up.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["install_sizes", "main"]

_PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
_BASE = "base"


def install_sizes() -> dict[str, int | None]:
    """Bytes of the dependencies (`base`) and of each extra beside them; None: not installed."""
    project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
    base = _needed(project["dependencies"])
    assert base is not None, "the dependencies are not installed"
    sizes: dict[str, int | None] = {_BASE: sum(map(_size, base.values()))}
    for extra, lines in project["optional-dependencies"].items():
        brought = _needed(lines)
        sizes[extra] = brought and sum(
            _size(package) for name, package in brought.items() if name not in base
        )
    return sizes


def _needed(lines: list[str]) -> dict[str, Distribution] | None:
    """The packages that these requirements bring, by name; None where one is missing."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(line) for line in lines]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        extras = [{"extra": extra} for extra in ("", *requirement.extras)]
        if requirement.marker and not requirement.marker.evaluate(extras[0]):
            continue
        if name in found:
            continue
        try:
            package = found[name] = distribution(name)
        except PackageNotFoundError:
            return None
        asked = map(Requirement, package.requires or ())
        waiting += [
            each for each in asked if not each.marker or any(map(each.marker.evaluate, extras))
        ]
    return found


def _size(package: Distribution) -> int:
    paths = (Path(str(file.locate())) for file in package.files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())


def main() -> None:
    """Print a line a part."""
    for part, size in install_sizes().items():
        print(f"{part:10} {'not installed' if size is None else f'{size / 1e6:,.0f} MB'}")


if __name__ == "__main__":
    main()
