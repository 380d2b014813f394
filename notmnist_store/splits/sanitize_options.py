"""What sanitize is asked to do: its options, as JSON, and as the command that gives them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from notmnist_store.errors import UsageError
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.schema.words import USED
from notmnist_store.splits.plan import flags

SANITIZE = "sanitize"
"""The verb, and the recipe of what it makes."""


@dataclass(frozen=True)
class SanitizeOptions:
    """`base` is a split set, `keep` its splits in the order in which they are kept.

    `keep` is empty for the order of `keep_order`, `radius` is None for that of the audits;
    `policy` and `conflicts` are as in `leak_policies.settle`.
    """

    base: str
    keep: tuple[str, ...] = ()
    radius: Radius | None = None
    policy: str = "keep"
    conflicts: str = "keep"
    refill: bool = False
    seed: int = 0
    transforms: Transforms = NONE

    @classmethod
    def of(
        cls, base: str, keep: str | Sequence[str] | None, radius: Radius | None, **others: Any
    ) -> SanitizeOptions:
        """The options as a person gives them: splits with commas between them."""
        if keep is None:
            return cls(base, (), radius and radius.shortest, **others)
        names = keep.split(",") if isinstance(keep, str) else keep
        order = tuple(name.strip() for name in names)
        if sorted(order) != sorted(USED):
            raise UsageError(
                f"--keep names {', '.join(USED)} once each, the one to be kept first: not "
                f"{', '.join(order)}",
                f"notmnist-store sanitize my_clean_set --from {base} --keep test,valid,train",
            )
        return cls(base, order, radius and radius.shortest, **others)

    @property
    def parts_across(self) -> bool:
        """Whether only pairs across splits part images: nothing is drawn, and conflicts stay."""
        return self.conflicts == "keep" and not self.refill

    @classmethod
    def from_json(cls, text: str) -> SanitizeOptions:
        """The options that `to_json` wrote."""
        given = json.loads(text)
        known = {field.name: given[field.name] for field in fields(cls)}
        known |= {"keep": tuple(known["keep"]), "radius": Radius(known["radius"])}
        known["transforms"] = Transforms.of(known["transforms"])
        return cls(**known)

    def to_json(self, **more: Any) -> str:
        """All of them, and what else is given, as JSON with sorted keys."""
        return json.dumps(vars(self) | {"recipe": SANITIZE} | more, sort_keys=True, default=str)

    def command(self, new: str, *more: str) -> str:
        """The command that makes split set `new` with these options."""
        given = flags(self, SanitizeOptions(self.base))
        return shlex.join(["notmnist-store", SANITIZE, new, "--from", self.base, *given, *more])
