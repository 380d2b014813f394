"""Temporary folders that a killed process does not leave for ever: the next one removes them."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from types import TracebackType

from notmnist_store.storage.filesystem import held_folder, remove_unheld

_PREFIX = "notmnist_store-tmp-"


class TemporaryFolder:
    """A new folder where the system keeps such, until `remove` or the end of the block.

    It is held by a lock while this process lives; what nobody holds was left by a killed one.
    """

    def __init__(self) -> None:
        _remove_left(Path(tempfile.gettempdir()))
        self.path, self._lock = held_folder(lambda: Path(tempfile.mkdtemp(prefix=_PREFIX)))

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()


@cache
def _remove_left(folder: Path) -> None:
    """Remove what killed processes left here, once in the life of this one."""
    for path in folder.glob(f"{_PREFIX}*"):
        if path.is_dir() and not path.is_symlink():
            remove_unheld(path)
