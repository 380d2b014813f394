"""The shape of a store's images, and how many of them a data file and a row group cover."""

from __future__ import annotations

import re
from dataclasses import dataclass

ROW_GROUP_MEMBERS = 16_384
"""Members a Parquet row group covers at the most; no member batch crosses a multiple of it."""

_GROUP_BYTES = 16 << 20
_GROUPS_PER_BLOCK = 4
_LARGEST_IMAGE = 16 << 20


@dataclass(frozen=True)
class Shape:
    """Height, width and channels of every image of a store, for instance 28x28x1."""

    height: int
    width: int
    channels: int

    @property
    def size(self) -> int:
        """Bytes of one image: height * width * channels."""
        return self.height * self.width * self.channels

    @property
    def sides(self) -> tuple[int, ...]:
        """Of one image as an array: (height, width), for colour (height, width, 3)."""
        return (self.height, self.width) + ((self.channels,) if self.channels > 1 else ())

    @classmethod
    def parse(cls, text: str) -> Shape:
        """Read '28x28x1' or '28x28' (one channel); ValueError with the reason otherwise."""
        match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})(?:x([0-9]))?", text.strip().lower())
        if not match:
            raise ValueError(f"a shape is HEIGHTxWIDTHxCHANNELS, for instance 28x28x1, not {text}")
        shape = cls(int(match[1]), int(match[2]), int(match[3] or 1))
        if shape.channels not in (1, 3) or not 0 < shape.size <= _LARGEST_IMAGE:
            raise ValueError(
                f"a shape has 1 or 3 channels and 1 to {_LARGEST_IMAGE:,} bytes, not {text}"
            )
        return shape

    @property
    def group_members(self) -> int:
        """Members one Parquet row group covers: a power of two, at most 16,384, about 16 MiB."""
        fitting = max(1, min(ROW_GROUP_MEMBERS, _GROUP_BYTES // self.size))
        return 1 << (fitting.bit_length() - 1)

    @property
    def block_members(self) -> int:
        """Members one data file covers, by position: 65,536 for small images."""
        return _GROUPS_PER_BLOCK * self.group_members

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}"


DEFAULT_SHAPE = Shape(28, 28, 1)
