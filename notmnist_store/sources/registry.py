"""Every format of sources there is: ours, and those that installed packages bring.

A format is a module with a function that takes a `Request` and gives its `Source`, or null where
the path is none of its own, and a line in ``_OURS``. A package brings one by an entry point of the
group ``notmnist_store.sources``, whose name is what the format is called and whose value is such a
function.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from notmnist_store.errors import SourceError
from notmnist_store.sources.base import Request, Source
from notmnist_store.sources.cifar import open_cifar
from notmnist_store.sources.damage import reader_errors
from notmnist_store.sources.folder import open_folder
from notmnist_store.sources.idx import open_idx
from notmnist_store.sources.mat import open_mat
from notmnist_store.sources.metadata import open_folder_with_metadata
from notmnist_store.sources.npz import open_npy_folder, open_npz
from notmnist_store.sources.parquet import open_parquet
from notmnist_store.sources.pixel_table import open_pixel_table
from notmnist_store.sources.stl10 import open_stl10
from notmnist_store.sources.tar import open_tar
from notmnist_store.sources.webdataset import open_webdataset
from notmnist_store.sources.zip import open_zip

GROUP = "notmnist_store.sources"
"""The group of entry points by which packages bring formats."""


@dataclass(frozen=True)
class Format:
    """One format: ``words`` name it among what is supported, ``opened`` gives the source."""

    words: str
    opened: Callable[[Request], Source | None]


_OURS = (
    Format("CSV of pixels", open_pixel_table),
    Format("folders with a metadata file", open_folder_with_metadata),
    Format("Parquet and Arrow", open_parquet),
    Format(".npz", open_npz),
    Format("folders of .npy", open_npy_folder),
    Format("IDX pairs", open_idx),
    Format("CIFAR-10 and CIFAR-100 binary", open_cifar),
    Format("STL-10 binary", open_stl10),
    Format("WebDataset", open_webdataset),
    Format("MATLAB .mat of version 5", open_mat),
    Format(".tar.gz (.tgz) and .tar", open_tar),
    Format(".zip", open_zip),
    Format("class folders", open_folder),
)


@cache
def formats() -> tuple[Format, ...]:
    """All formats: the first that takes a path has it. Those of other packages come before ours,
    among which the last ones take every archive and every folder.

    Raises:
        SourceError: what an entry point names cannot be imported.
    """
    brought = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    return (*map(_brought, brought), *_OURS)


def _brought(entry: EntryPoint) -> Format:
    """The format that a package brings; whatever its function raises is shown as an error."""
    bringer = f"the format {entry.name} of package {entry.dist.name if entry.dist else '?'}"
    try:
        look = entry.load()
    except Exception as error:  # whatever a module of others runs into
        program = f"import {entry.module}"
        raise SourceError(
            f"{bringer} cannot be loaded: {error}", f"python -c {shlex.quote(program)}"
        ) from error

    def opened(request: Request) -> Source | None:
        with reader_errors(f"{request.path}, read by {bringer},"):
            source = look(request)
            if source is not None and not isinstance(source, Source):
                raise SourceError(f"{bringer} gave a {type(source).__name__}, which is no Source")
            return source

    return Format(entry.name, opened)
