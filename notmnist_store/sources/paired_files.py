"""Sources of two files, images and labels, that find each other by their names.

MNIST's and EMNIST's ``X-images-idx3-ubyte.gz`` goes with ``X-labels-idx1-ubyte.gz`` (also with a
dot before ``idx``, and either of them unpacked); Kuzushiji-MNIST's ``X-imgs.npz`` goes with
``X-labels.npz``. The user names the file of the images.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from notmnist_store.errors import SourceError
from notmnist_store.location.location import Location, expanded, look_at

_IDX_IMAGES = tuple(
    f"-images{mark}idx3-ubyte{packing}" for packing in (".gz", "") for mark in ("-", ".")
)
_IDX_LABELS = tuple(
    f"-labels{mark}idx1-ubyte{packing}" for packing in (".gz", "") for mark in ("-", ".")
)


class Naming(NamedTuple):
    """How the names of two files that belong together end: each of one goes with each other."""

    images: tuple[str, ...]
    labels: tuple[str, ...]


IDX = Naming(_IDX_IMAGES, _IDX_LABELS)
KUZUSHIJI = Naming(("-imgs.npz",), ("-labels.npz",))


class Pair(NamedTuple):
    """The two files, and what both of their names begin with."""

    name: str
    images: Location
    labels: Location


def find_pair(images: Location, naming: Naming) -> Pair | None:
    """The pair of this file of images; null where its name is none of such a file.

    Raises:
        SourceError: there is no file of labels beside it, or it is a file of labels itself.
    """
    _refuse_lone_labels(images, naming)
    end = _ending(images, naming.images)
    if end is None:
        return None
    name = images.name.removesuffix(end)
    alike = naming.labels[naming.images.index(end)]
    for label_end in (alike, *naming.labels):
        labels = images.with_name(name + label_end)
        if labels.exists():
            return Pair(name, images, labels)
    raise SourceError(
        f"the labels of {images} are not beside it: there is no {name + alike}",
        look_at(images.parent),
    )


def one_of_each_pair(sources: Sequence[str | Path]) -> list[Location]:
    """The sources without files of labels whose file of images is among them."""
    paths = expanded(sources)
    images = {path: {*_images_of(path, IDX), *_images_of(path, KUZUSHIJI)} for path in paths}
    return [path for path in paths if images[path].isdisjoint(paths)]


def _refuse_lone_labels(path: Location, naming: Naming) -> None:
    candidates = _images_of(path, naming)
    if candidates:
        images = next((images for images in candidates if images.exists()), candidates[0])
        raise SourceError(
            f"{path} holds labels; the source is the file of their images, which finds its labels "
            "beside it",
            f"notmnist-store ingest {shlex.quote(str(images))}",
        )


def _images_of(labels: Location, naming: Naming) -> list[Location]:
    """Files that may hold the images of these labels; none where this is no name of labels."""
    end = _ending(labels, naming.labels)
    if end is None:
        return []
    name = labels.name.removesuffix(end)
    alike = naming.images[naming.labels.index(end)]
    return [labels.with_name(name + image_end) for image_end in (alike, *naming.images)]


def _ending(path: Location, ends: Sequence[str]) -> str | None:
    return next((end for end in ends if path.name.endswith(end) and path.name != end), None)
