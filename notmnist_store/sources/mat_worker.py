"""The process that reads a MATLAB file: which variables it has first, then two of them, in parts.

SciPy's reader can end the process on a damaged file; then it is this one that ends.
"""

from __future__ import annotations

import json
import resource
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from notmnist_store.location.location import Location
from notmnist_store.workers.process import serve
from notmnist_store.workers.wire import unpack

Variable = tuple[str, tuple[int, ...], str]
"""Name, shape and class of a variable."""


@dataclass(frozen=True)
class MatJob:
    """The file."""

    path: Location


@dataclass(frozen=True)
class Variables:
    """What there is; or why it cannot be read."""

    error: str = ""
    found: tuple[Variable, ...] = ()


@dataclass(frozen=True)
class LoadJob:
    """Names of the images and of their labels, and how many images a part has."""

    images: str
    labels: str
    rows: int


@dataclass(frozen=True)
class Part:
    """All labels, which come first, or images (n first), or neither at the end."""

    error: str = ""
    values: npt.NDArray[Any] | None = None


def read(job: MatJob) -> Iterator[Variables | Part]:
    """Answer what the file holds, then the parts of the images that the next line asks for."""
    from scipy.io import loadmat, whosmat

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    try:
        with job.path.open("rb") as file:
            listed = whosmat(file)
        found = tuple((str(name), tuple(map(int, s)), str(k)) for name, s, k in listed)
        yield Variables(found=found)
    except BrokenPipeError:
        raise
    except Exception as error:  # whatever SciPy runs into: the file is not ours
        yield Variables(error=str(error) or type(error).__name__)
        return
    if not (line := sys.stdin.buffer.readline()):
        return
    asked = unpack(LoadJob, json.loads(line))
    try:
        with job.path.open("rb") as file:
            loaded = loadmat(file, variable_names=[asked.images, asked.labels])
        yield Part(values=loaded[asked.labels].reshape(-1))
        images = np.moveaxis(loaded[asked.images], -1, 0)
        for first in range(0, len(images), asked.rows):
            yield Part(values=images[first : first + asked.rows])
    except BrokenPipeError:
        raise
    except Exception as error:  # as above
        yield Part(error=str(error) or type(error).__name__)
        return
    yield Part()


if __name__ == "__main__":
    serve(read, MatJob)
