"""What only one run may do: of two that try, one lands."""

from __future__ import annotations

from dataclasses import dataclass

import deltalake

from notmnist_store.errors import StoreError


class AlreadyDoneError(StoreError):
    """The run's transaction has landed before: there is nothing left to do."""


@dataclass(frozen=True)
class Once:
    """The `time`-th run of this key, which only one run may be: of two that try, one lands.

    `message` and `hint` are what the other says.
    """

    key: str
    time: int
    message: str
    hint: str

    def is_done(self, log: deltalake.DeltaTable) -> bool:
        """Whether the log of the runs says that it was done."""
        return (log.transaction_version(self.key) or 0) >= self.time

    def done(self) -> AlreadyDoneError:
        """The error for the one that comes too late."""
        return AlreadyDoneError(self.message, self.hint)
