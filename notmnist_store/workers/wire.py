"""Dataclasses as JSON and back by their types: how jobs and answers go between processes."""

from __future__ import annotations

import base64
import dataclasses
import types
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from notmnist_store.location.bucket import BucketPath
from notmnist_store.location.location import location


def pack(value: Any) -> Any:
    """`value` as lists, texts and numbers; dataclasses as objects."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, np.ndarray):
        return [value.dtype.str, value.shape, pack(value.tobytes())]
    if isinstance(value, Path | BucketPath):
        return str(value)
    if isinstance(value, Counter):
        return [[pack(key), count] for key, count in value.items()]
    if isinstance(value, tuple):
        return [pack(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {field.name: pack(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


def unpack(kind: Any, content: Any) -> Any:
    """The value of type `kind` that `pack` gave `content` for."""
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if origin in (Union, types.UnionType):
        choice = [argument for argument in arguments if argument is not types.NoneType]
        named = [one for one in choice if get_origin(one) is Mapping and isinstance(content, dict)]
        return None if content is None else unpack((named or choice)[0], content)
    if origin is Sequence:
        return tuple(unpack(arguments[0], item) for item in content)
    if origin is Mapping:
        return {arguments[0](key): unpack(arguments[1], item) for key, item in content.items()}
    if origin is bytes:
        return base64.b64decode(content)
    if origin is np.ndarray:
        dtype, shape, data = content
        return np.frombuffer(base64.b64decode(data), dtype).reshape(shape)
    if origin is Path:
        return location(content)
    if origin is Counter:
        return Counter({unpack(arguments[0], key): count for key, count in content})
    if origin is tuple:
        repeated = arguments[1:] == (...,)
        kinds = arguments[:1] * len(content) if repeated else arguments
        return tuple(unpack(kind, item) for kind, item in zip(kinds, content, strict=True))
    if isinstance(origin, type) and dataclasses.is_dataclass(origin):
        hints = get_type_hints(origin)
        return origin(**{name: unpack(hints[name], item) for name, item in content.items()})
    return content
