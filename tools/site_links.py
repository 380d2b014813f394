"""Links of the manual that leave docs/ lead somewhere on the site too: a hook of `mkdocs.yml`.

A page links to its repository's files by relative paths, so that it reads well as a plain file. On
the site these files are copies in the folder ``repository``: Markdown as pages, all else as it is.
What a link names and the repository lacks stays as it is, and mkdocs says that it is dead.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).resolve().parents[1]
COPIES = "repository/"
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)(?P<path>[^)#\s]+)")


def in_repository(page: str) -> PurePosixPath:
    """Where the source of a page of the site stands in the repository."""
    if page.startswith(COPIES):
        return PurePosixPath(page.removeprefix(COPIES))
    return PurePosixPath("docs", page)


def place_on_site(path: str) -> str:
    """The page or file of the site that a file of the repository is."""
    return path.removeprefix("docs/") if path.startswith("docs/") else COPIES + path


def targets(page: str, markdown: str) -> dict[str, str]:
    """Each link of a page that names a file of the repository, with that file's path."""
    folder = in_repository(page).parent
    paths = {link: os.path.normpath(folder / link) for link in _LINK.findall(markdown)}
    return {link: path for link, path in paths.items() if (ROOT / path).is_file()}


def on_files(files: Files, config: Any) -> Files:
    """Add what pages link to outside docs/, and what that links to."""
    pages = [file.src_uri for file in files.documentation_pages()]
    while pages:
        page = pages.pop()
        text = (ROOT / in_repository(page)).read_text(encoding="utf-8")
        for path in targets(page, text).values():
            place = place_on_site(path)
            if files.get_file_from_path(place) is None:
                inside = InclusionLevel.NOT_IN_NAV
                copy = File.generated(
                    config, place, abs_src_path=str(ROOT / path), inclusion=inside
                )
                files.append(copy)
                if place.endswith(".md"):
                    pages.append(place)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn the links of a page to where their files are on the site."""
    place = page.file.src_uri
    folder = PurePosixPath(place).parent
    turned = {
        link: os.path.relpath(place_on_site(path), folder)
        for link, path in targets(place, markdown).items()
    }
    return _LINK.sub(lambda link: turned.get(link["path"], link["path"]), markdown)
