"""NumPy's arrays as sources hold them: read behind their headers, by the keys they have.

Which array is what their keys tell: ``train_images`` with ``train_labels`` (MedMNIST; also
``val_`` and ``test_``), or ``x_train`` with ``y_train`` (Keras). An array of texts called
``labels``, ``label_names``, ``class_names``, ``classes`` or ``names`` names the classes 0, 1, …;
``id_train`` has the ids of the images of ``x_train`` in the store that exported them.

Each array is streamed behind its header; arrays of objects, which would need a pickle to be read,
are refused by their header.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np

from notmnist_store.errors import SourceError
from notmnist_store.schema.shape import Shape
from notmnist_store.sources.arrays import ByteStream, LabelledImages
from notmnist_store.sources.class_order import Names, agreed
from notmnist_store.sources.kernels.provenance import said_split

_LONGEST_HEADER = 10_000
"""Bytes of an array's header; NumPy's own limit, too."""

_IMAGES_KEYS = (("{}_images", "{}_labels", "{}_ids"), ("x_{}", "y_{}", "id_{}"))
_NAMES_KEYS = ("labels", "label_names", "class_names", "classes", "names")
_LARGEST_NAMES = 64 << 20
LAYOUTS = (
    "wanted are train_images and train_labels, x_train and y_train (val and test likewise), or "
    "arr_0 of two files X-imgs.npz and X-labels.npz"
)


class Array(NamedTuple):
    """An array of an ``.npz``: its stream stands behind its header."""

    stream: ByteStream
    dtype: np.dtype[np.generic]
    dimensions: tuple[int, ...]


class Role(NamedTuple):
    """Keys of the images, of their labels and ids, and the word of the split."""

    images: str
    labels: str
    ids: str
    word: str


@dataclass(frozen=True)
class KeyedArrays:
    """Arrays by their keys, in order; ``opened`` gives one, ``what`` names where they are.

    ``listing`` is a command that shows them; members are named below ``root``.
    """

    keys: Sequence[str]
    opened: Callable[[str], Array]
    what: str
    listing: str
    root: str

    def images(self) -> Iterator[LabelledImages]:
        """The images of all splits that the keys tell of.

        Raises:
            SourceError: images without labels, or arrays that cannot be what their keys say.
        """
        for role in self._roles():
            images, labels = self.opened(role.images), self.opened(role.labels)
            ids = self.opened(role.ids) if role.ids in self.keys else None
            folder = f"{self.root}/{role.word}"
            yield labelled(images, labels, folder, said_split(role.word), ids)

    def class_names(self, given: Names | None) -> Names | None:
        """Names of the classes: those given with the source, which those of an array must equal."""
        for key in _NAMES_KEYS:
            if key in self.keys:
                array = self.opened(key)
                if array.dtype.kind in "US" and len(array.dimensions) == 1:
                    given = agreed(_texts(array), array.stream.what, given)
        return given

    def _roles(self) -> list[Role]:
        roles = image_roles(self.keys)
        if not roles:
            raise SourceError(
                f"{self.what} has the arrays {', '.join(self.keys[:20]) or '(none)'}; {LAYOUTS}",
                self.listing,
            )
        for role in roles:
            if role.labels not in self.keys:
                raise SourceError(
                    f"{self.what} has {role.images} without {role.labels}", self.listing
                )
        return roles


def image_roles(keys: Sequence[str]) -> list[Role]:
    """What the keys of arrays of images tell, in their order."""
    roles = []
    for key in keys:
        for images_form, *others in _IMAGES_KEYS:
            match = re.fullmatch(images_form.format("(.+)"), key)
            if match and said_split(match[1]):
                labels, ids = (form.format(match[1]) for form in others)
                roles.append(Role(key, labels, ids, match[1]))
    return roles


def labelled(
    images: Array, labels: Array, folder: str, split: str | None, ids: Array | None = None
) -> LabelledImages:
    """The two arrays together; ``SourceError`` where they cannot be images and their labels."""
    count, *rest = images.dimensions or (0,)
    channels = rest[2] if len(rest) == 3 else 1
    if images.dtype != np.uint8 or len(rest) not in (2, 3) or channels not in (1, 3):
        raise SourceError(
            f"{images.stream.what} is {_describe(images)}; images are uint8 of shape (n, height, "
            "width), (n, height, width, 1) or (n, height, width, 3)",
            advice="save them so with numpy.savez",
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.dimensions[1:] not in ((), (1,)):
        raise SourceError(
            f"{labels.stream.what} is {_describe(labels)}; labels are integers of shape (n,) or "
            "(n, 1)",
            advice="save one integer an image with numpy.savez",
        )
    if labels.dimensions[:1] != (count,):
        raise SourceError(
            f"{images.stream.what} is {_describe(images)}, but {labels.stream.what} is "
            f"{_describe(labels)}",
            advice="save as many labels as images",
        )
    has_ids = ids is not None and ids.dtype == np.dtype("<i8") and ids.dimensions == (count,)
    return LabelledImages(
        images.stream,
        labels.stream,
        count,
        Shape(rest[0], rest[1], channels),
        cast("np.dtype[np.integer]", labels.dtype),
        folder,
        split,
        origins=ids.stream if ids and has_ids else None,
    )


def _texts(array: Array) -> tuple[str, ...]:
    """The texts of an array; ``SourceError`` where they cannot be names of classes."""
    (count,) = array.dimensions
    size = count * array.dtype.itemsize
    if size > _LARGEST_NAMES:
        raise SourceError(f"{array.stream.what} has {size:,} bytes", advice="save shorter names")
    texts = np.frombuffer(array.stream.take(size), array.dtype) if size else np.empty(0, "U1")
    try:
        names = tuple(t.decode() if isinstance(t, bytes) else str(t) for t in texts.tolist())
        "".join(names).encode()
    except ValueError:  # no Unicode
        names = ()
    if not all(names) or len(set(names)) < len(names) or not names:
        raise SourceError(
            f"{array.stream.what} has no name for each class, or one name twice",
            advice="save it anew: one text a class",
        )
    return names


def read_header(stream: ByteStream) -> Array:
    """Read the header of a ``.npy`` stream by NumPy's own reader, which makes no array of it."""
    from numpy.lib import format as npy

    start = stream.take(8)
    if not start.startswith(npy.MAGIC_PREFIX) or start[6] not in (1, 2, 3):
        raise SourceError(
            f"{stream.what} is no NumPy array", advice="save it anew with numpy.savez"
        )
    length = stream.take(2 if start[6] == 1 else 4)
    header_bytes = int.from_bytes(length, "little")
    if header_bytes > _LONGEST_HEADER:
        raise SourceError(
            f"{stream.what} has a header of {header_bytes:,} bytes",
            advice="save it anew with numpy.savez",
        )
    header = io.BytesIO(length + stream.take(header_bytes))
    read = npy.read_array_header_1_0 if start[6] == 1 else npy.read_array_header_2_0
    try:
        with warnings.catch_warnings(action="ignore"):  # NumPy says so where Python 2 wrote it
            dimensions, fortran_order, dtype = read(header, max_header_size=_LONGEST_HEADER)
        if min(dimensions, default=0) < 0:
            raise ValueError(f"a shape of {dimensions}")
    except Exception as error:  # NumPy raises whatever its parsers of Python run into
        raise SourceError(
            f"{stream.what} has a header that NumPy cannot read: {error}",
            advice="save it anew with numpy.savez",
        ) from None
    if dtype.hasobject:
        raise SourceError(
            f"{stream.what} holds objects, which is a pickle and never read",
            advice="save it as numbers or text with numpy.savez",
        )
    if fortran_order and len(dimensions) > 1:
        raise SourceError(
            f"{stream.what} is stored in Fortran order",
            advice="save it anew with numpy.savez, of numpy.ascontiguousarray(it)",
        )
    return Array(stream, dtype, dimensions)


def _describe(array: Array) -> str:
    return f"{array.dtype} of shape {array.dimensions}"
