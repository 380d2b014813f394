"""Images in a column, their labels in another: what the columns of a file are, and their rows.

The column of images is a struct of ``bytes`` and ``path`` (the type of Hugging Face's Image
feature), plain binary under the name ``image`` or ``img``, or ``pixels`` in a file whose metadata
has their ``shape``, as `export` writes it. The labels are in ``label`` or ``labels``: text, or
numbers whose names stand in the schema's metadata (their ClassLabel feature, where -1 is no label;
``labels`` of an export). ``image_id`` is an image's id in the store that exported it. Further
columns are attributes, but for those that `export` adds.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.errors import SourceError
from notmnist_store.location.location import Location
from notmnist_store.schema.shape import Shape
from notmnist_store.sources.class_order import Classes
from notmnist_store.sources.given_texts import MOST_ATTRIBUTES, given_attributes, given_split
from notmnist_store.sources.pixel_columns import PixelColumns, find_pixels
from notmnist_store.sources.stacks import image_header, image_suffix

_IMAGE_NAMES = ("image", "img")
_PIXELS = "pixels"
_LABEL_NAMES = ("label", "labels")
LABEL_WORDS = (
    *("label", "labels", "class", "classname", "classlabel", "target"),
    *("category", "categoryname", "classid"),
)
"""Names of a column of labels as people give them, each as ``bare_name`` has it."""
_ID = "image_id"
_PIXEL_HASH = "pixel_hash"
_LONGEST_TEXT = 1_024


@dataclass(frozen=True)
class Columns:
    """Which columns of a file are what: ``others`` are read with ``leaves`` of the images.

    Images are files, or pixels of ``shape`` where there is one, or have a column for each pixel.
    Without ``label`` they have none. ``attributes`` are further columns that become texts.
    """

    image: str
    label: str | None
    class_names: tuple[str, ...] | None
    split: str | None
    group: str | None
    origin: str | None
    leaves: tuple[str, ...]
    others: tuple[str, ...]
    attributes: tuple[str, ...] = ()
    shape: Shape | None = None
    pixels: PixelColumns | None = None


@dataclass(frozen=True)
class Asked:
    """What a user says of a table: its column of labels, and the shape of pixels in columns."""

    label: str | None = None
    shape: Shape | None = None
    transpose: bool = False


_NOTHING_ASKED = Asked()


def find_columns(schema: pa.Schema, path: Location, asked: Asked = _NOTHING_ASKED) -> Columns:
    """What the columns of a file are, the labels in that which is asked for, where one is.

    Raises:
        SourceError: none or several may be the images or the labels.
    """
    found = [f for f in schema if _is_binary(_types(f).get("bytes"))]
    found += [f for f in schema if f.name in _IMAGE_NAMES and _is_binary(f.type)]
    image = next((f for f in found if f.name in _IMAGE_NAMES), found[0] if found else None)
    shape = None if found else _shape(schema)
    if shape is not None and _is_binary(_type_of(schema, _PIXELS)):
        image = schema.field(_PIXELS)
    if image is None:
        pixels = find_pixels(schema.names, str(path), asked.shape, transpose=asked.transpose)
        if pixels is not None:
            return _with_pixels(schema, path, asked, pixels)
    labels = _LABEL_NAMES if asked.label is None else (asked.label,)
    label = next((name for name in labels if name in schema.names), None)
    unclear = image is not None and len(found) > 1 and image.name not in _IMAGE_NAMES
    guess = _label_guess(schema) if image is not None and label is None else ""
    program = f"import pyarrow.parquet as p; print(p.read_schema({str(path)!r}))"
    if image is None or label is None or unclear or len(set(schema.names)) < len(schema):
        raise SourceError(
            f"{path} has the columns {', '.join(schema.names)[:500]}; wanted are one column of "
            "images (a struct of bytes and path, or binary under the name image) and one of labels "
            "(label, or what --label-column names)",
            "" if guess else f"python -c {shlex.quote(program)}",
            option=guess,
        )
    others = [name for name in (label, "split", "group") if name in schema.names]
    if shape is not None and "path" in schema.names:
        others.append("path")
    for name in others:
        check_text_type(schema.field(name).type, f"{path}, {name},")
    origin = _ID if _type_of(schema, _ID) == pa.int64() else None
    leaves = [image.name]
    if pa.types.is_struct(image.type):
        leaves = [f"{image.name}.{name}" for name in ("bytes", "path") if name in _types(image)]
    return Columns(
        image=image.name,
        label=label,
        class_names=_class_names(schema, label),
        split="split" if "split" in others else None,
        group="group" if "group" in others else None,
        origin=origin,
        leaves=tuple(leaves),
        others=(*others, *([origin] if origin else [])),
        attributes=() if shape is not None else _attributes(schema, [image.name, *others], origin),
        shape=shape,
    )


def _with_pixels(schema: pa.Schema, path: Location, asked: Asked, pixels: PixelColumns) -> Columns:
    """The columns of a table that has a column for each pixel."""
    own = set(pixels.names)
    rest = pa.schema([field for field in schema if field.name not in own])
    if asked.label is None:
        known = [name for name in rest.names if bare_name(name) in LABEL_WORDS]
    else:
        known = [name for name in rest.names if name == asked.label]
    if len(set(schema.names)) < len(schema) or len(known) > 1 or (not known and len(rest)):
        shown = ", ".join(rest.names)[:500]
        raise SourceError(
            f"{path} has {len(own):,} columns of pixels, and {shown or 'one of them twice'}; "
            "wanted is one of labels (label, or what --label-column names)",
            option=_label_guess(rest),
            advice="or none, for images without labels",
        )
    label = known[0] if known else None
    others = tuple(name for name in rest.names if name in (label, "split", "group"))
    for name in others:
        check_text_type(rest.field(name).type, f"{path}, {name},")
    return Columns(
        image="",
        label=label,
        class_names=None if label is None else _class_names(schema, label),
        split="split" if "split" in others else None,
        group="group" if "group" in others else None,
        origin=None,
        leaves=pixels.names,
        others=others,
        attributes=_attributes(rest, others, None),
        pixels=pixels,
    )


def _attributes(schema: pa.Schema, used: Sequence[str], origin: str | None) -> tuple[str, ...]:
    """Columns that are not used and become texts, as many as are kept."""
    of_export = () if origin is None else (origin, _PIXEL_HASH)
    names = [field.name for field in schema if field.name not in (*used, *of_export)]
    return tuple(n for n in names if n and is_scalar(schema.field(n).type))[:MOST_ATTRIBUTES]


def _label_guess(schema: pa.Schema) -> str:
    """An option that names a column which may have the labels; empty where none may."""
    kinds = {
        f.name: f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in schema
    }
    tests = (pa.types.is_integer, pa.types.is_string, pa.types.is_large_string)
    names = [name for name, kind in kinds.items() if any(test(kind) for test in tests)]
    names.sort(key=lambda name: _LABEL_NAMES[0] not in name.lower())
    return f"--label-column {shlex.quote(names[0])}" if names else ""


def bare_name(column: str) -> str:
    """A column's name in lower case without blanks and marks."""
    return re.sub(r"[\W_]+", "", column.lower())


def _type_of(schema: pa.Schema, name: str) -> pa.DataType | None:
    return schema.field(name).type if schema.names.count(name) == 1 else None


def _shape(schema: pa.Schema) -> Shape | None:
    """The shape that an export gives its pixels, in the metadata of the schema."""
    try:
        return Shape.parse((schema.metadata or {}).get(b"shape", b"").decode())
    except ValueError:
        return None


def _types(field: pa.Field) -> dict[str, pa.DataType]:
    """Types of a struct's own fields by name; none where it is no struct."""
    return (
        {inner.name: inner.type for inner in field.type} if pa.types.is_struct(field.type) else {}
    )


def _is_binary(kind: pa.DataType | None) -> bool:
    if kind is None:
        return False
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    return any(test(kind) for test in tests)


def check_text_type(kind: pa.DataType, what: str) -> None:
    """``SourceError`` where a column of this type holds neither text nor integers."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not any(test(kind) for test in (*tests, pa.types.is_integer, pa.types.is_null)):
        raise SourceError(f"{what} is of type {kind}", advice="write it as text or as integers")


def _class_names(schema: pa.Schema, label: str) -> tuple[str, ...] | None:
    """Names of the classes: of a ClassLabel that `datasets` writes beside a schema, or ours."""
    metadata = schema.metadata or {}
    try:
        if b"labels" in metadata and b"shape" in metadata:
            return _texts(json.loads(metadata[b"labels"]))
        about = json.loads(metadata.get(b"huggingface", b"{}"))
        return _texts(about["info"]["features"][label]["names"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _texts(names: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(name) for name in names)


def renamed(batch: pa.RecordBatch, columns: Columns, classes: Classes, what: str) -> pa.RecordBatch:
    """A batch as the file has it, under the names that members' columns have, all as text.

    The images are ``bytes``, by dictionary; names made for them end with ``ending``.
    """
    rows = len(batch)
    paths = pa.nulls(rows, pa.string())
    if columns.pixels is not None:
        files = columns.pixels.files(batch, what)
        image = pa.DictionaryArray.from_arrays(pa.array(np.arange(rows, dtype=np.int32)), files)
    else:
        image = batch[columns.image]
    if pa.types.is_struct(image.type):
        names = [field.name for field in image.type]
        children = dict(zip(names, image.flatten(), strict=True))
        image = children["bytes"]
        if "path" in children:
            paths = _ends_of_paths(children["path"])
    if not pa.types.is_dictionary(image.type):
        image = image.dictionary_encode()
    if columns.shape is not None:
        image = _files(image, columns.shape, what)
        if "path" in batch.schema.names:
            paths = _ends_of_paths(batch["path"])
    labels = splits = groups = pa.nulls(rows, pa.string())
    if columns.label:
        labels = text_column(batch[columns.label], f"{what}, {columns.label}", classes)
    if columns.split:
        splits = _split_column(text_column(batch[columns.split], f"{what}, split"), what)
    if columns.group:
        groups = text_column(batch[columns.group], f"{what}, group")
    origins = batch[columns.origin] if columns.origin else pa.nulls(rows, pa.int64())
    said = {"bytes": image, "path": paths, "label": labels, "split": splits, "group": groups}
    ending = image_suffix(columns.pixels.shape) if columns.pixels else ""
    said |= {"ending": pa.repeat(ending, rows), "origin_image_id": origins}
    said["attributes"] = _attribute_objects(batch, columns.attributes)
    return pa.RecordBatch.from_pydict(said)


def _attribute_objects(batch: pa.RecordBatch, names: Sequence[str]) -> pa.StringArray:
    """What these columns say of each row, as members have it."""
    if not names:
        return pa.nulls(len(batch), pa.string())
    texts = {name: attribute_column(batch[name]) for name in names}
    rows = pa.RecordBatch.from_pydict(texts).to_pylist()
    return pa.array(map(given_attributes, rows), pa.string())


def _files(pixels: pa.DictionaryArray, shape: Shape, what: str) -> pa.DictionaryArray:
    """A file of each image, of which this has the pixels."""
    values = pixels.dictionary.cast(pa.binary())
    lengths = pc.unique(pc.binary_length(values)).to_pylist()
    if lengths not in ([], [shape.size]):
        raise SourceError(
            f"{what} has pixels of {', '.join(map(str, sorted(lengths)[:5]))} bytes, but says that "
            f"they are {shape}",
            advice="write it anew",
        )
    files = pc.binary_join_element_wise(image_header(shape), values, b"")
    return pa.DictionaryArray.from_arrays(pixels.indices, files)


def text_column(column: pa.Array, what: str, classes: Classes | None = None) -> pa.StringArray:
    """Values of a column as text: numbers as they are or as names of classes, '' as null.

    ``classes`` have the names, or take notice of the numbers.

    Raises:
        SourceError: neither text nor integers, a text of more than 1,024 bytes, or a number without
            a name.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_integer(kind) and classes is not None:
        if classes.names is not None:
            return _named(column, classes, what)
        bounds = pc.min_max(column.cast(kind)).as_py()
        if bounds["min"] is not None:
            classes.see(bounds["min"], bounds["max"])
    if pa.types.is_null(kind):
        return pa.nulls(len(column), pa.string())
    if pa.types.is_dictionary(column.type):
        return text_column(column.dictionary, what).take(column.indices)
    check_text_type(kind, what)
    text = _valid_text(column)
    longest = pc.max(pc.binary_length(text)).as_py() or 0
    if longest > _LONGEST_TEXT:
        raise SourceError(
            f"{what} has a text of {longest:,} bytes, more than {_LONGEST_TEXT:,}",
            advice="write it shorter",
        )
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def is_scalar(kind: pa.DataType) -> bool:
    """Whether a column of this type has what can be written as a text: no bytes, nothing nested."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_nested(kind) or _is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return False
    try:
        pa.array([], kind).cast(pa.string())
    except pa.ArrowNotImplementedError:
        return False
    return True


def attribute_column(column: pa.Array) -> pa.StringArray:
    """Values as text, null where one is empty, has more than 1,024 bytes or is no Unicode."""
    if pa.types.is_dictionary(column.type):
        return attribute_column(column.dictionary).take(column.indices)
    text = column.cast(pa.string())
    try:
        text = _valid_text(text)
    except pa.ArrowInvalid:
        text = pa.array(map(_decoded, text.cast(pa.binary()).to_pylist()), pa.string())
    fits = pc.and_(pc.less_equal(pc.binary_length(text), _LONGEST_TEXT), pc.not_equal(text, ""))
    return pc.if_else(fits, text, pa.scalar(None, pa.string()))


def _valid_text(column: pa.Array) -> pa.StringArray:
    """The column as text that is valid UTF-8, which Parquet readers do not look at."""
    return column.cast(pa.string()).cast(pa.binary()).cast(pa.string())


def _decoded(value: bytes | None) -> str | None:
    with suppress(UnicodeDecodeError):
        return None if value is None else value.decode()
    return None


def _ends_of_paths(column: pa.Array) -> pa.StringArray:
    """At least as much of the end of each path as a member's name may have."""
    if pa.types.is_dictionary(column.type):
        return _ends_of_paths(column.dictionary).take(column.indices)
    return pc.utf8_slice_codeunits(_valid_text(column), start=-_LONGEST_TEXT)


def _named(column: pa.Array, classes: Classes, what: str) -> pa.StringArray:
    """Names of numbers; null and -1 are no label."""
    numbers = column.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    has_label = numbers != -1
    if not has_label.any():
        return pa.nulls(len(column), pa.string())
    names = classes.labels(numbers[has_label], what)
    return names.take(pa.array(np.cumsum(has_label) - 1, mask=~has_label))


def _split_column(words: pa.StringArray, what: str) -> pa.StringArray:
    known = {word: given_split(word, what) for word in pc.unique(words).to_pylist()}
    return pa.array([known[word] for word in words.to_pylist()], pa.string())
